import { describe, expect, it } from "vitest"
import { unconstrained } from "../inventory/index.ts"
import { aClaim } from "./fixtures.ts"
import { orderedSets, podSetOf, podSetsOf, podsOf, sizeOfPod } from "./pod-sets.ts"
import type { PodSet } from "./types.ts"

const gib = 1024 ** 3
const aSet = (pods: number, gpus: number, cpuMilli = 1000, memoryBytes = gib): PodSet => ({
  pods,
  size: { gpus, cpuMilli, memoryBytes, ephemeralBytes: 0 },
  constraints: unconstrained,
})

describe("pod sets of a claim", () => {
  it("orders them by GPUs, then memory, then CPU, and leaves out empty ones", () => {
    const head = aSet(1, 0, 4000, 8 * gib)
    const small = aSet(2, 0, 8000, gib)
    const least = aSet(2, 0, 1000, gib)
    const big = aSet(2, 8)
    expect(orderedSets([head, aSet(0, 16), least, small, big])).toEqual([big, head, small, least])
  })

  it("keeps equals in their order", () => {
    const sets = [aSet(1, 1), aSet(2, 1), aSet(3, 1)]
    expect(orderedSets(sets)).toEqual(sets)
  })

  it("counts pods through all sets: own first", () => {
    const own = aSet(2, 8)
    const head = aSet(1, 1)
    const rest = aSet(2, 0)
    const claim = aClaim("a", { ...own, beside: [head, rest] })
    expect(podsOf(claim)).toBe(5)
    expect(podSetsOf(claim)).toEqual([own, head, rest])
    expect([0, 1, 2, 3, 4].map((pod) => sizeOfPod(claim, pod).gpus)).toEqual([8, 8, 1, 0, 0])
    expect([0, 2, 3].map((pod) => podSetOf(claim, pod).pods)).toEqual([2, 1, 2])
  })
})
