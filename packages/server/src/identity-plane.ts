import { randomBytes } from "node:crypto"
import {
  createIdentity,
  createSigningKeys,
  createTokens,
  type IdentityStore,
  type LiveDirectory,
  type SigningKeyStore,
} from "./domain/identity/index.ts"
import type { Reads, Store } from "./domain/journal/index.ts"
import type { Clock } from "./kit/clock.ts"
import type { Ids } from "./kit/ids.ts"
import { makeRsaSigningKey } from "./kit/jwt.ts"
import { createPasswordHasher } from "./kit/password.ts"
import type { Vault } from "./kit/vault.ts"
import { pruneStep } from "./control/retention.ts"

export interface IdentityPlaneOptions {
  readonly store: Store
  readonly rows: { readonly identity: IdentityStore; readonly signingKeys: SigningKeyStore }
  readonly directory: LiveDirectory
  readonly noAuth: boolean
  /** Absent = the hasher's own. */
  readonly passwordCost: number | undefined
  readonly vault: Vault
  readonly clock: Clock
  readonly ids: Ids
}

const hourMs = 3_600_000

/** Who people are in the control plane: users and their keys, tokens and what those are signed with. */
export function createIdentityPlane(options: IdentityPlaneOptions) {
  const { store, rows, directory, clock, ids, vault, passwordCost: cost } = options
  const identity = createIdentity({
    store,
    rows: rows.identity,
    directory,
    clock,
    ids,
    randomBytes: (size) => randomBytes(size),
    passwords: createPasswordHasher(cost === undefined ? {} : { cost }),
    noAuth: options.noAuth,
  })
  const signingKeys = createSigningKeys({
    store,
    rows: rows.signingKeys,
    clock,
    vault,
    makeKey: makeRsaSigningKey,
  })

  /** When keys were last used is noted now and then, for all of them together. */
  async function writeKeyUse(): Promise<void> {
    const used = directory.drainTouches()
    if (used.length > 0) await store.tx((tx) => rows.identity.touchKeys(tx, used))
  }

  return {
    identity,
    tokens: createTokens({ directory, signingKeys, clock }),
    writeKeyUse,
    /** Sentences that somebody should act on. */
    warnings: () => signingKeys.warnings(),
    chores: [
      { name: "key-use", everyMs: 60_000, run: writeKeyUse },
      {
        name: "sessions",
        everyMs: 600_000,
        run: async () => void (await identity.endExpiredSessions(pruneStep)),
      },
      { name: "signing-keys", everyMs: hourMs, run: () => signingKeys.rotate() },
    ],
    async load(from: Reads): Promise<void> {
      directory.load(
        await rows.identity.users(from),
        await rows.identity.keys(from),
        await rows.identity.memberships(from),
      )
      signingKeys.load(await rows.signingKeys.signingKeys(from))
    },
  }
}
