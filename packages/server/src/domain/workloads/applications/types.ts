import type { Branded } from "../../../kit/ids.ts"
import type { Amounts } from "../../inventory/index.ts"
import type { Reads, Topic, Tx } from "../../journal/index.ts"
import { topic } from "../../journal/index.ts"
import type { ClaimId, EndCause } from "../../queue/index.ts"
import type { AttemptId, WorkloadKey } from "../types.ts"

export type ReplicaId = Branded<"ReplicaId"> // rep_ULID

/**
 * `queued` (its claim is wanted) → `placed` (has a node; before its first start, in its turn, or in back-off) →
 * `running` (an attempt lives) → `placed` again for a restart, or `leaving` (its capacity is being given back) →
 * gone, or `queued` anew. Moves: replica-states.ts.
 */
export type ReplicaState = "queued" | "placed" | "running" | "leaving"

/** Where a replica runs. */
export interface ReplicaPlace {
  readonly clusterId: string
  readonly nodeName: string
  readonly hostIp: string
  readonly gpuIndexes: readonly number[]
}

/** One of the like pods that an application keeps running, with a claim of its own (DESIGN 4). Removed when gone. */
export interface Replica {
  readonly id: ReplicaId
  readonly workloadKey: WorkloadKey
  /** 0-based; the n of a StatefulSet's pod. Unique within the workload. */
  readonly ordinal: number
  readonly podId: string
  /** The revision of the workload that it runs, or that it will start with. */
  readonly revision: number
  /** What its claim asks for. */
  readonly size: Amounts
  readonly state: ReplicaState
  readonly claimId: ClaimId
  /** From placed on; null while it is queued. */
  readonly place: ReplicaPlace | null
  /** Of its current start, or of its last one. */
  readonly attemptId: AttemptId | null
  /** How often its pod was started, under this claim or an earlier one. */
  readonly starts: number
  /** Starts that followed an end by itself. */
  readonly restarts: number
  /** Ends in a row without a long life between them: what the back-off grows with. */
  readonly crashes: number
  /** Ends by a failed liveness probe; they are in `restarts` too. */
  readonly livenessFailures: number
  /** Not to be started before; null = at once. */
  readonly startAtMs: number | null
  /** Since when connections may be sent to it; null = they may not. */
  readonly readySinceMs: number | null
  readonly podIp: string
  /** Why it leaves; null while it does not. */
  readonly leaving: {
    readonly cause: EndCause
    readonly message: string
    readonly graceMs: number
    /** Asks for capacity anew once it is gone. */
    readonly returns: boolean
  } | null
  readonly createdAtMs: number
  readonly version: number
}

/** What a replica starts, apart from its size. */
export interface PodTemplate {
  readonly image: string
  /** base64. */
  readonly entryPoint: string
  readonly env: Readonly<Record<string, string>>
}

export interface ReplicaStore {
  /** By ordinal. */
  ofWorkload(from: Reads, key: WorkloadKey): Promise<readonly Replica[]>
  byId(from: Reads, id: ReplicaId): Promise<Replica | undefined>
  byClaim(from: Reads, id: ClaimId): Promise<Replica | undefined>
  /** All: what boot loads. */
  all(from: Reads): Promise<readonly Replica[]>
  insert(tx: Tx, replica: Replica): Promise<void>
  /** Whole row, version + 1. @throws AppError `stale` when the version moved. */
  update(tx: Tx, replica: Replica): Promise<void>
  /** @throws AppError `stale` when the version moved. */
  remove(tx: Tx, replica: Replica): Promise<void>
  /** What a revision that is not the newest any more started; undefined when it is not kept. */
  template(from: Reads, key: WorkloadKey, revision: number): Promise<PodTemplate | undefined>
  /** Keeps what a revision starts, so that its pods can be restarted while another is being rolled out. */
  keepTemplate(tx: Tx, key: WorkloadKey, revision: number, template: PodTemplate): Promise<void>
  /** Forgets the revisions below that no replica is of. */
  dropTemplates(tx: Tx, key: WorkloadKey, below: number): Promise<void>
}

/** The row after the change; `gone` once it was removed. */
export const replicaChanged: Topic<{ readonly replica: Replica; readonly gone: boolean }> =
  topic("replica-changed")
/** Something about it needs a look: the replicas' reconciler's key. */
export const replicaPoked: Topic<ReplicaId> = topic<ReplicaId>("replica-poked")

/** The addresses of a workload's service: given at its creation, kept until it is over. */
export interface Endpoint {
  readonly workloadKey: WorkloadKey
  /** The shown id. */
  readonly workloadId: string
  readonly workspaceId: string
  readonly protocol: "TCP" | "UDP"
  readonly type: "ClusterIP" | "NodePort"
  /** A loopback address of its own, 127.65.x.y: `clusterIp:port` leads to the ready pods. Unique. */
  readonly clusterIp: string
  readonly port: number
  readonly targetPort: number
  /** 30000–32767, unique on the server; null for type ClusterIP. */
  readonly nodePort: number | null
  readonly createdAtMs: number
}

export interface EndpointStore {
  ofWorkload(from: Reads, key: WorkloadKey): Promise<Endpoint | undefined>
  /** All of live workloads. */
  all(from: Reads): Promise<readonly Endpoint[]>
  /** @throws AppError `already_exists` (resource `clusterIp` or `nodePort`, name the value) when an address is taken */
  insert(tx: Tx, endpoint: Endpoint): Promise<void>
  /**
   * Only the node port ever moves; no-op when there is no such row any more.
   * @throws AppError `already_exists` (resource `nodePort`) when another has it
   */
  update(tx: Tx, endpoint: Endpoint): Promise<void>
  /** Idempotent. */
  remove(tx: Tx, key: WorkloadKey): Promise<void>
}

/** The row, or that the workload has none any more. */
export const endpointChanged: Topic<{ readonly endpoint: Endpoint; readonly gone: boolean }> =
  topic("endpoint-changed")
