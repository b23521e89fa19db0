import type { ApiKey, Role, ServerRole } from "./types.ts"

const rank: Readonly<Record<Role, number>> = { viewer: 1, editor: 2, owner: 3 }

/** Whether `role` gives no more than `limit` does. */
export function isAtMost(role: Role, limit: Role): boolean {
  return rank[role] <= rank[limit]
}

/** The higher of two roles; null is none. */
export function higherRole(a: Role | null, b: Role | null): Role | null {
  if (a === null || b === null) return a ?? b
  return rank[a] >= rank[b] ? a : b
}

/** A role as far as a key lets it through; a key's null is no limit. */
export function capRole(role: Role | null, limit: Role | null): Role | null {
  if (role === null || limit === null) return role
  return rank[role] <= rank[limit] ? role : limit
}

/**
 * What is left of a user's server role behind a key: nothing where the key is bound to a workspace,
 * reading at most behind a Viewer key. Behind an Editor key an Owner of the server is an Editor in every
 * workspace and nothing on the server.
 */
export function capServerRole(
  role: ServerRole | null,
  key: Pick<ApiKey, "role" | "workspaceId"> | null,
): ServerRole | null {
  if (role === null || key === null) return role
  if (key.workspaceId !== null) return null
  if (key.role === "viewer") return "viewer"
  return key.role === "editor" && role === "owner" ? null : role
}

/** What a key allows, so that what it makes can be held to it. */
export type KeyScope = Pick<ApiKey, "role" | "workspaceId" | "expiresAtMs">

/** Whether a key can do nothing, nowhere and at no time that `parent` cannot; null = no limit at all. */
export function isWithinScope(key: KeyScope, parent: KeyScope | null): boolean {
  if (parent === null) return true
  // As its user and at most an Owner are the same thing.
  const isRoleWithin = isAtMost(key.role ?? "owner", parent.role ?? "owner")
  const isPlaceWithin = parent.workspaceId === null || key.workspaceId === parent.workspaceId
  const isTimeWithin =
    parent.expiresAtMs === null || (key.expiresAtMs !== null && key.expiresAtMs <= parent.expiresAtMs)
  return isRoleWithin && isPlaceWithin && isTimeWithin
}
