import { AppError } from "../../kit/errors.ts"
import type { JsonObject } from "../../kit/json.ts"
import { authorize, workspaceNotFound, type Principal } from "../identity/index.ts"
import { systemActor, type Tx } from "../journal/index.ts"
import { refuseDeleting } from "./active.ts"
import {
  builtInPolicy,
  clusterIssues,
  defaultPolicy,
  descriptionIssues,
  idIssues,
  mergePolicy,
  policyIssues,
  refuseIssues,
} from "./checks.ts"
import type { WorkspaceService } from "./commands.ts"
import { createMembers } from "./members.ts"
import { contactIssues, namespaceIssues, refuseTakenNamespaces } from "./namespaces.ts"
import type { WorkspacesOptions } from "./options.ts"
import { createRemoval, type Removal } from "./removal.ts"
import { requireWorkspace, tellWorkspace, writeWorkspace, type WorkspaceChange } from "./tell.ts"
import { defaultWorkspaceId, type Workspace } from "./types.ts"

const nobody: Workspace["contact"] = { name: "", email: "" }

type Change = Parameters<WorkspaceService["update"]>[2]

/** Workspaces: rules, rights and what is written about them. The index follows by the topic. */
export function createWorkspaces(options: WorkspacesOptions): WorkspaceService & Removal {
  const { index } = options
  return {
    ...createMembers(options),
    ...createRemoval(options),

    async list(principal) {
      authorize(principal, "workspace.list", { workspaceId: null })
      return index.list().filter((workspace) => principal.roleIn(workspace.id) !== null)
    },

    async get(principal, id) {
      authorize(principal, "workspace.get", { workspaceId: id })
      const workspace = index.find(id)
      if (!workspace) throw workspaceNotFound(id)
      return workspace
    },

    create: (principal, wanted) => createWorkspace(options, principal, wanted),
    update: (principal, id, change) => updateWorkspace(options, principal, id, change),
    find: (id) => index.find(id),
    namespaceOwner: (name) => index.namespaceOwner(name),
    bootstrap: (clusters) => bootstrap(options, clusters),
  }
}

/** What a workspace has where its maker says nothing. */
function usualPolicy({ stopGraceSeconds = defaultPolicy.stopGraceSeconds }: WorkspacesOptions) {
  return { ...defaultPolicy, stopGraceSeconds }
}

async function createWorkspace(
  options: WorkspacesOptions,
  ...[principal, wanted]: Parameters<WorkspaceService["create"]>
): Promise<Workspace> {
  const { store, rows, clock, ids, clusters } = options
  authorize(principal, "workspace.create", { workspaceId: null })
  refuseIssues([
    ...idIssues(wanted.id),
    ...descriptionIssues(wanted.description),
    ...clusterIssues(wanted.clusters, clusters),
    ...policyIssues(wanted.policy),
    ...namespaceIssues(wanted.namespaces, wanted.id),
    ...contactIssues(wanted.contact),
  ])
  const workspace: Workspace = {
    id: wanted.id,
    key: ids.ulid(),
    description: wanted.description,
    clusters: wanted.clusters ?? clusters,
    policy: mergePolicy(usualPolicy(options), wanted.policy),
    namespaces: wanted.namespaces ?? [],
    contact: wanted.contact ?? nobody,
    queuePaused: false,
    state: "active",
    createdAtMs: clock.nowMs(),
    version: 1,
  }
  return store.tx(async (tx) => {
    const other = await rows.byId(tx, workspace.id)
    if (other) throw alreadyExists(other)
    await refuseTakenNamespaces(rows, tx, workspace)
    await insert(options, tx, workspace, created(workspace, principal.actor))
    return workspace
  })
}

async function updateWorkspace(
  options: WorkspacesOptions,
  ...[principal, id, change]: Parameters<WorkspaceService["update"]>
): Promise<Workspace> {
  const { store, rows, clock, clusters } = options
  authorize(principal, "workspace.update", { workspaceId: id })
  refuseIssues([
    ...descriptionIssues(change.description),
    ...clusterIssues(change.clusters, clusters),
    ...policyIssues(change.policy),
    ...namespaceIssues(change.namespaces, id),
    ...contactIssues(change.contact),
  ])
  const atMs = clock.nowMs()
  return store.tx(async (tx) => {
    const before = await requireWorkspace(rows, tx, id)
    refuseDeleting(before)
    authorizeServersOwn(principal, before, change)
    const after = changed(before, change)
    if (change.namespaces !== undefined) await refuseTakenNamespaces(rows, tx, after)
    const data = differencesOf(before, after)
    if (Object.keys(data).length === 0) return before
    const head = { operation: "workspace.update", event: "workspace.updated" } as const
    return writeWorkspace(rows, tx, after, { ...head, actor: principal.actor, atMs, data })
  })
}

/**
 * Whoever owns a workspace neither opens ports of the machine to others, nor takes more of its nodes, nor claims
 * namespaces, of which there is one of each name on the whole server: its owners do.
 */
function authorizeServersOwn(principal: Principal, before: Workspace, change: Change): void {
  const wanted = change.policy?.publishServices ?? before.policy.publishServices
  if (wanted !== before.policy.publishServices)
    authorize(principal, "workspace.publish", { workspaceId: before.id })
  const most = change.policy?.mostGpuRequests
  if (most !== undefined && most !== before.policy.mostGpuRequests)
    authorize(principal, "workspace.nodes", { workspaceId: before.id })
  const isClaim = change.namespaces?.some((name) => !before.namespaces.includes(name)) ?? false
  if (isClaim) authorize(principal, "workspace.namespaces", { workspaceId: before.id })
}

async function bootstrap(options: WorkspacesOptions, clusters: readonly string[]): Promise<void> {
  const { store, rows, clock, ids } = options
  const workspace: Workspace = {
    id: defaultWorkspaceId,
    key: ids.ulid(),
    description: "",
    clusters,
    policy: { ...usualPolicy(options), ...builtInPolicy },
    namespaces: [],
    contact: nobody,
    queuePaused: false,
    state: "active",
    createdAtMs: clock.nowMs(),
    version: 1,
  }
  await store.tx(async (tx) => {
    if (await rows.byId(tx, workspace.id)) return
    await insert(options, tx, workspace, created(workspace, systemActor("bootstrap")))
  })
}

async function insert(options: WorkspacesOptions, tx: Tx, workspace: Workspace, change: WorkspaceChange) {
  await options.rows.insert(tx, workspace)
  await tellWorkspace(tx, workspace.id, change)
}

function created(workspace: Workspace, actor: WorkspaceChange["actor"]): WorkspaceChange {
  const { clusters, policy, namespaces, contact, createdAtMs } = workspace
  return {
    operation: "workspace.create",
    event: "workspace.created",
    actor,
    atMs: createdAtMs,
    data: { clusters, policy: { ...policy }, namespaces, contact: { ...contact } },
  }
}

function changed(before: Workspace, change: Change): Workspace {
  return {
    ...before,
    description: change.description ?? before.description,
    clusters: change.clusters ?? before.clusters,
    policy: mergePolicy(before.policy, change.policy ?? {}),
    namespaces: change.namespaces ?? before.namespaces,
    contact: { ...before.contact, ...change.contact },
  }
}

/** Each member that moved, as it was and as it is. */
function differencesOf(before: Workspace, after: Workspace): JsonObject {
  const flat = ({ description, clusters, policy, namespaces, contact }: Workspace): JsonObject => ({
    description,
    clusters,
    ...policy,
    namespaces,
    contact: { name: contact.name, email: contact.email },
  })
  const [was, is] = [flat(before), flat(after)]
  const moved = Object.keys(is).filter((name) => JSON.stringify(was[name]) !== JSON.stringify(is[name]))
  return Object.fromEntries(moved.map((name) => [name, { from: was[name] ?? null, to: is[name] ?? null }]))
}

function alreadyExists({ id, state }: Workspace): AppError {
  const sentence =
    state === "deleting" ? `Workspace ${id} is being deleted.` : `There is a workspace ${id} already.`
  return new AppError("already_exists", sentence, { resource: "workspace", name: id, detail: state })
}
