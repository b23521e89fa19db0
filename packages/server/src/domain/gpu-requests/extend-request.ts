import { AppError } from "../../kit/errors.ts"
import type { Principal } from "../identity/index.ts"
import { inFreshTx } from "./change-request.ts"
import { checkExtension } from "./checks.ts"
import { requireVisible } from "./find-request.ts"
import type { GpuRequestsOptions } from "./options.ts"
import { refuseIssues, wrongState } from "./refusals.ts"
import { instantText, lengthText } from "./views/sentences.ts"
import { tellGpuRequest } from "./tell.ts"
import type { GpuRequest } from "./types.ts"
import { extendHolds } from "./upkeep-writes.ts"

/**
 * See `GpuRequestService.extend`: never at the cost of a promise to another workspace. Who may extend decides for his
 * own: its queued requests wait for longer.
 */
export async function extendRequest(
  options: GpuRequestsOptions,
  principal: Principal,
  id: string,
  byMs: number,
): Promise<GpuRequest> {
  const seen = await requireVisible(options, principal, id, "gpu-request.update")
  checkExtension(byMs, options.limits)
  const nowMs = options.clock.nowMs()
  return inFreshTx(options, seen, async (tx, row) => {
    const { endsAtMs } = row
    if (row.state !== "provisioned" || endsAtMs === null) throw wrongState(row, "extend")
    refuseTooLong(options, row, byMs)
    const after = { ...row, endsAtMs: endsAtMs + byMs, durationMs: row.durationMs + byMs }
    refusePromised(options, row, after.endsAtMs, nowMs)
    await options.rows.update(tx, after, "provisioned")
    await extendHolds(options.rows, tx, row, after.endsAtMs)
    await tellGpuRequest(tx, row, {
      operation: "gpu-request.update",
      event: "gpu-request.extended",
      actor: principal.actor,
      atMs: nowMs,
      data: { name: row.name, byMs, endsAtMs: after.endsAtMs },
    })
    return { ...after, version: row.version + 1 }
  })
}

function refuseTooLong({ limits }: GpuRequestsOptions, row: GpuRequest, byMs: number): void {
  const { longestDurationMs } = limits
  if (row.durationMs + byMs <= longestDurationMs) return
  const message = `must be less: it would last longer than ${lengthText(longestDurationMs)} in all`
  refuseIssues("gpu-request", [{ path: ["byMs"], message }])
}

/**
 * Asked of the plan in memory at the moment of writing. A request that comes in the same moment was promised nothing
 * yet, and is planned around the new end.
 */
function refusePromised(
  { board }: GpuRequestsOptions,
  { id, shownId, endsAtMs }: GpuRequest,
  wantedMs: number,
  nowMs: number,
): void {
  const { requestIds, latestEndMs } = board.delayedBy(id, wantedMs, nowMs, "others")
  if (requestIds.length === 0) return
  const others = requestIds.length === 1 ? "another request" : `${requestIds.length} other requests`
  const until =
    endsAtMs !== null && latestEndMs > endsAtMs
      ? `it can go on until ${instantText(latestEndMs)} at most`
      : "it cannot go on after its end"
  const sentence = `The nodes of GPU request ${shownId} are promised to ${others}: ${until}.`
  throw new AppError("conflict", sentence, {
    resource: "gpu-request",
    name: shownId,
    detail: "promised",
    facts: { latestEndMs, delayed: requestIds.length },
  })
}
