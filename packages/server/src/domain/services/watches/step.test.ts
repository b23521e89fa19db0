import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { propertyRuns } from "../../../kit/property-runs.ts"
import { serviceStates } from "../types.ts"
import { countProbe, mayBeOverruled, nextProbeInMs, nothingCounted, stateToShow } from "./step.ts"

const { runs, seed } = propertyRuns(300)
const parameters = { numRuns: runs, ...(seed === undefined ? {} : { seed }) }
const limits = fc.record({
  failureThreshold: fc.integer({ min: 1, max: 10 }),
  successThreshold: fc.integer({ min: 1, max: 10 }),
})
const probes = fc.array(fc.boolean(), { maxLength: 60 })

describe("what probes in a row say", () => {
  it("turns exactly where a threshold was met without a break, and never to unknown", () => {
    fc.assert(
      fc.property(limits, probes, (settings, results) => {
        let count = nothingCounted
        results.forEach((ok, at) => {
          const before = count
          count = countProbe(before, { ok }, settings)
          const threshold = ok ? settings.successThreshold : settings.failureThreshold
          const streak = results.slice(0, at + 1).length - results.slice(0, at + 1).lastIndexOf(!ok) - 1
          const expected = streak >= threshold ? (ok ? "up" : "down") : before.verdict
          expect(count.verdict).toBe(expected)
          expect(Math.min(count.successes, count.failures)).toBe(0)
        })
      }),
      parameters,
    )
  })

  it("overrules no owner who says that nobody is there", () => {
    for (const state of [null, ...serviceStates])
      for (const verdict of ["unknown", "up", "down"] as const) {
        const shown = stateToShow({ state, joined: null }, verdict)
        if (verdict === "unknown" || !mayBeOverruled({ state })) expect(shown).toBe(state)
        else expect(shown).toBe(verdict === "up" ? "active" : "error")
        expect(stateToShow({ state: shown, joined: null }, verdict)).toBe(shown)
      }
    expect(serviceStates.filter((state) => !mayBeOverruled({ state }))).toEqual([
      "inactive",
      "pending_shutdown",
      "scaled_to_zero",
    ])
  })

  it("is asked for again within a tenth of the interval", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: 3600 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (s, random) => {
          const inMs = nextProbeInMs({ intervalSeconds: s }, random)
          expect(inMs).toBeGreaterThanOrEqual(s * 900)
          expect(inMs).toBeLessThanOrEqual(s * 1100)
        },
      ),
      parameters,
    )
  })
})
