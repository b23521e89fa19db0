import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { RayPodId, RayPodLaunch, RayPodStarted } from "../domain/ray/index.ts"
import type { JsonObject } from "../kit/json.ts"
import type { RayWorld } from "./ray-world.ts"
import { launchOf, never, readyHead, until, untilGone, untilSettled, untilState } from "./ray-world.ts"

const stopped = { cause: "stopped", message: "the user asked" } as const
const quiet = () => undefined

/** What holds for every backend of Ray, of versions and pods. Of what a head answers: ray-dashboard-suite.ts. */
export function rayBackendSuite(name: string, makeWorld: () => Promise<RayWorld>): void {
  describe(`${name}, as every Ray backend`, () => {
    let world: RayWorld
    beforeEach(async () => {
      world = await makeWorld()
    })
    afterEach(() => world.close())

    describe("a Ray version", () => {
      versionCases(() => world)
    })
    describe("starting", () => {
      startCases(() => world)
    })
    describe("ending", () => {
      endCases(() => world)
    })
  })
}

function versionCases(now: () => RayWorld) {
  it("is made once for all that want it at the same time, and is used again", async () => {
    const world = now()
    const all = Array.from({ length: 4 }, () => world.backend.prepare(world.wanted, quiet, never))
    const [first, ...others] = await untilSettled(world, Promise.all(all))
    for (const other of others) expect(other).toEqual(first)
    expect(first?.version).toBe(world.wanted.version)
    await world.restart()
    expect(await world.backend.prepare(world.wanted, quiet, never)).toEqual(first)
    expect(await world.installs()).toBe(1)
  })

  it("is handed out as JSON", async () => {
    const world = now()
    const runtime = await untilSettled(world, world.backend.prepare(world.wanted, quiet, never))
    expect(JSON.parse(JSON.stringify(runtime))).toEqual(runtime)
  })

  it("tells what it is doing while it is made", async () => {
    const world = now()
    const sentences: string[] = []
    await untilSettled(
      world,
      world.backend.prepare(world.wanted, (sentence) => sentences.push(sentence), never),
    )
    expect(sentences.length).toBeGreaterThan(0)
    for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z].*\.$/su)
  })

  it("is not made for a caller that has given up", async () => {
    const world = now()
    const gaveUp = AbortSignal.abort(new Error("too late"))
    await expect(world.backend.prepare(world.wanted, quiet, gaveUp)).rejects.toThrow("too late")
    expect(await world.installs()).toBe(0)
  })

  it("that cannot be had is refused by a sentence, and is tried anew the next time", async () => {
    const world = now()
    const detail = await world.failInstalls(true)
    const refused = world.backend.prepare(world.wanted, quiet, never)
    await expect(untilSettled(world, refused)).rejects.toMatchObject({
      code: "unavailable",
      detail,
      message: expect.stringMatching(/^\S.*\.$/su) as string,
    })
    await world.failInstalls(false)
    const runtime = await untilSettled(world, world.backend.prepare(world.wanted, quiet, never))
    expect(runtime.version).toBe(world.wanted.version)
  })
}

function startCases(now: () => RayWorld) {
  it("gives a head an address, and a worker none", async () => {
    const world = now()
    const head = await begin(world)
    expect(head.started.address?.dashboardUrl).toMatch(/^http:\/\/[^/]+:\d+$/u)
    expect(head.started.address?.gcs).toMatch(/^[^/]+:\d+$/u)
    const worker = await begin(world, { head: head.started.address })
    expect(worker.started.address).toBeNull()
  })

  it("starts a pod once however often it is asked for, also from two lives", async () => {
    const world = now()
    const { launch, started } = await begin(world)
    expect(await world.backend.ensure(launch, never)).toEqual(started)
    await untilState(world, launch, started.handle, "running")
    await world.restart()
    expect(await world.backend.recover(launch.id, started.handle)).toEqual(started.handle)
    expect(await world.backend.ensure(launch, never)).toEqual(started)
    expect(await world.starts(launch)).toBe(1)
  })

  it("starts a pod once when it is asked for concurrently", async () => {
    const world = now()
    const launch = await launchOf(world)
    const all = await Promise.all(Array.from({ length: 4 }, () => world.backend.ensure(launch, never)))
    for (const each of all) expect(each).toEqual(all[0])
    await untilState(world, launch, all[0]?.handle ?? {}, "running")
    expect(await world.starts(launch)).toBe(1)
  })

  it("starts nothing for a caller that has given up", async () => {
    const world = now()
    const launch = await launchOf(world)
    const gaveUp = AbortSignal.abort(new Error("too late"))
    await expect(world.backend.ensure(launch, gaveUp)).rejects.toThrow("too late")
    expect(await world.starts(launch)).toBe(0)
    expect(await world.backend.recover(launch.id, null)).toBeNull()
  })

  it("starts nothing on a block of which another program has a port, and starts on another block", async () => {
    const world = now()
    const launch = await launchOf(world)
    if (launch.portBlock === null) return
    const release = await world.occupy(launch.portBlock)
    await expect(world.backend.ensure(launch, never)).rejects.toMatchObject({
      code: "unavailable",
      detail: "port_in_use",
    })
    expect(await world.starts(launch)).toBe(0)
    const { handle } = await world.backend.ensure({ ...launch, portBlock: launch.portBlock + 1 }, never)
    await untilState(world, launch, handle, "running")
    await release()
  })

  it("tells which start parameters it does not pass on", async () => {
    const { started } = await begin(now(), { rayStartParams: { port: "1234", "dashboard-host": "0.0.0.0" } })
    expect([...started.ignoredParams].sort()).toEqual(["dashboard-host", "port"])
  })

  it("takes over what runs, also when its handle was never stored", async () => {
    const world = now()
    const { launch, started } = await begin(world)
    await untilState(world, launch, started.handle, "running")
    await world.restart()
    const handle = await world.backend.recover(launch.id, null)
    expect(handle).toEqual(started.handle)
    expect(await world.backend.inspect(launch.id, handle ?? {})).toMatchObject({
      state: "running",
      isGone: false,
    })
  })

  it("knows that a pod was never started", async () => {
    expect(await now().backend.recover("rpd_neverstarted" as RayPodId, null)).toBeNull()
  })

  it("gives handles that survive being stored as JSON", async () => {
    const world = now()
    const { launch, started } = await begin(world)
    const stored = JSON.parse(JSON.stringify(started.handle)) as JsonObject
    expect(stored).toEqual(started.handle)
    const seen = await untilState(world, launch, stored, "running")
    expect(seen.startedAtMs).toBeLessThanOrEqual(world.nowMs() + 1000)
  })

  it("tells that a pod changed", async () => {
    const world = now()
    const heard = new Set<RayPodId>()
    const unsubscribe = world.backend.onChange((id) => heard.add(id))
    const { launch, started } = await begin(world)
    await until(world, "the start is told of", async () => heard.has(launch.id))
    await untilState(world, launch, started.handle, "running")
    heard.clear()
    await world.backend.stop(launch.id, started.handle, stopped, 30_000)
    await untilGone(world, launch, started.handle)
    await until(world, "the end is told of", async () => heard.has(launch.id))
    unsubscribe()
    expect([...heard]).toEqual([launch.id])
  })
}

function endCases(now: () => RayWorld) {
  it("ends a pod that is stopped, with the cause that was given, and knows it in the next life", async () => {
    const world = now()
    const { launch, handle } = await readyHead(world)
    await world.backend.stop(launch.id, handle, stopped, 30_000)
    const seen = await untilGone(world, launch, handle)
    expect(seen).toMatchObject({ state: "exited", cause: "stopped" })
    await world.restart()
    await world.backend.recover(launch.id, handle)
    expect(await world.backend.inspect(launch.id, handle)).toMatchObject({ cause: "stopped", isGone: true })
  })

  it("takes a second stop", async () => {
    const world = now()
    const { launch, started } = await begin(world)
    await untilState(world, launch, started.handle, "running")
    await world.backend.stop(launch.id, started.handle, stopped, 30_000)
    await world.backend.stop(launch.id, started.handle, { cause: "timed_out", message: "later" }, 0)
    expect(await untilGone(world, launch, started.handle)).toMatchObject({ cause: "stopped" })
    await world.backend.stop(launch.id, started.handle, stopped, 0)
  })

  it("leaves other pods alone", async () => {
    const world = now()
    const kept = await begin(world)
    const ended = await begin(world)
    await untilState(world, kept.launch, kept.started.handle, "running")
    await untilState(world, ended.launch, ended.started.handle, "running")
    await world.backend.stop(ended.launch.id, ended.started.handle, stopped, 30_000)
    await untilGone(world, ended.launch, ended.started.handle)
    expect(await world.backend.inspect(kept.launch.id, kept.started.handle)).toMatchObject({
      state: "running",
    })
  })

  it("sees a pod end that was killed behind its back, and its ports are free", async () => {
    const world = now()
    const { launch, started } = await begin(world)
    await untilState(world, launch, started.handle, "running")
    await world.kill(launch)
    const seen = await untilGone(world, launch, started.handle)
    expect(["exited", "lost"]).toContain(seen.state)
    expect(seen.exitCode).not.toBe(0)
    await begin(world, { portBlock: launch.portBlock })
  })

  it("sees after a restart what ended while no server was there", async () => {
    const world = now()
    const { launch, started } = await begin(world)
    await untilState(world, launch, started.handle, "running")
    await world.kill(launch)
    await world.restart()
    await world.backend.recover(launch.id, started.handle)
    expect((await untilGone(world, launch, started.handle)).isGone).toBe(true)
    expect(await world.starts(launch)).toBe(1)
  })

  it("does not start an ended pod anew", async () => {
    const world = now()
    const { launch, started } = await begin(world)
    await untilState(world, launch, started.handle, "running")
    await world.kill(launch)
    await untilGone(world, launch, started.handle)
    await world.backend.ensure(launch, never)
    expect((await world.backend.inspect(launch.id, started.handle)).isGone).toBe(true)
    expect(await world.starts(launch)).toBe(1)
  })

  it("forgets what is gone, twice too", async () => {
    const world = now()
    const { launch, started } = await begin(world)
    await untilState(world, launch, started.handle, "running")
    await world.backend.stop(launch.id, started.handle, stopped, 0)
    await untilGone(world, launch, started.handle)
    await world.backend.forget(launch.id, started.handle)
    await world.backend.forget(launch.id, started.handle)
    await world.backend.forget(launch.id, null)
    expect(await world.backend.recover(launch.id, null)).toBeNull()
    await expect(world.backend.readLog(launch.id, started.handle, 100)).rejects.toMatchObject({
      code: "not_found",
    })
  })
}

async function begin(
  world: RayWorld,
  overrides: Partial<RayPodLaunch> = {},
): Promise<{ readonly launch: RayPodLaunch; readonly started: RayPodStarted }> {
  const launch = await launchOf(world, overrides)
  return { launch, started: await world.backend.ensure(launch, never) }
}
