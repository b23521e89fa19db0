import {
  JobSubmissionInfoSchema,
  type JobSubmissionInfo,
  type RayJobSubmission,
} from "@berth/contract/kuberay"
import { create } from "@bufbuild/protobuf"
import type { RayEntrypoint, SubmissionInfo } from "../../domain/ray/index.ts"
import { goText } from "./go-text.ts"
import type { ShowValue } from "./map-spec-out.ts"

export function submissionFrom(wire: RayJobSubmission): RayEntrypoint & { readonly submissionId: string } {
  const { entrypointResources: resources } = wire
  return {
    entrypoint: wire.entrypoint,
    submissionId: wire.submissionId,
    metadata: wire.metadata,
    runtimeEnv: wire.runtimeEnv,
    numCpus: wire.entrypointNumCpus,
    numGpus: wire.entrypointNumGpus,
    resources: Object.keys(resources).length === 0 ? "" : JSON.stringify(resources),
  }
}

export function wireSubmissionOf(info: SubmissionInfo, show: ShowValue): JobSubmissionInfo {
  const { entrypoint, jobId, submissionId, status, message, errorType, metadata, runtimeEnv } = info
  return create(JobSubmissionInfoSchema, {
    entrypoint,
    jobId,
    submissionId,
    status,
    message,
    errorType,
    startTime: millisOf(info.startTimeMs),
    endTime: millisOf(info.endTimeMs),
    metadata: { ...metadata },
    runtimeEnv: Object.fromEntries(
      Object.entries(runtimeEnv).map(([name, value]) => [name, show(goText(value))]),
    ),
  })
}

function millisOf(ms: number | null): bigint {
  return BigInt(Math.max(0, Math.trunc(ms ?? 0)))
}
