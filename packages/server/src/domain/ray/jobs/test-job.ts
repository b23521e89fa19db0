import { sampleRayCluster, sampleRayJob } from "../ray-samples.ts"
import type { RayCluster, RayClusterKey, RayJob, RayJobKey, SubmissionInfo } from "../types.ts"

const anns = { namespace: "team-a", workspaceId: "team-a", asServerOwner: true, createdAtMs: 0 }

/** A job of its own cluster that nobody has looked at, for tests. */
export function aRayJob(row: Partial<RayJob> = {}): RayJob {
  const entrypoint = "python count.py"
  return sampleRayJob(1, {
    ...anns,
    key: "rjb_1" as RayJobKey,
    name: "count",
    entrypoint,
    spec: null,
    ...row,
  })
}

/** The cluster of such a job, ready. */
export function aClusterOfJob(row: Partial<RayCluster> = {}): RayCluster {
  return sampleRayCluster(1, {
    ...anns,
    key: "rcl_1" as RayClusterKey,
    name: "count-abcde",
    clusterId: "local",
    environment: null,
    parent: { kind: "job", key: "rjb_1", name: "count" },
    state: "ready",
    gangClaimId: null,
    readyAtMs: 0,
    ...row,
  })
}

/** What Ray says of a submission in that status. */
export function infoOf(status: string, more: Partial<SubmissionInfo> = {}): SubmissionInfo {
  return {
    entrypoint: "python count.py",
    jobId: "",
    submissionId: "count-12345",
    status,
    message: `It is ${status}.`,
    errorType: "",
    startTimeMs: 0,
    endTimeMs: null,
    metadata: {},
    runtimeEnv: {},
    ...more,
  }
}
