import type { Selectable } from "kysely"
import { AppError } from "../kit/errors.ts"
import {
  builtInPolicy,
  defaultWorkspaceId,
  type Workspace,
  type WorkspaceStore,
  workspaceChanged,
} from "../domain/workspaces/index.ts"
import { assertInserted, assertMoved, fromJson, toFlag, toJson } from "./codec.ts"
import { removeBinding, removeTemplatesOf } from "./gpu-settings.ts"
import { removeMemberships } from "./identity.ts"
import { removeRayOf } from "./ray-removal.ts"
import type { Database } from "./schema.ts"
import { slotsOf, statement } from "./statement.ts"

type Row = Selectable<Database["workspace"]>

const movingColumns = [
  "description",
  "clusters",
  "policy",
  "namespaces",
  "contact",
  "queue_paused",
  "state",
] as const
const columns = ["id", "key", ...movingColumns, "created_at_ms", "version"] as const

const selectAll = statement<object>("scan")((db) => db.selectFrom("workspace").select(columns).orderBy("id"))
const selectById = statement<{ id: string }>("primary")((db, p) =>
  db.selectFrom("workspace").select(columns).where("id", "=", p("id")),
)
const insert = statement<Row>("write")((db, p) =>
  db
    .insertInto("workspace")
    .values(slotsOf(p, columns))
    .onConflict((conflict) => conflict.doNothing()),
)
const update = statement<Row>("primary")((db, p) =>
  db
    .updateTable("workspace")
    .set((eb) => ({ ...slotsOf(p, movingColumns), version: eb("version", "+", 1) }))
    .where("id", "=", p("id"))
    .where("version", "=", p("version")),
)
const remove = statement<{ id: string }>("primary")((db, p) =>
  db.deleteFrom("workspace").where("id", "=", p("id")).returning(columns),
)

/** What rows from before it was there stand for. */
function addedPolicy(id: string): Partial<Workspace["policy"]> {
  const gpuRequests = { mostGpuRequests: 1, autoGpuRequest: false, joinGpuRequests: true }
  return { publishServices: false, ...gpuRequests, ...(id === defaultWorkspaceId ? builtInPolicy : {}) }
}

function toWorkspace(row: Row): Workspace {
  return {
    id: row.id,
    key: row.key,
    description: row.description,
    clusters: fromJson(row.clusters),
    policy: { ...addedPolicy(row.id), ...fromJson<Workspace["policy"]>(row.policy) },
    namespaces: fromJson(row.namespaces),
    contact: fromJson(row.contact),
    queuePaused: row.queue_paused === 1,
    state: row.state as Workspace["state"],
    createdAtMs: row.created_at_ms,
    version: row.version,
  }
}

function fromWorkspace(workspace: Workspace): Row {
  return {
    id: workspace.id,
    key: workspace.key,
    description: workspace.description,
    clusters: toJson(workspace.clusters),
    policy: toJson(workspace.policy),
    namespaces: toJson(workspace.namespaces),
    contact: toJson(workspace.contact),
    queue_paused: toFlag(workspace.queuePaused),
    state: workspace.state,
    created_at_ms: workspace.createdAtMs,
    version: workspace.version,
  }
}

/**
 * Workspaces. `insert` throws AppError `already_exists`; `delete` takes the memberships, the binding, the templates
 * and what Ray keeps by name with it and throws `not_found`. Workloads and GPU requests of a deleted workspace stay listed.
 */
export const workspaceStore: WorkspaceStore = {
  async workspaces(from) {
    return (await selectAll.all(from, {})).map(toWorkspace)
  },
  async byId(from, id) {
    const row = await selectById.get(from, { id })
    return row && toWorkspace(row)
  },
  async insert(tx, workspace) {
    assertInserted(await insert.run(tx, fromWorkspace(workspace)), "workspace", workspace.id)
    tx.publish(workspaceChanged, { workspace, gone: false })
  },
  async update(tx, workspace) {
    assertMoved(await update.run(tx, fromWorkspace(workspace)), "workspace", workspace.id)
    const after = { ...workspace, version: workspace.version + 1 }
    tx.publish(workspaceChanged, { workspace: after, gone: false })
  },
  async delete(tx, id) {
    const row = await remove.get(tx, { id })
    if (!row)
      throw new AppError("not_found", `There is no workspace "${id}".`, { resource: "workspace", name: id })
    await removeMemberships(tx, id)
    await removeBinding(tx, id)
    await removeTemplatesOf(tx, id)
    await removeRayOf(tx, id)
    tx.publish(workspaceChanged, { workspace: toWorkspace(row), gone: true })
  },
}
