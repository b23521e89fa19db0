import type { ApiKeyRole, ListedApiKey } from "@berth/contract/egs"
import { decodeApiKey, decodeApiKeyFilter, decodeAuth, decodeName } from "@berth/contract/egs"
import type { FastifyRequest } from "fastify"
import {
  workspaceNotFound,
  type ApiKey,
  type Directory,
  type IdentityService,
  type Principal,
  type Role,
  type UserId,
} from "../../domain/identity/index.ts"
import type { Page } from "../../domain/journal/index.ts"
import { AppError } from "../../kit/errors.ts"
import type { Services } from "../services.ts"
import { saidBy } from "./body.ts"
import { valueOf } from "./handlers.ts"

const roles: Readonly<Record<ApiKeyRole, Role>> = { Owner: "owner", Editor: "editor", Viewer: "viewer" }
const roleNames: Readonly<Record<Role, ApiKeyRole>> = { owner: "Owner", editor: "Editor", viewer: "Viewer" }
/** Whose keys are when nothing is said; a user of that name need not be there. */
const usualUserName = "admin"
const pageSize = 1_000
/** More keys than these are not listed: it is an answer without pages. */
const mostListed = 10_000

/** Tokens for API keys, and the keys (reference/egs.md 4). */
export function apiKeyHandlers(services: Services) {
  const { identity, directory, tokens, clock } = services
  return {
    async auth(request: FastifyRequest) {
      const apiKey = valueOf(decodeAuth(saidBy(request)))
      const from = { address: request.ip, requestId: request.id }
      const { token, principal } = await tokens.exchangeKey(apiKey, from)
      request.chargeKey(principal)
      return { token }
    },
    async createApiKey(request: FastifyRequest) {
      const { principal } = request
      refuseUnlessOwner(principal)
      const wish = valueOf(decodeApiKey(saidBy(request)))
      const workspaceId = wish.workspaceName ?? null
      refuseUnlessOwnerOf(principal, workspaceId)
      refusePast(wish.endsAtMs, clock.nowMs())
      const { token } = await identity.createKey(principal, {
        name: wish.name,
        description: wish.description,
        userId: keyUser(directory, principal, wish.userName),
        role: roles[wish.role],
        workspaceId,
        expiresAtMs: wish.endsAtMs,
      })
      return { apiKey: token }
    },
    async deleteApiKey(request: FastifyRequest) {
      const { principal } = request
      refuseUnlessOwner(principal)
      const text = valueOf(decodeName(saidBy(request), "apiKey"))
      await identity.revokeKey(principal, identity.findKey(principal, text).id)
      return {}
    },
    async listApiKeys(request: FastifyRequest) {
      const { principal } = request
      refuseUnlessOwner(principal)
      const { workspaceName } = valueOf(decodeApiKeyFilter(saidBy(request)))
      if (workspaceName !== undefined && principal.roleIn(workspaceName) === null)
        throw workspaceNotFound(workspaceName)
      const keys = await liveKeys(identity, principal)
      const items = keys
        .filter((key) => workspaceName === undefined || key.workspaceId === workspaceName)
        .map((key) => toListedKey(key, directory))
      return { items, data: items }
    },
  }
}

/** Keys are the business of Owners in this API, of the server or of a workspace (reference/egs.md 4.3). */
function refuseUnlessOwner(principal: Principal): void {
  const isOwner =
    principal.serverRole === "owner" ||
    (principal.workspaces() ?? []).some((id) => principal.roleIn(id) === "owner")
  if (!isOwner) throw notAllowed()
}

/** A key for the whole server is made by its Owners, one for a workspace also by that one's. */
function refuseUnlessOwnerOf(principal: Principal, workspaceId: string | null): void {
  if (workspaceId === null && principal.serverRole !== "owner") throw notAllowed()
  if (workspaceId === null) return
  const role = principal.roleIn(workspaceId)
  if (role === null) throw workspaceNotFound(workspaceId)
  if (role !== "owner") throw notAllowed()
}

function notAllowed(): AppError {
  return new AppError("forbidden", "The user is not allowed to manage API keys", {
    resource: "key",
    facts: { operation: "key.create" },
  })
}

function refusePast(endsAtMs: number, nowMs: number): void {
  if (endsAtMs > nowMs) return
  const issue = { path: ["validity"], message: "must be today or later" }
  throw new AppError("invalid", "The key would be expired.", { resource: "key", issues: [issue] })
}

/**
 * Whose key it is to be. Where nothing is said that is the user `admin`, as upstream has it and its clients say; who
 * may not make keys for others, and where there is no such user, gets the key for itself.
 */
function keyUser(directory: Directory, principal: Principal, wanted: string | undefined): UserId {
  const name = wanted ?? usualUserName
  const user = directory.userByName(name)
  if (principal.serverRole !== "owner") {
    // one answer for everybody else: nobody learns who there is
    if (name !== usualUserName && user?.id !== principal.userId) throw notAllowed()
    return principal.userId
  }
  if (user) return user.id
  if (name === usualUserName) return principal.userId
  throw new AppError("not_found", `There is no user "${name}".`, { resource: "user", name })
}

/** Those the caller may see that were not revoked, newest first. */
async function liveKeys(identity: IdentityService, principal: Principal): Promise<readonly ApiKey[]> {
  const found: ApiKey[] = []
  let cursor: string | null = null
  do {
    const page: Page<ApiKey> = await identity.keys(principal, pageSize, cursor)
    found.push(...page.items.filter((key) => key.revokedAtMs === null))
    cursor = page.nextCursor
  } while (cursor !== null && found.length < mostListed)
  return found
}

function toListedKey(key: ApiKey, directory: Directory): ListedApiKey {
  return {
    apiKey: key.id,
    prefix: key.prefix,
    name: key.name,
    userName: directory.user(key.userId)?.name ?? key.userId,
    description: key.description,
    role: roleNames[key.role ?? "owner"],
    // it is good to the end of that day
    validity: key.expiresAtMs === null ? "" : new Date(key.expiresAtMs - 1).toISOString().slice(0, 10),
    workspaceName: key.workspaceId ?? "",
  }
}
