import { sha256Hex } from "../../kit/sha256.ts"

/** Randomness for secrets, handed in: `size` fresh bytes. */
export type RandomBytes = (size: number) => Uint8Array

const prefix = "berth_"
const secretBytes = 32
/** `berth_` and 43 base64url characters: 256 bits. */
const tokenPattern = /^berth_[A-Za-z0-9_-]{43}$/
const shownLength = 12

/** A new API token. It is shown once and never kept; what is kept is `hashToken` of it. */
export function newToken(randomBytes: RandomBytes): string {
  return prefix + Buffer.from(randomBytes(secretBytes)).toString("base64url")
}

/** Whether a string has the form of a token: looked at before anything is computed from it. */
export function isToken(text: string): boolean {
  return tokenPattern.test(text)
}

/** SHA-256 in lower-case hex. Fast on purpose: a token has 256 random bits, so there is nothing to guess. */
export function hashToken(token: string): string {
  return sha256Hex(token)
}

/** The first 12 characters: enough for people to tell keys apart, too few to help anybody. */
export function tokenPrefix(token: string): string {
  return token.slice(0, shownLength)
}
