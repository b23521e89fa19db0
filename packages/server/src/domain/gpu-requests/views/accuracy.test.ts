import { describe, expect, it } from "vitest"
import { accuracyOf } from "./accuracy.ts"
import type { Outcome } from "../types.ts"

/** Made at 0, promised for `saidS`, begun at `cameS`, both in seconds. */
const outcome = (priority: number, saidS: number, cameS: number, likelyS: number | null = null): Outcome => ({
  priority,
  createdAtMs: 0,
  promisedAtMs: 1,
  promisedStartMs: saidS * 1000,
  likelyStartMs: likelyS === null ? null : likelyS * 1000,
  startedAtMs: cameS * 1000,
})

describe("accuracy of estimates", () => {
  it("is told by band, also of bands in which nothing started", () => {
    const none = {
      started: 0,
      medianErrorSeconds: null,
      p90AbsoluteErrorSeconds: null,
      medianRelativeError: null,
      p90RelativeError: null,
    }
    expect(accuracyOf([])).toEqual([
      { band: "low", ...none, likely: none },
      { band: "medium", ...none, likely: none },
      { band: "high", ...none, likely: none },
    ])
    const counts = accuracyOf([0, 100, 101, 200, 201, 300, 300].map((priority) => outcome(priority, 1, 1)))
    expect(counts.map(({ started }) => started)).toEqual([2, 2, 3])
  })

  it("is what came true minus what was said: early is negative, far off is far off either way", () => {
    const all = [-300, -20, -10, 0, 5].map((error) => outcome(0, 1_000, 1_000 + error))
    expect(accuracyOf(all)[0]).toMatchObject({ medianErrorSeconds: -10, p90AbsoluteErrorSeconds: 300 })
  })

  it("is compared with the wait that came true, of those that waited a minute or more", () => {
    const all = [outcome(0, 0, 59), outcome(0, 120, 60), outcome(0, 50, 100), outcome(0, 400, 400)]
    expect(accuracyOf(all)[0]).toMatchObject({ started: 4, medianRelativeError: 0.5, p90RelativeError: 1 })
    expect(accuracyOf([outcome(0, 0, 59)])[0]).toMatchObject({ started: 1, medianRelativeError: null })
  })

  it("of likely starts is told apart, of those of which one was said", () => {
    const all = [outcome(0, 400, 100, 90), outcome(0, 300, 100, 150), outcome(0, 200, 100)]
    expect(accuracyOf(all)[0]).toMatchObject({
      started: 3,
      medianErrorSeconds: -200,
      medianRelativeError: 2,
      likely: { started: 2, medianErrorSeconds: -50, medianRelativeError: 0.1, p90RelativeError: 0.5 },
    })
  })
})
