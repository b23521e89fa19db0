import { Type, type TSchema } from "typebox"
import { PageQuery, type RouteNotes } from "../common/index.ts"
import { EndpointList, EndpointsQuery } from "./endpoints.ts"
import { ApiKeyList, CreateKey, CreateUser, CreatedKey, Me, UpdateUser, User, UserList } from "./identity.ts"
import { AssignNode, ClusterList, Node, NodeList, NodeQuery, NodesQuery } from "./inventory.ts"
import { AuditList, AuditQuery, Event, EventList, EventsQuery } from "./journal.ts"
import { LogEndEvent, LogLinesEvent, PodLogQuery } from "./pods.ts"
import { Explanation, QueueEntryList, QueueQuery, QueueResume, QueueSwitch, QueueSwitched } from "./queue.ts"
import { DocumentList, ErrorBody, Status, StopServer, StoppingServer } from "./server.ts"
import {
  CreateWorkspace,
  DeleteWorkspaceQuery,
  Member,
  MemberList,
  SetMember,
  UpdateWorkspace,
  Workspace,
  WorkspaceList,
} from "./workspaces.ts"

/** One route of `/berth/v1`. */
export interface BerthRoute extends RouteNotes {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
  /** Parameters as `:name`. */
  readonly path: string
  /** What it does, for metrics and documentation. */
  readonly operation: string
  readonly summary: string
  readonly query?: TSchema
  readonly body?: TSchema
  /** Of a success. */
  readonly status: 200 | 201 | 202 | 204
  /** Absent: no body, or not JSON. */
  readonly answer?: TSchema
}

const unchanged = Type.Null({ description: "Not changed since the ETag of `If-None-Match`." })
const anyDocument = Type.Record(Type.String(), Type.Unknown(), { description: "An OpenAPI 3.1 document." })

/** Every route of `/berth/v1`; errors are `ErrorBody`. */
export const berthRoutes = {
  me: {
    method: "GET",
    path: "/berth/v1/me",
    operation: "me.get",
    summary: "Who the caller is and what it may do",
    status: 200,
    answer: Me,
  },
  status: {
    method: "GET",
    path: "/berth/v1/status",
    operation: "server.status",
    summary: "Version, counts, clusters and warnings",
    status: 200,
    answer: Status,
  },
  stopServer: {
    method: "POST",
    path: "/berth/v1/server/stop",
    operation: "server.stop",
    summary: "Shut the server down",
    description: "The answer goes out first. Pods stay and are found again at the next start, unless `pods`.",
    example: { pods: false },
    body: StopServer,
    status: 202,
    answer: StoppingServer,
  },
  createBackup: {
    method: "POST",
    path: "/berth/v1/backups",
    operation: "server.backup",
    summary: "Make a backup of the database and answer with it",
    description:
      "Server owners only. A consistent copy of all rows while the server goes on; one at a time (409 `conflict` meanwhile). Logs of pods and keys are not in it, environment values of workloads are. Nothing is sent before the copy is whole; a connection that breaks leaves an archive that `berth restore` refuses.",
    refusals: [409, 503],
    status: 200,
    media: {
      "application/gzip": {
        description: "A gzipped tar archive: `manifest.json`, then `berth.db`.",
      },
    },
  },
  listClusters: {
    method: "GET",
    path: "/berth/v1/clusters",
    operation: "cluster.list",
    summary: "Clusters by name",
    query: PageQuery,
    status: 200,
    answer: ClusterList,
  },
  listNodes: {
    method: "GET",
    path: "/berth/v1/nodes",
    operation: "node.list",
    summary: "Nodes by cluster and name",
    refusals: [404],
    query: NodesQuery,
    status: 200,
    answer: NodeList,
  },
  getNode: {
    method: "GET",
    path: "/berth/v1/nodes/:name",
    operation: "node.get",
    summary: "One node (by name or id)",
    query: NodeQuery,
    status: 200,
    answer: Node,
  },
  cordonNode: {
    method: "POST",
    path: "/berth/v1/nodes/:name/cordon",
    operation: "node.cordon",
    summary: "Give the node no new pods",
    query: NodeQuery,
    status: 200,
    answer: Node,
  },
  uncordonNode: {
    method: "POST",
    path: "/berth/v1/nodes/:name/uncordon",
    operation: "node.uncordon",
    summary: "Let the node have pods again",
    query: NodeQuery,
    status: 200,
    answer: Node,
  },
  drainNode: {
    method: "POST",
    path: "/berth/v1/nodes/:name/drain",
    operation: "node.drain",
    summary: "Cordon the node and move its pods away",
    description:
      "Its workloads are told to end, within the grace of each, and wait again; that costs none of their retries.",
    query: NodeQuery,
    status: 200,
    answer: Node,
  },
  assignNode: {
    method: "PUT",
    path: "/berth/v1/nodes/:name/workspace",
    operation: "node.assign",
    summary: "Assign the node to a workspace",
    description: "From then on only this workspace's work is placed on it; what runs there stays.",
    example: { workspaceId: "vision" },
    query: NodeQuery,
    body: AssignNode,
    status: 200,
    answer: Node,
  },
  unassignNode: {
    method: "DELETE",
    path: "/berth/v1/nodes/:name/workspace",
    operation: "node.unassign",
    summary: "Take the node back from its workspace",
    query: NodeQuery,
    status: 200,
    answer: Node,
  },
  listWorkspaces: {
    method: "GET",
    path: "/berth/v1/workspaces",
    operation: "workspace.list",
    summary: "Workspaces the caller has a role in, newest first",
    query: PageQuery,
    status: 200,
    answer: WorkspaceList,
  },
  createWorkspace: {
    method: "POST",
    path: "/berth/v1/workspaces",
    operation: "workspace.create",
    summary: "Make a workspace",
    example: { id: "vision", description: "computer vision", policy: { queuePolicy: "balance" } },
    body: CreateWorkspace,
    status: 201,
    answer: Workspace,
  },
  getWorkspace: {
    method: "GET",
    path: "/berth/v1/workspaces/:id",
    operation: "workspace.get",
    summary: "One workspace",
    status: 200,
    answer: Workspace,
  },
  updateWorkspace: {
    method: "PATCH",
    path: "/berth/v1/workspaces/:id",
    operation: "workspace.update",
    summary: "Change description, clusters or policy",
    example: { policy: { stopGraceSeconds: 60 } },
    body: UpdateWorkspace,
    status: 200,
    answer: Workspace,
  },
  deleteWorkspace: {
    method: "DELETE",
    path: "/berth/v1/workspaces/:id",
    operation: "workspace.delete",
    summary: "Delete the workspace, in the background when something lives in it",
    description:
      "With work in it a 409, unless `force`: then its state is `deleting` until the work is stopped, and its name is free only after that.",
    query: DeleteWorkspaceQuery,
    status: 204,
  },
  listMembers: {
    method: "GET",
    path: "/berth/v1/workspaces/:id/members",
    operation: "workspace.members",
    summary: "Members by user name",
    query: PageQuery,
    status: 200,
    answer: MemberList,
  },
  setMember: {
    method: "PUT",
    path: "/berth/v1/workspaces/:id/members/:user",
    operation: "workspace.set-member",
    summary: "Give a user (by name or id) a role",
    example: { role: "editor" },
    body: SetMember,
    status: 200,
    answer: Member,
  },
  removeMember: {
    method: "DELETE",
    path: "/berth/v1/workspaces/:id/members/:user",
    operation: "workspace.remove-member",
    summary: "Take a user's role away",
    status: 204,
  },
  listUsers: {
    method: "GET",
    path: "/berth/v1/users",
    operation: "user.list",
    summary: "Users, newest first",
    query: PageQuery,
    status: 200,
    answer: UserList,
  },
  createUser: {
    method: "POST",
    path: "/berth/v1/users",
    operation: "user.create",
    summary: "Make a user",
    example: { name: "ann", email: "ann@example.com" },
    body: CreateUser,
    status: 201,
    answer: User,
  },
  updateUser: {
    method: "PATCH",
    path: "/berth/v1/users/:user",
    operation: "user.update",
    summary: "Change e-mail or server role, freeze or unfreeze (by name or id)",
    example: { frozen: true },
    body: UpdateUser,
    status: 200,
    answer: User,
  },
  listKeys: {
    method: "GET",
    path: "/berth/v1/keys",
    operation: "key.list",
    summary: "The caller's API keys (a server owner's: all), newest first",
    query: PageQuery,
    status: 200,
    answer: ApiKeyList,
  },
  createKey: {
    method: "POST",
    path: "/berth/v1/keys",
    operation: "key.create",
    summary: "Make an API key; the token is shown this once",
    refusals: [404],
    example: { name: "ci", role: "editor", workspaceId: "vision", expiresInSeconds: 2_592_000 },
    body: CreateKey,
    status: 201,
    answer: CreatedKey,
  },
  revokeKey: {
    method: "DELETE",
    path: "/berth/v1/keys/:id",
    operation: "key.revoke",
    summary: "Revoke an API key, at once and for ever",
    params: { id: "The key's id." },
    status: 204,
  },
  listQueue: {
    method: "GET",
    path: "/berth/v1/queue",
    operation: "queue.list",
    summary: "What waits, by workspace and position",
    refusals: [404],
    query: QueueQuery,
    status: 200,
    answer: QueueEntryList,
  },
  listEndpoints: {
    method: "GET",
    path: "/berth/v1/endpoints",
    operation: "endpoint.list",
    summary: "Services of live workloads: addresses, ready pods",
    refusals: [404],
    query: EndpointsQuery,
    status: 200,
    answer: EndpointList,
  },
  pauseQueue: {
    method: "POST",
    path: "/berth/v1/queue/pause",
    operation: "queue.pause",
    summary: "Admit nothing more from a workspace's queue, or from any",
    refusals: [404],
    example: { workspace: "vision" },
    body: QueueSwitch,
    status: 200,
    answer: QueueSwitched,
  },
  resumeQueue: {
    method: "POST",
    path: "/berth/v1/queue/resume",
    operation: "queue.resume",
    summary: "Admit again",
    refusals: [404],
    example: { workspace: "vision" },
    body: QueueResume,
    status: 200,
    answer: QueueSwitched,
  },
  explainWorkload: {
    method: "GET",
    path: "/berth/v1/explain/workload/:id",
    operation: "workload.explain",
    summary: "Why a workload waits, and what happened to it",
    params: { id: "The workload's id." },
    status: 200,
    answer: Explanation,
  },
  podLog: {
    method: "GET",
    path: "/berth/v1/pods/:workloadId/:podId/log",
    operation: "pod.log",
    summary: "A pod's log: text/plain, or an event stream that follows it",
    description:
      "With `Accept: text/event-stream` an event stream: an `id` is the byte offset, and a request with `Last-Event-ID` goes on after it (its `tail` and `since` then count for nothing). A comment every 15 s keeps the connection open; a reader that takes nothing for 30 s is cut.",
    query: PodLogQuery,
    status: 200,
    media: {
      "text/plain": {
        description: "The lines that are kept; with `follow=true` also what comes, until the pod has ended.",
      },
      "text/event-stream": {
        description: "Lines as they come, then how the pod ended; `error` when it breaks off.",
        events: { lines: LogLinesEvent, end: LogEndEvent, error: ErrorBody },
      },
    },
  },
  events: {
    method: "GET",
    path: "/berth/v1/events",
    operation: "event.list",
    summary: "What happened: a page, or an event stream",
    description:
      "With `Accept: text/event-stream` every event after `Last-Event-ID` (or `cursor`), else from now on, for as long as the caller may see them. Otherwise one page after `cursor`, else from the oldest that is kept; with `backwards` the newest, or those before `cursor`, newest first.",
    query: EventsQuery,
    refusals: [404, 410],
    media: {
      "text/event-stream": {
        description: "Each event once it is committed; `error` when it breaks off. A comment every 15 s.",
        events: { message: Event, error: ErrorBody },
      },
    },
    status: 200,
    answer: EventList,
  },
  listAudit: {
    method: "GET",
    path: "/berth/v1/audit",
    operation: "audit.list",
    summary: "Who did what, newest first",
    refusals: [404],
    query: AuditQuery,
    status: 200,
    answer: AuditList,
  },
  listOpenApi: {
    method: "GET",
    path: "/berth/v1/openapi",
    operation: "openapi.list",
    summary: "Which OpenAPI documents there are",
    description: "Needs no token with `--open-metrics`.",
    status: 200,
    answer: DocumentList,
  },
  openApi: {
    method: "GET",
    path: "/berth/v1/openapi.json",
    operation: "openapi.get",
    summary: "The OpenAPI document of `/berth/v1`",
    description: "Needs no token with `--open-metrics`.",
    status: 200,
    answer: anyDocument,
    others: { 304: unchanged },
  },
  openApiFamily: {
    method: "GET",
    path: "/berth/v1/openapi/:family",
    operation: "openapi.get",
    summary: "The OpenAPI document of one family",
    description: "Needs no token with `--open-metrics`.",
    params: { family: "`workloads` or `berth`; `.json` may follow." },
    status: 200,
    answer: anyDocument,
    others: { 304: unchanged },
  },
} as const satisfies Record<string, BerthRoute>

/** The names of the routes: `listNodes`, `createKey`, … */
export type BerthRouteName = keyof typeof berthRoutes
