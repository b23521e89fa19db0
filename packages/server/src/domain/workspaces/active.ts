import { AppError } from "../../kit/errors.ts"
import { workspaceNotFound } from "../identity/index.ts"
import type { Reads, Tx } from "../journal/index.ts"
import type { Workspace } from "./types.ts"

/** The workspace as the transaction sees it. */
export type WorkspaceRow = (from: Reads, id: string) => Promise<Workspace | undefined>

/**
 * The workspace of something that is to be made, as the transaction sees it. Asked in the transaction that makes it:
 * else that could be born into a workspace whose deletion is being finished in the same batch.
 * @throws AppError `not_found` (resource `workspace`); `conflict`, detail `deleting`
 */
export async function requireActive(workspaceRow: WorkspaceRow, tx: Tx, id: string): Promise<Workspace> {
  const workspace = await workspaceRow(tx, id)
  if (!workspace) throw workspaceNotFound(id)
  refuseDeleting(workspace)
  return workspace
}

/** @throws AppError `conflict`, detail `deleting` */
export function refuseDeleting({ id, state }: Workspace): void {
  if (state === "active") return
  throw new AppError("conflict", `The workspace ${id} is being deleted and takes nothing new.`, {
    resource: "workspace",
    name: id,
    detail: "deleting",
  })
}
