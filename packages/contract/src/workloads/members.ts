import type { DecodeIssue } from "./result.ts"

/**
 * Reading the members of a JSON object the way Go's `encoding/json` fills a struct: exact names, null as
 * absent, no coercion, unknown members ignored. Faults are collected, never thrown. Each member adds at most
 * one, however large it is.
 */
export interface Members {
  /** The struct's name in sentences. */
  readonly struct: string
  /** Where `from` lies in the request. */
  readonly at: readonly string[]
  readonly from: Readonly<Record<string, unknown>>
  readonly issues: DecodeIssue[]
}

const nulCharacter = "\u0000"
// Everything a terminal, a log or a URL could trip over; ids never have them.
const controlCharacters = /[\u0000-\u001f\u007f-\u009f]/
const int32Max = 2 ** 31 - 1
const int32Min = -(2 ** 31)

/** Whether an id or a name holds control characters, which no stored one does. */
export function hasControlCharacters(value: string): boolean {
  return controlCharacters.test(value)
}

/** The members of a request body; an empty object's after adding the fault when it is not an object. */
export function bodyMembers(body: unknown, struct: string, issues: DecodeIssue[]): Members {
  const from = body ?? {}
  if (isJsonObject(from)) return { struct, at: [], from, issues }
  issues.push({
    path: [],
    message: `json: cannot unmarshal ${jsonKind(from)} into Go value of type types.${struct}`,
  })
  return { struct, at: [], from: {}, issues }
}

/** A string member; undefined when absent, null or faulty. Half surrogate pairs become U+FFFD. */
export function readText(members: Members, key: string): string | undefined {
  const value = members.from[key]
  if (value === undefined || value === null) return undefined
  if (typeof value !== "string") return wrongType(members, key, value, "string")
  return cleanText(members, key, value)
}

/** A string member that names something: control characters are a fault. */
export function readName(members: Members, key: string): string | undefined {
  const value = readText(members, key)
  if (value === undefined || !hasControlCharacters(value)) return value
  return fault(members, key, "must not contain control characters")
}

/** A whole number within 32 bits, so that no sum or product of it in seconds or milliseconds overflows. */
export function readInt(members: Members, key: string): number | undefined {
  const value = members.from[key]
  if (value === undefined || value === null) return undefined
  if (typeof value !== "number") return wrongType(members, key, value, "int")
  if (Number.isInteger(value) && value >= int32Min && value <= int32Max) return value | 0
  const literal = Number.isFinite(value) ? `number ${value}` : "number"
  return wrongType(members, key, value, "int", literal)
}

/** A boolean member. */
export function readFlag(members: Members, key: string): boolean | undefined {
  const value = members.from[key]
  if (value === undefined || value === null) return undefined
  if (typeof value !== "boolean") return wrongType(members, key, value, "bool")
  return value
}

/** An array of names; null elements are "", as Go leaves them. */
export function readNames(members: Members, key: string): readonly string[] | undefined {
  const value = members.from[key]
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value)) return wrongType(members, key, value, "[]string")
  const names: string[] = []
  for (const element of value as unknown[]) {
    if (element !== null && typeof element !== "string") return wrongType(members, key, element, "string")
    if (element !== null && hasControlCharacters(element))
      return fault(members, key, "must not contain control characters")
    names.push((element ?? "").toWellFormed())
  }
  return names
}

/** A map of strings; null values are "". A key `__proto__` is left out: assigning it would not make a member. */
export function readTextMap(members: Members, key: string): Readonly<Record<string, string>> | undefined {
  const value = members.from[key]
  if (value === undefined || value === null) return undefined
  if (!isJsonObject(value)) return wrongType(members, key, value, "map[string]string")
  const map: Record<string, string> = {}
  for (const [name, element] of Object.entries(value)) {
    if (name === "__proto__") continue
    if (element !== null && typeof element !== "string") return wrongType(members, key, element, "string")
    if (hasControlCharacters(name)) return fault(members, key, "must not have control characters in a key")
    const cleaned = cleanText(members, key, element ?? "")
    if (cleaned === undefined) return undefined
    map[name.toWellFormed()] = cleaned
  }
  return map
}

/** The members of an object member. */
export function readMembers(members: Members, key: string, type: string): Members | undefined {
  const value = members.from[key]
  if (value === undefined || value === null) return undefined
  if (!isJsonObject(value)) return wrongType(members, key, value, type)
  return { ...members, at: [...members.at, key], from: value }
}

/** The elements of an array of objects, each read by `read`; stops at the first element with a fault. */
export function readList<T>(
  members: Members,
  key: string,
  type: string,
  read: (element: Members) => T,
): readonly T[] | undefined {
  const value = members.from[key]
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value)) return wrongType(members, key, value, `[]${type}`)
  const known = members.issues.length
  const list: T[] = []
  for (const element of value as unknown[]) {
    const from = element ?? {}
    if (!isJsonObject(from)) return wrongType(members, key, from, type)
    list.push(read({ ...members, at: [...members.at, key], from }))
    if (members.issues.length > known) return undefined
  }
  return list
}

function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function cleanText(members: Members, key: string, value: string): string | undefined {
  // No driver can pass a NUL on, and PostgreSQL cannot store one.
  if (value.includes(nulCharacter)) return fault(members, key, "must not contain NUL characters")
  return value.toWellFormed()
}

function fault(members: Members, key: string, sentence: string): undefined {
  const path = [...members.at, key]
  members.issues.push({ path, message: `the ${path.join(".")} ${sentence}` })
}

function wrongType(
  members: Members,
  key: string,
  value: unknown,
  type: string,
  found = jsonKind(value),
): undefined {
  const path = [...members.at, key]
  const field = [members.struct, ...path].join(".")
  members.issues.push({
    path,
    message: `json: cannot unmarshal ${found} into Go struct field ${field} of type ${type}`,
  })
}

/** What Go calls the kind of a JSON value that is not null. */
function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return "array"
  return typeof value === "boolean" ? "bool" : typeof value
}
