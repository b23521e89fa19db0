import { describe, expect, it } from "vitest"
import type { Submission, TestPlane } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()

const after = (id: string, rest: Submission = {}): Submission => ({ ...rest, dependencies: [id] })
const at = (p: TestPlane, inMs: number) => ({
  cronJobs: [{ schedule: new Date(p.clock.nowMs() + inMs).toISOString(), action: "start" }],
})
const phase = async (p: TestPlane, id: string) => (await p.view(id)).workload.phase

describe("a dependency", () => {
  it("is waited for and opens the way with its success", async () => {
    const p = await plane()
    const first = await p.submit({ entryPoint: "sleep 5" })
    const second = await p.submit(after(first.id))
    await p.advance(1000)
    expect(await p.view(second.id)).toMatchObject({
      position: 1,
      reasons: [{ code: "dependency", on: [first.id] }],
      workload: { phase: "Pending", dispatchCount: 0 },
    })
    await p.reaches(first.id, "Succeeded")
    await p.settle()
    expect(await phase(p, second.id)).toBe("Running")
  })

  it("that fails takes all that wait for it along, through any number of steps", async () => {
    const p = await plane()
    const first = await p.submit({ entryPoint: "sleep 1; exit 1" })
    const second = await p.submit(after(first.id))
    const third = await p.submit(after(second.id))
    const other = await p.submit(after(first.id))
    await p.reaches(first.id, "Failed")
    await p.settle()
    for (const [id, on] of [
      [second.id, first.id],
      [third.id, second.id],
      [other.id, first.id],
    ] as const) {
      const { workload } = await p.view(id)
      expect(workload).toMatchObject({
        phase: "Failed",
        cause: "dependency_failed",
        claimId: null,
        dispatchCount: 0,
      })
      expect(workload.conditions).toMatchObject([
        { type: "AdminFailed", run: 1, message: `dependency workload ${on} failed` },
      ])
    }
    expect(p.plane.capacity.queue("default")).toEqual([])
  })

  it("that is retried is waited for until its last attempt", async () => {
    const p = await plane()
    let runs = 0
    p.world.use({ pod: () => ({ runMs: 1000, exitCode: ++runs < 3 ? 1 : 0 }) })
    const first = await p.submit({ maxRetry: 2 })
    const second = await p.submit(after(first.id))
    await p.reaches(first.id, "Succeeded")
    expect((await p.reaches(second.id, "Succeeded")).workload.dispatchCount).toBe(1)
  })

  it("that is stopped or deleted while it is waited for fails the waiting one", async () => {
    const p = await plane()
    const [stopped, deleted] = [await p.submit(), await p.submit()]
    const [one, two] = [await p.submit(after(stopped.id)), await p.submit(after(deleted.id))]
    await p.plane.workloads.stop(p.owner, stopped.id)
    await p.plane.workloads.remove(p.owner, deleted.id)
    await p.settle()
    expect([await phase(p, one.id), await phase(p, two.id)]).toEqual(["Failed", "Failed"])
  })

  it("that is deleted after its success stays satisfied, and so does one past its TTL", async () => {
    const p = await plane()
    const [deleted, slow] = [
      await p.submit({ entryPoint: "exit 0" }),
      await p.submit({ entryPoint: "sleep 100" }),
    ]
    const waiting = await p.submit({ dependencies: [deleted.id, slow.id] })
    await p.reaches(deleted.id, "Succeeded")
    await p.plane.workloads.remove(p.owner, deleted.id)
    await p.reaches(slow.id, "Succeeded")
    await p.settle()
    expect(await phase(p, waiting.id)).toBe("Running")
    await p.advance(100_000)
    expect((await p.view(slow.id)).workload.deletedAtMs).not.toBeNull()
    const late = await p.submit(after(slow.id))
    await p.settle()
    expect(await phase(p, late.id)).toBe("Running")
  })

  it("that has failed already fails whoever is submitted behind it", async () => {
    const p = await plane()
    const first = await p.submit({ entryPoint: "exit 1" })
    await p.reaches(first.id, "Failed")
    const second = await p.submit(after(first.id))
    await p.settle()
    expect(await phase(p, second.id)).toBe("Failed")
  })

  it("that nobody knows, that is hidden, or that the caller may not see is refused by name", async () => {
    const p = await plane()
    await p.plane.workspaces.create(p.owner, { id: "team", description: "", clusters: null, policy: {} })
    await p.plane.workspaces.create(p.owner, { id: "other", description: "", clusters: null, policy: {} })
    const ann = await p.member("ann", { team: "editor" })
    const hidden = await p.submit({ entryPoint: "exit 0" })
    await p.reaches(hidden.id, "Succeeded")
    await p.plane.workloads.remove(p.owner, hidden.id)
    const foreign = await p.submit({ workspaceId: "other", resource: { gpu: "" } })
    for (const id of ["never-was", hidden.id, foreign.id])
      await expect(p.submit({ ...after(id), workspaceId: "team" }, ann)).rejects.toMatchObject({
        code: "invalid",
        issues: [{ message: `dependency workload ${id} not found` }],
      })
  })

  it("that ends while the server is down is found out about at its start", async () => {
    const p = await plane()
    const [good, bad] = [
      await p.submit({ entryPoint: "sleep 2" }),
      await p.submit({ entryPoint: "sleep 2; exit 1" }),
    ]
    const [one, two] = [await p.submit(after(good.id)), await p.submit(after(bad.id))]
    await p.settle()
    await p.crash()
    await p.advance(5000)
    await p.restart()
    expect([await phase(p, one.id), await phase(p, two.id)]).toEqual(["Running", "Failed"])
  })
})

describe("a start time", () => {
  it("is kept to the minute", async () => {
    const p = await plane()
    const startMs = Math.floor((p.clock.nowMs() + 125_000) / 60_000) * 60_000
    const { id } = await p.submit(at(p, 125_000))
    await p.advance(1000)
    expect(await p.view(id)).toMatchObject({
      position: 1,
      reasons: [{ code: "waiting_for_time", untilMs: startMs }],
    })
    const { workload } = await p.reaches(id, "Running")
    expect(workload.startedAtMs).toBe(startMs)
  })

  it("holds back nobody and is moved by a patch", async () => {
    const p = await plane()
    const { id } = await p.submit({ ...at(p, 3_600_000), resource: { gpu: "8" } })
    const other = await p.submit({ entryPoint: "sleep 1", resource: { gpu: "8" } })
    await p.reaches(other.id, "Succeeded")
    await p.plane.workloads.patch(p.owner, id, at(p, 120_000))
    const { workload } = await p.reaches(id, "Running")
    expect((workload.startedAtMs ?? 0) - workload.createdAtMs).toBeLessThan(200_000)
  })

  it("passes when the clock is set forward over it", async () => {
    const p = await plane()
    const { id } = await p.submit(at(p, 24 * 3_600_000))
    await p.settle()
    p.clock.jumpWall(25 * 3_600_000)
    await p.advance(61_000)
    expect(await phase(p, id)).toBe("Succeeded")
  })

  it("comes later by as much as the clock is set back, and once", async () => {
    const p = await plane()
    const { id } = await p.submit(at(p, 3_600_000))
    await p.advance(3_000_000)
    p.clock.jumpWall(-1_800_000)
    await p.advance(1_200_000)
    expect(await phase(p, id)).toBe("Pending")
    await p.reaches(id, (view) => view.workload.phase !== "Pending").catch(() => undefined)
    await p.advance(1_800_000)
    p.clock.jumpWall(-7_200_000)
    await p.advance(7_300_000)
    expect((await p.view(id)).workload).toMatchObject({ phase: "Succeeded", dispatchCount: 1 })
  })

  it("that passes while the server is down starts the job when it is back", async () => {
    const p = await plane()
    const { id } = await p.submit(at(p, 120_000))
    await p.settle()
    await p.crash()
    await p.advance(600_000)
    await p.restart()
    expect(await phase(p, id)).toBe("Running")
  })

  it("and a dependency are both waited for", async () => {
    const p = await plane()
    const first = await p.submit({ entryPoint: "sleep 300" })
    const second = await p.submit({ ...at(p, 120_000), dependencies: [first.id] })
    await p.advance(200_000)
    expect((await p.view(second.id)).reasons.map(({ code }) => code)).toEqual(["dependency"])
    await p.reaches(first.id, "Succeeded")
    await p.settle()
    expect(await phase(p, second.id)).toBe("Running")
  })
})
