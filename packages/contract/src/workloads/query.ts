import { hasControlCharacters } from "./members.ts"
import type { DecodeIssue } from "./result.ts"

/** A parsed query string, unescaped once. Of a parameter that is given twice the first counts. */
export type QueryMembers = Readonly<Record<string, unknown>>

/** Reading a query string the way upstream's binding does; faults are collected, worded as its own. */
export interface QueryReader {
  /** The struct's name in sentences. */
  readonly struct: string
  readonly from: QueryMembers
  readonly issues: DecodeIssue[]
}

const maxIdLength = 64
const int64Max = 2n ** 63n - 1n

/**
 * The parameter without blanks around it; undefined when absent or empty.
 * @param most characters it may have; more are a fault
 */
export function queryText(
  reader: QueryReader,
  key: string,
  most = Number.POSITIVE_INFINITY,
): string | undefined {
  const given = reader.from[key]
  const first: unknown = Array.isArray(given) ? given[0] : given
  if (typeof first !== "string") return undefined
  const value = first.trim().toWellFormed()
  if (value === "") return undefined
  if (value.length > most && [...value].length > most) {
    failedTag(reader, key, "max")
    return undefined
  }
  if (!value.includes("\u0000")) return value
  queryFault(reader, key, `the ${key} must not contain NUL characters`)
  return undefined
}

/** A parameter that names one thing: at most 64 characters, none of them a control character. */
export function queryName(reader: QueryReader, key: string): string | undefined {
  const value = queryText(reader, key, maxIdLength)
  if (value === undefined) return undefined
  if (!hasControlCharacters(value)) return value
  queryFault(reader, key, `the ${key} must not contain control characters`)
  return undefined
}

/**
 * A whole number. What does not fit a JavaScript integer but a Go one is clamped, so that it still counts as
 * "very large".
 */
export function queryInt(reader: QueryReader, key: string): number | undefined {
  const value = queryText(reader, key)
  if (value === undefined) return undefined
  if (!/^[+-]?\d{1,400}$/.test(value)) {
    queryFault(reader, key, `invalid query: strconv.ParseInt: parsing ${quoted(value)}: invalid syntax`)
    return undefined
  }
  const exact = BigInt(value.replace(/^\+/, ""))
  if (exact > int64Max || exact < -int64Max - 1n) {
    queryFault(reader, key, `invalid query: strconv.ParseInt: parsing ${quoted(value)}: value out of range`)
    return undefined
  }
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(exact)))
}

/** Like {@link queryInt}; below 0 is a fault. */
export function queryCount(reader: QueryReader, key: string): number | undefined {
  const value = queryInt(reader, key)
  if (value === undefined || value >= 0) return value
  failedTag(reader, key, "min")
  return undefined
}

/** Adds upstream's sentence for a rule of the binding that a parameter breaks. */
export function failedTag(reader: QueryReader, key: string, tag: "min" | "max" | "oneof"): void {
  const field = key.charAt(0).toUpperCase() + key.slice(1)
  queryFault(
    reader,
    key,
    `invalid query: Key: '${reader.struct}.${field}' Error:Field validation for '${field}' failed on the '${tag}' tag`,
  )
}

/** Adds a fault. */
export function queryFault(reader: QueryReader, key: string, message: string): void {
  reader.issues.push({ path: [key], message })
}

/** As Go's %q prints it, cut where it would fill the answer. */
function quoted(value: string): string {
  return JSON.stringify(value.length > maxIdLength ? `${value.slice(0, maxIdLength)}…` : value)
}
