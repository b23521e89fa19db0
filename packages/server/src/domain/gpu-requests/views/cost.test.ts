import { describe, expect, it } from "vitest"
import { costOf, heldMs } from "./cost.ts"
import { aGpuRequest, aHeldNode } from "../gpu-request-suite.ts"
import type { Price } from "../types.ts"

const hour = 3_600_000
const price = (gpuModel: string, micros: number, more: Partial<Price> = {}): Price => ({
  gpuModel,
  instanceType: "",
  microsPerGpuHour: micros,
  currency: "EUR",
  ...more,
})
const running = aGpuRequest({
  state: "provisioned",
  startedAtMs: 1_000,
  endsAtMs: 10 * hour,
  nodes: [aHeldNode("n1", { gpus: 8 }), aHeldNode("n2", { gpus: 4 })],
})

describe("cost", () => {
  it("is GPUs by price by the time held, so far", () => {
    const prices = [price("NVIDIA-H100-80GB-HBM3", 2_000_000)]
    expect(costOf(running, prices, 1_000 + hour / 2)).toEqual({ micros: 12_000_000, currency: "EUR" })
    expect(costOf(running, prices, 1_000)).toEqual({ micros: 0, currency: "EUR" })
  })

  it("stops growing at the end, and knows models by their short names", () => {
    const over = { ...running, state: "complete" as const, endedAtMs: 1_000 + hour }
    expect(costOf(over, [price("h100", 1_000_000)], 99 * hour)?.micros).toBe(12_000_000)
  })

  it("counts what was held before it went back to the queue", () => {
    const again = { ...running, heldBeforeMs: hour }
    expect(costOf(again, [price("h100", 1_000_000)], 1_000 + hour)?.micros).toBe(24_000_000)
    expect(heldMs({ startedAtMs: null, endedAtMs: null, heldBeforeMs: 7 }, 100)).toBe(7)
  })

  it("takes the price of the instance type before the one for all", () => {
    const prices = [price("h100", 5), price("h100", 3_600_000, { instanceType: "h100-8" })]
    expect(costOf(running, prices, 1_001)?.micros).toBe(12)
  })

  it("is rounded to the nearest millionth and exact beyond what floats can count", () => {
    expect(costOf(running, [price("h100", 150_000)], 1_000 + 1)?.micros).toBe(1)
    expect(costOf(running, [price("h100", 149_999)], 1_000 + 1)?.micros).toBe(0)
    const year = 365 * 24 * hour
    const dear = costOf(running, [price("h100", 999_999_999)], 1_000 + year)
    expect(dear?.micros).toBe(12 * 999_999_999 * 8_760)
  })

  it("is nothing that can be said without a price for each, or with several currencies", () => {
    expect(costOf(running, [], hour)).toBeNull()
    expect(costOf(running, [price("T4", 1)], hour)).toBeNull()
    expect(costOf(running, [price("h100", 1, { instanceType: "other" })], hour)).toBeNull()
    const mixed = { ...running, nodes: [aHeldNode("n1"), aHeldNode("n2", { gpuModel: "Tesla-T4" })] }
    expect(costOf(mixed, [price("h100", 1), price("T4", 1, { currency: "USD" })], hour)).toBeNull()
    expect(costOf(mixed, [price("h100", 1), price("T4", 1)], hour)).not.toBeNull()
    expect(costOf(aGpuRequest(), [price("h100", 1)], hour)).toBeNull()
  })

  it("does not run backwards with the clock", () => {
    expect(costOf(running, [price("h100", 1_000_000)], 0)?.micros).toBe(0)
  })
})
