import { type Selectable, type SqlBool, sql } from "kysely"
import type {
  GpuEndCause,
  GpuRequest,
  GpuRequestId,
  GpuRequestState,
  Promised,
} from "../domain/gpu-requests/index.ts"
import { fromJson, toFlag, toJson } from "./codec.ts"
import type { Database } from "./schema.ts"

export type GpuRequestRow = Selectable<Database["gpu_request"]>

/** What a request never changes. */
const fixedColumns = ["id", "shown_id", "workspace_id", "user_id", "created_at_ms"] as const
export const movingColumns = [
  "name",
  "wish",
  "priority",
  "duration_ms",
  "idle_timeout_ms",
  "requeue_on_failure",
  "enable_eviction",
  "multi_node",
  "automatic",
  "state",
  "started_at_ms",
  "ends_at_ms",
  "ended_at_ms",
  "nodes",
  "place",
  "remaining_ms",
  "held_before_ms",
  "retries",
  "cause",
  "failure_reason",
  "promised_start_ms",
  "promised_at_ms",
  "promised_likely_ms",
  "estimate_start_ms",
  "estimate_at_ms",
  "idle_since_ms",
  "idle_ms",
] as const
export const gpuRequestColumns = [...fixedColumns, ...movingColumns, "version"] as const

/** Queued or provisioned, as the index `gpu_request_live` says it: in other words it would not be used. */
export const isLiveRow = sql<SqlBool>`state in ('queued', 'provisioned')`
/** Not cancelled, as the index `gpu_request_by_workspace` says it. */
export const isNotCancelledRow = sql<SqlBool>`state <> 'cancelled'`

export function toGpuRequest(row: GpuRequestRow): GpuRequest {
  return {
    id: row.id as GpuRequestId,
    shownId: row.shown_id,
    name: row.name,
    workspaceId: row.workspace_id,
    userId: row.user_id,
    wish: fromJson(row.wish),
    priority: row.priority,
    durationMs: row.duration_ms,
    idleTimeoutMs: row.idle_timeout_ms,
    requeueOnFailure: row.requeue_on_failure === 1,
    enableEviction: row.enable_eviction === 1,
    multiNode: row.multi_node === 1,
    automatic: row.automatic === null ? null : fromJson(row.automatic),
    state: row.state as GpuRequestState,
    createdAtMs: row.created_at_ms,
    startedAtMs: row.started_at_ms,
    endsAtMs: row.ends_at_ms,
    endedAtMs: row.ended_at_ms,
    nodes: fromJson(row.nodes),
    place: row.place,
    remainingMs: row.remaining_ms,
    heldBeforeMs: row.held_before_ms,
    retries: row.retries,
    cause: row.cause as GpuEndCause | null,
    failureReason: row.failure_reason,
    promised: promised(row.promised_start_ms, row.promised_at_ms, row.promised_likely_ms),
    estimate: promised(row.estimate_start_ms, row.estimate_at_ms, null),
    idleSinceMs: row.idle_since_ms,
    idleMs: row.idle_ms,
    version: row.version,
  }
}

function promised(startMs: number | null, atMs: number | null, likelyMs: number | null): Promised | null {
  if (atMs === null) return null
  return likelyMs === null ? { startMs, atMs } : { startMs, atMs, likelyMs }
}

export function fromGpuRequest(request: GpuRequest): GpuRequestRow {
  return {
    id: request.id,
    shown_id: request.shownId,
    name: request.name,
    workspace_id: request.workspaceId,
    user_id: request.userId,
    wish: toJson(request.wish),
    priority: request.priority,
    duration_ms: request.durationMs,
    idle_timeout_ms: request.idleTimeoutMs,
    requeue_on_failure: toFlag(request.requeueOnFailure),
    enable_eviction: toFlag(request.enableEviction),
    multi_node: toFlag(request.multiNode),
    automatic: request.automatic === null ? null : toJson(request.automatic),
    state: request.state,
    created_at_ms: request.createdAtMs,
    started_at_ms: request.startedAtMs,
    ends_at_ms: request.endsAtMs,
    ended_at_ms: request.endedAtMs,
    nodes: toJson(request.nodes),
    place: request.place,
    remaining_ms: request.remainingMs,
    held_before_ms: request.heldBeforeMs,
    retries: request.retries,
    cause: request.cause,
    failure_reason: request.failureReason,
    promised_start_ms: request.promised?.startMs ?? null,
    promised_at_ms: request.promised?.atMs ?? null,
    promised_likely_ms: request.promised?.likelyMs ?? null,
    estimate_start_ms: request.estimate?.startMs ?? null,
    estimate_at_ms: request.estimate?.atMs ?? null,
    idle_since_ms: request.idleSinceMs,
    idle_ms: request.idleMs,
    version: request.version,
  }
}
