import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { RayForwarded } from "../domain/ray/index.ts"
import type { ReadyHead, RayWorld } from "./ray-world.ts"
import { launchOf, never, readyHead, submitOf, until, untilStatus } from "./ray-world.ts"

interface Place {
  readonly world: RayWorld
  readonly head: ReadyHead
}

/** What holds for the dashboard of every backend's head. One head serves all cases: a real one takes seconds to start. */
export function rayDashboardSuite(name: string, makeWorld: () => Promise<RayWorld>): void {
  describe(`${name}, as the dashboard of every Ray backend`, () => {
    let place: Place | undefined
    const now = (): Place => {
      if (place) return place
      throw new Error("there is no head")
    }
    beforeAll(async () => {
      const world = await makeWorld()
      place = {
        world,
        head: await readyHead(world).catch(async (error: unknown) => {
          await world.close()
          throw error
        }),
      }
    }, 180_000)
    afterAll(() => place?.world.close(), 60_000)

    describe("jobs", () => {
      jobCases(now)
    })
    describe("nodes, Serve and the rest", () => {
      otherCases(now)
    })
    describe("a call that cannot be answered", () => {
      faultCases(now)
    })
  })
}

function jobCases(now: () => Place) {
  it("submits a job, which ends well, with its metadata, times and log", async () => {
    const { world, head } = now()
    const job = submitOf(world.entrypoint({ does: "exit", code: 0, line: "all is well" }), {
      metadata: { owner: "alice" },
    })
    expect(await head.dashboard.submit(job, never)).toBe(job.submissionId)
    const info = await untilStatus(world, head.dashboard, job.submissionId, "SUCCEEDED")
    expect(info).toMatchObject({ entrypoint: job.entrypoint, submissionId: job.submissionId })
    expect(info.metadata).toMatchObject({ owner: "alice" })
    expect(info.startTimeMs).toBeGreaterThan(world.nowMs() - 600_000)
    expect(info.endTimeMs).toBeGreaterThanOrEqual(info.startTimeMs ?? Infinity)
    expect(await head.dashboard.log(job.submissionId, never)).toContain("all is well")
    const listed = (await head.dashboard.jobs(never)).map(({ submissionId }) => submissionId)
    expect(listed).toContain(job.submissionId)
  })

  it("tells that a job failed", async () => {
    const { world, head } = now()
    const job = submitOf(world.entrypoint({ does: "exit", code: 3 }))
    await head.dashboard.submit(job, never)
    const info = await untilStatus(world, head.dashboard, job.submissionId, "FAILED")
    expect(info.message).not.toBe("")
  })

  it("takes an id once", async () => {
    const { world, head } = now()
    const job = submitOf(world.entrypoint({ does: "exit", code: 0 }))
    await head.dashboard.submit(job, never)
    await expect(head.dashboard.submit(job, never)).rejects.toMatchObject({ code: "already_exists" })
  })

  it("stops a job, once, and removes it once it has ended", async () => {
    const { world, head } = now()
    const { submissionId: id, ...rest } = submitOf(world.entrypoint({ does: "run" }))
    await head.dashboard.submit({ submissionId: id, ...rest }, never)
    const running = await untilStatus(world, head.dashboard, id, "RUNNING")
    expect(running.endTimeMs).toBeNull()
    const tooEarly = head.dashboard.remove(id, never)
    await expect(tooEarly).rejects.toMatchObject({ code: "invalid", detail: "refused" })
    expect(await head.dashboard.stop(id, never)).toBe(true)
    await untilStatus(world, head.dashboard, id, "STOPPED")
    expect(await head.dashboard.stop(id, never)).toBe(false)
    expect(await head.dashboard.remove(id, never)).toBe(true)
    expect(await head.dashboard.job(id, never)).toBeUndefined()
    expect(await head.dashboard.remove(id, never)).toBe(false)
  })

  it("knows nothing of an id that was never used", async () => {
    const { dashboard } = now().head
    expect(await dashboard.job("suite-nobody", never)).toBeUndefined()
    expect(await dashboard.log("suite-nobody", never)).toBeUndefined()
    expect(await dashboard.stop("suite-nobody", never)).toBeUndefined()
    expect(await dashboard.remove("suite-nobody", never)).toBe(false)
  })
}

function otherCases(now: () => Place) {
  it("lists the head as a living node by its pod's name", async () => {
    const { world, head } = now()
    const node = await until(world, "the head is listed", async () =>
      (await head.dashboard.nodes(never)).find(({ name }) => name === head.launch.name),
    )
    expect(node).toMatchObject({ isHead: true, isAlive: true })
  })

  it("brings an application up, takes the state twice, and takes away what is not in it", async () => {
    const { world, head } = now()
    await head.dashboard.applyServe(world.serveConfig("hello"), never)
    const application = await until(world, "the application runs", async () =>
      (await head.dashboard.serve(never)).applications.find(({ status }) => status === "RUNNING"),
    )
    expect(application.name).toBe("hello")
    expect(application.deployments.length).toBeGreaterThan(0)
    await head.dashboard.applyServe(world.serveConfig("hello"), never)
    expect((await head.dashboard.serve(never)).applications).toHaveLength(1)
    await head.dashboard.applyServe({ applications: [] }, never)
    await until(
      world,
      "no application is left",
      async () => (await head.dashboard.serve(never)).applications.length === 0,
    )
  })

  it("refuses what is no state of Serve", async () => {
    const { head } = now()
    await expect(head.dashboard.applyServe({ applications: "all" }, never)).rejects.toMatchObject({
      code: "invalid",
      detail: "refused",
    })
  })

  it("passes a request on and its answer back, whatever its status", async () => {
    const { head } = now()
    const ask = (path: string) =>
      head.dashboard.forward({ method: "GET", path, headers: {}, body: null }, never)
    const found = await ask("/api/version")
    expect(found.status).toBe(200)
    expect(JSON.parse(await textOf(found))).toMatchObject({ ray_version: head.launch.runtime.version })
    const missing = await ask("/api/of-nobody")
    expect(missing.status).toBe(404)
    await textOf(missing)
  })
}

function faultCases(now: () => Place) {
  it("tells that nothing answers there", async () => {
    const { world, head } = now()
    const nobody = { ...head.address, dashboardUrl: "http://127.0.0.1:1", agentUrl: "http://127.0.0.1:1" }
    const dashboard = world.backend.dashboard(nobody, head.launch.token)
    await expect(dashboard.jobs(never)).rejects.toMatchObject({ code: "unavailable", detail: "unreachable" })
    const health = await dashboard.health(never)
    expect(health.isReady).toBe(false)
    expect(health.message).not.toBe("")
  })

  it("is refused without the cluster's token, where there is one", async () => {
    const { world, head } = now()
    if (head.launch.token === null) return
    const dashboard = world.backend.dashboard(head.address, "another-token")
    await expect(dashboard.jobs(never)).rejects.toMatchObject({ code: "invalid", detail: "refused" })
    expect((await dashboard.health(never)).isReady).toBe(false)
  })

  it("is not made for a caller that has given up", async () => {
    const { world, head } = now()
    const job = submitOf(world.entrypoint({ does: "exit", code: 0 }))
    const gaveUp = AbortSignal.abort(new Error("too late"))
    await expect(head.dashboard.submit(job, gaveUp)).rejects.toThrow("too late")
    expect(await head.dashboard.job(job.submissionId, never)).toBeUndefined()
    expect((await head.dashboard.health(gaveUp)).isReady).toBe(false)
  })

  it("finds a worker that joined", async () => {
    const { world, head } = now()
    const worker = await launchOf(world, { head: head.address, token: head.launch.token })
    await world.backend.ensure(worker, never)
    const node = await until(world, "the worker has joined", async () =>
      (await head.dashboard.nodes(never)).find(({ name }) => name === worker.name),
    )
    expect(node).toMatchObject({ isHead: false, isAlive: true })
  })
}

async function textOf({ body }: RayForwarded): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
