import { AppError } from "../../kit/errors.ts"
import type { Principal } from "../identity/index.ts"
import type { Tx } from "../journal/index.ts"
import { checkChange } from "./checks.ts"
import type { ChangeGpuRequest } from "./commands.ts"
import { requireVisible } from "./find-request.ts"
import { cancelled } from "./moves.ts"
import type { GpuRequestsOptions } from "./options.ts"
import { gpuRequestNotFound, wrongState } from "./refusals.ts"
import { gpuRequestSubject, tellGpuRequest } from "./tell.ts"
import type { GpuRequest } from "./types.ts"

/** Who does it and when: made before the transaction, whose closure may run twice. */
interface Step {
  readonly principal: Principal
  readonly nowMs: number
}

/** See `GpuRequestService.change`: all of it, or nothing. */
export async function changeRequest(
  options: GpuRequestsOptions,
  principal: Principal,
  id: string,
  change: ChangeGpuRequest,
): Promise<void> {
  const seen = await requireVisible(options, principal, id, "gpu-request.update")
  checkChange(change)
  const edits = change.name !== undefined || change.priority !== undefined
  const releases = change.release === true
  if (!edits && !releases) return
  const step = { principal, nowMs: options.clock.nowMs() }
  await inFreshTx(options, seen, async (tx, row) => {
    const edited = edits ? await edit(options, tx, row, change, step) : row
    if (releases) await release(options, tx, edited, step)
  })
}

/** See `GpuRequestService.cancel`. */
export async function cancelRequest(
  options: GpuRequestsOptions,
  principal: Principal,
  id: string,
): Promise<void> {
  const seen = await requireVisible(options, principal, id, "gpu-request.update")
  const nowMs = options.clock.nowMs()
  await inFreshTx(options, seen, async (tx, row) => {
    if (row.state !== "queued") throw wrongState(row, "delete")
    await options.rows.update(tx, cancelled(row, "cancelled", nowMs), "queued")
    await tellGpuRequest(tx, row, {
      operation: "gpu-request.update",
      event: "gpu-request.cancelled",
      actor: principal.actor,
      atMs: nowMs,
      data: { name: row.name, waitedMs: Math.max(0, nowMs - row.createdAtMs) },
    })
  })
}

/**
 * Runs the closure with the row as the transaction sees it; once more, from a fresh read, when a version moved under it.
 * @throws AppError `stale` at the second time, `not_found` when the row is gone, and whatever the closure throws
 */
export async function inFreshTx<T>(
  { store, rows }: Pick<GpuRequestsOptions, "store" | "rows">,
  seen: GpuRequest,
  closure: (tx: Tx, row: GpuRequest) => Promise<T>,
): Promise<T> {
  const attempt = () =>
    store.tx(async (tx) => {
      const row = await rows.byId(tx, seen.id)
      if (!row) throw gpuRequestNotFound(seen.shownId)
      return closure(tx, row)
    })
  try {
    return await attempt()
  } catch (thrown) {
    if (!(thrown instanceof AppError) || thrown.code !== "stale") throw thrown
    return attempt()
  }
}

/** Name and priority; gives the row as it now is. */
async function edit(
  { rows }: GpuRequestsOptions,
  tx: Tx,
  row: GpuRequest,
  change: ChangeGpuRequest,
  { principal, nowMs }: Step,
): Promise<GpuRequest> {
  if (row.state !== "queued") throw wrongState(row, "update")
  const { name = row.name, priority = row.priority } = change
  if (name === row.name && priority === row.priority) return row
  await rows.update(tx, { ...row, name, priority }, "queued")
  await tellGpuRequest(tx, row, {
    operation: "gpu-request.update",
    event: "gpu-request.updated",
    actor: principal.actor,
    atMs: nowMs,
    data: {
      ...(name === row.name ? {} : { name: { from: row.name, to: name } }),
      ...(priority === row.priority ? {} : { priority: { from: row.priority, to: priority } }),
    },
  })
  return { ...row, name, priority, version: row.version + 1 }
}

/** The event is written by the one who ends the hold. */
async function release(
  { holds }: GpuRequestsOptions,
  tx: Tx,
  row: GpuRequest,
  { principal, nowMs }: Step,
): Promise<void> {
  if (row.state !== "provisioned") throw wrongState(row, "early_release")
  const { actor } = principal
  await holds.endHold(tx, row, { cause: "released", nowMs, actor })
  await tx.audit({
    operation: "gpu-request.update",
    subject: gpuRequestSubject(row),
    workspace: row.workspaceId,
    actor,
    outcome: "ok",
    atMs: nowMs,
    data: { released: true, name: row.name },
  })
}
