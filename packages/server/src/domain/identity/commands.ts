import type { Page } from "../journal/index.ts"
import type { ApiKey, KeyId, Principal, Role, ServerRole, User, UserId } from "./types.ts"

/** The operations that rights are about: one row each in rights.ts (DESIGN 7). */
export const operations = [
  "workload.create",
  "workload.list",
  "workload.get",
  "workload.logs",
  "workload.env", // see environment values
  "workload.update",
  "workload.stop",
  "workload.delete",
  "workload.priority-high", // priority 2
  "endpoint.list",
  "workspace.create",
  "workspace.delete",
  "workspace.list",
  "workspace.get",
  "workspace.update", // policy, description, clusters
  "workspace.publish", // its services, to other machines
  "workspace.members",
  "workspace.nodes", // static assignment
  "workspace.namespaces", // claim them
  "workspace.kube-config", // access to its clusters
  "gpu-request.create",
  "gpu-request.list",
  "gpu-request.get",
  "gpu-request.estimate",
  "gpu-request.update", // also to cancel, release and extend
  "gpu-template.list",
  "gpu-template.write", // bindings too
  "ray.list",
  "ray.get", // clusters, jobs, services, templates, config maps; submissions and their logs
  "ray.env", // see values of variables
  "ray.write", // make, change and delete them; the dashboard
  "service.list",
  "service.get", // records of model servers; runs and model versions that they link to
  "service.write",
  "secret.list", // their names and keys; nobody reads values
  "secret.write",
  "price.list",
  "price.set",
  "queue.get",
  "queue.pause",
  "queue.pause-all",
  "node.list",
  "node.cordon",
  "node.drain",
  "cluster.list",
  "user.list",
  "user.create",
  "user.update",
  "user.password", // set and remove
  "key.create",
  "key.list",
  "key.revoke",
  "events.read",
  "audit.read",
  "metrics.read",
  "server.stop",
  "server.backup",
] as const
export type Operation = (typeof operations)[number]

export interface Target {
  /** null = the server itself. */
  readonly workspaceId: string | null
  /** For rights that hold on one's own things only. */
  readonly ownerId?: string
}

/** Everybody's rights, in memory, fed by the store's topics; asked at every request. */
export interface Directory {
  /**
   * Finds who a token stands for, now.
   * @returns undefined for a token that is unknown, expired or revoked
   * @throws AppError `forbidden`, detail `frozen`, for one that holds of a user who is frozen (reference/workloads.md 1.6)
   */
  authenticate(
    token: string,
    from: { readonly address: string | null; readonly requestId: string | null },
  ): Principal | undefined
  /** The Owner `local` of `--no-auth`. */
  local(from: { readonly address: string | null; readonly requestId: string | null }): Principal
  user(id: string): User | undefined
  userByName(name: string): User | undefined
  /** With its last use, also one that does not hold any more; undefined for a session that has ended. */
  key(id: string): ApiKey | undefined
}

export interface IdentityService {
  users(principal: Principal): Promise<readonly User[]>
  createUser(
    principal: Principal,
    user: { readonly name: string; readonly email: string | null; readonly serverRole: ServerRole | null },
  ): Promise<User>
  updateUser(
    principal: Principal,
    id: UserId,
    change: {
      readonly email?: string | null
      readonly serverRole?: ServerRole | null
      readonly frozen?: boolean
    },
  ): Promise<User>
  /** The token is in the answer and nowhere else, ever. */
  createKey(
    principal: Principal,
    key: {
      readonly name: string
      /** For people, at most 1,024 characters. Default "". */
      readonly description?: string
      readonly userId?: UserId
      readonly role: Role | null
      readonly workspaceId: string | null
      readonly expiresAtMs: number | null
    },
  ): Promise<{ readonly key: ApiKey; readonly token: string }>
  keys(principal: Principal, limit: number, cursor: string | null): Promise<Page<ApiKey>>
  revokeKey(principal: Principal, id: KeyId): Promise<void>
  /**
   * A key that is not revoked and that the caller may revoke: by the key itself, its id, or the beginning that lists
   * show of it, where no other has the same (reference/egs.md 4.4).
   * @throws AppError `not_found` resource `key`, whose sentence never holds a whole key
   */
  findKey(principal: Principal, text: string): ApiKey
  /**
   * Gives somebody a password, or takes it away (null): every session of that user ends, but the one that asks.
   * Whoever changes his own says the present one, unless he has none, or he is a server Owner.
   * @throws AppError `forbidden`; `not_found` resource `user`; `invalid` (issues); `unauthenticated` detail
   *   `wrong_password` for a present one that is not it; `too_many` detail `sign_ins`
   */
  setPassword(
    principal: Principal,
    userId: UserId,
    change: { readonly password: string | null; readonly current: string | null },
  ): Promise<void>
  /**
   * A key for somebody who knows a password: it reaches as far as its user, for 12 hours, until it is ended. Of more
   * than 20 the oldest ends.
   * @throws AppError `unauthenticated` detail `wrong_password`, the same after the same time for a user who is not
   *   there, has no password, or is frozen; `too_many` detail `sign_ins`
   */
  signIn(
    name: string,
    password: string,
    from: { readonly address: string | null; readonly requestId: string | null },
  ): Promise<{ readonly key: ApiKey; readonly token: string; readonly user: User }>
  /** Ends the session that the request came with; no-op for any other credential. */
  signOut(principal: Principal): Promise<void>
  /** Sessions whose time is over go. @returns how many; 0 = nothing is left */
  endExpiredSessions(limit: number): Promise<number>
  /** First start: the user `owner` and its key, when there is no user yet; undefined otherwise. */
  bootstrap(): Promise<{ readonly token: string } | undefined>
}
