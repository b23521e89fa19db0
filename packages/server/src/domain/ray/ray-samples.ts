import type { ClaimId } from "../queue/index.ts"
import { freshCluster } from "./fresh-cluster.ts"
import type {
  ComputeTemplate,
  ConfigEntry,
  HeadGroup,
  RayCluster,
  RayClusterKey,
  RayClusterSpec,
  RayEvent,
  RayJob,
  RayJobKey,
  RayPod,
  RayPodId,
  RayService,
  RayServiceKey,
  RaySubmission,
} from "./index.ts"

/* Whole rows, for tests: each takes what matters to the case. */

const epochMs = 1_800_000_000_000
const ulid = (n: number) => String(n).padStart(26, "0")
export const clusterKey = (n: number) => `rcl_${ulid(n)}` as RayClusterKey

const environment = { values: {}, valuesFrom: {} }
const head: HeadGroup = {
  computeTemplate: "small",
  resources: {
    cpu: 1,
    memory: 2,
    memoryUnit: "Gi",
    gpu: 0,
    gpuAccelerator: "",
    tolerations: [],
    extendedResources: {},
  },
  image: "",
  rayStartParams: { "dashboard-host": "0.0.0.0" },
  volumes: [],
  serviceAccount: "",
  imagePullSecret: "",
  imagePullPolicy: "",
  environment,
  annotations: {},
  labels: {},
  securityContext: null,
  serviceType: "",
  enableIngress: false,
}
const spec: RayClusterSpec = {
  head,
  workers: [{ ...head, groupName: "small-wg", replicas: 1, minReplicas: 1, maxReplicas: 2 }],
  enableInTreeAutoscaling: false,
  autoscaler: null,
  headServiceAnnotations: {},
}

export function sampleRayCluster(n: number, change: Partial<RayCluster> = {}): RayCluster {
  const fresh = freshCluster({
    key: clusterKey(n),
    namespace: "team",
    name: `cluster-${n}`,
    workspaceId: "a",
    userId: "usr_1",
    asServerOwner: false,
    user: "ann",
    rayVersion: "2.60.0",
    environment: 0,
    annotations: {},
    spec,
    serves: false,
    parent: null,
    createdAtMs: epochMs + n,
  })
  return { ...fresh, gangClaimId: `clm_${ulid(n)}` as ClaimId, ...change }
}

export function sampleRayPod(n: number, change: Partial<RayPod> = {}): RayPod {
  return {
    id: `rpd_${ulid(n)}` as RayPodId,
    clusterKey: clusterKey(1),
    workspaceId: "a",
    groupName: null,
    index: 0,
    name: `cluster-1-head-${n}`,
    claimId: `clm_${ulid(n)}` as ClaimId,
    claimPod: 0,
    state: "wanted",
    clusterId: null,
    nodeName: null,
    gpuIndexes: [],
    portBlock: null,
    handle: null,
    startedAtMs: null,
    endedAtMs: null,
    exitCode: null,
    message: "",
    createdAtMs: epochMs + n,
    version: 1,
    ...change,
  }
}

export function sampleRayJob(n: number, change: Partial<RayJob> = {}): RayJob {
  return {
    key: `rjb_${ulid(n)}` as RayJobKey,
    namespace: "team",
    name: `job-${n}`,
    workspaceId: "a",
    userId: "usr_1",
    asServerOwner: false,
    user: "ann",
    rayVersion: "2.60.0",
    entrypoint: "python counter.py",
    metadata: {},
    runtimeEnv: "",
    numCpus: 0,
    numGpus: 0,
    resources: "",
    askedJobId: "",
    shutdownAfterJobFinishes: false,
    clusterSelector: {},
    spec,
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
    createdAtMs: epochMs + n,
    deletingAtMs: null,
    clusterShutDown: false,
    version: 1,
    ...change,
  }
}

export function sampleRayService(n: number, change: Partial<RayService> = {}): RayService {
  return {
    key: `rsv_${ulid(n)}` as RayServiceKey,
    namespace: "team",
    name: `service-${n}`,
    workspaceId: "a",
    userId: "usr_1",
    asServerOwner: false,
    user: "ann",
    rayVersion: "2.60.0",
    serveConfig: "applications: []\n",
    serviceUnhealthySeconds: 900,
    deploymentUnhealthySeconds: 300,
    spec,
    annotations: {},
    activeClusterKey: null,
    pendingClusterKey: null,
    retiring: [],
    appliedToActive: null,
    appliedToPending: null,
    applications: [],
    message: "",
    unhealthySinceMs: null,
    createdAtMs: epochMs + n,
    deletingAtMs: null,
    version: 1,
    ...change,
  }
}

export function sampleRaySubmission(n: number, change: Partial<RaySubmission> = {}): RaySubmission {
  return {
    clusterKey: clusterKey(1),
    submissionId: `raysubmit_${n}`,
    jobKey: null,
    deleting: false,
    userId: "usr_1",
    info: {
      entrypoint: "python counter.py",
      jobId: "01000000",
      submissionId: `raysubmit_${n}`,
      status: "RUNNING",
      message: "",
      errorType: "",
      startTimeMs: epochMs,
      endTimeMs: null,
      metadata: {},
      runtimeEnv: { pip: ["requests"] },
    },
    log: null,
    createdAtMs: epochMs + n,
    ...change,
  }
}

export function sampleRayEvent(n: number, change: Partial<RayEvent> = {}): RayEvent {
  return {
    id: `cluster-1.${n.toString(16).padStart(16, "0")}`,
    objectKey: clusterKey(1),
    type: "Normal",
    reason: "CreatedPod",
    message: `Created pod ${n}`,
    count: 1,
    firstAtMs: epochMs + n,
    lastAtMs: epochMs + n,
    ...change,
  }
}

export function sampleComputeTemplate(name: string, change: Partial<ComputeTemplate> = {}): ComputeTemplate {
  return {
    namespace: "team",
    name,
    workspaceId: "a",
    cpu: 2,
    memory: 4,
    memoryUnit: "Gi",
    gpu: 0,
    gpuAccelerator: "",
    tolerations: [{ key: "gpu", operator: "Exists", value: "", effect: "NoSchedule" }],
    extendedResources: { "vendor.io/nic": 0 },
    createdAtMs: epochMs,
    ...change,
  }
}

export function sampleConfigEntry(name: string, change: Partial<ConfigEntry> = {}): ConfigEntry {
  return {
    kind: "configMap",
    namespace: "team",
    name,
    workspaceId: "a",
    data: { "counter.py": "print('ü💥')\n" },
    isServerOwners: false,
    createdAtMs: epochMs,
    updatedAtMs: epochMs,
    version: 1,
    ...change,
  }
}
