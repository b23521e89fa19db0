import type {
  Attempt,
  AttemptId,
  Pod,
  Workload,
  WorkloadDetail,
  WorkloadKey,
} from "../../domain/workloads/index.ts"
import type { ClaimId } from "../../domain/queue/index.ts"

/** The instant that the test rows were made at. */
export const createdAtMs: number = Date.UTC(2025, 9, 29, 8, 0, 0, 250)

/** A workload for tests of this folder: waiting, never dispatched. */
export function testWorkload(change: Partial<Workload> = {}): Workload {
  return {
    key: "wl_01K8QJ2Z000000000000000000" as WorkloadKey,
    id: "train-x7kqd",
    uid: "0199afc2-fc00-0000-0000-000000000000",
    workspaceId: "team",
    clusterId: "local",
    kind: "PyTorchJob",
    displayName: "train",
    description: "",
    userId: "usr_1",
    userName: "ann",
    asServerOwner: false,
    priority: 1,
    spec: testSpec(),
    phase: "Pending",
    cause: null,
    conditions: [],
    dispatchCount: 0,
    failures: 0,
    preemptions: 0,
    nodeLosses: 0,
    startDeadlines: 0,
    claimId: null,
    attemptId: null,
    rollout: null,
    schedule: null,
    createdAtMs,
    startedAtMs: null,
    endedAtMs: null,
    deletedAtMs: null,
    hidden: false,
    version: 1,
    ...change,
  }
}

/** What such a workload asks for; every optional part empty. */
export function testSpec(change: Partial<Workload["spec"]> = {}): Workload["spec"] {
  return {
    resource: {
      replica: 2,
      cpu: "64",
      gpu: "",
      memory: "512Gi",
      ephemeralStorage: "50Gi",
      sharedMemory: "256Gi",
    },
    size: { cpuMilli: 64_000, memoryBytes: 512 * 2 ** 30, gpus: 0, ephemeralBytes: 0 },
    image: "registry/x:1",
    entryPoint: "ZWNobyBoaQ==",
    env: {},
    isSupervised: false,
    maxRetry: 0,
    timeout: null,
    ttlSecondsAfterFinished: 60,
    customerLabels: {},
    specifiedNodes: [],
    isTolerateAll: false,
    dependencies: [],
    cronJobs: [],
    liveness: null,
    readiness: null,
    service: null,
    stopGraceSeconds: null,
    ...change,
  }
}

/** A pod on node `n1`, not started. */
export function testPod(index: number, change: Partial<Pod> = {}): Pod {
  return {
    podId: index === 0 ? "train-x7kqd-master-0" : `train-x7kqd-worker-${index - 1}`,
    index,
    nodeName: "n1",
    gpuIndexes: [],
    phase: "Pending",
    hostIp: "",
    podIp: "",
    startedAtMs: null,
    endedAtMs: null,
    exitCode: null,
    cause: null,
    message: "",
    ...change,
  }
}

/** The `run`-th attempt of the test workload. */
export function testAttempt(run: number, pods: readonly Pod[], change: Partial<Attempt> = {}): Attempt {
  return {
    id: `att_01K8QJ2Z00000000000000000${run}` as AttemptId,
    workloadKey: testWorkload().key,
    claimId: "clm_1" as ClaimId,
    clusterId: "local",
    run,
    state: "running",
    pods,
    handle: null,
    cause: null,
    stopMessage: "",
    graceMs: 30_000,
    assignedAtMs: createdAtMs,
    startedAtMs: null,
    endingAtMs: null,
    goneAtMs: null,
    version: 1,
    ...change,
  }
}

/** What a reader with full rights sees at `nowMs` (default: a minute after its creation). */
export function testDetail(workload: Workload, change: Partial<WorkloadDetail> = {}): WorkloadDetail {
  return {
    workload,
    replicas: [],
    lastMade: null,
    waitingClaimId: null,
    attempts: [],
    endpoint: null,
    position: 0,
    reasons: [],
    waitingFor: { ids: [], othersHidden: 0 },
    nowMs: createdAtMs + 60_000,
    mayReadEnv: true,
    ...change,
  }
}
