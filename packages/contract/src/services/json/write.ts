import { answerFloat, pythonFloat } from "../python/floats.ts"
import type { JsonText, JsonValue } from "./value.ts"

/** The text of a value as Python's `json.dumps` writes it. */
export function jsonText(value: JsonValue): JsonText {
  return textOf(value) as JsonText
}

function textOf(value: JsonValue): string {
  switch (value.kind) {
    case "array":
      return listText(value.items)
    case "object":
      return membersText(value.members)
    case "null":
    case "boolean":
    case "integer":
    case "float":
    case "string":
      return scalarText(value)
  }
}

function listText(items: readonly JsonValue[]): string {
  let text = ""
  for (const item of items) text += text === "" ? textOf(item) : `, ${textOf(item)}`
  return `[${text}]`
}

function membersText(members: ReadonlyMap<string, JsonValue>): string {
  let text = ""
  for (const [key, member] of members)
    text += `${text === "" ? "" : ", "}${asciiString(key)}: ${textOf(member)}`
  return `{${text}}`
}

function scalarText(value: Exclude<JsonValue, { kind: "array" | "object" }>): string {
  switch (value.kind) {
    case "null":
      return "null"
    case "boolean":
      return String(value.value)
    case "integer":
      return value.digits
    case "string":
      return asciiString(value.value)
    case "float":
      return Number.isFinite(value.value) ? pythonFloat(value.value) : String(value.value)
  }
}

/** What stands in quotes as it is. */
const plain = /^[ !#-[\]-~]*$/

/** In quotes; what is not printable ASCII, DEL too, as escapes. */
function asciiString(text: string): string {
  if (plain.test(text)) return `"${text}"`
  return JSON.stringify(text).replaceAll(
    /[^\u0000-\u007e]/g,
    (unit) => String.raw`\u` + unit.charCodeAt(0).toString(16).padStart(4, "0"),
  )
}

/**
 * The form of a text in answers: no blanks between, characters as themselves, floats that are not finite as null.
 * Half characters stay escapes.
 */
export function answerText(text: JsonText): string {
  let answer = ""
  let copied = 0
  let at = 0
  while (at < text.length) {
    const to = endOfToken(text, at)
    const token = changed(text, at, to)
    if (token !== undefined) {
      answer += text.slice(copied, at) + token
      copied = to
    }
    at = to
  }
  return answer + text.slice(copied)
}

const [blank, quote, backslash] = [0x20, 0x22, 0x5c]

/** A string ends behind its quote, a number or a word before what is part of neither; all else is one character. */
function endOfToken(text: string, from: number): number {
  let at = from + 1
  const first = text.charCodeAt(from)
  if (first === quote) {
    for (let code = text.charCodeAt(at); code !== quote && at < text.length; code = text.charCodeAt(at))
      at += code === backslash ? 2 : 1
    return at + 1
  }
  if (!isOfToken(first)) return at
  while (isOfToken(text.charCodeAt(at))) at += 1
  return at
}

/** Letters, digits, `+`, `-` and `.`; not a number, at the end, is none of them. */
function isOfToken(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a) ||
    code === 0x2b ||
    code === 0x2d ||
    code === 0x2e
  )
}

/** The token as answers have it; undefined: as it is. */
function changed(text: string, from: number, to: number): string | undefined {
  const first = text.charCodeAt(from)
  if (first === blank) return ""
  if (to - from === 1) return undefined
  const token = text.slice(from, to)
  if (first === quote) return token.includes("\\") ? JSON.stringify(JSON.parse(token)) : undefined
  if (token.endsWith("NaN") || token.endsWith("Infinity")) return "null"
  // Without an exponent floats look the same in both forms.
  return /\de/.test(token) ? answerFloat(Number(token)) : undefined
}
