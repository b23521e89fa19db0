import * as fc from "fast-check"
import { expect, it } from "vitest"
import { formatDuration, parseDuration } from "./duration.ts"

it.each([
  ["0d0h5m", "0h5m0s"],
  ["0d1h15m", "1h15m0s"],
  ["1d", "24h0m0s"],
  ["1d2h3m4s", "26h3m4s"],
  ["90s", "0h1m30s"],
])("%s is shown as %s", (given, shown) => {
  expect(formatDuration(parseDuration(given) ?? 0)).toBe(shown)
})

it("what is shown is read as the same length", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 9 }), (seconds) => {
      expect(parseDuration(formatDuration(seconds * 1000))).toBe(seconds * 1000)
    }),
  )
})

it("any text is a whole length or none", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9dhms]{0,30}$/)), (text) => {
      const lengthMs = parseDuration(text)
      expect(lengthMs === null || (Number.isFinite(lengthMs) && lengthMs >= 0)).toBe(true)
    }),
  )
})

it("less than nothing is shown as nothing", () => {
  expect(formatDuration(-1)).toBe("0h0m0s")
})
