import type { ResourceName } from "./types.ts"

/** An amount as an integer, or the sentence that says why the text is none. */
export type QuantityResult =
  | { readonly ok: true; readonly value: number }
  | { readonly ok: false; readonly message: string }

type Family = "binary" | "decimal" | "exponent"

/** Exactly `digits` × 10^`exponent` × 2^`shift`. */
interface Parsed {
  readonly digits: bigint
  readonly exponent: number
  readonly shift: number
  readonly family: Family
}

const decimalExponents: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  "": 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
}
const binaryUnits = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] as const
const decimalUnits = ["k", "M", "G", "T", "P", "E"] as const

const shape = /^([+-]?)(?:([0-9]+)\.?([0-9]*)|\.([0-9]+))(?:([numkMGTPE]?)|([KMGTPE]i)|[eE]([+-]?[0-9]+))$/

/** A number with a suffix made of the right letters. */
const looseShape = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eEinumkKMGTP]+[-+]?[0-9]*$/

const nanoInOne = 1_000_000_000n
/** Decimal suffixes in steps of a thousand, from a billionth up. */
const nanoUnits = ["n", "u", "m", "", ...decimalUnits] as const

/** Longer texts are no amounts that anybody types; the bound keeps the arithmetic small. */
const longestText = 64
/** With 64 digits at most, anything beyond these is 0 < x < 1 or far above 2^53. */
const lowestExponent = -200
const highestExponent = 100

/**
 * CPU in thousandths of a core, rounded up (`500m` → 500, `0.0001` → 1). Negative amounts come back
 * negative; the caller decides what is allowed.
 */
export function parseCpuMilli(text: string): QuantityResult {
  return parseScaled(text, 3)
}

/** Bytes, rounded up (`1Ki` → 1024, `1k` → 1000, `0.5` → 1). */
export function parseBytes(text: string): QuantityResult {
  return parseScaled(text, 0)
}

/** Whole GPUs, rounded up (`1.5` → 2). "" is none: 0. */
export function parseGpus(text: string): QuantityResult {
  return text === "" ? { ok: true, value: 0 } : parseScaled(text, 0)
}

/**
 * Half of an amount of bytes, rounded down, in the same family of suffixes: `128Gi` → `64Gi`, `1000M` →
 * `500M`, `1Gi` → `512Mi`.
 * @returns undefined for a text that is no quantity, is negative, or is above 2^53 bytes
 */
export function halfOfBytes(text: string): string | undefined {
  const parsed = parse(text)
  const bytes = parseBytes(text)
  if (!parsed || !bytes.ok || bytes.value < 0) return undefined
  return formatInFamily(BigInt(bytes.value) / 2n, parsed.family)
}

/** A quantity in Kubernetes' canonical form, or the sentence that says why the text is none. */
export type CanonicalResult =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly message: string }

/**
 * As Kubernetes writes a quantity that it was given: the largest unit of its own family that leaves an integer
 * (`1024Ki` → `1Mi`, `0.5Gi` → `512Mi`, `1000Mi` → `1000Mi`, `1.5` → `1500m`, `1e9` → `1e9`). A binary one below
 * 1 Ki, or that is no whole number of bytes, becomes decimal. Finer than a billionth is rounded up.
 */
export function canonicalQuantity(text: string): CanonicalResult {
  const parsed = parse(text)
  if (!parsed) return { ok: false, message: quantityFault(text) }
  const nano = roundUp(parsed, 9)
  if (nano === undefined) return { ok: false, message: outOfRange(text) }
  const isWhole = nano % nanoInOne === 0n
  const isBelowKi = nano > -1024n * nanoInOne && nano < 1024n * nanoInOne
  if (parsed.family === "binary" && isWhole && !isBelowKi)
    return { ok: true, text: formatInFamily(nano / nanoInOne, "binary") }
  return { ok: true, text: formatNano(nano, parsed.family === "exponent" ? "exponent" : "decimal") }
}

/** A resource's amount for messages: CPU `1500m` or `2`, GPUs `8`, bytes as `formatBytes`. */
export function formatAmount(resource: ResourceName, amount: number): string {
  switch (resource) {
    case "cpu":
      return amount % 1000 === 0 ? String(amount / 1000) : `${amount}m`
    case "gpu":
      return String(amount)
    case "memory":
    case "ephemeral-storage":
      return formatBytes(amount)
  }
}

/**
 * Bytes in the shortest binary unit: exact (`64Gi`, `1536Mi`) where that takes at most five digits, else
 * one decimal, rounded down (`62.8Gi`), so that what is free is never overstated.
 */
export function formatBytes(bytes: number): string {
  const exact = formatInFamily(BigInt(bytes), "binary")
  if (/^-?\d{1,5}\D*$/.test(exact)) return exact
  const magnitude = Math.abs(bytes)
  const unit = Math.min(binaryUnits.length, Math.floor(Math.log2(magnitude) / 10))
  const tenths = Math.floor((magnitude / 1024 ** unit) * 10)
  return `${bytes < 0 ? "-" : ""}${tenths / 10}${binaryUnits[unit - 1] ?? ""}`
}

function parseScaled(text: string, decimals: number): QuantityResult {
  const parsed = parse(text)
  if (!parsed) return { ok: false, message: formatWrong(text) }
  const value = roundUp(parsed, decimals)
  if (
    value === undefined ||
    value > BigInt(Number.MAX_SAFE_INTEGER) ||
    value < -BigInt(Number.MAX_SAFE_INTEGER)
  )
    return { ok: false, message: outOfRange(text) }
  return { ok: true, value: Number(value) }
}

function outOfRange(text: string): string {
  return `the quantity is out of range, value: ${text}`
}

/** What Kubernetes says without naming the text: another sentence where only the suffix is wrong. */
function quantityFault(text: string): string {
  return looseShape.test(text)
    ? "unable to parse quantity's suffix"
    : "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
}

/** The sentence that Kubernetes says about a text that is no quantity. */
function formatWrong(text: string): string {
  const shown = text.length > longestText ? `${text.slice(0, longestText)}…` : text
  return `quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$', value: ${shown}`
}

function parse(text: string): Parsed | undefined {
  if (text.length > longestText) return undefined
  const match = shape.exec(text)
  if (!match) return undefined
  const [, sign, whole = "", part = "", onlyPart = "", decimal, binary, exponent] = match
  const fraction = part + onlyPart
  const digits = BigInt(`${whole}${fraction}`) * (sign === "-" ? -1n : 1n)
  if (binary !== undefined) {
    const shift = 10 * (binaryUnits.findIndex((unit) => unit === binary) + 1)
    return { digits, exponent: -fraction.length, shift, family: "binary" }
  }
  const power = exponent === undefined ? (decimalExponents[decimal ?? ""] ?? 0) : Number(exponent)
  return {
    digits,
    exponent: power - fraction.length,
    shift: 0,
    family: exponent === undefined ? "decimal" : "exponent",
  }
}

/** The smallest integer not below the amount × 10^decimals; undefined when it is absurdly large. */
function roundUp(parsed: Parsed, decimals: number): bigint | undefined {
  if (parsed.digits === 0n) return 0n
  const exponent = Math.max(lowestExponent, parsed.exponent + decimals)
  if (exponent > highestExponent) return undefined
  const shifted = parsed.digits << BigInt(parsed.shift)
  if (exponent >= 0) return shifted * 10n ** BigInt(exponent)
  const divisor = 10n ** BigInt(-exponent)
  const quotient = shifted / divisor
  return shifted > 0n && shifted % divisor !== 0n ? quotient + 1n : quotient
}

/** Canonical: the largest unit that leaves an integer. */
function formatInFamily(value: bigint, family: Family): string {
  const step = family === "binary" ? 1024n : 1000n
  let mantissa = value
  let unit = 0
  while (unit < 6 && mantissa !== 0n && mantissa % step === 0n) {
    mantissa /= step
    unit++
  }
  if (unit === 0) return String(mantissa)
  if (family === "exponent") return `${mantissa}e${unit * 3}`
  return `${mantissa}${(family === "binary" ? binaryUnits : decimalUnits)[unit - 1] ?? ""}`
}

/** As `formatInFamily`, of billionths. */
function formatNano(nano: bigint, family: "decimal" | "exponent"): string {
  if (nano === 0n) return "0"
  let mantissa = nano
  let unit = 0
  while (unit < nanoUnits.length - 1 && mantissa % 1000n === 0n) {
    mantissa /= 1000n
    unit++
  }
  if (family === "decimal") return `${mantissa}${nanoUnits[unit] ?? ""}`
  const exponent = unit * 3 - 9
  return exponent === 0 ? String(mantissa) : `${mantissa}e${exponent}`
}
