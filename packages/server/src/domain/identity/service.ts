import { systemActor, type Tx } from "../journal/index.ts"
import type { IdentityService } from "./commands.ts"
import { localUserName } from "./directory.ts"
import { createKeys, keyChange, newKey } from "./keys.ts"
import type { IdentityOptions } from "./options.ts"
import { record } from "./record.ts"
import { createSessions } from "./sessions.ts"
import { newToken } from "./token.ts"
import type { IdentityStore, KeyId, User, UserId } from "./types.ts"
import { created, createUsers, newUser, tellUser } from "./users.ts"

const firstOwner = "owner"
const actor = systemActor("bootstrap")

/** Users and keys: rules, rights and what is written about them. */
export function createIdentity(options: IdentityOptions): IdentityService {
  return {
    ...createUsers(options),
    ...createKeys(options),
    ...createSessions(options),
    bootstrap: () => bootstrap(options),
  }
}

/**
 * Makes `owner` and its key when nobody is there yet, and `local` when it is asked for and missing. The
 * directory follows by the topics. May be called at every start.
 */
async function bootstrap(options: IdentityOptions): Promise<{ readonly token: string } | undefined> {
  const { store, rows, clock, ids, randomBytes, noAuth } = options
  const nowMs = clock.nowMs()
  const made = {
    owner: newUser(ids.next("usr") as UserId, serverOwner(firstOwner), nowMs),
    local: newUser(ids.next("usr") as UserId, serverOwner(localUserName), nowMs),
    key: ids.next("key") as KeyId,
    token: newToken(randomBytes),
  }
  return store.tx(async (tx) => {
    const users = await rows.users(tx)
    if (noAuth && !users.some((user) => user.name === localUserName)) await addUser(tx, rows, made.local)
    if (users.some((user) => user.name !== localUserName)) return undefined
    await addUser(tx, rows, made.owner)
    const wish = { name: "first key", role: null, workspaceId: null, expiresAtMs: null }
    const { key } = newKey(made.key, made.owner.id, wish, nowMs, made.token)
    await rows.insertKey(tx, key)
    await record(tx, keyChange("key.create", "key.created", { actor }, key, nowMs))
    return { token: made.token }
  })
}

function serverOwner(name: string) {
  return { name, email: null, serverRole: "owner" as const }
}

async function addUser(tx: Tx, rows: IdentityStore, user: User): Promise<void> {
  await rows.insertUser(tx, user)
  await tellUser(tx, user, created(actor, user))
}
