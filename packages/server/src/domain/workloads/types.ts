import type { Branded } from "../../kit/ids.ts"
import type { JsonObject } from "../../kit/json.ts"
import type { Amounts } from "../inventory/index.ts"
import type { Reads, Topic, Tx } from "../journal/index.ts"
import { topic } from "../journal/index.ts"
import type { ClaimId, EndCause } from "../queue/index.ts"

export type WorkloadKey = Branded<"WorkloadKey"> // wl_ULID: the inner id
export type AttemptId = Branded<"AttemptId"> // att_ULID

export const workloadKinds = ["PyTorchJob", "Authoring", "Deployment", "StatefulSet"] as const
export type WorkloadKind = (typeof workloadKinds)[number]

export const phases = [
  "Pending",
  "Running",
  "Updating",
  "NotReady",
  "Succeeded",
  "Failed",
  "Stopped",
] as const
export type Phase = (typeof phases)[number]

/** As the caller typed it, for echoing; `Amounts` is what it means. */
export interface ResourceText {
  readonly replica: number
  readonly cpu: string
  readonly gpu: string // "" = none
  readonly memory: string
  readonly ephemeralStorage: string // shown default 50Gi
  readonly sharedMemory: string // default memory / 2
}

export interface CronJob {
  readonly schedule: string
  readonly action: "start"
}

/** What a caller asked for, after decoding and defaulting. Immutable but for PATCH. */
export interface WorkloadSpec {
  readonly resource: ResourceText
  /** Per pod. Ephemeral storage not given claims 0. */
  readonly size: Amounts
  readonly image: string
  /** base64, as it is returned. */
  readonly entryPoint: string
  readonly env: Readonly<Record<string, string>>
  readonly isSupervised: boolean
  readonly maxRetry: number
  /** Seconds; null = none. */
  readonly timeout: number | null
  readonly ttlSecondsAfterFinished: number
  readonly customerLabels: Readonly<Record<string, string>>
  readonly specifiedNodes: readonly string[]
  readonly isTolerateAll: boolean
  /** Shown ids. */
  readonly dependencies: readonly string[]
  readonly cronJobs: readonly CronJob[]
  /** With their defaults filled in; used by applications only. See `probeOf`. */
  readonly liveness: JsonObject | null
  readonly readiness: JsonObject | null
  /** Normalised. See `serviceOf`. */
  readonly service: JsonObject | null
  /** null = the workspace's policy. */
  readonly stopGraceSeconds: number | null
  /** The shown id of the schedule that made it; absent when somebody did. */
  readonly madeBy?: string
}

export type ConditionType =
  | "AdminScheduled"
  | "AdminDispatched"
  | "K8sPending"
  | "K8sRunning"
  | "K8sUpdating"
  | "K8sSucceeded"
  | "K8sFailed"
  | "K8sDeleted"
  | "AdminFailover"
  | "AdminFailed"
  | "AdminStopped"

export interface Condition {
  readonly type: ConditionType
  /** N of `run_N_times`. */
  readonly run: number
  readonly message: string
  readonly atMs: number
}

/** How far an application is with what is asked of it (domain/workloads/applications). */
export interface Rollout {
  /** Counts changes of what is asked for (replicas, size, image, entry point, environment); from 1. */
  readonly generation: number
  /** The last generation that was reached in full; below `generation` while it is being rolled out. */
  readonly observed: number
  /** Counts changes of the pods themselves: all of the above but the number of replicas; from 1. */
  readonly revision: number
}

/** Where a recurring workload is with its schedule (DESIGN 9.2). */
export interface Schedule {
  /** The next match that is to be acted on. */
  readonly nextAtMs: number
  /** The last match that was acted on, be it by a refusal; null before the first. */
  readonly lastAtMs: number | null
  /** The clone that it made then, or the last one before; null before the first. */
  readonly lastKey: WorkloadKey | null
}

export interface Workload {
  readonly key: WorkloadKey
  /** The id the family shows: `train-x7kqd`. Unique for ever. */
  readonly id: string
  /** UUID. */
  readonly uid: string
  readonly workspaceId: string
  /** Where it was placed; the workspace's first cluster until then. */
  readonly clusterId: string
  readonly kind: WorkloadKind
  readonly displayName: string
  readonly description: string
  readonly userId: string
  readonly userName: string
  /** Whether the submitter was a server owner at submit: decides the account (DESIGN 6). */
  readonly asServerOwner: boolean
  readonly priority: number
  readonly spec: WorkloadSpec
  readonly phase: Phase
  /** Why it is in its last phase; null while it lives. */
  readonly cause: EndCause | null
  readonly conditions: readonly Condition[]
  /** How many attempts were dispatched. */
  readonly dispatchCount: number
  /** Failures of the user's code, counted against maxRetry. */
  readonly failures: number
  readonly preemptions: number
  readonly nodeLosses: number
  /** The start deadline was missed once and forgiven. */
  readonly startDeadlines: number
  /** The claim that is wanted, bound or releasing for it; null when it needs none. */
  readonly claimId: ClaimId | null
  /** Its current or last attempt. */
  readonly attemptId: AttemptId | null
  /** Of applications; null for jobs. */
  readonly rollout: Rollout | null
  /** Of a recurring workload, which stands in no queue itself; null for all others. */
  readonly schedule: Schedule | null
  readonly createdAtMs: number
  readonly startedAtMs: number | null
  readonly endedAtMs: number | null
  /** When the live object went: stop, time-out or TTL. */
  readonly deletedAtMs: number | null
  /** Hidden by DELETE: excluded everywhere. */
  readonly hidden: boolean
  readonly version: number
}

export type PodPhase = "Pending" | "Running" | "Succeeded" | "Failed" | "Unknown" | "Stopped"

export interface Pod {
  /** `<id>-master-0`, `<id>-worker-<n>`; StatefulSet `<id>-<n>`; Deployment `<id>-<revision>-<random>`. */
  readonly podId: string
  /** 0-based, = rank for PyTorchJob. */
  readonly index: number
  readonly nodeName: string
  readonly gpuIndexes: readonly number[]
  readonly phase: PodPhase
  readonly hostIp: string
  readonly podIp: string
  readonly startedAtMs: number | null
  readonly endedAtMs: number | null
  readonly exitCode: number | null
  readonly cause: EndCause | null
  /** A sentence about the end; empty when there is nothing to say. */
  readonly message: string
}

/** `assigned → starting → running → ending → gone`; see states.ts. */
export type AttemptState = "assigned" | "starting" | "running" | "ending" | "gone"

/** One dispatch of a workload. */
export interface Attempt {
  readonly id: AttemptId
  readonly workloadKey: WorkloadKey
  readonly claimId: ClaimId
  readonly clusterId: string
  /** 1-based: N of `run_N_times`; of an application's pod: its N-th start. */
  readonly run: number
  readonly state: AttemptState
  readonly pods: readonly Pod[]
  /** Opaque to everybody but the driver; null until `ensure` answered. */
  readonly handle: JsonObject | null
  /** Set when it begins to end. */
  readonly cause: EndCause | null
  /** What the pods are told in BERTH_STOP_REASON_FILE; empty when they ended by themselves. */
  readonly stopMessage: string
  readonly graceMs: number
  readonly assignedAtMs: number
  readonly startedAtMs: number | null
  readonly endingAtMs: number | null
  readonly goneAtMs: number | null
  readonly version: number
}

export interface WorkloadFilter {
  /** null = all. */
  readonly workspaceIds: readonly string[] | null
  readonly phases?: readonly string[]
  readonly kinds?: readonly string[]
  readonly clusterId?: string
  readonly userId?: string
  /** Contains, case-sensitive, literally. */
  readonly userName?: string
  readonly description?: string
  readonly workloadId?: string
  readonly createdFromMs?: number
  readonly createdToMs?: number
}
export type WorkloadSort =
  | "createdAtMs"
  | "startedAtMs"
  | "endedAtMs"
  | "deletedAtMs"
  | "id"
  | "displayName"
  | "workspaceId"
  | "clusterId"
  | "phase"
  | "kind"
  | "userName"
  | "userId"
  | "priority"
  | "maxRetry"
  | "dispatchCount"
  | "timeout"
  | "ttlSecondsAfterFinished"
  | "description"
  | "image"
  | "entryPoint"
  | "isSupervised"
  | "isTolerateAll"

/** What lists tell of a workload: nothing of it can be long but its description. */
export type WorkloadSummary = Omit<Workload, "spec" | "conditions"> & {
  readonly spec: Pick<WorkloadSpec, "resource" | "timeout" | "isTolerateAll">
}

export interface WorkloadStore {
  byKey(from: Reads, key: WorkloadKey): Promise<Workload | undefined>
  /** By the shown id; hidden ones too. */
  byId(from: Reads, id: string): Promise<Workload | undefined>
  /** Whether an id was given. A guess inside a transaction: `insert` knows. */
  isTaken(from: Reads, id: string): Promise<boolean>
  insert(tx: Tx, workload: Workload): Promise<void>
  /** Whole row, version + 1. @throws AppError `stale` when the version moved. */
  update(tx: Tx, workload: Workload): Promise<void>
  list(
    from: Reads,
    filter: WorkloadFilter,
    page: {
      readonly sort: WorkloadSort
      readonly order: "asc" | "desc"
      readonly offset: number
      readonly limit: number
    },
  ): Promise<{ readonly total: number; readonly items: readonly WorkloadSummary[] }>
  /** Not in a terminal phase: what boot loads. */
  live(from: Reads): Promise<readonly Workload[]>
  /** How many of them a workspace has. */
  liveIn(from: Reads, workspaceId: string): Promise<number>
  /** Ended, not yet past their TTL (deletedAtMs null): key and when it ends. */
  awaitingTtl(from: Reads): Promise<readonly { readonly key: WorkloadKey; readonly atMs: number }[]>
  /** Live workloads that depend on the shown id. */
  dependents(from: Reads, id: string): Promise<readonly WorkloadKey[]>
  attempt(from: Reads, id: AttemptId): Promise<Attempt | undefined>
  /** Oldest first. */
  attempts(from: Reads, key: WorkloadKey): Promise<readonly Attempt[]>
  /** Not gone: what recovery looks at. */
  liveAttempts(from: Reads): Promise<readonly Attempt[]>
  insertAttempt(tx: Tx, attempt: Attempt): Promise<void>
  /** Whole row, version + 1. @throws AppError `stale` when the version moved. */
  updateAttempt(tx: Tx, attempt: Attempt): Promise<void>
  /** Removes the oldest attempts of a workload that are gone, all but the newest `keep`; gives those it removed. */
  pruneAttempts(tx: Tx, key: WorkloadKey, keep: number): Promise<readonly Pick<Attempt, "id" | "clusterId">[]>
  /** Removes ended workloads (with attempts) that ended before, at most `limit`; their keys. */
  prune(tx: Tx, endedBeforeMs: number, limit: number): Promise<readonly WorkloadKey[]>
}

/** The row after the change. */
export const workloadChanged: Topic<Workload> = topic<Workload>("workload-changed")
/** The row after the change. */
export const attemptChanged: Topic<Attempt> = topic<Attempt>("attempt-changed")
/** Something about it needs a look: the reconciler's key. */
export const workloadPoked: Topic<WorkloadKey> = topic<WorkloadKey>("workload-poked")
