import type { DecodeIssue } from "../common/index.ts"

/**
 * Reading the members of a JSON object as the documented server's validator does, and in its words: text that is a
 * number or a boolean counts as one, null and "" of optional members are absent, unknown members are ignored. Faults
 * are collected in the order of reading, never thrown; the answer names the first (reference/egs.md 1.2, 1.4).
 */
export interface Members {
  readonly from: Readonly<Record<string, unknown>>
  /** Where `from` lies in the request. */
  readonly at: DecodeIssue["path"]
  readonly issues: DecodeIssue[]
}

/** Bounds of a number, both included. */
export interface Bounds {
  readonly min: number
  readonly max?: number
}

/** Names and labels: longer ones cannot name anything. */
export const longestText = 253
/** How much of a refused value an answer repeats. */
const longestQuote = 64
/** Longer lists are a mistake, or worse. */
const mostElements = 256

const controlCharacters = /[\u0000-\u001f\u007f-\u009f]/
const numeral = /^\s*[+-]?\d{1,400}(\.\d{1,400})?\s*$/

/** The members of a request's body, or of its query; no body is an empty object. */
export function membersOf(body: unknown, issues: DecodeIssue[]): Members {
  return { from: objectOf(body === undefined ? {} : body, [], issues) ?? {}, at: [], issues }
}

/** Text that must be there; "" after adding the fault. Of several names the first that says something counts. */
export function requiredText(members: Members, ...keys: readonly [string, ...string[]]): string {
  const { key, value } = found(members, keys)
  if (value === undefined) fault(members, key, "is required")
  else if (value === "") fault(members, key, "is not allowed to be empty")
  else return textOf(members, key, value) ?? ""
  return ""
}

/** Text that may be there. */
export function optionalText(members: Members, ...keys: readonly [string, ...string[]]): string | undefined {
  const { key, value } = found(members, keys)
  return isAbsent(value) ? undefined : textOf(members, key, value)
}

/** A whole number that must be there; the lower bound after adding the fault. */
export function requiredInt(members: Members, key: string, bounds: Bounds): number {
  const value = valueAt(members, key)
  if (value === undefined) fault(members, key, "is required")
  return (value === undefined ? undefined : intOf(members, key, value, bounds)) ?? bounds.min
}

/** A whole number that may be there. */
export function optionalInt(
  members: Members,
  keys: string | readonly [string, ...string[]],
  bounds: Bounds,
): number | undefined {
  const { key, value } = found(members, typeof keys === "string" ? [keys] : keys)
  return isAbsent(value) ? undefined : intOf(members, key, value, bounds)
}

/** A boolean that may be there. */
export function optionalFlag(members: Members, key: string): boolean | undefined {
  const value = valueAt(members, key)
  if (isAbsent(value)) return undefined
  if (typeof value === "boolean") return value
  const word = typeof value === "string" ? value.toLowerCase() : ""
  if (word === "true" || word === "false") return word === "true"
  return fault(members, key, "must be a boolean")
}

/** A list of text that may be there; at most 256 elements, none empty. */
export function optionalTexts(members: Members, key: string): readonly string[] | undefined {
  const elements = elementsAt(members, key)
  if (elements === undefined) return undefined
  const inside = insideOf(members, key, elements)
  return elements.map((_, index) => requiredText(inside, String(index)))
}

/** A list of objects, each read by `read`; undefined when absent. */
export function optionalObjects<T>(
  members: Members,
  key: string,
  read: (element: Members) => T,
): readonly T[] | undefined {
  const elements = elementsAt(members, key)
  return elements?.map((element, index) => {
    const at = [...members.at, key, index]
    return read({ from: objectOf(element, at, members.issues) ?? {}, at, issues: members.issues })
  })
}

/** Whether a member is given and says something. */
export function isGiven(members: Members, key: string): boolean {
  return !isAbsent(valueAt(members, key))
}

/** Adds a fault: `"exitDuration" is required`. */
export function fault(members: Members, key: string, message: string): undefined {
  addFault(members.issues, pathTo(members, key), message)
}

/** A refused value as an answer repeats it: short and in quotes. */
export function quoted(value: string): string {
  return JSON.stringify(value.length > longestQuote ? `${value.slice(0, longestQuote)}…` : value)
}

function addFault(issues: DecodeIssue[], path: DecodeIssue["path"], message: string): void {
  issues.push({ path, message: `"${labelOf(path)}" ${message}` })
}

/** `clusters[0].clusterName`; the whole is called `value`. */
function labelOf(path: DecodeIssue["path"]): string {
  let label = ""
  for (const step of path) {
    if (typeof step === "number") label += `[${step}]`
    else label += label === "" ? step : `.${step}`
  }
  return label === "" ? "value" : label
}

function pathTo(members: Members, key: string): DecodeIssue["path"] {
  const isIndex = Array.isArray(members.from)
  return [...members.at, isIndex ? Number(key) : key]
}

function valueAt(members: Members, key: string): unknown {
  return Object.hasOwn(members.from, key) ? members.from[key] : undefined
}

function found(members: Members, keys: readonly [string, ...string[]]): { key: string; value: unknown } {
  const key =
    keys.find((one) => isGiven(members, one)) ?? keys.find((one) => Object.hasOwn(members.from, one))
  return { key: key ?? keys[0], value: valueAt(members, key ?? keys[0]) }
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === ""
}

function textOf(members: Members, key: string, value: unknown): string | undefined {
  if (typeof value !== "string") return fault(members, key, "must be a string")
  if (controlCharacters.test(value)) return fault(members, key, "must not contain control characters")
  if (value.length > longestText)
    return fault(members, key, `length must be less than or equal to ${longestText} characters long`)
  return value.toWellFormed()
}

function intOf(members: Members, key: string, value: unknown, bounds: Bounds): number | undefined {
  const number = typeof value === "string" && numeral.test(value) ? Number(value) : value
  if (typeof number !== "number") return fault(members, key, "must be a number")
  if (!Number.isFinite(number)) return fault(members, key, "cannot be infinity")
  if (Math.abs(number) > Number.MAX_SAFE_INTEGER) return fault(members, key, "must be a safe number")
  if (!Number.isInteger(number)) return fault(members, key, "must be an integer")
  if (number < bounds.min) return fault(members, key, `must be greater than or equal to ${bounds.min}`)
  if (bounds.max !== undefined && number > bounds.max)
    return fault(members, key, `must be less than or equal to ${bounds.max}`)
  // -0 is 0
  return number + 0
}

function elementsAt(members: Members, key: string): readonly unknown[] | undefined {
  const value = valueAt(members, key)
  if (isAbsent(value)) return undefined
  if (!Array.isArray(value)) return fault(members, key, "must be an array")
  if (value.length > mostElements)
    return fault(members, key, `must contain less than or equal to ${mostElements} items`)
  return value as unknown[]
}

function insideOf(members: Members, key: string, elements: readonly unknown[]): Members {
  const from = elements as unknown as Readonly<Record<string, unknown>>
  return { from, at: [...members.at, key], issues: members.issues }
}

function objectOf(
  value: unknown,
  at: DecodeIssue["path"],
  issues: DecodeIssue[],
): Readonly<Record<string, unknown>> | undefined {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  addFault(issues, at, "must be of type object")
  return undefined
}
