import type { Branded } from "../../kit/ids.ts"
import type { UserId } from "../identity/index.ts"
import type { Reads, Topic, Tx } from "../journal/index.ts"
import { topic } from "../journal/index.ts"
import type { ServiceWatch, WatchStore } from "./watches/types.ts"

/** A lower-case UUID with hyphens: the 128 bits of the ULID that it was made from (DESIGN 2). */
export type ServiceId = Branded<"ServiceId">
export type PipelineRunId = Branded<"PipelineRunId"> // UUID, as ServiceId
export type ModelVersionId = Branded<"ModelVersionId"> // UUID, as ServiceId

/**
 * JSON as it was sent: key order, number literals; written as Python's `json.dumps` writes it, so that equal texts are
 * what upstream takes for equal (reference/zenml-services.md 2.4).
 */
export type JsonText = Branded<"JsonText">

/** reference/zenml-services.md 2.3, in the order in which errors list them. */
export const serviceStates = [
  "inactive",
  "active",
  "pending_startup",
  "pending_shutdown",
  "error",
  "scaled_to_zero",
] as const
export type ServiceState = (typeof serviceStates)[number]

export interface ServiceType {
  readonly type: string
  readonly flavor: string
  readonly name: string
  readonly description: string
  readonly logoUrl: string
}

/** A status as its owner writes it, with the state that it tells: neither is ever written without the other. */
export interface ServiceStatus {
  readonly text: JsonText
  /** Its member `state`; null where it has none. */
  readonly state: ServiceState | null
}

/** What lists show of the record of a model server (reference/zenml-services.md 2.1, 2.6, 6.1). */
export interface ServiceSummary {
  readonly id: ServiceId
  readonly workspaceId: string
  /** Who made it; null: that user is no more. */
  readonly userId: UserId | null
  /** 0–255 characters; need not be unique. */
  readonly name: string
  readonly type: ServiceType
  /** The members of `config` of these names as text, for filters; null where there are none. */
  readonly pipelineName: string | null
  readonly pipelineStepName: string | null
  /** An object of strings, in the order in which they were sent; null = none; never {}. */
  readonly labels: JsonText | null
  /** What `status.state` said when `status` was last written, or what a watch found since. */
  readonly state: ServiceState | null
  readonly modelVersionId: ModelVersionId | null
  readonly pipelineRunId: PipelineRunId | null
  /** Microseconds since 1970 UTC: growing within a process, also within one millisecond. */
  readonly createdAtUs: number
  readonly updatedAtUs: number
  readonly version: number
  /** What of this server it shows; null: it is its owner's alone. */
  readonly joined: ServiceJoin | null
  readonly predictionUrl: string | null
  readonly healthCheckUrl: string | null
}

/** What is shown of a record that is asked for whole. It may be long. */
export interface ServiceDetails {
  readonly source: string | null
  readonly adminState: ServiceState | null
  /** An object. No two records on the server have the same. */
  readonly config: JsonText
  readonly status: JsonText | null
  readonly endpoint: JsonText | null
}

export interface ServiceRecord extends ServiceSummary, ServiceDetails {}

/** A record in a list. */
export interface ListedService {
  readonly summary: ServiceSummary
  /** null: they were not asked for. */
  readonly details: ServiceDetails | null
}

/** What a record follows: by its inner key, for a later one of the same name is another. */
export interface ServiceJoin {
  readonly kind: "workload" | "ray-service"
  readonly key: string
  /** A workload's id, or a Ray service's namespace/name. */
  readonly name: string
  /** The state that following it has written last: any other one is its owner's word. Absent: none yet. */
  readonly state?: ServiceState | null
}

/** A pipeline's run, to be linked to (issue: small registers). */
export interface PipelineRun {
  readonly id: PipelineRunId
  readonly workspaceId: string
  readonly userId: UserId | null
  readonly name: string
  readonly pipelineName: string | null
  /** reference/zenml-services.md 3.2. */
  readonly status: PipelineRunStatus
  readonly modelVersionId: ModelVersionId | null
  readonly createdAtUs: number
  readonly updatedAtUs: number
  readonly version: number
}
export const pipelineRunStatuses = [
  "initializing",
  "provisioning",
  "failed",
  "completed",
  "running",
  "cached",
  "retrying",
  "retried",
  "stopped",
  "stopping",
] as const
export type PipelineRunStatus = (typeof pipelineRunStatuses)[number]

/** A version of a model, numbered from 1 within its model. */
export interface ModelVersion {
  readonly id: ModelVersionId
  readonly workspaceId: string
  readonly userId: UserId | null
  readonly modelName: string
  /** UUID: the same for all versions of a model name in a workspace. */
  readonly modelId: string
  readonly number: number
  /** null = its number. */
  readonly name: string | null
  readonly stage: string | null
  readonly createdAtUs: number
  readonly updatedAtUs: number
  readonly version: number
}

/** What a list may be filtered and sorted by. `user` is turned into ids before the store sees it. */
export const serviceColumns = [
  "id",
  "created",
  "updated",
  "name",
  "user",
  "model_version_id",
  "pipeline_run_id",
  "type",
  "flavor",
  "pipeline_name",
  "pipeline_step_name",
] as const
export type ServiceColumn = (typeof serviceColumns)[number]

/**
 * One condition. Ids are compared as 32 hex digits, names ignoring ASCII case, `%` and `_` mean themselves; `greater`
 * and the like on text compare it as a number, on instants as microseconds; `between` has both ends in it.
 */
export type ServiceCondition = { readonly column: ServiceColumn } & (
  | { readonly op: "equals" | "not_equals"; readonly value: string }
  | { readonly op: "contains" | "not_contains" | "starts_with" | "ends_with"; readonly value: string }
  /** null among the values is fulfilled by null. */
  | { readonly op: "one_of"; readonly values: readonly (string | null)[] }
  /** Without any values fulfilled by null too. */
  | { readonly op: "not_one_of"; readonly values: readonly string[] }
  | {
      readonly op: "equals_at" | "not_equals_at" | "greater" | "at_least" | "less" | "at_most"
      readonly number: number
    }
  | { readonly op: "between"; readonly from: number; readonly to: number }
  | { readonly op: "is_null" | "is_not_null" }
)

export interface ServiceQuery {
  readonly workspaceId: string
  /** Exactly this user's; null = anybody's. */
  readonly scopeUserId: UserId | null
  readonly match: "all" | "any"
  readonly conditions: readonly ServiceCondition[]
  readonly sort: { readonly column: ServiceColumn; readonly descending: boolean }
  /** 0-based. */
  readonly offset: number
  readonly limit: number
  /** Whether details are read too. */
  readonly isDetailed: boolean
}

/** A page of a list, with how many there are over all pages, of one view of the database. */
export interface PageInParts<T> {
  readonly total: number
  /** What of it is read at once: all of it as a rule, of a long page the beginning. */
  readonly first: readonly T[]
  /** What follows; null where nothing does. */
  readonly rest: Parts<T> | null
}

/** The rest of a long page, read part by part as it is asked for: no page fills the memory. */
export interface Parts<T> {
  /** null at the end. @throws AppError `unavailable` also when all of it takes more than half a minute */
  next(): Promise<readonly T[] | null>
  /** Whoever does not read to the end says so. Idempotent. */
  close(): void
}

/** What lists show of a record, and its watch. */
export interface ServiceEntryRow {
  readonly record: ServiceSummary
  readonly watch: ServiceWatch | null
}

/** The record after which a page begins. */
export type EntryCursor = Pick<ServiceRecord, "createdAtUs" | "id">

export interface EntryQuery {
  /** null = of all. */
  readonly workspaceIds: readonly string[] | null
  /** Whole, whatever the case of ASCII letters; null = any. */
  readonly name: string | null
  readonly state: ServiceState | null
  readonly limit: number
  readonly before: EntryCursor | null
}

export interface ServiceStore {
  readonly records: {
    byId(from: Reads, id: ServiceId): Promise<ServiceRecord | undefined>
    /** Ties in the sort are by id, in the sort's direction. */
    list(from: Reads, query: ServiceQuery): Promise<PageInParts<ListedService>>
    /** The one on the server with exactly this config. */
    bySameConfig(from: Reads, config: JsonText): Promise<ServiceId | undefined>
    /** Every one that follows something. */
    joined(from: Reads): Promise<readonly ServiceRecord[]>
    /** @throws AppError `already_exists` (resource `service-record`, detail `config`) when one has the same config */
    insert(tx: Tx, record: ServiceRecord): Promise<void>
    /** Writes version + 1. @throws AppError `stale` */
    update(tx: Tx, record: ServiceRecord): Promise<void>
    /** With its watch and the history of it. */
    delete(tx: Tx, id: ServiceId): Promise<void>
  }
  readonly entries: {
    /** Newest records first. */
    page(from: Reads, query: EntryQuery): Promise<readonly ServiceEntryRow[]>
  }
  readonly watches: WatchStore
  readonly runs: ServiceRegister<PipelineRun, PipelineRunId>
  readonly modelVersions: ServiceRegister<ModelVersion, ModelVersionId> & {
    /** The one with the highest number of a model. */
    last(from: Reads, workspaceId: string, modelName: string): Promise<ModelVersion | undefined>
  }
  /** Drops counters of nothing. */
  pruneCounts(tx: Tx): Promise<void>
  /** Everything of a workspace that is no more; at most `limit` rows. @returns how many; 0 = nothing is left */
  deleteIn(tx: Tx, workspaceId: string, limit: number): Promise<number>
}

export interface ServiceRegister<T, Id> {
  byId(from: Reads, id: Id): Promise<T | undefined>
  /** Newest first. */
  page(
    from: Reads,
    workspaceIds: readonly string[] | null,
    page: { readonly limit: number; readonly before: string | null },
  ): Promise<readonly T[]>
  insert(tx: Tx, row: T): Promise<void>
  update(tx: Tx, row: T): Promise<void>
  /** Records that link to it are unlinked in the same transaction. */
  delete(tx: Tx, id: Id): Promise<void>
}

/** The row after the change; `gone`: it was deleted. */
export const serviceRecordChanged: Topic<{ readonly record: ServiceRecord; readonly gone: boolean }> =
  topic("service-record-changed")
