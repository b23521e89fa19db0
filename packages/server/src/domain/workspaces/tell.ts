import type { JsonObject } from "../../kit/json.ts"
import { record, workspaceNotFound, type Operation } from "../identity/index.ts"
import type { Actor, Tx } from "../journal/index.ts"
import type { Workspace, WorkspaceStore } from "./types.ts"

/** One change of a workspace, for the journal. */
export interface WorkspaceChange {
  readonly operation: Operation
  readonly event: string
  readonly actor: Actor
  readonly atMs: number
  readonly data: JsonObject
}

/** The row as the transaction sees it. @throws AppError `not_found` (resource `workspace`) */
export async function requireWorkspace(rows: WorkspaceStore, tx: Tx, id: string): Promise<Workspace> {
  const workspace = await rows.byId(tx, id)
  if (!workspace) throw workspaceNotFound(id)
  return workspace
}

/** Writes and records; returns the row as it now is. */
export async function writeWorkspace(
  rows: WorkspaceStore,
  tx: Tx,
  workspace: Workspace,
  change: WorkspaceChange,
): Promise<Workspace> {
  await rows.update(tx, workspace)
  const written = { ...workspace, version: workspace.version + 1 }
  await tellWorkspace(tx, workspace.id, change)
  return written
}

export async function tellWorkspace(tx: Tx, id: string, change: WorkspaceChange): Promise<void> {
  await record(tx, { ...change, subject: { kind: "workspace", id }, workspace: id })
}
