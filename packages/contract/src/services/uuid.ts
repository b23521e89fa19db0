/** What reading a UUID gives: lower case with hyphens, or the fault in the words of the documented server. */
export type UuidRead =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly fault: string }

const hyphenated = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const simple = /^[0-9a-f]{32}$/i
const hyphenatedLength = 36
const urn = "urn:uuid:"
const groupLengths = [8, 4, 4, 4, 12] as const
const lastGroupStart = 24

/** Reads 32 digits, the form with hyphens, and that in braces or behind `urn:uuid:`; letters in either case. */
export function parseUuid(text: string): UuidRead {
  const inner = unwrapped(text)
  if (hyphenated.test(inner)) return { ok: true, value: inner.toLowerCase() }
  if (simple.test(text)) return { ok: true, value: withHyphens(text.toLowerCase()) }
  return { ok: false, fault: uuidFault(text) }
}

function withHyphens(digits: string): string {
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")
}

/** Without braces around it, or `urn:uuid:` in front. */
function unwrapped(text: string): string {
  if (text.length >= 2 && text.startsWith("{") && text.endsWith("}")) return text.slice(1, -1)
  return text.startsWith(urn) ? text.slice(urn.length) : text
}

/** The place of a character counts bytes of UTF-8 from 1. */
function uuidFault(text: string): string {
  const bare = unwrapped(text)
  // With the hyphens' form in it by its length alone, the prefix is no longer counted.
  const given = byteLength(bare) === hyphenatedLength ? bare : text
  const inner = unwrapped(given)
  const odd = /[^0-9a-f-]/iu.exec(inner)
  if (odd) {
    const at = byteLength(inner.slice(0, odd.index)) + given.indexOf(inner) + 1
    return `invalid character: expected an optional prefix of \`urn:uuid:\` followed by [0-9a-fA-F-], found \`${odd[0]}\` at ${at}`
  }
  const groups = inner.split("-")
  if (groups.length === 1 && inner === given)
    return `invalid length: expected length 32 for simple format, found ${given.length}`
  if (groups.length !== 5) return `invalid group count: expected 5, found ${groups.length}`
  return groupFault(given, groups)
}

/** The last group's length is counted to the end of the text from where the group would begin without a prefix. */
function groupFault(text: string, groups: readonly string[]): string {
  const odd = groups.slice(0, 4).findIndex((digits, group) => digits.length !== groupLengths[group])
  const group = odd < 0 ? 4 : odd
  const found = odd < 0 ? text.length - lastGroupStart : groups[odd]?.length
  return `invalid group length in group ${group}: expected ${groupLengths[group]}, found ${found}`
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length
}
