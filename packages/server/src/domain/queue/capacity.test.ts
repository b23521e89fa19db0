import { beforeEach, describe, expect, it } from "vitest"
import { unconstrained } from "../inventory/index.ts"
import type { Bench } from "./fixtures.ts"
import { aClaim, aGpu, aNode, aWorkspace, createBench } from "./fixtures.ts"
import { canMoveClaim, claimMoves, terminalClaimStates } from "./states.ts"
import type { Claim, ClaimId, ClaimState, Plan } from "./types.ts"

const id = (name: string) => `clm_${name}` as ClaimId
const admitted = (plan: Plan) => plan.admissions.map((one) => one.claimId.slice(4))
const refused = (plan: Plan) =>
  Object.fromEntries(plan.refusals.map(({ claimId, reason }) => [claimId.slice(4), reason.code]))
const wants = (gpus: number, change: Partial<Claim> = {}) => ({ ...change, size: { gpus, cpuMilli: 1000 } })

let bench: Bench
beforeEach(() => {
  bench = createBench()
  bench.putWorkspace(aWorkspace("default"))
})
const plan = (nowMs = 0) => bench.capacity.plan(nowMs)
const where = (name: string) => {
  const claim = bench.claims.get(id(name))
  return claim?.placements.map((one) => `${one.nodeId.slice(4)}:${one.gpuIndexes.join(",")}`)
}

describe("the states of a claim", () => {
  it("allow the moves of the table and no others", () => {
    const states = Object.keys(claimMoves) as ClaimState[]
    const allowed = states.flatMap((from) =>
      states.filter((to) => canMoveClaim(from, to)).map((to) => `${from}>${to}`),
    )
    expect(allowed).toEqual([
      "wanted>bound",
      "wanted>gone",
      "bound>releasing",
      "bound>gone",
      "releasing>gone",
    ])
    for (const state of terminalClaimStates) expect(claimMoves[state]).toEqual([])
  })
})

describe("the order of a queue", () => {
  it("is rescheduled, then without dependency, then priority, then age, then shown id", () => {
    bench.put(
      aClaim("e", { queuedAtMs: 2 }),
      aClaim("d", { queuedAtMs: 1 }),
      aClaim("c", { queuedAtMs: 1 }),
      aClaim("g", { priority: 2, gates: [{ kind: "dependency", on: ["x"] }] }),
      aClaim("f", { queuedAtMs: 3, gates: [{ kind: "time", untilMs: 9 }] }),
      aClaim("b", { priority: 1, queuedAtMs: 9 }),
      aClaim("a", { rescheduled: true, queuedAtMs: 10 }),
    )
    const names = bench.capacity.queue("default").map((claim) => claim.owner.shownId)
    expect(names).toEqual(["a", "b", "c", "d", "e", "f", "g"])
    expect(bench.capacity.position(id("a"))).toBe(1)
    expect(bench.capacity.position(id("g"))).toBe(7)
    bench.change(id("g"), { gates: [] })
    expect(bench.capacity.position(id("g"))).toBe(2)
    expect(bench.capacity.position(id("nobody"))).toBe(0)
  })
})

describe("placement", () => {
  it("takes the smallest node that is enough and its lowest GPUs", () => {
    bench.putNode(aNode("n1", 8), aNode("n2", 4), aNode("n3", 4))
    bench.put(aClaim("a", wants(2)))
    bench.settle(0)
    bench.put(aClaim("b", wants(2)), aClaim("c", wants(1)))
    bench.settle(0)
    expect([where("a"), where("b"), where("c")]).toEqual([["n2:0,1"], ["n2:2,3"], ["n3:0"]])
  })

  it("spreads a gang over as few nodes as it can, ranks in the order of names", () => {
    bench.putNode(aNode("n1", 2), aNode("n2", 4), aNode("n3", 4))
    bench.put(aClaim("a", wants(1, { pods: 6 })))
    bench.settle(0)
    expect(where("a")).toEqual(["n1:0", "n1:1", "n2:0", "n2:1", "n2:2", "n2:3"])
  })

  it("never takes part of a gang", () => {
    bench.putNode(aNode("n1", 2), aNode("n2", 2))
    bench.put(aClaim("one", wants(1)))
    bench.settle(0)
    bench.put(aClaim("gang", wants(2, { pods: 2 })))
    expect(admitted(plan())).toEqual([])
    bench.settle(0)
    bench.move(id("one"), "gone")
    bench.settle(0)
    expect(where("gang")).toEqual(["n1:0,1", "n2:0,1"])
  })

  it("never spans clusters, and takes the first of the workspace's that has room", () => {
    bench.putWorkspace(aWorkspace("default", { clusters: ["c2", "c1"], version: 2 }))
    bench.putNode(aNode("n1", 2), aNode("n2", 1, { clusterId: "c2" }), aNode("n3", 4, { clusterId: "c3" }))
    bench.put(aClaim("a", wants(1, { pods: 2 })), aClaim("b", wants(1, { queuedAtMs: 1 })))
    bench.settle(0)
    expect([where("a"), where("b")]).toEqual([["n1:0", "n1:1"], ["n2:0"]])
  })

  it("takes GPUs that processes from outside use only where it must", () => {
    const gpus = [aGpu(0, true), aGpu(1), aGpu(2)]
    bench.putNode(aNode("n1", 3, { gpus }), aNode("n2", 4))
    bench.put(
      aClaim("a", wants(2)),
      aClaim("b", wants(1, { queuedAtMs: 1 })),
      aClaim("c", wants(4, { queuedAtMs: 2 })),
    )
    bench.settle(0)
    expect([where("a"), where("b"), where("c")]).toEqual(
      [["n1:1,2"], ["n2:0"], undefined].map((one) => one ?? []),
    )
    bench.move(id("b"), "gone")
    bench.settle(0)
    expect(where("c")).toEqual(["n2:0,1,2,3"])
    bench.put(aClaim("d", wants(1)))
    bench.settle(0)
    expect(where("d")).toEqual(["n1:0"])
  })

  it("gives each named node its pod", () => {
    bench.putNode(aNode("n1", 4), aNode("n2", 4), aNode("n3", 4))
    bench.put(aClaim("a", wants(1, { pods: 2, constraints: { ...unconstrained, nodeNames: ["n3", "n1"] } })))
    bench.settle(0)
    expect(where("a")).toEqual(["n1:0", "n3:0"])
  })

  it("puts pods without GPUs on nodes without, then on the workspace's own, then on free ones", () => {
    bench.putWorkspace(aWorkspace("team"))
    bench.putNode(
      aNode("free", 2, { workspaceId: null }),
      aNode("lent", 2, { workspaceId: null }),
      aNode("own", 2, { workspaceId: "team" }),
      aNode("plain", 0),
      aNode("other", 0, { workspaceId: "default" }),
    )
    bench.hold("nod_lent", "default")
    bench.put(aClaim("a", { workspaceId: "team", pods: 20 }))
    bench.settle(0)
    const counts = Object.groupBy(where("a") ?? [], (place) => place.split(":")[0] ?? "")
    expect([counts["plain"]?.length, counts["own"]?.length, counts["free"]?.length]).toEqual([8, 8, 4])
    expect([counts["other"], counts["lent"]]).toEqual([undefined, undefined])
  })

  it("gives GPUs of a node to the workspace that holds it or that it is assigned to, and to nobody else", () => {
    bench.putWorkspace(aWorkspace("team"))
    bench.putNode(aNode("n1", 2, { workspaceId: null }))
    bench.put(aClaim("a", wants(1, { workspaceId: "team" })), aClaim("b", wants(1)))
    expect(refused(plan())).toEqual({ a: "no_reservation", b: "no_reservation" })
    bench.hold("nod_n1", "team")
    expect([admitted(plan()), refused(plan())]).toEqual([["a"], { b: "no_reservation" }])
    bench.hold("nod_n1", "team", { state: "draining" })
    expect(admitted(plan())).toEqual([])
    bench.hold("nod_n1", null)
    bench.changeNode("nod_n1", { workspaceId: "default" })
    expect(admitted(plan())).toEqual(["b"])
  })

  it("makes guests leave a held node for the holder's work with GPUs, and only for that", () => {
    bench.putWorkspace(aWorkspace("team"), aWorkspace("others"))
    bench.putNode(aNode("n1", 2, { workspaceId: null }))
    bench.put(aClaim("guest", { workspaceId: "others", pods: 8, priority: 2 }))
    bench.settle(0)
    bench.hold("nod_n1", "team")
    bench.put(aClaim("plain", { workspaceId: "team" }))
    bench.settle(0)
    expect(bench.claims.get(id("guest"))?.state).toBe("bound")
    bench.put(aClaim("gpu", wants(2, { workspaceId: "team" })))
    bench.settle(0)
    expect(bench.claims.get(id("guest"))?.state).toBe("releasing")
    bench.move(id("guest"), "gone")
    bench.settle(0)
    expect(where("gpu")).toEqual(["n1:0,1"])
  })

  it("joins a request of somebody else only with a time-out that ends before it, where the policy says so", () => {
    bench.putWorkspace(aWorkspace("team", { policy: { joinGpuRequests: false } }))
    bench.putNode(aNode("n1", 4, { workspaceId: null }))
    bench.hold("nod_n1", "team", { untilMs: 10_000 })
    const work = (name: string, runsForMs: number | null) =>
      bench.put(aClaim(name, wants(1, { workspaceId: "team", runsForMs })))
    work("endless", null)
    work("long", 10_001)
    work("short", 10_000)
    expect([admitted(plan()), refused(plan())]).toEqual([
      ["short"],
      { endless: "workspace_busy", long: "workspace_busy" },
    ])
    bench.hold("nod_n1", "team", { untilMs: 10_000, automatic: true })
    expect(admitted(plan())).toEqual(["endless", "long", "short"])
  })

  it("does not call a request too short that would be too small as well", () => {
    bench.putWorkspace(aWorkspace("team", { policy: { joinGpuRequests: false } }))
    bench.putNode(aNode("n1", 4, { workspaceId: null }))
    bench.hold("nod_n1", "team", { untilMs: 10_000 })
    bench.put(aClaim("big", wants(8, { workspaceId: "team", runsForMs: null })))
    expect(refused(plan())).toEqual({ big: "cannot_be_met" })
  })

  it("lets equal amounts fit", () => {
    bench.putNode(aNode("n1", 0))
    bench.put(aClaim("a", { size: { cpuMilli: 8000, memoryBytes: 64 * 1024 ** 3 } }))
    expect(admitted(plan())).toEqual(["a"])
  })
})

describe("fifo and balance", () => {
  beforeEach(() => {
    bench.putNode(aNode("n1", 2), aNode("plain", 0))
    bench.put(aClaim("running", wants(1)))
    bench.settle(0)
  })

  it("fifo: the first that is blocked blocks those that ask for what it is short of", () => {
    bench.put(
      aClaim("big", wants(2, { queuedAtMs: 1 })),
      aClaim("small", wants(1, { queuedAtMs: 2 })),
      aClaim("plain", { queuedAtMs: 3 }),
    )
    expect([admitted(plan()), refused(plan())]).toEqual([
      ["plain"],
      { big: "quota_short", small: "blocked_by" },
    ])
    bench.settle(0)
    expect(bench.capacity.reasons(id("small"), 0)[0]).toEqual({ code: "blocked_by", claimIds: [id("big")] })
  })

  it("balance: it is skipped, but holds back lower priorities", () => {
    bench.changeWorkspace("default", { policy: { queuePolicy: "balance" } })
    bench.put(
      aClaim("big", wants(2, { priority: 1 })),
      aClaim("equal", wants(1, { priority: 1, queuedAtMs: 1 })),
      aClaim("low", wants(1, { queuedAtMs: 2 })),
    )
    expect([admitted(plan()), refused(plan())]).toEqual([
      ["equal"],
      { big: "quota_short", low: "blocked_by" },
    ])
  })

  it.each([
    ["waiting_for_time", { gates: [{ kind: "time", untilMs: 10 }] }],
    ["backoff", { gates: [{ kind: "backoff", untilMs: 10 }] }],
    ["dependency", { gates: [{ kind: "dependency", on: ["wl_x"] }] }],
    ["no_node_matches", { constraints: { ...unconstrained, labels: { a: "b" } } }],
    ["no_node_matches", { constraints: { ...unconstrained, nodeNames: ["nowhere"] } }],
    ["cannot_be_met", { pods: 9 }],
  ] as const)("an entry that waits for %s blocks nobody", (code, change) => {
    bench.put(aClaim("head", wants(2, { ...(change as Partial<Claim>), rescheduled: true })))
    bench.put(aClaim("next", wants(1, { queuedAtMs: 1 })))
    expect(admitted(plan())).toEqual(["next"])
    expect(bench.capacity.reasons(id("head"), 0)[0]?.code).toBe(code)
  })

  it("a blocked entry of another workspace blocks nobody here", () => {
    bench.putWorkspace(aWorkspace("team"))
    bench.put(aClaim("big", { workspaceId: "team", size: { cpuMilli: 8000, memoryBytes: 65 * 1024 ** 3 } }))
    bench.put(aClaim("small", wants(1, { queuedAtMs: 1 })))
    expect(admitted(plan())).toEqual(["small"])
  })
})

describe("reasons", () => {
  const code = (name: string, nowMs = 0) => bench.capacity.reasons(id(name), nowMs)[0]

  it("quota_short names resource, need, what is free, and who holds it", () => {
    bench.putNode(aNode("n1", 2))
    bench.put(aClaim("a", wants(2)), aClaim("b", wants(2, { queuedAtMs: 1 })))
    bench.settle(0)
    expect(code("b")).toEqual({
      code: "quota_short",
      resource: "gpu",
      needed: 2,
      free: 0,
      claimIds: [id("a")],
    })
  })

  it("no_node_fits when there is enough in all but not on one node", () => {
    bench.putNode(aNode("n1", 2), aNode("n2", 2))
    bench.put(aClaim("a", { ...wants(1), constraints: { ...unconstrained, nodeNames: ["n1"] } }))
    bench.put(aClaim("b", { ...wants(1), constraints: { ...unconstrained, nodeNames: ["n2"] } }))
    bench.settle(0)
    bench.put(aClaim("c", wants(2)))
    expect(code("c")).toMatchObject({ code: "no_node_fits", resource: "gpu", needed: 2, free: 1 })
  })

  it.each([
    ["nodes_unhealthy", { healthy: false }],
    ["nodes_unhealthy", { stuck: true }],
    ["draining", { draining: true, cordoned: true }],
    ["cordoned", { cordoned: true }],
  ] as const)("%s names the nodes", (expected, change) => {
    bench.putNode(aNode("n1", 2, change))
    bench.put(aClaim("a", wants(1)))
    expect(code("a")).toEqual({ code: expected, nodes: ["n1"] })
    bench.changeNode("nod_n1", { healthy: true, stuck: false, draining: false, cordoned: false })
    bench.settle(0)
    expect(where("a")).toEqual(["n1:0"])
  })

  it("no_node_matches when labels narrow too far, or when every node is tainted", () => {
    bench.putNode(aNode("n1", 2, { taints: [{ key: "k", value: "", effect: "NoSchedule" }] }))
    bench.put(aClaim("a", wants(1)))
    expect(code("a")).toEqual({ code: "no_node_matches" })
    bench.put(aClaim("b", wants(1, { constraints: { ...unconstrained, labels: { a: "b" } } })))
    expect(code("b")).toEqual({ code: "no_node_matches", constrained: true })
  })

  it("queue_paused for each of the switches, and nothing is placed", () => {
    bench.putNode(aNode("n1", 2))
    bench.put(aClaim("a", wants(1)))
    bench.setPaused(true)
    expect([admitted(plan()), code("a")]).toEqual([[], { code: "queue_paused" }])
    bench.setPaused(false)
    for (const change of [{ queuePaused: true }, { state: "deleting" as const }]) {
      bench.changeWorkspace("default", change)
      expect([admitted(plan()), code("a")]).toEqual([[], { code: "queue_paused" }])
      bench.changeWorkspace("default", { queuePaused: false, state: "active" })
    }
    expect(admitted(plan())).toEqual(["a"])
  })

  it("queue_paused says so where a restore is why", () => {
    bench.putNode(aNode("n1", 2))
    bench.put(aClaim("a", wants(1)))
    const restoredFromMs = Date.UTC(2030, 0, 2)
    bench.capacity.controlChanged({ paused: true, pausedBy: "restore", sinceMs: 1, restoredFromMs })
    expect(bench.capacity.reasons(id("a"), 8)).toEqual([
      { code: "queue_paused", detail: expect.stringContaining("made at 2030-01-02T00:00:00.000Z") as string },
    ])
  })

  it("gates come with their facts, all of them", () => {
    bench.put(
      aClaim("a", {
        gates: [
          { kind: "backoff", untilMs: 7 },
          { kind: "dependency", on: ["wl_x"] },
          { kind: "time", untilMs: 9 },
        ],
      }),
    )
    expect(bench.capacity.reasons(id("a"), 8)).toEqual([
      { code: "waiting_for_time", untilMs: 9 },
      { code: "dependency", on: ["wl_x"] },
    ])
  })

  it("nobody who does not wait has one", () => {
    bench.putNode(aNode("n1", 2))
    bench.put(aClaim("a", wants(1)))
    bench.settle(0)
    expect(bench.capacity.reasons(id("a"), 0)).toEqual([])
    expect(bench.capacity.reasons(id("nobody"), 0)).toEqual([])
  })

  it("are the same for those far behind as a look at all of them would give", () => {
    bench.putNode(aNode("n1", 2))
    bench.put(...Array.from({ length: 50 }, (_, at) => aClaim(`w${at}`, wants(2, { queuedAtMs: at }))))
    bench.settle(0)
    expect(code("w49")).toEqual({ code: "blocked_by", claimIds: [id("w1")] })
    bench.move(id("w1"), "gone")
    expect(code("w49")).toEqual({ code: "blocked_by", claimIds: [id("w2")] })
  })
})

describe("time", () => {
  beforeEach(() => bench.putNode(aNode("n1", 4)))

  it("opens gates by itself, at the stated instant", () => {
    bench.put(
      aClaim("a", { gates: [{ kind: "time", untilMs: 10 }] }),
      aClaim("b", { gates: [{ kind: "backoff", untilMs: 20 }] }),
    )
    bench.settle(0)
    expect([bench.capacity.nextGateMs(0), bench.capacity.isDirty(9), bench.capacity.isDirty(10)]).toEqual([
      10,
      false,
      true,
    ])
    bench.settle(10)
    expect([where("a"), where("b"), bench.capacity.nextGateMs(10)]).toEqual([["n1:"], [], 20])
  })

  it("does not lose a gate when the clock is set back and goes on", () => {
    bench.put(
      aClaim("a", { gates: [{ kind: "time", untilMs: 10 }] }),
      aClaim("b", { gates: [{ kind: "time", untilMs: 50 }] }),
    )
    bench.settle(0)
    bench.changeNode("nod_n1", { healthy: false })
    bench.settle(30)
    bench.settle(5)
    expect(bench.capacity.nextGateMs(5)).toBe(10)
    bench.changeNode("nod_n1", { healthy: true })
    bench.settle(5)
    expect(where("a")).toEqual([])
    bench.settle(12)
    expect(where("a")).toEqual(["n1:"])
  })
})

describe("a clock that is set back", () => {
  it("lets those pass that waited behind an entry whose gate is shut again", () => {
    bench.putNode(aNode("n1", 4))
    bench.put(aClaim("running", wants(1)))
    bench.settle(0)
    bench.put(
      aClaim("head", wants(4, { queuedAtMs: 1, gates: [{ kind: "time", untilMs: 10 }] })),
      aClaim("next", wants(1, { queuedAtMs: 2 })),
    )
    bench.settle(20)
    expect(bench.capacity.reasons(id("next"), 20)[0]?.code).toBe("blocked_by")
    expect(bench.capacity.isDirty(5)).toBe(true)
    bench.settle(5)
    expect(where("next")).toEqual(["n1:1"])
  })
})

describe("a turn", () => {
  it("ends at its bound and says that there is more", () => {
    bench.putNode(aNode("n1", 8))
    bench.put(...[1, 2, 3].map((at) => aClaim(`w${at}`, wants(1, { queuedAtMs: at }))))
    const first = bench.capacity.plan(0, 2)
    expect([admitted(first), first.more]).toEqual([["w1", "w2"], true])
    bench.commit(first)
    bench.capacity.settled(first)
    expect(admitted(plan())).toEqual(["w3"])
  })

  it("tries those again that were lost to another change", () => {
    bench.putNode(aNode("n1", 8))
    bench.put(aClaim("a", wants(1)))
    const lost = plan()
    bench.capacity.settled(lost)
    expect(admitted(plan())).toEqual(["a"])
  })

  it("serves who has waited longest first where workspaces share nodes", () => {
    bench.putWorkspace(aWorkspace("zeta"), aWorkspace("alpha"))
    bench.putNode(aNode("n1", 0))
    bench.put(
      aClaim("a", { workspaceId: "alpha", queuedAtMs: 2, size: { cpuMilli: 8000 } }),
      aClaim("z", { workspaceId: "zeta", queuedAtMs: 1, size: { cpuMilli: 8000 } }),
    )
    expect(admitted(plan())).toEqual(["z"])
  })

  it("counts what runs on a node before the node is known", () => {
    const placements = [{ pod: 0, nodeId: aNode("n1", 2).id, gpuIndexes: [0] }]
    bench.put(aClaim("old", wants(1, { state: "bound", placements })))
    bench.putNode(aNode("n1", 2))
    expect(bench.capacity.free("nod_n1")).toMatchObject({ gpus: 1, cpuMilli: 7000 })
    bench.put(aClaim("new", wants(2)))
    expect(admitted(plan())).toEqual([])
    bench.move(id("old"), "gone")
    expect(admitted(plan())).toEqual(["new"])
  })
})

describe("preemption", () => {
  beforeEach(() => {
    bench.changeWorkspace("default", { policy: { enablePreempt: true } })
    bench.putNode(aNode("n1", 4))
  })
  const fill = (...claims: readonly Claim[]) => {
    bench.put(...claims)
    bench.settle(0)
  }
  const only = () => {
    const { preemptions } = plan()
    expect(preemptions.length).toBeLessThanOrEqual(1)
    return preemptions[0]?.victims.map((victim) => victim.slice(4))
  }

  it("takes lower priorities first, then the bigger, then the newer", () => {
    fill(
      aClaim("mid", wants(1, { priority: 1 })),
      aClaim("big", wants(2)),
      aClaim("small", wants(1, { queuedAtMs: 5 })),
    )
    bench.put(aClaim("p", wants(1, { priority: 2 })))
    expect(only()).toEqual(["big"])
    bench.move(id("p"), "gone")
    bench.move(id("big"), "gone")
    fill(aClaim("newer", wants(1, { queuedAtMs: 7 })), aClaim("older", wants(1, { queuedAtMs: 6 })))
    bench.put(aClaim("q", wants(2, { priority: 2 })))
    expect(only()).toEqual(["newer", "older"])
  })

  it("lets go of an early victim that the rest does without", () => {
    fill(aClaim("small", wants(1)), aClaim("large", wants(3, { priority: 1, queuedAtMs: 1 })))
    bench.put(aClaim("p", wants(3, { priority: 2 })))
    expect(only()).toEqual(["large"])
  })

  it("evicts nobody when that would not be enough, or when nobody is lower or may be preempted", () => {
    fill(aClaim("a", wants(2)), aClaim("kept", wants(2, { preemptible: false })))
    bench.put(aClaim("p", wants(3, { priority: 2 })), aClaim("q", wants(1, { priority: 0, queuedAtMs: 1 })))
    expect(only()).toBeUndefined()
  })

  it("never touches another workspace, and does nothing where the policy does not say so", () => {
    bench.putWorkspace(aWorkspace("team"))
    fill(aClaim("a", { workspaceId: "team", size: { cpuMilli: 8000 } }))
    bench.put(aClaim("p", { priority: 2, size: { cpuMilli: 1000 } }))
    expect(only()).toBeUndefined()
    bench.changeWorkspace("default", { policy: { enablePreempt: false } })
    bench.move(id("a"), "gone")
    fill(aClaim("b", wants(4)))
    bench.put(aClaim("q", wants(1, { priority: 2 })))
    expect(only()).toBeUndefined()
  })

  it("waits for what is leaving anyway instead of evicting more", () => {
    fill(aClaim("a", wants(2)), aClaim("b", wants(2, { queuedAtMs: 1 })))
    bench.move(id("a"), "releasing")
    bench.put(aClaim("p", wants(2, { priority: 2 })))
    bench.settle(0)
    expect(bench.claims.get(id("b"))?.state).toBe("bound")
    expect(bench.claims.get(id("p"))?.nominated).toHaveLength(1)
    expect(bench.capacity.reasons(id("p"), 0)[0]).toEqual({
      code: "waiting_for_victims",
      nodes: ["n1"],
      claimIds: [id("a")],
    })
  })

  it("keeps the nominated node for the preemptor until it is placed", () => {
    fill(aClaim("a", wants(4)))
    bench.put(aClaim("p", wants(4, { priority: 2 })))
    bench.settle(0)
    bench.put(aClaim("thief"))
    bench.settle(0)
    expect(where("thief")).toEqual([])
    bench.move(id("a"), "gone")
    bench.settle(0)
    expect([where("p"), where("thief")]).toEqual([["n1:0,1,2,3"], ["n1:"]])
  })

  it("gives the node up when the preemptor is gone, paused or gated", () => {
    for (const stop of ["gone", "paused", "gated"]) {
      bench = createBench()
      bench.putWorkspace(aWorkspace("default", { policy: { enablePreempt: true } }))
      bench.putNode(aNode("n1", 4))
      fill(aClaim("a", wants(4)))
      bench.put(aClaim("p", wants(4, { priority: 2 })), aClaim("other", { queuedAtMs: 9 }))
      bench.settle(0)
      expect(bench.claims.get(id("p"))?.nominated).toHaveLength(1)
      if (stop === "gone") bench.move(id("p"), "gone")
      if (stop === "paused") bench.changeWorkspace("default", { queuePaused: true })
      if (stop === "gated") bench.change(id("p"), { gates: [{ kind: "time", untilMs: 99 }] })
      bench.settle(0)
      expect(bench.claims.get(id("p"))?.nominated ?? []).toEqual([])
      expect([stop, where("other")]).toEqual([stop, stop === "paused" ? [] : ["n1:"]])
    }
  })

  it("looks for other nodes when the nominated one fails", () => {
    bench.putNode(aNode("n2", 4))
    fill(aClaim("a", wants(4)), aClaim("b", wants(4)))
    bench.put(aClaim("p", wants(4, { priority: 2 })))
    bench.settle(0)
    const [first] = bench.claims.get(id("p"))?.nominated ?? []
    bench.changeNode(first?.nodeId ?? "", { healthy: false })
    bench.settle(0)
    const [second] = bench.claims.get(id("p"))?.nominated ?? []
    expect(new Set([first?.nodeId, second?.nodeId])).toEqual(new Set(["nod_n1", "nod_n2"]))
    expect([...bench.claims.values()].filter((claim) => claim.state === "releasing")).toHaveLength(2)
  })

  it("does not evict a second time for one who fits beside the first preemptor", () => {
    bench.changeWorkspace("default", { policy: { queuePolicy: "balance" } })
    bench.putNode(aNode("n2", 4))
    fill(aClaim("a", wants(4)), aClaim("b", wants(4, { queuedAtMs: 1 })))
    bench.put(aClaim("p", wants(2, { priority: 2 })))
    bench.settle(0)
    bench.put(aClaim("q", wants(2, { priority: 2, queuedAtMs: 1 })))
    const looked = plan()
    expect([refused(looked), looked.preemptions]).toEqual([
      { p: "waiting_for_victims", q: "waiting_for_victims" },
      [],
    ])
    bench.settle(0)
    const leaving = [...bench.claims.values()].filter((claim) => claim.state === "releasing")
    expect(leaving).toHaveLength(1)
    for (const claim of leaving) bench.move(claim.id, "gone")
    bench.settle(0)
    expect([where("p"), where("q")].flat()).toHaveLength(2)
  })

  it("evicts after all when somebody else takes the room beside the first preemptor", () => {
    const cores = (cpuMilli: number, change: Partial<Claim> = {}) => ({ ...change, size: { cpuMilli } })
    const amounts = (cpuMilli: number) => ({ capacity: { ...aNode("x", 0).capacity, cpuMilli } })
    bench.changeWorkspace("default", { policy: { queuePolicy: "balance" } })
    bench.changeNode("nod_n1", { cordoned: true })
    bench.putWorkspace(aWorkspace("team"))
    bench.putNode(aNode("n2", 0, amounts(12_000)), aNode("n3", 0, amounts(12_000)))
    fill(aClaim("a", cores(12_000)), aClaim("b", cores(12_000)))
    bench.putNode(aNode("n4", 0, amounts(4000)))
    bench.put(aClaim("p", cores(6000, { priority: 2 })))
    bench.put(aClaim("q", cores(4000, { priority: 2, pods: 2, queuedAtMs: 1 })))
    bench.settle(0)
    const leaving = () => [...bench.claims.values()].filter((claim) => claim.state === "releasing").length
    expect(leaving()).toBe(1)
    bench.put(aClaim("t", cores(4000, { workspaceId: "team" })))
    bench.settle(0)
    expect([where("t"), leaving()]).toEqual([["n4:"], 2])
  })

  it("looks again when somebody begins to leave: fewer may be enough now", () => {
    fill(aClaim("low", wants(1)), aClaim("kept", wants(3, { preemptible: false })))
    bench.put(aClaim("p", wants(4, { priority: 2 })))
    bench.settle(0)
    expect(bench.claims.get(id("low"))?.state).toBe("bound")
    bench.move(id("kept"), "releasing")
    bench.settle(0)
    expect(bench.claims.get(id("low"))?.state).toBe("releasing")
  })
})

describe("what the inventory could hold", () => {
  const pod = (gpus: number, cpuMilli = 1000) => ({ gpus, cpuMilli, memoryBytes: 1, ephemeralBytes: 0 })
  const hold = (amounts: ReturnType<typeof pod>, constraints = unconstrained) =>
    bench.capacity.couldHold(["c1", "c2"], amounts, constraints)

  it("is not known before any node was seen", () => {
    expect(hold(pod(1)).declared).toBe(false)
  })

  it("counts pods of the best cluster, whatever runs, whoever has it, healthy or not", () => {
    bench.putNode(
      aNode("n1", 2, { healthy: false }),
      aNode("n2", 4, { workspaceId: "x" }),
      aNode("n3", 1, { clusterId: "c2" }),
    )
    expect(hold(pod(2))).toEqual({ declared: true, pods: 3, short: null })
    expect(hold(pod(0, 8000)).pods).toBe(2)
    expect(hold(pod(1), { ...unconstrained, labels: { a: "b" }, nodeNames: ["x"] }).pods).toBe(6)
  })

  it("says what is short and how much the largest node has", () => {
    bench.putNode(aNode("n1", 2), aNode("n2", 0))
    expect(hold(pod(3))).toEqual({ declared: true, pods: 0, short: { resource: "gpu", largest: 2 } })
    expect(hold(pod(1, 8001)).short).toEqual({ resource: "cpu", largest: 8000 })
  })

  it("says it too when each resource is there, but on no node all of them", () => {
    const small = { cpuMilli: 100, memoryBytes: 10, gpus: 2, ephemeralBytes: 0 }
    bench.putNode(aNode("n1", 2, { capacity: small }), aNode("n2", 0))
    expect(hold(pod(1, 8000)).short).toEqual({ resource: "cpu", largest: 100 })
  })
})
