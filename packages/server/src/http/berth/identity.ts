import type {
  ApiKeyList,
  CreateKey,
  CreateUser,
  CreatedKey,
  Me,
  SetPassword,
  UpdateUser,
  User as WireUser,
  UserList,
} from "@berth/contract/berth"
import type { FastifyRequest } from "fastify"
import {
  authorize,
  isAllowed,
  operations,
  type KeyId,
  type Principal,
  type UserId,
} from "../../domain/identity/index.ts"
import { AppError } from "../../kit/errors.ts"
import type { Services } from "../services.ts"
import { instant, instantOrNull, toKey, toUser } from "./map.ts"
import { createQueryReader, pageOf } from "./query.ts"
import { findUser } from "./users.ts"

/** Users, keys, and who the caller is; rights are the identity service's. */
export function identityHandlers(services: Services) {
  const { identity, directory } = services
  return {
    me: async (request: FastifyRequest): Promise<Me> => ({
      ...(await toMe(services, request.principal)),
      credential: credentialOf(services, request),
    }),
    async listUsers(request: FastifyRequest): Promise<UserList> {
      const query = createQueryReader(request.query, ["limit", "cursor"])
      const page = query.page()
      query.check()
      const users = await identity.users(request.principal)
      const cut = pageOf(users, (user) => user.id, page, "descending")
      return { ...cut, items: cut.items.map(toUser) }
    },
    async createUser(request: FastifyRequest): Promise<WireUser> {
      const { name, email, serverRole } = request.body as CreateUser
      const user = { name, email: email ?? null, serverRole: serverRole ?? null }
      return toUser(await identity.createUser(request.principal, user))
    },
    async updateUser(request: FastifyRequest): Promise<WireUser> {
      const body = request.body as UpdateUser
      // Before the look-up: who may not change users learns nothing about them.
      authorize(request.principal, "user.update", { workspaceId: null })
      const { id } = findUser(directory, (request.params as { readonly user: string }).user)
      const changed = await identity.updateUser(request.principal, id, {
        ...(body.email === undefined ? {} : { email: body.email }),
        ...(body.serverRole === undefined ? {} : { serverRole: body.serverRole }),
        ...(body.frozen === undefined ? {} : { frozen: body.frozen }),
      })
      return toUser(changed)
    },
    async setPassword(request: FastifyRequest): Promise<void> {
      const { principal } = request
      const { password, current = null } = request.body as SetPassword
      const named = (request.params as { readonly user: string }).user
      // Before the look-up: who may change nobody else's learns of nobody else.
      const isOwn = named === principal.userId || named === principal.userName
      if (!isOwn) authorize(principal, "user.password", { workspaceId: null })
      await identity.setPassword(principal, findUser(directory, named).id, { password, current })
    },
    async listKeys(request: FastifyRequest): Promise<ApiKeyList> {
      const query = createQueryReader(request.query, ["limit", "cursor"])
      const { limit, cursor } = query.page()
      query.check()
      const page = await identity.keys(request.principal, limit, cursor)
      return { items: page.items.map((key) => toKey(key, directory)), nextCursor: page.nextCursor }
    },
    async createKey(request: FastifyRequest): Promise<CreatedKey> {
      const body = request.body as CreateKey
      const { key, token } = await identity.createKey(request.principal, {
        name: body.name,
        description: body.description ?? "",
        ...(body.user === undefined ? {} : { userId: keyUser(services, request.principal, body.user) }),
        role: body.role ?? null,
        workspaceId: body.workspaceId ?? null,
        expiresAtMs: expiryOf(body, services.clock.nowMs()),
      })
      return { key: toKey(key, directory), token }
    },
    async revokeKey(request: FastifyRequest): Promise<void> {
      const { id } = request.params as { readonly id: string }
      await identity.revokeKey(request.principal, id as KeyId)
    },
  }
}

/** Whoever may not list users is told the same of those that exist and those that do not. */
function keyUser({ directory }: Services, principal: Principal, idOrName: string): UserId {
  if (idOrName === principal.userId || idOrName === principal.userName) return principal.userId
  authorize(principal, "user.list", { workspaceId: null })
  return findUser(directory, idOrName).id
}

function expiryOf(body: CreateKey, nowMs: number): number | null {
  const { expiresAt, expiresInSeconds } = body
  if (typeof expiresAt === "string" && expiresInSeconds !== undefined)
    throw invalidKey("expiresInSeconds", "cannot be given together with expiresAt")
  if (expiresInSeconds !== undefined) return nowMs + expiresInSeconds * 1000
  if (expiresAt === undefined || expiresAt === null) return null
  const atMs = Date.parse(expiresAt)
  if (Number.isNaN(atMs)) throw invalidKey("expiresAt", "is not an RFC 3339 instant")
  if (atMs <= nowMs) throw invalidKey("expiresAt", "is in the past")
  return atMs
}

function invalidKey(member: string, message: string): AppError {
  return new AppError("invalid", "The body does not have the right form.", {
    issues: [{ path: [member], message }],
  })
}

function credentialOf({ directory }: Services, { principal, heldClaims }: FastifyRequest): Me["credential"] {
  const key = principal.keyId === null ? undefined : directory.key(principal.keyId)
  if (!key) return null
  const { name, isSession, expiresAtMs } = key
  if (heldClaims) return { kind: "token", name, expiresAt: instant(heldClaims.expiresAtMs) }
  return { kind: isSession ? "session" : "key", name, expiresAt: instantOrNull(expiresAtMs) }
}

async function toMe({ workspaces }: Services, principal: Principal): Promise<Omit<Me, "credential">> {
  const ids = principal.workspaces() ?? (await workspaces.list(principal)).map((workspace) => workspace.id)
  const allowed = (workspaceId: string | null) =>
    operations.filter((operation) =>
      isAllowed(principal, operation, { workspaceId, ownerId: principal.userId }),
    )
  return {
    userId: principal.userId,
    userName: principal.userName,
    keyId: principal.keyId,
    serverRole: principal.serverRole,
    operations: allowed(null),
    workspaces: ids.toSorted().flatMap((id) => {
      const role = principal.roleIn(id)
      return role === null ? [] : [{ id, role, operations: allowed(id) }]
    }),
  }
}
