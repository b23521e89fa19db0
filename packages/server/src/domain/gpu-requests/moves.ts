import { AppError } from "../../kit/errors.ts"
import type { JsonObject } from "../../kit/json.ts"
import type { NodeId } from "../inventory/index.ts"
import type { Actor, NewEvent } from "../journal/index.ts"
import { canMoveGpuRequest, stateAfter } from "./states.ts"
import type { GpuEndCause, GpuRequest, GpuRequestState, HeldNode, NodeHold } from "./types.ts"

/**
 * The moves of a request as pure functions: row in, row out. Who calls them writes the row, its holds and the event in
 * one transaction.
 */

/** @throws AppError `internal` for a move that the table does not have */
function move(request: GpuRequest, to: GpuRequestState): void {
  if (!canMoveGpuRequest(request.state, to))
    throw new AppError("internal", `A GPU request cannot go from ${request.state} to ${to}.`)
}

/** Nodes were handed over; its clock runs from now. */
export function provisioned(
  request: GpuRequest,
  given: { readonly nodes: readonly HeldNode[]; readonly place: number | null },
  nowMs: number,
): GpuRequest {
  move(request, "provisioned")
  return {
    ...request,
    ...given,
    state: "provisioned",
    startedAtMs: nowMs,
    endsAtMs: nowMs + (request.remainingMs ?? request.durationMs),
    promised: request.promised ?? { startMs: nowMs, atMs: request.createdAtMs },
    estimate: request.estimate ?? { startMs: nowMs, atMs: nowMs },
    idleSinceMs: nowMs,
  }
}

/** The hold of a provisioned request on one of its nodes. */
export function holdOf(request: GpuRequest, nodeId: NodeId, nowMs: number): NodeHold {
  return {
    nodeId,
    requestId: request.id,
    workspaceId: request.workspaceId,
    state: "held",
    sinceMs: nowMs,
    drainDeadlineMs: null,
    untilMs: request.endsAtMs ?? nowMs,
    automatic: request.automatic !== null,
    version: 1,
  }
}

/** Its hold is over. A lost node sends it back to the queue, where it asked for that, with what is left. */
export function holdEnded(
  request: GpuRequest,
  end: { readonly cause: GpuEndCause; readonly reason: string; readonly nowMs: number },
): GpuRequest {
  const { cause, reason, nowMs } = end
  const idleMs =
    request.idleMs + (request.idleSinceMs === null ? 0 : Math.max(0, nowMs - request.idleSinceMs))
  const over = { ...request, place: null, idleSinceMs: null, idleMs }
  const remainingMs = Math.max(0, (request.endsAtMs ?? nowMs) - nowMs)
  if (cause === "node_lost" && request.requeueOnFailure && remainingMs > 0) {
    move(request, "queued")
    const heldMs = Math.max(0, nowMs - (request.startedAtMs ?? nowMs))
    return {
      ...over,
      state: "queued",
      startedAtMs: null,
      endsAtMs: null,
      remainingMs,
      heldBeforeMs: request.heldBeforeMs + heldMs,
      retries: request.retries + 1,
      estimate: null,
    }
  }
  const state = stateAfter[cause]
  move(request, state)
  return { ...over, state, cause, failureReason: cause === "node_lost" ? reason : "", endedAtMs: nowMs }
}

/** Taken out of the queue. */
export function cancelled(request: GpuRequest, cause: GpuEndCause, nowMs: number): GpuRequest {
  move(request, "cancelled")
  return { ...request, state: "cancelled", cause, endedAtMs: nowMs }
}

/** What each end is called in events. */
export const endEvents: Readonly<Record<GpuEndCause, string>> = {
  duration: "gpu-request.completed",
  work_over: "gpu-request.completed",
  released: "gpu-request.released",
  workspace_deleted: "gpu-request.released",
  idle: "gpu-request.timed-out",
  node_lost: "gpu-request.failed",
  cancelled: "gpu-request.cancelled",
}

/** An event about a request, on the id that people know it by. */
export function gpuRequestEvent(
  request: GpuRequest,
  type: string,
  actor: Actor,
  atMs: number,
  data: JsonObject = {},
): NewEvent {
  const { shownId, workspaceId, name } = request
  return {
    type,
    subject: { kind: "gpu-request", id: shownId },
    workspace: workspaceId,
    actor,
    atMs,
    data: { name, ...data },
  }
}
