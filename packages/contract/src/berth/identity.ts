import { Type, type Static } from "typebox"
import { Exact, Nullable, PageOf, dnsLabel, flag, int, oneOf, text, timestamp } from "../common/index.ts"
import { Role } from "./workspaces.ts"

/** What somebody is on the whole server. */
export const ServerRole = oneOf(["owner", "viewer"], "What somebody is on the whole server.")
export type ServerRole = Static<typeof ServerRole>

const userEmail = "E-mail address; null = none."
const userServerRole = "Role on the whole server; null = none, only what its workspaces give."

export const User = Type.Object(
  {
    id: text("`usr_` and a ULID."),
    name: text("Unique name, 1–64 of `[a-zA-Z0-9._@-]`."),
    email: Nullable(Type.String(), userEmail),
    serverRole: Nullable(ServerRole, userServerRole),
    frozen: flag("May do nothing: its keys do not hold."),
    createdAt: timestamp("When it was made."),
  },
  { description: "Somebody who may use the server." },
)
export type User = Static<typeof User>
export const UserList = PageOf(User, "Users, newest first.")
export type UserList = Static<typeof UserList>

const Email = Type.String({ minLength: 3, maxLength: 254 })

export const CreateUser = Exact(
  {
    name: text("Unique name.", { pattern: "^[a-zA-Z0-9._@-]{1,64}$" }),
    email: Type.Optional(Nullable(Email, userEmail)),
    serverRole: Type.Optional(Nullable(ServerRole, userServerRole)),
  },
  "A new user.",
)
export type CreateUser = Static<typeof CreateUser>

export const UpdateUser = Exact(
  {
    email: Type.Optional(Nullable(Email, userEmail)),
    serverRole: Type.Optional(Nullable(ServerRole, userServerRole)),
    frozen: Type.Optional(flag("true: its keys do not hold any more; false: they hold again.")),
  },
  "What is absent stays as it is.",
)
export type UpdateUser = Static<typeof UpdateUser>

export const SetPassword = Exact(
  {
    password: Nullable(
      Type.String({ minLength: 8, maxLength: 1024 }),
      "The new one, 8 characters to 1,024 bytes; null: none, so that nobody signs in as this user.",
    ),
    current: Type.Optional(
      Type.String({
        maxLength: 1024,
        description: "The present one: whoever changes their own must know it.",
      }),
    ),
  },
  "What somebody signs in with. Every session of the user ends, but the one that asks.",
)
export type SetPassword = Static<typeof SetPassword>

/** An API key without its token, which only its creation shows. */
export const ApiKey = Type.Object(
  {
    id: text("`key_` and a ULID."),
    name: text("Name for people."),
    description: text("What it is for; empty = not said."),
    userId: text("The user it acts as."),
    userName: text("That user's name; the id when the user is gone."),
    prefix: text("The first characters of the token, to tell keys apart."),
    role: Nullable(Role, "The most it may be; null = as its user."),
    workspaceId: Nullable(
      Type.String(),
      "The only workspace it may act in; null = wherever its user may act.",
    ),
    expiresAt: Nullable(timestamp("When it ends."), "When it ends; null = never."),
    revokedAt: Nullable(timestamp("When it was revoked."), "When it was revoked; null = it was not."),
    createdAt: timestamp("When it was made."),
    lastUsedAt: Nullable(timestamp("When it was last used."), "when it was last used; null = never."),
  },
  { description: "An API key, without its token." },
)
export type ApiKey = Static<typeof ApiKey>
export const ApiKeyList = PageOf(ApiKey, "API keys, newest first.")
export type ApiKeyList = Static<typeof ApiKeyList>

/** At most one of `expiresAt` and `expiresInSeconds`; neither = never. */
export const CreateKey = Exact(
  {
    name: text("Name for people.", { minLength: 1, maxLength: 64 }),
    description: Type.Optional(text("What it is for.", { maxLength: 1024 })),
    user: Type.Optional(
      text("Name or id of the user it acts as. Default: the caller.", { minLength: 1, maxLength: 64 }),
    ),
    role: Type.Optional(Nullable(Role, "The most it may be; null = as its user.")),
    workspaceId: Type.Optional(
      Nullable(dnsLabel("A workspace."), "The only workspace it may act in; null = wherever its user may."),
    ),
    expiresAt: Type.Optional(Nullable(timestamp("When it ends."), "When it ends; null = never.")),
    expiresInSeconds: Type.Optional(
      int("Seconds until it ends, up to ten years.", { minimum: 1, maximum: 315_360_000 }),
    ),
  },
  "A new key. At most one of `expiresAt` and `expiresInSeconds`; neither = it never ends.",
)
export type CreateKey = Static<typeof CreateKey>

/** The only answer that ever holds the token. */
export const CreatedKey = Type.Object(
  { key: ApiKey, token: text("The token: send it as `Authorization: Bearer <token>`. Shown this once.") },
  { description: "The only answer that ever holds the token." },
)
export type CreatedKey = Static<typeof CreatedKey>

/** Who the caller is and what it may do. */
export const Me = Type.Object(
  {
    userId: text("The caller's user."),
    userName: text("Its name."),
    keyId: Nullable(Type.String(), "The key it came with; null under --no-auth."),
    credential: Nullable(
      Type.Object({
        kind: oneOf(
          ["key", "session", "token"],
          "An API key; a session, which a password gave; or a token that a key was exchanged for.",
        ),
        name: text("Of the key; of a session `session`."),
        expiresAt: Nullable(timestamp("When it ends."), "When it ends; null = never."),
      }),
      "How the caller shows who it is; null where it shows nothing, under --no-auth.",
    ),
    serverRole: Nullable(ServerRole, "Its role on the whole server; null = none."),
    operations: Type.Array(Type.String(), { description: "Operations it may do on the server as a whole." }),
    workspaces: Type.Array(
      Type.Object({
        id: text("A workspace it has a role in."),
        role: Role,
        operations: Type.Array(Type.String(), {
          description: "Operations it may do there, on its own things at least.",
        }),
      }),
      { description: "By id." },
    ),
  },
  { description: "Who the caller is and what it may do." },
)
export type Me = Static<typeof Me>
