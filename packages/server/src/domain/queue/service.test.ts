import { rmSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { AppError } from "../../kit/errors.ts"
import { createVirtualClock } from "../../kit/clock.ts"
import { createIds } from "../../kit/ids.ts"
import { silentLog } from "../../kit/log.ts"
import { fastDirectory, newDatabase } from "../../../../../test/support/new-database.ts"
import { openStore } from "../../store/index.ts"
import { defaultLimits, nodeHoldChanged } from "../gpu-requests/index.ts"
import type { Principal, Role, ServerRole, UserId } from "../identity/index.ts"
import { nodeChanged, type NodeId, unconstrained } from "../inventory/index.ts"
import { systemActor } from "../journal/index.ts"
import { createWorkspaceIndex, workspaceChanged } from "../workspaces/index.ts"
import { createCapacity, rebuild } from "./capacity.ts"
import { aClaim, aHold, aNode, aWorkspace } from "./fixtures.ts"
import { sentenceFor } from "./sentences.ts"
import type { QueuePlace } from "./commands.ts"
import { createQueue } from "./service.ts"
import type { Claim, ClaimId, ClaimOwnerPort } from "./types.ts"
import { claimChanged, queueControlChanged, reasonCodes } from "./types.ts"

/** The queue as the server wires it, on a database of its own. */
function openWorld() {
  const dir = fastDirectory("berth-queue-")
  const clock = createVirtualClock()
  const store = openStore({ path: newDatabase(join(dir, "berth.db")), clock, log: silentLog })
  const capacity = createCapacity()
  const index = createWorkspaceIndex()
  index.follow(store)
  store.subscribe(workspaceChanged, ({ workspace, gone }) => capacity.workspaceChanged(workspace, gone))
  store.subscribe(nodeChanged, (node) => capacity.nodeChanged(node))
  store.subscribe(nodeHoldChanged, ({ hold, free }) => capacity.holdChanged(hold, free))
  store.subscribe(claimChanged, (claim) => capacity.claimChanged(claim))
  store.subscribe(queueControlChanged, (control) => capacity.controlChanged(control))
  const told: string[] = []
  const faults = new Map<string, unknown>()
  const owner: ClaimOwnerPort = {
    async bound(_, claim) {
      const fault = faults.get(claim.owner.shownId)
      if (fault) throw fault
      told.push(`bound ${claim.owner.shownId} v${claim.version}`)
    },
    async evicted(_, claim, cause, by) {
      told.push(`evicted ${claim.owner.shownId} ${cause} by ${by?.owner.shownId ?? "nobody"}`)
    },
  }
  const queue = createQueue({
    store,
    rows: store.claims,
    capacity,
    clock,
    journal: store.journal,
    workspaces: { find: (id) => index.find(id), rows: store.workspaces },
    nodeAt: (from, id) => store.inventory.node(from, id),
    requests: store.gpuRequests,
    reservations: capacity.reservations,
    ids: createIds(() => clock.nowMs()),
    limits: defaultLimits,
    automaticTemplate: () => undefined,
    owners: { workload: owner, "ray-cluster": owner },
  })
  return { dir, clock, store, capacity, queue, told, faults, index }
}
type World = ReturnType<typeof openWorld>

let world: World
beforeEach(() => {
  world = openWorld()
})
afterEach(async () => {
  await world.store.close()
  rmSync(world.dir, { recursive: true, force: true })
})

const id = (name: string) => `clm_${name}` as ClaimId
const gpu = (gpus: number, change: Partial<Claim> = {}) => ({ ...change, size: { gpus, cpuMilli: 1000 } })

/** One pod with 2 GPUs and one with 3 cores. */
const mixed = (name: string, change: Partial<Claim> = {}) => {
  const size = { cpuMilli: 3000, memoryBytes: 1, gpus: 0, ephemeralBytes: 0 }
  return aClaim(name, gpu(2, { ...change, beside: [{ pods: 1, size, constraints: unconstrained }] }))
}

/** A GPU request of the workspace holds the node. */
async function holdFor(workspaceId: string, nodeId: string) {
  await world.store.tx((tx) => world.store.gpuRequests.insertHold(tx, aHold(nodeId as NodeId, workspaceId)))
}

async function add(...items: readonly (Claim | ReturnType<typeof aNode> | ReturnType<typeof aWorkspace>)[]) {
  const { store, queue, clock } = world
  await store.tx(async (tx) => {
    for (const item of items)
      if ("owner" in item) await queue.want(tx, item, clock.nowMs())
      else if ("clusterId" in item) await store.inventory.insertNode(tx, item)
      else await store.workspaces.insert(tx, item)
  })
}
async function turn() {
  const plan = world.capacity.plan(world.clock.nowMs())
  const done = await world.queue.commitPlan(plan)
  world.capacity.settled(plan)
  return done
}
const row = (name: string) => world.store.claims.byId(world.store.committed, id(name))
const events = async (name: string) => {
  const subject = { kind: "workload", id: name } as const
  return (await world.store.journal.latestEvents(world.store.committed, subject, 50)).map(
    (event) => event.type,
  )
}
async function rebuilt() {
  const { store } = world
  const from = store.committed
  return rebuild(
    await store.claims.live(from),
    await store.inventory.nodes(from),
    await store.workspaces.workspaces(from),
    await store.claims.control(from),
  )
}
function person(rolesIn: Record<string, Role>, serverRole: ServerRole | null = null): Principal {
  return {
    userId: "usr_1" as UserId,
    userName: "ann",
    keyId: null,
    serverRole,
    roleIn: (workspaceId) => rolesIn[workspaceId] ?? (serverRole ? "viewer" : null),
    workspaces: () => (serverRole ? null : Object.keys(rolesIn)),
    actor: systemActor("test"),
  }
}

describe("commitPlan", () => {
  it("binds in one transaction with owner and event, and memory equals the rows", async () => {
    await add(
      aWorkspace("default"),
      aNode("n1", 4),
      aClaim("a", gpu(2)),
      aClaim("b", gpu(4, { queuedAtMs: 1 })),
    )
    expect(await turn()).toEqual({ admitted: 1, preempted: 0, lost: 0, filed: 0 })
    expect(await row("a")).toMatchObject({
      state: "bound",
      version: 2,
      boundAtMs: world.clock.nowMs(),
      placements: [{ pod: 0, nodeId: "nod_n1", gpuIndexes: [0, 1] }],
    })
    expect(world.told).toEqual(["bound a v2"])
    expect(await events("a")).toEqual(["claim.bound"])
    expect(await row("b")).toMatchObject({ state: "wanted", reason: "quota_short", version: 2 })
    expect(await events("b")).toEqual(["claim.waiting"])
    expect(world.capacity.fingerprint()).toBe((await rebuilt()).fingerprint())
  })

  it("writes a reason once, and again only when it is another", async () => {
    await add(
      aWorkspace("default"),
      aNode("n1", 1),
      aClaim("a", gpu(1)),
      aClaim("b", gpu(1, { queuedAtMs: 1 })),
    )
    await turn()
    world.capacity.markAllDirty()
    await turn()
    expect(await events("b")).toEqual(["claim.waiting"])
    await world.store.tx((tx) => world.store.inventory.insertNode(tx, aNode("n2", 1, { cordoned: true })))
    await turn()
    const before = (await events("b")).length
    world.capacity.markAllDirty()
    await turn()
    expect(await events("b")).toHaveLength(before)
  })

  it("writes no reason on the rows of a paused queue, whose state says it for all", async () => {
    await add(aWorkspace("default"), aNode("n1", 1), aClaim("a", gpu(1)))
    await world.queue.pause(person({}, "owner"), null)
    await turn()
    expect(await events("a")).toEqual([])
    expect(world.capacity.reasons("clm_a" as ClaimId, 0).map((reason) => reason.code)).toEqual([
      "queue_paused",
    ])
  })

  it("admits more than one transaction holds", async () => {
    const nodes = Array.from({ length: 40 }, (_, at) => aNode(`n${at}`, 0))
    const claims = Array.from({ length: 200 }, (_, at) => aClaim(`w${at}`, { queuedAtMs: at }))
    await add(aWorkspace("default"), ...nodes, ...claims)
    expect(await turn()).toEqual({ admitted: 200, preempted: 0, lost: 0, filed: 0 })
    expect(world.capacity.isDirty(world.clock.nowMs())).toBe(false)
    expect(world.capacity.fingerprint()).toBe((await rebuilt()).fingerprint())
  })

  const changes: Record<string, () => Promise<unknown>> = {
    "was amended": () =>
      world.store.tx((tx) => world.queue.amend(tx, aClaim("a", gpu(1)), { priority: 1 }, 0)),
    "was given up": () => world.store.tx((tx) => world.queue.giveUp(tx, aClaim("a", gpu(1)), 0)),
    "lost its node to a cordon": () => changeNode({ cordoned: true }),
    "lost its node to another workspace": () => changeNode({ workspaceId: "team" }),
    "lost its node to a smaller capacity": () => changeNode({ gpus: [] }),
    "lost its node altogether": () => changeNode({ removedAtMs: 1 }),
    "had its queue paused": () => world.queue.pause(person({}, "owner"), "default"),
    "had all queues paused": () => world.queue.pause(person({}, "owner"), null),
  }
  async function changeNode(change: Partial<ReturnType<typeof aNode>>) {
    const [node] = await world.store.inventory.nodes(world.store.committed)
    if (!node) throw new Error("no node")
    await world.store.tx((tx) => world.store.inventory.updateNode(tx, { ...node, ...change }))
  }
  it.each(Object.entries(changes))("loses a claim that %s after the plan", async (_, change) => {
    await add(aWorkspace("default"), aNode("n1", 4), aClaim("a", gpu(1)))
    const plan = world.capacity.plan(world.clock.nowMs())
    expect(plan.admissions).toHaveLength(1)
    await change()
    expect(await world.queue.commitPlan(plan)).toMatchObject({ admitted: 0, lost: 1, filed: 0 })
    world.capacity.settled(plan)
    expect((await row("a"))?.state).not.toBe("bound")
    expect(world.told).toEqual([])
    for (let turns = 0; world.capacity.isDirty(world.clock.nowMs()); turns++) {
      expect(turns).toBeLessThan(5)
      await turn()
    }
  })

  it("sees a change of the same batch, which memory does not know yet", async () => {
    await add(aWorkspace("default"), aNode("n1", 4), aClaim("a", gpu(1)))
    const { store, queue, capacity, clock } = world
    const plan = capacity.plan(clock.nowMs())
    const [n1] = await store.inventory.nodes(store.committed)
    if (!n1) throw new Error("no node")
    const cordon = store.tx((tx) => store.inventory.updateNode(tx, { ...n1, cordoned: true }))
    const [, done] = await Promise.all([cordon, queue.commitPlan(plan)])
    expect(done).toMatchObject({ admitted: 0, lost: 1, filed: 0 })
  })

  it("binds pods of several sizes, and loses them when a node has become too small for its own", async () => {
    await add(
      aWorkspace("default"),
      aNode("n1", 2),
      aNode("n2", 0),
      mixed("a"),
      mixed("b", { queuedAtMs: 1 }),
    )
    expect(await turn()).toMatchObject({ admitted: 1 })
    expect((await row("a"))?.placements).toMatchObject([{ nodeId: "nod_n1" }, { nodeId: "nod_n2" }])
    await world.store.tx(async (tx) => {
      const claim = await world.queue.byId(tx, id("a"))
      if (claim) await world.queue.gone(tx, claim, 0)
    })
    const plan = world.capacity.plan(world.clock.nowMs())
    expect(plan.admissions).toHaveLength(1)
    const n2 = (await world.store.inventory.nodes(world.store.committed)).find(({ name }) => name === "n2")
    if (!n2) throw new Error("no node")
    const capacity = { ...n2.capacity, cpuMilli: 2999 }
    await world.store.tx((tx) => world.store.inventory.updateNode(tx, { ...n2, capacity }))
    expect(await world.queue.commitPlan(plan)).toMatchObject({ admitted: 0, lost: 1 })
  })

  it("never binds a GPU twice, even from a plan that is out of date", async () => {
    await add(aWorkspace("default"), aNode("n1", 2), aClaim("a", gpu(2)))
    const old = world.capacity.plan(world.clock.nowMs())
    await add(aClaim("b", gpu(2, { rescheduled: true })))
    await turn()
    expect(await world.queue.commitPlan(old)).toMatchObject({ admitted: 0, lost: 1, filed: 0 })
    expect([(await row("a"))?.state, (await row("b"))?.state]).toEqual(["wanted", "bound"])
  })

  it("keeps one owner's fault from the others, and lets its claim wait after three", async () => {
    world.faults.set("bad", new AppError("stale", "not wanted any more"))
    await add(
      aWorkspace("default"),
      aNode("n1", 4),
      aClaim("bad", gpu(1)),
      aClaim("good", gpu(1, { queuedAtMs: 1 })),
    )
    expect(await turn()).toEqual({ admitted: 1, preempted: 0, lost: 1, filed: 0 })
    expect(world.told).toEqual(["bound good v2"])
    expect(world.capacity.isDirty(world.clock.nowMs())).toBe(true)
    await turn()
    await turn()
    const now = world.clock.nowMs()
    expect((await row("bad"))?.gates).toEqual([{ kind: "backoff", untilMs: now + 5000 }])
    await turn()
    expect(world.capacity.isDirty(now)).toBe(false)
    world.faults.clear()
    await world.clock.advance(5000)
    expect(await turn()).toMatchObject({ admitted: 1 })
    expect(await events("bad")).toContain("claim.bound")
  })

  it("tells of a store that cannot write, and binds nothing", async () => {
    world.faults.set("a", new AppError("unavailable", "full", { detail: "store_full" }))
    await add(aWorkspace("default"), aNode("n1", 4), aClaim("a", gpu(1)))
    await expect(turn()).rejects.toMatchObject({ code: "unavailable" })
    expect((await row("a"))?.state).toBe("wanted")
    world.faults.clear()
    expect(await turn()).toMatchObject({ admitted: 1 })
  })

  it("preempts: victims leave with the policy's grace, the preemptor is nominated, then bound", async () => {
    const policy = { enablePreempt: true, stopGraceSeconds: 7 }
    await add(aWorkspace("default", { policy }), aNode("n1", 4), aClaim("low", gpu(4)))
    await turn()
    await add(aClaim("high", gpu(2, { priority: 2 })))
    expect(await turn()).toEqual({ admitted: 0, preempted: 1, lost: 0, filed: 0 })
    const now = world.clock.nowMs()
    const low = await row("low")
    expect(low).toMatchObject({ state: "releasing", releasingAtMs: now, releaseDeadlineMs: now + 37_000 })
    expect(world.told).toEqual(["bound low v2", "evicted low preempted by high"])
    expect((await row("high"))?.nominated).toHaveLength(1)
    expect(await events("low")).toEqual(["claim.releasing", "claim.bound"])
    expect(await events("high")).toEqual(["claim.waiting", "claim.nominated"])
    expect(world.capacity.fingerprint()).toBe((await rebuilt()).fingerprint())
    if (low) await world.store.tx((tx) => world.queue.gone(tx, low, now))
    expect(await turn()).toMatchObject({ admitted: 1 })
    expect(await row("high")).toMatchObject({ state: "bound", nominated: [], reason: null })
  })

  it("evicts nobody for a preemptor that is not as it was", async () => {
    const policy = { enablePreempt: true }
    await add(aWorkspace("default", { policy }), aNode("n1", 4), aClaim("low", gpu(4)))
    await turn()
    await add(aClaim("high", gpu(2, { priority: 2 })))
    const plan = world.capacity.plan(world.clock.nowMs())
    const high = await row("high")
    if (high) await world.store.tx((tx) => world.queue.giveUp(tx, high, 0))
    expect(await world.queue.commitPlan(plan)).toEqual({ admitted: 0, preempted: 0, lost: 1, filed: 0 })
    expect((await row("low"))?.state).toBe("bound")
  })
})

describe("the moves of claims", () => {
  it("amend only what is wanted, and drop what was kept for another size", async () => {
    const nominated = [{ pod: 0, nodeId: aNode("n1", 1).id, gpuIndexes: [0] }]
    await add(aWorkspace("default"), aClaim("a", gpu(1, { nominated })))
    const { store, queue } = world
    const kept = await store.tx((tx) => queue.amend(tx, aClaim("a", gpu(1, { nominated })), { gates: [] }, 0))
    expect(kept).toMatchObject({ version: 2, nominated })
    const dropped = await store.tx((tx) => queue.amend(tx, kept, { priority: 2 }, 0))
    expect(dropped).toMatchObject({ version: 3, nominated: [] })
    await expect(store.tx((tx) => queue.amend(tx, kept, { priority: 1 }, 0))).rejects.toMatchObject({
      code: "stale",
    })
    const leaving = { ...dropped, state: "releasing" as const }
    const moved = store.tx((tx) => queue.amend(tx, leaving, { priority: 1 }, 0))
    await expect(moved).rejects.toMatchObject({ code: "conflict" })
  })

  it("amend the priority of what is bound, and nothing else of it", async () => {
    await add(aWorkspace("default"), aNode("n1", 1), aClaim("a", gpu(1)))
    await turn()
    const { store, queue } = world
    const bound = await row("a")
    if (!bound) throw new Error("no claim")
    await expect(store.tx((tx) => queue.amend(tx, bound, { pods: 2 }, 0))).rejects.toMatchObject({
      code: "conflict",
    })
    await store.tx((tx) => queue.amend(tx, bound, { priority: 2 }, 0))
    expect(await row("a")).toMatchObject({ state: "bound", priority: 2 })
    expect(world.capacity.fingerprint()).toBe((await rebuilt()).fingerprint())
  })

  it("release once, with grace and slack; gone is gone", async () => {
    await add(aWorkspace("default"), aNode("n1", 1), aClaim("a", gpu(1)))
    await turn()
    const { store, queue } = world
    const bound = await row("a")
    if (!bound) throw new Error("no claim")
    const leaving = await store.tx((tx) => queue.release(tx, bound, "stopped", 5000, 100))
    expect(leaving).toMatchObject({ state: "releasing", releaseDeadlineMs: 35_100, version: 3 })
    expect(await store.tx((tx) => queue.release(tx, leaving, "failed", 9000, 200))).toBe(leaving)
    await store.tx((tx) => queue.gone(tx, leaving, 300))
    const gone = await row("a")
    expect(gone).toMatchObject({ state: "gone", placements: bound.placements })
    if (!gone) throw new Error("no claim")
    await store.tx((tx) => queue.gone(tx, gone, 400))
    await store.tx((tx) => queue.giveUp(tx, gone, 400))
    await expect(store.tx((tx) => queue.release(tx, gone, "failed", 0, 400))).rejects.toMatchObject({
      code: "conflict",
    })
    expect(await events("a")).toEqual(["claim.gone", "claim.releasing", "claim.bound"])
    expect(world.capacity.free("nod_n1").gpus).toBe(1)
  })

  it("refuse to give up what is bound and to end what was never placed", async () => {
    await add(
      aWorkspace("default"),
      aNode("n1", 1),
      aClaim("a", gpu(1)),
      aClaim("b", gpu(1, { queuedAtMs: 1 })),
    )
    await turn()
    const { store, queue } = world
    const [bound, wanted] = [await row("a"), await row("b")]
    if (!bound || !wanted) throw new Error("no claims")
    const conflict = { code: "conflict" }
    await expect(store.tx((tx) => queue.giveUp(tx, bound, 0))).rejects.toMatchObject(conflict)
    await expect(store.tx((tx) => queue.gone(tx, wanted, 0))).rejects.toMatchObject(conflict)
  })

  it("split a claim with pods of several sizes into claims of one pod with its own size each", async () => {
    await add(aWorkspace("default"), aNode("n1", 4), aNode("n2", 0), mixed("a"))
    await turn()
    const free = world.capacity.free("nod_n2")
    const bound = await row("a")
    if (!bound) throw new Error("no claim")
    await world.store.tx((tx) => world.queue.split(tx, bound, [id("a1"), id("a2")]))
    expect(await row("a1")).toMatchObject({ pods: 1, size: { gpus: 2 }, beside: [] })
    expect(await row("a2")).toMatchObject({
      pods: 1,
      size: { gpus: 0, cpuMilli: 3000 },
      beside: [],
      placements: [{ pod: 0, nodeId: "nod_n2", gpuIndexes: [] }],
    })
    expect(world.capacity.free("nod_n2")).toEqual(free)
    expect(world.capacity.fingerprint()).toBe((await rebuilt()).fingerprint())
  })

  it("refuse a claim whose own pods do not want most GPUs, or with a set of no pods", async () => {
    await add(aWorkspace("default"))
    const { size, constraints } = mixed("a")
    const internal = { code: "internal" }
    const most = { ...mixed("a"), beside: [{ pods: 1, size: { ...size, gpus: 3 }, constraints }] }
    await expect(add(most)).rejects.toMatchObject(internal)
    const none = { ...mixed("a"), beside: [{ pods: 0, size, constraints }] }
    await expect(add(none)).rejects.toMatchObject(internal)
  })
})

describe("drains", () => {
  it("evict all that is bound on the node, once", async () => {
    await add(aWorkspace("default"), aNode("n1", 2), aNode("n2", 1))
    await add(aClaim("a", gpu(1, { pods: 2 })), aClaim("b", gpu(1, { queuedAtMs: 1 })))
    await turn()
    const evict = () => world.queue.evictFrom(systemActor("test"), "nod_n1")
    expect([await evict(), await evict()]).toEqual([1, 0])
    expect(world.told.slice(2)).toEqual(["evicted a stopped by nobody"])
    expect([(await row("a"))?.state, (await row("b"))?.state]).toEqual(["releasing", "bound"])
  })
})

describe("pause and resume", () => {
  it("need the right, are idempotent, and leave event and audit", async () => {
    await add(aWorkspace("default"), aNode("n1", 2), aClaim("a", gpu(1)))
    const { queue, store } = world
    await expect(queue.pause(person({ default: "editor" }), "default")).rejects.toMatchObject({
      code: "forbidden",
    })
    await expect(queue.pause(person({ default: "owner" }), null)).rejects.toMatchObject({ code: "forbidden" })
    await expect(queue.pause(person({ default: "owner" }), "team")).rejects.toMatchObject({
      code: "not_found",
    })
    await expect(queue.pause(person({}, "owner"), "nowhere")).rejects.toMatchObject({ code: "not_found" })
    for (const target of ["default", null]) {
      await queue.pause(person({}, "owner"), target)
      await queue.pause(person({}, "owner"), target)
      expect(await turn()).toMatchObject({ admitted: 0 })
      await queue.resume(person({}, "owner"), target)
      await queue.resume(person({}, "owner"), target)
    }
    const { items } = await store.journal.auditPage(store.committed, { workspaces: null }, 100, null)
    expect(items.map((item) => item.operation)).toEqual([
      "queue.pause-all",
      "queue.pause-all",
      "queue.pause",
      "queue.pause",
    ])
    expect(await turn()).toMatchObject({ admitted: 1 })
  })
})

describe("what readers see", () => {
  beforeEach(async () => {
    await add(
      aWorkspace("default"),
      aWorkspace("team"),
      aNode("n1", 2, { workspaceId: null }),
      aNode("n2", 0),
    )
    await holdFor("default", "nod_n1")
    await add(aClaim("a", gpu(2)), aClaim("hog", { workspaceId: "team", size: { cpuMilli: 7000 } }))
    await add(aClaim("g", { size: { cpuMilli: 1000 } }))
    await turn()
    await add(aClaim("b", gpu(1, { queuedAtMs: 1 })), aClaim("c", gpu(1, { queuedAtMs: 2 })))
    await add(aClaim("t", { workspaceId: "team", size: { cpuMilli: 8000 } }))
    await turn()
  })

  it("lists the queues that a person may see, in order, with positions and reasons", async () => {
    const list = async (who: Principal, workspaceId: string | null) =>
      (await world.queue.list(who, workspaceId, { limit: 100, after: null })).items.map((one) => [
        one.claim.owner.shownId,
        one.position,
        one.reasons[0]?.code,
      ])
    const all = [
      ["b", 1, "quota_short"],
      ["c", 2, "blocked_by"],
    ]
    expect(await list(person({ default: "viewer" }), null)).toEqual(all)
    expect(await list(person({ default: "viewer" }), "default")).toEqual(all)
    expect((await list(person({}, "viewer"), null)).map(([name]) => name)).toEqual(["b", "c", "t"])
    await expect(list(person({ default: "viewer" }), "team")).rejects.toMatchObject({ code: "not_found" })
    await expect(list(person({}, "owner"), "nowhere")).rejects.toMatchObject({ code: "not_found" })
  })

  it("goes on after the last one shown, also when that one has left the queue", async () => {
    const owner = person({}, "owner")
    const part = async (after: QueuePlace | null, limit: number) => {
      const { items, hasMore } = await world.queue.list(owner, null, { limit, after })
      return [items.map((one) => [one.claim.owner.shownId, one.position]), hasMore]
    }
    const b = { workspaceId: "default", position: 1, claimId: id("b") }
    expect(await part(null, 1)).toEqual([[["b", 1]], true])
    expect(await part(b, 1)).toEqual([[["c", 2]], true])
    expect(await part({ workspaceId: "default", position: 2, claimId: id("c") }, 1)).toEqual([
      [["t", 1]],
      false,
    ])
    expect(await part(null, 3)).toMatchObject([{ length: 3 }, false])
    const head = await row("b")
    if (head) await world.store.tx((tx) => world.queue.giveUp(tx, head, 0))
    expect(await part(b, 2)).toEqual([
      [
        ["c", 1],
        ["t", 1],
      ],
      false,
    ])
  })

  it("explains with sentence, holders, who is ahead and the last moves", async () => {
    const why = await world.queue.explain(
      person({ default: "viewer" }),
      id("c"),
      { kind: "workload", id: "c" },
      "Pending",
    )
    expect(why).toMatchObject({ state: "Pending", position: 2, ahead: { ids: ["b"], count: 1 } })
    expect(why.reasons[0]).toMatchObject({
      code: "blocked_by",
      sentence: "It waits behind b, which is short of the same resource.",
      holders: ["b"],
    })
    const first = await world.queue.explain(
      person({ default: "viewer" }),
      id("b"),
      { kind: "workload", id: "b" },
      "Pending",
    )
    expect(first.reasons[0]?.sentence).toBe("Not enough is free: 1 GPU needed, 0 free in all; held by a.")
    expect(first.moves.map((event) => event.type)).toEqual(["claim.waiting"])
    expect(first.waitingSinceMs).toBe(world.clock.nowMs())
  })

  it("hides whom the reader may not see behind a count", async () => {
    const holders = async (who: Principal) =>
      (await world.queue.explain(who, id("t"), { kind: "workload", id: "t" }, "Pending")).reasons[0]
    expect(await holders(person({ team: "viewer" }))).toMatchObject({ holders: ["hog"], holdersHidden: 1 })
    expect(await holders(person({}, "viewer"))).toMatchObject({ holders: ["hog", "g"], holdersHidden: 0 })
  })

  it("says nothing of what does not wait", async () => {
    const quiet = { reasons: [], position: 0, ahead: { ids: [], count: 0 }, waitingSinceMs: null }
    expect(
      await world.queue.explain(
        person({ default: "viewer" }),
        id("a"),
        { kind: "workload", id: "a" },
        "Running",
      ),
    ).toMatchObject(quiet)
    expect(
      await world.queue.explain(person({ default: "viewer" }), null, { kind: "workload", id: "x" }, "Failed"),
    ).toMatchObject({
      ...quiet,
      moves: [],
    })
  })
})

describe("sentences", () => {
  it.each(reasonCodes)("%s has one of its own, ending in a full stop", (code) => {
    const say = (hidden: number) =>
      sentenceFor(
        { code, resource: "gpu", needed: 2, free: 1, untilMs: 0, nodes: ["n1"] },
        { shown: ["x"], hidden },
      )
    expect(say(0)).toMatch(/^[A-Z0-9].*\.$/)
    expect(say(0)).not.toContain("undefined")
    expect(sentenceFor({ code }, { shown: [], hidden: 0 })).toMatch(/^[A-Z0-9].*\.$/)
    const others = reasonCodes.filter((other) => other !== code)
    for (const other of others)
      expect(sentenceFor({ code: other }, { shown: [], hidden: 0 })).not.toBe(
        sentenceFor({ code }, { shown: [], hidden: 0 }),
      )
  })

  it("says who has a port where the driver knows", () => {
    const detail = "Port 8000 is in use on this machine by pod web-1."
    expect(sentenceFor({ code: "port_in_use", detail }, { shown: [], hidden: 0 })).toBe(detail)
  })

  it("counts those that the reader may not see", () => {
    const reason = { code: "quota_short", resource: "memory", needed: 2 * 1024 ** 3, free: 0 } as const
    expect(sentenceFor(reason, { shown: ["x"], hidden: 2 })).toBe(
      "Not enough is free: 2Gi of memory needed, 0 free in all; held by x, 2 more.",
    )
    expect(sentenceFor(reason, { shown: [], hidden: 2 })).toContain("held by 2 of other workspaces")
  })
})
