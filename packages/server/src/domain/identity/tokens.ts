import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import type { JsonObject } from "../../kit/json.ts"
import type { PublicJwk } from "../../kit/jwt.ts"
import { sha256Hex } from "../../kit/sha256.ts"
import type { Directory } from "./commands.ts"
import type { LiveDirectory } from "./directory.ts"
import { tokenLifetimeMs, type SigningKeys } from "./signing-keys.ts"
import type { ApiKey, Principal } from "./types.ts"

type From = Parameters<Directory["local"]>[0]

/** What a token of ours says that matters; all else is looked up at each call. */
export interface TokenClaims {
  readonly keyId: string
  readonly generation: number
  readonly notBeforeMs: number
  readonly expiresAtMs: number
}

/** A token in exchange for an API key. */
export interface IssuedToken {
  /** A JWT (RS256): a secret, to be sent to the holder of the key and nowhere else. */
  readonly token: string
  readonly expiresAtMs: number
  readonly key: ApiKey
  /** Whom it stands for. */
  readonly principal: Principal
}

/** Tokens that API keys are exchanged for. They hold for 900 s at most, and never longer than their key. */
export interface Tokens {
  /**
   * Gives a token for a key. Within half a minute the same key gets the same token again: clients ask before every
   * call.
   * @throws AppError `unauthenticated` detail `unknown` (also a revoked key) or `expired`; `invalid` detail
   *   `key_misconfigured` for a key whose record gives it nobody to act as, a role that is none, or a workspace that
   *   its user has no role in (reference/egs.md 1.4); `forbidden` detail `frozen`
   */
  exchangeKey(key: string, from: From): Promise<IssuedToken>
  /**
   * Reads a token: its signature, issuer and audience, not yet who it stands for.
   * @returns undefined for every text that is no token of ours; a promise only where the signature was not looked
   *   at before
   */
  read(text: string): TokenClaims | undefined | Promise<TokenClaims | undefined>
  /**
   * Who a token stands for, now: the same as its key. undefined when it has expired or is not good yet, and when its
   * key is revoked, expired or of another generation.
   * @throws AppError `forbidden` detail `frozen`
   */
  principalOf(claims: TokenClaims, from: From): Principal | undefined
  /** The keys that tokens can be verified with, as a JSON Web Key Set. */
  keySet(): Promise<{ readonly keys: readonly PublicJwk[] }>
}

export interface TokensOptions {
  readonly directory: LiveDirectory
  readonly signingKeys: SigningKeys
  readonly clock: Clock
}

/** What signs and what is signed for: tokens of other makers are none of ours. */
const issuer = "berth"
/** A clock that was set back a little must not refuse what it has just signed. */
const earlyMs = 60_000
/** A client that asks before each call costs one signature in so long. */
const reuseMs = 30_000
const mostVerified = 10_000
const mostIssued = 1_000

interface Issue {
  readonly generation: number
  readonly issuedAtMs: number
  readonly token: Promise<string>
}

export function createTokens(options: TokensOptions): Tokens {
  const { directory, signingKeys, clock } = options
  // by the hash of the text: the memory holds no more tokens than it must
  const verified = new Map<string, TokenClaims>()
  const issues = new Map<string, Issue>()

  function issueFor(key: ApiKey): Issue {
    const nowMs = clock.nowMs()
    const last = issues.get(key.id)
    const ageMs = nowMs - (last?.issuedAtMs ?? -Infinity)
    if (last && last.generation === key.generation && ageMs >= 0 && ageMs < reuseMs) return last
    const issuedAtMs = Math.floor(nowMs / 1000) * 1000
    const claims = claimsFor(key, issuedAtMs)
    const token = signingKeys.sign(claims).then((text) => {
      // what we have signed need not be verified
      const facts = factsOf(claims)
      if (facts) remember(verified, sha256Hex(text), facts, mostVerified)
      return text
    })
    const issue = { generation: key.generation, issuedAtMs, token }
    remember(issues, key.id, issue, mostIssued)
    // a disk that was full is tried again at the next call
    token.catch(() => issues.get(key.id) === issue && issues.delete(key.id))
    return issue
  }

  return {
    async exchangeKey(text, from) {
      const key = directory.keyByToken(text)
      if (!key) throw unauthenticated("unknown", "The API key is unknown.")
      if (key.expiresAtMs !== null && key.expiresAtMs <= clock.nowMs())
        throw unauthenticated("expired", "The API key has expired.")
      const principal = directory.authenticate(text, from)
      const isLost = key.workspaceId !== null && principal?.roleIn(key.workspaceId) === null
      if (!principal || isLost) throw misconfigured(key)
      const { token, issuedAtMs } = issueFor(key)
      return { token: await token, expiresAtMs: issuedAtMs + tokenLifetimeMs, key, principal }
    },
    read(text) {
      const hash = sha256Hex(text)
      const known = verified.get(hash)
      if (known) return known
      return signingKeys.verify(text)?.then((payload) => {
        const claims = payload && factsOf(payload)
        if (claims && holdsAt(claims, clock.nowMs())) remember(verified, hash, claims, mostVerified)
        return claims
      })
    },
    principalOf(claims, from) {
      if (!holdsAt(claims, clock.nowMs())) return undefined
      return directory.authenticateKey(claims.keyId, claims.generation, from)
    },
    async keySet() {
      return { keys: await signingKeys.published() }
    },
  }
}

/** Whether a text may be a token rather than an API key: those have no dots. */
export function isTokenLike(text: string): boolean {
  return text.includes(".")
}

function claimsFor(key: ApiKey, issuedAtMs: number): JsonObject {
  const iat = issuedAtMs / 1000
  return {
    iss: issuer,
    aud: issuer,
    iat,
    nbf: iat,
    exp: iat + tokenLifetimeMs / 1000,
    sub: key.id,
    gen: key.generation,
    ws: key.workspaceId,
    role: key.role,
  }
}

/** undefined when it is not one that we sign. */
function factsOf(payload: JsonObject): TokenClaims | undefined {
  const { iss, aud, nbf, exp, sub, gen } = payload
  if (iss !== issuer || aud !== issuer || typeof sub !== "string") return undefined
  if (!isWhole(nbf) || !isWhole(exp) || !isWhole(gen)) return undefined
  return { keyId: sub, generation: gen, notBeforeMs: nbf * 1000, expiresAtMs: exp * 1000 }
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function holdsAt(claims: TokenClaims, nowMs: number): boolean {
  return claims.notBeforeMs <= nowMs + earlyMs && nowMs < claims.expiresAtMs
}

/** Bounded: of too many the one that was put in first goes. */
function remember<T>(map: Map<string, T>, name: string, value: T, most: number): void {
  map.delete(name)
  map.set(name, value)
  if (map.size <= most) return
  for (const first of map.keys()) {
    map.delete(first)
    return
  }
}

function unauthenticated(detail: "unknown" | "expired", message: string): AppError {
  return new AppError("unauthenticated", message, { resource: "key", detail })
}

function misconfigured(key: ApiKey): AppError {
  return new AppError("invalid", "The record of the API key is not valid; make a new key.", {
    resource: "key",
    name: key.id,
    detail: "key_misconfigured",
  })
}
