import type { EndCause, Reason, ReasonCode } from "../../domain/queue/index.ts"
import type { WorkloadView } from "../../domain/workloads/index.ts"

/** What the sentence of a reason may use besides the reason itself. */
export interface WaitFacts {
  readonly waitingFor: WorkloadView["waitingFor"]
  readonly nowMs: number
}

type Sentence = (reason: Reason, facts: WaitFacts) => string

// Published clients look for these sentences: the wording, also its slips, is upstream's wherever it has a
// sentence for the case.
const noNode = "All nodes are unavailable"

/** Why a workload waits, in the words of this API: one sentence per reason code. */
const reasonSentences: Readonly<Record<ReasonCode, Sentence>> = {
  waiting_for_time: () => "The Execution time has not been reached",
  dependency: () => "Dependency cannot be satisfied",
  workspace_busy: () => "The GPU requests of the workspace end before the workload would",
  reservation_pending: () => "The GPU request for the workload is not provisioned yet",
  no_reservation: () => "The workspace holds no GPU node that can take the workload",
  quota_short: (reason) => withLabelHint(reason, `Insufficient total ${resourceOf(reason, "")}resources`),
  no_node_fits: (reason) =>
    withLabelHint(reason, `Insufficient ${resourceOf(reason, "resources ")}due to node fragmentation`),
  no_node_matches: () => labelHint(noNode),
  nodes_unhealthy: (reason) => withLabelHint(reason, noNode),
  cordoned: (reason) => withLabelHint(reason, "The nodes that could take the workload are cordoned"),
  draining: (reason) => withLabelHint(reason, "The nodes that could take the workload are being drained"),
  queue_paused: () => "The queue is paused",
  blocked_by: () => "There are high priority or pre-created tasks that have not been scheduled yet",
  waiting_for_victims: (_, facts) => `Waiting for ${othersOf(facts)} of lower priority to leave`,
  starting: () => "The pods of the workload are starting",
  installing: () => "What the workload runs on is being installed",
  port_in_use: () => "A port that the workload needs is in use on its node",
  backoff: (reason, facts) => `Waiting${forSeconds(reason, facts)} before the next attempt`,
  cannot_be_met: (reason) =>
    `No node of the workspace has enough ${resourceOf(reason, "resources ")}for the workload`,
  policy_limit: () => "The workload is above a limit of the workspace's policy",
  driver_down: ({ detail }) =>
    `The cluster cannot start workloads at the moment${detail ? `: ${detail.replace(/\.$/, "")}` : ""}`,
}

/** The `message` of a Pending workload: its most decisive reason; "" when it has none. */
export function pendingMessage(reasons: readonly Reason[], facts: WaitFacts): string {
  const first = reasons[0]
  return first ? reasonSentences[first.code](first, facts) : ""
}

/** How a container's end is called, and a sentence for when the pod itself has none. */
export interface EndWords {
  /** One word, as Kubernetes has it where it has one. */
  readonly reason: string
  readonly message: string
}

const endWords: Readonly<Record<EndCause, EndWords>> = {
  succeeded: { reason: "Completed", message: "" },
  failed: { reason: "Error", message: "" },
  stopped: { reason: "Stopped", message: "The workload was stopped" },
  timed_out: { reason: "DeadlineExceeded", message: "The workload has timed out" },
  preempted: { reason: "Preempted", message: "The workload gave way to one of higher priority" },
  reservation_ended: { reason: "ReservationEnded", message: "The GPU request that held the nodes has ended" },
  node_lost: { reason: "NodeLost", message: "The node went away" },
  lost: { reason: "ContainerStatusUnknown", message: "The process went away without an exit code" },
  out_of_memory: { reason: "OOMKilled", message: "The pod used more memory than it asked for" },
  log_flood: { reason: "LogFlood", message: "The pod wrote its log faster than can be kept" },
  disk_full: { reason: "DiskFull", message: "The disk of the node is nearly full" },
  hang: { reason: "Hang", message: "The pod made no progress" },
  dependency_failed: {
    reason: "DependencyFailed",
    message: "A workload that this one depends on did not succeed",
  },
  unhealthy: { reason: "Unhealthy", message: "The pod failed its liveness probe" },
  start_deadline: { reason: "StartDeadlineExceeded", message: "The pod did not start in time" },
}

/** The words for how a pod ended; without a cause by its exit code alone. */
export function wordsOfEnd(cause: EndCause | null, exitCode: number): EndWords {
  return endWords[cause ?? (exitCode === 0 ? "succeeded" : "failed")]
}

function resourceOf(reason: Reason, otherwise: string): string {
  return reason.resource === undefined ? otherwise : `${reason.resource} `
}

function labelHint(sentence: string): string {
  return `${sentence} or not enough nodes match the specified label.`
}

function withLabelHint(reason: Reason, sentence: string): string {
  return reason.constrained === true ? labelHint(sentence) : sentence
}

const maxNamed = 3

function othersOf({ waitingFor }: WaitFacts): string {
  const named = waitingFor.ids.slice(0, maxNamed)
  const others = waitingFor.ids.length - named.length + waitingFor.othersHidden
  if (named.length === 0) return others === 1 ? "1 workload" : `${others || "other"} workloads`
  return others === 0 ? named.join(", ") : `${named.join(", ")} and ${others} more`
}

function forSeconds(reason: Reason, facts: WaitFacts): string {
  if (reason.untilMs === undefined || reason.untilMs <= facts.nowMs) return ""
  return ` for ${Math.ceil((reason.untilMs - facts.nowMs) / 1000)}s`
}
