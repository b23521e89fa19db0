import type { Branded } from "../../kit/ids.ts"
import type { JsonObject } from "../../kit/json.ts"
import type { Reads, Topic, Tx } from "../journal/index.ts"
import { topic } from "../journal/index.ts"
import type { ClaimId } from "../queue/index.ts"
import type { RayClusterSpec } from "./spec.ts"
import type { ComputeTemplate, ConfigEntry } from "./templates.ts"

export type RayClusterKey = Branded<"RayClusterKey"> // rcl_ULID
export type RayPodId = Branded<"RayPodId"> // rpd_ULID
export type RayJobKey = Branded<"RayJobKey"> // rjb_ULID
export type RayServiceKey = Branded<"RayServiceKey"> // rsv_ULID

/**
 * Where a Ray cluster is: `waiting` for its place (also again, after it lost it), `installing` its Ray version,
 * `starting`, `ready`, `failed` (for good: the reason says why), `ending` (deleted; its pods are being stopped; nobody
 * sees it any more), `gone`. Moves: states.ts.
 */
export const rayClusterStates = [
  "waiting",
  "installing",
  "starting",
  "ready",
  "failed",
  "ending",
  "gone",
] as const
export type RayClusterState = (typeof rayClusterStates)[number]

/** Where a head is reached, all on this machine for the local backend. */
export interface RayHeadAddress {
  /** HOST:PORT that workers join. */
  readonly gcs: string
  /** http://HOST:PORT of the dashboard, without a slash at the end. */
  readonly dashboardUrl: string
  /** http://HOST:PORT of the agent that takes jobs. */
  readonly agentUrl: string
  /** http://HOST:PORT where Serve answers. */
  readonly serveUrl: string
  /** Port names as KubeRay shows them (`dashboard`, `head`, `metrics`, `redis`, `serve`, `dashboard-agent`) → port. */
  readonly endpoints: Readonly<Record<string, string>>
}

export interface RayCluster {
  readonly key: RayClusterKey
  readonly namespace: string
  readonly name: string
  readonly workspaceId: string
  /** Whose driver runs it; null until it has its first place, then fixed. */
  readonly clusterId: string | null
  /** Who made it. */
  readonly userId: string
  /** Its processes run as the server's own account: who made it is the server's Owner (DESIGN 6). */
  readonly asServerOwner: boolean
  /** The label of the request. */
  readonly user: string
  /** Ray's version; "" = by the image. */
  readonly rayVersion: string
  /** 0–3 as on the wire; other numbers were refused. null: made for a job or service, which have none. */
  readonly environment: number | null
  readonly annotations: Readonly<Record<string, string>>
  readonly spec: RayClusterSpec
  /** Ports for Serve are shown and used. */
  readonly serves: boolean
  /** What it was made for; it ends with that. */
  readonly parent: { readonly kind: "job" | "service"; readonly key: string; readonly name: string } | null
  readonly state: RayClusterState
  /** It had its place and lost it: shown as `suspended` until it has one again. */
  readonly suspended: boolean
  /** How often it has lost its place: what ran on it before went with that, unasked. */
  readonly suspensions: number
  /** Why it waits, failed or was suspended: a sentence; "" where nothing is to be said. */
  readonly message: string
  /** What `prepare` found, handed to every start. */
  readonly runtime: JsonObject | null
  /** Of the head that runs now; null before. */
  readonly address: RayHeadAddress | null
  /** Sealed under the cluster's key; null where its version knows no tokens. */
  readonly sealedToken: string | null
  /** The claim of head and least workers; null once it is split into one for each pod. */
  readonly gangClaimId: ClaimId | null
  /** Heads that ended by themselves, one after the other, since it was last ready for a while. */
  readonly headFailures: number
  readonly readyAtMs: number | null
  /** Nothing is tried before. */
  readonly retryAtMs: number | null
  readonly createdAtMs: number
  readonly endedAtMs: number | null
  readonly version: number
}

/**
 * One Ray node of a cluster: `wanted` (its claim waits), `placed`, `starting`, `running` (its process group is there),
 * `ending`, `gone`. A pod is never started again: another takes its place.
 */
export const rayPodStates = ["wanted", "placed", "starting", "running", "ending", "gone"] as const
export type RayPodState = (typeof rayPodStates)[number]

export interface RayPod {
  readonly id: RayPodId
  readonly clusterKey: RayClusterKey
  readonly workspaceId: string
  /** null = the head. */
  readonly groupName: string | null
  /** 0-based within the group: of live ones each has its own. */
  readonly index: number
  /** `<cluster>-head-abcde`, `<cluster>-<group>-worker-abcde`. */
  readonly name: string
  /** It waits alone, beyond the least number of its group. */
  readonly claimId: ClaimId
  /** Its 0-based index in that claim: 0 once the claim is its own. */
  readonly claimPod: number
  readonly state: RayPodState
  readonly clusterId: string | null
  readonly nodeName: string | null
  readonly gpuIndexes: readonly number[]
  /** Of the blocks of ports of its machine; null where the backend needs none, or before it is placed. */
  readonly portBlock: number | null
  readonly handle: JsonObject | null
  readonly startedAtMs: number | null
  readonly endedAtMs: number | null
  readonly exitCode: number | null
  /** Why it ended; "" while it lives. */
  readonly message: string
  readonly createdAtMs: number
  readonly version: number
}

/** reference/kuberay-v1.md 5.5. */
export const rayJobStatuses = ["", "PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"] as const
export type RayJobStatus = (typeof rayJobStatuses)[number]
export const rayJobPhases = [
  "",
  "Initializing",
  "Running",
  "Complete",
  "Failed",
  "ValidationFailed",
  "Suspended",
  "Retrying",
  "Waiting",
] as const
/** The wire's `jobDeploymentStatus`. Complete, Failed and ValidationFailed are final. */
export type RayJobPhase = (typeof rayJobPhases)[number]

/** What an entry point runs with: a job's, or that of a submission. */
export interface RayEntrypoint {
  readonly entrypoint: string
  readonly metadata: Readonly<Record<string, string>>
  /** YAML as sent; "" = none. */
  readonly runtimeEnv: string
  readonly numCpus: number
  readonly numGpus: number
  /** JSON text of a job, or what a submission's map amounts to; "" = none. */
  readonly resources: string
}

export interface RayJob extends RayEntrypoint {
  readonly key: RayJobKey
  readonly namespace: string
  readonly name: string
  readonly workspaceId: string
  readonly userId: string
  readonly asServerOwner: boolean
  readonly user: string
  readonly rayVersion: string
  /** As sent; "" = one is made. */
  readonly askedJobId: string
  readonly shutdownAfterJobFinishes: boolean
  readonly clusterSelector: Readonly<Record<string, string>>
  /** null: only a selector was given. */
  readonly spec: RayClusterSpec | null
  readonly ttlSecondsAfterFinished: number
  readonly activeDeadlineSeconds: number
  readonly submitter: { readonly image: string; readonly cpu: string; readonly memory: string } | null
  readonly status: RayJobStatus
  readonly phase: RayJobPhase
  readonly message: string
  /** The submission's id in Ray; "" before it is chosen, which is before it is sent. */
  readonly submissionId: string
  /** Shown at once for a selector, whether there is such a cluster or not. */
  readonly clusterName: string
  readonly clusterKey: RayClusterKey | null
  /** The cluster's `suspensions` when the submission's id was chosen: with more of them it is not there any more. */
  readonly suspensions: number
  readonly startedAtMs: number | null
  readonly endedAtMs: number | null
  /** When the whole job was over, whatever of Ray's. */
  readonly finishedAtMs: number | null
  readonly createdAtMs: number
  readonly deletingAtMs: number | null
  /** Its own cluster was told to go after the end. */
  readonly clusterShutDown: boolean
  readonly version: number
}

/** reference/kuberay-v1.md 2.4. */
export interface ServeApplication {
  readonly name: string
  readonly status: string
  readonly message: string
  readonly deployments: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
  }[]
}

export interface RayService {
  readonly key: RayServiceKey
  readonly namespace: string
  readonly name: string
  readonly workspaceId: string
  readonly userId: string
  readonly asServerOwner: boolean
  readonly user: string
  readonly rayVersion: string
  /** YAML as sent. */
  readonly serveConfig: string
  readonly serviceUnhealthySeconds: number
  readonly deploymentUnhealthySeconds: number
  readonly spec: RayClusterSpec
  readonly annotations: Readonly<Record<string, string>>
  /** Serves now; null until the first one does. */
  readonly activeClusterKey: RayClusterKey | null
  /** Being made ready to take over. */
  readonly pendingClusterKey: RayClusterKey | null
  /** Served before, and end at their instants: what was under way there comes to its end. */
  readonly retiring: readonly { readonly clusterKey: RayClusterKey; readonly endsAtMs: number }[]
  /** What of `serveConfig` each of the two was last given (services/serve-mark.ts); null = nothing yet. */
  readonly appliedToActive: string | null
  readonly appliedToPending: string | null
  readonly applications: readonly ServeApplication[]
  readonly message: string
  /** Since when the active one's applications are not as they should be; null = they are. */
  readonly unhealthySinceMs: number | null
  readonly createdAtMs: number
  readonly deletingAtMs: number | null
  readonly version: number
}

/** What Ray says of one submission (reference/kuberay-v1.md 2.5), with times in ms. */
export interface SubmissionInfo {
  readonly entrypoint: string
  readonly jobId: string
  readonly submissionId: string
  readonly status: string
  readonly message: string
  readonly errorType: string
  readonly startTimeMs: number | null
  readonly endTimeMs: number | null
  readonly metadata: Readonly<Record<string, string>>
  readonly runtimeEnv: JsonObject
}

/** A submission that went through Berth, a job's own too: kept when its cluster has gone. */
export interface RaySubmission {
  readonly clusterKey: RayClusterKey
  readonly submissionId: string
  readonly jobKey: RayJobKey | null
  readonly userId: string
  readonly info: SubmissionInfo
  /** The end of its log, copied before the cluster goes; null before. At most 1 MiB. */
  readonly log: string | null
  /** It was deleted while it ran: told to stop, and gone when it has. */
  readonly deleting: boolean
  readonly createdAtMs: number
}

/** What an object has to tell (reference/kuberay-v1.md 5.7). The same again is counted, not added. */
export interface RayEvent {
  /** `<object name>.<16 hex digits>`. */
  readonly id: string
  readonly objectKey: string
  readonly type: "Normal" | "Warning"
  readonly reason: string
  readonly message: string
  readonly count: number
  readonly firstAtMs: number
  readonly lastAtMs: number
}

/** A page in the order (namespace, name). */
export interface RayPage {
  /** null = no bound. */
  readonly limit: number | null
  /** What the page before ended with. */
  readonly after: { readonly namespace: string; readonly name: string } | null
}
/** Of which namespaces: of one, of several workspaces, or of all (null). */
export type RayScope = { readonly namespace: string } | { readonly workspaceIds: readonly string[] | null }

/** Rows that a family lists: by namespace and name, live ones unique. */
export interface RayObjectStore<T, K> {
  byKey(from: Reads, key: K): Promise<T | undefined>
  /** The live one of that name: not ended, not hidden. */
  byName(from: Reads, namespace: string, name: string): Promise<T | undefined>
  /** Live ones in order; `hasMore` = there is at least one behind the page. */
  page(
    from: Reads,
    scope: RayScope,
    page: RayPage,
  ): Promise<{ readonly items: readonly T[]; readonly hasMore: boolean }>
  /** Everything that is not over: what a restart looks at. */
  live(from: Reads): Promise<readonly T[]>
  liveIn(from: Reads, workspaceId: string): Promise<number>
  /** @throws AppError `already_exists` when a live one has the name */
  insert(tx: Tx, row: T): Promise<void>
  /** Writes version + 1. @throws AppError `stale` */
  update(tx: Tx, row: T): Promise<void>
}

export interface RayStore {
  readonly templates: {
    get(from: Reads, namespace: string, name: string): Promise<ComputeTemplate | undefined>
    list(from: Reads, scope: RayScope): Promise<readonly ComputeTemplate[]>
    /** @throws AppError `already_exists` */
    insert(tx: Tx, template: ComputeTemplate): Promise<void>
    delete(tx: Tx, namespace: string, name: string): Promise<void>
  }
  readonly entries: {
    get(
      from: Reads,
      kind: ConfigEntry["kind"],
      namespace: string,
      name: string,
    ): Promise<ConfigEntry | undefined>
    list(from: Reads, kind: ConfigEntry["kind"], scope: RayScope): Promise<readonly ConfigEntry[]>
    /** @throws AppError `already_exists` */
    insert(tx: Tx, entry: ConfigEntry): Promise<void>
    /** @throws AppError `stale` */
    update(tx: Tx, entry: ConfigEntry): Promise<void>
    delete(tx: Tx, kind: ConfigEntry["kind"], namespace: string, name: string): Promise<void>
  }
  /** `gone` and `ending` ones are not live by name; `live` has the `ending` ones too. */
  readonly clusters: RayObjectStore<RayCluster, RayClusterKey>
  readonly pods: {
    byId(from: Reads, id: RayPodId): Promise<RayPod | undefined>
    /** All that are not gone, of one cluster or of all. */
    live(from: Reads, clusterKey?: RayClusterKey): Promise<readonly RayPod[]>
    /** @throws AppError `conflict`, detail `port_block`, when a live pod of the same clusterId has the block */
    insert(tx: Tx, pod: RayPod): Promise<void>
    /** As `insert`. @throws AppError `stale` */
    update(tx: Tx, pod: RayPod): Promise<void>
    /** Blocks that live pods of a cluster (a driver's) have. */
    portBlocks(from: Reads, clusterId: string): Promise<readonly number[]>
  }
  readonly jobs: RayObjectStore<RayJob, RayJobKey> & { delete(tx: Tx, key: RayJobKey): Promise<void> }
  readonly services: RayObjectStore<RayService, RayServiceKey> & {
    delete(tx: Tx, key: RayServiceKey): Promise<void>
  }
  readonly submissions: {
    get(from: Reads, clusterKey: RayClusterKey, submissionId: string): Promise<RaySubmission | undefined>
    /** Without logs, oldest first. */
    ofCluster(from: Reads, clusterKey: RayClusterKey): Promise<readonly RaySubmission[]>
    put(tx: Tx, submission: RaySubmission): Promise<void>
    delete(tx: Tx, clusterKey: RayClusterKey, submissionId: string): Promise<void>
  }
  readonly events: {
    /** Of all these objects, oldest first. */
    of(from: Reads, objectKeys: readonly string[]): Promise<readonly RayEvent[]>
    /**
     * Counts it where the object's last event of that reason has the same type and message; else adds it, with at
     * most 50 kept of each object.
     */
    note(tx: Tx, event: RayEvent): Promise<void>
  }
  /**
   * Removes what was over before, at most `limit` of each: clusters that are gone with all that is theirs, pods that are
   * gone of clusters that live on, events that belong to nothing any more. @returns how many; 0 = nothing is left
   */
  prune(tx: Tx, beforeMs: number, limit: number): Promise<number>
}

/** The row after the change; `gone`: it was deleted. */
export const rayClusterChanged: Topic<RayCluster> = topic<RayCluster>("ray-cluster-changed")
export const rayPodChanged: Topic<RayPod> = topic<RayPod>("ray-pod-changed")
export const rayJobChanged: Topic<{ readonly job: RayJob; readonly gone: boolean }> = topic("ray-job-changed")
export const rayServiceChanged: Topic<{ readonly service: RayService; readonly gone: boolean }> =
  topic("ray-service-changed")
/** Something about it is to be looked at. Published by the slice's own writes. */
export const rayPoked: Topic<RayClusterKey | RayJobKey | RayServiceKey> = topic("ray-poked")
