import type { Principal } from "../identity/index.ts"
import type { Amounts, Constraints, Node, ResourceName } from "../inventory/index.ts"
import type { Actor, StoredEvent, Tx } from "../journal/index.ts"
import type { Workspace } from "../workspaces/index.ts"
import type { Claim, ClaimId, EndCause, Plan, QueueControl, Reason } from "./types.ts"

/**
 * The incrementally kept structure that plans are made on (DESIGN 4, "The plan"): ordered queue per
 * workspace, free vectors per node, indexes by shape. Fed by the store's topics; a rebuild from the same
 * rows must equal it. Pure: no I/O, no clock.
 */
export interface Capacity {
  claimChanged(claim: Claim): void
  nodeChanged(node: Node): void
  workspaceChanged(workspace: Workspace, gone: boolean): void
  controlChanged(control: QueueControl): void
  /**
   * One turn over what is dirty, at most `limit` (256) admissions. Changes nothing that can be observed:
   * called twice with the same `nowMs` it gives the same plan until `settled` or a change.
   */
  plan(nowMs: number, limit?: number): Plan
  /** The plan was committed (or lost): what it looked at is clean until something changes. */
  settled(plan: Plan): void
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
  couldHold(
    clusters: readonly string[],
    pod: Amounts,
    constraints: Constraints,
  ): {
    readonly declared: boolean
    readonly pods: number
    readonly short: { readonly resource: ResourceName; readonly largest: number } | null
  }
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
    change: Partial<Pick<Claim, "priority" | "gates" | "size" | "pods" | "constraints">>,
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

/** What `berth why` shows (DESIGN 4). */
export interface Explanation {
  readonly state: string
  readonly reasons: readonly (Reason & {
    readonly sentence: string
    readonly holders: readonly string[]
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
export interface QueueService extends ClaimMoves {
  /** Writes what a plan decided, guarded by versions; losers are skipped (they are dirty again by the change that beat them). Returns how many admissions stood. */
  commitPlan(
    plan: Plan,
  ): Promise<{ readonly admitted: number; readonly preempted: number; readonly lost: number }>
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
    subjectId: string,
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
