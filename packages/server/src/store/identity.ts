import type { Selectable } from "kysely"
import { AppError } from "../kit/errors.ts"
import {
  type ApiKey,
  type IdentityStore,
  type KeyId,
  type Membership,
  type Role,
  type ServerRole,
  type User,
  type UserId,
  keyChanged,
  membershipChanged,
  userChanged,
} from "../domain/identity/index.ts"
import type { Tx } from "../domain/journal/index.ts"
import { assertInserted, assertMoved, toFlag } from "./codec.ts"
import type { Database } from "./schema.ts"
import { slotsOf, statement } from "./statement.ts"

type UserRow = Selectable<Database["user"]>
type KeyRow = Selectable<Database["api_key"]>
type PasswordRow = Selectable<Database["password"]>
type MembershipRow = Selectable<Database["membership"]>

const userColumns = ["id", "name", "email", "server_role", "frozen", "created_at_ms", "version"] as const
const keyColumns = [
  "id",
  "name",
  "description",
  "user_id",
  "prefix",
  "hash",
  "role",
  "generation",
  "workspace_id",
  "expires_at_ms",
  "revoked_at_ms",
  "created_at_ms",
  "last_used_at_ms",
  "is_session",
] as const
const membershipColumns = ["workspace_id", "user_id", "role"] as const

const selectUsers = statement<object>("scan")((db) =>
  db.selectFrom("user").select(userColumns).orderBy("created_at_ms").orderBy("id"),
)
const selectKeys = statement<object>("scan")((db) =>
  db.selectFrom("api_key").select(keyColumns).orderBy("created_at_ms").orderBy("id"),
)
const selectMemberships = statement<object>("scan")((db) =>
  db.selectFrom("membership").select(membershipColumns).orderBy("workspace_id").orderBy("user_id"),
)
const insertUser = statement<UserRow>("write")((db, p) =>
  db
    .insertInto("user")
    .values(slotsOf(p, userColumns))
    .onConflict((conflict) => conflict.doNothing()),
)
const updateUser = statement<UserRow>("primary")((db, p) =>
  db
    .updateTable("user")
    .set((eb) => ({
      ...slotsOf(p, ["name", "email", "server_role", "frozen"]),
      version: eb("version", "+", 1),
    }))
    .where("id", "=", p("id"))
    .where("version", "=", p("version")),
)
const insertKey = statement<KeyRow>("write")((db, p) =>
  db
    .insertInto("api_key")
    .values(slotsOf(p, keyColumns))
    .onConflict((conflict) => conflict.doNothing()),
)
const revokeKey = statement<{ id: string; atMs: number }>("primary")((db, p) =>
  db
    .updateTable("api_key")
    .set({ revoked_at_ms: p("atMs") })
    .where("id", "=", p("id"))
    .where("revoked_at_ms", "is", null)
    .returning(keyColumns),
)
const selectKeyId = statement<{ id: string }>("primary")((db, p) =>
  db.selectFrom("api_key").select("id").where("id", "=", p("id")),
)
const touchKey = statement<{ id: string; atMs: number }>("primary")((db, p) =>
  db
    .updateTable("api_key")
    .set({ last_used_at_ms: p("atMs") })
    .where("id", "=", p("id"))
    .where((eb) => eb.or([eb("last_used_at_ms", "is", null), eb("last_used_at_ms", "<", p("atMs"))]))
    .returning(keyColumns),
)
const selectPassword = statement<Pick<PasswordRow, "user_id">>("primary")((db, p) =>
  db.selectFrom("password").select(["hash", "changed_at_ms"]).where("user_id", "=", p("user_id")),
)
const putPassword = statement<PasswordRow>("write")((db, p) =>
  db
    .insertInto("password")
    .values(slotsOf(p, ["user_id", "hash", "changed_at_ms"]))
    .onConflict((conflict) =>
      conflict.column("user_id").doUpdateSet({ hash: p("hash"), changed_at_ms: p("changed_at_ms") }),
    ),
)
const deletePassword = statement<Pick<PasswordRow, "user_id">>("primary")((db, p) =>
  db.deleteFrom("password").where("user_id", "=", p("user_id")),
)
const deleteSession = statement<{ id: string }>("primary")((db, p) =>
  db.deleteFrom("api_key").where("id", "=", p("id")).where("is_session", "=", 1),
)
const selectSessions = statement<Pick<KeyRow, "user_id">>("api_key_by_user")((db, p) =>
  db
    .selectFrom("api_key")
    .select(keyColumns)
    .where("user_id", "=", p("user_id"))
    .where("is_session", "=", 1)
    .orderBy("id"),
)
const upsertMembership = statement<MembershipRow>("write")((db, p) =>
  db
    .insertInto("membership")
    .values(slotsOf(p, membershipColumns))
    .onConflict((conflict) =>
      conflict.columns(["workspace_id", "user_id"]).doUpdateSet((eb) => ({ role: eb.ref("excluded.role") })),
    ),
)
const deleteMembership = statement<{ workspaceId: string; userId: string }>("primary")((db, p) =>
  db.deleteFrom("membership").where("workspace_id", "=", p("workspaceId")).where("user_id", "=", p("userId")),
)
const deleteMembershipsOf = statement<{ workspaceId: string }>("primary")((db, p) =>
  db.deleteFrom("membership").where("workspace_id", "=", p("workspaceId")).returning("user_id"),
)

function toUser(row: UserRow): User {
  return {
    id: row.id as UserId,
    name: row.name,
    email: row.email,
    serverRole: row.server_role as ServerRole | null,
    frozen: row.frozen === 1,
    createdAtMs: row.created_at_ms,
    version: row.version,
  }
}

function fromUser(user: User): UserRow {
  return {
    id: user.id,
    name: user.name,
    email: user.email,
    server_role: user.serverRole,
    frozen: toFlag(user.frozen),
    created_at_ms: user.createdAtMs,
    version: user.version,
  }
}

function toKey(row: KeyRow): ApiKey {
  return {
    id: row.id as KeyId,
    name: row.name,
    description: row.description,
    userId: row.user_id as UserId,
    prefix: row.prefix,
    hash: row.hash,
    role: row.role as Role | null,
    generation: row.generation,
    workspaceId: row.workspace_id,
    expiresAtMs: row.expires_at_ms,
    revokedAtMs: row.revoked_at_ms,
    createdAtMs: row.created_at_ms,
    lastUsedAtMs: row.last_used_at_ms,
    isSession: row.is_session === 1,
  }
}

function fromKey(key: ApiKey): KeyRow {
  return {
    id: key.id,
    name: key.name,
    description: key.description,
    user_id: key.userId,
    prefix: key.prefix,
    hash: key.hash,
    role: key.role,
    generation: key.generation,
    workspace_id: key.workspaceId,
    expires_at_ms: key.expiresAtMs,
    revoked_at_ms: key.revokedAtMs,
    created_at_ms: key.createdAtMs,
    last_used_at_ms: key.lastUsedAtMs,
    is_session: toFlag(key.isSession),
  }
}

function toMembership(row: MembershipRow): Membership {
  return { workspaceId: row.workspace_id, userId: row.user_id as UserId, role: row.role as Role }
}

/** Takes everybody's role in a workspace away, telling the subscribers. */
export async function removeMemberships(tx: Tx, workspaceId: string): Promise<void> {
  for (const row of await deleteMembershipsOf.all(tx, { workspaceId }))
    tx.publish(membershipChanged, { workspaceId, userId: row.user_id as UserId, role: null })
}

/**
 * Users, keys and memberships. `insertUser` and `insertKey` throw AppError `already_exists`; `revokeKey`
 * of a revoked key keeps its first instant, of an unknown one throws `not_found`.
 */
export const identityStore: IdentityStore = {
  async users(from) {
    return (await selectUsers.all(from, {})).map(toUser)
  },
  async keys(from) {
    return (await selectKeys.all(from, {})).map(toKey)
  },
  async memberships(from) {
    return (await selectMemberships.all(from, {})).map(toMembership)
  },
  async insertUser(tx, user) {
    assertInserted(await insertUser.run(tx, fromUser(user)), "user", user.name)
    tx.publish(userChanged, user)
  },
  async updateUser(tx, user) {
    assertMoved(await updateUser.run(tx, fromUser(user)), "user", user.name)
    tx.publish(userChanged, { ...user, version: user.version + 1 })
  },
  async insertKey(tx, key) {
    assertInserted(await insertKey.run(tx, fromKey(key)), "key", key.name)
    tx.publish(keyChanged, key)
  },
  async revokeKey(tx, id, atMs) {
    const row = await revokeKey.get(tx, { id, atMs })
    if (row) tx.publish(keyChanged, toKey(row))
    else if (!(await selectKeyId.get(tx, { id })))
      throw new AppError("not_found", `There is no key "${id}".`, { resource: "key", name: id })
  },
  async touchKeys(tx, used) {
    for (const { id, atMs } of used) {
      const row = await touchKey.get(tx, { id, atMs })
      if (row) tx.publish(keyChanged, toKey(row))
    }
  },
  async password(from, userId) {
    const row = await selectPassword.get(from, { user_id: userId })
    return row && { userId, hash: row.hash, changedAtMs: row.changed_at_ms }
  },
  async putPassword(tx, { userId, hash, changedAtMs }) {
    await putPassword.run(tx, { user_id: userId, hash, changed_at_ms: changedAtMs })
  },
  async deletePassword(tx, userId) {
    await deletePassword.run(tx, { user_id: userId })
  },
  sessionsOf: async (tx, userId) => (await selectSessions.all(tx, { user_id: userId })).map(toKey),
  async endSession(tx, key, atMs) {
    const gone = await deleteSession.run(tx, { id: key.id })
    if (gone > 0) tx.publish(keyChanged, { ...key, revokedAtMs: atMs })
  },
  async putMembership(tx, membership) {
    const { workspaceId, userId, role } = membership
    await upsertMembership.run(tx, { workspace_id: workspaceId, user_id: userId, role })
    tx.publish(membershipChanged, membership)
  },
  async deleteMembership(tx, workspaceId, userId) {
    const gone = await deleteMembership.run(tx, { workspaceId, userId })
    if (gone > 0) tx.publish(membershipChanged, { workspaceId, userId, role: null })
  },
}
