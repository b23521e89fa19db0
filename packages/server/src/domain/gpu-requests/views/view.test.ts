import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { aMachine } from "../../workspaces/platform-suite.ts"
import { aWish, hourMs, openGpuWorld, type GpuWorld } from "../gpu-world-suite.ts"
import type { GpuRequest } from "../types.ts"

let world: GpuWorld
beforeEach(async () => {
  world = await openGpuWorld()
})
afterEach(() => world.close())

const refused = (code: string, facts: object = {}): Error =>
  expect.objectContaining({ code, ...facts }) as Error
const create = (change: Parameters<typeof aWish>[0] = {}) => world.requests.create(world.owner, aWish(change))
/** A request of `blue` that holds all nodes, and one of `red` that waits for one of them. */
async function waitingBehindBlue() {
  const theirs = await create({ workspaceId: "blue", name: "theirs", nodes: 3 })
  const holder = await world.provision(theirs, "n1", "n2", "n3")
  const waiting = await create({ name: "ours" })
  return { holder, waiting, untilMs: holder.endsAtMs ?? 0 }
}

describe("one request", () => {
  it("shows slot and reason while it waits, neither when it runs", async () => {
    const { holder, waiting, untilMs } = await waitingBehindBlue()
    const view = await world.requests.get(world.owner, waiting.shownId)
    expect(view).toMatchObject({ request: waiting, slot: { startMs: untilMs }, cost: null })
    expect(view.reasons).toMatchObject([{ code: "quota_short", requestIds: [holder.id] }])
    expect(await world.requests.get(world.owner, holder.id)).toMatchObject({ slot: null, reasons: [] })
  })

  it("names nobody that the reader may not see", async () => {
    const { waiting } = await waitingBehindBlue()
    const ann = await world.member("ann", "red", "viewer")
    const view = await world.requests.get(ann, waiting.shownId)
    expect(view.reasons).toMatchObject([{ code: "quota_short", requestIds: [], nodes: ["n1"] }])
  })

  it("is found after its end, and tells what it has cost", async () => {
    const made = await world.provision(await create(), "n1")
    await world.settings.setPrices(world.owner, [
      { gpuModel: "H100", instanceType: "", microsPerGpuHour: 3_000_000, currency: "EUR" },
    ])
    await world.clock.advance(hourMs / 2)
    const cost = async () => (await world.requests.get(world.owner, made.shownId)).cost
    expect(await cost()).toEqual({ micros: 3_000_000, currency: "EUR" })
    await world.requests.release(world.owner, made.shownId)
    await world.clock.advance(hourMs)
    expect(await cost()).toEqual({ micros: 3_000_000, currency: "EUR" })
    expect((await world.requests.get(world.owner, made.id)).request.state).toBe("early_released")
  })

  it("is not there for strangers, and nowhere under ids that never were", async () => {
    const made = await create()
    const stranger = await world.member("sue", "blue", "owner")
    for (const [who, id] of [
      [stranger, made.shownId],
      [stranger, made.id],
      [world.owner, "gpr-00000000-0000"],
      [world.owner, "gpr_nothing"],
      [world.owner, ""],
    ] as const)
      for (const act of [world.requests.get, world.requests.explain])
        await expect(act(who, id)).rejects.toThrow(
          refused("not_found", { resource: "gpu-request", subject: id }),
        )
  })
})

describe("lists", () => {
  it("of a workspace are ordered by shown id, without cancelled ones and those of others", async () => {
    const made = [await create(), await create(), await create()]
    await create({ workspaceId: "blue" })
    await world.requests.cancel(world.owner, made[1]?.shownId ?? "")
    const ann = await world.member("ann", "red", "viewer")
    const listed = (await world.requests.listIn(ann, "red")).map(({ request }) => request.shownId)
    const left = [made[0], made[2]].map((one) => one?.shownId ?? "")
    expect(listed).toEqual(left.toSorted())
    await expect(world.requests.listIn(ann, "blue")).rejects.toThrow(
      refused("not_found", { resource: "workspace", subject: "blue" }),
    )
    await expect(world.requests.listIn(world.owner, "nowhere")).rejects.toThrow(refused("not_found"))
  })

  it("in pages are the union of what the reader may see, newest first", async () => {
    const ours: GpuRequest[] = []
    for (let n = 0; n < 5; n++) {
      await world.clock.advance(1)
      ours.push(await create())
      await create({ workspaceId: "blue" })
    }
    const ann = await world.member("ann", "red", "viewer")
    const first = await world.requests.page(ann, {}, 3, null)
    const second = await world.requests.page(ann, {}, 3, first.nextCursor)
    const ids = [...first.items, ...second.items].map(({ request }) => request.id)
    expect(ids).toEqual(ours.map(({ id }) => id).toReversed())
    expect(second.nextCursor).toBeNull()
    await world.requests.cancel(world.owner, ours[0]?.shownId ?? "")
    const queued = await world.requests.page(
      world.owner,
      { workspaceId: "red", states: ["queued"] },
      10,
      null,
    )
    expect(queued.items).toHaveLength(4)
    await expect(world.requests.page(ann, { workspaceId: "blue" }, 3, null)).rejects.toThrow(
      refused("not_found"),
    )
    await expect(world.requests.page(ann, {}, 3, "moon")).rejects.toThrow(refused("invalid"))
    const nobody = await world.person("nob")
    await world.workspaces.update(world.owner, "default", { policy: { openToAll: false } })
    expect(await world.requests.page(nobody, {}, 3, null)).toEqual({ items: [], nextCursor: null })
  })

  it("of the queue keep the place among all, also for those who see only some", async () => {
    const low = await create({ priority: 1 })
    await create({ workspaceId: "blue", priority: 200 })
    const high = await create({ priority: 300 })
    await world.provision(await create({ workspaceId: "blue" }), "n1")
    const ann = await world.member("ann", "red", "viewer")
    const places = async (who: GpuWorld["owner"], limit: number) =>
      (await world.requests.queue(who, limit)).map(({ request, position }) => [request.id, position])
    expect(await places(ann, 10)).toEqual([
      [high.id, 1],
      [low.id, 3],
    ])
    expect(await places(ann, 1)).toEqual([[high.id, 1]])
    expect((await places(world.owner, 10)).map(([, position]) => position)).toEqual([1, 2, 3])
  })
})

describe("the explanation", () => {
  it("names who is in the way until when, who is ahead, and what happened", async () => {
    const { holder, waiting, untilMs } = await waitingBehindBlue()
    await world.requests.change(world.owner, waiting.shownId, { priority: 5 })
    const ahead = await create({ workspaceId: "blue" })
    const why = await world.requests.explain(world.owner, waiting.shownId)
    expect(why).toMatchObject({
      position: 2,
      ahead: { ids: [ahead.shownId], count: 1 },
      inTheWay: [{ shownId: holder.shownId, workspaceId: "blue", untilMs, nodes: ["n1", "n2", "n3"] }],
      inTheWayHidden: 0,
      holds: [],
    })
    expect(why.sentences).toEqual([
      `It needs 1 node, and none of those it could use are free. The others are held by ${holder.shownId} until 2030-01-01T01:00:00Z (n2).`,
    ])
    expect(why.moves.map((event) => event.type)).toEqual(["gpu-request.updated", "gpu-request.created"])
  })

  it("counts those whom the reader may not see", async () => {
    const { waiting } = await waitingBehindBlue()
    const ahead = await create({ workspaceId: "blue", priority: 300 })
    const ann = await world.member("ann", "red", "viewer")
    const why = await world.requests.explain(ann, waiting.shownId)
    expect(why).toMatchObject({ inTheWay: [], inTheWayHidden: 1, position: 2, ahead: { ids: [], count: 1 } })
    expect(why.sentences[0]).toContain("held by 1 of other workspaces until")
    expect(JSON.stringify(why)).not.toMatch(new RegExp(`blue|theirs|${ahead.shownId}`))
  })

  it("of one that is blocked names the slots that are before it", async () => {
    await world.provision(await create({ workspaceId: "blue", nodes: 2 }), "n1", "n2")
    const first = await create({ nodes: 3 })
    const second = await create({ workspaceId: "default", clusters: ["local"], durationMs: 2 * hourMs })
    const untilMs = world.clock.nowMs() + 2 * hourMs
    const why = await world.requests.explain(world.owner, second.shownId)
    expect(why.inTheWay).toEqual([
      { shownId: first.shownId, workspaceId: "red", untilMs, nodes: ["n1", "n2", "n3"] },
    ])
    expect(why.sentences).toEqual([
      `Nodes are free, but promised to ${first.shownId} ahead of it, until 2030-01-01T02:00:00Z.`,
    ])
  })

  it("of one whose workspace has as many as it may names those", async () => {
    const running = await world.provision(await create(), "n1")
    const why = await world.requests.explain(world.owner, (await create()).shownId)
    expect(why.reasons).toMatchObject([{ code: "workspace_busy" }])
    expect(why.sentences).toEqual([
      `Its workspace has as many GPU requests as it may: ${running.shownId}, until 2030-01-01T01:00:00Z.`,
    ])
  })

  it("of one that runs or has run says what it holds, how it ended, and what still drains", async () => {
    const made = await world.provision(await create(), "n1", "n2")
    const running = await world.requests.explain(world.owner, made.shownId)
    expect(running.sentences).toEqual(["It holds n1, n2 until 2030-01-01T01:00:00Z."])
    expect(running.holds.map((hold) => hold.state)).toEqual(["held", "held"])
    await world.requests.release(world.owner, made.shownId)
    const over = await world.requests.explain(world.owner, made.shownId)
    expect(over.sentences).toEqual([
      "It was given back before its end at 2030-01-01T00:00:00Z.",
      "What runs on n1, n2 is being ended, until 2030-01-01T00:01:00Z at the latest.",
    ])
    expect(over).toMatchObject({ position: 0, ahead: { ids: [], count: 0 }, inTheWay: [] })
  })
})

describe("the inventory", () => {
  beforeEach(async () => {
    const outside = aMachine("a0", { labels: { "kubeslice.io/managed-by-egs": "false" } })
    const noGpus = aMachine("c0", { gpus: [], gpuModel: null })
    const machines = ["n1", "n2", "n3"].map((name) => aMachine(name))
    await world.inventory.seen("local", [...machines, outside, noGpus])
  })

  it("is all nodes with GPUs, managed ones first, each with its holder", async () => {
    const made = await world.provision(await create(), "n2")
    const views = await world.requests.inventory(world.owner)
    expect(views.map((view) => [view.node.name, view.managed, view.holder?.id ?? null])).toEqual([
      ["n1", true, null],
      ["n2", true, made.id],
      ["n3", true, null],
      ["a0", false, null],
    ])
    expect(views[1]?.hold).toMatchObject({ requestId: made.id, state: "held" })
  })

  it("says that a node is taken, but not by whom, to those who may not see", async () => {
    await world.provision(await create({ workspaceId: "blue", name: "theirs" }), "n2")
    await world.inventory.assign(world.owner, null, "n3", "blue")
    const ann = await world.member("ann", "red", "viewer")
    const views = await world.requests.inventory(ann)
    expect(views[1]).toMatchObject({ holder: null, hold: { state: "held", requestId: "", workspaceId: "" } })
    const assigned = views.find((view) => view.node.name === "n3")
    expect(assigned).toMatchObject({ managed: false, node: { workspaceId: null } })
    expect(JSON.stringify(views)).not.toMatch(/blue|theirs|gpr/)
  })

  it("of a workspace is what it holds now: not what it gave back", async () => {
    const made = await world.provision(await create({ nodes: 2 }), "n1", "n3")
    await world.provision(await create({ workspaceId: "blue" }), "n2")
    const ann = await world.member("ann", "red", "viewer")
    const names = async () => (await world.requests.inventoryOf(ann, "red")).map((view) => view.node.name)
    expect(await names()).toEqual(["n1", "n3"])
    await world.requests.release(world.owner, made.shownId)
    expect(await names()).toEqual([])
    const draining = (await world.requests.inventory(world.owner))[0]
    expect(draining).toMatchObject({ hold: { state: "draining" }, holder: { id: made.id } })
    await expect(world.requests.inventoryOf(ann, "blue")).rejects.toThrow(refused("not_found"))
    await expect(world.requests.inventoryOf(world.owner, "nowhere")).rejects.toThrow(refused("not_found"))
  })
})

describe("the timeline", () => {
  const dayMs = 24 * hourMs
  const around = () => ({ fromMs: world.clock.nowMs() - dayMs, toMs: world.clock.nowMs() + dayMs })
  const short = ({ nodeName, kind, name, startMs, endMs }: Awaited<ReturnType<typeof bars>>[number]) => {
    const zero = Date.UTC(2030, 0, 1)
    return [nodeName, kind, name, (startMs - zero) / 60_000, (endMs - zero) / 60_000]
  }
  const bars = (who = world.owner, more: object = {}) =>
    world.requests.timeline(who, { ...around(), ...more })

  /** n1: 30 minutes of `a`, now draining, `c` to come when `b` of the same workspace is over; n2: `b` until 1:00. */
  async function anHour() {
    const a = await world.provision(await create({ workspaceId: "blue", name: "a" }), "n1")
    const b = await world.provision(await create({ name: "b" }), "n2")
    const c = await create({ name: "c" })
    await world.clock.advance(hourMs / 2)
    await world.requests.release(world.owner, a.shownId)
    return { a, b, c }
  }

  it("is past, draining, running and predicted, by node and time", async () => {
    await anHour()
    expect((await bars()).map(short)).toEqual([
      ["n1", "past", "a", 0, 30],
      ["n1", "draining", "a", 30, 31],
      ["n1", "predicted", "c", 60, 120],
      ["n2", "running", "b", 0, 60],
    ])
  })

  it("shows what others have without saying whose it is", async () => {
    const { b, c } = await anHour()
    const ann = await world.member("ann", "red", "viewer")
    const seen = await bars(ann)
    expect(seen.map(({ requestId }) => requestId)).toEqual([null, null, c.shownId, b.shownId])
    expect(seen[0]).toMatchObject({ nodeName: "n1", name: null, workspaceId: null, kind: "past" })
    expect((await bars(ann, { workspaceId: "red" })).map(({ name }) => name)).toEqual(["c", "b"])
    await expect(bars(ann, { workspaceId: "blue" })).rejects.toThrow(refused("not_found"))
    await expect(bars(world.owner, { workspaceId: "nowhere" })).rejects.toThrow(refused("not_found"))
  })

  it("leaves out what ends before the span or begins after it", async () => {
    await anHour()
    const zero = Date.UTC(2030, 0, 1)
    const within = async (fromMin: number, toMin: number) =>
      (
        await world.requests.timeline(world.owner, {
          fromMs: zero + fromMin * 60_000,
          toMs: zero + toMin * 60_000,
        })
      ).map(({ kind }) => kind)
    expect(await within(-60, 0)).toEqual([])
    expect(await within(0, 10)).toEqual(["past", "running"])
    expect(await within(60, 61)).toEqual(["predicted"])
    expect(await within(30, 60)).toEqual(["draining", "running"])
    expect(await within(120, 200)).toEqual([])
  })

  it.each([
    { fromMs: 10, toMs: 10 },
    { fromMs: 11, toMs: 10 },
    { fromMs: 0, toMs: 92 * 24 * hourMs + 1 },
    { fromMs: Number.NaN, toMs: 5 },
    { fromMs: 0.5, toMs: 5 },
    { fromMs: 0, toMs: Infinity },
  ])("refuses the span %j", async (span) => {
    await expect(world.requests.timeline(world.owner, span)).rejects.toThrow(
      refused("invalid", { issues: [expect.objectContaining({ path: ["toMs"] })] }),
    )
  })
})

describe("the accuracy of estimates", () => {
  it("is of everybody's outcomes of the last 30 days, for anybody", async () => {
    const ann = await world.person("ann")
    const started = async () => (await world.requests.accuracy(ann)).map((band) => band.started)
    expect(await started()).toEqual([0, 0, 0])
    await world.provision(await create(), "n1")
    await world.clock.advance(60_000)
    await world.provision(await create({ workspaceId: "blue", priority: 300 }), "n2")
    expect(await started()).toEqual([0, 1, 1])
    await world.clock.advance(30 * 24 * hourMs)
    expect(await started()).toEqual([0, 0, 1])
  })
})
