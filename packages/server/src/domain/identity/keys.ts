import { AppError } from "../../kit/errors.ts"
import type { Page } from "../journal/index.ts"
import { authorize, isAllowed, workspaceNotFound } from "./authorize.ts"
import { keyIssues, refuseIssues } from "./checks.ts"
import type { IdentityService, Operation } from "./commands.ts"
import { record, type Change } from "./record.ts"
import { isAtMost, isWithinScope } from "./roles.ts"
import type { IdentityOptions } from "./options.ts"
import { hashToken, isToken, newToken, tokenPrefix } from "./token.ts"
import type { ApiKey, KeyId, Principal, User, UserId } from "./types.ts"
import { userNotFound } from "./users.ts"

type KeyWish = Parameters<IdentityService["createKey"]>[1]

/** Live keys that one user may have: more is a mistake or worse, and the directory keeps them in memory. */
const mostLiveKeys = 1_000
const longestPage = 1_000

/** The commands about API keys. A key is held to its user's rights at every call, so nothing is copied into it. */
export function createKeys(
  options: IdentityOptions,
): Pick<IdentityService, "createKey" | "keys" | "revokeKey" | "findKey"> {
  const { store, rows, directory, clock, ids, randomBytes } = options

  return {
    async createKey(principal, wanted) {
      const userId = wanted.userId ?? principal.userId
      authorize(principal, "key.create", { workspaceId: null, ownerId: userId })
      const nowMs = clock.nowMs()
      refuseIssues("key", keyIssues(wanted, nowMs))
      const user = requireActiveUser(directory.user(userId), userId)
      refuseWiderThanCaller(options, principal, user, wanted)
      refuseTooMany(directory.keys(), userId, nowMs)
      const { key, token } = newKey(ids.next("key") as KeyId, userId, wanted, nowMs, newToken(randomBytes))
      await store.tx(async (tx) => {
        await rows.insertKey(tx, key)
        await record(tx, keyChange("key.create", "key.created", principal, key, nowMs))
      })
      return { key, token }
    },

    async keys(principal, limit, cursor) {
      if (cursor !== null && !cursor.startsWith("key_"))
        throw new AppError("invalid", "The cursor is not one of this list.", {
          issues: [{ path: ["cursor"], message: "is not one of this list" }],
        })
      const seen = directory
        .keys()
        .filter(
          (key) =>
            !key.isSession &&
            (cursor === null || key.id < cursor) &&
            maySee(options, principal, "key.list", key),
        )
      return newestFirst(seen, Math.max(1, Math.min(longestPage, limit)))
    },

    findKey(principal, text) {
      const found = directory
        .keys()
        .filter(
          (key) =>
            key.revokedAtMs === null && !key.isSession && maySee(options, principal, "key.revoke", key),
        )
      const hash = isToken(text) ? hashToken(text) : null
      const exact = found.find((key) => key.id === text || key.hash === hash)
      const [first, another] = found.filter((key) => key.prefix === text)
      const key = exact ?? (another === undefined ? first : undefined)
      if (!key) throw keyNotFound(isToken(text) ? tokenPrefix(text) : text)
      return key
    },

    async revokeKey(principal, id) {
      const key = directory.key(id)
      // Whoever may not revoke it does not learn that there is one.
      if (!key || !maySee(options, principal, "key.revoke", key)) throw keyNotFound(id)
      if (key.revokedAtMs !== null) return
      const nowMs = clock.nowMs()
      await store.tx(async (tx) => {
        await rows.revokeKey(tx, key.id, nowMs)
        await record(tx, keyChange("key.revoke", "key.revoked", principal, key, nowMs))
      })
    },
  }
}

/** The row of a new key, not yet written, and the token that only its maker sees. */
export function newKey(
  id: KeyId,
  userId: UserId,
  wanted: Omit<KeyWish, "userId">,
  nowMs: number,
  token: string,
): { readonly key: ApiKey; readonly token: string } {
  const key: ApiKey = {
    id,
    name: wanted.name.trim(),
    description: wanted.description?.trim() ?? "",
    userId,
    prefix: tokenPrefix(token),
    hash: hashToken(token),
    role: wanted.role,
    generation: 1,
    workspaceId: wanted.workspaceId,
    expiresAtMs: wanted.expiresAtMs,
    revokedAtMs: null,
    createdAtMs: nowMs,
    lastUsedAtMs: null,
    isSession: false,
  }
  return { key, token }
}

/** What the journal says about a key: never its hash. */
export function keyChange(
  operation: Operation,
  event: string,
  principal: Pick<Principal, "actor">,
  key: ApiKey,
  atMs: number,
): Change {
  const { name, prefix, userId, role, workspaceId, expiresAtMs } = key
  return {
    operation,
    event,
    subject: { kind: "key", id: key.id },
    workspace: workspaceId,
    isPrivate: true,
    actor: principal.actor,
    atMs,
    data: { name, prefix, userId, role, expiresAtMs },
  }
}

function keyNotFound(id: string): AppError {
  return new AppError("not_found", `Key ${id} not found.`, { resource: "key", name: id })
}

function requireActiveUser(user: User | undefined, id: string): User {
  if (!user) throw userNotFound(id)
  if (user.frozen)
    throw new AppError("conflict", `"${user.name}" is frozen.`, {
      resource: "user",
      name: user.name,
      detail: "frozen",
    })
  return user
}

/**
 * A key never makes one that outlives it or reaches further: else a Viewer key of an Owner, or one that ends
 * tonight, would be as good as the Owner's own.
 */
function refuseWiderThanCaller(options: IdentityOptions, principal: Principal, user: User, wanted: KeyWish) {
  const { workspaceId, role } = wanted
  if (workspaceId !== null) {
    const roleThere = principal.roleIn(workspaceId)
    if (roleThere === null) throw workspaceNotFound(workspaceId)
    if (role !== null && !isAtMost(role, roleThere))
      throw forbidden(`The user is not allowed to create key with role ${role} in workspace ${workspaceId}`)
  }
  // A server Owner hands out keys in its own right, but not by way of a key that ends or is narrower.
  if (!isWithinScope(wanted, callerKey(options, principal)))
    throw forbidden(
      `The user is not allowed to create key for "${user.name}" that reaches further than its own`,
    )
}

function forbidden(message: string): AppError {
  return new AppError("forbidden", message, { resource: "key", facts: { operation: "key.create" } })
}

/** The key that the call came with; null without one. */
function callerKey(options: IdentityOptions, principal: Principal): ApiKey | null {
  return (principal.keyId !== null && options.directory.key(principal.keyId)) || null
}

/** Own keys, those of a workspace for its Owner, all for a server Owner; behind a narrowed key only what that covers. */
function maySee(options: IdentityOptions, principal: Principal, operation: Operation, key: ApiKey): boolean {
  const places = key.workspaceId === null ? [null] : [null, key.workspaceId]
  const target = { ownerId: key.userId }
  if (!places.some((workspaceId) => isAllowed(principal, operation, { ...target, workspaceId }))) return false
  const caller = callerKey(options, principal)
  return caller === null || caller.id === key.id || isWithinScope(key, { ...caller, expiresAtMs: null })
}

function refuseTooMany(keys: readonly ApiKey[], userId: UserId, nowMs: number): void {
  const isLive = (key: ApiKey) =>
    key.userId === userId &&
    !key.isSession &&
    key.revokedAtMs === null &&
    (key.expiresAtMs ?? Infinity) > nowMs
  if (keys.filter(isLive).length < mostLiveKeys) return
  throw new AppError("too_many", `A user may have ${mostLiveKeys} live keys; revoke one first.`, {
    resource: "key",
    detail: "key_limit",
  })
}

function newestFirst(keys: readonly ApiKey[], limit: number): Page<ApiKey> {
  const items = keys.toSorted((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit)
  const last = items.at(-1)
  return { items, nextCursor: last && keys.length > limit ? last.id : null }
}
