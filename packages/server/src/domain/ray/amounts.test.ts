import { describe, expect, it } from "vitest"
import { amountsOf, customResourcesOf } from "./amounts.ts"
import type { GroupResources } from "./spec.ts"

const resources = (over: Partial<GroupResources>): GroupResources => ({
  cpu: 1,
  memory: 1,
  memoryUnit: "Gi",
  gpu: 0,
  gpuAccelerator: "",
  tolerations: [],
  extendedResources: {},
  ...over,
})

describe("what a pod of a group claims", () => {
  it("counts cores, memory in its unit and GPUs", () => {
    expect(amountsOf(resources({ cpu: 2, memory: 512, memoryUnit: "Mi", gpu: 3 }))).toEqual({
      cpuMilli: 2000,
      memoryBytes: 512 * 2 ** 20,
      gpus: 3,
      ephemeralBytes: 0,
    })
  })

  it("takes memory without a unit as bytes", () => {
    expect(amountsOf(resources({ memory: 4, memoryUnit: "" })).memoryBytes).toBe(4)
  })

  it("holds the memory that no number holds", () => {
    const size = amountsOf(resources({ memory: 4_294_967_295, memoryUnit: "Ei" }))
    expect(size.memoryBytes).toBe(Number.MAX_SAFE_INTEGER)
  })

  it.each([
    ["", 2, {}],
    ["nvidia.com/gpu", 2, {}],
    ["amd.com/gpu", 2, {}],
    ["google.com/tpu", 0, { "google.com/tpu": 2 }],
  ])("takes the accelerator %j as GPUs or as a resource of Ray", (gpuAccelerator, gpus, custom) => {
    const given = resources({ gpu: 2, gpuAccelerator })
    expect(amountsOf(given).gpus).toBe(gpus)
    expect(customResourcesOf(given)).toEqual(custom)
  })

  it("passes extended resources above 0, and GPUs among them as GPUs", () => {
    const given = resources({
      gpu: 1,
      gpuAccelerator: "google.com/tpu",
      extendedResources: { zero: 0, "vpc.amazonaws.com/efa": 32, "google.com/tpu": 4, "nvidia.com/gpu": 1 },
    })
    expect(amountsOf(given).gpus).toBe(1)
    expect(customResourcesOf(given)).toEqual({ "vpc.amazonaws.com/efa": 32, "google.com/tpu": 4 })
  })
})
