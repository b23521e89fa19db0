import type { Node, NodeId } from "../../inventory/index.ts"
import type { Workspace } from "../../workspaces/index.ts"
import type { GpuRequest, GpuRequestId, GpuWish, NodeHold } from "../types.ts"

/** When and where a queued request will start if everything ends as stated and nothing new comes. */
export interface Slot {
  readonly startMs: number
  readonly endMs: number
  readonly clusterId: string
  readonly nodeIds: readonly NodeId[]
}

/** Why a queued request has no slot, or does not start now. Subset of the queue's reason codes (DESIGN 4). */
export type GpuRequestReason =
  /** The queue of its workspace, or all queues, are paused. */
  | { readonly code: "queue_paused" }
  /** No node of the inventory will ever do; the sentence names what is nearest. */
  | { readonly code: "cannot_be_met"; readonly detail: string; readonly nearest: Nearest | null }
  /** There are such nodes, but too few of them are healthy. */
  | { readonly code: "nodes_unhealthy"; readonly nodes: readonly string[] }
  | { readonly code: "cordoned"; readonly nodes: readonly string[] }
  | { readonly code: "draining"; readonly nodes: readonly string[] }
  /** Its workspace has as many provisioned requests as it may: these, until then. */
  | {
      readonly code: "workspace_busy"
      readonly requestIds: readonly GpuRequestId[]
      readonly untilMs: number
    }
  /** Its nodes are held by these, until then; null: work that no request holds them for is on them, for as long as it runs. */
  | {
      readonly code: "quota_short"
      readonly requestIds: readonly GpuRequestId[]
      readonly nodes: readonly string[]
      readonly needed: number
      readonly free: number
      readonly untilMs: number | null
    }
  /** Nodes are free, but promised to these, which are ahead of it. */
  | { readonly code: "blocked_by"; readonly requestIds: readonly GpuRequestId[]; readonly untilMs: number }

/** The shape of the inventory that comes nearest to a wish that cannot be met. */
export interface Nearest {
  readonly clusterId: string
  readonly instanceType: string
  readonly gpuModel: string
  readonly memoryGibPerGpu: number
  readonly gpusPerNode: number
  readonly nodes: number
}

/** What may be written now; pure data. */
export interface GpuPlan {
  /** When its provisions begin: what follows them is planned on that. */
  readonly atMs: number
  /** Requests whose slot has come and whose nodes are free: `queue.commitProvisions` writes them. */
  readonly provisions: readonly Provision[]
  /** First estimates, and ones that have moved by a minute or more: noted on the rows, best effort. */
  readonly estimates: readonly {
    readonly requestId: GpuRequestId
    readonly version: number
    readonly startMs: number | null
  }[]
}

export interface Provision {
  readonly requestId: GpuRequestId
  readonly version: number
  readonly clusterId: string
  readonly nodeIds: readonly NodeId[]
  /** 1…n where the policy has a limit; null otherwise. */
  readonly place: number | null
}

/** A request that is only asked about. */
export interface Candidate {
  readonly workspaceId: string
  readonly wish: GpuWish
  readonly priority: number
  readonly durationMs: number
}

/** Answer to "when would it start". */
export type Forecast =
  | { readonly kind: "slot"; readonly slot: Slot }
  | { readonly kind: "never"; readonly reason: GpuRequestReason }

/** Whose promises an extension has to keep; see `Board.delayedBy`. */
export type WhosePromises = "others" | "all"

/**
 * Everything that GPU requests are planned on, in memory, fed by the store's topics; a rebuild from the store equals
 * it. Pure: instants are handed in. Order of the queue: priority (higher first), creation, id.
 */
export interface Board {
  nodeChanged(node: Node): void
  holdChanged(hold: NodeHold, free: boolean): void
  /**
   * Whether work with GPUs is on the node. Where nobody holds it (its assignment was taken back, or it was left by an
   * older version) it is not lent before that is gone, and nobody knows when that will be.
   */
  nodeInUse(nodeId: string, inUse: boolean): void
  requestChanged(request: GpuRequest): void
  workspaceChanged(workspace: Workspace, gone: boolean): void
  /** All queues paused. */
  controlChanged(paused: boolean): void
  /** Plans where something changed or an instant has come; O(changed suffix of the queue). */
  plan(nowMs: number): GpuPlan
  /**
   * The same in steps of a few milliseconds at most, between which others may have their turn; what changes in
   * between counts from the next plan on. A question asked in between finishes it at once.
   */
  planSteps(nowMs: number): Generator<void, GpuPlan>
  /** Whether `plan` would have anything to look at. */
  isDirty(nowMs: number): boolean
  /** The next instant at which something may start by itself; null = none. */
  nextMs(nowMs: number): number | null
  /** Brings the plan up to date first. undefined: not queued, or nothing is planned for it. */
  slot(id: GpuRequestId, nowMs: number): Slot | undefined
  /** Why it does not run; undefined: it is not queued, or starts in this moment. */
  reason(id: GpuRequestId, nowMs: number): GpuRequestReason | undefined
  /** Place in the order of all that compete, from 1; 0 = not queued. `ahead`: at most `limit` before it. */
  position(
    id: GpuRequestId,
    limit: number,
  ): { readonly position: number; readonly ahead: readonly GpuRequest[] }
  /** When such a request would start if it were made now. Changes nothing. */
  forecast(candidate: Candidate, nowMs: number): Forecast
  /**
   * Whose promises a later end of a provisioned request would push back; empty = nobody's. Changes nothing.
   * @param whose `others`: requests of its own workspace do not count, as for somebody who extends it by hand and
   *   decides for his workspace; `all`: they do, as for an extension that nobody decided
   * @returns also the latest end that was found to push back nobody (at least the present end)
   */
  delayedBy(
    id: GpuRequestId,
    endsAtMs: number,
    nowMs: number,
    whose: WhosePromises,
  ): { readonly requestIds: readonly GpuRequestId[]; readonly latestEndMs: number }
  /** A healthy free node that may take the place of one of the request's, in its cluster; undefined = none. */
  substitute(id: GpuRequestId, lost: NodeId): Node | undefined
  request(id: GpuRequestId): GpuRequest | undefined
  byShownId(shownId: string): GpuRequest | undefined
  /** Queued in order, then provisioned. */
  live(): readonly GpuRequest[]
  queuedIn(workspaceId: string): readonly GpuRequest[]
  provisionedIn(workspaceId: string): readonly GpuRequest[]
  /** The live automatic requests that were filed for the owner: one, or another too when its work left the nodes of the first. */
  filedFor(ownerId: string): readonly GpuRequest[]
  hold(nodeId: string): NodeHold | undefined
  holdsOf(id: GpuRequestId): readonly NodeHold[]
  /** Nodes that can be lent: with GPUs, managed, assigned to no workspace; ordered by cluster and name. */
  managedNodes(): readonly Node[]
  /** Whether wish and node suit each other, whoever has it and however it is. */
  suits(wish: GpuWish, node: Node): boolean
  /** Everything that plans depend on, as text: equal exactly where two boards plan alike. */
  fingerprint(): string
}
