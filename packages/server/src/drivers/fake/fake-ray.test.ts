import { describe, expect, it } from "vitest"
import type { RayPodId, RayPodLaunch } from "../../domain/ray/index.ts"
import { createVirtualClock } from "../../kit/clock.ts"
import { createFakeRay } from "./fake-ray.ts"
import type { FakeRayScript } from "./fake-ray-script.ts"

const never = new AbortController().signal
const wanted = { version: "2.60.0", image: "", asServerOwner: true }
const stopped = { cause: "stopped", message: "the user asked" } as const

function setUp(script: FakeRayScript = {}) {
  const clock = createVirtualClock()
  const ray = createFakeRay({ clusterId: "fake", clock, script })
  return { clock, ray, world: ray.world }
}

function launchOf(name: string, parts: Partial<RayPodLaunch> = {}): RayPodLaunch {
  return {
    id: `rpd_${name}` as RayPodId,
    name,
    namespace: "team-a",
    rayCluster: "c",
    workspaceId: "team-a",
    workspaceKey: "01K",
    asServerOwner: true,
    runtime: { version: "2.60.0", hasTokens: true, details: {} },
    group: "head",
    head: null,
    nodeName: "n1",
    gpuIndexes: [],
    size: { cpuMilli: 1000, memoryBytes: 1e9, gpus: 0, ephemeralBytes: 0 },
    customResources: {},
    rayStartParams: {},
    env: {},
    volumes: [],
    portBlock: 0,
    token: "t",
    serves: true,
    ...parts,
  }
}

/** A head that takes jobs at once. */
async function headOn(script: FakeRayScript = {}) {
  const { clock, ray, world } = setUp(script)
  const launch = launchOf("head")
  const { address } = await ray.ensure(launch, never)
  if (!address) throw new Error("a head has no address")
  const submit = { entrypoint: "e", metadata: {}, runtimeEnv: null, numCpus: 0, numGpus: 0, resources: null }
  return {
    clock,
    ray,
    world,
    launch,
    address,
    dashboard: ray.dashboard(address, "t"),
    job: (submissionId: string) => ({ ...submit, submissionId }),
  }
}

describe("versions", () => {
  it("reads the version from the image, and refuses where neither says it", async () => {
    const { ray } = setUp()
    const prepare = (version: string, image: string) =>
      ray.prepare({ version, image, asServerOwner: true }, () => undefined, never)
    expect(await prepare("", "rayproject/ray:2.46.0-py310")).toMatchObject({
      version: "2.46.0",
      hasTokens: false,
    })
    expect(await prepare("2.52.0", "rayproject/ray:2.46.0")).toMatchObject({
      version: "2.52.0",
      hasTokens: true,
    })
    await expect(prepare("", "my/image:latest")).rejects.toMatchObject({ detail: "no_version" })
  })

  it("goes on installing for others when one caller gives up", async () => {
    const { clock, ray, world } = setUp({ install: () => ({ delayMs: 1000 }) })
    const giveUp = new AbortController()
    const first = ray.prepare(wanted, () => undefined, giveUp.signal)
    const second = ray.prepare(wanted, () => undefined, never)
    giveUp.abort(new Error("enough"))
    await expect(first).rejects.toThrow("enough")
    await clock.advance(1000)
    expect((await second).version).toBe("2.60.0")
    expect(world.installs("2.60.0")).toBe(1)
  })
})

describe("pods", () => {
  it.each([
    ["unavailable", { code: "unavailable" }],
    ["port_in_use", { code: "unavailable", detail: "port_in_use" }],
    ["volume", { code: "invalid", detail: "volume" }],
    ["account", { code: "invalid", detail: "account" }],
  ] as const)("fails a start by the fate %s", async (fate, error) => {
    const { ray, world } = setUp({ ensure: () => fate })
    await expect(ray.ensure(launchOf("head"), never)).rejects.toMatchObject(error)
    expect(world.live()).toEqual([])
  })

  it("ends a start that hangs when the backend is closed", async () => {
    const { ray, world } = setUp({ ensure: () => "hang" })
    const start = ray.ensure(launchOf("head"), never)
    await ray.close()
    await expect(start).rejects.toMatchObject({ code: "unavailable" })
    expect(world.starts(launchOf("head").id)).toBe(0)
  })

  it("refuses a block that a live pod has", async () => {
    const { ray, world, launch } = await headOn()
    const other = launchOf("other", { portBlock: launch.portBlock })
    await expect(ray.ensure(other, never)).rejects.toMatchObject({ detail: "port_in_use" })
    world.end(launch.id, 1)
    await ray.ensure(other, never)
    expect(world.violations).toEqual([])
  })

  it("sees two starts, a GPU in two pods, a name twice and a pod forgotten while it runs", async () => {
    const { ray, world } = setUp()
    const first = launchOf("a", { gpuIndexes: [0, 1] })
    await ray.ensure(first, never)
    await ray.ensure(launchOf("b", { name: "a", gpuIndexes: [1, 2], portBlock: 1 }), never)
    await ray.forget(first.id, null)
    await ray.ensure({ ...first, gpuIndexes: [], portBlock: 2 }, never)
    expect(world.violations).toEqual([
      "two live pods are called a",
      "pods rpd_a and rpd_b have GPU 1 at once",
      "pod rpd_a was forgotten while it was running",
      "pod rpd_a was started twice",
      "two live pods are called a",
    ])
  })

  it("keeps a stuck pod until it is let go", async () => {
    const { clock, ray, world, launch } = await headOn({ pod: () => ({ isStuck: true }) })
    await ray.stop(launch.id, {}, stopped, 10)
    await clock.advance(60_000)
    expect((await ray.inspect(launch.id, {})).isGone).toBe(false)
    world.release(launch.id)
    expect((await ray.inspect(launch.id, {})).isGone).toBe(true)
  })

  it("ends workers a minute after their head, and those of another head not", async () => {
    const { clock, ray, world, launch, address } = await headOn()
    const other = await ray.ensure(launchOf("head-2", { portBlock: 1 }), never)
    await ray.ensure(launchOf("mine", { head: address, portBlock: 2 }), never)
    await ray.ensure(launchOf("theirs", { head: other.address, portBlock: 3 }), never)
    const names = () => world.live().map(({ name }) => name)
    world.end(launch.id, null)
    await clock.advance(59_999)
    expect(names()).toEqual(["head-2", "mine", "theirs"])
    await clock.advance(1)
    expect(names()).toEqual(["head-2", "theirs"])
  })

  it("gives the end of what a pod wrote", async () => {
    const lines = [
      { afterMs: 0, text: "one" },
      { afterMs: 10, text: "two" },
    ]
    const { clock, ray, launch } = await headOn({ pod: () => ({ lines }) })
    expect(await ray.readLog(launch.id, {}, 100)).toBe("one\n")
    await clock.advance(10)
    expect(await ray.readLog(launch.id, {}, 5)).toBe("\ntwo\n")
  })
})

describe("a head", () => {
  it("listens from when it is up until it ends", async () => {
    const { clock, world, launch, dashboard } = await headOn({ pod: () => ({ upAfterMs: 3000 }) })
    expect(await dashboard.health(never)).toMatchObject({ isReady: false })
    await clock.advance(3000)
    expect(await dashboard.health(never)).toEqual({ isReady: true, message: "" })
    world.end(launch.id, 1)
    await expect(dashboard.jobs(never)).rejects.toMatchObject({ detail: "unreachable" })
  })

  it("loses its jobs with its end: another on the same ports knows none", async () => {
    const { ray, world, launch, dashboard, job } = await headOn()
    await dashboard.submit(job("s1"), never)
    world.end(launch.id, 1)
    await ray.ensure(launchOf("next"), never)
    expect(await dashboard.job("s1", never)).toBeUndefined()
  })

  it.each([
    ["hangs", false],
    ["mute", true],
  ] as const)("ends a call after its deadline when the dashboard %s", async (mood, isDone) => {
    const { clock, world, launch, dashboard, job } = await headOn()
    world.setDashboard(launch.id, mood)
    const submit = dashboard.submit(job("s1"), never)
    submit.catch(() => undefined)
    await clock.advance(10_000)
    await expect(submit).rejects.toMatchObject({ code: "timeout" })
    world.setDashboard(launch.id, "up")
    expect((await dashboard.job("s1", never)) !== undefined).toBe(isDone)
  })

  it("gives up a call that hangs with its caller", async () => {
    const { world, launch, dashboard } = await headOn()
    world.setDashboard(launch.id, "hangs")
    const giveUp = new AbortController()
    const listing = dashboard.jobs(giveUp.signal)
    giveUp.abort(new Error("enough"))
    await expect(listing).rejects.toThrow("enough")
  })
})

describe("jobs", () => {
  it("go by their program", async () => {
    const program = { pendingMs: 500, runMs: 2000, outcome: "FAILED", message: "bad", log: "hi\n" } as const
    const { clock, dashboard, job } = await headOn({ job: () => program })
    await dashboard.submit(job("s1"), never)
    const startTimeMs = clock.nowMs()
    expect(await dashboard.job("s1", never)).toMatchObject({
      status: "PENDING",
      startTimeMs,
      endTimeMs: null,
    })
    expect(await dashboard.log("s1", never)).toBe("")
    await clock.advance(500)
    expect(await dashboard.job("s1", never)).toMatchObject({ status: "RUNNING" })
    expect(await dashboard.log("s1", never)).toBe("hi\n")
    await clock.advance(2000)
    const endTimeMs = startTimeMs + 2500
    expect(await dashboard.job("s1", never)).toMatchObject({ status: "FAILED", message: "bad", endTimeMs })
  })

  it("that nothing is free for stay PENDING, also when they are stopped", async () => {
    const { clock, world, launch, dashboard, job } = await headOn({ job: () => ({ pendingMs: null }) })
    await dashboard.submit(job("s1"), never)
    expect(await dashboard.stop("s1", never)).toBe(true)
    await clock.advance(60_000)
    expect(await dashboard.job("s1", never)).toMatchObject({ status: "PENDING" })
    world.finishJob(launch.id, "s1", "FAILED", "given up")
    expect(await dashboard.job("s1", never)).toMatchObject({ status: "FAILED", message: "given up" })
  })

  it("keep an end that came before the stop took hold", async () => {
    const { clock, dashboard, job } = await headOn({ job: () => ({ runMs: 1000, stopMs: 1300 }) })
    await dashboard.submit(job("s1"), never)
    await dashboard.stop("s1", never)
    await clock.advance(2000)
    expect(await dashboard.job("s1", never)).toMatchObject({ status: "SUCCEEDED" })
  })
})

describe("Serve", () => {
  const config = (...names: readonly string[]) => ({
    applications: names.map((name) => ({ name, import_path: "m:app", deployments: [{ name: "D" }] })),
  })

  it("lets an application go on whose part did not change, and puts up a new one", async () => {
    const { clock, world, launch, dashboard } = await headOn()
    await dashboard.applyServe(config("one"), never)
    await clock.advance(1000)
    await dashboard.applyServe(config("one", "two"), never)
    expect(world.servesApplied(launch.id)).toBe(2)
    expect((await dashboard.serve(never)).applications).toEqual([
      {
        name: "one",
        status: "RUNNING",
        message: "",
        deployments: [{ name: "D", status: "HEALTHY", message: "" }],
      },
      {
        name: "two",
        status: "DEPLOYING",
        message: "",
        deployments: [{ name: "D", status: "UPDATING", message: "" }],
      },
    ])
  })

  it("shows an application as the script, or a hand, has it", async () => {
    const { clock, world, launch, dashboard } = await headOn({
      application: () => ({ status: "DEPLOY_FAILED", message: "no such module" }),
    })
    await dashboard.applyServe(config("one"), never)
    await clock.advance(1000)
    const first = async () => (await dashboard.serve(never)).applications[0]
    expect(await first()).toMatchObject({ status: "DEPLOY_FAILED", message: "no such module" })
    world.setApplication(launch.id, "one", "UNHEALTHY", "it does not answer")
    expect(await first()).toMatchObject({
      status: "UNHEALTHY",
      message: "it does not answer",
      deployments: [{ status: "UNHEALTHY" }],
    })
  })

  it("changes nothing by a state that it refuses", async () => {
    const { dashboard } = await headOn()
    await dashboard.applyServe(config("one"), never)
    const bad = { applications: [{ name: "two" }] }
    await expect(dashboard.applyServe(bad, never)).rejects.toMatchObject({ detail: "refused" })
    expect((await dashboard.serve(never)).applications.map(({ name }) => name)).toEqual(["one"])
  })
})
