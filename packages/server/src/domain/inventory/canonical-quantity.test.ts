import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { propertyRuns } from "../../kit/property-runs.ts"
import { canonicalQuantity, parseBytes, parseCpuMilli } from "./quantity.ts"

const shown = (text: string) => {
  const read = canonicalQuantity(text)
  return read.ok ? read.text : read.message
}

describe("canonical quantities", () => {
  it.each([
    ["1000Mi", "1000Mi"],
    ["1024Mi", "1Gi"],
    ["1024Ki", "1Mi"],
    ["0.5Gi", "512Mi"],
    ["1.5Gi", "1536Mi"],
    ["2048Gi", "2Ti"],
    ["1e9", "1e9"],
    ["1000000000", "1G"],
    ["1048576", "1048576"],
    ["1.5", "1500m"],
    ["+2", "2"],
    ["-2048Ki", "-2Mi"],
    ["0", "0"],
    ["0Gi", "0"],
    ["0e3", "0"],
    ["0.5Ki", "512"],
    ["1.3Gi", "1395864371200m"],
    ["100e1", "1e3"],
    ["15e-1", "1500e-3"],
    ["0.1n", "1n"],
    ["1000E", "1000E"],
    ["1024Ei", "1024Ei"],
  ])("writes %s as %s", (given, canonical) => {
    expect(shown(given)).toBe(canonical)
  })

  it.each(["", "4Foo", "Gi", "1.2.3", "five", " 1Gi", "1".repeat(65)])("refuses the form of %j", (text) => {
    expect(shown(text)).toBe(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    )
  })

  it.each(["1i", "4GG", "1ki", "1e", "2MiMi", "1Gi5"])("refuses the suffix of %j", (text) => {
    expect(shown(text)).toBe("unable to parse quantity's suffix")
  })

  it("refuses what is absurdly large", () => {
    expect(shown("1e400")).toBe("the quantity is out of range, value: 1e400")
  })

  it("keeps the value and its own form", () => {
    const amount = fc
      .tuple(
        fc.nat(10 ** 7),
        fc.nat(9999),
        fc.constantFrom("", "n", "u", "m", "k", "M", "Ki", "Mi", "Gi", "e3"),
      )
      .map(([whole, part, suffix]) => `${whole}.${part}${suffix}`)
    fc.assert(
      fc.property(amount, (text) => {
        const canonical = shown(text)
        expect(shown(canonical)).toBe(canonical)
        expect(bytes(canonical)).toBe(bytes(text))
        expect(milli(canonical)).toBe(milli(text))
      }),
      propertyRuns(300),
    )
  })
})

const bytes = (text: string) => valueOf(parseBytes(text))
const milli = (text: string) => valueOf(parseCpuMilli(text))
/** The amount, or whether it is out of range: the sentence names the text. */
const valueOf = (read: ReturnType<typeof parseBytes>) => (read.ok ? read.value : "none")
