import { describe, expect, it } from "vitest"
import { aRequest } from "../board/board-fixtures.ts"
import type { GpuRequest } from "../types.ts"
import { createUsedShares, type UsedShares } from "./used-shares.ts"

const hourMs = 3_600_000

/** One that held for so much of its hour. */
function ended(share: number, change: Partial<Omit<GpuRequest, "wish">> = {}): GpuRequest {
  const times = { startedAtMs: 0, endsAtMs: hourMs, endedAtMs: share * hourMs }
  return aRequest("old", { state: "early_released", cause: "released", ...times, ...change })
}

function tell(shares: UsedShares, all: readonly number[], change: Partial<Omit<GpuRequest, "wish">> = {}) {
  for (const share of all) shares.ended(ended(share, change))
}

const eight = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
const waiting = aRequest("new", { durationMs: 10 * hourMs })
const running = (workspaceId = "red") =>
  aRequest("new", { workspaceId, state: "provisioned", startedAtMs: 0, endsAtMs: 10 * hourMs })

describe("how long a request is expected to hold nodes", () => {
  it("is all of its time until eight have ended", () => {
    const shares = createUsedShares()
    tell(shares, eight.slice(1))
    expect(shares.expectedMs(waiting, 0)).toBe(10 * hourMs)
    shares.ended(ended(0.1))
    expect(shares.expectedMs(waiting, 0)).toBe(4 * hourMs)
  })

  it("goes by its own workspace where that has ended enough, else by all", () => {
    const shares = createUsedShares()
    tell(shares, eight, { workspaceId: "blue" })
    tell(shares, eight.slice(1))
    expect(shares.expectedMs(waiting, 0)).toBe(5 * hourMs)
    tell(
      shares,
      Array.from({ length: 10 }, () => 0.9),
    )
    expect(shares.expectedMs(waiting, 0)).toBe(9 * hourMs)
    expect(shares.expectedMs({ ...waiting, workspaceId: "green" }, 0)).toBe(7 * hourMs)
    shares.forget("red")
    expect(shares.expectedMs(waiting, 0)).toBe(7 * hourMs)
  })

  it("goes by those that held longer than it has by now, and not past its end", () => {
    const shares = createUsedShares()
    tell(shares, [...eight, ...eight.map((share) => share + 0.05)])
    // 0.45 to 0.85: nine of them, the fifth is 0.65
    expect(shares.expectedMs(running(), 4.1 * hourMs)).toBe(2.4 * hourMs)
    // seven are too few to say anything
    expect(shares.expectedMs(running(), 5.1 * hourMs)).toBe(4.9 * hourMs)
    expect(shares.expectedMs({ ...running(), endsAtMs: hourMs }, 2 * hourMs)).toBe(0)
  })

  it("counts what a request held before it was queued again", () => {
    const shares = createUsedShares()
    tell(
      shares,
      Array.from({ length: 8 }, () => 0.5),
    )
    const again = { ...waiting, heldBeforeMs: 2 * hourMs, remainingMs: 8 * hourMs }
    expect(shares.expectedMs(again, 0)).toBe(3 * hourMs)
    const sample = ended(0.25, { heldBeforeMs: hourMs })
    const other = createUsedShares()
    for (let n = 0; n < 8; n++) other.ended(sample)
    expect(other.expectedMs(waiting, 0)).toBe(6.25 * hourMs)
  })

  it("learns nothing from requests that did not end by themselves or by their owner", () => {
    const shares = createUsedShares()
    tell(shares, eight, { cause: "node_lost", state: "error" })
    tell(shares, eight, { cause: "workspace_deleted" })
    tell(shares, eight, { cause: "cancelled", state: "cancelled", startedAtMs: null })
    expect(shares.expectedMs(waiting, 0)).toBe(10 * hourMs)
  })

  it("measures automatic ones without an end by their step, apart from the others", () => {
    const automatic = { ownerId: "wl_1", ownerShownId: "train", stepMs: hourMs, hasEnd: false }
    const shares = createUsedShares()
    tell(shares, eight)
    const one = { ...running(), automatic }
    expect(shares.expectedMs(one, 0)).toBe(10 * hourMs)
    for (let n = 0; n < 8; n++)
      shares.ended(ended(2, { automatic, cause: "work_over", endsAtMs: 3 * hourMs }))
    expect(shares.expectedMs(one, hourMs / 2)).toBe(1.5 * hourMs)
    expect(shares.expectedMs(waiting, 0)).toBe(4 * hourMs)
  })

  it("forgets the oldest: of a workspace all but 200", () => {
    const shares = createUsedShares()
    tell(
      shares,
      Array.from({ length: 200 }, () => 0.2),
    )
    tell(
      shares,
      Array.from({ length: 100 }, () => 0.9),
    )
    expect(shares.expectedMs(waiting, 0)).toBe(2 * hourMs)
    tell(
      shares,
      Array.from({ length: 100 }, () => 0.9),
    )
    expect(shares.expectedMs(waiting, 0)).toBe(9 * hourMs)
  })
})
