import { AppError } from "../../kit/errors.ts"
import type { JsonObject } from "../../kit/json.ts"
import type { Actor, Tx } from "../journal/index.ts"
import { authorize } from "./authorize.ts"
import { emailIssues, refuseIssues, serverRoleIssues, userNameIssues } from "./checks.ts"
import type { IdentityService } from "./commands.ts"
import { localUserName } from "./directory.ts"
import { record, type Change } from "./record.ts"
import { endSessions } from "./end-sessions.ts"
import type { IdentityOptions } from "./options.ts"
import type { User, UserId } from "./types.ts"

type NewUser = Parameters<IdentityService["createUser"]>[1]
type UserChange = Parameters<IdentityService["updateUser"]>[2]
const server = { workspaceId: null }

/** The commands about users: server Owners make and change them, server Viewers list them. */
export function createUsers(
  options: IdentityOptions,
): Pick<IdentityService, "users" | "createUser" | "updateUser"> {
  const { store, rows, directory, clock, ids } = options

  return {
    async users(principal) {
      authorize(principal, "user.list", server)
      return directory.users().toSorted((a, b) => (a.name < b.name ? -1 : 1))
    },

    async createUser(principal, wanted) {
      authorize(principal, "user.create", server)
      refuseIssues("user", [
        ...userNameIssues(wanted.name),
        ...emailIssues(wanted.email),
        ...serverRoleIssues(wanted.serverRole),
      ])
      const user = newUser(ids.next("usr") as UserId, wanted, clock.nowMs())
      return store.tx(async (tx) => {
        const taken = (await rows.users(tx)).some((other) => other.name === user.name)
        if (taken)
          throw new AppError("already_exists", `There is a user "${user.name}" already.`, {
            resource: "user",
            name: user.name,
          })
        await rows.insertUser(tx, user)
        await tellUser(tx, user, created(principal.actor, user))
        return user
      })
    },

    async updateUser(principal, id, change) {
      authorize(principal, "user.update", server)
      refuseIssues("user", [...emailIssues(change.email), ...serverRoleIssues(change.serverRole)])
      const nowMs = clock.nowMs()
      return store.tx(async (tx) => {
        const all = await rows.users(tx)
        const before = all.find((user) => user.id === id)
        if (!before) throw userNotFound(id)
        const after = changed(before, change)
        const differences = differencesOf(before, after)
        if (Object.keys(differences).length === 0) return before
        if (isWorkingOwner(before) && !isWorkingOwner(after)) refuseLastOwner(all, before)
        await rows.updateUser(tx, after)
        // they are of no use while he is frozen, and were of somebody who was
        if (before.frozen && !after.frozen) await endSessions(rows, tx, id, { atMs: nowMs })
        const written = { ...after, version: after.version + 1 }
        await tellUser(tx, written, {
          operation: "user.update",
          event: "user.updated",
          actor: principal.actor,
          atMs: nowMs,
          before: differences,
        })
        return written
      })
    },
  }
}

/** A new row, not yet written. */
export function newUser(id: UserId, wanted: NewUser, nowMs: number): User {
  const { name, email, serverRole } = wanted
  return { id, name, email, serverRole, frozen: false, createdAtMs: nowMs, version: 1 }
}

/** What is written about a new user. */
export function created(actor: Actor, user: User): Parameters<typeof tellUser>[2] {
  return { operation: "user.create", event: "user.created", actor, atMs: user.createdAtMs, before: {} }
}

export function userNotFound(id: string): AppError {
  return new AppError("not_found", `User ${id} not found.`, { resource: "user", name: id })
}

/** Writes the event and the audit record of a user's row; `before` is what moved. */
export async function tellUser(
  tx: Tx,
  user: User,
  change: Pick<Change, "operation" | "event" | "actor" | "atMs"> & { readonly before: JsonObject },
): Promise<void> {
  const { before, ...head } = change
  const data = { name: user.name, serverRole: user.serverRole, frozen: user.frozen, ...before }
  await record(tx, { ...head, subject: { kind: "user", id: user.id }, workspace: null, data })
}

function changed(user: User, change: UserChange): User {
  return {
    ...user,
    email: change.email === undefined ? user.email : change.email,
    serverRole: change.serverRole === undefined ? user.serverRole : change.serverRole,
    frozen: change.frozen ?? user.frozen,
  }
}

/** What it was before, of what moved; that an address changed is said, not which it was. */
function differencesOf(before: User, after: User): JsonObject {
  return {
    ...(before.email === after.email ? {} : { emailChanged: true }),
    ...(before.serverRole === after.serverRole ? {} : { serverRoleBefore: before.serverRole }),
    ...(before.frozen === after.frozen ? {} : { frozenBefore: before.frozen }),
  }
}

/** Somebody who can run the server with a key: `local` can only while `--no-auth` holds. */
function isWorkingOwner(user: User): boolean {
  return user.serverRole === "owner" && !user.frozen && user.name !== localUserName
}

function refuseLastOwner(all: readonly User[], user: User): void {
  if (all.some((other) => other.id !== user.id && isWorkingOwner(other))) return
  throw new AppError("conflict", `"${user.name}" is the last Owner of the server; make another one first.`, {
    resource: "user",
    name: user.name,
    detail: "last_owner",
  })
}
