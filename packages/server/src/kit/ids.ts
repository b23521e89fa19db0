import { monotonicFactory } from "ulid"

declare const brand: unique symbol
/** A string that only the maker of this kind of id may produce. */
export type Branded<Name extends string> = string & { readonly [brand]: Name }

/**
 * Where ids and randomness come from, handed in so that a replay gives the same ones.
 * `next` gives `<prefix>_<ULID>`, growing within a process; `random` a float in [0, 1).
 */
export interface Ids {
  next(prefix: string): string
  /** A bare ULID: 26 Crockford base-32 digits. */
  ulid(): string
  random(): number
}

/** Ids from the machine's randomness and the given wall clock. */
export function createIds(nowMs: () => number, random: () => number = Math.random): Ids {
  const make = monotonicFactory(random)
  const ulid = () => make(nowMs())
  return { ulid, next: (prefix) => `${prefix}_${ulid()}`, random }
}

const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
const hexDigits = "0123456789abcdef"
const ulidLength = 26

/** The 128 bits of a ULID as a lower-case UUID: one key shows in both forms (DESIGN 2). */
export function ulidToUuid(ulid: string): string {
  let hex = ""
  let value = 0
  // the first digit has two bits more than there are
  let bits = -2
  for (const digit of ulid) {
    value = (value << 5) | digits.indexOf(digit)
    for (bits += 5; bits >= 4; bits -= 4) hex += hexDigits[(value >> (bits - 4)) & 15]
    value &= 15
  }
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** The other way round. @param uuid with or without hyphens */
export function uuidToUlid(uuid: string): string {
  let value = BigInt(`0x${uuid.replaceAll("-", "")}`)
  let ulid = ""
  while (ulid.length < ulidLength) {
    ulid = (digits[Number(value % 32n)] ?? "") + ulid
    value /= 32n
  }
  return ulid
}
