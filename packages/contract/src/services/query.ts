import { enumFault, listed } from "./states.ts"
import { readUuidText, type Place } from "./fields.ts"
import type { ServiceIssue } from "./issues.ts"
import { trimPython } from "./python/floats.ts"
import { reprOf } from "./python/repr.ts"

/** A raw query (without `?`) by name; a parameter without `=` is empty. */
export type QueryValues = ReadonlyMap<string, readonly string[]>

/** Values by name, unescaped; bytes that are no UTF-8 become U+FFFD. */
export function queryValues(search: string): QueryValues {
  const values = new Map<string, string[]>()
  for (const [name, value] of new URLSearchParams(search)) {
    const before = values.get(name)
    if (before) before.push(value)
    else values.set(name, [value])
  }
  return values
}

/** Parameters that are read one by one; of one that is given twice the last counts. */
export interface QueryReader {
  readonly values: QueryValues
  readonly issues: ServiceIssue[]
}

/** The last value; undefined when the parameter is absent. */
export function lastOf(reader: QueryReader, name: string): string | undefined {
  return reader.values.get(name)?.at(-1)
}

type IssueFacts = Pick<ServiceIssue, "type" | "msg" | "ctx">

function fault(reader: QueryReader, name: string, value: string, { type, msg, ctx }: IssueFacts): void {
  reader.issues.push({ type, loc: ["query", name], msg, input: reprOf(value), ...(ctx ? { ctx } : {}) })
}

const booleans: ReadonlyMap<string, boolean> = new Map([
  ...["1", "true", "t", "yes", "y", "on"].map((word) => [word, true] as const),
  ...["0", "false", "f", "no", "n", "off"].map((word) => [word, false] as const),
])

/** A boolean in any of its words, in any case; `absent` when it is absent or wrong. */
export function queryFlag(reader: QueryReader, name: string, absent: boolean): boolean {
  const value = lastOf(reader, name)
  if (value === undefined) return absent
  const read = booleans.get(value.toLowerCase())
  if (read === undefined) {
    fault(reader, name, value, {
      type: "bool_parsing",
      msg: "Input should be a valid boolean, unable to interpret input",
    })
  }
  return read ?? absent
}

/** Digits that an integer may have. */
const maxDigits = 4300
const integerForm = /^([+-]?)(\d+(?:_\d+)*)(?:\.0+)?$/

/** A whole number from 1, of any length; `most`: the greatest that is taken. */
export function queryCount(reader: QueryReader, name: string, absent: number, most?: number): bigint {
  const value = lastOf(reader, name)
  if (value === undefined) return BigInt(absent)
  const read = integerOf(value)
  if (typeof read !== "bigint") {
    fault(reader, name, value, read)
    return BigInt(absent)
  }
  if (read < 1n)
    fault(reader, name, value, {
      type: "greater_than_equal",
      msg: "Input should be greater than or equal to 1",
      ctx: { ge: 1 },
    })
  else if (most !== undefined && read > BigInt(most))
    fault(reader, name, value, {
      type: "less_than_equal",
      msg: `Input should be less than or equal to ${most}`,
      ctx: { le: most },
    })
  return read
}

function integerOf(value: string): bigint | IssueFacts {
  if (value.length > maxDigits)
    return {
      type: "int_parsing_size",
      msg: "Unable to parse input string as an integer, exceeded maximum size",
    }
  const [, sign = "", digits = ""] = integerForm.exec(trimPython(value)) ?? []
  if (digits === "")
    return {
      type: "int_parsing",
      msg: "Input should be a valid integer, unable to parse string as an integer",
    }
  const size = BigInt(digits.replaceAll("_", ""))
  return sign === "-" ? -size : size
}

/** One of a closed list, exactly; `absent` when it is absent or wrong. */
export function queryWord<const T extends string>(
  reader: QueryReader,
  name: string,
  words: readonly T[],
  absent: T,
): T {
  const value = lastOf(reader, name)
  if (value === undefined) return absent
  const word = words.find((one) => one === value)
  if (word === undefined) fault(reader, name, value, enumFault(listed(words)))
  return word ?? absent
}

/** A UUID; null when it is absent or wrong. */
export function queryUuid(reader: QueryReader, name: string): string | null {
  const value = lastOf(reader, name)
  const place: Place = { loc: ["query", name], issues: reader.issues }
  return value === undefined ? null : (readUuidText(value, place) ?? null)
}
