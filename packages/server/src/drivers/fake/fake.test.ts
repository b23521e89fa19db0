import { describe, expect, it } from "vitest"
import type { NodeFacts } from "../../domain/inventory/index.ts"
import type { AttemptId, AttemptLaunch, LogFollowItem, LogQuery } from "../../domain/workloads/index.ts"
import { createVirtualClock } from "../../kit/clock.ts"
import { createFakeDriver } from "./fake-driver.ts"
import type { FakeProgram } from "./fake-pod.ts"
import { entryPointScript, readEntryPoint } from "./fake-script.ts"
import { createFakeWorld } from "./fake-world.ts"

const never = new AbortController().signal
const all: LogQuery = { tailLines: null, sinceMs: null, fromOffset: null, maxBytes: 1_000_000 }
const size = { cpuMilli: 1000, memoryBytes: 1e9, gpus: 1, ephemeralBytes: 0 }

function node(name: string): NodeFacts {
  const amounts = { cpuMilli: 8000, memoryBytes: 1e10, gpus: 8, ephemeralBytes: 0 }
  return {
    name,
    hostIp: "127.0.0.1",
    instanceType: "fake",
    gpuModel: null,
    gpus: [],
    physical: amounts,
    capacity: amounts,
    labels: {},
    taints: [],
    simulated: true,
    bootId: "boot",
    healthy: true,
    healthMessage: "",
  }
}

function launch(name: string, pods = 1, firstGpu = 0, entryPoint = ""): AttemptLaunch {
  return {
    id: `att_${name}` as AttemptId,
    workloadId: name,
    workspaceId: "default",
    run: 1,
    kind: "PyTorchJob",
    asServerOwner: true,
    entryPoint,
    env: { WORLD_SIZE: String(pods) },
    pods: Array.from({ length: pods }, (_, index) => ({
      podId: `${name}-${index}`,
      index,
      nodeName: "n1",
      gpuIndexes: [firstGpu + index],
      size,
      containerName: "pytorch",
      ports: [],
      probes: null,
    })),
  }
}

function setUp(program: FakeProgram | ((index: number) => FakeProgram) = {}) {
  const clock = createVirtualClock()
  const script = {
    pod: (_launch: AttemptLaunch, pod: { index: number }) =>
      typeof program === "function" ? program(pod.index) : program,
  }
  const world = createFakeWorld({ clock, nodes: [node("n1"), node("n2")], script })
  const driver = createFakeDriver({ clusterId: "fake", clock, world })
  const changes: AttemptId[] = []
  driver.onChange((id) => changes.push(id))
  return { clock, world, driver, changes }
}

async function collect(items: AsyncIterable<LogFollowItem>): Promise<LogFollowItem[]> {
  const found: LogFollowItem[] = []
  for await (const item of items) found.push(item)
  return found
}
const linesOf = (items: readonly LogFollowItem[]) =>
  items.flatMap((item) => (item.kind === "lines" ? item.chunk.lines : []))

describe("a pod of the fake driver", () => {
  it("starts after its delay, runs its time and ends with its code, each told once it is so", async () => {
    const { clock, driver, changes } = setUp({ startDelayMs: 100, runMs: 1000, exitCode: 3 })
    const startedFrom = clock.nowMs()
    const handle = await driver.ensure(launch("a"), never)
    expect(changes).toEqual([]) // never inside the call
    expect((await driver.inspect(handle)).pods[0]).toMatchObject({ state: "waiting", startedAtMs: null })
    await clock.advance(100)
    expect((await driver.inspect(handle)).pods[0]).toMatchObject({
      state: "running",
      startedAtMs: startedFrom + 100,
      podIp: expect.stringMatching(/^127\.64\.\d+\.\d+$/),
    })
    const before = changes.length
    await clock.advance(999)
    expect(changes.length).toBe(before)
    await clock.advance(1)
    expect(changes.length).toBe(before + 1)
    expect(await driver.inspect(handle)).toMatchObject({
      isGone: true,
      pods: [{ state: "exited", exitCode: 3, endedAtMs: startedFrom + 1100, cause: null }],
    })
    expect(clock.nextAlarmInMs()).toBeUndefined()
  })

  it.each<[string, FakeProgram, number, number]>([
    ["ends at once", {}, 1, 143],
    ["takes its time", { stopMs: 400, termExitCode: 0 }, 400, 0],
    ["takes too long", { stopMs: 5000 }, 2000, 137],
    ["ignores TERM", { ignoresTerm: true }, 2000, 137],
  ])("on TERM %s", async (_name, program, endsInMs, exitCode) => {
    const { clock, driver } = setUp(program)
    const handle = await driver.ensure(launch("a"), never)
    await clock.advance(10)
    await driver.stop(handle, { cause: "stopped", message: "" }, 2000)
    await clock.advance(endsInMs - 1)
    expect(await driver.inspect(handle)).toMatchObject({ isGone: false, pods: [{ state: "running" }] })
    await clock.advance(1)
    expect(await driver.inspect(handle)).toMatchObject({
      isGone: true,
      pods: [{ state: "exited", exitCode }],
    })
  })

  it("that ends by itself during the grace keeps its own code, and a shorter grace counts", async () => {
    const { clock, driver } = setUp((index) =>
      index === 0 ? { runMs: 500, ignoresTerm: true } : { ignoresTerm: true },
    )
    const handle = await driver.ensure(launch("a", 2), never)
    await driver.stop(handle, { cause: "stopped", message: "" }, 600_000)
    await clock.advance(1000)
    await driver.stop(handle, { cause: "stopped", message: "" }, 1000)
    await clock.advance(1000)
    expect((await driver.inspect(handle)).pods.map(({ exitCode }) => exitCode)).toEqual([0, 137])
  })

  it("that is stopped before it started never starts", async () => {
    const { clock, driver } = setUp({ startDelayMs: 1000, runMs: 10 })
    const handle = await driver.ensure(launch("a"), never)
    await driver.stop(handle, { cause: "stopped", message: "" }, 100)
    await clock.advance(5000)
    expect(await driver.inspect(handle)).toMatchObject({
      isGone: true,
      pods: [{ state: "exited", exitCode: 143, startedAtMs: null }],
    })
  })

  it("may vanish, linger or be stuck", async () => {
    const { clock, driver, world } = setUp((index) =>
      index === 0
        ? { runMs: 10, vanishes: true }
        : index === 1
          ? { runMs: 10, lingerMs: 90 }
          : { isStuck: true },
    )
    const handle = await driver.ensure(launch("a", 3), never)
    await clock.advance(10)
    const { pods, isGone } = await driver.inspect(handle)
    expect(isGone).toBe(false)
    expect(pods.map(({ state }) => state)).toEqual(["lost", "exited", "running"])
    expect(pods[0]).toMatchObject({ exitCode: 137, cause: "lost" })
    await driver.stop(handle, { cause: "stopped", message: "" }, 10)
    await clock.advance(1_000_000)
    expect((await driver.inspect(handle)).isGone).toBe(false)
    world.release("att_a" as AttemptId)
    await clock.advance(0)
    expect(await driver.inspect(handle)).toMatchObject({ isGone: true })
  })

  it("lives by the time that passes, not by the wall clock", async () => {
    const { clock, driver } = setUp({ runMs: 1000 })
    const handle = await driver.ensure(launch("a"), never)
    clock.jumpWall(3_600_000)
    await clock.advance(999)
    expect((await driver.inspect(handle)).pods[0]?.state).toBe("running")
    clock.jumpWall(-7_200_000)
    await clock.advance(1)
    expect((await driver.inspect(handle)).pods[0]?.state).toBe("exited")
  })
})

describe("the fake world", () => {
  it("outlives a driver: the next one finds its attempts, and starts none twice", async () => {
    const { clock, driver, world } = setUp({ runMs: 1000 })
    const handle = await driver.ensure(launch("a"), never)
    await driver.close()
    const next = createFakeDriver({ clusterId: "fake", clock, world })
    expect(await next.recover("att_a" as AttemptId, null)).toEqual(handle)
    expect(await next.recover("att_b" as AttemptId, handle)).toBeNull()
    await next.ensure(launch("a"), never)
    const told: AttemptId[] = []
    next.onChange((id) => told.push(id))
    await clock.advance(1000)
    expect(told).toContain("att_a")
    expect(await next.inspect(handle)).toMatchObject({ isGone: true })
    expect(world.starts("att_a" as AttemptId)).toBe(1)
    expect(world.violations).toEqual([])
  })

  it("notices what no control plane may do", async () => {
    const { clock, driver, world } = setUp({ runMs: 1000 })
    const handle = await driver.ensure(launch("a", 2), never)
    await driver.ensure(launch("b", 1, 1), never)
    await driver.ensure(
      { ...launch("c", 1, 5), pods: [{ ...launch("c", 1, 5).pods[0], nodeName: "n9" } as never] },
      never,
    )
    await driver.forget("att_b" as AttemptId, null, true)
    await clock.advance(1000)
    await driver.forget("att_a" as AttemptId, handle, true)
    await driver.ensure(launch("a"), never)
    expect(world.violations).toEqual([
      "GPU n1/1 of att_a was given to att_b",
      "pod c-0 was started on n9, which is not there",
      "attempt att_b was forgotten while it was running",
      "attempt att_a was started 2 times",
    ])
  })

  it("lets a GPU be given on as soon as its attempt is gone, and not before", async () => {
    const { clock, driver, world } = setUp({ runMs: 10, lingerMs: 10 })
    await driver.ensure(launch("a"), never)
    await clock.advance(20)
    await driver.ensure(launch("b"), never)
    expect(world.violations).toEqual([])
    await clock.advance(19)
    await driver.ensure(launch("c"), never)
    expect(world.violations).toHaveLength(1)
  })

  it("loses the pods of a node that goes or boots anew", async () => {
    const { clock, driver, world } = setUp({})
    const handle = await driver.ensure(launch("a"), never)
    world.reboot("n1")
    await clock.advance(0)
    expect(await driver.inspect(handle)).toMatchObject({
      isGone: true,
      pods: [{ state: "lost", cause: "node_lost" }],
    })
    const [first] = await driver.fingerprint(never)
    expect(first?.bootId).not.toBe("boot")
    world.removeNode("n1")
    expect((await driver.fingerprint(never)).map(({ name }) => name)).toEqual(["n2"])
  })

  it("fails every look and start while it is down, and hangs only until the signal", async () => {
    const { driver, world } = setUp()
    world.setDown("No power.")
    await expect(driver.fingerprint(never)).rejects.toMatchObject({
      code: "unavailable",
      message: "No power.",
    })
    await expect(driver.ensure(launch("a"), never)).rejects.toMatchObject({ code: "unavailable" })
    world.setDown(null)
    world.use({ ensure: () => "hang" })
    const abort = new AbortController()
    const hanging = driver.ensure(launch("a"), abort.signal)
    abort.abort(new Error("deadline"))
    await expect(hanging).rejects.toThrow("deadline")
    expect(world.starts("att_a" as AttemptId)).toBe(0)
    world.use({ ensure: () => "unavailable" })
    await expect(driver.ensure(launch("a"), never)).rejects.toMatchObject({ code: "unavailable" })
    expect(world.live()).toEqual([])
  })

  it("runs fifteen thousand attempts with one alarm at a time", async () => {
    const virtual = createVirtualClock()
    let waiting = 0
    let most = 0
    const clock = {
      ...virtual,
      alarm(delayMs: number, fire: () => void) {
        most = Math.max(most, ++waiting)
        const cancel = virtual.alarm(delayMs, () => {
          waiting--
          fire()
        })
        return () => {
          waiting--
          cancel()
        }
      },
    }
    const world = createFakeWorld({ clock, nodes: [node("n1")], script: { pod: () => ({ runMs: 1000 }) } })
    const driver = createFakeDriver({ clusterId: "fake", clock, world })
    const changed = new Set<AttemptId>()
    driver.onChange((id) => changed.add(id))
    for (let n = 0; n < 15_000; n++) await driver.ensure(launch(`w${n}`, 1, n), never)
    await virtual.advance(1000)
    expect(world.live()).toEqual([])
    expect(changed.size).toBe(15_000)
    expect(world.violations).toEqual([])
    expect(most).toBe(1)
    expect(waiting).toBe(0)
  })
})

describe("logs of the fake driver", () => {
  const talker: FakeProgram = {
    runMs: 1000,
    exitCode: 2,
    lines: [
      { afterMs: 0, text: "start" },
      { afterMs: 500, text: "häl€f" },
      { afterMs: 1000, text: "end" },
      { afterMs: 2000, text: "never" },
    ],
  }

  it("grow with time and are read by tail, since, offset and size", async () => {
    const { clock, driver } = setUp(talker)
    const startMs = clock.nowMs()
    const handle = await driver.ensure(launch("a"), never)
    const read = (query: Partial<LogQuery> = {}) => driver.readLog(handle, "a-0", { ...all, ...query })
    expect((await read()).lines).toEqual(["start"])
    await clock.advance(5000)
    expect((await read()).lines).toEqual(["start", "häl€f", "end"])
    expect((await read({ tailLines: 2 })).lines).toEqual(["häl€f", "end"])
    expect((await read({ tailLines: 0 })).lines).toEqual([])
    expect((await read({ sinceMs: startMs + 500 })).lines).toEqual(["häl€f", "end"])
    const resumed = await read({ fromOffset: 6, maxBytes: 5 })
    expect(resumed).toMatchObject({ lines: ["häl€f"], nextOffset: 6 + Buffer.byteLength("häl€f\n") })
    expect((await read({ fromOffset: resumed.nextOffset })).lines).toEqual(["end"])
    await expect(driver.readLog(handle, "a-7", all)).rejects.toMatchObject({ code: "not_found" })
  })

  it("are followed line by line to one end, and stay when the attempt is forgotten without them", async () => {
    const { clock, driver } = setUp(talker)
    const handle = await driver.ensure(launch("a"), never)
    const following = collect(driver.followLog(handle, "a-0", all, never))
    await clock.advance(1000)
    const items = await following
    expect(linesOf(items)).toEqual(["start", "häl€f", "end"])
    expect(items.at(-1)).toEqual({ kind: "end", exitCode: 2, cause: null })
    await driver.forget("att_a" as AttemptId, handle, false)
    expect(await driver.inspect(handle)).toEqual({ pods: [], isGone: true })
    expect(linesOf(await collect(driver.followLog(handle, "a-0", { ...all, tailLines: 1 }, never)))).toEqual([
      "end",
    ])
    await driver.forget("att_a" as AttemptId, handle, true)
    await expect(driver.readLog(handle, "a-0", all)).rejects.toMatchObject({ code: "not_found" })
  })

  it("carry what is printed by hand, and stop with the signal", async () => {
    const { clock, driver, world } = setUp()
    const handle = await driver.ensure(launch("a"), never)
    const abort = new AbortController()
    const following = collect(driver.followLog(handle, "a-0", all, abort.signal))
    await clock.advance(10)
    world.print("att_a" as AttemptId, "a-0", "one\ntwo")
    await clock.advance(10)
    abort.abort()
    expect(linesOf(await following)).toEqual(["one", "two"])
  })
})

it("does what a simple entry point says", async () => {
  const run = (entryPoint: string, index = 0) => {
    const one = launch("a", 2, 0, entryPoint)
    return readEntryPoint(one, one.pods[index] as never)
  }
  expect(run('echo "rank $RANK of ${WORLD_SIZE}"; sleep 0.5\necho bye && exit 3', 1)).toEqual({
    runMs: 500,
    exitCode: 3,
    ignoresTerm: false,
    lines: [
      { afterMs: 0, text: "rank 1 of 2" },
      { afterMs: 500, text: "bye" },
    ],
  })
  expect(run("trap '' TERM; exec sleep infinity")).toMatchObject({ runMs: null, ignoresTerm: true })
  expect(run("kill -9 $$")).toMatchObject({ exitCode: 137 })
  const clock = createVirtualClock()
  const driver = createFakeDriver({ clusterId: "fake", clock, script: entryPointScript })
  const handle = await driver.ensure(launch("a", 1, 0, "echo hello; exit 7"), never)
  await clock.advance(0)
  expect(await driver.inspect(handle)).toMatchObject({ isGone: true, pods: [{ exitCode: 7 }] })
  expect((await driver.readLog(handle, "a-0", all)).lines).toEqual(["hello"])
  expect(run("true")).toMatchObject({ runMs: 0, exitCode: 0 })
})
