import type {
  ApiKeyList,
  AuditList,
  ClusterList,
  CreateKey,
  CreateUser,
  CreateWorkspace,
  CreatedKey,
  DocumentList,
  EndpointList,
  EventList,
  Explanation,
  Me,
  Member,
  MemberList,
  Node,
  NodeList,
  QueueEntryList,
  QueueSwitched,
  Role,
  Status,
  StoppingServer,
  SetPassword,
  UpdateUser,
  UpdateWorkspace,
  User,
  UserList,
  Workspace,
  WorkspaceList,
} from "@berth/contract/berth"
import { createGpuApiClient, type GpuApiClient } from "./berth-gpus.ts"
import { createRayApiClient, type RayApiClient } from "./berth-ray.ts"
import { createServiceApiClient, type ServiceApiClient } from "./berth-services.ts"
import type { CallOptions, Query, Transport } from "./http.ts"
import { path } from "./http.ts"

/** Every list's page: 1–1,000 items, default 100. */
export interface PageRequest {
  /** 1–1,000; default 100. */
  readonly limit?: number
  /** `nextCursor` of the page before. */
  readonly cursor?: string
}

/** `/berth/v1`: one method a route. All throw BerthError. Nodes, users and workloads go by name or id. */
export interface BerthApiClient extends GpuApiClient, RayApiClient, ServiceApiClient {
  /** Who the caller is and what it may do. */
  me(options?: CallOptions): Promise<Me>
  /** Version, counts, clusters and warnings. */
  status(options?: CallOptions): Promise<Status>
  /** Shuts the server down; `pods` stops them too. */
  stopServer(pods: boolean, options?: CallOptions): Promise<StoppingServer>
  /** Clusters by name. */
  clusters(page?: PageRequest, options?: CallOptions): Promise<ClusterList>
  /** Nodes by cluster and name. */
  nodes(
    query?: PageRequest & { readonly cluster?: string; readonly workspace?: string },
    options?: CallOptions,
  ): Promise<NodeList>
  /** One node. @throws BerthError 404; 400 when two clusters have one of that name and none is given */
  node(name: string, cluster?: string, options?: CallOptions): Promise<Node>
  /** Gives the node no new pods. Idempotent. */
  cordonNode(name: string, cluster?: string, options?: CallOptions): Promise<Node>
  /** Lets the node have pods again. Idempotent. */
  uncordonNode(name: string, cluster?: string, options?: CallOptions): Promise<Node>
  /** Cordons the node and moves its pods away. Idempotent. */
  drainNode(name: string, cluster?: string, options?: CallOptions): Promise<Node>
  /** Assigns the node to a workspace; null takes it back. */
  assignNode(name: string, workspaceId: string | null, cluster?: string, options?: CallOptions): Promise<Node>
  /** Workspaces the caller has a role in, newest first. */
  workspaces(page?: PageRequest, options?: CallOptions): Promise<WorkspaceList>
  /** One workspace. @throws BerthError 404 */
  workspace(id: string, options?: CallOptions): Promise<Workspace>
  /** Makes a workspace. @throws BerthError 409 when the name is taken */
  createWorkspace(workspace: CreateWorkspace, options?: CallOptions): Promise<Workspace>
  /** Changes what is given. */
  updateWorkspace(id: string, change: UpdateWorkspace, options?: CallOptions): Promise<Workspace>
  /** Deletes it; `force` also stops the work that lives in it. @throws BerthError 409 with work in it and no `force` */
  deleteWorkspace(id: string, force: boolean, options?: CallOptions): Promise<void>
  /** Members by user name. */
  members(id: string, page?: PageRequest, options?: CallOptions): Promise<MemberList>
  /** Gives a user (by name or id) a role. Idempotent. */
  setMember(id: string, user: string, role: Role, options?: CallOptions): Promise<Member>
  /** Takes a user's role away. */
  removeMember(id: string, user: string, options?: CallOptions): Promise<void>
  /** Users, newest first. */
  users(page?: PageRequest, options?: CallOptions): Promise<UserList>
  /** Makes a user. @throws BerthError 409 when the name is taken */
  createUser(user: CreateUser, options?: CallOptions): Promise<User>
  /** Changes what is given; by name or id. */
  updateUser(user: string, change: UpdateUser, options?: CallOptions): Promise<User>
  /** Sets a user's password, or removes it; by name or id. */
  setPassword(user: string, change: SetPassword, options?: CallOptions): Promise<void>
  /** The caller's API keys (a server owner's: all), newest first. */
  keys(page?: PageRequest, options?: CallOptions): Promise<ApiKeyList>
  /** Makes a key. The answer is the only one that ever holds the token. */
  createKey(key: CreateKey, options?: CallOptions): Promise<CreatedKey>
  /** Revokes a key, at once and for ever. */
  revokeKey(id: string, options?: CallOptions): Promise<void>
  /** What waits, by workspace and position. */
  queue(query?: PageRequest & { readonly workspace?: string }, options?: CallOptions): Promise<QueueEntryList>
  /** Services of live workloads, newest first. */
  endpoints(
    query?: PageRequest & { readonly workspace?: string; readonly workload?: string },
    options?: CallOptions,
  ): Promise<EndpointList>
  /** Admits nothing more; null = from every queue. */
  pauseQueue(workspace: string | null, options?: CallOptions): Promise<QueueSwitched>
  /** Admits again; null = every queue. `force`: also after a restore while processes of the time before it run. */
  resumeQueue(
    workspace: string | null,
    options?: CallOptions & { readonly force?: boolean },
  ): Promise<QueueSwitched>
  /** Why a workload waits, and what happened to it. */
  explainWorkload(id: string, options?: CallOptions): Promise<Explanation>
  /** One page, oldest first; with `backwards` the newest, or those before the cursor, newest first. */
  events(
    query?: PageRequest & EventFilter & { readonly backwards?: boolean },
    options?: CallOptions,
  ): Promise<EventList>
  /** Who did what, newest first. */
  audit(
    query?: PageRequest & {
      readonly workspace?: string
      readonly operation?: string
      readonly actor?: string
      readonly outcome?: "ok" | "refused"
    },
    options?: CallOptions,
  ): Promise<AuditList>
  /** Which OpenAPI documents there are. */
  documents(options?: CallOptions): Promise<DocumentList>
  /** The OpenAPI 3.1 document of a family; of `/berth/v1` when none is named. */
  openApi(family?: string, options?: CallOptions): Promise<Readonly<Record<string, unknown>>>
}

/** Which events; all must hold. */
export interface EventFilter {
  /** Exactly this workspace. */
  readonly workspace?: string
  /** `<kind>/<id>`: `workload/train-x7kqd`. */
  readonly subject?: string
  /** Any of them. */
  readonly type?: readonly string[]
}

/** `/berth/v1` over a transport. */
export function createBerthApiClient(http: Transport): BerthApiClient {
  const get = <T>(at: string, options: CallOptions = {}, query: Query = {}) =>
    http.json<T>({ method: "GET", path: at, query, ...options })
  const send =
    (method: "POST" | "PUT" | "PATCH" | "DELETE") =>
    <T>(at: string, body: unknown, options: CallOptions = {}, query: Query = {}) =>
      http.json<T>({ method, path: at, query, ...(body === undefined ? {} : { body }), ...options })
  const [post, put, patch, del] = [send("POST"), send("PUT"), send("PATCH"), send("DELETE")]
  const nodeAction =
    (action: string) =>
    (name: string, cluster?: string, options?: CallOptions): Promise<Node> =>
      post(`${path`/berth/v1/nodes/${name}`}/${action}`, undefined, options, { cluster })
  return {
    ...createGpuApiClient(http),
    ...createRayApiClient(http),
    ...createServiceApiClient(http),
    me: (options) => get("/berth/v1/me", options),
    status: (options) => get("/berth/v1/status", options),
    stopServer: (pods, options) => post("/berth/v1/server/stop", { pods }, options),
    clusters: (page, options) => get("/berth/v1/clusters", options, { ...page }),
    nodes: (query, options) => get("/berth/v1/nodes", options, { ...query }),
    node: (name, cluster, options) => get(path`/berth/v1/nodes/${name}`, options, { cluster }),
    cordonNode: nodeAction("cordon"),
    uncordonNode: nodeAction("uncordon"),
    drainNode: nodeAction("drain"),
    assignNode(name, workspaceId, cluster, options) {
      const at = path`/berth/v1/nodes/${name}/workspace`
      if (workspaceId === null) return del(at, undefined, options, { cluster })
      return put(at, { workspaceId }, options, { cluster })
    },
    workspaces: (page, options) => get("/berth/v1/workspaces", options, { ...page }),
    workspace: (id, options) => get(path`/berth/v1/workspaces/${id}`, options),
    createWorkspace: (workspace, options) => post("/berth/v1/workspaces", workspace, options),
    updateWorkspace: (id, change, options) => patch(path`/berth/v1/workspaces/${id}`, change, options),
    async deleteWorkspace(id, force, options) {
      await del(path`/berth/v1/workspaces/${id}`, undefined, options, force ? { force } : {})
    },
    members: (id, page, options) => get(path`/berth/v1/workspaces/${id}/members`, options, { ...page }),
    setMember: (id, user, role, options) =>
      put(path`/berth/v1/workspaces/${id}/members/${user}`, { role }, options),
    async removeMember(id, user, options) {
      await del(path`/berth/v1/workspaces/${id}/members/${user}`, undefined, options)
    },
    users: (page, options) => get("/berth/v1/users", options, { ...page }),
    createUser: (user, options) => post("/berth/v1/users", user, options),
    updateUser: (user, change, options) => patch(path`/berth/v1/users/${user}`, change, options),
    async setPassword(user, change, options) {
      await put(path`/berth/v1/users/${user}/password`, change, options)
    },
    keys: (page, options) => get("/berth/v1/keys", options, { ...page }),
    createKey: (key, options) => post("/berth/v1/keys", key, options),
    async revokeKey(id, options) {
      await del(path`/berth/v1/keys/${id}`, undefined, options)
    },
    queue: (query, options) => get("/berth/v1/queue", options, { ...query }),
    endpoints: (query, options) => get("/berth/v1/endpoints", options, { ...query }),
    pauseQueue: (workspace, options) => post("/berth/v1/queue/pause", { workspace }, options),
    resumeQueue: (workspace, { force, ...options } = {}) =>
      post("/berth/v1/queue/resume", { workspace, ...(force ? { force } : {}) }, options),
    explainWorkload: (id, options) => get(path`/berth/v1/explain/workload/${id}`, options),
    events: (query, options) => get("/berth/v1/events", options, { ...query }),
    audit: (query, options) => get("/berth/v1/audit", options, { ...query }),
    documents: (options) => get("/berth/v1/openapi", options),
    openApi: (family, options) =>
      get(family === undefined ? "/berth/v1/openapi.json" : path`/berth/v1/openapi/${family}`, options),
  }
}
