import type { Principal } from "../identity/index.ts"
import type {
  GpuEndCause,
  GpuPlan,
  GpuRequest,
  GpuRequestId,
  HoldEnds,
  NodeHold,
} from "../gpu-requests/index.ts"
import type { Amounts, Constraints, Node, NodeId } from "../inventory/index.ts"
import type { Actor, StoredEvent, Subject, Tx } from "../journal/index.ts"
import type { Workspace } from "../workspaces/index.ts"
import type { GangHolding, Holding } from "./could-hold.ts"
import type { Claim, ClaimId, EndCause, Plan, PodSet, QueueControl, Reason, Reservations } from "./types.ts"

/**
 * The incrementally kept structure that plans are made on (DESIGN 4, "The plan"): ordered queue per
 * workspace, free vectors per node, indexes by shape. Fed by the store's topics; a rebuild from the same
 * rows must equal it. Pure: no I/O, no clock.
 */
export interface Capacity {
  /** What it was made with. */
  readonly reservations: Reservations
  claimChanged(claim: Claim): void
  nodeChanged(node: Node): void
  workspaceChanged(workspace: Workspace, gone: boolean): void
  controlChanged(control: QueueControl): void
  /** `free`: the hold is over. */
  holdChanged(hold: NodeHold, free: boolean): void
  requestChanged(request: GpuRequest): void
  /**
   * One turn over what is dirty, at most `limit` (256) admissions. Changes nothing that can be observed:
   * called twice with the same `nowMs` it gives the same plan until `settled` or a change.
   */
  plan(nowMs: number, limit?: number): Plan
  /** The plan was committed (or lost): what it looked at is clean until something changes. */
  settled(plan: Plan): void
  /** Something that is not in the rows of the workspace's queue has changed what it may do. */
  markDirty(workspaceId: string): void
  /** Everything is to be looked at again. */
  markAllDirty(): void
  isDirty(nowMs: number): boolean
  /** The earliest instant at which a gate opens by itself; null when none. */
  nextGateMs(nowMs: number): number | null
  /** 1..n in its workspace's queue without gaps; 0 when it is not in one. */
  position(id: ClaimId): number
  /** The queue of a workspace in order, or the part of it from the 0-based `from` to before `to`. */
  queue(workspaceId: string, from?: number, to?: number): readonly Claim[]
  /** How many wait in it. */
  queueLength(workspaceId: string): number
  /** Ids of the workspaces in whose queue something waits. */
  queuedWorkspaces(): readonly string[]
  claim(id: ClaimId): Claim | undefined
  /** All of an owner that are not gone. */
  claimsOf(ownerId: string): readonly Claim[]
  /** Who has the GPUs of a node for a while. */
  hold(nodeId: string): NodeHold | undefined
  /** The switch of all queues. */
  control(): QueueControl
  node(name: string, clusterId: string): Node | undefined
  nodeById(nodeId: string): Node | undefined
  nodes(): readonly Node[]
  /** Claims that are bound or releasing on a node. */
  holders(nodeId: string): readonly Claim[]
  /** What a node has left for new pods of anybody. */
  free(nodeId: string): Amounts
  /** Why the claim waits now, most decisive first; empty when it does not wait. */
  reasons(id: ClaimId, nowMs: number): readonly Reason[]
  /**
   * Whether the declared inventory of the clusters could ever hold it, nothing else running
   * (reference/workloads.md 2.3, DESIGN 9.2): how many such pods it holds at once, and when that is none the resource that is
   * short with the largest node's amount. `declared` false before the first fingerprint.
   */
  couldHold(clusters: readonly string[], pod: Amounts, constraints: Constraints): Holding
  /** The same for all sets of a gang at once, in the order of `orderedSets`: before such a claim is made. */
  couldHoldAll(clusters: readonly string[], sets: readonly PodSet[]): GangHolding
  /** A canonical dump, for comparing with a rebuild. */
  fingerprint(): string
}

/** Moves of claims, each with row, event and topic in the caller's transaction. */
export interface ClaimMoves {
  /** A new claim, state wanted. */
  want(tx: Tx, claim: Claim, nowMs: number): Promise<void>
  /** Changes of a wanted claim: priority, gates, size, pods; of a bound one its priority. @throws AppError `stale`, `conflict` when its state does not allow it */
  amend(
    tx: Tx,
    claim: Claim,
    change: Partial<
      Pick<Claim, "priority" | "gates" | "size" | "pods" | "constraints" | "beside" | "runsForMs">
    >,
    nowMs: number,
  ): Promise<Claim>
  /** wanted → gone. */
  giveUp(tx: Tx, claim: Claim, nowMs: number): Promise<void>
  /** bound → releasing, to be over by now + grace + 30 s. No-op when already releasing. */
  release(tx: Tx, claim: Claim, cause: EndCause, graceMs: number, nowMs: number): Promise<Claim>
  /** bound or releasing → gone: only on the driver's word that no process is left. */
  gone(tx: Tx, claim: Claim, nowMs: number): Promise<void>
  /**
   * A bound claim of n pods becomes n bound claims of one pod each, in the same places: from then on each is held,
   * moved and given back singly. In the order of the pods.
   * @param ids one for each pod
   */
  split(tx: Tx, claim: Claim, ids: readonly ClaimId[]): Promise<readonly Claim[]>
  byId(tx: Tx, id: ClaimId): Promise<Claim | undefined>
}

/** Moves of holds: the only doors through which nodes are handed over and taken back (DESIGN 4). */
export interface HoldMoves extends HoldEnds {
  /**
   * Hands free nodes to the requests of a plan, guarded by what the transaction sees; losers are skipped. Notes
   * estimates on the rows, best effort.
   */
  commitProvisions(plan: GpuPlan): Promise<{ readonly provisioned: number; readonly lost: number }>
  /** The work on it is told to leave, its end is near; the request stays provisioned. Idempotent. */
  drainHold(id: GpuRequestId, nowMs: number): Promise<void>
  /** Draining nodes without work with GPUs of their holder are free; what still runs there is told to leave. */
  freeHolds(nodeIds: readonly NodeId[]): Promise<void>
  /** Puts a healthy free node in the place of one that was lost. @throws AppError `stale` when it is not free any more */
  replaceNode(id: GpuRequestId, lost: NodeId, by: NodeId): Promise<void>
  /** Ends the hold in a transaction of its own; no-op when it is not provisioned any more. */
  end(
    id: GpuRequestId,
    end: { readonly cause: GpuEndCause; readonly reason?: string; readonly actor: Actor },
  ): Promise<void>
  /**
   * Ends the hold of an automatic request whose work is over, unless work is just being placed on its nodes: that is
   * looked at again by what it moves. Nothing is placed there meanwhile.
   * @param end.isUnused asked for again where it is written
   */
  endUnused(
    id: GpuRequestId,
    nodeIds: readonly NodeId[],
    end: { readonly isUnused: () => boolean; readonly actor: Actor },
  ): Promise<void>
  /**
   * Files automatic requests that hold the nodes on which work with GPUs runs that nobody holds: left by a version
   * that knew no holds. @returns how many
   */
  adoptNodes(): Promise<number>
}

/** What `berth why` shows (DESIGN 4). */
export interface Explanation {
  readonly state: string
  readonly reasons: readonly (Reason & {
    readonly sentence: string
    readonly holders: readonly string[]
    /** Shown ids of the GPU requests that it waits for, or that are in the way. */
    readonly gpuRequests: readonly string[]
    readonly holdersHidden: number
  })[]
  readonly position: number
  /** Shown ids of those ahead that the caller may see, in order, at most 20; and how many in all. */
  readonly ahead: { readonly ids: readonly string[]; readonly count: number }
  readonly waitingSinceMs: number | null
  /** Last 20 moves, newest first. */
  readonly moves: readonly StoredEvent[]
}

export interface QueueEntryView {
  readonly claim: Claim
  readonly position: number
  readonly reasons: readonly Reason[]
}

/** Where an entry stood when it was seen: what a list goes on after. */
export interface QueuePlace {
  readonly workspaceId: string
  readonly position: number
  readonly claimId: string
}

/** A part of the queues. */
export interface QueuePart {
  readonly items: readonly QueueEntryView[]
  readonly hasMore: boolean
}

/** Commands and reads of the queue; rights are checked here. */
export interface QueueService extends ClaimMoves, HoldMoves {
  /** Writes what a plan decided, guarded by versions; losers are skipped (they are dirty again by the change that beat them). Returns how many admissions stood. */
  commitPlan(plan: Plan): Promise<{
    readonly admitted: number
    readonly preempted: number
    readonly lost: number
    /** GPU requests filed for work that waits. */
    readonly filed: number
  }>
  /**
   * Every workspace the principal may see, or one. Ordered by workspace, then position; at most `limit` entries,
   * those after `after`: where that one stands now, or, when it has left the queue, where it stood.
   */
  list(
    principal: Principal,
    workspaceId: string | null,
    page: { readonly limit: number; readonly after: QueuePlace | null },
  ): Promise<QueuePart>
  /** State, reasons, position, who is ahead, last moves of the claim of an owner. The caller has checked the right to see the owner. */
  explain(
    principal: Principal,
    claimId: ClaimId | null,
    subject: Subject,
    state: string,
  ): Promise<Explanation>
  /** null = all queues (server owner). Idempotent. */
  pause(principal: Principal, workspaceId: string | null): Promise<void>
  /**
   * After a restore it refuses while processes run that the database knows nothing of: what they use would be given
   * away twice. @throws AppError `conflict` detail `strays`, unless `force`
   */
  resume(
    principal: Principal,
    workspaceId: string | null,
    options?: { readonly force?: boolean },
  ): Promise<void>
  /** Evicts every claim on a draining node (cause stopped → requeued), in one transaction; called when a node's `draining` was set. */
  evictFrom(actor: Actor, nodeId: string): Promise<number>
}
