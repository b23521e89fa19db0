import type { Selectable } from "kysely"
import type { EndCause } from "../domain/queue/index.ts"
import type {
  AttemptId,
  Phase,
  Workload,
  WorkloadKey,
  WorkloadKind,
  WorkloadSpec,
  WorkloadSummary,
} from "../domain/workloads/index.ts"
import type { ClaimId } from "../domain/queue/index.ts"
import { fromJson, toFlag, toJson } from "./codec.ts"
import type { Database } from "./schema.ts"

export type WorkloadRow = Selectable<Database["workload"]>
export type SpecRow = Selectable<Database["workload_spec"]>

/** What changes while a workload runs and no index holds. */
export const runningColumns = [
  "cause",
  "dispatch_count",
  "failures",
  "preemptions",
  "node_losses",
  "start_deadlines",
  "claim_id",
  "attempt_id",
  "conditions",
  "rollout",
  "schedule",
] as const

/** What a change of phase brings with it. */
export const phaseColumns = ["phase", "started_at_ms", "ended_at_ms", "deleted_at_ms"] as const

/** What a PATCH or hiding changes, and the cluster at a dispatch. */
export const wishColumns = [
  "cluster_id",
  "display_name",
  "description",
  "priority",
  "hidden",
  "max_retry",
  "timeout_seconds",
  "ttl_seconds",
  "image",
  "is_supervised",
  "is_tolerate_all",
] as const

/** All that may change. */
export const movingColumns = [...runningColumns, ...phaseColumns, ...wishColumns] as const

export const workloadColumns = [
  "key",
  "id",
  "uid",
  "workspace_id",
  "kind",
  "user_id",
  "user_name",
  "as_server_owner",
  "created_at_ms",
  ...movingColumns,
  "version",
] as const

/** The columns of a whole workload, qualified: for joins of `workload` with `workload_spec`. */
export const fullColumns = [
  ...workloadColumns.map((column) => `workload.${column}` as const),
  "workload_spec.entry_point",
  "workload_spec.spec",
] as const

const longColumns: ReadonlySet<string> = new Set(["conditions", "image"])

/** What a list shows, which is little of the spec: environments and entry points may have a megabyte each. */
export const summaryColumns = workloadColumns
  .filter((column): column is Exclude<typeof column, "conditions" | "image"> => !longColumns.has(column))
  .map((column) => `workload.${column}` as const)

export type SummaryRow = Omit<WorkloadRow, "conditions" | "image"> & { readonly resource: string }
export type FullRow = WorkloadRow & Pick<SpecRow, "entry_point" | "spec">

export function toWorkload(row: FullRow): Workload {
  return {
    ...standingOf(row),
    spec: { ...fromJson<Omit<WorkloadSpec, "entryPoint">>(row.spec), entryPoint: row.entry_point },
    conditions: fromJson(row.conditions),
  }
}

export function toSummary(row: SummaryRow): WorkloadSummary {
  return {
    ...standingOf(row),
    spec: {
      resource: fromJson(row.resource),
      timeout: row.timeout_seconds,
      isTolerateAll: row.is_tolerate_all === 1,
    },
  }
}

function standingOf(row: Omit<WorkloadRow, "conditions" | "image">): Omit<Workload, "spec" | "conditions"> {
  return {
    key: row.key as WorkloadKey,
    id: row.id,
    uid: row.uid,
    workspaceId: row.workspace_id,
    clusterId: row.cluster_id,
    kind: row.kind as WorkloadKind,
    displayName: row.display_name,
    description: row.description,
    userId: row.user_id,
    userName: row.user_name,
    asServerOwner: row.as_server_owner === 1,
    priority: row.priority,
    phase: row.phase as Phase,
    cause: row.cause as EndCause | null,
    dispatchCount: row.dispatch_count,
    failures: row.failures,
    preemptions: row.preemptions,
    nodeLosses: row.node_losses,
    startDeadlines: row.start_deadlines,
    claimId: row.claim_id as ClaimId | null,
    attemptId: row.attempt_id as AttemptId | null,
    rollout: row.rollout === null ? null : fromJson(row.rollout),
    schedule: row.schedule === null ? null : fromJson(row.schedule),
    createdAtMs: row.created_at_ms,
    startedAtMs: row.started_at_ms,
    endedAtMs: row.ended_at_ms,
    deletedAtMs: row.deleted_at_ms,
    hidden: row.hidden === 1,
    version: row.version,
  }
}

export function fromWorkload(workload: Workload): WorkloadRow {
  const { spec } = workload
  return {
    key: workload.key,
    id: workload.id,
    uid: workload.uid,
    workspace_id: workload.workspaceId,
    cluster_id: workload.clusterId,
    kind: workload.kind,
    display_name: workload.displayName,
    description: workload.description,
    user_id: workload.userId,
    user_name: workload.userName,
    as_server_owner: toFlag(workload.asServerOwner),
    priority: workload.priority,
    phase: workload.phase,
    cause: workload.cause,
    dispatch_count: workload.dispatchCount,
    failures: workload.failures,
    preemptions: workload.preemptions,
    node_losses: workload.nodeLosses,
    start_deadlines: workload.startDeadlines,
    claim_id: workload.claimId,
    attempt_id: workload.attemptId,
    created_at_ms: workload.createdAtMs,
    started_at_ms: workload.startedAtMs,
    ended_at_ms: workload.endedAtMs,
    deleted_at_ms: workload.deletedAtMs,
    hidden: toFlag(workload.hidden),
    version: workload.version,
    max_retry: spec.maxRetry,
    timeout_seconds: spec.timeout,
    ttl_seconds: spec.ttlSecondsAfterFinished,
    image: spec.image,
    is_supervised: toFlag(spec.isSupervised),
    is_tolerate_all: toFlag(spec.isTolerateAll),
    conditions: toJson(workload.conditions),
    rollout: workload.rollout === null ? null : toJson(workload.rollout),
    schedule: workload.schedule === null ? null : toJson(workload.schedule),
  }
}

export function specRow(workload: Workload): SpecRow {
  const { entryPoint, ...spec } = workload.spec
  return { workload_key: workload.key, entry_point: entryPoint, spec: toJson(spec) }
}
