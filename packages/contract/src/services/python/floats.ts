/** The digits of the shortest decimal that reads back as the same number, and where its point is. */
interface Shortest {
  readonly sign: string
  /** At least one, no zeros at the end but for zero itself. */
  readonly digits: string
  /** How many digits stand before the point; 0 and less: zeros follow the point. */
  readonly point: number
}

function shortest(value: number): Shortest {
  const [mantissa = "", exponent = ""] = Math.abs(value).toExponential().split("e")
  return {
    sign: value < 0 || Object.is(value, -0) ? "-" : "",
    digits: mantissa.replace(".", ""),
    point: Number(exponent) + 1,
  }
}

/** Without an exponent, with a fraction: `1.0`, `0.001`, `120.5`. */
function positional({ sign, digits, point }: Shortest): string {
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`
  const whole = digits.slice(0, point).padEnd(point, "0")
  return `${sign}${whole}.${digits.slice(point) || "0"}`
}

function mantissa({ sign, digits }: Shortest): string {
  return sign + (digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`)
}

/** As JavaScript writes them, with a fraction: without an exponent from 0.000001 on, and below 1e21. */
function plainly(value: number): string {
  const text = String(value)
  return text.includes(".") ? text : `${text}.0`
}

/** As Python's `repr` and `json.dumps` write a finite float: `1.0`, `1e+16`, `1e-07`. */
export function pythonFloat(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e-4 && size < 1e16) return plainly(value)
  const parts = shortest(value)
  if (value === 0) return positional(parts)
  const exponent = parts.point - 1
  const digits = String(Math.abs(exponent)).padStart(2, "0")
  return `${mantissa(parts)}e${exponent < 0 ? "-" : "+"}${digits}`
}

/** As the answers of the API write a finite float: `1.0`, `1e16`, `1e-7`. */
export function answerFloat(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e-5 && size < 1e16) return plainly(value)
  const parts = shortest(value)
  if (value === 0) return positional(parts)
  return `${mantissa(parts)}e${parts.point - 1}`
}

const decimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i
const named = /^([+-]?)(?:(inf(?:inity)?)|nan)$/i

/**
 * The number that Python's `float` reads from a text: blanks around it, `_` between digits, `inf` and `nan` in any
 * case. Undefined: it reads none, or has digits other than 0 to 9.
 */
export function parsePythonFloat(text: string): number | undefined {
  const trimmed = trimPython(text)
  const name = named.exec(trimmed)
  if (name) {
    if (name[2] === undefined) return Number.NaN
    return name[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  }
  if (/(?<!\d)_|_(?!\d)/.test(trimmed)) return undefined
  const plain = trimmed.replaceAll("_", "")
  return decimal.test(plain) ? Number(plain) : undefined
}

/** What Python's `str.strip` takes away that JavaScript's `trim` leaves, and the other way round. */
const blank = /[\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/

/** The text without what Python takes for blanks at either end. */
export function trimPython(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && blank.test(text[from] ?? "")) from += 1
  while (to > from && blank.test(text[to - 1] ?? "")) to -= 1
  return text.slice(from, to)
}
