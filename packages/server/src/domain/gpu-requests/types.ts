import type { Branded } from "../../kit/ids.ts"
import type { Amounts, Constraints, NodeId } from "../inventory/index.ts"
import type { Page, Reads, Topic, Tx } from "../journal/index.ts"
import { topic } from "../journal/index.ts"

export type GpuRequestId = Branded<"GpuRequestId">

/**
 * `queued` waits; `provisioned` holds nodes; `complete` its time is up (or the work of an automatic one is over);
 * `early_released` given back by somebody; `timed_out` nobody used it; `error` its nodes were lost; `cancelled` was
 * taken out of the queue (no family lists those). Moves: states.ts.
 */
export type GpuRequestState =
  | "queued"
  | "provisioned"
  | "complete"
  | "early_released"
  | "timed_out"
  | "error"
  | "cancelled"

/** Why a hold ended, or a request left the queue: closed. */
export const gpuEndCauses = [
  "duration",
  "released",
  "idle",
  "node_lost",
  "workspace_deleted",
  "work_over",
  "cancelled",
] as const
export type GpuEndCause = (typeof gpuEndCauses)[number]

/** What nodes a request asks for: whole ones, all in one cluster, all or none (reference/egs.md 5.4). */
export interface GpuWish {
  /** In the order in which they are tried; every one belongs to the workspace. Never empty. */
  readonly clusters: readonly string[]
  /** Exactly this one; null = any. */
  readonly instanceType: string | null
  /** Long or short model name, case ignored; null = any. */
  readonly gpuModel: string | null
  /** At least so many whole GiB per GPU; null = any. */
  readonly memoryGibPerGpu: number | null
  /** At least so many GPUs on each node. */
  readonly gpusPerNode: number
  readonly nodes: number
  /** Of an automatic request: where its pods want to be, and how they are spread over the nodes. */
  readonly pods: GpuWishPods | null
}

/** The gang that an automatic request is filed for. */
export interface GpuWishPods {
  readonly size: Amounts
  readonly count: number
  readonly constraints: Constraints
}

/** What makes a request automatic: it is there for this work and ends with it (DESIGN 4). */
export interface AutomaticFor {
  /** The owner of the claims it is filed for (`ClaimOwner.id`). */
  readonly ownerId: string
  readonly ownerShownId: string
  /**
   * Length of one step: it is extended by so much while that pushes back nobody's promise. 0 = made from a template,
   * which says length and priority.
   */
  readonly stepMs: number
  /** Its work has a time-out: it is not extended for it. */
  readonly hasEnd: boolean
}

/** What was said about its start, to be compared with what came true. */
export interface Promised {
  /** null = cannot be met. */
  readonly startMs: number | null
  readonly atMs: number
  /** When it was likely to start, given how much of their time others used; absent = that was not said. */
  readonly likelyMs?: number
}

/** A node that a request has, or had at its end. */
export interface HeldNode {
  readonly nodeId: NodeId
  readonly name: string
  readonly clusterId: string
  /** All GPUs of the node: whole nodes are handed over. */
  readonly gpus: number
  /** Long model name and instance type at that time: prices hang on them. */
  readonly gpuModel: string
  readonly instanceType: string
}

/** Asks for whole GPU nodes for a workspace for a duration (EGS: GPR). */
export interface GpuRequest {
  readonly id: GpuRequestId // gpr_ULID
  /** `gpr-` + 8 + `-` + 4 hexadecimal digits, unique (reference/egs.md 2.1). */
  readonly shownId: string
  /** A free label; duplicates are fine. At most 253 characters. */
  readonly name: string
  readonly workspaceId: string
  /** Who asked. */
  readonly userId: string
  readonly wish: GpuWish
  /** 0–300, higher first. */
  readonly priority: number
  /** Asked length. Of an automatic one: the current step. */
  readonly durationMs: number
  /** Give it back after so long without use; null = never. */
  readonly idleTimeoutMs: number | null
  /** Back to the queue with what is left of its duration when a node is lost and none can take its place. */
  readonly requeueOnFailure: boolean
  /** Echoed only: nobody is evicted for a GPU request. */
  readonly enableEviction: boolean
  /** Echoed only. */
  readonly multiNode: boolean
  readonly automatic: AutomaticFor | null
  readonly state: GpuRequestState
  readonly createdAtMs: number
  /** First time provisioned since it was last queued; kept after the end. */
  readonly startedAtMs: number | null
  /** When it will end, or was to; null while queued. */
  readonly endsAtMs: number | null
  /** When it ended or was cancelled. */
  readonly endedAtMs: number | null
  /** What it holds or held last; empty while it was never provisioned. */
  readonly nodes: readonly HeldNode[]
  /** Which of the workspace's places it takes while provisioned (1…n of the policy); null = no limit, or not provisioned. */
  readonly place: number | null
  /** What is left of the duration after it went back to the queue; null otherwise. */
  readonly remainingMs: number | null
  /** How long it held nodes before it was last queued. */
  readonly heldBeforeMs: number
  /** How often it went back to the queue. */
  readonly retries: number
  readonly cause: GpuEndCause | null
  /** A sentence; "" unless state `error`. */
  readonly failureReason: string
  /** The first estimate that was given; null until the first plan. */
  readonly promised: Promised | null
  /** The last one; frozen when it starts. */
  readonly estimate: Promised | null
  /** Since when none of its GPUs is used; null = in use, or not provisioned. */
  readonly idleSinceMs: number | null
  /** How long it was idle in all, up to `idleSinceMs`. */
  readonly idleMs: number
  readonly version: number
}

/** Whose the GPUs of a node are: at most one per node. Row gone = free. */
export interface NodeHold {
  readonly nodeId: NodeId
  readonly requestId: GpuRequestId
  readonly workspaceId: string
  /** `held → draining → (no row)`. */
  readonly state: "held" | "draining"
  readonly sinceMs: number
  /** When the processes on it must be over; null while held. */
  readonly drainDeadlineMs: number | null
  /** Until when it was promised to the request. */
  readonly untilMs: number
  readonly automatic: boolean
  readonly version: number
}

/** A reusable form of a request (reference/egs.md 2.9). */
export interface GpuTemplate {
  /** Unique on the server. */
  readonly name: string
  /** Whose Editors may change it; null = the server's Owners'. */
  readonly workspaceId: string | null
  readonly clusterName: string
  readonly gpusPerNode: number
  readonly nodes: number
  readonly memoryGibPerGpu: number | null
  readonly gpuModel: string
  readonly instanceType: string
  readonly durationMs: number
  readonly priority: number
  readonly enforceIdleTimeout: boolean
  readonly idleTimeoutMs: number | null
  readonly enableEviction: boolean
  readonly requeueOnFailure: boolean
  readonly createdAtMs: number
  readonly version: number
}

/** Which templates a workspace uses on which cluster, and whether work files requests by itself. One per workspace. */
export interface GpuBinding {
  readonly workspaceId: string
  readonly clusters: readonly {
    readonly clusterName: string
    readonly defaultTemplate: string
    readonly templates: readonly string[]
  }[]
  /** Work that asks for GPUs files a request made from the default template of its cluster. */
  readonly enableAutomatic: boolean
  readonly createdAtMs: number
  readonly version: number
}

/** What one GPU of a model costs for an hour. */
export interface Price {
  /** Long or short model name; matched as models are, case ignored. */
  readonly gpuModel: string
  /** Only for nodes of this instance type; "" = for all. */
  readonly instanceType: string
  /** Millionths of the currency per GPU and hour: integers, never floats. */
  readonly microsPerGpuHour: number
  /** ISO 4217, upper case. */
  readonly currency: string
}

/** One estimate that was given and what came true. */
export interface Outcome {
  readonly priority: number
  readonly createdAtMs: number
  readonly promisedStartMs: number
  readonly promisedAtMs: number
  /** null = no likely start was said. */
  readonly likelyStartMs: number | null
  readonly startedAtMs: number
}

export interface GpuRequestFilter {
  /** null = all. */
  readonly workspaces: readonly string[] | null
  readonly states?: readonly GpuRequestState[]
  readonly automatic?: boolean
}

export interface GpuRequestStore {
  /** Queued and provisioned ones. */
  live(from: Reads): Promise<readonly GpuRequest[]>
  /** How many of a workspace are queued or provisioned, plus the nodes of it that are not free yet. */
  liveIn(from: Reads, workspaceId: string): Promise<number>
  /** How many are queued, as far as it is committed: creates in the same moment do not see each other. */
  queuedIn(from: Reads, workspaceId: string): Promise<number>
  byId(from: Reads, id: GpuRequestId): Promise<GpuRequest | undefined>
  byShownId(from: Reads, shownId: string): Promise<GpuRequest | undefined>
  /** All of a workspace but cancelled ones, by shown id, at most `limit`. Runs beside the writer. */
  listIn(from: Reads, workspaceId: string, limit: number): Promise<readonly GpuRequest[]>
  /** Newest first; without `states` all but cancelled ones. Runs beside the writer. @throws AppError `invalid` for a cursor that never was */
  page(from: Reads, filter: GpuRequestFilter, limit: number, cursor: string | null): Promise<Page<GpuRequest>>
  /** Those that held nodes in the span [from, to), as of their last start, by it, at most `limit` (the latest). Runs beside the writer. */
  heldBetween(
    from: Reads,
    span: { readonly workspaces: readonly string[] | null; readonly fromMs: number; readonly toMs: number },
    limit: number,
  ): Promise<readonly GpuRequest[]>
  /** Of those that started since, the latest first, at most `limit`. Runs beside the writer. */
  outcomes(from: Reads, sinceMs: number, limit: number): Promise<readonly Outcome[]>
  /** The latest that ended after they held nodes, at most `limit`, by their end. */
  lastEnded(from: Reads, limit: number): Promise<readonly GpuRequest[]>
  /** @throws AppError `already_exists` when the shown id is taken */
  insert(tx: Tx, request: GpuRequest): Promise<void>
  /**
   * Writes the whole row with version + 1, guarded by version and by the state it is moved from.
   * @throws AppError `stale`; also when the place is taken
   */
  update(tx: Tx, request: GpuRequest, from: GpuRequestState): Promise<void>
  /** Removes those that ended before the instant and have no node left, oldest first, at most `limit`; says how many. */
  prune(tx: Tx, endedBeforeMs: number, limit: number): Promise<number>

  holds(from: Reads): Promise<readonly NodeHold[]>
  hold(from: Reads, nodeId: NodeId): Promise<NodeHold | undefined>
  /** @throws AppError `stale` when the node is held already */
  insertHold(tx: Tx, hold: NodeHold): Promise<void>
  /** @throws AppError `stale` */
  updateHold(tx: Tx, hold: NodeHold): Promise<void>
  /** The node is free. @throws AppError `stale` */
  deleteHold(tx: Tx, hold: NodeHold): Promise<void>
}

/** Templates, bindings and prices: few, so whole lists are read. `put` inserts or replaces (guarded by version when not 0). */
export interface GpuSettingsStore {
  templates(from: Reads): Promise<readonly GpuTemplate[]>
  template(from: Reads, name: string): Promise<GpuTemplate | undefined>
  /** @throws AppError `already_exists` */
  insertTemplate(tx: Tx, template: GpuTemplate): Promise<void>
  /** @throws AppError `stale` */
  updateTemplate(tx: Tx, template: GpuTemplate): Promise<void>
  /** @throws AppError `not_found` (resource `gpu-template`) */
  deleteTemplate(tx: Tx, name: string): Promise<void>
  bindings(from: Reads): Promise<readonly GpuBinding[]>
  binding(from: Reads, workspaceId: string): Promise<GpuBinding | undefined>
  /** @throws AppError `already_exists` */
  insertBinding(tx: Tx, binding: GpuBinding): Promise<void>
  /** @throws AppError `stale` */
  updateBinding(tx: Tx, binding: GpuBinding): Promise<void>
  /** The row of a workspace takes its binding with it. @throws AppError `not_found` (resource `gpu-template-binding`) */
  deleteBinding(tx: Tx, workspaceId: string): Promise<void>
  prices(from: Reads): Promise<readonly Price[]>
  /** Replaces all of them. */
  setPrices(tx: Tx, prices: readonly Price[]): Promise<void>
}

/** The row after the change. */
export const gpuRequestChanged: Topic<GpuRequest> = topic<GpuRequest>("gpu-request-changed")
/** `free` true: the hold is over. */
export const nodeHoldChanged: Topic<{ readonly hold: NodeHold; readonly free: boolean }> =
  topic("node-hold-changed")
/** The binding after the change; `gone` true after its deletion. */
export const gpuBindingChanged: Topic<{ readonly binding: GpuBinding; readonly gone: boolean }> =
  topic("gpu-binding-changed")
export const gpuTemplateChanged: Topic<{ readonly template: GpuTemplate; readonly gone: boolean }> =
  topic("gpu-template-changed")
export const pricesChanged: Topic<readonly Price[]> = topic<readonly Price[]>("prices-changed")
