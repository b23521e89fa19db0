import { describe, expect, it } from "vitest"
import { fits, podsThatFit, unconstrained } from "./fits.ts"
import { declaredAmounts, findGpuModel, gpuModelName, gpuModels, isSameGpuModel } from "./gpu-models.ts"
import type { Amounts, Constraints, Node, NodeId } from "./types.ts"

const capacity: Amounts = { cpuMilli: 1000, memoryBytes: 100, gpus: 2, ephemeralBytes: 10 }
const node: Node = {
  id: "nod_1" as NodeId,
  name: "n1",
  clusterId: "c1",
  hostIp: "",
  instanceType: "",
  gpuModel: "NVIDIA-H100-80GB-HBM3",
  gpus: [],
  physical: capacity,
  capacity,
  labels: { rack: "r1" },
  taints: [],
  simulated: true,
  bootId: "",
  healthy: true,
  healthMessage: "",
  cordoned: false,
  draining: false,
  workspaceId: null,
  stuck: false,
  firstSeenAtMs: 0,
  lastSeenAtMs: 0,
  removedAtMs: null,
  version: 1,
}

describe("fits", () => {
  it("lets equal amounts fit", () => {
    expect(fits(capacity, unconstrained, node, capacity)).toEqual({ ok: true })
  })

  const taint = { key: "k", value: "v", effect: "NoExecute" } as const
  const cases: readonly [string, Partial<Node>, Partial<Constraints>, Partial<Amounts>, object][] = [
    ["removed", { removedAtMs: 1 }, {}, {}, { kind: "removed" }],
    ["another cluster", {}, { clusterId: "c2" }, {}, { kind: "cluster_mismatch" }],
    ["another name", {}, { nodeNames: ["n2", "n3"] }, {}, { kind: "name_mismatch" }],
    ["no such label", {}, { labels: { zone: "z" } }, {}, { kind: "label_mismatch", label: "zone" }],
    ["another label", {}, { labels: { rack: "r2" } }, {}, { kind: "label_mismatch", label: "rack" }],
    ["an inherited label", {}, { labels: { constructor: "x" } }, {}, { kind: "label_mismatch" }],
    ["another model", {}, { gpuModel: "T4" }, {}, { kind: "gpu_model_mismatch" }],
    [
      "no GPU at all",
      { gpuModel: null },
      { gpuModel: "T4" },
      {},
      { kind: "gpu_model_mismatch", model: null },
    ],
    ["a taint", { taints: [taint] }, {}, {}, { kind: "taint", taint }],
    ["unhealthy", { healthy: false, healthMessage: "down" }, {}, {}, { kind: "unhealthy", message: "down" }],
    ["stuck", { stuck: true }, {}, {}, { kind: "stuck" }],
    ["draining before cordoned", { cordoned: true, draining: true }, {}, {}, { kind: "draining" }],
    ["cordoned", { cordoned: true }, {}, {}, { kind: "cordoned" }],
    [
      "short of GPUs first",
      {},
      {},
      { gpus: 1, cpuMilli: 0 },
      { kind: "short", resource: "gpu", needed: 2, free: 1 },
    ],
    ["short of CPU", {}, {}, { cpuMilli: 999 }, { kind: "short", resource: "cpu", needed: 1000, free: 999 }],
    [
      "short of memory",
      {},
      {},
      { memoryBytes: -5 },
      { kind: "short", resource: "memory", needed: 100, free: 0 },
    ],
    ["short of storage", {}, {}, { ephemeralBytes: 9 }, { kind: "short", resource: "ephemeral-storage" }],
  ]
  it.each(cases)("refuses: %s", (_, onNode, constraints, free, misfit) => {
    const fit = fits(
      capacity,
      { ...unconstrained, ...constraints },
      { ...node, ...onNode },
      { ...capacity, ...free },
    )
    expect(fit).toMatchObject({ ok: false, misfit })
  })

  it("tolerates taints where asked to, and those that only prefer always", () => {
    const tainted = { ...node, taints: [taint] }
    expect(fits(capacity, { ...unconstrained, tolerateAll: true }, tainted, capacity).ok).toBe(true)
    const preferred = { ...node, taints: [{ ...taint, effect: "PreferNoSchedule" as const }] }
    expect(fits(capacity, unconstrained, preferred, capacity).ok).toBe(true)
  })

  it("does not look at what a pod does not ask for", () => {
    const pod = { cpuMilli: 1, memoryBytes: 1, gpus: 0, ephemeralBytes: 0 }
    expect(fits(pod, unconstrained, node, { ...capacity, gpus: -1, ephemeralBytes: -1 }).ok).toBe(true)
  })

  it("counts pods by the scarcest resource", () => {
    const pod = { cpuMilli: 300, memoryBytes: 10, gpus: 1, ephemeralBytes: 0 }
    expect(podsThatFit(pod, capacity, 9)).toBe(2)
    expect(podsThatFit(pod, { ...capacity, gpus: 9 }, 9)).toBe(3)
    expect(podsThatFit(pod, { ...capacity, gpus: 9 }, 2)).toBe(2)
    expect(podsThatFit(pod, { ...capacity, memoryBytes: -1 }, 9)).toBe(0)
  })
})

describe("GPU models", () => {
  it.each([
    ["T4", "Tesla-T4"],
    ["h100", "NVIDIA-H100-80GB-HBM3"],
    ["NVIDIA-h100-80gb-hbm3", "NVIDIA-H100-80GB-HBM3"],
    ["NVIDIA H100 80GB HBM3", "NVIDIA-H100-80GB-HBM3"],
    ["A100", "NVIDIA-A100-SXM4-80GB"],
    ["mi300x", "AMD-Instinct-MI300X-OAM"],
    ["Something-Else", "Something-Else"],
  ])("%s stands for %s", (name, long) => {
    expect(gpuModelName(name)).toBe(long)
    expect(isSameGpuModel(name, long.toUpperCase())).toBe(true)
  })

  it("has every name once", () => {
    const names = gpuModels
      .flatMap((known) => [known.name, ...known.aliases])
      .map((name) => name.toLowerCase())
    expect(new Set(names).size).toBe(names.length)
  })

  it("declares machines in shares of a GPU", () => {
    const t4 = findGpuModel("T4")
    if (!t4) throw new Error("no T4")
    expect(declaredAmounts(t4, 4)).toMatchObject({ gpus: 4, cpuMilli: 48_000, memoryBytes: 192 * 1024 ** 3 })
    expect(declaredAmounts(t4, 0)).toMatchObject({ gpus: 0, cpuMilli: 12_000 })
  })
})
