import { isStorable } from "./json/scalars.ts"
import type { JsonObject, JsonText, JsonValue } from "./json/value.ts"
import { jsonText } from "./json/write.ts"
import type { ServiceIssue } from "./issues.ts"
import { cutRepr, reprOf, reprOfJson } from "./python/repr.ts"
import { isServiceState, type ServiceState } from "../common/index.ts"
import { stateFault } from "./states.ts"
import { parseUuid } from "./uuid.ts"

/** Where a value stands, and where its faults are gathered. */
export interface Place {
  readonly loc: readonly (string | number)[]
  readonly issues: ServiceIssue[]
}

/** Reads a value of one type; undefined: it is of another, and said so. */
export type ReadValue<T> = (value: JsonValue, place: Place) => T | undefined

type IssueFacts = Pick<ServiceIssue, "type" | "msg" | "ctx">

/** The members of an object that is read member by member, faults in the order of the reads. */
export interface Fields {
  readonly from: JsonObject
  readonly place: Place
  /** The object as refusals show it. */
  readonly shown: () => string
}

/** A member that must be there. */
export function required<T>(fields: Fields, key: string, read: ReadValue<T>): T | undefined {
  const value = fields.from.members.get(key)
  const place = within(fields.place, key)
  if (value !== undefined) return read(value, place)
  place.issues.push({
    type: "missing",
    loc: place.loc,
    msg: "Field required",
    input: fields.shown(),
  })
  return undefined
}

/** A member that may be absent, null not. */
export function defaulted<T>(fields: Fields, key: string, absent: T, read: ReadValue<T>): T | undefined {
  const value = fields.from.members.get(key)
  return value === undefined ? absent : read(value, within(fields.place, key))
}

/** A member that may be absent or null, which is the same. */
export function optional<T>(fields: Fields, key: string, read: ReadValue<T>): T | null {
  const value = fields.from.members.get(key)
  if (value === undefined || value.kind === "null") return null
  return read(value, within(fields.place, key)) ?? null
}

function within(place: Place, step: string | number): Place {
  return { ...place, loc: [...place.loc, step] }
}

/** A string. Halves of characters and NUL cannot be kept, and are faults. */
export function readText(value: JsonValue, place: Place): string | undefined {
  if (value.kind !== "string") {
    fault(place, value, { type: "string_type", msg: "Input should be a valid string" })
    return undefined
  }
  if (isStorable(value.value)) return value.value
  fault(place, value, unkeepable(value.value))
  return undefined
}

function unkeepable(text: string): IssueFacts {
  if (text.isWellFormed()) return { type: "value_error", msg: "Value error, NUL characters are not allowed" }
  return {
    type: "string_unicode",
    msg: "Input should be a valid string, unable to parse raw data as a unicode string",
  }
}

const maxNameLength = 255

/** A string of at most 255 characters. */
export function readName(value: JsonValue, place: Place): string | undefined {
  const text = readText(value, place)
  if (text === undefined || text.length <= maxNameLength || [...text].length <= maxNameLength) return text
  fault(place, value, {
    type: "string_too_long",
    msg: `String should have at most ${maxNameLength} characters`,
    ctx: { max_length: maxNameLength },
  })
  return undefined
}

/** A UUID in any of its forms; lower case with hyphens. */
export function readUuid(value: JsonValue, place: Place): string | undefined {
  if (value.kind === "string") return readUuidText(value.value, place)
  fault(place, value, { type: "uuid_type", msg: "UUID input should be a string, bytes or UUID object" })
  return undefined
}

/** The UUID that a text of a path, a query or a body is. */
export function readUuidText(text: string, place: Place): string | undefined {
  const read = parseUuid(text)
  if (read.ok) return read.value
  place.issues.push({
    type: "uuid_parsing",
    loc: place.loc,
    msg: `Input should be a valid UUID, ${read.fault}`,
    input: cutRepr(reprOf(text)),
    ctx: { error: read.fault },
  })
  return undefined
}

/** One of the states of a service. */
export function readState(value: JsonValue, place: Place): ServiceState | undefined {
  if (value.kind === "string" && isServiceState(value.value)) return value.value
  fault(place, value, stateFault)
  return undefined
}

/** An object of anything. */
export function readObject(value: JsonValue, place: Place): JsonObject | undefined {
  if (value.kind === "object") return value
  fault(place, value, { type: "dict_type", msg: "Input should be a valid dictionary" })
  return undefined
}

/** An object of strings, as text. */
export function readLabels(value: JsonValue, place: Place): JsonObject | undefined {
  const labels = readObject(value, place)
  if (!labels) return undefined
  const before = place.issues.length
  for (const [key, label] of labels.members) {
    const at = within(place, key)
    if (!isStorable(key)) fault(within(at, "[key]"), { kind: "string", value: key }, unkeepable(key))
    readText(label, at)
  }
  return place.issues.length === before ? labels : undefined
}

/** The object whose members are read next. */
export function readFields(value: JsonValue, place: Place): Fields | undefined {
  if (value.kind === "object") return { from: value, place, shown: once(() => reprOfJson(value)) }
  fault(place, value, {
    type: "model_attributes_type",
    msg: "Input should be a valid dictionary or object to extract fields from",
  })
  return undefined
}

/** Made when it is first asked for: of several members that are missing each shows the same object. */
function once(make: () => string): () => string {
  let made: string | undefined
  return () => (made ??= make())
}

/** As it is stored: an empty object is none. */
export function storedText(object: JsonObject | null): JsonText | null {
  return object === null || object.members.size === 0 ? null : jsonText(object)
}

function fault(place: Place, value: JsonValue, { type, msg, ctx }: IssueFacts): void {
  place.issues.push({ type, loc: place.loc, msg, input: reprOfJson(value), ...(ctx ? { ctx } : {}) })
}
