import { describe, expect, it } from "vitest"
import type { FakeScript } from "../../packages/server/src/drivers/fake/fake-world.ts"
import type { WorkloadDetail } from "../../packages/server/src/domain/workloads/index.ts"
import { aNode, type TestPlane } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()

/** By displayName. */
const byName = (
  programs: Readonly<Record<string, ReturnType<NonNullable<FakeScript["pod"]>>>>,
): FakeScript => ({
  pod: ({ workloadId }) => programs[workloadId.replace(/-[^-]+$/, "")] ?? {},
})

const freeGpus = (p: TestPlane) =>
  p.plane.capacity.nodes().reduce((sum, node) => sum + p.plane.capacity.free(node.id).gpus, 0)
const whole = { resource: { gpu: "8" } }

describe("a stop", () => {
  it("of a queued job ends it at once and takes it out of the queue", async () => {
    const p = await plane()
    await p.submit(whole)
    const { id } = await p.submit(whole)
    await p.settle()
    await p.plane.workloads.stop(p.owner, id)
    const { workload, position, reasons, attempts } = await p.view(id)
    expect(workload).toMatchObject({ phase: "Stopped", cause: "stopped", claimId: null, startedAtMs: null })
    expect(workload.conditions).toMatchObject([
      { type: "AdminStopped", run: 0, message: "the workload is stopped by olga" },
    ])
    expect({ position, reasons, attempts }).toEqual({ position: 0, reasons: [], attempts: [] })
    expect(p.plane.capacity.queue("default")).toEqual([])
  })

  it("of a running job answers at once; its place is given on when its processes are gone", async () => {
    const p = await plane({ script: byName({ slow: { runMs: null, stopMs: 5000 }, next: { runMs: 1000 } }) })
    const { id } = await p.submit({ ...whole, displayName: "slow" })
    const next = await p.submit({ ...whole, displayName: "next" })
    await p.reaches(id, "Running")
    await p.plane.workloads.stop(p.owner, id)
    const { workload } = await p.view(id)
    expect(workload).toMatchObject({
      phase: "Stopped",
      endedAtMs: p.clock.nowMs(),
      deletedAtMs: p.clock.nowMs(),
    })
    await p.advance(4999)
    expect(freeGpus(p)).toBe(0)
    expect((await p.view(next.id)).workload.dispatchCount).toBe(0)
    await p.advance(1)
    expect((await p.view(next.id)).workload.phase).toBe("Running")
    expect((await p.view(id)).attempts).toMatchObject([{ state: "gone", pods: [{ exitCode: 143 }] }])
  })

  it("gives its place on even when its folders can never be removed", async () => {
    const p = await plane()
    const { id } = await p.submit(whole)
    const next = await p.submit(whole)
    await p.reaches(id, "Running")
    let tries = 0
    const { forget } = p.world.inside
    p.world.inside.forget = (attempt, logsToo) => {
      if (++tries <= 100) throw new Error("a mount is in the way")
      forget(attempt, logsToo)
    }
    await p.plane.workloads.stop(p.owner, id)
    await p.advance(60_000)
    expect(tries).toBe(5)
    expect((await p.view(next.id)).workload.dispatchCount).toBe(1)
    p.world.inside.forget = forget
  })

  it("of a job that ignores TERM holds its place until KILL, after the grace that was given", async () => {
    const p = await plane({ script: byName({ deaf: { ignoresTerm: true } }) })
    const { id } = await p.submit({ ...whole, displayName: "deaf" })
    await p.reaches(id, "Running")
    await p.plane.workloads.stop(p.owner, id, { graceSeconds: 7 })
    await p.advance(6999)
    expect(freeGpus(p)).toBe(0)
    await p.advance(2)
    expect(freeGpus(p)).toBe(8)
    expect((await p.view(id)).attempts[0]?.pods[0]).toMatchObject({ exitCode: 137 })
  })

  it("tells the processes why", async () => {
    const p = await plane({ script: byName({ told: { printsReason: true, stopMs: 100 } }) })
    const { id } = await p.submit({ displayName: "told" })
    await p.reaches(id, "Running")
    await p.plane.workloads.stop(p.owner, id)
    await p.advance(1000)
    const query = { tailLines: null, sinceMs: null, fromOffset: null, maxBytes: 1000 }
    const chunk = await p.plane.workloads.readLog(p.owner, id, `${id}-master-0`, { container: "", query })
    expect(chunk.lines).toEqual(["stopped: the workload is stopped by olga"])
  })

  it("while the driver still starts it does not wait for the start", async () => {
    const p = await plane({ script: { ensure: () => "hang" } })
    const { id } = await p.submit(whole)
    await p.advance(10_000)
    await p.plane.workloads.stop(p.owner, id)
    await p.advance(100)
    expect((await p.view(id)).attempts).toMatchObject([{ state: "gone", pods: [{ phase: "Stopped" }] }])
    expect(freeGpus(p)).toBe(8)
    expect(p.world.startedAttempts).toBe(0)
  })

  it("between its processes being started and seen running ends them", async () => {
    const p = await plane({ script: byName({ late: { startDelayMs: 5000 } }) })
    const { id } = await p.submit({ displayName: "late" })
    await p.advance(1000)
    await p.plane.workloads.stop(p.owner, id)
    await p.advance(10_000)
    expect((await p.view(id)).workload).toMatchObject({ phase: "Stopped", startedAtMs: null })
    expect(p.world.live()).toEqual([])
    expect(freeGpus(p)).toBe(8)
  })

  it("while a failed attempt is being ended makes it the last", async () => {
    const script = {
      pod: (_launch: unknown, pod: { index: number }) =>
        pod.index === 0 ? { runMs: 1000, exitCode: 1 } : { stopMs: 5000 },
    }
    const p = await plane({ script })
    const { id } = await p.submit({ resource: { replica: 2 }, maxRetry: 3 })
    await p.reaches(id, (view) => view.attempts[0]?.state === "ending")
    await p.plane.workloads.stop(p.owner, id)
    await p.advance(60_000)
    const { workload, attempts } = await p.view(id)
    expect(workload).toMatchObject({ phase: "Stopped", claimId: null, dispatchCount: 1 })
    expect(attempts).toMatchObject([{ state: "gone", cause: "failed" }])
  })

  it("during back-off leaves nothing in the queue", async () => {
    const p = await plane()
    const { id } = await p.submit({ entryPoint: "exit 1", maxRetry: 5 })
    await p.reaches(id, (view) => view.reasons[0]?.code === "backoff" && view.attempts.length === 2)
    await p.plane.workloads.stop(p.owner, id)
    await p.advance(60_000)
    expect((await p.view(id)).workload).toMatchObject({ phase: "Stopped", dispatchCount: 2, claimId: null })
    expect(p.plane.capacity.queue("default")).toEqual([])
  })

  it("is a no-op on what has ended, and on ids that never were", async () => {
    const p = await plane()
    const { id } = await p.submit({ entryPoint: "exit 0" })
    const { workload } = await p.reaches(id, "Succeeded")
    await p.plane.workloads.stop(p.owner, id)
    await p.plane.workloads.stop(p.owner, "never-was")
    expect((await p.view(id)).workload).toMatchObject({ phase: "Succeeded", endedAtMs: workload.endedAtMs })
  })

  it("that comes ten times at once happens once", async () => {
    const p = await plane()
    const { id } = await p.submit()
    await p.reaches(id, "Running")
    await Promise.all(Array.from({ length: 10 }, () => p.plane.workloads.stop(p.owner, id)))
    await p.advance(1000)
    const stops = (await p.events(id)).filter(({ type }) => type === "workload.stopped")
    expect(stops).toHaveLength(1)
  })

  it("in the moment of its own end keeps whichever came first", async () => {
    const p = await plane()
    const ids = await Promise.all(Array.from({ length: 8 }, () => p.submit({ entryPoint: "sleep 5" })))
    await p.settle()
    await p.clock.advance(4999)
    const stops = ids.filter((_one, at) => at % 2 === 0).map(({ id }) => p.plane.workloads.stop(p.owner, id))
    await p.advance(1)
    await Promise.all(stops)
    await p.advance(1000)
    for (const { id } of ids) {
      const { workload } = await p.view(id)
      expect(["Succeeded", "Stopped"]).toContain(workload.phase)
      expect(workload.claimId).toBeNull()
    }
    expect(freeGpus(p)).toBe(8)
  })
})

describe("processes that outlive their stop", () => {
  it("set their node aside, visibly, until they are gone", async () => {
    const p = await plane({ script: byName({ stuck: { isStuck: true }, next: { runMs: 1000 } }) })
    const { id } = await p.submit({ displayName: "stuck", resource: { gpu: "1" } })
    const { attempts } = await p.reaches(id, "Running")
    await p.plane.workloads.stop(p.owner, id)
    await p.advance(60_000)
    expect(p.plane.capacity.nodes()[0]?.stuck).toBe(true)
    const next = await p.submit({ displayName: "next", resource: { gpu: "1" } })
    await p.advance(1000)
    expect(await p.view(next.id)).toMatchObject({ workload: { phase: "Pending" }, position: 1 })
    expect((await p.view(next.id)).reasons.length).toBeGreaterThan(0)
    const [attempt] = attempts
    if (attempt) p.world.release(attempt.id)
    await p.reaches(next.id, "Succeeded")
    expect(p.plane.capacity.nodes()[0]?.stuck).toBe(false)
  })

  it("that go in the very moment of the deadline do not leave it aside", async () => {
    const p = await plane({ script: byName({ edge: { ignoresTerm: true, lingerMs: 30_000 } }) })
    const { id } = await p.submit({ displayName: "edge" })
    await p.reaches(id, "Running")
    await p.plane.workloads.stop(p.owner, id, { graceSeconds: 10 })
    await p.advance(45_000)
    expect(p.world.live()).toEqual([])
    expect(p.plane.capacity.nodes()[0]?.stuck).toBe(false)
    expect(freeGpus(p)).toBe(8)
  })

  it("are found stuck after a restart too, and their node comes back", async () => {
    const p = await plane({ script: byName({ stuck: { isStuck: true } }) })
    const { id } = await p.submit({ displayName: "stuck" })
    const { attempts } = await p.reaches(id, "Running")
    await p.plane.workloads.stop(p.owner, id)
    await p.restart()
    await p.advance(61_000)
    expect(p.plane.capacity.nodes()[0]?.stuck).toBe(true)
    await p.crash()
    const [attempt] = attempts
    if (attempt) p.world.release(attempt.id)
    await p.restart()
    await p.advance(1000)
    expect(p.plane.capacity.nodes()[0]?.stuck).toBe(false)
    expect(freeGpus(p)).toBe(8)
  })
})

describe("a deletion", () => {
  it("hides the job at once and ends what runs", async () => {
    const p = await plane()
    const { id } = await p.submit()
    await p.reaches(id, "Running")
    await p.plane.workloads.remove(p.owner, id)
    await expect(p.view(id)).rejects.toMatchObject({ code: "not_found" })
    await p.advance(1000)
    expect(p.world.live()).toEqual([])
    expect(freeGpus(p)).toBe(8)
  })

  it("of an ended job lets the driver forget its pods before their time, also when the server dies over it", async () => {
    const p = await plane()
    const jobs = [await p.submit({ entryPoint: "exit 0" }), await p.submit({ entryPoint: "exit 0" })]
    const ended: WorkloadDetail[] = []
    for (const { id } of jobs) ended.push(await p.reaches(id, "Succeeded"))
    const isKept = () => ended.map(({ attempts }) => p.world.inside.has(attempts[0]?.id ?? ("" as never)))
    expect(isKept()).toEqual([true, true])
    await p.plane.workloads.remove(p.owner, jobs[0]?.id ?? "")
    await p.settle()
    expect(isKept()).toEqual([false, true])
    await p.plane.workloads.remove(p.owner, jobs[1]?.id ?? "")
    await p.restart()
    await p.advance(61_000)
    expect(isKept()).toEqual([false, false])
  })
})

describe("a batch", () => {
  it("names what was done and what failed, each id once", async () => {
    const p = await plane({ nodes: [aNode("n1"), aNode("n2")] })
    await p.plane.workspaces.create(p.owner, { id: "team", description: "", clusters: null, policy: {} })
    const ann = await p.member("ann", { team: "editor" })
    const ben = await p.member("ben", { team: "editor" })
    const own = await p.submit({ workspaceId: "team" }, ann)
    const others = await p.submit({ workspaceId: "team" }, ben)
    const outcome = await p.plane.workloads.stopMany(ann, [own.id, others.id, own.id, "never-was"])
    expect(outcome.done).toEqual([{ id: own.id }, { id: "never-was" }])
    expect(outcome.failed).toMatchObject([{ id: others.id, error: { code: "forbidden" } }])
    expect((await p.view(others.id)).workload.phase).not.toBe("Stopped")
  })

  it("of clones makes new jobs of ended ones for the caller, and fails for those that are not there", async () => {
    const p = await plane()
    const source = await p.submit({ entryPoint: "exit 0", maxRetry: 3, env: { MODE: "fast" } })
    await p.reaches(source.id, "Succeeded")
    const outcome = await p.plane.workloads.cloneMany(p.owner, [source.id, "never-was"])
    expect(outcome.failed).toMatchObject([{ id: "never-was", error: { code: "not_found" } }])
    const newId = outcome.done[0]?.newId ?? ""
    const { workload } = await p.reaches(newId, "Succeeded")
    expect(newId).not.toBe(source.id)
    expect(workload.spec).toEqual(source.spec)
  })

  it("of deletions takes ended and running ones alike", async () => {
    const p = await plane()
    const [ended, running] = [await p.submit({ entryPoint: "exit 0" }), await p.submit()]
    await p.reaches(ended.id, "Succeeded")
    const outcome = await p.plane.workloads.removeMany(p.owner, [ended.id, running.id])
    expect(outcome.done).toHaveLength(2)
    for (const { id } of [ended, running])
      await expect(p.view(id)).rejects.toMatchObject({ code: "not_found" })
    await p.advance(1000)
    expect(p.world.live()).toEqual([])
  })
})
