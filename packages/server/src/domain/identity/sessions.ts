import { AppError, type Issue } from "../../kit/errors.ts"
import type { Actor } from "../journal/index.ts"
import { authorize } from "./authorize.ts"
import { refuseIssues } from "./checks.ts"
import type { IdentityService } from "./commands.ts"
import { endSessions } from "./end-sessions.ts"
import { createGuesses, groupOf, wrongPassword } from "./guesses.ts"
import { keyChange, newKey } from "./keys.ts"
import type { IdentityOptions } from "./options.ts"
import { record } from "./record.ts"
import { newToken } from "./token.ts"
import type { ApiKey, KeyId, Principal, User, UserId } from "./types.ts"
import { userNotFound } from "./users.ts"

/** How long somebody who signed in stays so. */
const sessionMs = 12 * 3_600_000
/** Live ones of one user; the next one ends the oldest. */
const mostSessions = 20
const shortestPassword = 8
/** Bytes of UTF-8. */
const longestPassword = 1024

/** Passwords, and the sessions that people get for them. */
export function createSessions(
  options: IdentityOptions,
): Pick<IdentityService, "setPassword" | "signIn" | "signOut" | "endExpiredSessions"> {
  const { store, rows, directory, clock, ids, randomBytes, passwords } = options
  const guesses = createGuesses(clock)

  /** A key that does not reach as far as its user, or ends, would become one that does and does not. */
  function refuseNarrow(principal: Principal): void {
    const key = principal.keyId === null ? undefined : directory.key(principal.keyId)
    if (!key || key.isSession) return
    if (key.role === null && key.workspaceId === null && key.expiresAtMs === null) return
    throw new AppError("forbidden", "A key that is bound or expires may not set passwords.", {
      resource: "key",
      detail: "scope",
    })
  }

  /** Whoever changes his own shows that it is really him: a page left open is not enough. */
  async function checkCurrent(principal: Principal, userId: UserId, current: string | null): Promise<void> {
    if (userId !== principal.userId || principal.serverRole === "owner") return
    const known = await rows.password(store.committed, userId)
    if (!known) return
    const by = { name: principal.userName, address: principal.actor.address }
    await guesses.count(by, () => passwords.verify(current ?? "", known.hash, groupOf(by)))
  }

  return {
    async setPassword(principal, userId, { password, current }) {
      authorize(principal, "user.password", { workspaceId: null, ownerId: userId })
      refuseNarrow(principal)
      if (!directory.user(userId)) throw userNotFound(userId)
      refuseIssues("user", password === null ? [] : passwordIssues(password))
      await checkCurrent(principal, userId, current)
      const hash = password === null ? null : await passwords.hash(password, groupOf(principal.actor))
      const atMs = clock.nowMs()
      await store.tx(async (tx) => {
        if (hash === null) await rows.deletePassword(tx, userId)
        else await rows.putPassword(tx, { userId, hash, changedAtMs: atMs })
        await endSessions(rows, tx, userId, { atMs, but: principal.keyId })
        await record(tx, {
          operation: "user.password",
          event: hash === null ? "user.password-removed" : "user.password-set",
          subject: { kind: "user", id: userId },
          workspace: null,
          actor: principal.actor,
          atMs,
          data: {},
        })
      })
    },

    async signIn(name, password, from) {
      const user = directory.userByName(name)
      const known = user && !user.frozen ? await rows.password(store.committed, user.id) : undefined
      const fits = Buffer.byteLength(password) <= longestPassword
      const by = { name, address: from.address }
      await guesses.count(by, async () => {
        const isRight = await passwords.verify(fits ? password : "", known?.hash, groupOf(by))
        return isRight && fits
      })
      if (!user) throw wrongPassword()
      const { key, token } = newSession(ids.next("key") as KeyId, user, clock.nowMs(), newToken(randomBytes))
      await store.tx(async (tx) => {
        // it may have been changed while it was checked, and what it opened has ended by that
        if ((await rows.password(tx, user.id))?.hash !== known?.hash) throw wrongPassword()
        const before = await rows.sessionsOf(tx, user.id)
        for (const old of before.slice(0, Math.max(0, before.length - mostSessions + 1)))
          await rows.endSession(tx, old, key.createdAtMs)
        await rows.insertKey(tx, key)
        const principal = { actor: { ...actorOf(user), ...from, keyId: key.id } }
        await record(tx, keyChange("key.create", "session.begun", principal, key, key.createdAtMs))
      })
      return { key, token, user }
    },

    async signOut(principal) {
      const key = principal.keyId === null ? undefined : directory.key(principal.keyId)
      if (!key?.isSession) return
      const atMs = clock.nowMs()
      await store.tx(async (tx) => {
        await rows.endSession(tx, key, atMs)
        await record(tx, keyChange("key.revoke", "session.ended", principal, key, atMs))
      })
    },

    async endExpiredSessions(limit) {
      const atMs = clock.nowMs()
      const over = directory
        .keys()
        .filter((key) => key.isSession && (key.expiresAtMs ?? Infinity) <= atMs)
        .slice(0, limit)
      if (over.length > 0)
        await store.tx(async (tx) => {
          for (const key of over) await rows.endSession(tx, key, atMs)
        })
      return over.length
    },
  }
}

function newSession(id: KeyId, user: User, nowMs: number, token: string) {
  const wish = { name: "session", role: null, workspaceId: null, expiresAtMs: nowMs + sessionMs }
  const made = newKey(id, user.id, wish, nowMs, token)
  const key: ApiKey = { ...made.key, isSession: true }
  return { key, token }
}

function actorOf({ id, name }: User): Pick<Actor, "kind" | "id" | "name"> {
  return { kind: "key", id, name }
}

function passwordIssues(password: string): readonly Issue[] {
  const path = ["password"]
  if (password.length < shortestPassword)
    return [{ path, message: `must have at least ${shortestPassword} characters` }]
  return Buffer.byteLength(password) > longestPassword
    ? [{ path, message: `must have at most ${longestPassword} bytes` }]
    : []
}
