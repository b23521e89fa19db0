import type { JsonValue } from "../json/value.ts"
import { pythonFloat } from "./floats.ts"

/** Longer texts are cut in their middle: a refusal need not send a whole body back several times. */
const maxReprLength = 8192

const shortEscapes: Readonly<Record<string, string>> = {
  "\\": String.raw`\\`,
  "\t": String.raw`\t`,
  "\n": String.raw`\n`,
  "\r": String.raw`\r`,
}
/** What Python does not take for printable, and the backslash. The blank alone of the separators is printable. */
const escaped = /(?! )[\p{C}\p{Z}\\]/gu

/** A string as Python's `repr` writes it: in single quotes, or in double ones where it has single ones only. */
export function reprOf(text: string): string {
  return quotedAs(text, escapeText)
}

function quotedAs(text: string, escape: (text: string) => string): string {
  if (text.includes("'") && !text.includes('"')) return `"${escape(text)}"`
  return `'${escape(text).replaceAll("'", String.raw`\'`)}'`
}

function escapeText(text: string): string {
  return text.replaceAll(escaped, (character) => {
    const short = shortEscapes[character]
    if (short !== undefined) return short
    const code = character.codePointAt(0) ?? 0
    const hex = code.toString(16)
    if (code < 0x1_00) return String.raw`\x` + hex.padStart(2, "0")
    return code < 0x1_00_00 ? String.raw`\u` + hex.padStart(4, "0") : String.raw`\U` + hex.padStart(8, "0")
  })
}

/** Bytes as Python's `repr` writes them: `b'…'`. */
export function reprOfBytes(bytes: Uint8Array): string {
  // Longer than the cut already: one byte is one character at least.
  const most = bytes.length > maxReprLength * 2 ? maxReprLength * 2 : bytes.length
  const kept = most === bytes.length ? bytes : joined(bytes, most)
  let text = ""
  for (const byte of kept) text += String.fromCharCode(byte)
  return cutRepr(`b${quotedAs(text, escapeBytes)}`)
}

function joined(bytes: Uint8Array, most: number): Uint8Array {
  const kept = new Uint8Array(most)
  kept.set(bytes.subarray(0, most / 2))
  kept.set(bytes.subarray(bytes.length - most / 2), most / 2)
  return kept
}

function escapeBytes(text: string): string {
  return text.replaceAll(
    /[^\x20-\x5b\x5d-\x7e]/g,
    (character) =>
      shortEscapes[character] ?? String.raw`\x` + character.charCodeAt(0).toString(16).padStart(2, "0"),
  )
}

/** A value of JSON as Python's `repr` writes what its `json` reads from it; long ones are cut in their middle. */
export function reprOfJson(value: JsonValue): string {
  const parts: string[] = []
  addRepr(value, parts)
  return cutRepr(parts.join(""))
}

function addRepr(value: JsonValue, parts: string[]): void {
  switch (value.kind) {
    case "array":
      addSequence(value.items, parts, "[", "]", (item) => addRepr(item, parts))
      return
    case "object":
      addSequence(value.members, parts, "{", "}", ([key, member]) => {
        parts.push(`${reprOf(key)}: `)
        addRepr(member, parts)
      })
      return
    case "string":
      parts.push(reprOf(value.value))
      return
    case "null":
      parts.push("None")
      return
    case "boolean":
      parts.push(value.value ? "True" : "False")
      return
    case "integer":
      parts.push(value.digits)
      return
    case "float":
      parts.push(reprOfFloat(value.value))
  }
}

function addSequence<T>(
  items: Iterable<T>,
  parts: string[],
  open: string,
  close: string,
  add: (item: T) => void,
): void {
  parts.push(open)
  let isFirst = true
  for (const item of items) {
    if (!isFirst) parts.push(", ")
    isFirst = false
    add(item)
  }
  parts.push(close)
}

function reprOfFloat(value: number): string {
  if (Number.isNaN(value)) return "nan"
  if (Number.isFinite(value)) return pythonFloat(value)
  return value < 0 ? "-inf" : "inf"
}

/** The text whole, or its ends around `...` where it is very long. */
export function cutRepr(text: string): string {
  if (text.length <= maxReprLength) return text
  const half = maxReprLength / 2
  return `${text.slice(0, half).toWellFormed()}...${text.slice(-half).toWellFormed()}`
}
