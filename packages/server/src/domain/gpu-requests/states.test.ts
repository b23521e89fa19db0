import { expect, it } from "vitest"
import { bandOf, canMoveGpuRequest, gpuRequestMoves, isLive, stateAfter } from "./states.ts"
import type { GpuRequestState } from "./types.ts"
import { gpuEndCauses } from "./types.ts"

const states = Object.keys(gpuRequestMoves) as GpuRequestState[]

it("moves as the table says, and never out of an end", () => {
  expect(states.filter((state) => canMoveGpuRequest("queued", state))).toEqual(["provisioned", "cancelled"])
  expect(canMoveGpuRequest("provisioned", "cancelled")).toBe(false)
  expect(canMoveGpuRequest("provisioned", "queued")).toBe(true)
  for (const state of states)
    if (!isLive({ state })) expect(states.filter((to) => canMoveGpuRequest(state, to))).toEqual([])
})

it("ends a provisioned request by every cause in a state that it may move to", () => {
  for (const cause of gpuEndCauses) {
    expect(canMoveGpuRequest("provisioned", stateAfter[cause])).toBe(true)
    expect(isLive({ state: stateAfter[cause] })).toBe(false)
  }
})

it("has a band for every priority, the borders in the lower one", () => {
  expect([0, 100, 101, 200, 201, 300].map(bandOf)).toEqual(["low", "low", "medium", "medium", "high", "high"])
})
