import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { answerFloat, parsePythonFloat, pythonFloat } from "./floats.ts"

describe("a float", () => {
  it.each([
    [0, "0.0", "0.0"],
    [-0, "-0.0", "-0.0"],
    [1, "1.0", "1.0"],
    [0.1, "0.1", "0.1"],
    [120.5, "120.5", "120.5"],
    [1e15, "1000000000000000.0", "1000000000000000.0"],
    [1e16, "1e+16", "1e16"],
    [1.5e300, "1.5e+300", "1.5e300"],
    [0.0001, "0.0001", "0.0001"],
    [0.00001, "1e-05", "0.00001"],
    [0.000001, "1e-06", "1e-6"],
    [-1.25e-7, "-1.25e-07", "-1.25e-7"],
    [5e-324, "5e-324", "5e-324"],
    [123456789012345680, "1.2345678901234568e+17", "1.2345678901234568e17"],
  ])("%d is %s to Python and %s in answers", (value, python, answer) => {
    expect(pythonFloat(value)).toBe(python)
    expect(answerFloat(value)).toBe(answer)
  })

  it("reads back as itself", () => {
    fc.assert(
      fc.property(fc.double({ noDefaultInfinity: true, noNaN: true }), (value) => {
        expect(Number(pythonFloat(value))).toBe(value)
        expect(Number(answerFloat(value))).toBe(value)
        expect(parsePythonFloat(pythonFloat(value))).toBe(value)
      }),
    )
  })
})

describe("what Python reads as a float", () => {
  it.each([
    ["1", 1],
    [" 1 ", 1],
    ["\u00a01\u2003", 1],
    ["1_0", 10],
    ["1e5_0", 1e50],
    [".5", 0.5],
    ["5.", 5],
    ["+1E3", 1000],
    ["-Infinity", Number.NEGATIVE_INFINITY],
    ["inf", Number.POSITIVE_INFINITY],
    ["9".repeat(400), Number.POSITIVE_INFINITY],
    ["+nan", Number.NaN],
  ])("%j", (text, value) => {
    expect(parsePythonFloat(text)).toBe(value)
  })

  it.each(["", " ", ".", "1e", "e1", "x", "0x1", "1__0", "_1", "1_", "1_.0", "1 2", "infin", "--1"])(
    "not %j",
    (text) => {
      expect(parsePythonFloat(text)).toBeUndefined()
    },
  )

  it("looks at each character of a long text a few times only", () => {
    expect(parsePythonFloat(`${"1".repeat(2 ** 20)}x`)).toBeUndefined()
    expect(parsePythonFloat(`${" ".repeat(2 ** 20)}x${" ".repeat(2 ** 20)}`)).toBeUndefined()
  })
})
