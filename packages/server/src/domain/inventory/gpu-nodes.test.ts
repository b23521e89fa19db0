import fc from "fast-check"
import { expect, it } from "vitest"
import {
  gpuMemoryGb,
  gpuMemoryMib,
  isManaged,
  maxUtilisationPercent,
  nodeCloudProvider,
  nodeRegion,
} from "./gpu-nodes.ts"
import { findGpuModel, gpuProductLabel } from "./gpu-models.ts"
import { noReadings, type Gpu } from "./types.ts"

const gpuOf = (memoryBytes: number): Gpu => ({
  index: 0,
  uuid: "GPU-0",
  memoryBytes,
  usedOutside: false,
  ...noReadings,
})
const memoryOf = (model: string) => findGpuModel(model)?.memoryBytes ?? 0

it("takes nodes without GPUs, and those whose label says so, for unmanaged", () => {
  const gpus = [gpuOf(1)]
  const label = "kubeslice.io/managed-by-egs"
  expect(isManaged({ gpus, labels: {} })).toBe(true)
  expect(isManaged({ gpus, labels: { [label]: "true" } })).toBe(true)
  for (const value of ["false", "False", " FALSE "])
    expect(isManaged({ gpus, labels: { [label]: value } })).toBe(false)
  expect(isManaged({ gpus: [], labels: {} })).toBe(false)
})

it("reads region and cloud provider from labels, blank where there are none", () => {
  expect([nodeRegion({ labels: {} }), nodeCloudProvider({ labels: {} })]).toEqual(["", ""])
  const labels = { "topology.kubernetes.io/region": "eu-1", "berth.dev/cloud-provider": "gcp" }
  expect([nodeRegion({ labels }), nodeCloudProvider({ labels })]).toEqual(["eu-1", "gcp"])
})

it.each([
  ["T4", 15360, 15],
  ["A100", 81920, 80],
  ["H100", 81559, 79],
  ["H200", 143771, 140],
  ["MI250X", 65520, 63],
  ["MI300X", 196592, 191],
])("counts the memory of a %s as %i MiB and %i GB", (model, inMib, inGb) => {
  const node = { gpus: [gpuOf(memoryOf(model)), gpuOf(memoryOf(model) * 2)] }
  expect([gpuMemoryMib(node), gpuMemoryGb(node)]).toEqual([inMib, inGb])
  expect([gpuMemoryMib({ gpus: [] }), gpuMemoryGb({ gpus: [] })]).toEqual([0, 0])
})

it.each([
  [[null, null], null],
  [[], null],
  [[0, 0], 0],
  [[0, null], null],
  [[3, null], 3],
  [[0, 97], 97],
])("says of GPUs that are %j percent busy: %j", (percents, most) => {
  expect(maxUtilisationPercent(percents.map((utilisationPercent) => ({ utilisationPercent })))).toBe(most)
})

it("never takes a node for idle of which a GPU does not tell", () => {
  const percent = fc.option(fc.integer({ min: 0, max: 100 }))
  fc.assert(
    fc.property(fc.array(percent), (percents) => {
      const most = maxUtilisationPercent(percents.map((utilisationPercent) => ({ utilisationPercent })))
      expect(most === 0).toBe(percents.length > 0 && percents.every((one) => one === 0))
    }),
  )
})

it("labels a node's model as its maker's discovery does", () => {
  expect(gpuProductLabel("T4")).toBe("nvidia.com/gpu.product")
  expect(gpuProductLabel("MI300X")).toBe("amd.com/gpu.product-name")
  expect(gpuProductLabel("Radeon-RX-7900-XTX")).toBe("amd.com/gpu.product-name")
})
