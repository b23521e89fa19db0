import { hash } from "node:crypto"
import type { Selectable } from "kysely"
import type { UserId } from "../domain/identity/index.ts"
import type {
  JsonText,
  ListedService,
  ModelVersionId,
  PipelineRunId,
  ServiceDetails,
  ServiceId,
  ServiceRecord,
  ServiceState,
  ServiceSummary,
} from "../domain/services/index.ts"
import { fromJson, toJson } from "./codec.ts"
import type { Database } from "./schema.ts"

export type ServiceRow = Selectable<Database["service_record"]>

/** What lists show. */
export const summaryColumns = [
  "id",
  "workspace_id",
  "user_id",
  "name",
  "type",
  "flavor",
  "pipeline_name",
  "pipeline_step_name",
  "state",
  "model_version_id",
  "pipeline_run_id",
  "joined",
  "created_at_us",
  "updated_at_us",
  "version",
  "body",
] as const satisfies readonly (keyof ServiceRow)[]
/** What whole records show beside; each may be long. */
export const detailColumns = ["details", "config"] as const satisfies readonly (keyof ServiceRow)[]
export const serviceColumns = [...summaryColumns, ...detailColumns] as const

/** A row of a list: its details may be missing, and are not looked at then. */
export type ListedRow = SummaryRow & Partial<DetailedRow>
export type SummaryRow = Pick<ServiceRow, (typeof summaryColumns)[number]>
type DetailedRow = SummaryRow & Pick<ServiceRow, (typeof detailColumns)[number]>
type Body = Pick<ServiceRecord, "type" | "labels" | "joined" | "predictionUrl" | "healthCheckUrl">
type Details = Omit<ServiceDetails, "config">

/**
 * Older rows have everything in their body, their labels as an object, and those from before there was anything to
 * follow no `joined`.
 */
type StoredBody = Pick<Body, "type" | "predictionUrl" | "healthCheckUrl"> & {
  readonly joined?: Body["joined"]
  readonly labels: JsonText | object | null
}

function labelsOf(labels: StoredBody["labels"]): JsonText | null {
  return typeof labels === "object" ? labels && (JSON.stringify(labels) as JsonText) : labels
}

/** A UUID as lists compare it. */
export function toHex(uuid: string): string {
  return uuid.replaceAll("-", "")
}

export function toUuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

export function configHash(config: JsonText): string {
  return hash("sha256", config)
}

/** A record's row, without what it is found by when another one has the same config. */
export function fromRecord(record: ServiceRecord): DetailedRow {
  const { type, source, adminState, labels, status, endpoint, predictionUrl, healthCheckUrl, joined } = record
  const body: Body = { type, labels, joined, predictionUrl, healthCheckUrl }
  const details: Details = { source, adminState, status, endpoint }
  return {
    id: toHex(record.id),
    workspace_id: record.workspaceId,
    user_id: record.userId,
    name: record.name,
    type: type.type,
    flavor: type.flavor,
    pipeline_name: record.pipelineName,
    pipeline_step_name: record.pipelineStepName,
    state: record.state,
    model_version_id: record.modelVersionId && toHex(record.modelVersionId),
    pipeline_run_id: record.pipelineRunId && toHex(record.pipelineRunId),
    created_at_us: record.createdAtUs,
    updated_at_us: record.updatedAtUs,
    config: record.config,
    body: toJson(body),
    details: toJson(details),
    joined: joined && joined.key,
    version: record.version,
  }
}

export function toRecord(row: DetailedRow): ServiceRecord {
  return { ...toSummary(row), ...toDetails(row) }
}

export function toListed(row: ListedRow, isDetailed: boolean): ListedService {
  return { summary: toSummary(row), details: isDetailed ? toDetails(row as DetailedRow) : null }
}

function toDetails({ body, details, config }: DetailedRow): ServiceDetails {
  const { source, adminState, status, endpoint } = fromJson<Details>(details ?? body)
  return {
    source,
    adminState,
    config: config as JsonText,
    status,
    endpoint,
  }
}

/** What lists show of a row. */
export function toSummary(row: SummaryRow): ServiceSummary {
  const { type, labels, joined, predictionUrl, healthCheckUrl } = fromJson<StoredBody>(row.body)
  return {
    type,
    labels: labelsOf(labels),
    joined: joined ?? null,
    predictionUrl,
    healthCheckUrl,
    id: toUuid(row.id) as ServiceId,
    workspaceId: row.workspace_id,
    userId: row.user_id as UserId | null,
    name: row.name,
    pipelineName: row.pipeline_name,
    pipelineStepName: row.pipeline_step_name,
    state: row.state as ServiceState | null,
    modelVersionId: row.model_version_id === null ? null : (toUuid(row.model_version_id) as ModelVersionId),
    pipelineRunId: row.pipeline_run_id === null ? null : (toUuid(row.pipeline_run_id) as PipelineRunId),
    createdAtUs: row.created_at_us,
    updatedAtUs: row.updated_at_us,
    version: row.version,
  }
}
