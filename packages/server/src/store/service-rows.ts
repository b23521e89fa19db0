import { createHash } from "node:crypto"
import type { Selectable } from "kysely"
import type { UserId } from "../domain/identity/index.ts"
import type {
  JsonText,
  ModelVersionId,
  PipelineRunId,
  ServiceId,
  ServiceRecord,
  ServiceState,
} from "../domain/services/index.ts"
import { fromJson, toJson } from "./codec.ts"
import type { Database } from "./schema.ts"

export type ServiceRow = Selectable<Database["service_record"]>

export const serviceColumns = [
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
  "created_at_us",
  "updated_at_us",
  "config_hash",
  "config",
  "body",
  "joined",
  "version",
] as const satisfies readonly (keyof ServiceRow)[]

type Body = Pick<
  ServiceRecord,
  | "type"
  | "source"
  | "adminState"
  | "labels"
  | "status"
  | "endpoint"
  | "predictionUrl"
  | "healthCheckUrl"
  | "joined"
>

/** Rows from before there was anything to follow have no `joined`, older ones their labels as an object. */
type StoredBody = Omit<Body, "joined" | "labels"> & {
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
  return createHash("sha256").update(config).digest("hex")
}

export function fromRecord(record: ServiceRecord): ServiceRow {
  const { type, source, adminState, labels, status, endpoint, predictionUrl, healthCheckUrl, joined } = record
  const body: Body = {
    type,
    source,
    adminState,
    labels,
    status,
    endpoint,
    predictionUrl,
    healthCheckUrl,
    joined,
  }
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
    config_hash: configHash(record.config),
    config: record.config,
    body: toJson(body),
    joined: joined && joined.key,
    version: record.version,
  }
}

/** A row without what may be long. */
export type ServiceEntryColumns = Omit<ServiceRow, "config" | "config_hash">

export const entryColumns = serviceColumns.filter(
  (column) => column !== "config" && column !== "config_hash",
) as readonly (keyof ServiceEntryColumns)[]

export function toRecord(row: ServiceRow): ServiceRecord {
  return { ...toEntryRecord(row), config: row.config as JsonText }
}

export function toEntryRecord(row: ServiceEntryColumns): Omit<ServiceRecord, "config"> {
  const body = fromJson<StoredBody>(row.body)
  return {
    ...body,
    labels: labelsOf(body.labels),
    joined: body.joined ?? null,
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
