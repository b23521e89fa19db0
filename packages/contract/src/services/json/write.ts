import { answerFloat, pythonFloat } from "../python/floats.ts"
import type { JsonText, JsonValue } from "./value.ts"

/** The text of a value as Python's `json.dumps` writes it. */
export function jsonText(value: JsonValue): JsonText {
  const parts: string[] = []
  addText(value, parts)
  return parts.join("") as JsonText
}

function addText(value: JsonValue, parts: string[]): void {
  switch (value.kind) {
    case "array":
      parts.push("[")
      for (const [index, item] of value.items.entries()) {
        if (index > 0) parts.push(", ")
        addText(item, parts)
      }
      parts.push("]")
      return
    case "object":
      addMembers(value.members, parts)
      return
    case "null":
    case "boolean":
    case "integer":
    case "float":
    case "string":
      parts.push(scalarText(value))
  }
}

function addMembers(members: ReadonlyMap<string, JsonValue>, parts: string[]): void {
  parts.push("{")
  let isFirst = true
  for (const [key, member] of members) {
    parts.push(isFirst ? "" : ", ", asciiString(key), ": ")
    isFirst = false
    addText(member, parts)
  }
  parts.push("}")
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

/** In quotes; what is not printable ASCII, DEL too, as escapes. */
function asciiString(text: string): string {
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
  const parts: string[] = []
  let copied = 0
  let at = 0
  while (at < text.length) {
    const to = endOfToken(text, at)
    const token = changed(text, at, to)
    if (token !== undefined) {
      parts.push(text.slice(copied, at), token)
      copied = to
    }
    at = to
  }
  parts.push(text.slice(copied))
  return parts.join("")
}

/** A string ends behind its quote, a number or a word before what is part of neither; all else is one character. */
function endOfToken(text: string, from: number): number {
  let at = from + 1
  if (text[from] === '"') {
    while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1
    return at + 1
  }
  if (!isOfToken(text.charCodeAt(from))) return at
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
  const first = text[from]
  if (first === " ") return ""
  if (to - from === 1) return undefined
  const token = text.slice(from, to)
  if (first === '"') return token.includes("\\") ? JSON.stringify(JSON.parse(token)) : undefined
  if (token.endsWith("NaN") || token.endsWith("Infinity")) return "null"
  // Without an exponent floats look the same in both forms.
  return /\de/.test(token) ? answerFloat(Number(token)) : undefined
}
