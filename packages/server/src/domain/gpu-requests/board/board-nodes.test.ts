import { expect, it } from "vitest"
import { unconstrained } from "../../inventory/index.ts"
import { aGpuNode, aRequest, aTeam, createBoardBench } from "./board-fixtures.ts"
import type { GpuRequestId, GpuWish } from "../types.ts"

const hour = 3_600_000
const id = (name: string) => `gpr_${name}` as GpuRequestId

function withNodes(...nodes: readonly ReturnType<typeof aGpuNode>[]) {
  const bench = createBoardBench()
  bench.putTeam(aTeam("red"), aTeam("blue"))
  bench.putNode(...nodes)
  return bench
}

function start(bench: ReturnType<typeof createBoardBench>, nowMs: number): string[] {
  const plan = bench.board.plan(nowMs)
  bench.commit(plan, nowMs)
  return plan.provisions.flatMap((provision) => provision.nodeIds)
}

function podsOf(gpus: number, count: number, labels: Record<string, string> = {}): GpuWish["pods"] {
  const size = { cpuMilli: 1000, memoryBytes: 0, gpus, ephemeralBytes: 0 }
  return { size, count, constraints: { ...unconstrained, labels } }
}

it("does not lend nodes that are assigned, taken out by a label, removed or without GPUs", () => {
  const bench = withNodes(
    aGpuNode("a1", 8, { workspaceId: "red" }),
    aGpuNode("a2", 8, { labels: { "kubeslice.io/managed-by-egs": "false" } }),
    aGpuNode("a3", 8, { removedAtMs: 1 }),
    aGpuNode("a4", 0),
    aGpuNode("a5", 8),
  )
  expect(bench.board.managedNodes().map((node) => node.name)).toEqual(["a5"])
  bench.put(aRequest("two", { wish: { nodes: 2 } }), aRequest("one"))
  expect(start(bench, 0)).toEqual(["nod_a5"])
  expect(bench.board.reason(id("two"), 0)).toMatchObject({ code: "cannot_be_met" })
})

it("waits for nodes that are ill, drained or cordoned, says which, and takes them when they are well", () => {
  const bench = withNodes(aGpuNode("n1", 8), aGpuNode("n2", 8))
  bench.changeNode("nod_n1", { healthy: false })
  bench.changeNode("nod_n2", { cordoned: true })
  bench.put(aRequest("a", { wish: { nodes: 2 } }))
  expect(start(bench, 0)).toEqual([])
  expect(bench.board.slot(id("a"), 0)).toBeUndefined()
  expect(bench.board.reason(id("a"), 0)).toEqual({ code: "nodes_unhealthy", nodes: ["n1"] })
  bench.changeNode("nod_n1", { healthy: true })
  expect(bench.board.reason(id("a"), 0)).toEqual({ code: "cordoned", nodes: ["n2"] })
  bench.changeNode("nod_n2", { draining: true })
  expect(bench.board.reason(id("a"), 0)).toEqual({ code: "draining", nodes: ["n2"] })
  bench.changeNode("nod_n2", { cordoned: false, draining: false })
  expect(start(bench, 1)).toEqual(["nod_n1", "nod_n2"])
})

it("counts on a drain's deadline, gives it a little longer, and then on nothing until it is over", () => {
  const bench = withNodes(aGpuNode("n1", 8))
  bench.put(aRequest("a"))
  start(bench, 0)
  bench.put(aRequest("b", { workspaceId: "blue" }))
  bench.end(id("a"), "released", 1000, 31_000)
  expect(bench.board.slot(id("b"), 1000)?.startMs).toBe(31_000)
  expect(bench.board.nextMs(1000)).toBe(31_000)
  expect(bench.board.plan(31_000).provisions).toEqual([])
  expect(bench.board.slot(id("b"), 31_000)?.startMs).toBe(32_500)
  expect(bench.board.nextMs(31_000)).toBe(32_500)
  expect(bench.board.slot(id("b"), 32_500)?.startMs).toBe(61_000)
  expect(bench.board.nextMs(32_500)).toBe(61_000)
  expect(bench.board.slot(id("b"), 61_000)).toBeUndefined()
  expect(bench.board.reason(id("b"), 61_000)).toEqual({ code: "draining", nodes: ["n1"] })
  bench.free("nod_n1")
  expect(start(bench, 70_000)).toEqual(["nod_n1"])
})

it("has all pods of an automatic request on its nodes, on as few GPUs as will do", () => {
  const bench = withNodes(aGpuNode("n1", 8), aGpuNode("n2", 4), aGpuNode("n3", 4), aGpuNode("n4", 8))
  // five pods of two GPUs on two nodes: 4 + 1 of 8 and 4 GPUs, not 2 + 2 of the two small ones
  bench.put(aRequest("a", { wish: { nodes: 2, pods: podsOf(2, 5) } }))
  bench.put(aRequest("b", { createdAtMs: 1, wish: { nodes: 2, pods: podsOf(2, 9) } }))
  expect(start(bench, 0)).toEqual(["nod_n2", "nod_n1"])
  expect(bench.board.reason(id("b"), 0)).toMatchObject({
    code: "cannot_be_met",
    detail: "No 2 such nodes of one cluster hold all 9 pods (cluster c1).",
  })
})

it("keeps to the labels and names that the pods ask for", () => {
  const bench = withNodes(aGpuNode("n1", 8), aGpuNode("n2", 8, { labels: { rack: "r1" } }))
  bench.put(aRequest("a", { wish: { pods: podsOf(8, 1, { rack: "r1" }) } }))
  bench.put(aRequest("b", { createdAtMs: 1, wish: { pods: podsOf(8, 1, { rack: "r9" }) } }))
  expect(start(bench, 0)).toEqual(["nod_n2"])
  expect(bench.board.reason(id("b"), 0)).toMatchObject({
    detail: "No such node takes its pods: labels, names, taints or sizes keep them away (cluster c1).",
  })
})

it("has a free healthy node take a lost one's place, rather one that is promised to nobody", () => {
  const bench = withNodes(...["n1", "n2", "n3", "n4", "n5"].map((name) => aGpuNode(name, 8)))
  bench.putNode(aGpuNode("m1", 8, { clusterId: "c2" }))
  bench.put(aRequest("a", { wish: { nodes: 2 }, durationMs: 4 * hour }))
  expect(start(bench, 0)).toEqual(["nod_n1", "nod_n2"])
  bench.put(aRequest("b", { workspaceId: "blue", durationMs: 2 * hour }))
  expect(start(bench, 0)).toEqual(["nod_n3"])
  // the next one is about to begin on n4
  bench.put(aRequest("c", { workspaceId: "blue" }))
  expect(bench.board.slot(id("c"), 0)?.nodeIds).toEqual(["nod_n4"])
  bench.changeNode("nod_n1", { healthy: false })
  const lost = bench.nodes.get("nod_n1")?.id
  if (!lost) throw new Error("No such node.")
  expect(bench.board.substitute(id("a"), lost)?.name).toBe("n5")
  bench.changeNode("nod_n5", { removedAtMs: 1 })
  expect(bench.board.substitute(id("a"), lost)?.name).toBe("n4")
  bench.changeNode("nod_n4", { cordoned: true })
  expect(bench.board.substitute(id("a"), lost)).toBeUndefined()
})

it("has a node take a lost one's place on which the pods of an automatic request fit, and no work is", () => {
  // in order of rank: n1 and n2 hold two pods of two GPUs each, n3 and n4 four
  const bench = withNodes(aGpuNode("n1", 4), aGpuNode("n2", 4), aGpuNode("n3", 8), aGpuNode("n4", 8))
  bench.put(aRequest("a", { wish: { nodes: 2, pods: podsOf(2, 5) }, durationMs: 4 * hour }))
  expect(start(bench, 0)).toEqual(["nod_n1", "nod_n3"])
  const substitute = (name: string) => {
    const lost = bench.nodes.get(name)?.id
    return lost && bench.board.substitute(id("a"), lost)?.name
  }
  expect(substitute("nod_n1"), "one pod is left for it").toBe("n2")
  expect(substitute("nod_n3"), "three pods are left for it: n2 is too small").toBe("n4")
  bench.use("nod_n4", true)
  expect(substitute("nod_n3"), "somebody's work is on it").toBeUndefined()
  bench.use("nod_n4", false)
  // n2 is promised to another before the end
  bench.put(aRequest("b", { workspaceId: "blue", wish: { nodes: 1 }, createdAtMs: 1 }))
  expect(bench.board.slot(id("b"), 0)?.nodeIds).toEqual(["nod_n2"])
  expect(substitute("nod_n1"), "rather one that is promised to nobody").toBe("n4")
})

it("keeps a node that nobody holds from everybody while work is on it", () => {
  const bench = withNodes(aGpuNode("n1", 8), aGpuNode("n2", 8))
  bench.use("nod_n1", true)
  bench.put(aRequest("a", { wish: { nodes: 2 } }), aRequest("b", { workspaceId: "blue", createdAtMs: 1 }))
  expect(start(bench, 0)).toEqual(["nod_n2"])
  expect(bench.board.slot(id("a"), 0)).toBeUndefined()
  const reason = { code: "quota_short", requestIds: [], nodes: ["n1"], needed: 2, free: 0, untilMs: null }
  expect(bench.board.reason(id("a"), 0)).toEqual(reason)
  bench.use("nod_n1", false)
  expect(bench.board.slot(id("a"), 0)?.startMs).toBe(hour)
})

it("knows requests by their ids, owners and workspaces", () => {
  const bench = withNodes(aGpuNode("n1", 8))
  const automatic = { ownerId: "wl_1", ownerShownId: "job", stepMs: hour, hasEnd: false }
  bench.put(aRequest("a", { automatic }), aRequest("b", { priority: 201 }))
  expect(bench.board.filedFor("wl_1").map((one) => one.name)).toEqual(["a"])
  expect(bench.board.byShownId("gpr-b")?.id).toBe(id("b"))
  start(bench, 0)
  expect(bench.board.live().map((request) => request.name)).toEqual(["a", "b"])
  expect(bench.board.queuedIn("red").map((request) => request.name)).toEqual(["a"])
  expect(bench.board.provisionedIn("red").map((request) => request.name)).toEqual(["b"])
  expect(bench.board.holdsOf(id("b")).map((hold) => hold.nodeId)).toEqual(["nod_n1"])
  bench.change(id("a"), { state: "cancelled" })
  expect(bench.board.filedFor("wl_1")).toEqual([])
  expect(bench.board.request(id("a"))).toBeUndefined()
  expect(bench.board.position(id("a"), 5)).toEqual({ position: 0, ahead: [] })
})

it("notes a first estimate, and again when it has moved by a minute", () => {
  const bench = withNodes(aGpuNode("n1", 8))
  bench.put(aRequest("a"))
  start(bench, 0)
  bench.put(aRequest("b", { workspaceId: "blue" }))
  expect(bench.board.plan(0).estimates).toEqual([{ requestId: id("b"), version: 1, startMs: hour }])
  bench.change(id("b"), { promised: { startMs: hour, atMs: 0 }, estimate: { startMs: hour, atMs: 0 } })
  bench.end(id("a"), "released", 1000, hour - 59_000)
  expect(bench.board.plan(1000).estimates).toEqual([])
  bench.free("nod_n1")
  bench.changeNode("nod_n1", { healthy: false })
  expect(bench.board.plan(2000)).toEqual({ atMs: 2000, provisions: [], estimates: [] })
  bench.changeNode("nod_n1", { removedAtMs: 1 })
  expect(bench.board.plan(3000).estimates).toEqual([{ requestId: id("b"), version: 2, startMs: null }])
})
