import type { DescEnum, DescField, DescMessage, MessageShape } from "@bufbuild/protobuf"
import { create, isMessage, ScalarType } from "@bufbuild/protobuf"
import type { Timestamp } from "@bufbuild/protobuf/wkt"
import { TimestampSchema } from "@bufbuild/protobuf/wkt"
import type { Token } from "./cursor.ts"
import { Cursor } from "./cursor.ts"
import type { WireResult } from "./fault.ts"
import { caught } from "./fault.ts"
import { floatOf, floatWithin, integerOf, numberWithin } from "./numbers.ts"
import { firstValue } from "./scan.ts"
import { parseTimestamp } from "./timestamps.ts"

/**
 * The message that a JSON body says, or the words of its first fault. Either spelling of a field, unknown fields are
 * ignored, null is absent, an empty body is an empty message, what follows the first value is not looked at.
 */
export function decodeBody<Desc extends DescMessage>(
  schema: Desc,
  body: Uint8Array,
): WireResult<MessageShape<Desc>> {
  return caught(() => {
    const extent = firstValue(body)
    if (!extent) return create(schema)
    return readMessage(new Cursor(body.subarray(extent.from, extent.to)), schema) as MessageShape<Desc>
  })
}

/** What a scalar is read to; `skipped`: the name of an enum that does not exist. */
type Scalar = string | number | bigint | boolean
const skipped = Symbol("skipped")

function readMessage(cursor: Cursor, desc: DescMessage): unknown {
  if (desc.typeName === TimestampSchema.typeName) return readTimestamp(cursor)
  const open = cursor.next()
  if (open.kind !== "{") throw cursor.unexpected(open)
  // The members of a message by the names that its code has: reflection would check each a second time.
  const message = create(desc) as unknown as Record<string, unknown>
  const seen = new Set<DescField>()
  for (let key = cursor.next(); key.kind !== "}"; key = cursor.next()) {
    const field = fieldsOf(desc).get(cursor.text(key))
    if (!field) {
      cursor.skip()
      continue
    }
    if (seen.has(field)) throw cursor.fault(key, `duplicate field ${cursor.raw(key)}`)
    seen.add(field)
    readField(cursor, field, message)
  }
  return message
}

function readField(cursor: Cursor, field: DescField, message: Record<string, unknown>): void {
  if (cursor.peek().kind === "null") {
    cursor.next()
    return
  }
  const value = readFieldValue(cursor, field)
  if (value !== skipped) message[field.localName] = value
}

function readFieldValue(cursor: Cursor, field: DescField): unknown {
  switch (field.fieldKind) {
    case "list":
      return readList(cursor, field)
    case "map":
      return readMap(cursor, field)
    case "message":
      return readMessage(cursor, field.message)
    case "enum":
      return readEnum(cursor, field.enum, field.jsonName)
    case "scalar":
      return readScalar(cursor, field.scalar, field.jsonName)
  }
}

function readList(cursor: Cursor, field: DescField & { fieldKind: "list" }): unknown[] {
  const open = cursor.next()
  if (open.kind !== "[") throw cursor.unexpected(open)
  const items: unknown[] = []
  while (cursor.peek().kind !== "]") {
    const item = readElement(cursor, field, field.listKind, field.jsonName)
    if (item !== skipped) items.push(item)
  }
  cursor.next()
  return items
}

function readMap(cursor: Cursor, field: DescField & { fieldKind: "map" }): Record<string, unknown> {
  const open = cursor.next()
  if (open.kind !== "{") throw cursor.unexpected(open)
  // No prototype: any name may be a key, also `__proto__`.
  const entries = Object.create(null) as Record<string, unknown>
  for (let key = cursor.next(); key.kind !== "}"; key = cursor.next()) {
    const name = cursor.text(key)
    if (Object.hasOwn(entries, name)) throw cursor.fault(key, `duplicate map key ${cursor.raw(key)}`)
    const value = readElement(cursor, field, field.mapKind, "value")
    if (value !== skipped) entries[name] = value
  }
  return entries
}

function readElement(
  cursor: Cursor,
  field: Pick<DescField, "message" | "enum" | "scalar">,
  kind: "message" | "enum" | "scalar",
  name: string,
): unknown {
  if (kind === "message" && field.message) return readMessage(cursor, field.message)
  if (kind === "enum" && field.enum) return readEnum(cursor, field.enum, name)
  return readScalar(cursor, field.scalar ?? ScalarType.STRING, name)
}

const byName = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>()

/** By JSON's and by the .proto file's name. */
function fieldsOf(desc: DescMessage): ReadonlyMap<string, DescField> {
  const known = byName.get(desc)
  if (known) return known
  const fields = new Map([
    ...desc.fields.map((field) => [field.name, field] as const),
    ...desc.fields.map((field) => [field.jsonName, field] as const),
  ])
  byName.set(desc, fields)
  return fields
}

function readEnum(cursor: Cursor, desc: DescEnum, name: string): number | typeof skipped {
  const token = cursor.next()
  if (token.kind === "string") {
    const said = cursor.text(token)
    return desc.values.find((value) => value.name === said)?.number ?? skipped
  }
  const value =
    token.kind === "number" ? integerOf(cursor.raw(token), -(2n ** 31n), 2n ** 31n - 1n) : undefined
  if (value === undefined) throw invalidValue(cursor, token, "enum", name)
  return Number(value)
}

const integerRanges = new Map<ScalarType, readonly [bigint, bigint]>([
  [ScalarType.INT32, [-(2n ** 31n), 2n ** 31n - 1n]],
  [ScalarType.UINT32, [0n, 2n ** 32n - 1n]],
  [ScalarType.INT64, [-(2n ** 63n), 2n ** 63n - 1n]],
  [ScalarType.UINT64, [0n, 2n ** 64n - 1n]],
])

function readScalar(cursor: Cursor, type: ScalarType, name: string): Scalar {
  const token = cursor.next()
  const value = scalarOf(cursor, token, type)
  if (value === undefined) throw invalidValue(cursor, token, ScalarType[type].toLowerCase(), name)
  return value
}

function scalarOf(cursor: Cursor, token: Token, type: ScalarType): Scalar | undefined {
  // Read also where no string is wanted: what is no text is told first.
  const said = token.kind === "string" ? cursor.text(token) : undefined
  if (type === ScalarType.STRING) return said
  if (type === ScalarType.BOOL) return booleanOf(token)
  if (said === undefined && token.kind !== "number") return undefined
  if (type === ScalarType.FLOAT) return said === undefined ? floatOf(cursor.raw(token)) : floatWithin(said)
  return integerIn(type, said === undefined ? cursor.raw(token) : numberWithin(said))
}

function integerIn(type: ScalarType, number: string | undefined): number | bigint | undefined {
  const range = integerRanges.get(type)
  const integer = number === undefined || !range ? undefined : integerOf(number, ...range)
  const isLong = type === ScalarType.INT64 || type === ScalarType.UINT64
  return integer === undefined || isLong ? integer : Number(integer)
}

function booleanOf(token: Token): boolean | undefined {
  return token.kind === "true" ? true : token.kind === "false" ? false : undefined
}

function invalidValue(cursor: Cursor, token: Token, type: string, name: string): Error {
  return cursor.fault(token, `invalid value for ${type} field ${name}: ${cursor.raw(token)}`)
}

function readTimestamp(cursor: Cursor): Timestamp {
  const token = cursor.next()
  if (token.kind !== "string") throw cursor.unexpected(token)
  const read = parseTimestamp(cursor.text(token))
  if (isMessage(read)) return read
  const problem = read === "invalid" ? "invalid google.protobuf.Timestamp value" : undefined
  if (problem) throw cursor.fault(token, `${problem} ${cursor.raw(token)}`)
  throw cursor.fault(token, `google.protobuf.Timestamp value out of range: ${cursor.raw(token)}`)
}
