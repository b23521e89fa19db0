import { authorize, type Operation, type Principal } from "../identity/index.ts"
import type { Reads } from "../journal/index.ts"
import type { GpuRequestsOptions } from "./options.ts"
import { gpuRequestNotFound } from "./refusals.ts"
import type { GpuRequest, GpuRequestId, GpuRequestStore } from "./types.ts"

const innerPrefix = "gpr_"

/**
 * The request of a shown or an inner id, live ones from memory, for a principal with the right to it.
 * @throws AppError `not_found` (resource `gpu-request`) when it is unknown or in a workspace without a role;
 *   `forbidden`
 */
export async function requireVisible(
  options: Pick<GpuRequestsOptions, "store" | "rows" | "board">,
  principal: Principal,
  id: string,
  operation: Operation,
): Promise<GpuRequest> {
  const { store, rows, board } = options
  const live = board.byShownId(id) ?? board.request(id as GpuRequestId)
  const request = live ?? (await requestRow(rows, store.committed, id))
  if (!request || principal.roleIn(request.workspaceId) === null) throw gpuRequestNotFound(id)
  authorize(principal, operation, { workspaceId: request.workspaceId, ownerId: request.userId })
  return request
}

/** The row by either id. */
function requestRow(
  rows: Pick<GpuRequestStore, "byId" | "byShownId">,
  from: Reads,
  id: string,
): Promise<GpuRequest | undefined> {
  return id.startsWith(innerPrefix) ? rows.byId(from, id as GpuRequestId) : rows.byShownId(from, id)
}
