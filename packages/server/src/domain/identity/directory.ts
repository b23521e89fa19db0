import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import type { Store } from "../journal/index.ts"
import type { Directory } from "./commands.ts"
import { capRole, capServerRole, higherRole } from "./roles.ts"
import { hashToken, isToken } from "./token.ts"
import type { ApiKey, KeyId, Membership, Principal, Role, ServerRole, User, UserId } from "./types.ts"
import { keyChanged, membershipChanged, roles, userChanged } from "./types.ts"

/** The user that `--no-auth` acts as. Its name cannot be given to anybody else. */
export const localUserName = "local"

export interface DirectoryOptions {
  readonly clock: Clock
  /** The workspaces that there are, also those being deleted. Asked at every look: closures over live maps. */
  readonly allWorkspaces: () => Iterable<string>
  /** Those of them where every user is an Editor. */
  readonly openWorkspaces: () => Iterable<string>
  readonly isWorkspace: (id: string) => boolean
  readonly isOpenWorkspace: (id: string) => boolean
}

/** A membership, or its end (role null). */
interface MembershipChange {
  readonly workspaceId: string
  readonly userId: UserId
  readonly role: Role | null
}

/** The directory with what feeds it and what other parts of identity ask of it. */
export interface LiveDirectory extends Directory {
  /** Replaces everything: at boot, from the rows. */
  load(users: readonly User[], keys: readonly ApiKey[], memberships: readonly Membership[]): void
  /** Follows the store's topics from now on; returns how to stop. Subscribe before loading. */
  follow(store: Pick<Store, "subscribe">): () => void
  /** The user itself, without a key, as the server acts for it later; undefined when it is gone or frozen. */
  actingFor(userId: string): Principal | undefined
  applyUser(user: User): void
  applyKey(key: ApiKey): void
  applyMembership(change: MembershipChange): void
  users(): readonly User[]
  /** All keys, revoked ones too, with the last use that this process saw. */
  keys(): readonly ApiKey[]
  /** The key of its text, also one that has expired or cannot be used; undefined for one that is revoked. */
  keyByToken(token: string): ApiKey | undefined
  /**
   * Who a key stands for, now, when it has this generation: as `authenticate` with the key itself.
   * @throws AppError `forbidden`, detail `frozen`
   */
  authenticateKey(id: string, generation: number, from: From): Principal | undefined
  members(workspaceId: string): readonly Membership[]
  /** The role by membership alone. */
  memberRole(workspaceId: string, userId: string): Role | null
  /** Keys used since the last call and when, for one write; each key at most once. */
  drainTouches(): readonly { readonly id: KeyId; readonly atMs: number }[]
}

type From = Parameters<Directory["local"]>[0]

/**
 * Everybody's rights in memory. A request costs one SHA-256 and a few look-ups; a principal reads the maps
 * at each question, so that one that is kept by a long stream loses its rights when they go.
 */
export function createDirectory(options: DirectoryOptions): LiveDirectory {
  const users = new Map<string, User>()
  const userIdByName = new Map<string, string>()
  const keys = new Map<string, ApiKey>()
  // Looked up by the hash: how long a look takes tells about the hash of what was sent, which whoever sent
  // it knows, and nothing about the token of a hash that is kept. So no comparison in constant time.
  const keyIdByHash = new Map<string, string>()
  const rolesByUser = new Map<string, Map<string, Role>>()
  const lastUsed = new Map<KeyId, number>()
  const touched = new Set<KeyId>()

  const isLive = (key: ApiKey) =>
    key.revokedAtMs === null &&
    (key.expiresAtMs === null || key.expiresAtMs > options.clock.nowMs()) &&
    isKnownRole(key.role)

  const view: RightsView = {
    ...options,
    user: (id) => users.get(id),
    key: (id) => {
      const key = keys.get(id)
      return key && isLive(key) ? key : undefined
    },
    rolesOf: (userId) => rolesByUser.get(userId),
  }

  function applyUser(user: User) {
    const before = users.get(user.id)
    if (before && before.version > user.version) return
    if (before) userIdByName.delete(before.name)
    users.set(user.id, user)
    userIdByName.set(user.name, user.id)
  }

  function applyKey(key: ApiKey) {
    if (key.isSession && key.revokedAtMs !== null) return forgetSession(key)
    keys.set(key.id, key)
    if (key.revokedAtMs === null) keyIdByHash.set(key.hash, key.id)
    else keyIdByHash.delete(key.hash)
    if (key.lastUsedAtMs !== null) lastUsed.set(key.id, Math.max(key.lastUsedAtMs, lastUsed.get(key.id) ?? 0))
  }

  /** Nobody asks for one that is over. */
  function forgetSession({ id, hash }: ApiKey) {
    keys.delete(id)
    keyIdByHash.delete(hash)
    lastUsed.delete(id)
    touched.delete(id)
  }

  function applyMembership({ workspaceId, userId, role }: MembershipChange) {
    const roles = rolesByUser.get(userId) ?? new Map<string, Role>()
    if (role === null) roles.delete(workspaceId)
    else roles.set(workspaceId, role)
    if (roles.size === 0) rolesByUser.delete(userId)
    else rolesByUser.set(userId, roles)
  }

  const keyByToken = (token: string) =>
    isToken(token) ? keys.get(keyIdByHash.get(hashToken(token)) ?? "") : undefined

  function actAs(key: ApiKey | undefined, from: From): Principal | undefined {
    if (!key || !isLive(key)) return undefined
    const user = users.get(key.userId)
    if (!user) return undefined
    if (user.frozen)
      throw new AppError("forbidden", `The user ${user.name} is frozen.`, {
        resource: "user",
        detail: "frozen",
      })
    lastUsed.set(key.id, options.clock.nowMs())
    touched.add(key.id)
    return createPrincipal(view, user, key, from)
  }

  const withLastUse = (key: ApiKey): ApiKey => ({ ...key, lastUsedAtMs: lastUsed.get(key.id) ?? null })

  return {
    authenticate: (token, from) => actAs(keyByToken(token), from),
    keyByToken,
    authenticateKey(id, generation, from) {
      const key = keys.get(id)
      return key?.generation === generation ? actAs(key, from) : undefined
    },
    local(from) {
      const user = users.get(userIdByName.get(localUserName) ?? "")
      if (!user || user.frozen)
        throw new AppError("unauthenticated", `There is no user "${localUserName}", or it is frozen.`, {
          resource: "user",
          name: localUserName,
        })
      return createPrincipal(view, user, null, from)
    },
    actingFor(userId) {
      const user = users.get(userId)
      const inside = { address: null, requestId: null }
      return user && !user.frozen ? createPrincipal(view, user, null, inside) : undefined
    },
    user: (id) => users.get(id),
    userByName: (name) => users.get(userIdByName.get(name) ?? ""),
    load(allUsers, allKeys, memberships) {
      for (const map of [users, userIdByName, keys, keyIdByHash, rolesByUser, lastUsed]) map.clear()
      touched.clear()
      allUsers.forEach(applyUser)
      allKeys.forEach(applyKey)
      memberships.forEach(applyMembership)
    },
    follow(store) {
      const stops = [
        store.subscribe(userChanged, applyUser),
        store.subscribe(keyChanged, applyKey),
        store.subscribe(membershipChanged, applyMembership),
      ]
      return () => stops.forEach((stop) => stop())
    },
    applyUser,
    applyKey,
    applyMembership,
    users: () => [...users.values()],
    keys: () => Array.from(keys.values(), withLastUse),
    key: (id) => {
      const key = keys.get(id)
      return key && withLastUse(key)
    },
    members: (workspaceId) => membersOf(rolesByUser, workspaceId),
    memberRole: (workspaceId, userId) => rolesByUser.get(userId)?.get(workspaceId) ?? null,
    drainTouches() {
      const drained = Array.from(touched, (id) => ({ id, atMs: lastUsed.get(id) ?? 0 }))
      touched.clear()
      return drained
    },
  }
}

/** A role that nobody knows, out of a damaged row, must not count as no limit. */
function isKnownRole(role: string | null): boolean {
  return role === null || roles.some((known) => known === role)
}

function membersOf(rolesByUser: ReadonlyMap<string, ReadonlyMap<string, Role>>, workspaceId: string) {
  const members: Membership[] = []
  for (const [userId, roles] of rolesByUser) {
    const role = roles.get(workspaceId)
    if (role) members.push({ workspaceId, userId: userId as UserId, role })
  }
  return members
}

/** What a principal reads at each question. */
interface RightsView extends DirectoryOptions {
  user(id: string): User | undefined
  /** Undefined too when it is revoked or has expired. */
  key(id: string): ApiKey | undefined
  rolesOf(userId: string): ReadonlyMap<string, Role> | undefined
}

/** The present user and key behind a principal; undefined when they give no rights any more. */
interface Holder {
  readonly user: User
  readonly key: ApiKey | null
}

function createPrincipal(view: RightsView, maker: User, usedKey: ApiKey | null, from: From): Principal {
  const holder = (): Holder | undefined => {
    const user = view.user(maker.id)
    const key = usedKey && view.key(usedKey.id)
    return user && !user.frozen && key !== undefined ? { user, key } : undefined
  }
  return {
    userId: maker.id,
    userName: maker.name,
    keyId: usedKey?.id ?? null,
    get serverRole(): ServerRole | null {
      const now = holder()
      return now ? capServerRole(now.user.serverRole, now.key) : null
    },
    roleIn(workspaceId) {
      const now = holder()
      return now ? roleOf(view, now, workspaceId) : null
    },
    workspaces() {
      const now = holder()
      return now ? workspacesOf(view, now) : []
    },
    actor: {
      kind: usedKey ? "key" : "user",
      id: maker.id,
      name: maker.name,
      keyId: usedKey?.id ?? null,
      address: from.address,
      requestId: from.requestId,
    },
  }
}

function roleOf(view: RightsView, { user, key }: Holder, workspaceId: string): Role | null {
  if (!view.isWorkspace(workspaceId)) return null
  if (key && key.workspaceId !== null && key.workspaceId !== workspaceId) return null
  const byMembership = view.rolesOf(user.id)?.get(workspaceId) ?? null
  const byOpenness = view.isOpenWorkspace(workspaceId) ? "editor" : null
  return capRole(higherRole(higherRole(byMembership, byOpenness), user.serverRole), key?.role ?? null)
}

function workspacesOf(view: RightsView, holder: Holder): readonly string[] | null {
  const { user, key } = holder
  if (capServerRole(user.serverRole, key) !== null) return null
  if (key && key.workspaceId !== null)
    return roleOf(view, holder, key.workspaceId) === null ? [] : [key.workspaceId]
  if (user.serverRole !== null) return [...view.allWorkspaces()]
  const ids = new Set(view.openWorkspaces())
  for (const id of view.rolesOf(user.id)?.keys() ?? []) if (view.isWorkspace(id)) ids.add(id)
  return [...ids]
}
