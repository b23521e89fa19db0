import { JsonFault } from "./fault.ts"

/** More levels than this are refused: those who read the value later would run out of stack. */
const maxDepth = 10_000

/** Where the first JSON value of a text is, in bytes; `to` is exclusive. */
export interface Extent {
  readonly from: number
  readonly to: number
}

type Expected = "value" | "first value" | "key" | "first key" | "after value"

interface Scan {
  readonly bytes: Uint8Array
  at: number
  /** What is open, the innermost last. */
  readonly open: ("{" | "[")[]
}

/**
 * Finds the first value and checks its form; what follows it is not looked at, nor are escapes of half characters and
 * invalid UTF-8. Undefined: nothing but white space.
 * @throws JsonFault with the position left out, as the documented server words what is no JSON at all.
 */
export function firstValue(bytes: Uint8Array): Extent | undefined {
  const scan: Scan = { bytes, at: 0, open: [] }
  skipSpace(scan)
  if (scan.at >= bytes.length) return undefined
  const from = scan.at
  let expected: Expected = "value"
  do {
    expected = step(scan, expected)
  } while (expected !== "after value" || scan.open.length > 0)
  return { from, to: scan.at }
}

function step(scan: Scan, expected: Expected): Expected {
  skipSpace(scan)
  switch (expected) {
    case "value":
      return scanValue(scan)
    case "first value":
      return char(scan) === "]" ? close(scan) : scanValue(scan)
    case "key":
      return scanKey(scan)
    case "first key":
      return char(scan) === "}" ? close(scan) : scanKey(scan)
    case "after value":
      return scanSeparator(scan)
  }
}

function close(scan: Scan): Expected {
  scan.at += 1
  scan.open.pop()
  return "after value"
}

function scanSeparator(scan: Scan): Expected {
  const isObject = scan.open.at(-1) === "{"
  const next = char(scan)
  if (next === (isObject ? "}" : "]")) return close(scan)
  if (next !== ",") throw invalid(scan, isObject ? "after object key:value pair" : "after array element")
  scan.at += 1
  return isObject ? "key" : "value"
}

function scanKey(scan: Scan): Expected {
  if (char(scan) !== '"') throw invalid(scan, "looking for beginning of object key string")
  scanString(scan)
  skipSpace(scan)
  if (char(scan) !== ":") throw invalid(scan, "after object key")
  scan.at += 1
  return "value"
}

function scanValue(scan: Scan): Expected {
  const next = char(scan)
  if (next === "{" || next === "[") {
    if (scan.open.length >= maxDepth) throw invalid(scan, "exceeded max depth")
    scan.at += 1
    scan.open.push(next)
    return next === "{" ? "first key" : "first value"
  }
  if (next === '"') scanString(scan)
  else if (next === "t") scanWord(scan, "true")
  else if (next === "f") scanWord(scan, "false")
  else if (next === "n") scanWord(scan, "null")
  else if (next === "-" || isDigit(next)) scanNumber(scan)
  else throw invalid(scan, "looking for beginning of value")
  return "after value"
}

function scanWord(scan: Scan, word: string): void {
  scan.at += 1
  for (const letter of word.slice(1)) {
    if (char(scan) !== letter) throw invalid(scan, `in literal ${word} (expecting '${letter}')`)
    scan.at += 1
  }
}

function scanNumber(scan: Scan): void {
  if (char(scan) === "-") scan.at += 1
  if (char(scan) === "0") scan.at += 1
  else scanDigits(scan, "in numeric literal")
  if (char(scan) === ".") {
    scan.at += 1
    scanDigits(scan, "after decimal point in numeric literal")
  }
  if (char(scan) !== "e" && char(scan) !== "E") return
  scan.at += 1
  if (char(scan) === "+" || char(scan) === "-") scan.at += 1
  scanDigits(scan, "in exponent of numeric literal")
}

function scanDigits(scan: Scan, context: string): void {
  if (!isDigit(char(scan))) throw invalid(scan, context)
  while (isDigit(char(scan))) scan.at += 1
}

function scanString(scan: Scan): void {
  scan.at += 1
  for (;;) {
    const byte = scan.bytes[scan.at]
    if (byte === undefined || byte < 0x20) throw invalid(scan, "in string literal")
    scan.at += 1
    if (byte === 0x22) return
    if (byte === 0x5c) scanEscape(scan)
  }
}

function scanEscape(scan: Scan): void {
  const kind = char(scan)
  if (kind === "" || !'"\\/bfnrtu'.includes(kind)) throw invalid(scan, "in string escape code")
  scan.at += 1
  if (kind !== "u") return
  for (let count = 0; count < 4; count += 1) {
    if (!/^[0-9a-fA-F]$/.test(char(scan))) throw invalid(scan, String.raw`in \u hexadecimal character escape`)
    scan.at += 1
  }
}

function skipSpace(scan: Scan): void {
  for (;;) {
    const byte = scan.bytes[scan.at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return
    scan.at += 1
  }
}

/** The byte at hand as a character; "" at the end. */
function char(scan: Scan): string {
  const byte = scan.bytes[scan.at]
  return byte === undefined ? "" : String.fromCharCode(byte)
}

function isDigit(text: string): boolean {
  return text >= "0" && text <= "9"
}

function invalid(scan: Scan, context: string): JsonFault {
  const found = char(scan)
  if (found === "") return new JsonFault("unexpected EOF")
  return new JsonFault(`invalid character ${quoted(found)} ${context}`)
}

const shortEscapes: Readonly<Record<string, string>> = {
  "'": String.raw`\'`,
  "\\": String.raw`\\`,
  "\x07": String.raw`\a`,
  "\b": String.raw`\b`,
  "\f": String.raw`\f`,
  "\n": String.raw`\n`,
  "\r": String.raw`\r`,
  "\t": String.raw`\t`,
  "\v": String.raw`\v`,
}

/** A character of one byte as Go quotes it. */
function quoted(found: string): string {
  const short = shortEscapes[found]
  if (short !== undefined) return `'${short}'`
  const code = found.charCodeAt(0)
  if (code < 0x20 || code === 0x7f) return String.raw`'\x${code.toString(16).padStart(2, "0")}'`
  const isShown = code < 0x7f || (code > 0xa0 && code !== 0xad)
  return isShown ? `'${found}'` : String.raw`'\u${code.toString(16).padStart(4, "0")}'`
}
