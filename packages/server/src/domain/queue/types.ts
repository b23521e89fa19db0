import type { Branded } from "../../kit/ids.ts"
import type { GpuRequest, GpuRequestId, GpuWish } from "../gpu-requests/index.ts"
import type { Amounts, Constraints, NodeId, ResourceName } from "../inventory/index.ts"
import type { Reads, Topic, Tx } from "../journal/index.ts"
import { topic } from "../journal/index.ts"

export type ClaimId = Branded<"ClaimId">
/** `wanted → bound → releasing → gone`; wanted → gone when it is given up. Moves: see states.ts. */
export type ClaimState = "wanted" | "bound" | "releasing" | "gone"

/** Whose capacity it is. The queue never looks inside; the owner's slice does. */
export interface ClaimOwner {
  readonly kind: "workload" | "ray-cluster"
  /** The owner's inner id. */
  readonly id: string
  /** The id the family shows, for sentences. */
  readonly shownId: string
  /** Who submitted it. */
  readonly userId: string
}

/** Something other than capacity that keeps a claim from being planned; it blocks nobody meanwhile. */
export type Gate =
  | { readonly kind: "time"; readonly untilMs: number }
  | { readonly kind: "dependency"; readonly on: readonly string[] }
  | { readonly kind: "backoff"; readonly untilMs: number }

/** Pods of one size. */
export interface PodSet {
  readonly pods: number
  readonly size: Amounts
  readonly constraints: Constraints
}

export interface Placement {
  /** 0-based index of the pod in the claim: first the claim's own, then those of `beside` in its order. */
  readonly pod: number
  readonly nodeId: NodeId
  /** Ascending; as many as `size.gpus`. */
  readonly gpuIndexes: readonly number[]
}

/** Capacity that a set of pods wants or holds (DESIGN 2, 4). All or nothing. */
export interface Claim {
  readonly id: ClaimId // clm_ULID
  readonly owner: ClaimOwner
  readonly workspaceId: string
  readonly state: ClaimState
  /** How many pods of `size`. */
  readonly pods: number
  /** Of its most demanding pods, most GPUs first: without GPUs here, none of its pods wants any. */
  readonly size: Amounts
  readonly constraints: Constraints
  /** Further pods of other sizes, in the same cluster and in the same all or nothing. */
  readonly beside: readonly PodSet[]
  readonly preemptible: boolean
  /** How long it may take at most once it is bound, its grace included; null = nobody knows. */
  readonly runsForMs: number | null
  /** 0–2, higher first. */
  readonly priority: number
  /** A retry after a failure: at the head of the queue. */
  readonly rescheduled: boolean
  /** The owner's creation: the order among equals, then `owner.shownId`. */
  readonly queuedAtMs: number
  /** Open gates; empty = may be planned. A time or backoff gate in the past counts as open. */
  readonly gates: readonly Gate[]
  /** Set from bound on; kept when gone. */
  readonly placements: readonly Placement[]
  /** A preemptor's nodes while its victims leave (state wanted); empty otherwise. */
  readonly nominated: readonly Placement[]
  /** Why it waits, as of the last plan, and since when; null when it does not wait or was never planned. */
  readonly reason: ReasonCode | null
  readonly reasonSinceMs: number | null
  readonly boundAtMs: number | null
  readonly releasingAtMs: number | null
  /** When releasing must be over; afterwards its nodes are `stuck`. */
  readonly releaseDeadlineMs: number | null
  readonly version: number
}

/** Why something waits: closed (DESIGN 4). */
export const reasonCodes = [
  "waiting_for_time",
  "dependency",
  "workspace_busy",
  "reservation_pending",
  "no_reservation",
  "quota_short",
  "no_node_fits",
  "no_node_matches",
  "nodes_unhealthy",
  "cordoned",
  "draining",
  "queue_paused",
  "blocked_by",
  "waiting_for_victims",
  "starting",
  "installing",
  "port_in_use",
  "backoff",
  "cannot_be_met",
  "policy_limit",
  "driver_down",
] as const
export type ReasonCode = (typeof reasonCodes)[number]

/** A reason with its typed facts. `claimIds` are resolved to what the caller may see by the reader. */
export interface Reason {
  readonly code: ReasonCode
  readonly resource?: ResourceName
  /** In the unit of `Amounts`. */
  readonly needed?: number
  readonly free?: number
  /** Node names. */
  readonly nodes?: readonly string[]
  /** Who is in the way: holders, blockers or victims. */
  readonly claimIds?: readonly ClaimId[]
  /** GPU requests that it waits for, or that are in the way. */
  readonly requestIds?: readonly GpuRequestId[]
  /** Owner ids (dependencies). */
  readonly on?: readonly string[]
  readonly untilMs?: number
  /** Labels or names were asked for and narrow the choice. */
  readonly constrained?: boolean
  /** What the driver, or whoever restored the database, says, as a sentence. */
  readonly detail?: string
}

/** Why an attempt or a hold ended: closed (DESIGN 4). */
export const endCauses = [
  "succeeded",
  "failed",
  "stopped",
  "timed_out",
  "preempted",
  "reservation_ended",
  "node_lost",
  "lost",
  "out_of_memory",
  "log_flood",
  "disk_full",
  "hang",
  "dependency_failed",
  "start_deadline",
  "unhealthy",
] as const
export type EndCause = (typeof endCauses)[number]

export interface Admission {
  readonly claimId: ClaimId
  readonly version: number
  readonly placements: readonly Placement[]
}
export interface Preemption {
  readonly claimId: ClaimId
  readonly version: number
  /** Where the preemptor will be once they have left. */
  readonly nominated: readonly Placement[]
  /** In the order they were chosen; irreducible. */
  readonly victims: readonly ClaimId[]
}
export interface Refusal {
  readonly claimId: ClaimId
  readonly reason: Reason
}
/** A claim for which a GPU request is to be filed: its workspace's holds have no room for it. */
export interface Filing {
  readonly claimId: ClaimId
  readonly version: number
  readonly wish: GpuWish
}
/** What one turn of the planner decides; pure data. */
export interface Plan {
  readonly admissions: readonly Admission[]
  readonly preemptions: readonly Preemption[]
  readonly filings: readonly Filing[]
  /**
   * What was looked at and not admitted, with why: one entry of each shape (what is behind it and asks for
   * the same gets the same answer), and gated or paused ones whose row does not say so yet.
   */
  readonly refusals: readonly Refusal[]
  /** The turn ended at its bound; call again. */
  readonly more: boolean
}

/** All queues' switch, one row. */
export interface QueueControl {
  readonly paused: boolean
  readonly pausedBy: string | null
  readonly sinceMs: number | null
  /** Paused because the database was restored from a backup of that instant; null otherwise. */
  readonly restoredFromMs: number | null
}

export interface ClaimStore {
  /** Every claim that is not gone. */
  live(from: Reads): Promise<readonly Claim[]>
  /** How many of them a workspace has. */
  liveIn(from: Reads, workspaceId: string): Promise<number>
  byId(from: Reads, id: ClaimId): Promise<Claim | undefined>
  insert(tx: Tx, claim: Claim): Promise<void>
  /**
   * Writes the whole row with version + 1, guarded by `claim.version` and by the state it is moved from.
   * @throws AppError `stale`
   */
  update(tx: Tx, claim: Claim, from: ClaimState): Promise<void>
  control(from: Reads): Promise<QueueControl>
  setControl(tx: Tx, control: QueueControl): Promise<void>
}

/** The row after the change. */
export const claimChanged: Topic<Claim> = topic<Claim>("claim-changed")
export const queueControlChanged: Topic<QueueControl> = topic<QueueControl>("queue-control-changed")

/**
 * What the queue tells the owner of a claim, in the same transaction as the move itself: one
 * implementation per owner kind, handed in by the composition root.
 */
export interface ClaimOwnerPort {
  bound(tx: Tx, claim: Claim, nowMs: number): Promise<void>
  /** The claim was moved to releasing so that `by` can have its place; null = a drain. */
  evicted(tx: Tx, claim: Claim, cause: EndCause, by: Claim | null, nowMs: number): Promise<void>
}

/**
 * What claims need to know of GPU requests, answered from memory (the board of `gpu-requests`). `none` where there
 * are none: planners of claims can be tried without.
 */
export interface Reservations {
  /** Queued and provisioned ones of the workspace. */
  requestsOf(workspaceId: string): readonly GpuRequest[]
  request(id: GpuRequestId): GpuRequest | undefined
  /** The live automatic ones that were filed for the owner of claims. */
  filedFor(ownerId: string): readonly GpuRequest[]
  /** When a queued one starts, by the plan; null = nobody can say. */
  startMs(id: GpuRequestId, nowMs: number): number | null
  /** Whether work of the workspace files GPU requests by itself, by its policy or a template binding. */
  filesRequests(workspaceId: string): boolean
  /** How many more it may have queued. */
  roomFor(workspaceId: string): number
}
