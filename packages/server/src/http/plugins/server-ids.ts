import { createHash } from "node:crypto"
import { defaultWorkspaceId, type WorkspaceService } from "../../domain/workspaces/index.ts"
import { AppError } from "../../kit/errors.ts"

/**
 * A UUID of what there is one of on each server: the same for the server's life, also after a backup was put back, and
 * another one on every other server. It is made from the key of the workspace that is always there.
 * @param of `server`, or a name of something that only APIs have
 */
export function lastingId(workspaces: Pick<WorkspaceService, "find">, of: string): string {
  const workspace = workspaces.find(defaultWorkspaceId)
  if (!workspace) throw new AppError("internal", "There is no default workspace.")
  const hex = createHash("sha256").update(`${of}:${workspace.key}`).digest("hex")
  // The version and variant of a UUID of one's own making.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
