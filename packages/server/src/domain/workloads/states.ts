import type { EndCause } from "../queue/index.ts"
import type { AttemptState, Phase, Workload, WorkloadKind } from "./types.ts"

/** Phases: who may become what. A retry keeps Running or goes back to Pending (reference/workloads.md 3.2). */
export const phaseMoves = {
  Pending: ["Running", "Updating", "Succeeded", "Failed", "Stopped"],
  Running: ["Pending", "Updating", "NotReady", "Succeeded", "Failed", "Stopped"],
  Updating: ["Running", "NotReady", "Stopped"],
  NotReady: ["Running", "Updating", "Stopped"],
  Succeeded: [],
  Failed: [],
  Stopped: [],
} as const satisfies Record<Phase, readonly Phase[]>

/** Attempts: `assigned` has nodes, `starting` was handed to the driver, `ending` was told to end or has ended. */
export const attemptMoves = {
  assigned: ["starting", "ending", "gone"],
  starting: ["running", "ending"],
  running: ["ending"],
  ending: ["gone"],
  gone: [],
} as const satisfies Record<AttemptState, readonly AttemptState[]>

/** Whether a workload in this phase is over for good. */
export function isTerminal(phase: Phase): phase is "Succeeded" | "Failed" | "Stopped" {
  return phaseMoves[phase].length === 0
}

/** Whether its pods are kept running until somebody stops them, each with a claim of its own. */
export function isApplication(kind: WorkloadKind): boolean {
  return kind === "Deployment" || kind === "StatefulSet"
}

/** Whether the working folders of its last pods stay for a while: it ended by itself and its TTL runs. */
export function keepsPods(workload: Pick<Workload, "phase" | "deletedAtMs" | "hidden">): boolean {
  return isTerminal(workload.phase) && workload.deletedAtMs === null && !workload.hidden
}

const isFailure: Record<EndCause, boolean> = {
  failed: true,
  lost: true,
  out_of_memory: true,
  log_flood: true,
  disk_full: true,
  hang: true,
  start_deadline: true,
  unhealthy: true,
  succeeded: false,
  stopped: false,
  timed_out: false,
  preempted: false,
  reservation_ended: false,
  node_lost: false,
  dependency_failed: false,
}

/** Whether this end counts against `maxRetry`; the others have budgets of their own (DESIGN 4, Budgets). */
export function countsAsFailure(cause: EndCause): boolean {
  return isFailure[cause]
}

/** The most preemptions, and likewise the most node losses, a workload outlives. */
export const freeRetryLimit = 100

/** Wait between failed attempts: 0, 5, 10 … 60 s. `failures` counts the one that just happened, from 1. */
export function retryDelayMs(failures: number): number {
  return Math.min(60, 5 * Math.max(0, failures - 1)) * 1000
}

/** Bound but nothing started for this long: requeued once, then a failure. */
export const startDeadlineMs = 600_000
