import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { formatAmount, formatBytes, halfOfBytes, parseBytes, parseCpuMilli, parseGpus } from "./quantity.ts"

const value = (of: ReturnType<typeof parseBytes>) => (of.ok ? of.value : of.message)

describe("quantities", () => {
  it.each([
    ["0", 0],
    ["1", 1],
    ["+1", 1],
    ["-1", -1],
    ["-1.5", -1],
    ["1.", 1],
    [".5", 1],
    ["0.5", 1],
    ["1k", 1000],
    ["1Ki", 1024],
    ["1.5Ki", 1536],
    ["1e3", 1000],
    ["1E3", 1000],
    ["1E", 1e18],
    ["1e-3", 1],
    ["1e+3", 1000],
    ["128974848", 128974848],
    ["129M", 129_000_000],
    ["123Mi", 128974848],
    ["128974848000m", 128974848],
    ["1n", 1],
    ["0.000000001Gi", 2],
    ["1e-400", 1],
    ["0e9999", 0],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
  ])("reads %s as %d bytes, rounded up", (text, bytes) => {
    const read = parseBytes(text)
    if (bytes > Number.MAX_SAFE_INTEGER) expect(read.ok).toBe(false)
    else expect(value(read)).toBe(bytes)
  })

  it.each([
    "",
    " ",
    "1 ",
    " 1",
    ".",
    "+",
    "-",
    "1.1.M",
    "1+1",
    "0.1mi",
    "1ki",
    "1i",
    "1e",
    "1e1.5",
    "0x10",
    "١",
  ])("refuses %j with the sentence that Kubernetes says", (text) => {
    expect(value(parseBytes(text))).toBe(
      `quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$', value: ${text}`,
    )
  })

  it.each(["9007199254740992", "8Ei", "1e99", "1e999999999999", "-1e30", "9".repeat(64)])(
    "never makes a wrong number of %s",
    (text) => {
      expect(value(parseBytes(text))).toBe(`the quantity is out of range, value: ${text}`)
    },
  )

  it("is not slow on texts that are too long", () => {
    expect(parseBytes(`1${"0".repeat(2_000_000)}`).ok).toBe(false)
    expect(parseBytes(`1${"e".repeat(2_000_000)}`).ok).toBe(false)
  })

  it.each([
    ["500m", 500],
    ["0.1", 100],
    ["1", 1000],
    ["0.0001", 1],
    ["1u", 1],
    ["1.5", 1500],
    ["2k", 2_000_000],
  ])("reads %s as %d thousandths of a core", (text, milli) => {
    expect(value(parseCpuMilli(text))).toBe(milli)
  })

  it.each([
    ["", 0],
    ["0", 0],
    ["8", 8],
    ["1.5", 2],
    ["500m", 1],
  ])("reads %j as %d GPUs", (text, gpus) => {
    expect(value(parseGpus(text))).toBe(gpus)
  })

  it("adds up exactly: 0.1 and 0.2 cores are 0.3 cores", () => {
    const sum = Number(value(parseCpuMilli("0.1"))) + Number(value(parseCpuMilli("0.2")))
    expect(sum).toBe(value(parseCpuMilli("0.3")))
  })

  it.each([
    ["128Gi", "64Gi"],
    ["1000M", "500M"],
    ["1Gi", "512Mi"],
    ["129Gi", "66048Mi"],
    ["1M", "500k"],
    ["1Ki", "512"],
    ["1", "0"],
    ["1e9", "500e6"],
    ["0", "0"],
  ])("halves %s to %s in the same family", (text, half) => {
    expect(halfOfBytes(text)).toBe(half)
  })

  it.each(["", "x", "-1", "1e99"])("has no half of %j", (text) => {
    expect(halfOfBytes(text)).toBeUndefined()
  })

  it("keeps the half of any size at half its bytes", () => {
    const suffix = fc.constantFrom("", "k", "M", "G", "Ki", "Mi", "Gi", "Ti")
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5000 }), suffix, (digits, unit) => {
        const whole = value(parseBytes(`${digits}${unit}`))
        expect(value(parseBytes(halfOfBytes(`${digits}${unit}`) ?? ""))).toBe(Math.floor(Number(whole) / 2))
      }),
    )
  })

  it.each([
    [0, "0"],
    [1023, "1023"],
    [1024, "1Ki"],
    [1536 * 1024 ** 2, "1536Mi"],
    [64 * 1024 ** 3, "64Gi"],
    [65_859_588 * 1024, "62.8Gi"],
    [1024 ** 3 - 1, "1023.9Mi"],
    [123_456, "120.5Ki"],
  ])("shows %d bytes as %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })

  it("never shows more bytes than there are", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (bytes) => {
        expect(Number(value(parseBytes(formatBytes(bytes))))).toBeLessThanOrEqual(bytes + 1)
      }),
    )
  })

  it("shows amounts in the unit of their resource", () => {
    expect(formatAmount("cpu", 1500)).toBe("1500m")
    expect(formatAmount("cpu", 2000)).toBe("2")
    expect(formatAmount("gpu", 8)).toBe("8")
    expect(formatAmount("memory", 1024 ** 3)).toBe("1Gi")
  })
})
