/** A JSON number, at the start of a text, with nothing behind it that could belong to it. */
const leadingNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![-+.\w])/

/**
 * The number that a string holds: JSON's form, no white space around it; what follows behind a separator is not looked
 * at. Undefined: it holds none.
 */
export function numberWithin(text: string): string | undefined {
  return text.trim() === text ? leadingNumber.exec(text)?.[0] : undefined
}

/** The most digits that an integer of 64 bits has. */
const mostDigits = 20

/**
 * The integer that a JSON number is; `2.0` and `2e0` are one.
 * Undefined: it has a fraction, or is outside `from` to `to`.
 */
export function integerOf(number: string, from: bigint, to: bigint): bigint | undefined {
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number)
  if (!parts) return undefined
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = parts
  const digits = withoutZerosAtEnd(whole + fraction)
  const shift = Number(exponent) - fraction.length + (whole + fraction).length - digits.length
  const significant = digits.replace(/^0+/, "")
  if (significant === "") return 0n
  if (shift < 0 || significant.length + shift > mostDigits) return undefined
  const value = BigInt(sign + significant) * 10n ** BigInt(shift)
  return value >= from && value <= to ? value : undefined
}

/** By hand: a regular expression for this takes the square of the time on long runs of zeros. */
function withoutZerosAtEnd(digits: string): string {
  let end = digits.length
  while (digits[end - 1] === "0") end -= 1
  return digits.slice(0, end)
}

/** The float of 32 bits nearest to a JSON number; undefined beyond the greatest. */
export function floatOf(number: string): number | undefined {
  const value = Math.fround(Number(number))
  return Number.isFinite(value) ? value : undefined
}

const namedFloats: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
}

/** The float that a string holds. */
export function floatWithin(text: string): number | undefined {
  if (Object.hasOwn(namedFloats, text)) return namedFloats[text]
  const number = numberWithin(text)
  return number === undefined ? undefined : floatOf(number)
}

/** The shortest decimal that reads back as the same float of 32 bits; what is not finite as a string of JSON. */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) return JSON.stringify(String(value))
  if (Object.is(value, -0)) return "-0"
  for (let precision = 1; precision <= 9; precision += 1) {
    const short = Number(value.toPrecision(precision))
    if (Math.fround(short) === Math.fround(value)) return String(short)
  }
  return String(value)
}
