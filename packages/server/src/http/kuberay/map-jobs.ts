import { RayJobSchema, type RayJob as WireJob } from "@berth/contract/kuberay"
import { create } from "@bufbuild/protobuf"
import type { NewRayJob, RayJob } from "../../domain/ray/index.ts"
import { specFrom } from "./map-spec-in.ts"
import { wireSpecOf, type ShowValue } from "./map-spec-out.ts"
import { timestampMaybe, timestampOf } from "./timestamps.ts"

/** Of a submitter's container where nothing else was asked for; these are not shown. */
const usualSubmitter = { cpu: "1", memory: "1Gi" }

export function jobFrom(wire: WireJob, namespace: string): NewRayJob {
  const { jobSubmitter, clusterSpec } = wire
  return {
    namespace,
    name: wire.name,
    user: wire.user,
    rayVersion: wire.version,
    entrypoint: wire.entrypoint,
    metadata: wire.metadata,
    runtimeEnv: wire.runtimeEnv,
    numCpus: wire.entrypointNumCpus,
    numGpus: wire.entrypointNumGpus,
    resources: wire.entrypointResources,
    askedJobId: wire.jobId,
    shutdownAfterJobFinishes: wire.shutdownAfterJobFinishes,
    clusterSelector: wire.clusterSelector,
    // Beside a selector one without a head says nothing.
    spec: clusterSpec?.headGroupSpec ? specFrom(clusterSpec) : null,
    ttlSecondsAfterFinished: wire.ttlSecondsAfterFinished,
    activeDeadlineSeconds: Math.max(0, wire.activeDeadlineSeconds),
    submitter: jobSubmitter
      ? {
          image: jobSubmitter.image,
          cpu: jobSubmitter.cpu === "" ? usualSubmitter.cpu : jobSubmitter.cpu,
          memory: jobSubmitter.memory === "" ? usualSubmitter.memory : jobSubmitter.memory,
        }
      : null,
  }
}

export function wireJobOf(job: RayJob, show: ShowValue): WireJob {
  const { spec, submitter } = job
  return create(RayJobSchema, {
    name: job.name,
    namespace: job.namespace,
    user: job.user,
    version: spec === null ? "" : job.rayVersion,
    entrypoint: job.entrypoint,
    metadata: { ...job.metadata },
    runtimeEnv: job.runtimeEnv === "" ? "" : show(job.runtimeEnv),
    jobId: job.submissionId,
    shutdownAfterJobFinishes: job.shutdownAfterJobFinishes,
    clusterSelector: { ...job.clusterSelector },
    ...(spec && { clusterSpec: wireSpecOf(spec, show) }),
    ttlSecondsAfterFinished: job.ttlSecondsAfterFinished,
    ...(submitter && { jobSubmitter: wireSubmitter(submitter) }),
    entrypointNumCpus: job.numCpus,
    entrypointNumGpus: job.numGpus,
    entrypointResources: job.resources,
    activeDeadlineSeconds: job.activeDeadlineSeconds,
    createdAt: timestampOf(job.createdAtMs),
    ...timesOf(job),
    jobStatus: job.status,
    jobDeploymentStatus: job.phase,
    message: job.message,
    rayClusterName: job.clusterName,
  })
}

function timesOf({ deletingAtMs, startedAtMs, endedAtMs }: RayJob) {
  const deleteAt = timestampMaybe(deletingAtMs)
  const startTime = timestampMaybe(startedAtMs)
  const endTime = timestampMaybe(endedAtMs)
  return { ...(deleteAt && { deleteAt }), ...(startTime && { startTime }), ...(endTime && { endTime }) }
}

function wireSubmitter({ image, cpu, memory }: NonNullable<RayJob["submitter"]>) {
  return {
    image,
    cpu: cpu === usualSubmitter.cpu ? "" : cpu,
    memory: memory === usualSubmitter.memory ? "" : memory,
  }
}
