import { beforeEach, describe, expect, it } from "vitest"
import type { GpuRequest } from "../gpu-requests/index.ts"
import type { Amounts } from "../inventory/index.ts"
import { unconstrained } from "../inventory/index.ts"
import { createCapacity } from "./capacity.ts"
import type { Bench } from "./fixtures.ts"
import { aClaim, aNode, aWorkspace, createBench } from "./fixtures.ts"
import { orderedSets } from "./pod-sets.ts"
import type { Claim, ClaimId, PodSet, Reservations } from "./types.ts"
import { noReservations } from "./world.ts"

const gib = 1024 ** 3
const id = (name: string) => `clm_${name}` as ClaimId
const aSet = (
  pods: number,
  size: Partial<Amounts>,
  constraints: Partial<PodSet["constraints"]> = {},
): PodSet => ({
  pods,
  size: { gpus: 0, cpuMilli: 1000, memoryBytes: gib, ephemeralBytes: 0, ...size },
  constraints: { ...unconstrained, ...constraints },
})
/** A claim of the sets, given in any order. */
function gang(name: string, sets: readonly PodSet[], change: Partial<Claim> = {}): Claim {
  const [own, ...beside] = orderedSets(sets)
  if (!own) throw new Error("A gang needs pods.")
  return aClaim(name, { ...change, ...own, beside })
}
const head = aSet(1, { cpuMilli: 2000 })
const workers = aSet(2, { gpus: 8 })

let bench: Bench
beforeEach(() => {
  bench = createBench()
  bench.putWorkspace(aWorkspace("default", { clusters: ["c1", "c2"] }))
})
const where = (name: string) =>
  bench.claims.get(id(name))?.placements.map((one) => `${one.nodeId.slice(4)}:${one.gpuIndexes.length}`)
const reason = (name: string) => bench.capacity.reasons(id(name), 0)[0]

describe("a gang of pods of several sizes", () => {
  it("is placed whole: those with GPUs first, those without where pods without GPUs go", () => {
    bench.putNode(aNode("cpu", 0), aNode("g1", 8), aNode("g2", 8))
    bench.put(gang("ray", [head, workers]))
    bench.settle(0)
    expect(where("ray")).toEqual(["g1:8", "g2:8", "cpu:0"])
    expect(bench.capacity.free("nod_cpu")).toMatchObject({ cpuMilli: 6000, memoryBytes: 63 * gib })
    expect(bench.capacity.free("nod_g1")).toMatchObject({ cpuMilli: 7000, gpus: 0 })
    bench.move(id("ray"), "gone")
    expect(bench.capacity.free("nod_cpu")).toMatchObject({ cpuMilli: 8000, memoryBytes: 64 * gib })
    expect(bench.capacity.fingerprint()).toBe(bench.rebuilt().fingerprint())
  })

  it("takes nothing when one of its sets does not fit", () => {
    bench.putNode(aNode("g1", 8), aNode("g2", 8))
    bench.put(gang("ray", [aSet(1, { cpuMilli: 7500 }), workers]))
    bench.settle(0)
    expect(where("ray")).toEqual([])
    expect(bench.capacity.free("nod_g1").gpus).toBe(8)
    expect(reason("ray")?.code).toBe("cannot_be_met")
  })

  it("goes to the next cluster where the first has not room for all of it", () => {
    bench.putNode(aNode("a1", 8), aNode("a2", 8))
    bench.putNode(...["b1", "b2"].map((name) => aNode(name, 8, { clusterId: "c2" })))
    bench.putNode(aNode("b3", 0, { clusterId: "c2" }))
    bench.put(gang("ray", [aSet(1, { cpuMilli: 7500 }), workers]))
    bench.settle(0)
    expect(where("ray")).toEqual(["b1:8", "b2:8", "b3:0"])
  })

  it("keeps all its pods off nodes of GPU requests that it may not join", () => {
    bench.changeWorkspace("default", { policy: { joinGpuRequests: false } })
    bench.putNode(
      aNode("g1", 8),
      aNode("lent", 4, { workspaceId: null }),
      aNode("cpu", 0, { cordoned: true }),
    )
    bench.hold("nod_lent", "default")
    bench.put(gang("ray", [aSet(1, { cpuMilli: 7500 }), aSet(1, { gpus: 8 })]))
    bench.settle(0)
    expect(where("ray")).toEqual([])
    bench.changeWorkspace("default", { policy: { joinGpuRequests: true } })
    bench.settle(0)
    expect(where("ray")).toEqual(["g1:8", "lent:0"])
  })

  it("does not give one GPU to two of its pods", () => {
    bench.putNode(aNode("g1", 4))
    bench.put(gang("ray", [aSet(1, { gpus: 1 }), aSet(1, { gpus: 2 }), aSet(1, { gpus: 1 })]))
    bench.settle(0)
    const indexes = bench.claims.get(id("ray"))?.placements.map((one) => one.gpuIndexes)
    expect(indexes).toEqual([[0, 1], [2], [3]])
  })

  it("is put where each set's constraints say", () => {
    bench.putNode(aNode("n1", 0), aNode("n2", 0, { labels: { disk: "fast" } }))
    bench.put(gang("ray", [head, aSet(1, {}, { labels: { disk: "fast" } })]))
    bench.settle(0)
    expect(where("ray")).toEqual(["n1:0", "n2:0"])
  })

  it("waits with the reason of the set that does not fit, what the earlier ones take counted", () => {
    bench.putNode(aNode("g1", 8))
    bench.put(aClaim("busy", { size: { cpuMilli: 3000 } }))
    bench.settle(0)
    bench.put(gang("ray", [aSet(1, { cpuMilli: 4000 }), aSet(1, { gpus: 8, cpuMilli: 2000 })]))
    bench.settle(0)
    expect(reason("ray")).toMatchObject({
      code: "quota_short",
      resource: "cpu",
      needed: 4000,
      free: 3000,
      claimIds: [id("busy")],
    })
    bench.move(id("busy"), "gone")
    bench.settle(0)
    expect(where("ray")).toEqual(["g1:8", "g1:0"])
  })

  it("says no_reservation for all its GPUs together", () => {
    bench.putNode(aNode("g1", 8, { workspaceId: null }), aNode("cpu", 0))
    bench.put(gang("ray", [head, workers, aSet(1, { gpus: 4 })]))
    bench.settle(0)
    expect(reason("ray")).toMatchObject({ code: "no_reservation", resource: "gpu", needed: 20 })
  })

  it("is told from one whose other pods differ, and holds back who wants what it is short of", () => {
    bench.putNode(aNode("cpu", 0), aNode("g1", 8))
    bench.put(
      gang("big", [aSet(1, { gpus: 8 }), aSet(1, { cpuMilli: 16_000 })]),
      gang("small", [aSet(1, { gpus: 8 }), head], { queuedAtMs: 1 }),
    )
    bench.settle(0)
    expect(where("small")).toEqual(["g1:8", "cpu:0"])
    bench.put(gang("next", [aSet(1, { gpus: 8 }), head], { queuedAtMs: 2 }))
    bench.put(aClaim("behind", { queuedAtMs: 3, size: { gpus: 1 } }))
    bench.settle(0)
    expect(reason("behind")).toMatchObject({ code: "blocked_by", claimIds: [id("next")] })
  })
})

describe("preemption for a gang of pods of several sizes", () => {
  beforeEach(() => {
    bench.changeWorkspace("default", { policy: { enablePreempt: true } })
    bench.putNode(aNode("cpu", 0), aNode("g1", 8))
  })

  it("takes the victims that any of its sets needs, and no others", () => {
    bench.put(
      aClaim("onCpu", { size: { cpuMilli: 8000 }, constraints: { ...unconstrained, nodeNames: ["cpu"] } }),
      aClaim("onGpu", { size: { gpus: 2 } }),
      aClaim("small", { size: { gpus: 1 } }),
    )
    bench.settle(0)
    bench.put(gang("ray", [aSet(1, { gpus: 5 }), aSet(1, { cpuMilli: 7500 })], { priority: 2 }))
    const plan = bench.capacity.plan(0)
    expect(plan.preemptions).toHaveLength(1)
    expect(plan.preemptions[0]?.victims).toEqual([id("onCpu")])
    expect(plan.preemptions[0]?.nominated.map(({ nodeId }) => nodeId)).toEqual(["nod_g1", "nod_cpu"])
    bench.settle(0)
    bench.move(id("onCpu"), "gone")
    bench.settle(0)
    expect(where("ray")).toEqual(["g1:5", "cpu:0"])
  })

  it("keeps what is kept for it while its victims leave, and gives it up when that cannot come true", () => {
    bench.put(aClaim("low", { size: { gpus: 8 } }))
    bench.settle(0)
    bench.put(gang("ray", [aSet(1, { gpus: 8 }), head], { priority: 2 }))
    bench.settle(0)
    expect(bench.claims.get(id("ray"))?.nominated).toHaveLength(2)
    expect(reason("ray")?.code).toBe("waiting_for_victims")
    bench.changeNode("nod_cpu", { cordoned: true, version: 9 })
    bench.changeNode("nod_g1", { capacity: { ...aNode("g1", 8).capacity, cpuMilli: 2000 } })
    bench.settle(0)
    expect(bench.claims.get(id("ray"))?.nominated).toEqual([])
  })

  it("frees each pod of a victim by its own size", () => {
    bench.put(gang("low", [aSet(1, { gpus: 8 }), aSet(1, { cpuMilli: 8000 })]))
    bench.settle(0)
    expect(where("low")).toEqual(["g1:8", "cpu:0"])
    bench.put(
      aClaim("high", {
        priority: 2,
        size: { cpuMilli: 8000 },
        constraints: { ...unconstrained, nodeNames: ["cpu"] },
      }),
    )
    expect(bench.capacity.plan(0).preemptions[0]?.victims).toEqual([id("low")])
  })
})

describe("the GPU request for a gang of pods of several sizes", () => {
  function filingsOf(claim: Claim, reservations: Partial<Reservations> = {}, cpuNodes = 1) {
    const capacity = createCapacity({
      ...noReservations,
      filesRequests: () => true,
      roomFor: () => 1,
      ...reservations,
    })
    capacity.workspaceChanged(aWorkspace("default"), false)
    for (const name of ["g1", "g2", "g3"]) capacity.nodeChanged(aNode(name, 8, { workspaceId: null }))
    for (let at = 0; at < cpuNodes; at++) capacity.nodeChanged(aNode(`cpu${at}`, 0))
    capacity.claimChanged(claim)
    return capacity.plan(0).filings.map(({ wish }) => wish)
  }

  it("is for the pods with GPUs: two nodes for two workers, the head goes elsewhere", () => {
    const [wish, ...more] = filingsOf(gang("ray", [head, aSet(2, { gpus: 8, cpuMilli: 8000 })]))
    expect(more).toEqual([])
    expect(wish).toMatchObject({ nodes: 2, gpusPerNode: 8, pods: { count: 2, size: { gpus: 8 } } })
  })

  it("has room for pods of any of its sizes", () => {
    const [wish] = filingsOf(gang("ray", [aSet(2, { gpus: 4 }), aSet(3, { gpus: 1, cpuMilli: 3000 })]))
    expect(wish).toMatchObject({ nodes: 3, pods: { count: 5, size: { gpus: 4, cpuMilli: 3000 } } })
  })

  it.each([
    ["its head fits nowhere", gang("ray", [aSet(1, { cpuMilli: 9000 }), workers]), {}],
    [
      "its pods are to go to different nodes",
      gang("ray", [aSet(1, { gpus: 4 }, { nodeNames: ["g1"] }), aSet(1, { gpus: 1 })]),
      {},
    ],
    [
      "it has nodes already",
      gang("ray", [head, workers]),
      { filedFor: () => [{ state: "provisioned" } as GpuRequest] },
    ],
  ])("is not filed when %s", (_, claim, reservations) => {
    expect(filingsOf(claim, reservations)).toEqual([])
  })
})

describe("what a declared inventory could hold of several sizes", () => {
  const could = (...sets: PodSet[]) => bench.capacity.couldHoldAll(["c1", "c2"], orderedSets(sets))

  it("is all of them in one cluster, or the first that does not fit alone", () => {
    expect(could(head)).toMatchObject({ declared: false, holds: false })
    bench.putNode(aNode("g1", 8), aNode("g2", 8, { clusterId: "c2" }))
    expect(could(head, aSet(1, { gpus: 8 }))).toEqual({ declared: true, holds: true, short: null })
    expect(could(aSet(1, { cpuMilli: 8000 }), aSet(1, { gpus: 8 }))).toEqual({
      declared: true,
      holds: false,
      short: null,
    })
    const tooBig = could(aSet(1, { cpuMilli: 9000 }), aSet(1, { gpus: 8 }))
    expect(tooBig).toMatchObject({
      holds: false,
      short: { set: 1, holding: { pods: 0, short: { resource: "cpu", largest: 8000 } } },
    })
  })
})
