import type { Gpu } from "@berth/contract/berth"
import { expect, it } from "vitest"
import { gpuLine, gpuState, gpusToShow } from "./gpu-facts.ts"

const gib = 1024 ** 3
const unknown: Gpu = {
  index: 0,
  uuid: "GPU-0",
  memoryBytes: 80 * gib,
  usedOutside: false,
  temperatureC: null,
  powerW: null,
  powerLimitW: null,
  utilisationPercent: null,
  memoryUsedBytes: null,
  fault: "",
}
const busy = {
  ...unknown,
  temperatureC: 61,
  powerW: 655.1,
  powerLimitW: 700,
  utilisationPercent: 98,
  memoryUsedBytes: 40 * gib,
}

it("says of a GPU what is known", () => {
  expect(gpuLine(unknown)).toBe("well, 80GiB")
  expect(gpuLine(busy)).toBe("well, 61 °C, 655 of 700 W, 98 % busy, 40GiB of 80GiB in use")
  expect(gpuLine({ ...unknown, powerW: 70, fault: "GPU 0 (GPU-0) is lost.", usedOutside: true })).toBe(
    "GPU 0 (GPU-0) is lost, 70 W, 80GiB, used outside Berth",
  )
})

it("sums a node up by its busiest, its hottest and its faulty GPUs, and says nothing of what is not known", () => {
  const node = (gpus: Gpu[], simulated = false) => ({ gpus, simulated })
  expect(gpuState(node([]))).toBe("")
  expect(gpuState(node([unknown, unknown]))).toBe("")
  expect(gpuState(node([busy, { ...busy, utilisationPercent: 0, temperatureC: 70 }]))).toBe("98 % 70 °C")
  expect(gpuState(node([busy, { ...unknown, fault: "GPU 1 is lost." }]))).toBe("1 faulty 98 % 61 °C")
  expect(gpuState(node([busy], true))).toBe("")
  expect(gpusToShow(node([busy], true))).toEqual([])
})
