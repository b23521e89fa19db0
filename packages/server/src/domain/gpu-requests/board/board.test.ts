import { expect, it } from "vitest"
import { aGpuNode, aPolicy, aRequest, aTeam, createBoardBench, someGpus } from "./board-fixtures.ts"
import type { GpuRequestId } from "../types.ts"

const hour = 3_600_000
const id = (name: string) => `gpr_${name}` as GpuRequestId

function twoTeams(...nodes: readonly string[]) {
  const bench = createBoardBench()
  bench.putTeam(aTeam("red"), aTeam("blue"), aTeam("green"))
  bench.putNode(...nodes.map((name) => aGpuNode(name, 8)))
  return bench
}

function start(bench: ReturnType<typeof createBoardBench>, nowMs: number): string[] {
  const plan = bench.board.plan(nowMs)
  bench.commit(plan, nowMs)
  return plan.provisions.map((provision) => provision.requestId.replace("gpr_", ""))
}

it("gives a free node to the first in the queue and tells the others when they start", () => {
  const bench = twoTeams("n1")
  bench.put(aRequest("a"), aRequest("b", { workspaceId: "blue", createdAtMs: 1, durationMs: 2 * hour }))
  bench.put(aRequest("c", { priority: 201, createdAtMs: 2 }))
  expect(start(bench, 0)).toEqual(["c"])
  expect(bench.board.slot(id("a"), 0)).toMatchObject({ startMs: hour, endMs: 2 * hour, nodeIds: ["nod_n1"] })
  expect(bench.board.slot(id("b"), 0)).toMatchObject({ startMs: 2 * hour, endMs: 4 * hour })
  expect(bench.board.nextMs(0)).toBe(hour)
  expect(bench.requests.get(id("b"))?.promised).toEqual({ startMs: 2 * hour, atMs: 0 })
  expect(bench.board.position(id("b"), 5)).toMatchObject({ position: 2, ahead: [{ name: "a" }] })
  expect(bench.board.reason(id("a"), 0)).toEqual({
    code: "quota_short",
    requestIds: [id("c")],
    nodes: ["n1"],
    needed: 1,
    free: 0,
    untilMs: hour,
  })
})

it("lets a later one start first only where it delays nobody", () => {
  const bench = twoTeams("n1", "n2")
  bench.put(aRequest("a", { durationMs: 4 * hour }))
  start(bench, 0)
  bench.put(
    aRequest("big", { createdAtMs: 1, wish: { nodes: 2 } }),
    aRequest("long", { createdAtMs: 2, durationMs: 5 * hour }),
    aRequest("short", { createdAtMs: 3, durationMs: 4 * hour }),
  )
  expect(start(bench, 0)).toEqual(["short"])
  expect(bench.board.slot(id("big"), 0)?.startMs).toBe(4 * hour)
  expect(bench.board.slot(id("long"), 0)?.startMs).toBe(5 * hour)
})

it("says whom free nodes are promised to", () => {
  const bench = twoTeams("n1", "n2")
  bench.put(aRequest("a", { durationMs: 4 * hour }))
  start(bench, 0)
  bench.put(aRequest("big", { createdAtMs: 1, wish: { nodes: 2 } }))
  bench.put(aRequest("long", { createdAtMs: 2, durationMs: 5 * hour }))
  expect(bench.board.reason(id("long"), 0)).toEqual({
    code: "blocked_by",
    requestIds: [id("big")],
    untilMs: 5 * hour,
  })
})

it("takes the nodes with the fewest GPUs that do, then by name", () => {
  const bench = twoTeams()
  bench.putNode(aGpuNode("n3", 4), aGpuNode("n1", 8), aGpuNode("n2", 4), aGpuNode("n0", 2))
  bench.put(aRequest("a", { wish: { gpusPerNode: 3 } }))
  expect(bench.board.plan(0).provisions[0]?.nodeIds).toEqual(["nod_n2"])
})

it("takes the first cluster of the wish that is equally early", () => {
  const bench = twoTeams("n1")
  bench.putNode(aGpuNode("m1", 8, { clusterId: "c2" }))
  bench.put(aRequest("a", { wish: { clusters: ["c2", "c1"] } }))
  bench.put(aRequest("b", { createdAtMs: 1, wish: { clusters: ["c2", "c1"] } }))
  bench.put(aRequest("c", { createdAtMs: 2, wish: { clusters: ["c2", "c1"], nodes: 2 } }))
  const { provisions } = bench.board.plan(0)
  expect(provisions.map((provision) => provision.clusterId)).toEqual(["c2", "c1"])
  expect(bench.board.reason(id("c"), 0)).toMatchObject({
    code: "cannot_be_met",
    detail: "2 such nodes are asked for; one cluster has 1 at most (clusters c2, c1).",
    nearest: { clusterId: "c2", nodes: 1, gpusPerNode: 1 },
  })
})

it("keeps to the number of provisioned requests of a workspace, and numbers their places", () => {
  const bench = twoTeams("n1", "n2", "n3", "n4")
  bench.putTeam(aTeam("red", { policy: aPolicy(2) }))
  for (const name of ["a", "b", "c"])
    bench.put(aRequest(name, { durationMs: name === "a" ? 2 * hour : hour }))
  const { provisions } = bench.board.plan(0)
  expect(provisions.map(({ requestId, place }) => [requestId, place])).toEqual([
    [id("a"), 1],
    [id("b"), 2],
  ])
  start(bench, 0)
  expect(bench.board.slot(id("c"), 0)?.startMs).toBe(hour)
  expect(bench.board.reason(id("c"), 0)).toEqual({
    code: "workspace_busy",
    requestIds: [id("a"), id("b")],
    untilMs: hour,
  })
  bench.end(id("a"), "released", 60_000, null)
  expect(bench.board.plan(60_000).provisions).toMatchObject([{ requestId: id("c"), place: 1 }])
})

it("passes over what can never be met, and says what comes nearest", () => {
  const bench = twoTeams()
  bench.putNode(aGpuNode("t1", 2, { gpuModel: "Tesla-T4", gpus: someGpus(2, 15), instanceType: "n1" }))
  const ask = (name: string, wish: Parameters<typeof aRequest>[1] & object) =>
    bench.put(aRequest(name, { priority: 210, wish: wish.wish ?? {} }))
  ask("memory", { wish: { memoryGibPerGpu: 22, gpuModel: "t4" } })
  ask("model", { wish: { gpuModel: "gpr-T4" } })
  ask("type", { wish: { instanceType: "n2" } })
  ask("gpus", { wish: { gpusPerNode: 4 } })
  ask("where", { wish: { clusters: ["c9"] } })
  bench.put(aRequest("fits", { wish: { memoryGibPerGpu: 15, gpuModel: "tesla-t4", gpusPerNode: 2 } }))
  expect(start(bench, 0)).toEqual(["fits"])
  const detail = (name: string) => {
    const reason = bench.board.reason(id(name), 0)
    return reason?.code === "cannot_be_met" ? reason.detail : reason
  }
  expect(detail("memory")).toBe("No such node has 22 GiB per GPU: the most is 15 GiB (cluster c1).")
  expect(detail("model")).toBe("No node has GPUs of the model gpr-T4: there is Tesla-T4 (cluster c1).")
  expect(detail("type")).toBe("No such node is of the instance type n2: there is n1 (cluster c1).")
  expect(detail("gpus")).toBe("No such node has 4 GPUs: the most is 2 (cluster c1).")
  expect(detail("where")).toBe("No GPU node of cluster c9 can be lent.")
  expect(bench.board.slot(id("memory"), 0)).toBeUndefined()
  expect(bench.requests.get(id("memory"))?.promised).toEqual({ startMs: null, atMs: 0 })
})

it("comes to rest when nothing but the slot of the last in the queue has moved", () => {
  const bench = twoTeams("n1")
  bench.put(aRequest("a"), aRequest("b", { workspaceId: "blue" }))
  expect(start(bench, 0)).toEqual(["a"])
  // late: taken for over in a moment, then for stuck
  for (const nowMs of [hour, hour + 1000, hour + 30_000, hour + 60_000]) {
    bench.board.plan(nowMs)
    expect([nowMs, bench.board.isDirty(nowMs)]).toEqual([nowMs, false])
  }
})
