import { JsonFault } from "./fault.ts"

/** What stands at a place: a whole scalar, or the bracket that opens or closes something. */
export type TokenKind = "{" | "}" | "[" | "]" | "string" | "number" | "true" | "false" | "null"

export interface Token {
  readonly kind: TokenKind
  readonly from: number
  readonly to: number
}

const singles = new Map<number, TokenKind>(
  (["{", "}", "[", "]"] as const).map((kind) => [kind.charCodeAt(0), kind]),
)
const words = new Map<number, readonly [TokenKind, number]>([
  [0x74, ["true", 4]],
  [0x66, ["false", 5]],
  [0x6e, ["null", 4]],
])
const lenient = new TextDecoder("utf-8", { ignoreBOM: true })
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Walks the tokens of one value whose form is known to be right. Commas and colons are passed over. */
export class Cursor {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  peek(): Token {
    const before = this.#at
    const token = this.next()
    this.#at = before
    return token
  }

  next(): Token {
    while (isBetween(this.#bytes[this.#at])) this.#at += 1
    const from = this.#at
    const [kind, to] = this.#tokenAt(from)
    this.#at = to
    return { kind, from, to }
  }

  #tokenAt(from: number): readonly [TokenKind, number] {
    const first = this.#bytes[from]
    if (first === undefined) throw new JsonFault("proto: unexpected EOF")
    const single = singles.get(first)
    if (single !== undefined) return [single, from + 1]
    if (first === 0x22) return ["string", this.#endOfString(from)]
    const word = words.get(first)
    if (word !== undefined) return [word[0], from + word[1]]
    let to = from
    while (isOfNumber(this.#bytes[to])) to += 1
    return ["number", to]
  }

  #endOfString(from: number): number {
    let at = from + 1
    while (this.#bytes[at] !== 0x22) at += this.#bytes[at] === 0x5c ? 2 : 1
    return at + 1
  }

  /** As it stands in the text, quotes included. */
  raw(token: Token): string {
    return lenient.decode(this.#bytes.subarray(token.from, token.to))
  }

  /**
   * What a string says.
   * @throws JsonFault for invalid UTF-8 and for escapes of half a character.
   */
  text(token: Token): string {
    const inner = this.#bytes.subarray(token.from + 1, token.to - 1)
    let text: string
    try {
      text = strict.decode(inner)
    } catch {
      throw this.syntaxFault(token, "invalid UTF-8 in string")
    }
    return text.includes("\\") ? this.#unescaped(token, text) : text
  }

  #unescaped(token: Token, text: string): string {
    const said = String(JSON.parse(`"${text}"`))
    if (!said.isWellFormed()) throw this.#halfCharacter(token)
    return said
  }

  /** Words the first escape that is half a character as a reader does that takes six bytes at a time. */
  #halfCharacter(token: Token): JsonFault {
    const end = this.#bytes.length
    for (let at = token.from + 1; at < token.to - 1; at += 1) {
      if (this.#bytes[at] !== 0x5c) continue
      const unit = this.#unitAt(at)
      at += unit === undefined ? 1 : 5
      if (unit === undefined || unit < 0xd800 || unit > 0xdfff) continue
      if (end - (at + 1) < 6) return new JsonFault("proto: unexpected EOF")
      const second = this.#unitAt(at + 1)
      const isPair = unit < 0xdc00 && second !== undefined && second >= 0xdc00 && second <= 0xdfff
      if (isPair) at += 6
      else {
        const six = lenient.decode(this.#bytes.subarray(at + 1, at + 7))
        return this.syntaxFault(token, `invalid escape code ${JSON.stringify(six)} in string`)
      }
    }
    return this.syntaxFault(token, "invalid UTF-8 in string")
  }

  /** The number behind `\u`, if that stands there. */
  #unitAt(at: number): number | undefined {
    const six = lenient.decode(this.#bytes.subarray(at, at + 6))
    return /^\\u[0-9a-fA-F]{4}$/.test(six) ? Number.parseInt(six.slice(2), 16) : undefined
  }

  /** Passes over one whole value, checking its strings. */
  skip(): void {
    let depth = 0
    do {
      const token = this.next()
      if (token.kind === "string") this.text(token)
      if (token.kind === "{" || token.kind === "[") depth += 1
      if (token.kind === "}" || token.kind === "]") depth -= 1
    } while (depth > 0)
  }

  fault(token: Token, message: string): JsonFault {
    return new JsonFault(`proto: (${this.#place(token.from)}): ${message}`)
  }

  syntaxFault(token: Token, message: string): JsonFault {
    return new JsonFault(`proto: syntax error (${this.#place(token.from)}): ${message}`)
  }

  unexpected(token: Token): JsonFault {
    return this.syntaxFault(token, `unexpected token ${this.raw(token)}`)
  }

  /** Lines and characters of a line, both from 1. */
  #place(at: number): string {
    const before = lenient.decode(this.#bytes.subarray(0, at))
    const lastLine = before.slice(before.lastIndexOf("\n") + 1)
    return `line ${before.split("\n").length}:${[...lastLine].length + 1}`
  }
}

/** White space, `,` and `:`. */
function isBetween(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09 || byte === 0x2c || byte === 0x3a
}

/** Digits, signs, `.`, `e` and `E`. */
function isOfNumber(byte: number | undefined): boolean {
  if (byte === undefined) return false
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x2b ||
    byte === 0x2d ||
    byte === 0x2e ||
    byte === 0x65 ||
    byte === 0x45
  )
}
