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

/** Between the quotes of a string, or a run of what is neither a string nor white space. */
const token = /[^",:[\]{} ]+|[,:[\]{} ]/y

/**
 * The form of a text in answers: no blanks between, characters as themselves, floats that are not finite as null.
 * Half characters stay escapes.
 */
export function answerText(text: JsonText): string {
  const parts: string[] = []
  let at = 0
  while (at < text.length) {
    if (text[at] === '"') {
      const to = endOfString(text, at)
      parts.push(JSON.stringify(JSON.parse(text.slice(at, to))))
      at = to
      continue
    }
    token.lastIndex = at
    const [found = ""] = token.exec(text) ?? []
    parts.push(found === " " ? "" : answerToken(found))
    at += found.length
  }
  return parts.join("")
}

function endOfString(text: string, from: number): number {
  let at = from + 1
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1
  return at + 1
}

function answerToken(found: string): string {
  if (found.endsWith("NaN") || found.endsWith("Infinity")) return "null"
  return /^-?\d+[.e]/.test(found) ? answerFloat(Number(found)) : found
}
