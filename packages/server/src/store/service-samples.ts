import type { UserId } from "../domain/identity/index.ts"
import type {
  JsonText,
  ModelVersion,
  ModelVersionId,
  PipelineRun,
  PipelineRunId,
  ServiceId,
  ServiceRecord,
  ServiceWatch,
} from "../domain/services/index.ts"
import { newServiceRecord } from "../domain/services/record-samples.ts"

/** A UUID that ends with a number: of two, the one with the greater number is the later one. */
export function uuidOf(number: number): string {
  return `0190a5e0-0000-7000-8000-${number.toString(16).padStart(12, "0")}`
}

/** A record with a config of its own, for tests of stores. */
export function sampleRecord(number: number, change: Partial<ServiceRecord> = {}): ServiceRecord {
  return {
    ...newServiceRecord({
      workspaceId: "a",
      name: `svc-${number}`,
      config: `{"number": ${number}}` as JsonText,
    }),
    id: uuidOf(number) as ServiceId,
    userId: "usr_1" as UserId,
    status: null,
    state: null,
    joined: null,
    createdAtUs: 1_700_000_000_000_000 + number * 1_000_000,
    updatedAtUs: 1_700_000_000_000_000 + number * 1_000_000,
    version: 1,
    ...change,
  }
}

export function sampleRun(number: number, change: Partial<PipelineRun> = {}): PipelineRun {
  return {
    id: uuidOf(number) as PipelineRunId,
    workspaceId: "a",
    userId: null,
    name: `run-${number}`,
    pipelineName: "train",
    status: "completed",
    modelVersionId: null,
    createdAtUs: number,
    updatedAtUs: number,
    version: 1,
    ...change,
  }
}

export function sampleModelVersion(number: number, change: Partial<ModelVersion> = {}): ModelVersion {
  return {
    id: uuidOf(number) as ModelVersionId,
    workspaceId: "a",
    userId: null,
    modelName: "churn",
    modelId: uuidOf(1),
    number,
    name: null,
    stage: null,
    createdAtUs: number,
    updatedAtUs: number,
    version: 1,
    ...change,
  }
}

/** A watch of a record of which nothing is known yet. */
export function sampleWatch({ id, workspaceId }: ServiceRecord): ServiceWatch {
  return {
    serviceId: id,
    workspaceId,
    intervalSeconds: 30,
    timeoutSeconds: 5,
    failureThreshold: 3,
    successThreshold: 1,
    verdict: "unknown",
    sinceMs: null,
    lastProbe: null,
    historySeq: 0,
    createdAtMs: 1,
    version: 1,
  }
}
