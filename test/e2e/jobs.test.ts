import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { podProcesses } from "../support/belongings.ts"
import { hasPython, isLeftOut } from "../support/machine.ts"
import { meetingRanks } from "../support/programs.ts"
import { podsGone, type RealServer, startRealServer } from "../support/real-server.ts"

const noPython = isLeftOut(hasPython, "the example of two ranks in Python", "python3 is not installed")
const example = fileURLToPath(new URL("../../examples/two-ranks.py", import.meta.url))

let server: RealServer
beforeAll(async () => {
  server = await startRealServer({ flags: ["--simulate", "2x8xH100", "--stop-grace", "1"] })
})
afterAll(() => server?.close())

/** Waits until the declared nodes are free: the hold may outlast the phase by the last look at the processes. */
function gpusFree() {
  return server.until(async () => {
    const nodes = (await server.nodes()).filter((node) => node.simulated)
    return nodes.every((node) => node.free.gpus === 8 && node.holders.length === 0) ? true : undefined
  }, "the GPUs are free")
}

const gang = { replica: 2, cpu: "1", gpu: "8", memory: "1Gi" }

describe("a supervised job", () => {
  it("is ended once nothing has been written for its interval, and tried again; one that writes is left alone", async () => {
    const silent = await server.create({
      script: `echo "attempt $DISPATCH_COUNT, at most $HANG_CHECK_INTERVAL s"; sleep 600`,
      isSupervised: true,
      maxRetry: 1,
      env: { HANG_CHECK_INTERVAL: "1" },
    })
    const busy = await server.create({
      script: "for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.8; done",
      isSupervised: true,
      env: { HANG_CHECK_INTERVAL: "5" },
    })
    const failed = await server.phase(silent, "Failed")
    expect(failed).toMatchObject({ dispatchCount: 2 })
    expect(
      failed.conditions.filter(({ type }) => type === "K8sFailed").map(({ message }) => message),
    ).toEqual([
      expect.stringMatching(/hang, no pod has written to its log for \d+ seconds/),
      expect.stringMatching(/hang, no pod has written to its log for \d+ seconds/),
    ])
    // the phase comes first, then the end of what was told to
    await server.until(async () => {
      const [pod] = (await server.workload(silent)).pods
      return pod?.containers[0]?.reason === "Hang" ? true : undefined
    }, "the pod has ended as hung")
    expect(await server.podLog(silent, failed.pods[0]?.podId ?? "")).toContain("attempt 2, at most 1 s")
    expect(await server.phase(busy, "Succeeded")).toMatchObject({ dispatchCount: 1 })
  })
})

describe("a job of two ranks", () => {
  it("meets over TCP, succeeds, leaves a log for each pod and the GPUs free", async () => {
    const id = await server.create({ script: meetingRanks, resource: gang })
    const done = await server.phase(id, "Succeeded")
    expect(done).toMatchObject({ dispatchCount: 1, ranks: [["0", "1"]] })
    expect(new Set(done.nodes[0])).toEqual(new Set(["sim-h100-0", "sim-h100-1"]))
    expect(done.pods.map((pod) => [pod.rank, pod.phase, pod.containers[0]?.exitCode])).toEqual([
      ["0", "Succeeded", 0],
      ["1", "Succeeded", 0],
    ])
    const master = done.pods[0]?.podIP ?? ""
    expect(master).toMatch(/^127\.64\./)
    for (const [rank, pod] of done.pods.entries()) {
      const lines = await server.podLog(id, pod.podId)
      expect(lines).toContain(`RANK=${rank} WORLD_SIZE=2 MASTER_ADDR=${master} GPUS=0,1,2,3,4,5,6,7`)
      expect(lines).toContain(`rank ${rank}: the sum is 30`)
    }
    await gpusFree()
  })

  it.skipIf(noPython)("runs the example that comes with the project", async () => {
    expect(hasPython, "python3 has to be installed").toBe(true)
    const python = process.env["PATH"]?.split(":") ?? []
    const id = await server.create({
      script: `export PATH='${python.join(":")}'; exec python3 '${example}'`,
      resource: gang,
    })
    const done = await server.phase(id, "Succeeded")
    for (const [rank, pod] of done.pods.entries())
      expect(await server.podLog(id, pod.podId)).toContain(`rank ${rank} of 2: the sum is 30`)
  })

  it("ends as a whole when one rank fails, and the other is told to stop", async () => {
    const script = `if [ "$RANK" = 1 ]; then exit 7; fi
trap 'echo told; exit 0' TERM; sleep 300 & wait`
    const id = await server.create({ script, resource: gang })
    const done = await server.phase(id, "Failed")
    expect(done.pods[1]?.containers[0]?.exitCode).toBe(7)
    await podsGone(server)
    await gpusFree()
  })
})

describe("a job that fails", () => {
  it("is tried again as often as it asks for, each attempt with its nodes and its own log", async () => {
    const id = await server.create({
      script: 'echo "attempt $DISPATCH_COUNT"; exit 3',
      maxRetry: 2,
      resource: { replica: 1, cpu: "1", gpu: "1", memory: "1Gi" },
    })
    const done = await server.phase(id, "Failed")
    expect(done).toMatchObject({ dispatchCount: 3, maxRetry: 2 })
    expect(done.nodes).toHaveLength(3)
    expect(done.ranks).toEqual([["0"], ["0"], ["0"]])
    expect(done.conditions.at(-1)).toMatchObject({ reason: "run_3_times" })
    expect(done.pods[0]?.containers[0]?.exitCode).toBe(3)
    const podId = done.pods[0]?.podId ?? ""
    expect(await server.podLog(id, podId)).toEqual(["attempt 3"])
    for (const run of [1, 2, 3]) {
      const answer = await server.call("GET", `/berth/v1/pods/${id}/${podId}/log?run=${run}`)
      expect([answer.status, answer.text]).toEqual([200, `attempt ${run}\n`])
    }
  })

  it("succeeds when a later attempt does", async () => {
    const id = await server.create({ script: '[ "$DISPATCH_COUNT" = 2 ]', maxRetry: 5 })
    expect(await server.phase(id, "Succeeded")).toMatchObject({ dispatchCount: 2 })
  })
})

describe("the end of a job", () => {
  it("comes when its time is over, with the cause told to the process that it hits", async () => {
    const script = `trap 'cat "$BERTH_STOP_REASON_FILE"; exit 9' TERM; echo ready; sleep 300 & wait`
    const id = await server.create({ script, timeout: 1 })
    const done = await server.phase(id, "Stopped")
    expect(done.conditions.at(-1)).toMatchObject({ message: "the workload has timed out" })
    await podsGone(server)
    const [ready, reason = ""] = await server.podLog(id, done.pods[0]?.podId ?? "")
    expect(ready).toBe("ready")
    expect(JSON.parse(reason)).toMatchObject({ cause: "timed_out", graceSeconds: 1 })
  })

  it("comes by a stop, and its log outlives it", async () => {
    const id = await server.create({ script: "echo before the stop; exec sleep 300" })
    const { pods } = await server.phase(id, "Running")
    const podId = pods[0]?.podId ?? ""
    await server.until(
      async () => ((await server.podLog(id, podId)).length > 0 ? true : undefined),
      "it has written",
    )
    expect((await server.call("POST", `/api/v1/workloads/${id}/stop`)).status).toBe(200)
    expect((await server.workload(id)).phase).toBe("Stopped")
    await podsGone(server)
    expect(await server.podLog(id, podId)).toEqual(["before the stop"])
  })

  it("is kept with its log after the life that was asked for it", async () => {
    const id = await server.create({ script: "echo kept", ttlSecondsAfterFinished: 1 })
    await server.phase(id, "Succeeded")
    const over = await server.until(async () => {
      const seen = await server.workload(id)
      return seen.deletionTime === "" ? undefined : seen
    }, "its live object is gone")
    expect(over).toMatchObject({ phase: "Succeeded", ttlSecondsAfterFinished: 1 })
    const { json } = await server.call("GET", `/api/v1/workloads/${id}`)
    expect(json).toMatchObject({ phase: "Succeeded" })
    const pod = over.pods[0]?.podId
    expect(pod).toBeDefined()
    expect(await server.podLog(id, pod ?? "")).toEqual(["kept"])
  })
})

it("an Authoring job sleeps until it is stopped, whatever it was asked to run", async () => {
  const id = await server.create({ groupVersionKind: { version: "v1", kind: "Authoring" }, script: "exit 1" })
  const desk = await server.phase(id, "Running")
  expect(Buffer.from(desk.entryPoint, "base64").toString()).toBe("sleep infinity")
  const sleeper = await server.until(
    () => podProcesses(server.dataDir).find(({ command }) => command === "sleep infinity"),
    "it sleeps",
  )
  expect(sleeper.attemptId).toMatch(/^att_/)
  await server.client.workloads.stop(id)
  await podsGone(server)
  expect(await server.workload(id)).toMatchObject({ phase: "Stopped" })
})

it("what depends on another starts after its success", async () => {
  const mark = join(server.home, "order")
  writeFileSync(mark, "")
  const first = await server.create({ script: `echo first >>'${mark}'` })
  const second = await server.create({ script: `cat '${mark}'`, dependencies: [first] })
  const done = await server.phase(second, "Succeeded")
  expect(await server.podLog(second, done.pods[0]?.podId ?? "")).toEqual(["first"])
})

it("lower priority gives way to higher and goes on afterwards", async () => {
  await server.client.berth.updateWorkspace("default", { policy: { enablePreempt: true } })
  const low = await server.create({
    script: `trap 'exit 0' TERM; [ "$DISPATCH_COUNT" = 2 ] || { sleep 300 & wait; }`,
    resource: gang,
  })
  await server.phase(low, "Running")
  const high = await server.create({ priority: 2, resource: gang })
  await server.phase(high, "Succeeded")
  expect(await server.phase(low, "Succeeded")).toMatchObject({ dispatchCount: 2 })
})
