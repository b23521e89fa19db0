import { Type, type Static } from "typebox"
import {
  Exact,
  Nullable,
  PageOf,
  PageQuery,
  dnsLabel,
  flag,
  int,
  oneOf,
  text,
  timestamp,
} from "../common/index.ts"
import { Amounts } from "./inventory.ts"
import { Event } from "./journal.ts"

/** Why something waits: a closed list. */
export const ReasonCode = oneOf(
  [
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
  ],
  "Why it waits: a closed list.",
)
export type ReasonCode = Static<typeof ReasonCode>

const reasonMembers = {
  code: ReasonCode,
  resource: Nullable(
    oneOf(["gpu", "cpu", "memory", "ephemeral-storage"], "What is short."),
    "What is short; null when it is not about an amount.",
  ),
  unit: Nullable(
    oneOf(["gpus", "cpuMilli", "bytes"], "Of `needed` and `free`."),
    "Of `needed` and `free`; null when they are.",
  ),
  needed: Nullable(Type.Integer(), "How much is needed, in `unit`; null when it is not about an amount."),
  free: Nullable(Type.Integer(), "How much is free, in `unit`; null when it is not about an amount."),
  nodes: Type.Array(Type.String(), { description: "Nodes that it is about; may be empty." }),
  workloads: Type.Array(Type.String(), { description: "Workloads in the way that the caller may see." }),
  workloadsHidden: int("How many more there are."),
  dependsOn: Type.Array(Type.String(), { description: "Workloads that must succeed first." }),
  until: Nullable(timestamp("When it ends."), "When this reason ends by itself; null = unknown."),
}

export const Reason = Type.Object(reasonMembers, { description: "One reason why something waits." })
export type Reason = Static<typeof Reason>

const PodSet = Type.Object(
  {
    pods: int("How many pods."),
    size: Type.Object(Amounts.properties, { description: "What each of them asks for." }),
  },
  { description: "Pods of one size." },
)

export const QueueEntry = Type.Object(
  {
    workspaceId: text("Its workspace."),
    position: int("1..n in its workspace's queue."),
    workloadId: text("The workload."),
    userId: text("Who submitted it."),
    userName: text("The submitter's name."),
    priority: int("0 to 2; higher goes first."),
    pods: int("How many pods it asks for in all."),
    size: Type.Object(Amounts.properties, {
      description: "What each pod asks for; of pods of several sizes, each of those that ask for most.",
    }),
    sets: Type.Array(PodSet, { description: "Its pods by size, the most demanding first." }),
    rescheduled: flag("A retry after a failure, at the head."),
    queuedAt: timestamp("Since when it is in the queue."),
    waitingSince: Nullable(
      timestamp("Since when it waits for the first of the reasons."),
      "Since when it waits for the first of the reasons; null = not looked at yet.",
    ),
    reasons: Type.Array(Reason, { description: "The most decisive first." }),
  },
  { description: "A workload that waits." },
)
export type QueueEntry = Static<typeof QueueEntry>
/** By workspace, then position. */
export const QueueEntryList = PageOf(QueueEntry, "What waits, by workspace, then position.")
export type QueueEntryList = Static<typeof QueueEntryList>

export const QueueQuery = Exact({
  ...PageQuery.properties,
  workspace: Type.Optional(text("Only this workspace's queue.")),
})
export type QueueQuery = Static<typeof QueueQuery>

/** Which queue to pause or resume; null or absent = all of them. */
export const QueueSwitch = Exact(
  {
    workspace: Type.Optional(
      Nullable(dnsLabel("A workspace."), "Whose queue; null or absent = all of them."),
    ),
  },
  "Which queue to pause or resume.",
)
export type QueueSwitch = Static<typeof QueueSwitch>

export const QueueResume = Exact(
  {
    ...QueueSwitch.properties,
    force: Type.Optional(
      flag("All queues after a restore, although processes run here that the database knows nothing of.", {
        default: false,
      }),
    ),
  },
  "Which queue.",
)
export type QueueResume = Static<typeof QueueResume>

export const QueueSwitched = Type.Object(
  {
    workspace: Nullable(Type.String(), "Whose queue; null = all of them."),
    paused: flag("Nothing is admitted from it."),
  },
  { description: "How the queue is now." },
)
export type QueueSwitched = Static<typeof QueueSwitched>

/** A reason, with a sentence for people. */
export const ExplainedReason = Type.Object(
  { ...reasonMembers, sentence: text("The reason for people.") },
  { description: "One reason why something waits, and a sentence." },
)
export type ExplainedReason = Static<typeof ExplainedReason>

export const Ahead = Type.Object(
  {
    ids: Type.Array(Type.String(), { description: "Those that the caller may see, at most 20." }),
    count: int("How many there are in all."),
  },
  { description: "What is before it in the queue." },
)
export type Ahead = Static<typeof Ahead>

/** Why something is as it is. */
export const Explanation = Type.Object(
  {
    kind: Type.Literal("workload", { description: "What it is about." }),
    id: text("The workload."),
    workspaceId: text("Its workspace."),
    state: text("Its phase."),
    reasons: Type.Array(ExplainedReason, {
      description: "The most decisive first; empty when it does not wait.",
    }),
    position: int("Its place in the queue, from 1; 0 when it does not queue."),
    ahead: Ahead,
    waitingSince: Nullable(
      timestamp("Since when it waits for the first of the reasons."),
      "Since when it waits for the first of the reasons; null when it does not wait.",
    ),
    schedule: Nullable(
      Type.Object(
        {
          next: Nullable(timestamp("Its next match."), "Its next match; null when it has ended."),
          last: Nullable(
            timestamp("The last match that was acted on."),
            "The last match that was acted on; null before the first.",
          ),
          workload: Nullable(
            Type.String(),
            "What it made then, or the last time before; null when nothing is known of that.",
          ),
          phase: Nullable(Type.String(), "The phase of that workload."),
        },
        { description: "Where a schedule is." },
      ),
      "Where a schedule is; null for everything else.",
    ),
    madeBy: Nullable(Type.String(), "The schedule that made it; null when somebody did."),
    moves: Type.Array(Event, { description: "The last 20 things that happened to it, newest first." }),
  },
  { description: "Why a workload is as it is." },
)
export type Explanation = Static<typeof Explanation>
