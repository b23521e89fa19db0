import { AppError } from "../../kit/errors.ts"

/** Nesting that no request of this API has; parsing a megabyte of brackets would stall the server. */
const maxDepth = 1000

const quote = 0x22
const backslash = 0x5c

/**
 * The JSON value of a request body. Invalid UTF-8 becomes U+FFFD; of a key that is given twice the last counts.
 * @returns undefined for an empty body
 * @throws AppError `invalid` when it is not JSON, with the place but without a piece of the body
 */
export function parseBody(body: unknown): unknown {
  if (!Buffer.isBuffer(body) || body.length === 0) return undefined
  if (isDeeperThan(body, maxDepth)) throw invalidBody("json: exceeded max depth")
  const text = body.toString("utf8")
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw invalidBody(malformed(text, error))
  }
}

/**
 * The same where a body is required.
 * @throws AppError `invalid` also for an empty one
 */
export function parseRequiredBody(body: unknown): unknown {
  const value = parseBody(body)
  if (value === undefined) throw invalidBody("unexpected end of JSON input")
  return value
}

/** Whether brackets outside strings nest deeper than `limit`. One pass over the bytes. */
export function isDeeperThan(json: Buffer, limit: number): boolean {
  if (json.length <= limit) return false
  let depth = 0
  for (let at = 0; at < json.length; at++) {
    const byte = json[at]
    if (byte === quote) {
      at = endOfString(json, at)
    } else if (byte === 0x5b || byte === 0x7b) {
      depth++
      if (depth > limit) return true
    } else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return false
}

/** The index of the quote that closes the string opened at `start`; the length where none does. */
function endOfString(json: Buffer, start: number): number {
  let at = start + 1
  for (;;) {
    const end = json.indexOf(quote, at)
    if (end < 0) return json.length
    let slashes = 0
    while (json[end - 1 - slashes] === backslash) slashes++
    if (slashes % 2 === 0) return end
    at = end + 1
  }
}

function invalidBody(message: string): AppError {
  return new AppError("invalid", message, { issues: [{ path: [], message }] })
}

/** Own words: the parser's quote the body, which may hold secrets. */
function malformed(text: string, error: unknown): string {
  const said = error instanceof Error ? error.message : ""
  if (text.trim() === "" || /^(Unexpected end|Unterminated)/.test(said)) return "unexpected end of JSON input"
  const offset = /at position (\d+)/.exec(said)?.[1]
  if (offset === undefined) return "invalid character in JSON input"
  if (Number(offset) >= text.trimEnd().length) return "unexpected end of JSON input"
  return `invalid character in JSON input at offset ${offset}`
}
