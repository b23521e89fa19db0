import { Type, type Static } from "typebox"
import { DnsLabel, Exact, Nullable, PageOf, PageQuery, Timestamp } from "../common/index.ts"
import { Amounts } from "./inventory.ts"
import { Event } from "./journal.ts"

/** Why something waits: a closed list. */
export const ReasonCode = Type.Enum([
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
])
export type ReasonCode = Static<typeof ReasonCode>

const reasonMembers = {
  code: ReasonCode,
  /** What is short; null when it is not about an amount. */
  resource: Nullable(Type.Enum(["gpu", "cpu", "memory", "ephemeral-storage"])),
  /** Of `needed` and `free`; null when they are. */
  unit: Nullable(Type.Enum(["gpus", "cpuMilli", "bytes"])),
  needed: Nullable(Type.Integer()),
  free: Nullable(Type.Integer()),
  nodes: Type.Array(Type.String()),
  /** Workloads in the way that the caller may see. */
  workloads: Type.Array(Type.String()),
  /** How many more there are. */
  workloadsHidden: Type.Integer(),
  /** Workloads that must succeed first. */
  dependsOn: Type.Array(Type.String()),
  until: Nullable(Timestamp),
}

export const Reason = Type.Object(reasonMembers)
export type Reason = Static<typeof Reason>

export const QueueEntry = Type.Object({
  workspaceId: Type.String(),
  /** 1..n in its workspace's queue. */
  position: Type.Integer(),
  workloadId: Type.String(),
  userId: Type.String(),
  userName: Type.String(),
  priority: Type.Integer(),
  pods: Type.Integer(),
  /** Of each pod. */
  size: Amounts,
  /** A retry after a failure, at the head. */
  rescheduled: Type.Boolean(),
  queuedAt: Timestamp,
  /** Since when it waits for the first of the reasons. */
  waitingSince: Nullable(Timestamp),
  /** The most decisive first. */
  reasons: Type.Array(Reason),
})
export type QueueEntry = Static<typeof QueueEntry>
/** By workspace, then position. */
export const QueueEntryList = PageOf(QueueEntry)
export type QueueEntryList = Static<typeof QueueEntryList>

export const QueueQuery = Exact({ ...PageQuery.properties, workspace: Type.Optional(Type.String()) })
export type QueueQuery = Static<typeof QueueQuery>

/** Which queue to pause or resume; null or absent = all of them. */
export const QueueSwitch = Exact({ workspace: Type.Optional(Nullable(DnsLabel)) })
export type QueueSwitch = Static<typeof QueueSwitch>

export const QueueSwitched = Type.Object({ workspace: Nullable(Type.String()), paused: Type.Boolean() })
export type QueueSwitched = Static<typeof QueueSwitched>

/** Why something is as it is. */
export const Explanation = Type.Object({
  kind: Type.Literal("workload"),
  id: Type.String(),
  workspaceId: Type.String(),
  /** Its phase. */
  state: Type.String(),
  /** The most decisive first; empty when it does not wait. */
  reasons: Type.Array(Type.Object({ ...reasonMembers, sentence: Type.String() })),
  /** 0 when it does not queue. */
  position: Type.Integer(),
  /** Those before it that the caller may see, at most 20, and how many there are in all. */
  ahead: Type.Object({ ids: Type.Array(Type.String()), count: Type.Integer() }),
  waitingSince: Nullable(Timestamp),
  /** The last 20 things that happened to it, newest first. */
  moves: Type.Array(Event),
})
export type Explanation = Static<typeof Explanation>
