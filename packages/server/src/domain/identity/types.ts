import type { Branded } from "../../kit/ids.ts"
import type { Actor, Reads, Topic, Tx } from "../journal/index.ts"
import { topic } from "../journal/index.ts"

/** What somebody is in a workspace, highest first. */
export const roles = ["owner", "editor", "viewer"] as const
export type Role = (typeof roles)[number]

/** What somebody is on the whole server: an owner may do everything, a viewer may read everything. */
export type ServerRole = "owner" | "viewer"

export type UserId = Branded<"UserId">
export type KeyId = Branded<"KeyId">

export interface User {
  readonly id: UserId // usr_ULID
  /** Unique, 1–64 of `[a-zA-Z0-9._@-]`. */
  readonly name: string
  readonly email: string | null
  readonly serverRole: ServerRole | null
  readonly frozen: boolean
  readonly createdAtMs: number
  readonly version: number
}

export interface ApiKey {
  readonly id: KeyId // key_ULID
  readonly name: string
  /** For people; "" = none. */
  readonly description: string
  readonly userId: UserId
  /** First characters of the token, for people to tell keys apart. */
  readonly prefix: string
  /** SHA-256 of the whole token, lower-case hex; the token itself is never kept. */
  readonly hash: string
  /** null = as its user; otherwise at most this role. */
  readonly role: Role | null
  /** From 1 up. Tokens carry it: those of an older generation do not hold. */
  readonly generation: number
  /** null = wherever its user may act; otherwise only there. */
  readonly workspaceId: string | null
  readonly expiresAtMs: number | null
  readonly revokedAtMs: number | null
  readonly createdAtMs: number
  readonly lastUsedAtMs: number | null
  /** Made by signing in: nobody lists it, and its row goes with its end. */
  readonly isSession: boolean
}

/** What a user signs in with; its hash never leaves the slice. */
export interface StoredPassword {
  readonly userId: UserId
  /** As `PasswordHasher` makes it. */
  readonly hash: string
  readonly changedAtMs: number
}

export interface Membership {
  readonly workspaceId: string
  readonly userId: UserId
  readonly role: Role
}

/**
 * Who a request acts for, with the rights it has at this moment. Made by `directory.authenticate` for each
 * request, never kept: revocation and role changes act at the next call.
 */
export interface Principal {
  readonly userId: UserId
  readonly userName: string
  readonly keyId: KeyId | null
  readonly serverRole: ServerRole | null
  /** The role in a workspace, already capped by the key; null = the workspace does not exist for it. */
  roleIn(workspaceId: string): Role | null
  /** The workspaces it has a role in; null = all of them (server owner or viewer). */
  workspaces(): readonly string[] | null
  readonly actor: Actor
}

export interface IdentityStore {
  users(from: Reads): Promise<readonly User[]>
  keys(from: Reads): Promise<readonly ApiKey[]>
  memberships(from: Reads): Promise<readonly Membership[]>
  insertUser(tx: Tx, user: User): Promise<void>
  /** @throws AppError `stale` when the version moved. Writes version + 1. */
  updateUser(tx: Tx, user: User): Promise<void>
  insertKey(tx: Tx, key: ApiKey): Promise<void>
  revokeKey(tx: Tx, id: KeyId, atMs: number): Promise<void>
  touchKeys(tx: Tx, used: readonly { readonly id: KeyId; readonly atMs: number }[]): Promise<void>
  password(from: Reads, userId: UserId): Promise<StoredPassword | undefined>
  putPassword(tx: Tx, password: StoredPassword): Promise<void>
  deletePassword(tx: Tx, userId: UserId): Promise<void>
  /** Of one user, in the order in which they began, as the transaction sees them. */
  sessionsOf(tx: Tx, userId: UserId): Promise<readonly ApiKey[]>
  /** Its row is gone; told as a key that is revoked. No-op for one that is no session. */
  endSession(tx: Tx, key: ApiKey, atMs: number): Promise<void>
  putMembership(tx: Tx, membership: Membership): Promise<void>
  deleteMembership(tx: Tx, workspaceId: string, userId: UserId): Promise<void>
}

/** The row after the change. */
export const userChanged: Topic<User> = topic<User>("user-changed")
export const keyChanged: Topic<ApiKey> = topic<ApiKey>("key-changed")
export const membershipChanged: Topic<{
  readonly workspaceId: string
  readonly userId: UserId
  readonly role: Role | null
}> = topic("membership-changed")
