import type { Principal, User } from "../identity/index.ts"
import type {
  ListedService,
  ModelVersion,
  ModelVersionId,
  PageInParts,
  PipelineRun,
  PipelineRunId,
  ServiceId,
  ServiceQuery,
  ServiceRecord,
  ServiceStatus,
} from "./types.ts"

/** What is said of a record; the rest of it is the server's. */
export type NewServiceRecord = Omit<
  ServiceRecord,
  "id" | "userId" | "createdAtUs" | "updatedAtUs" | "version" | "joined" | "status" | "state"
> & {
  /** null = none: nor is there a state then. */
  readonly status: ServiceStatus | null
}

/** Members that are not there change nothing; null clears. */
export type ServiceRecordChange = Partial<
  Pick<
    NewServiceRecord,
    | "name"
    | "adminState"
    | "source"
    | "status"
    | "endpoint"
    | "predictionUrl"
    | "healthCheckUrl"
    | "labels"
    | "modelVersionId"
  >
>

/** A record with what it links to; null where it links to nothing, or to what is no more. */
export interface ServiceRecordView {
  readonly record: ServiceRecord
  readonly run: PipelineRun | null
  readonly modelVersion: ModelVersion | null
}

/** A record in a list, with what it links to. */
export interface ListedServiceView extends ListedService, Pick<ServiceRecordView, "run" | "modelVersion"> {}

/** Whether records of a user are in a list. */
export type UserTest = (user: Pick<User, "id" | "name">) => boolean

/** Records of model servers (DESIGN 9.4). What the caller has no role for does not exist. */
export interface ServiceRecords {
  /**
   * Checks in this order: right, same config, run, model version.
   * @throws AppError `not_found` (resource `workspace`, `pipeline-run`, `model-version`), `forbidden`,
   *   `already_exists` (resource `service-record`, detail `config`), `conflict` detail `deleting` (the workspace)
   */
  create(principal: Principal, wanted: NewServiceRecord): Promise<ServiceRecordView>
  /** @throws AppError `not_found` (resource `service-record`), `forbidden` */
  get(principal: Principal, id: ServiceId): Promise<ServiceRecordView>
  /** The row is looked up before the model version. */
  update(principal: Principal, id: ServiceId, change: ServiceRecordChange): Promise<ServiceRecordView>
  delete(principal: Principal, id: ServiceId): Promise<void>
  /** @param query.users conditions on who made it, beside the others */
  list(
    principal: Principal,
    query: ServiceQuery & { readonly users: readonly UserTest[] },
  ): Promise<PageInParts<ListedServiceView>>
}

/** Small registers of what records may link to. */
export interface ServiceRegisters {
  readonly runs: Register<PipelineRun, PipelineRunId, NewPipelineRun>
  readonly modelVersions: Register<ModelVersion, ModelVersionId, NewModelVersion>
}
export interface Register<T, Id, New> {
  create(principal: Principal, wanted: New): Promise<T>
  get(principal: Principal, id: Id): Promise<T>
  /** @param workspaceId null = all that the caller may see */
  page(
    principal: Principal,
    workspaceId: string | null,
    page: { readonly limit: number; readonly before: string | null },
  ): Promise<readonly T[]>
  delete(principal: Principal, id: Id): Promise<void>
}
export type NewPipelineRun = Pick<
  PipelineRun,
  "workspaceId" | "name" | "pipelineName" | "status" | "modelVersionId"
>
export type NewModelVersion = Pick<ModelVersion, "workspaceId" | "modelName" | "name" | "stage">
