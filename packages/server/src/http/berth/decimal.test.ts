import fc from "fast-check"
import { expect, it } from "vitest"
import { decimalOf, microsOf } from "./decimal.ts"

it.each([
  [0, "0.00"],
  [1, "0.000001"],
  [100_000, "0.10"],
  [2_500_000, "2.50"],
  [2_505_000, "2.505"],
  [12_000_000, "12.00"],
  [999_999_999_999_999, "999999999.999999"],
])("%i millionths are %s", (micros, text) => {
  expect(decimalOf(micros)).toBe(text)
  expect(microsOf(text)).toBe(micros)
})

it("reads what people write", () => {
  expect(["2", "2.5", "0.000001", "000000002.10"].map(microsOf)).toEqual([2_000_000, 2_500_000, 1, 2_100_000])
})

it("loses nothing either way", () => {
  fc.assert(
    fc.property(fc.nat({ max: 10 ** 15 - 1 }), (micros) => {
      expect(microsOf(decimalOf(micros))).toBe(micros)
    }),
  )
})
