import type { RayCluster, RayClusterKey, RayJob, RayJobKey, SubmissionInfo } from "../types.ts"

/** A job of its own cluster that nobody has looked at, for tests. */
export function aRayJob(row: Partial<RayJob> = {}): RayJob {
  return {
    key: "rjb_1" as RayJobKey,
    namespace: "team-a",
    name: "count",
    workspaceId: "team-a",
    userId: "usr_1",
    asServerOwner: true,
    user: "ann",
    rayVersion: "2.60.0",
    entrypoint: "python count.py",
    metadata: {},
    runtimeEnv: "",
    numCpus: 0,
    numGpus: 0,
    resources: "",
    askedJobId: "",
    shutdownAfterJobFinishes: false,
    clusterSelector: {},
    spec: null,
    ttlSecondsAfterFinished: 0,
    activeDeadlineSeconds: 0,
    submitter: null,
    status: "",
    phase: "",
    message: "",
    submissionId: "",
    clusterName: "",
    clusterKey: null,
    suspensions: 0,
    startedAtMs: null,
    endedAtMs: null,
    finishedAtMs: null,
    createdAtMs: 0,
    deletingAtMs: null,
    clusterShutDown: false,
    version: 1,
    ...row,
  }
}

/** The cluster of such a job, ready. */
export function aClusterOfJob(row: Partial<RayCluster> = {}): RayCluster {
  return {
    key: "rcl_1" as RayClusterKey,
    namespace: "team-a",
    name: "count-abcde",
    workspaceId: "team-a",
    clusterId: "local",
    userId: "usr_1",
    asServerOwner: true,
    user: "ann",
    rayVersion: "2.60.0",
    environment: null,
    annotations: {},
    spec: {} as RayCluster["spec"],
    serves: false,
    parent: { kind: "job", key: "rjb_1", name: "count" },
    state: "ready",
    suspended: false,
    suspensions: 0,
    message: "",
    runtime: null,
    address: null,
    sealedToken: null,
    gangClaimId: null,
    headFailures: 0,
    readyAtMs: 0,
    retryAtMs: null,
    createdAtMs: 0,
    endedAtMs: null,
    version: 1,
    ...row,
  }
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
