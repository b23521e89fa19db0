import type { Operation } from "./commands.ts"

/** How far a right goes: nothing, one's own things only, everything. */
type Grant = "no" | "own" | "all"

/**
 * Who somebody is for one target. The server's two roles count everywhere; `workspaceOwner`, `editor` and
 * `viewer` are the role in the target's workspace; `anyone` is everybody who is signed in, and counts only
 * where the target is the server itself (`workspaceId` null).
 */
const standings = ["serverOwner", "serverViewer", "workspaceOwner", "editor", "viewer", "anyone"] as const
export type Standing = (typeof standings)[number]

export interface Right extends Readonly<Record<Standing, Grant>> {
  /** Completes "The user is not allowed to …". */
  readonly action: string
}

/** One row: the grants in the order of `standings`. */
function row(action: string, ...grants: readonly [Grant, Grant, Grant, Grant, Grant, Grant]): Right {
  const [serverOwner, serverViewer, workspaceOwner, editor, viewer, anyone] = grants
  return { action, serverOwner, serverViewer, workspaceOwner, editor, viewer, anyone }
}

/**
 * The one table of rights. `anyone` on a list means the union of what the caller may see: the
 * operation itself is allowed, and the list is narrowed to `principal.workspaces()`.
 *
 * Columns: server Owner, server Viewer, workspace Owner, Editor, Viewer, anyone signed in.
 */
export const rights: Readonly<Record<Operation, Right>> = {
  "workload.create": row("create workload", "all", "no", "all", "all", "no", "no"),
  "workload.list": row("list workload", "all", "all", "all", "all", "all", "all"),
  "workload.get": row("get workload", "all", "all", "all", "all", "all", "no"),
  "workload.logs": row("read the logs of workload", "all", "all", "all", "all", "all", "no"),
  "workload.env": row("read the environment of workload", "all", "no", "all", "all", "no", "no"),
  "workload.update": row("update workload", "all", "no", "all", "own", "no", "no"),
  "workload.stop": row("stop workload", "all", "no", "all", "own", "no", "no"),
  "workload.delete": row("delete workload", "all", "no", "all", "own", "no", "no"),
  "workload.priority-high": row("use high priority for workload", "all", "no", "all", "no", "no", "no"),

  "endpoint.list": row("list endpoint", "all", "all", "all", "all", "all", "all"),

  "workspace.create": row("create workspace", "all", "no", "no", "no", "no", "no"),
  "workspace.delete": row("delete workspace", "all", "no", "no", "no", "no", "no"),
  "workspace.list": row("list workspace", "all", "all", "all", "all", "all", "all"),
  "workspace.get": row("get workspace", "all", "all", "all", "all", "all", "no"),
  "workspace.update": row("update workspace", "all", "no", "all", "no", "no", "no"),
  "workspace.publish": row("publish the services of workspace", "all", "no", "no", "no", "no", "no"),
  "workspace.members": row("change the members of workspace", "all", "no", "all", "no", "no", "no"),
  "workspace.nodes": row("assign nodes to workspace", "all", "no", "no", "no", "no", "no"),
  "workspace.kube-config": row("get the kubeconfig of workspace", "all", "no", "all", "all", "no", "no"),
  "workspace.namespaces": row("claim namespaces for workspace", "all", "no", "no", "no", "no", "no"),

  "gpu-request.create": row("create GPU request", "all", "no", "all", "all", "no", "no"),
  "gpu-request.list": row("list GPU request", "all", "all", "all", "all", "all", "all"),
  "gpu-request.get": row("get GPU request", "all", "all", "all", "all", "all", "no"),
  "gpu-request.estimate": row("ask for wait times", "all", "all", "all", "all", "all", "no"),
  "gpu-request.update": row("change GPU request", "all", "no", "all", "all", "no", "no"),
  "gpu-template.list": row("list GPU request template", "all", "all", "all", "all", "all", "all"),
  "gpu-template.write": row("change GPU request template", "all", "no", "all", "all", "no", "no"),
  "ray.list": row("list Ray objects", "all", "all", "all", "all", "all", "all"),
  "ray.get": row("get Ray objects", "all", "all", "all", "all", "all", "no"),
  "ray.env": row("read the variables of Ray objects", "all", "no", "all", "all", "no", "no"),
  "ray.write": row("change Ray objects", "all", "no", "all", "all", "no", "no"),
  "service.list": row("list service", "all", "all", "all", "all", "all", "all"),
  "service.get": row("get service", "all", "all", "all", "all", "all", "no"),
  "service.write": row("change service", "all", "no", "all", "all", "no", "no"),
  "secret.list": row("list secret", "all", "no", "all", "all", "no", "no"),
  "secret.write": row("change secret", "all", "no", "all", "all", "no", "no"),
  "price.list": row("list price", "all", "all", "all", "all", "all", "all"),
  "price.set": row("set prices", "all", "no", "no", "no", "no", "no"),

  "queue.get": row("get queue", "all", "all", "all", "all", "all", "all"),
  "queue.pause": row("pause or resume queue", "all", "no", "all", "no", "no", "no"),
  "queue.pause-all": row("pause or resume all queues", "all", "no", "no", "no", "no", "no"),

  "node.list": row("list node", "all", "all", "all", "all", "all", "all"),
  "node.cordon": row("cordon or uncordon node", "all", "no", "no", "no", "no", "no"),
  "node.drain": row("drain node", "all", "no", "no", "no", "no", "no"),
  "cluster.list": row("list cluster", "all", "all", "all", "all", "all", "all"),

  "user.list": row("list user", "all", "all", "no", "no", "no", "no"),
  "user.create": row("create user", "all", "no", "no", "no", "no", "no"),
  "user.update": row("update user", "all", "no", "no", "no", "no", "no"),

  "user.password": row("change the password of user", "all", "own", "own", "own", "own", "own"),

  // A key's target is the server and its user, or, for a key bound to a workspace, that workspace too:
  // its Owner sees and revokes them. Nobody but a server Owner makes a key that acts for somebody else.
  "key.create": row("create key", "all", "own", "own", "own", "own", "own"),
  "key.list": row("list key", "all", "own", "all", "own", "own", "own"),
  "key.revoke": row("revoke key", "all", "own", "all", "own", "own", "own"),

  "events.read": row("read events", "all", "all", "all", "all", "all", "all"),
  "audit.read": row("read the audit", "all", "no", "all", "no", "no", "no"),
  "metrics.read": row("read metrics", "all", "all", "no", "no", "no", "no"),
  "server.stop": row("stop the server", "all", "no", "no", "no", "no", "no"),
  "server.backup": row("back up the server", "all", "no", "no", "no", "no", "no"),
}
