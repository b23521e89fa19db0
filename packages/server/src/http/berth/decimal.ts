const places = 6
const million = 1_000_000

/** Millionths as a decimal text with at least 2 places: 2_500_000 is `2.50`. Whole numbers up to 2^53 - 1, not negative. */
export function decimalOf(micros: number): string {
  const whole = Math.floor(micros / million)
  const rest = String(micros % million).padStart(places, "0")
  return `${whole}.${rest.replace(/0{1,4}$/, "")}`
}

/** The inverse, for texts of at most 9 digits and 6 places: `2.5` is 2_500_000. */
export function microsOf(text: string): number {
  const [whole = "0", rest = ""] = text.split(".")
  return Number(whole) * million + Number(rest.padEnd(places, "0"))
}
