import { Type, type Static } from "typebox"
import { DnsLabel, Exact, Nullable, PageOf, Timestamp } from "../common/index.ts"
import { Role } from "./workspaces.ts"

/** What somebody is on the whole server. */
export const ServerRole = Type.Enum(["owner", "viewer"])
export type ServerRole = Static<typeof ServerRole>

export const User = Type.Object({
  id: Type.String(),
  name: Type.String(),
  email: Nullable(Type.String()),
  serverRole: Nullable(ServerRole),
  /** May do nothing. */
  frozen: Type.Boolean(),
  createdAt: Timestamp,
})
export type User = Static<typeof User>
export const UserList = PageOf(User)
export type UserList = Static<typeof UserList>

const UserName = Type.String({ pattern: "^[a-zA-Z0-9._@-]{1,64}$" })
const Email = Type.String({ minLength: 3, maxLength: 254 })

export const CreateUser = Exact({
  name: UserName,
  email: Type.Optional(Nullable(Email)),
  serverRole: Type.Optional(Nullable(ServerRole)),
})
export type CreateUser = Static<typeof CreateUser>

export const UpdateUser = Exact({
  email: Type.Optional(Nullable(Email)),
  serverRole: Type.Optional(Nullable(ServerRole)),
  frozen: Type.Optional(Type.Boolean()),
})
export type UpdateUser = Static<typeof UpdateUser>

/** An API key without its token, which only its creation shows. */
export const ApiKey = Type.Object({
  id: Type.String(),
  name: Type.String(),
  userId: Type.String(),
  userName: Type.String(),
  /** The first characters of the token. */
  prefix: Type.String(),
  /** null = as its user. */
  role: Nullable(Role),
  /** null = wherever its user may act. */
  workspaceId: Nullable(Type.String()),
  /** null = never. */
  expiresAt: Nullable(Timestamp),
  revokedAt: Nullable(Timestamp),
  createdAt: Timestamp,
  lastUsedAt: Nullable(Timestamp),
})
export type ApiKey = Static<typeof ApiKey>
export const ApiKeyList = PageOf(ApiKey)
export type ApiKeyList = Static<typeof ApiKeyList>

/** At most one of `expiresAt` and `expiresInSeconds`; neither = never. */
export const CreateKey = Exact({
  name: Type.String({ minLength: 1, maxLength: 64 }),
  /** Name or id of the user it acts as; the caller when absent. */
  user: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  role: Type.Optional(Nullable(Role)),
  workspaceId: Type.Optional(Nullable(DnsLabel)),
  expiresAt: Type.Optional(Nullable(Timestamp)),
  /** 1 to ten years. */
  expiresInSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 315_360_000 })),
})
export type CreateKey = Static<typeof CreateKey>

/** The only answer that ever holds the token. */
export const CreatedKey = Type.Object({ key: ApiKey, token: Type.String() })
export type CreatedKey = Static<typeof CreatedKey>

/** Who the caller is and what it may do. */
export const Me = Type.Object({
  userId: Type.String(),
  userName: Type.String(),
  /** The key it came with; null under --no-auth. */
  keyId: Nullable(Type.String()),
  serverRole: Nullable(ServerRole),
  /** Operations it may do on the server as a whole. */
  operations: Type.Array(Type.String()),
  workspaces: Type.Array(
    Type.Object({
      id: Type.String(),
      role: Role,
      /** Operations it may do there, on its own things at least. */
      operations: Type.Array(Type.String()),
    }),
  ),
})
export type Me = Static<typeof Me>
