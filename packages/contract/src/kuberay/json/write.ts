import type { DescField, DescMessage, Message, MessageShape } from "@bufbuild/protobuf"
import { ScalarType } from "@bufbuild/protobuf"
import type { Timestamp } from "@bufbuild/protobuf/wkt"
import { TimestampSchema } from "@bufbuild/protobuf/wkt"
import { floatText } from "./numbers.ts"
import { timestampText } from "./timestamps.ts"

/**
 * The JSON of a message: fields in the order of their declaration, map keys sorted, enums as numbers, 64 bits as
 * strings. Zeros are left out except within maps and lists; a message that is set is there even when empty.
 */
export function encodeBody<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): string {
  return messageText(schema, message)
}

function messageText(desc: DescMessage, message: Message): string {
  if (desc.typeName === TimestampSchema.typeName) {
    return `"${timestampText(message as unknown as Timestamp)}"`
  }
  const members = message as unknown as Readonly<Record<string, unknown>>
  const parts: string[] = []
  for (const field of desc.fields) {
    const text = fieldText(field, members[field.localName])
    if (text !== undefined) parts.push(`"${field.jsonName}":${text}`)
  }
  return `{${parts.join(",")}}`
}

/** Undefined: left out. */
function fieldText(field: DescField, value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (field.fieldKind === "list") return listText(field, value as readonly unknown[])
  if (field.fieldKind === "map") return mapText(field, value as Readonly<Record<string, unknown>>)
  if (!field.proto.proto3Optional && isZero(value)) return undefined
  return elementText(field, value)
}

function listText(field: DescField, items: readonly unknown[]): string | undefined {
  if (items.length === 0) return undefined
  return `[${items.map((item) => elementText(field, item)).join(",")}]`
}

function mapText(field: DescField, entries: Readonly<Record<string, unknown>>): string | undefined {
  const keys = Object.keys(entries).sort(byCodePoints)
  if (keys.length === 0) return undefined
  return `{${keys.map((key) => `${stringText(key)}:${elementText(field, entries[key])}`).join(",")}}`
}

function isZero(value: unknown): boolean {
  return value === "" || value === false || value === 0n || Object.is(value, 0)
}

function elementText(field: Pick<DescField, "message" | "enum" | "scalar">, value: unknown): string {
  if (field.message) return messageText(field.message, value as Message)
  if (typeof value === "string") return stringText(value)
  if (typeof value === "bigint") return `"${value}"`
  if (field.scalar === ScalarType.FLOAT) return floatText(Number(value))
  return String(value)
}

/** What is half a character cannot be said in UTF-8. */
function stringText(value: string): string {
  return JSON.stringify(value.toWellFormed())
}

/** The order of their bytes in UTF-8, which differs from that of JavaScript beyond 16 bits. */
function byCodePoints(left: string, right: string): number {
  const length = Math.min(left.length, right.length)
  for (let at = 0; at < length; at += 1) {
    const a = left.charCodeAt(at)
    const b = right.charCodeAt(at)
    if (a !== b) return rank(a) - rank(b)
  }
  return left.length - right.length
}

/** Halves of characters beyond 16 bits come after all others. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit
}
