import type { JsonValue } from "./value.ts"

/** A text that is no JSON, in the words of Python's `json`. */
export interface JsonFault {
  readonly kind: "malformed"
  readonly message: string
  /** Where, in characters from 0. */
  readonly at: number
}

/** What reading gives: the value, a fault, or that the text is beyond what is read at all. */
export type JsonRead =
  | { readonly ok: true; readonly value: JsonValue }
  | { readonly ok: false; readonly fault: JsonFault | { readonly kind: "too much" } }

/** Objects and arrays inside each other, as many as the documented server reads. */
const maxDepth = 989
/** Digits of an integer, as many as Python reads. */
const maxDigits = 4300

/** Reads one value of JSON as Python's `json.loads` does: `NaN`, `Infinity` and half characters are taken too. */
export function readJson(text: string): JsonRead {
  const reader = new Reader(text)
  try {
    return { ok: true, value: reader.document() }
  } catch (error) {
    if (error instanceof Malformed)
      return {
        ok: false,
        fault: { kind: "malformed", message: error.message, at: charactersIn(text, error.at) },
      }
    if (error instanceof TooMuch) return { ok: false, fault: { kind: "too much" } }
    throw error
  }
}

/** Thrown and caught within this file only. */
class Malformed extends Error {
  readonly at: number

  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}
class TooMuch extends Error {}

const numberForm = /(-?)(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y
/** Looked at one by one: a text of a mebibyte may have half a million of numbers and quotes. */
const codes = {
  blank: 0x20,
  quote: 0x22,
  point: 0x2e,
  zero: 0x30,
  capitalE: 0x45,
  bracket: 0x5b,
  backslash: 0x5c,
  e: 0x65,
  brace: 0x7b,
} as const
const words: readonly (readonly [string, JsonValue])[] = [
  ["null", { kind: "null" }],
  ["true", { kind: "boolean", value: true }],
  ["false", { kind: "boolean", value: false }],
  ["NaN", { kind: "float", value: Number.NaN }],
  ["Infinity", { kind: "float", value: Number.POSITIVE_INFINITY }],
  ["-Infinity", { kind: "float", value: Number.NEGATIVE_INFINITY }],
]
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
}

class Reader {
  readonly #text: string
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): JsonValue {
    this.#skipBlanks()
    const value = this.#value()
    this.#skipBlanks()
    if (this.#at < this.#text.length) throw new Malformed("Extra data", this.#at)
    return value
  }

  #value(): JsonValue {
    const first = this.#text.charCodeAt(this.#at)
    if (first === codes.brace || first === codes.bracket) {
      if (this.#depth >= maxDepth) throw new TooMuch()
      this.#depth += 1
      this.#at += 1
      this.#skipBlanks()
      const value = first === codes.brace ? this.#object() : this.#array()
      this.#depth -= 1
      return value
    }
    if (first === codes.quote) return { kind: "string", value: this.#string() }
    return this.#shortInteger(first) ?? this.#number() ?? this.#word()
  }

  #object(): JsonValue {
    const members = new Map<string, JsonValue>()
    if (this.#took("}")) return { kind: "object", members }
    do {
      this.#skipBlanks()
      const key = this.#key()
      members.set(key, this.#value())
      this.#skipBlanks()
    } while (this.#took(","))
    if (!this.#took("}")) throw new Malformed("Expecting ',' delimiter", this.#at)
    return { kind: "object", members }
  }

  #key(): string {
    if (this.#text[this.#at] !== '"')
      throw new Malformed("Expecting property name enclosed in double quotes", this.#at)
    const key = this.#string()
    this.#skipBlanks()
    if (!this.#took(":")) throw new Malformed("Expecting ':' delimiter", this.#at)
    this.#skipBlanks()
    return key
  }

  #array(): JsonValue {
    const items: JsonValue[] = []
    if (this.#took("]")) return { kind: "array", items }
    do {
      this.#skipBlanks()
      items.push(this.#value())
      this.#skipBlanks()
    } while (this.#took(","))
    if (!this.#took("]")) throw new Malformed("Expecting ',' delimiter", this.#at)
    return { kind: "array", items }
  }

  #word(): JsonValue {
    const found = words.find(([word]) => this.#text.startsWith(word, this.#at))
    if (!found) throw new Malformed("Expecting value", this.#at)
    this.#at += found[0].length
    return found[1]
  }

  /** Most numbers are one digit or a few: no match is made for them. */
  #shortInteger(first: number): JsonValue | undefined {
    if (!isDigit(first)) return undefined
    let to = this.#at + 1
    if (first !== codes.zero) while (to - this.#at < 16 && isDigit(this.#text.charCodeAt(to))) to += 1
    const next = this.#text.charCodeAt(to)
    // a digit behind a zero is no part of the number
    const isLonger = isDigit(next) && first !== codes.zero
    if (isLonger || next === codes.point || next === codes.e || next === codes.capitalE) return undefined
    const digits = this.#text.slice(this.#at, to)
    this.#at = to
    return { kind: "integer", digits }
  }

  #number(): JsonValue | undefined {
    numberForm.lastIndex = this.#at
    const found = numberForm.exec(this.#text)
    if (!found) return undefined
    const [literal, sign = "", whole = "", fraction, exponent] = found
    this.#at += literal.length
    if (fraction !== undefined || exponent !== undefined) return { kind: "float", value: Number(literal) }
    if (whole.length > maxDigits) throw new TooMuch()
    return { kind: "integer", digits: whole === "0" ? "0" : sign + whole }
  }

  #string(): string {
    const from = this.#at
    let read = ""
    this.#at += 1
    for (;;) {
      read += this.#plainRun()
      const next = this.#text[this.#at]
      if (next === undefined) throw new Malformed("Unterminated string starting at", from)
      if (next === '"') break
      if (next !== "\\") throw new Malformed("Invalid control character at", this.#at)
      read += this.#escape(from)
    }
    this.#at += 1
    return read
  }

  /** Until a quote, a backslash or a control character. */
  #plainRun(): string {
    const from = this.#at
    let to = from
    for (; to < this.#text.length; to++) {
      const code = this.#text.charCodeAt(to)
      if (code === codes.quote || code === codes.backslash || code < codes.blank) break
    }
    this.#at = to
    return this.#text.slice(from, to)
  }

  #escape(stringFrom: number): string {
    const kind = this.#text[this.#at + 1]
    if (kind === undefined) throw new Malformed("Unterminated string starting at", stringFrom)
    if (kind === "u") return this.#unit()
    const character = Object.hasOwn(escapes, kind) ? escapes[kind] : undefined
    if (character === undefined) throw new Malformed(String.raw`Invalid \escape`, this.#at)
    this.#at += 2
    return character
  }

  #unit(): string {
    const four = this.#text.slice(this.#at + 2, this.#at + 6)
    // Python misses the quote at the end of the text before it looks for it.
    const isLast = this.#at + 6 >= this.#text.length
    if (isLast || !/^[0-9a-fA-F]{4}$/.test(four))
      throw new Malformed(String.raw`Invalid \uXXXX escape`, this.#at + 1)
    this.#at += 6
    return String.fromCharCode(Number.parseInt(four, 16))
  }

  #took(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at += 1
    return true
  }

  #skipBlanks(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#at += 1
    }
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

/** How many characters stand before `at`; JavaScript counts those beyond U+FFFF twice. */
function charactersIn(text: string, at: number): number {
  let count = 0
  for (const _ of text.slice(0, at)) count += 1
  return count
}
