import type { Clock } from "../../kit/clock.ts"
import type { JsonObject } from "../../kit/json.ts"
import {
  kidOfJwt,
  openJwtSigner,
  openJwtVerifier,
  type PublicJwk,
  type RsaSigningKey,
  type SignJwt,
  type VerifyJwt,
} from "../../kit/jwt.ts"
import type { Vault } from "../../kit/vault.ts"
import { systemActor, type Reads, type Store, type Tx } from "../journal/index.ts"
import { record } from "./record.ts"

/** A key that tokens are signed with, as it is kept. */
export interface SigningKey {
  readonly publicJwk: PublicJwk
  /** The private half, sealed by the server's vault under the kid. */
  readonly sealedPrivateKey: string
  readonly createdAtMs: number
}

export interface SigningKeyStore {
  /** All of them, oldest first. */
  signingKeys(from: Reads): Promise<readonly SigningKey[]>
  insertSigningKey(tx: Tx, key: SigningKey): Promise<void>
  /** Does nothing when it is gone. */
  deleteSigningKey(tx: Tx, kid: string): Promise<void>
}

export interface SigningKeysOptions {
  readonly store: Pick<Store, "tx">
  readonly rows: SigningKeyStore
  readonly clock: Clock
  readonly vault: Vault
  /** Makes a new key: `makeRsaSigningKey`. */
  readonly makeKey: () => Promise<RsaSigningKey>
}

/** The keys that sign tokens: the newest signs, those before it verify what they signed until that has expired. */
export interface SigningKeys {
  /** Replaces everything: at boot, from the rows. */
  load(keys: readonly SigningKey[]): void
  /** Signs with the newest key; makes one where there is none that can be opened, or it is too old. */
  sign(claims: JsonObject): Promise<string>
  /** The claims of a text that one of the keys signed. undefined at once where it names none of them. */
  verify(text: string): Promise<JsonObject | undefined> | undefined
  /** The public halves, newest first; makes a key where there is none. */
  published(): Promise<readonly PublicJwk[]>
  /** Makes a new key when the newest is 30 days old, and drops those whose last token has expired. Every hour will do. */
  rotate(): Promise<void>
  /** Sentences that somebody should know. */
  warnings(): readonly string[]
}

/** How long a token holds (DESIGN 7). */
export const tokenLifetimeMs = 900_000
const rotateAfterMs = 30 * 86_400_000
/** What was being signed while the next key was made, and clocks that were set. */
const slackMs = 120_000
const actor = systemActor("signing-keys")

export function createSigningKeys(options: SigningKeysOptions): SigningKeys {
  const { store, rows, clock, vault } = options
  // oldest first
  let keys: readonly SigningKey[] = []
  let signer: { readonly kid: string; readonly sign: Promise<SignJwt> } | undefined
  const verifiers = new Map<string, Promise<VerifyJwt>>()
  let making: Promise<SigningKey> | undefined
  let isSealedByAnother = false

  const privateOf = (key: SigningKey) => vault.open(key.sealedPrivateKey, key.publicJwk.kid)

  /** The newest, unless it cannot be opened or is too old. */
  function usable(): SigningKey | undefined {
    const newest = keys.at(-1)
    if (!newest || clock.nowMs() - newest.createdAtMs >= rotateAfterMs) return undefined
    return privateOf(newest) === undefined ? undefined : newest
  }

  /** One at a time: whoever comes meanwhile gets the same key. */
  function current(): Promise<SigningKey> {
    const key = usable()
    if (key) return Promise.resolve(key)
    making ??= make().finally(() => (making = undefined))
    return making
  }

  async function make(): Promise<SigningKey> {
    const { publicJwk, privatePem } = await options.makeKey()
    const key: SigningKey = {
      publicJwk,
      sealedPrivateKey: vault.seal(privatePem, publicJwk.kid),
      // the newest also where the clock was set back
      createdAtMs: Math.max(clock.nowMs(), (keys.at(-1)?.createdAtMs ?? 0) + 1),
    }
    await store.tx(async (tx) => {
      await rows.insertSigningKey(tx, key)
      await tell(tx, "signing_key.created", key, clock.nowMs())
    })
    keys = [...keys, key]
    isSealedByAnother = false
    return key
  }

  function signerOf(key: SigningKey): Promise<SignJwt> {
    const { publicJwk } = key
    if (signer?.kid !== publicJwk.kid)
      signer = { kid: publicJwk.kid, sign: openJwtSigner({ publicJwk, privatePem: privateOf(key) ?? "" }) }
    return signer.sign
  }

  function verifierOf(kid: string): Promise<VerifyJwt> | undefined {
    const known = verifiers.get(kid)
    const key = keys.find(({ publicJwk }) => publicJwk.kid === kid)
    if (!key) return undefined
    const verifier = known ?? openJwtVerifier(key.publicJwk)
    verifiers.set(kid, verifier)
    return verifier
  }

  async function drop(key: SigningKey): Promise<void> {
    const { kid } = key.publicJwk
    await store.tx(async (tx) => {
      await rows.deleteSigningKey(tx, kid)
      await tell(tx, "signing_key.deleted", key, clock.nowMs())
    })
    keys = keys.filter((other) => other !== key)
    verifiers.delete(kid)
  }

  return {
    load(loaded) {
      keys = loaded.toSorted((a, b) => a.createdAtMs - b.createdAtMs)
      verifiers.clear()
      signer = undefined
      const newest = keys.at(-1)
      isSealedByAnother = newest !== undefined && privateOf(newest) === undefined
    },
    async sign(claims) {
      const sign = await signerOf(await current())
      return sign(claims)
    },
    verify(text) {
      const kid = kidOfJwt(text)
      const verifier = kid === undefined ? undefined : verifierOf(kid)
      return verifier?.then((verify) => verify(text))
    },
    async published() {
      // a disk that is full keeps nobody from verifying
      if (keys.length === 0) await current()
      return keys.map((key) => key.publicJwk).toReversed()
    },
    async rotate() {
      // a server that never gave out a token needs no key
      if (keys.length > 0 && usable() === undefined) await current()
      const nowMs = clock.nowMs()
      for (const key of outlived(keys, nowMs)) await drop(key)
    },
    warnings: () => (isSealedByAnother ? [sealedByAnother] : []),
  }
}

const sealedByAnother =
  "The key that signs tokens was sealed with another secret.key than the one in the data directory (was that lost, or is the database another's?): a new one is made when it is needed."

/** Those that something else signs for so long already that no token of theirs can hold. */
function outlived(keys: readonly SigningKey[], nowMs: number): readonly SigningKey[] {
  return keys.filter((_, at) => {
    const next = keys[at + 1]
    return next !== undefined && next.createdAtMs + tokenLifetimeMs + slackMs <= nowMs
  })
}

async function tell(tx: Tx, event: string, key: SigningKey, atMs: number): Promise<void> {
  await record(tx, {
    operation: "signing_key.rotate",
    event,
    subject: { kind: "server", id: "signing-keys" },
    workspace: null,
    actor,
    atMs,
    data: { kid: key.publicJwk.kid },
  })
}
