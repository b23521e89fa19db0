import type { ApiKey, KeyId, SigningKey, User, UserId } from "../domain/identity/index.ts"
import type {
  GpuBinding,
  GpuRequest,
  GpuRequestId,
  GpuTemplate,
  GpuWish,
  NodeHold,
} from "../domain/gpu-requests/index.ts"
import { newRequest } from "../domain/gpu-requests/index.ts"
import type { Node, NodeId } from "../domain/inventory/index.ts"
import { type NewAuditRecord, type NewEvent, systemActor } from "../domain/journal/index.ts"
import type { Claim, ClaimId } from "../domain/queue/index.ts"
import type { Attempt, AttemptId, Endpoint, Workload, WorkloadKey } from "../domain/workloads/index.ts"
import type { Workspace } from "../domain/workspaces/index.ts"

/** Whole rows for the store's tests and benches; each takes what matters to the case. */

const epochMs = Date.UTC(2030, 0, 1)
const size = { cpuMilli: 4_000, memoryBytes: 8 * 2 ** 30, gpus: 1, ephemeralBytes: 0 }

export function sampleWorkload(n: number, change: Partial<Workload> = {}): Workload {
  const id = `train-${String(n).padStart(6, "0")}`
  return {
    key: `wl_${String(n).padStart(26, "0")}` as WorkloadKey,
    id,
    uid: `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`,
    workspaceId: "default",
    clusterId: "local",
    kind: "PyTorchJob",
    displayName: `train ${n}`,
    description: "",
    userId: "usr_1",
    userName: "ada",
    asServerOwner: false,
    priority: 1,
    spec: sampleSpec(),
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
    createdAtMs: epochMs + n * 1000,
    startedAtMs: null,
    endedAtMs: null,
    deletedAtMs: null,
    hidden: false,
    version: 1,
    ...change,
  }
}

export function sampleSpec(change: Partial<Workload["spec"]> = {}): Workload["spec"] {
  return {
    resource: {
      replica: 2,
      cpu: "4",
      gpu: "1",
      memory: "8Gi",
      ephemeralStorage: "50Gi",
      sharedMemory: "4Gi",
    },
    size,
    image: "pytorch:2",
    entryPoint: "ZWNobyBoZWxsbw==",
    env: { EPOCHS: "3", DATA: "/data/set" },
    isSupervised: false,
    maxRetry: 2,
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

export function sampleClaim(n: number, change: Partial<Claim> = {}): Claim {
  return {
    id: `clm_${String(n).padStart(26, "0")}` as ClaimId,
    owner: { kind: "workload", id: sampleWorkload(n).key, shownId: sampleWorkload(n).id, userId: "usr_1" },
    workspaceId: "default",
    state: "wanted",
    pods: 2,
    size,
    constraints: { labels: {}, nodeNames: [], tolerateAll: false, gpuModel: null },
    beside: [],
    preemptible: true,
    runsForMs: null,
    priority: 1,
    rescheduled: false,
    queuedAtMs: epochMs + n * 1000,
    gates: [],
    placements: [],
    nominated: [],
    reason: null,
    reasonSinceMs: null,
    boundAtMs: null,
    releasingAtMs: null,
    releaseDeadlineMs: null,
    version: 1,
    ...change,
  }
}

export function sampleAttempt(n: number, change: Partial<Attempt> = {}): Attempt {
  return {
    id: `att_${String(n).padStart(26, "0")}` as AttemptId,
    workloadKey: sampleWorkload(n).key,
    claimId: sampleClaim(n).id,
    clusterId: "local",
    run: 1,
    state: "assigned",
    pods: [],
    handle: null,
    cause: null,
    stopMessage: "",
    graceMs: 30_000,
    assignedAtMs: epochMs + n * 1000,
    startedAtMs: null,
    endingAtMs: null,
    goneAtMs: null,
    version: 1,
    ...change,
  }
}

export function sampleEndpoint(n: number, change: Partial<Endpoint> = {}): Endpoint {
  return {
    workloadKey: sampleWorkload(n).key,
    workloadId: sampleWorkload(n).id,
    workspaceId: "team",
    protocol: "TCP",
    type: "NodePort",
    clusterIp: `127.65.0.${n}`,
    port: 80,
    targetPort: 8080,
    nodePort: 30_000 + n,
    createdAtMs: 1_000,
    ...change,
  }
}

export function sampleGpuWish(change: Partial<GpuWish> = {}): GpuWish {
  return {
    clusters: ["local"],
    instanceType: null,
    gpuModel: "Tesla-T4",
    memoryGibPerGpu: 15,
    gpusPerNode: 1,
    nodes: 1,
    pods: null,
    ...change,
  }
}

export function sampleGpuRequest(n: number, change: Partial<GpuRequest> = {}): GpuRequest {
  return {
    ...newRequest({
      id: `gpr_${String(n).padStart(26, "0")}` as GpuRequestId,
      // spread, as random ones are
      shownId: `gpr-${((n * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, "0")}-${(n % 65_536).toString(16).padStart(4, "0")}`,
      name: `request ${n}`,
      workspaceId: "default",
      userId: "usr_1",
      wish: sampleGpuWish(),
      priority: 100,
      durationMs: 3_600_000,
      idleTimeoutMs: null,
      requeueOnFailure: false,
      enableEviction: false,
      multiNode: false,
      automatic: null,
      createdAtMs: epochMs + n * 1000,
    }),
    ...change,
  }
}

/** The hold of the node `n` by the request `n`. */
export function sampleHold(n: number, change: Partial<NodeHold> = {}): NodeHold {
  return {
    nodeId: sampleNode(n).id,
    requestId: sampleGpuRequest(n).id,
    workspaceId: "default",
    state: "held",
    sinceMs: epochMs,
    drainDeadlineMs: null,
    untilMs: epochMs + 3_600_000,
    automatic: false,
    version: 1,
    ...change,
  }
}

export function sampleGpuTemplate(name: string, change: Partial<GpuTemplate> = {}): GpuTemplate {
  return {
    name,
    workspaceId: null,
    clusterName: "local",
    gpusPerNode: 1,
    nodes: 1,
    memoryGibPerGpu: 15,
    gpuModel: "Tesla-T4",
    instanceType: "simulated",
    durationMs: 3_600_000,
    priority: 100,
    enforceIdleTimeout: false,
    idleTimeoutMs: null,
    enableEviction: false,
    requeueOnFailure: false,
    createdAtMs: epochMs,
    version: 1,
    ...change,
  }
}

export function sampleGpuBinding(workspaceId: string, change: Partial<GpuBinding> = {}): GpuBinding {
  return {
    workspaceId,
    clusters: [{ clusterName: "local", defaultTemplate: "small", templates: ["small"] }],
    enableAutomatic: false,
    createdAtMs: epochMs,
    version: 1,
    ...change,
  }
}

export function sampleNode(n: number, change: Partial<Node> = {}): Node {
  return {
    id: `nod_${n}` as NodeId,
    clusterId: "local",
    name: `node-${n}`,
    hostIp: "127.0.0.1",
    instanceType: "simulated",
    gpuModel: "Tesla-T4",
    gpus: [],
    physical: size,
    capacity: size,
    labels: { zone: "a" },
    taints: [],
    simulated: true,
    bootId: "boot-1",
    healthy: true,
    healthMessage: "",
    cordoned: false,
    draining: false,
    workspaceId: null,
    stuck: false,
    firstSeenAtMs: epochMs,
    lastSeenAtMs: epochMs,
    removedAtMs: null,
    version: 1,
    ...change,
  }
}

export function sampleWorkspace(id: string, change: Partial<Workspace> = {}): Workspace {
  return {
    id,
    key: `key-of-${id}`,
    description: "",
    clusters: ["local"],
    policy: {
      queuePolicy: "fifo",
      enablePreempt: true,
      stopGraceSeconds: 30,
      openToAll: false,
      scopes: ["Train"],
      publishServices: false,
      mostGpuRequests: 1,
      autoGpuRequest: false,
      joinGpuRequests: true,
    },
    namespaces: [],
    contact: { name: "", email: "" },
    queuePaused: false,
    state: "active",
    createdAtMs: epochMs,
    version: 1,
    ...change,
  }
}

export function sampleUser(n: number, change: Partial<User> = {}): User {
  return {
    id: `usr_${n}` as UserId,
    name: `user-${n}`,
    email: null,
    serverRole: null,
    frozen: false,
    createdAtMs: epochMs + n,
    version: 1,
    ...change,
  }
}

export function sampleKey(n: number, change: Partial<ApiKey> = {}): ApiKey {
  return {
    id: `key_${n}` as KeyId,
    name: `key-${n}`,
    description: "",
    userId: "usr_1" as UserId,
    prefix: "brt_abc",
    hash: `hash-${n}`,
    role: null,
    generation: 1,
    workspaceId: null,
    expiresAtMs: null,
    revokedAtMs: null,
    createdAtMs: epochMs + n,
    lastUsedAtMs: null,
    isSession: false,
    ...change,
  }
}

export function sampleSigningKey(n: number, createdAtMs: number): SigningKey {
  const kid = `kid-${n}`
  return {
    publicJwk: { kty: "RSA", n: "AQAB", e: "AQAB", kid, alg: "RS256", use: "sig" },
    sealedPrivateKey: `v1.sealed-${n}`,
    createdAtMs,
  }
}

export function sampleEvent(n: number, change: Partial<NewEvent> = {}): NewEvent {
  return {
    type: "workload.created",
    subject: { kind: "workload", id: sampleWorkload(n).id },
    workspace: "default",
    actor: systemActor("test"),
    atMs: epochMs + n * 1000,
    data: { n },
    ...change,
  }
}

export function sampleAudit(n: number, change: Partial<NewAuditRecord> = {}): NewAuditRecord {
  return {
    operation: "workload.create",
    subject: { kind: "workload", id: sampleWorkload(n).id },
    workspace: "default",
    actor: systemActor("test"),
    outcome: "ok",
    atMs: epochMs + n * 1000,
    data: { n },
    ...change,
  }
}
