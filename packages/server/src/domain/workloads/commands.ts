import type { Replica } from "./applications/types.ts"
import type { JsonObject } from "../../kit/json.ts"
import type { Principal } from "../identity/index.ts"
import type { ClaimId, Reason } from "../queue/index.ts"
import type { Endpoint } from "./applications/types.ts"
import type { LogChunk, LogFollowItem, LogQuery } from "./driver.ts"
import type { Attempt, Workload, WorkloadFilter, WorkloadSort, WorkloadSummary } from "./types.ts"

/** What a caller sent, typed but neither defaulted nor checked: absent strings are "", absent numbers null. */
export interface CreateWorkload {
  readonly displayName: string
  readonly description: string
  readonly workspaceId: string
  /** "" = PyTorchJob. */
  readonly kind: string
  /** "" = v1. */
  readonly version: string
  readonly resource: {
    readonly replica: number
    readonly cpu: string
    readonly gpu: string
    readonly memory: string
    readonly ephemeralStorage: string
    readonly sharedMemory: string
  }
  readonly image: string
  /** base64 or plain text, as sent. */
  readonly entryPoint: string
  readonly isSupervised: boolean
  readonly priority: number
  readonly timeout: number | null
  readonly maxRetry: number
  readonly ttlSecondsAfterFinished: number | null
  readonly customerLabels: Readonly<Record<string, string>>
  readonly specifiedNodes: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly liveness: JsonObject | null
  readonly readiness: JsonObject | null
  readonly service: JsonObject | null
  readonly dependencies: readonly string[]
  readonly cronJobs: readonly { readonly schedule: string; readonly action: string }[]
  readonly isTolerateAll: boolean
}

/** Absent fields stay as they are. */
export interface PatchWorkload {
  readonly priority?: number
  readonly replica?: number
  readonly cpu?: string
  readonly gpu?: string
  readonly memory?: string
  readonly ephemeralStorage?: string
  readonly sharedMemory?: string
  readonly image?: string
  readonly entryPoint?: string
  /** Replaces all of it. */
  readonly env?: Readonly<Record<string, string>>
  readonly description?: string
  readonly timeout?: number | null
  readonly maxRetry?: number
  readonly cronJobs?: readonly { readonly schedule: string; readonly action: string }[]
}

/** A workload as a reader sees it, with what is computed at the moment of reading. */
export interface WorkloadView<W extends WorkloadSummary = Workload> {
  readonly workload: W
  /** 1..n in its workspace's queue; 0 when it does not queue. */
  readonly position: number
  /** Why it waits, most decisive first; empty when it does not. Claim ids are already turned into `waitingFor`. */
  readonly reasons: readonly Reason[]
  /** Shown ids of whoever is in the way, as far as the reader may see them; the rest is a count. */
  readonly waitingFor: { readonly ids: readonly string[]; readonly othersHidden: number }
  /** For `runtime` and `secondsUntilTimeout`. */
  readonly nowMs: number
  /** Server owners, workspace owners and editors; a Viewer sees env keys with `***`. */
  readonly mayReadEnv: boolean
}
export interface WorkloadDetail extends WorkloadView {
  /** Oldest first; the last is the current one. Empty before the first dispatch. */
  readonly attempts: readonly Attempt[]
  /** The addresses of its service; null when it has none, or no longer. */
  readonly endpoint: Endpoint | null
  /** What a schedule made last; null for everything else, and when that was deleted. */
  readonly lastMade: Pick<Workload, "id" | "phase"> | null
  /** Of an application, by ordinal; empty for jobs. */
  readonly replicas: readonly Replica[]
  /** Its place in the queue: a job's own claim, the first that waits of an application's; null for none. */
  readonly waitingClaimId: ClaimId | null
}

export interface BatchOutcome {
  /** In the order of the request, duplicates once. */
  readonly done: readonly { readonly id: string; readonly newId?: string }[]
  /** The thrown AppErrors. When `done` is empty the family answers with the first one's own status and code. */
  readonly failed: readonly { readonly id: string; readonly error: Error }[]
}

/**
 * The rules of workloads (reference/workloads.md 1–7, DESIGN 4, 9.2). Rights are checked here.
 * Every method throws AppError `not_found` (resource `workload`) for an id that is unknown, hidden, or in a
 * workspace that does not exist for the principal; `forbidden` when the role does not allow it; `unavailable`
 * when the store cannot write.
 */
export interface WorkloadService {
  /** @throws AppError `invalid` (issues' messages are whole sentences of the family), `insufficient`, `not_found` (resource `workspace`) */
  create(principal: Principal, command: CreateWorkload): Promise<Workload>
  /** An id filter that the caller may not see matches nothing. */
  list(
    principal: Principal,
    filter: WorkloadFilter & { readonly workspaceId?: string },
    page: {
      readonly sort: WorkloadSort
      readonly order: "asc" | "desc"
      readonly offset: number
      readonly limit: number
    },
  ): Promise<{ readonly total: number; readonly items: readonly WorkloadView<WorkloadSummary>[] }>
  get(principal: Principal, id: string): Promise<WorkloadDetail>
  /** @throws AppError `conflict` detail `ended` or `scheduled` (message is the family's sentence), `invalid`, `insufficient` */
  patch(principal: Principal, id: string, patch: PatchWorkload): Promise<void>
  /** Idempotent; no-op on ended and unknown ones (an unknown id is success, reference 3.11). */
  stop(principal: Principal, id: string, options?: { readonly graceSeconds?: number }): Promise<void>
  /** Stops and hides. Idempotent, like stop. */
  remove(principal: Principal, id: string): Promise<void>
  stopMany(principal: Principal, ids: readonly string[]): Promise<BatchOutcome>
  removeMany(principal: Principal, ids: readonly string[]): Promise<BatchOutcome>
  cloneMany(principal: Principal, ids: readonly string[]): Promise<BatchOutcome>
  /**
   * @param options.container "" = the main one (`pytorch`); options.run = an earlier attempt, default the latest
   * @throws AppError `not_found` resource `pod` (`pods "x" not found`), `invalid` for a container that is not of the pod
   */
  readLog(
    principal: Principal,
    id: string,
    podId: string,
    options: { readonly container: string; readonly run?: number; readonly query: LogQuery },
  ): Promise<LogChunk>
  followLog(
    principal: Principal,
    id: string,
    podId: string,
    options: { readonly container: string; readonly run?: number; readonly query: LogQuery },
    signal: AbortSignal,
  ): Promise<AsyncIterable<LogFollowItem>>
  containers(principal: Principal, id: string, podId: string): Promise<readonly string[]>
}
