import { describe, expect, it } from "vitest"
import type { Workload } from "../../packages/server/src/domain/workloads/index.ts"
import type { Submission, TestPlane, TestPlaneOptions } from "../support/plane.ts"
import { aNode } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()

/** A plane, and how a user of it submits: schedules act with the rights of a real one. */
async function start(options?: TestPlaneOptions) {
  const p = await plane(options)
  const mia = await p.member("mia", { default: "owner" })
  return { p, submit: (command: Submission) => p.submit(command, mia) }
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs

/** Virtual time begins with the year 2030, a Tuesday. */
const every = (...schedules: string[]): Submission => ({
  entryPoint: "sleep 5",
  cronJobs: schedules.map((schedule) => ({ schedule, action: "start" })),
})

async function all(p: TestPlane): Promise<readonly Workload[]> {
  const page = { sort: "createdAtMs", order: "asc", offset: 0, limit: 1000 } as const
  const { items } = await p.plane.workloads.list(p.owner, { workspaceIds: null }, page)
  const found = await Promise.all(
    items.map((one) => p.store.workloads.byKey(p.store.committed, one.workload.key)),
  )
  return found.flatMap((one) => one ?? [])
}
const clonesOf = async (p: TestPlane, schedule: Workload) =>
  (await all(p)).filter((one) => one.spec.madeBy === schedule.id)
/** When its clones were made, as `HH:MM`. */
const times = async (p: TestPlane, schedule: Workload) =>
  (await clonesOf(p, schedule)).map((one) => new Date(one.createdAtMs).toISOString().slice(11, 16))
const notes = async (p: TestPlane, schedule: Workload) =>
  (await p.events(schedule.id)).filter(({ type }) => type.startsWith("schedule."))
const row = async (p: TestPlane, id: string) => (await p.view(id)).workload

describe("a schedule", () => {
  it("waits in no queue, says when it comes next, and makes a workload at every match", async () => {
    const { p, submit } = await start()
    const schedule = await submit(every("*/10 * * * *"))
    const nextMs = p.clock.nowMs() + 10 * minuteMs
    expect(await p.view(schedule.id)).toMatchObject({
      position: 0,
      reasons: [{ code: "waiting_for_time", untilMs: nextMs }],
      workload: {
        phase: "Pending",
        claimId: null,
        schedule: { nextAtMs: nextMs, lastAtMs: null, lastKey: null },
      },
    })
    expect(p.plane.capacity.queue("default")).toEqual([])
    await p.advance(35 * minuteMs)
    expect(await times(p, schedule)).toEqual(["00:10", "00:20", "00:30"])
    const clones = await clonesOf(p, schedule)
    for (const clone of clones)
      expect(clone).toMatchObject({
        phase: "Succeeded",
        displayName: schedule.displayName,
        userId: schedule.userId,
        workspaceId: schedule.workspaceId,
        priority: schedule.priority,
        schedule: null,
        spec: { ...schedule.spec, cronJobs: [], madeBy: schedule.id },
      })
    expect(await row(p, schedule.id)).toMatchObject({
      phase: "Pending",
      dispatchCount: 0,
      schedule: {
        nextAtMs: nextMs + 30 * minuteMs,
        lastAtMs: nextMs + 20 * minuteMs,
        lastKey: clones.at(-1)?.key,
      },
    })
    expect((await notes(p, schedule)).map(({ type, data }) => [type, data["workload"]])).toEqual(
      clones.map(({ id }) => ["schedule.fired", id]),
    )
    await p.assertSound()
  })

  it("with several entries comes with each of them, once where they meet", async () => {
    const { p, submit } = await start()
    const schedule = await submit(every("0 * * * *", "30 */2 * * *", "0 1 * * *"))
    await p.advance(3 * hourMs)
    expect(await times(p, schedule)).toEqual(["00:30", "01:00", "02:00", "02:30", "03:00"])
  })

  it("comes on leap days only every four years", async () => {
    const { p, submit } = await start()
    const schedule = await submit(every("0 12 29 2 *"))
    expect(schedule.schedule?.nextAtMs).toBe(Date.UTC(2032, 1, 29, 12))
    p.clock.jumpWall(Date.UTC(2032, 1, 29, 11, 59, 30) - p.clock.nowMs())
    await p.advance(2 * minuteMs)
    expect(await times(p, schedule)).toEqual(["12:00"])
    expect((await row(p, schedule.id)).schedule?.nextAtMs).toBe(Date.UTC(2036, 1, 29, 12))
  })

  it("leaves a match out while its last workload lives, also when that waits in a paused queue", async () => {
    const { p, submit } = await start()
    const schedule = await submit({ ...every("*/10 * * * *"), entryPoint: "sleep 900" })
    await p.advance(31 * minuteMs)
    expect(await times(p, schedule)).toEqual(["00:10", "00:30"])
    const [first, second] = await clonesOf(p, schedule)
    expect((await notes(p, schedule)).map(({ type, data }) => [type, data["workload"]])).toEqual([
      ["schedule.fired", first?.id],
      ["schedule.skipped", first?.id],
      ["schedule.fired", second?.id],
    ])
    expect((await notes(p, schedule))[1]?.data["reason"]).toBe("last_one_lives")
    await p.plane.queue.pause(p.owner, "default")
    await p.plane.workloads.stop(p.owner, second?.id ?? "")
    await p.advance(30 * minuteMs)
    expect(await times(p, schedule)).toEqual(["00:10", "00:30", "00:40"])
    expect((await row(p, (await clonesOf(p, schedule))[2]?.id ?? "")).phase).toBe("Pending")
  })

  it("ends with a stop or a delete, its workloads do not", async () => {
    const { p, submit } = await start()
    const stopped = await submit({ ...every("*/10 * * * *"), entryPoint: "sleep infinity" })
    const deleted = await submit({ ...every("*/10 * * * *"), entryPoint: "sleep infinity" })
    await p.advance(11 * minuteMs)
    await p.plane.workloads.stop(p.owner, stopped.id)
    await p.plane.workloads.remove(p.owner, deleted.id)
    const clones = [...(await clonesOf(p, stopped)), ...(await clonesOf(p, deleted))]
    for (const { id } of clones) await p.plane.workloads.stop(p.owner, id)
    await p.advance(30 * minuteMs)
    expect([await times(p, stopped), await times(p, deleted)]).toEqual([["00:10"], ["00:10"]])
    expect(clones.map(({ phase }) => phase)).toEqual(["Running", "Running"])
    expect(await row(p, stopped.id)).toMatchObject({ phase: "Stopped", cause: "stopped" })
    await expect(p.view(deleted.id)).rejects.toMatchObject({ code: "not_found" })
    await p.assertSound()
  })

  it("hands its time-out on and has none itself", async () => {
    const { p, submit } = await start()
    const schedule = await submit({ ...every("*/10 * * * *"), timeout: 60, entryPoint: "sleep 300" })
    await p.advance(12 * minuteMs)
    expect((await clonesOf(p, schedule))[0]).toMatchObject({ phase: "Stopped", cause: "timed_out" })
    expect((await row(p, schedule.id)).phase).toBe("Pending")
  })

  it("is nothing to wait for", async () => {
    const { submit } = await start()
    const schedule = await submit(every("0 3 * * *"))
    await expect(submit({ dependencies: [schedule.id] })).rejects.toMatchObject({
      code: "invalid",
      issues: [{ message: `dependency workload ${schedule.id} is a schedule, which never succeeds itself` }],
    })
  })

  it("with a dependency makes workloads that wait for it, also when it was deleted after its success", async () => {
    const { p, submit } = await start()
    const data = await submit({ entryPoint: "sleep 900" })
    const schedule = await submit({ ...every("*/10 * * * *"), dependencies: [data.id] })
    await p.advance(11 * minuteMs)
    const [first] = await clonesOf(p, schedule)
    expect(await p.view(first?.id ?? "")).toMatchObject({ reasons: [{ code: "dependency", on: [data.id] }] })
    await p.advance(8 * minuteMs)
    expect((await row(p, first?.id ?? "")).phase).toBe("Succeeded")
    await p.plane.workloads.remove(p.owner, data.id)
    await p.advance(2 * minuteMs)
    expect(await times(p, schedule)).toEqual(["00:10", "00:20"])
  })

  it("that is cloned is a schedule again", async () => {
    const { p, submit } = await start()
    const schedule = await submit(every("*/10 * * * *"))
    await p.advance(11 * minuteMs)
    const { done } = await p.plane.workloads.cloneMany(p.owner, [schedule.id])
    const copy = await row(p, done[0]?.newId ?? "")
    expect(copy).toMatchObject({ phase: "Pending", schedule: { lastAtMs: null, lastKey: null } })
    const [made] = await clonesOf(p, schedule)
    const again = await p.plane.workloads.cloneMany(p.owner, [made?.id ?? ""])
    expect((await row(p, again.done[0]?.newId ?? "")).spec.madeBy).toBeUndefined()
  })
})

describe("a schedule that is changed", () => {
  it("goes by its new times, and its next workloads have what was changed", async () => {
    const { p, submit } = await start()
    const schedule = await submit(every("0 * * * *"))
    const cronJobs = [{ schedule: "*/20 * * * *", action: "" }]
    await p.plane.workloads.patch(p.owner, schedule.id, { cronJobs, priority: 1, maxRetry: 3, cpu: "2" })
    await p.advance(45 * minuteMs)
    expect(await times(p, schedule)).toEqual(["00:20", "00:40"])
    expect((await clonesOf(p, schedule))[1]).toMatchObject({
      priority: 1,
      spec: { maxRetry: 3, size: { cpuMilli: 2000 } },
    })
  })

  it("to a single start time runs itself, once; one that waits becomes a schedule", async () => {
    const { p, submit } = await start()
    const one = await submit(every("0 * * * *"))
    const at = new Date(p.clock.nowMs() + 10 * minuteMs).toISOString()
    const other = await submit({ cronJobs: [{ schedule: at, action: "start" }], entryPoint: "sleep 5" })
    expect((await p.view(other.id)).position).toBe(1)
    const { patch } = p.plane.workloads
    await patch(p.owner, one.id, { cronJobs: [{ schedule: at, action: "start" }] })
    await patch(p.owner, other.id, { cronJobs: [{ schedule: "30 * * * *", action: "start" }] })
    expect(await p.view(one.id)).toMatchObject({ position: 1, workload: { schedule: null } })
    expect(await p.view(other.id)).toMatchObject({ position: 0, workload: { claimId: null } })
    await p.advance(2 * hourMs)
    expect((await row(p, one.id)).phase).toBe("Succeeded")
    expect(await clonesOf(p, one)).toEqual([])
    expect(await times(p, other)).toEqual(["00:30", "01:30"])
    await p.assertSound()
  })

  it("to nothing enters the queue at once", async () => {
    const { p, submit } = await start()
    const schedule = await submit(every("0 * * * *"))
    await p.plane.workloads.patch(p.owner, schedule.id, { cronJobs: [] })
    await p.settle()
    expect((await row(p, schedule.id)).phase).toBe("Running")
  })

  it("is refused where work has begun, and where others wait for its success", async () => {
    const { p, submit } = await start()
    const running = await submit({ entryPoint: "sleep 60" })
    await p.settle()
    const cronJobs = [{ schedule: "0 * * * *", action: "start" }]
    await expect(p.plane.workloads.patch(p.owner, running.id, { cronJobs })).rejects.toMatchObject({
      code: "conflict",
      detail: "scheduled",
    })
    const waiting = await submit({ dependencies: [running.id] })
    await submit({ dependencies: [waiting.id] })
    await expect(p.plane.workloads.patch(p.owner, waiting.id, { cronJobs })).rejects.toMatchObject({
      code: "invalid",
      issues: [{ message: "other workloads wait for its success: it cannot recur" }],
    })
    expect((await p.view(waiting.id)).position).toBe(1)
  })
})

describe("a match that was missed", () => {
  it("while the server was down is made up for within five minutes, the others are one event", async () => {
    const { p, submit } = await start()
    const schedule = await submit(every("*/10 * * * *"))
    await p.crash()
    await p.clock.advance(44 * minuteMs)
    await p.restart()
    expect(await times(p, schedule)).toEqual(["00:44"])
    const [skipped, fired, ...more] = await notes(p, schedule)
    expect(more).toEqual([])
    expect(skipped).toMatchObject({
      type: "schedule.skipped",
      data: {
        reason: "missed",
        matches: 3,
        fromMs: Date.UTC(2030, 0, 1, 0, 10),
        toMs: Date.UTC(2030, 0, 1, 0, 30),
      },
    })
    expect(fired).toMatchObject({ type: "schedule.fired", data: { atMs: Date.UTC(2030, 0, 1, 0, 40) } })
    await p.advance(10 * minuteMs)
    expect(await times(p, schedule)).toEqual(["00:44", "00:50"])
  })

  it("longer ago is left out", async () => {
    const { p, submit } = await start()
    const schedule = await submit(every("*/10 * * * *"))
    await p.crash()
    await p.clock.advance(16 * minuteMs)
    await p.restart()
    await p.advance(10 * minuteMs)
    expect(await times(p, schedule)).toEqual(["00:20"])
    expect((await notes(p, schedule)).map(({ type }) => type)).toEqual(["schedule.skipped", "schedule.fired"])
  })

  it("because the clock was set forward is made up for likewise", async () => {
    const { p, submit } = await start()
    const schedule = await submit(every("0 * * * *"))
    p.clock.jumpWall(3 * hourMs + 2 * minuteMs)
    await p.advance(2 * minuteMs)
    expect((await clonesOf(p, schedule)).length).toBe(1)
    expect((await notes(p, schedule)).map(({ data }) => data["matches"] ?? data["atMs"])).toEqual([
      2,
      Date.UTC(2030, 0, 1, 3),
    ])
  })

  it("is not repeated when the clock is set back over it", async () => {
    const { p, submit } = await start()
    const schedule = await submit(every("*/10 * * * *"))
    await p.advance(21 * minuteMs)
    p.clock.jumpWall(-15 * minuteMs)
    await p.advance(14 * minuteMs)
    expect((await clonesOf(p, schedule)).length).toBe(2)
    await p.restart()
    await p.advance(5 * minuteMs)
    expect((await clonesOf(p, schedule)).length).toBe(2)
    await p.advance(6 * minuteMs)
    expect((await notes(p, schedule)).map(({ data }) => data["atMs"])).toEqual(
      [10, 20, 30].map((minutes) => Date.UTC(2030, 0, 1, 0, minutes)),
    )
  })
})

describe("the rights of a schedule", () => {
  it("are its owner's at the moment of the match: without them nothing is made and the schedule stays", async () => {
    const { p } = await start({ lends: true })
    await p.plane.workspaces.create(p.owner, { id: "lab", description: "", clusters: null, policy: {} })
    const ann = await p.member("ann", { lab: "editor" })
    const bob = await p.member("bob", { lab: "owner" })
    const cpu = { resource: { gpu: "" }, workspaceId: "lab" }
    const hers = await p.submit({ ...every("*/10 * * * *"), ...cpu }, ann)
    const his = await p.submit({ ...every("*/10 * * * *"), ...cpu, priority: 2 }, bob)
    await p.advance(11 * minuteMs)
    expect([await times(p, hers), await times(p, his)]).toEqual([["00:10"], ["00:10"]])
    await p.plane.workspaces.setMember(p.owner, "lab", ann.userId, "viewer")
    await p.plane.workspaces.setMember(p.owner, "lab", bob.userId, "editor")
    await p.advance(10 * minuteMs)
    await p.plane.workspaces.setMember(p.owner, "lab", ann.userId, "editor")
    await p.plane.identity.updateUser(p.owner, ann.userId, { frozen: true })
    await p.advance(10 * minuteMs)
    expect((await notes(p, hers)).map(({ type, data }) => [type, data["message"] ?? null])).toEqual([
      ["schedule.fired", null],
      ["schedule.refused", "The user is not allowed to create workload"],
      ["schedule.refused", "The user ann is frozen or not there any more."],
    ])
    expect((await notes(p, his)).map(({ data }) => data["code"] ?? null)).toEqual([
      null,
      "forbidden",
      "forbidden",
    ])
    await p.plane.identity.updateUser(p.owner, ann.userId, { frozen: false })
    await p.advance(10 * minuteMs)
    expect(await times(p, hers)).toEqual(["00:10", "00:40"])
  })

  it("are no way to run as the server: what runs is a server owner's word alone, the rest may be changed", async () => {
    const { p } = await start()
    await p.plane.workspaces.create(p.owner, { id: "lab", description: "", clusters: null, policy: {} })
    const bob = await p.member("bob", { lab: "owner" })
    const cpu = { resource: { gpu: "" }, workspaceId: "lab" }
    const schedule = await p.submit({ ...every("*/10 * * * *"), ...cpu })
    await p.plane.queue.pause(p.owner, "lab")
    const waiting = await p.submit(cpu)
    const own = await p.submit(cpu, bob)
    const { patch } = p.plane.workloads
    for (const { id } of [schedule, waiting]) {
      for (const change of [{ entryPoint: "id" }, { env: { LD_PRELOAD: "/tmp/x.so" } }, { image: "other" }])
        await expect(patch(bob, id, change)).rejects.toMatchObject({ code: "forbidden" })
      await patch(bob, id, { maxRetry: 2, timeout: 60, description: "seen", entryPoint: "" })
      expect(await row(p, id)).toMatchObject({ description: "seen", spec: { maxRetry: 2, env: {} } })
      await patch(p.owner, id, { entryPoint: "sleep 1" })
    }
    await patch(bob, own.id, { entryPoint: "id" })
  })

  it("end with its workspace, which can then go", async () => {
    const { p } = await start()
    await p.plane.workspaces.create(p.owner, { id: "lab", description: "", clusters: null, policy: {} })
    const cpu = { resource: { gpu: "" }, workspaceId: "lab" }
    const schedule = await p.submit({ ...every("*/10 * * * *"), ...cpu })
    await expect(p.plane.workspaces.remove(p.owner, "lab", { force: false })).rejects.toMatchObject({
      code: "conflict",
      detail: "live_work",
    })
    await p.plane.workspaces.remove(p.owner, "lab", { force: true })
    await p.advance(1000)
    expect(p.plane.workspaceNames()).toEqual(["default"])
    const ended = await p.store.workloads.byKey(p.store.committed, schedule.key)
    expect(ended).toMatchObject({ phase: "Stopped" })
    await p.advance(30 * minuteMs)
    expect(await clonesOf(p, schedule)).toEqual([])
  })

  it("hold as long as the work would be taken: a smaller inventory refuses it with a reason", async () => {
    const { p, submit } = await start({ nodes: [aNode("n1", 8)] })
    const schedule = await submit({ ...every("0 * * * *"), resource: { gpu: "8" } })
    p.world.setNode(aNode("n1", 4))
    await p.advance(hourMs + minuteMs)
    expect((await notes(p, schedule)).map(({ type, data }) => [type, data["code"]])).toEqual([
      ["schedule.refused", "insufficient"],
    ])
  })
})

describe("many schedules", () => {
  it("of the same minute each make one workload, with a bounded number of transactions", async () => {
    const { p, submit } = await start({ nodes: [aNode("n1", 0)] })
    const schedules: Workload[] = []
    for (let n = 0; n < 1000; n++)
      schedules.push(await submit({ ...every("0 12 * * *"), resource: { gpu: "", cpu: "64" } }))
    await p.settle()
    // nothing is placed meanwhile: what is counted is the firing alone
    await p.plane.queue.pause(p.owner, null)
    p.clock.jumpWall(12 * hourMs - 30_000)
    await p.settle()
    const before = p.life.transactions
    await p.advance(minuteMs)
    const spent = p.life.transactions - before
    const made = await p.store.workloads.list(
      p.store.committed,
      { workspaceIds: null, createdFromMs: Date.UTC(2030, 0, 1, 12) },
      { sort: "createdAtMs", order: "asc", offset: 0, limit: 1 },
    )
    expect(made.total).toBe(1000)
    expect(spent).toBeLessThan(1100)
    expect(p.plane.control.waiting).toBe(0)
    expect((await row(p, schedules[999]?.id ?? "")).schedule?.nextAtMs).toBe(Date.UTC(2030, 0, 2, 12))
  })
})
