import { AppError } from "../../kit/errors.ts"
import type { Reads, SubjectKind, Tx } from "../journal/index.ts"
import type { Workspace } from "../workspaces/index.ts"

/** The workspace as the transaction sees it. */
export type WorkspaceRow = (from: Reads, id: string) => Promise<Workspace | undefined>

/**
 * Else something could be born into a workspace whose deletion is being finished in the same batch.
 * @throws AppError `conflict` detail `deleting`
 */
export async function refuseDeleting(workspaceRow: WorkspaceRow, tx: Tx, id: string): Promise<void> {
  const workspace = await workspaceRow(tx, id)
  if (workspace?.state === "active") return
  throw new AppError("conflict", `The workspace ${id} is being deleted and takes nothing new.`, {
    resource: "workspace",
    name: id,
    detail: "deleting",
  })
}

/** The same whether there is none or it is not for the caller. */
export function notThere(
  kind: Extract<SubjectKind, "service-record" | "pipeline-run" | "model-version">,
  id: string,
): AppError {
  return new AppError("not_found", `There is no ${kind.replace("-", " ")} ${id}.`, {
    resource: kind,
    name: id,
  })
}
