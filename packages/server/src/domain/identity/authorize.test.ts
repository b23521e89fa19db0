import { describe, expect, it } from "vitest"
import { createVirtualClock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import { authorize, isAllowed } from "./authorize.ts"
import { operations, type Operation } from "./commands.ts"
import { createDirectory } from "./directory.ts"
import { hashToken } from "./token.ts"
import type { ApiKey, KeyId, Membership, Principal, ServerRole, User, UserId } from "./types.ts"

/**
 * What each row of people may do, written from the rules in words and not from the table under test.
 * In order: server Owner, server Viewer, workspace Owner, Editor, Viewer, somebody without a role.
 * y = yes, o = only own things, n = forbidden, 4 = the workspace does not exist.
 */
const inWorkspace: Readonly<Record<Operation, string>> = {
  "workload.create": "y n y y n 4",
  "workload.list": "y y y y y 4",
  "workload.get": "y y y y y 4",
  "workload.logs": "y y y y y 4",
  "workload.env": "y n y y n 4",
  "workload.update": "y n y o n 4",
  "workload.stop": "y n y o n 4",
  "workload.delete": "y n y o n 4",
  "workload.priority-high": "y n y n n 4",
  "workspace.create": "y n n n n 4",
  "workspace.delete": "y n n n n 4",
  "workspace.list": "y y y y y 4",
  "workspace.get": "y y y y y 4",
  "workspace.update": "y n y n n 4",
  "workspace.publish": "y n n n n 4",
  "workspace.members": "y n y n n 4",
  "workspace.nodes": "y n n n n 4",
  "workspace.namespaces": "y n n n n 4",
  "workspace.kube-config": "y n y y n 4",
  "endpoint.list": "y y y y y 4",
  "gpu-request.create": "y n y y n 4",
  "gpu-request.list": "y y y y y 4",
  "gpu-request.get": "y y y y y 4",
  "gpu-request.estimate": "y y y y y 4",
  "gpu-request.update": "y n y y n 4",
  "gpu-template.list": "y y y y y 4",
  "gpu-template.write": "y n y y n 4",
  "ray.list": "y y y y y 4",
  "ray.get": "y y y y y 4",
  "ray.env": "y n y y n 4",
  "ray.write": "y n y y n 4",
  "service.list": "y y y y y 4",
  "service.get": "y y y y y 4",
  "service.write": "y n y y n 4",
  "secret.list": "y n y y n 4",
  "secret.write": "y n y y n 4",
  "price.list": "y y y y y 4",
  "price.set": "y n n n n 4",
  "queue.get": "y y y y y 4",
  "queue.pause": "y n y n n 4",
  "queue.pause-all": "y n n n n 4",
  "node.list": "y y y y y 4",
  "node.cordon": "y n n n n 4",
  "node.drain": "y n n n n 4",
  "cluster.list": "y y y y y 4",
  "user.list": "y y n n n 4",
  "user.create": "y n n n n 4",
  "user.update": "y n n n n 4",
  "user.password": "y o o o o 4",
  "key.create": "y o o o o 4",
  "key.list": "y o y o o 4",
  "key.revoke": "y o y o o 4",
  "events.read": "y y y y y 4",
  "audit.read": "y n y n n 4",
  "metrics.read": "y y n n n 4",
  "server.stop": "y n n n n 4",
  "server.backup": "y n n n n 4",
}

/** The same people, where the target is the server: a role in a workspace counts for nothing there. */
const onServer: Readonly<Record<Operation, string>> = {
  "workload.create": "y n n n n n",
  "workload.list": "y y y y y y",
  "workload.get": "y y n n n n",
  "workload.logs": "y y n n n n",
  "workload.env": "y n n n n n",
  "workload.update": "y n n n n n",
  "workload.stop": "y n n n n n",
  "workload.delete": "y n n n n n",
  "workload.priority-high": "y n n n n n",
  "workspace.create": "y n n n n n",
  "workspace.delete": "y n n n n n",
  "workspace.list": "y y y y y y",
  "workspace.get": "y y n n n n",
  "workspace.update": "y n n n n n",
  "workspace.publish": "y n n n n n",
  "gpu-request.create": "y n n n n n",
  "gpu-request.list": "y y y y y y",
  "gpu-request.get": "y y n n n n",
  "gpu-request.estimate": "y y n n n n",
  "gpu-request.update": "y n n n n n",
  "gpu-template.list": "y y y y y y",
  "gpu-template.write": "y n n n n n",
  "ray.list": "y y y y y y",
  "ray.get": "y y n n n n",
  "ray.env": "y n n n n n",
  "ray.write": "y n n n n n",
  "service.list": "y y y y y y",
  "service.get": "y y n n n n",
  "service.write": "y n n n n n",
  "secret.list": "y n n n n n",
  "secret.write": "y n n n n n",
  "price.list": "y y y y y y",
  "price.set": "y n n n n n",
  "workspace.members": "y n n n n n",
  "workspace.nodes": "y n n n n n",
  "workspace.namespaces": "y n n n n n",
  "workspace.kube-config": "y n n n n n",
  "endpoint.list": "y y y y y y",
  "queue.get": "y y y y y y",
  "queue.pause": "y n n n n n",
  "queue.pause-all": "y n n n n n",
  "node.list": "y y y y y y",
  "node.cordon": "y n n n n n",
  "node.drain": "y n n n n n",
  "cluster.list": "y y y y y y",
  "user.list": "y y n n n n",
  "user.create": "y n n n n n",
  "user.update": "y n n n n n",
  "user.password": "y o o o o o",
  "key.create": "y o o o o o",
  "key.list": "y o o o o o",
  "key.revoke": "y o o o o o",
  "events.read": "y y y y y y",
  "audit.read": "y n n n n n",
  "metrics.read": "y y n n n n",
  "server.stop": "y n n n n n",
  "server.backup": "y n n n n n",
}

const workspaceId = "team"
const people = ["server Owner", "server Viewer", "workspace Owner", "Editor", "Viewer", "stranger"] as const
const serverRoles: readonly (ServerRole | null)[] = ["owner", "viewer", null, null, null, null]
const members = [undefined, undefined, "owner", "editor", "viewer", undefined] as const
const userIds = people.map((_, at) => `usr_${at}` as UserId)

const principals = makePrincipals()
const outcomes = { y: "allowed", n: "forbidden", 4: "not_found" } as const

/** What the letter means for a target that is one's own, or not. */
function meant(letter: string | undefined, isOwn: boolean): string {
  if (letter === "o") return isOwn ? "allowed" : "forbidden"
  return outcomes[letter as "y" | "n" | "4"]
}

function outcomeOf(run: () => void): string {
  try {
    run()
    return "allowed"
  } catch (error) {
    return error instanceof AppError ? error.code : String(error)
  }
}

describe.each(people.map((who, at) => ({ who, at })))("the rights of a $who", ({ at }) => {
  const principal = principals[at] as Principal
  const me = userIds[at] as string

  it.each(operations)("%s", (operation) => {
    for (const [place, table] of [
      [workspaceId, inWorkspace],
      [null, onServer],
    ] as const) {
      const letter = table[operation].split(" ")[at]
      for (const ownerId of [me, "usr_other", undefined]) {
        const target = { workspaceId: place, ...(ownerId === undefined ? {} : { ownerId }) }
        const expected = meant(letter, ownerId === me)
        const where = `${operation} on ${place ?? "the server"} of ${ownerId}`
        expect([where, outcomeOf(() => authorize(principal, operation, target))]).toEqual([where, expected])
        expect([where, isAllowed(principal, operation, target)]).toEqual([where, expected === "allowed"])
      }
    }
  })

  it.each(operations)("%s in a workspace that is not there: nobody learns more", (operation) => {
    const run = () => authorize(principal, operation, { workspaceId: "nowhere", ownerId: me })
    expect(outcomeOf(run)).toBe("not_found")
  })
})

it("says the same about a workspace that is hidden and one that is not there", () => {
  const stranger = principals[5] as Principal
  const says = (id: string) => {
    try {
      authorize(stranger, "workspace.get", { workspaceId: id })
    } catch (error) {
      const { code, message, resource, subject, facts, detail } = error as AppError
      return { code, message: message.replaceAll(id, "X"), resource, isNamed: subject === id, facts, detail }
    }
    return "nothing"
  }
  expect(says(workspaceId)).toEqual(says("nowhere"))
})

it("says what is forbidden in a sentence, with the operation as a fact", () => {
  const viewer = principals[4] as Principal
  const run = () => authorize(viewer, "workload.create", { workspaceId })
  expect(run).toThrow("The user is not allowed to create workload")
  expect(run).toThrow(expect.objectContaining({ facts: { operation: "workload.create" } }))
})

it("adds up what somebody is: a server Viewer who edits a workspace edits it, and it alone", () => {
  const directory = directoryOf("team", "other")
  directory.load(
    [userOf("usr_v" as UserId, "viewer")],
    [keyOf("usr_v" as UserId)],
    [{ workspaceId, userId: "usr_v" as UserId, role: "editor" }],
  )
  const principal = directory.authenticate(tokenOf("usr_v"), { address: null, requestId: null })
  if (!principal) throw new Error("no principal")
  expect(isAllowed(principal, "workload.create", { workspaceId })).toBe(true)
  expect(isAllowed(principal, "metrics.read", { workspaceId: null })).toBe(true)
  expect(isAllowed(principal, "workload.get", { workspaceId: "other" })).toBe(true)
  expect(isAllowed(principal, "workload.create", { workspaceId: "other" })).toBe(false)
})

function directoryOf(...workspaces: readonly string[]) {
  return createDirectory({
    clock: createVirtualClock(),
    allWorkspaces: () => workspaces,
    openWorkspaces: () => [],
    isWorkspace: (id) => workspaces.includes(id),
    isOpenWorkspace: () => false,
  })
}

function tokenOf(userId: string): string {
  return `berth_${userId.padEnd(43, "x")}`
}

function userOf(id: UserId, serverRole: ServerRole | null): User {
  return { id, name: id, email: null, serverRole, frozen: false, createdAtMs: 0, version: 1 }
}

function keyOf(userId: UserId): ApiKey {
  const token = tokenOf(userId)
  return {
    id: `key_${userId}` as KeyId,
    name: "k",
    description: "",
    userId,
    prefix: token.slice(0, 12),
    hash: hashToken(token),
    role: null,
    generation: 1,
    workspaceId: null,
    expiresAtMs: null,
    revokedAtMs: null,
    createdAtMs: 0,
    lastUsedAtMs: null,
    isSession: false,
  }
}

function makePrincipals(): readonly (Principal | undefined)[] {
  const directory = directoryOf(workspaceId)
  const memberships = members.flatMap((role, at): Membership[] => {
    const userId = userIds[at]
    return role && userId ? [{ workspaceId, userId, role }] : []
  })
  directory.load(
    userIds.map((id, at) => userOf(id, serverRoles[at] ?? null)),
    userIds.map(keyOf),
    memberships,
  )
  return userIds.map((id) => directory.authenticate(tokenOf(id), { address: null, requestId: null }))
}
