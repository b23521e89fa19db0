import type { EndCause } from "../queue/index.ts"
import { podIdFor } from "./naming.ts"
import { countsAsFailure, freeRetryLimit, isTerminal, retryDelayMs } from "./states.ts"
import type { AttemptObservation, PodObservation } from "./driver.ts"
import type { Attempt, Condition, ConditionType, Pod, Workload } from "./types.ts"

/**
 * The moves of a workload and its attempt as pure functions: rows in, rows out. Who calls them writes both
 * rows, the claim's move and the event in one transaction (runner.ts, service.ts).
 */

/** Appends a condition; a job shows each type at most once per run (reference/workloads.md 3.3). */
export function withCondition(
  conditions: readonly Condition[],
  type: ConditionType,
  run: number,
  message: string,
  atMs: number,
): readonly Condition[] {
  if (conditions.some((c) => c.type === type && c.run === run)) return conditions
  return [...conditions, { type, run, message, atMs }]
}

/** A dispatch: the attempt's pods have nodes, the workload counts one more run. */
export function dispatched(
  workload: Workload,
  attempt: Pick<Attempt, "id" | "claimId" | "clusterId" | "graceMs">,
  places: readonly {
    readonly nodeName: string
    readonly hostIp: string
    readonly gpuIndexes: readonly number[]
  }[],
  nowMs: number,
): { readonly workload: Workload; readonly attempt: Attempt } {
  const run = workload.dispatchCount + 1
  const scheduled = withCondition(
    workload.conditions,
    "AdminScheduled",
    run,
    "the workload is scheduled",
    nowMs,
  )
  return {
    workload: {
      ...workload,
      clusterId: attempt.clusterId,
      dispatchCount: run,
      attemptId: attempt.id,
      conditions: withCondition(scheduled, "AdminDispatched", run, "the workload is dispatched", nowMs),
    },
    attempt: {
      ...attempt,
      workloadKey: workload.key,
      run,
      state: "assigned",
      pods: places.map((place, index) => newPod(podIdFor(workload.id, index), index, place)),
      handle: null,
      cause: null,
      stopMessage: "",
      assignedAtMs: nowMs,
      startedAtMs: null,
      endingAtMs: null,
      goneAtMs: null,
      version: 0,
    },
  }
}

/** A pod that has a place and has not started. */
export function newPod(
  podId: string,
  index: number,
  place: { readonly nodeName: string; readonly hostIp: string; readonly gpuIndexes: readonly number[] },
): Pod {
  return {
    podId,
    index,
    nodeName: place.nodeName,
    gpuIndexes: place.gpuIndexes,
    phase: "Pending",
    hostIp: place.hostIp,
    podIp: "",
    startedAtMs: null,
    endedAtMs: null,
    exitCode: null,
    cause: null,
    message: "",
  }
}

/** What an observation changed: undefined rows stay as they are. */
export interface Observed {
  readonly workload: Workload
  readonly attempt: Attempt
  /** The attempt began to end in this step, by itself. */
  readonly ended: EndCause | null
  /** All its processes had started by this step. */
  readonly started: boolean
  readonly changed: boolean
}

/** Brings the driver's word into the rows of an attempt that is starting, running or ending. */
export function observe(
  workload: Workload,
  attempt: Attempt,
  seen: AttemptObservation,
  nowMs: number,
): Observed {
  const pods = mergePods(attempt.pods, seen.pods, nowMs)
  const changedPods = pods.some((pod, i) => pod !== attempt.pods[i])
  let next: Attempt = changedPods ? { ...attempt, pods } : attempt
  let row = workload
  const hasStarted = pods.every((pod) => pod.startedAtMs !== null)
  const startsNow = hasStarted && attempt.startedAtMs === null && attempt.state === "starting"
  if (startsNow) {
    next = { ...next, state: "running", startedAtMs: nowMs }
    row = started(row, attempt.run, nowMs)
  }
  const ended = next.state === "starting" || next.state === "running" ? endOf(pods) : null
  if (ended) {
    next = { ...next, state: "ending", cause: ended, endingAtMs: nowMs, stopMessage: stopMessageFor(ended) }
    row = endedByItself(row, next, ended, nowMs)
  }
  return {
    workload: row,
    attempt: next,
    ended,
    started: startsNow,
    changed: next !== attempt || row !== workload,
  }
}

/** The pods with what a driver saw of them; the same objects where nothing changed. */
export function mergePods(
  pods: readonly Pod[],
  seen: readonly PodObservation[],
  nowMs: number,
): readonly Pod[] {
  const byId = new Map(seen.map((pod) => [pod.podId, pod]))
  return pods.map((pod) => {
    const now = byId.get(pod.podId)
    return now ? mergePod(pod, now, nowMs) : pod
  })
}

function mergePod(pod: Pod, seen: PodObservation, nowMs: number): Pod {
  // what has ended never changes again
  if (pod.endedAtMs !== null) return pod
  const phase = podPhase(seen)
  const isOver = phase === "Succeeded" || phase === "Failed"
  const endedAtMs = isOver ? (seen.endedAtMs ?? nowMs) : null
  const next: Pod = {
    ...pod,
    phase,
    startedAtMs: pod.startedAtMs ?? seen.startedAtMs ?? endedAtMs,
    podIp: seen.podIp || pod.podIp,
    hostIp: seen.hostIp || pod.hostIp,
    message: seen.message,
    ...(isOver ? endOfPod(seen, phase, nowMs) : {}),
  }
  return samePod(pod, next) ? pod : next
}

function endOfPod(seen: PodObservation, phase: "Succeeded" | "Failed", nowMs: number): Partial<Pod> {
  return {
    endedAtMs: seen.endedAtMs ?? nowMs,
    exitCode: seen.exitCode ?? lostExitCode,
    cause: seen.cause ?? causeOf(seen, phase),
  }
}

/** What an end without an exit code is shown as. */
const lostExitCode = 137

function causeOf(seen: PodObservation, phase: "Succeeded" | "Failed"): EndCause {
  if (phase === "Succeeded") return "succeeded"
  return seen.state === "lost" ? "lost" : "failed"
}

function samePod(a: Pod, b: Pod): boolean {
  return (
    a.phase === b.phase &&
    a.startedAtMs === b.startedAtMs &&
    a.endedAtMs === b.endedAtMs &&
    a.podIp === b.podIp &&
    a.message === b.message
  )
}

function podPhase(seen: PodObservation): Pod["phase"] {
  switch (seen.state) {
    case "waiting":
      return "Pending"
    case "running":
      return "Running"
    case "lost":
      return "Failed"
    case "exited":
      return seen.exitCode === 0 ? "Succeeded" : "Failed"
  }
}

/** null while it goes on; a gang fails with its first failure and succeeds when all have. */
export function endOf(pods: readonly Pod[]): EndCause | null {
  const failed = pods.filter((pod) => pod.phase === "Failed")
  if (failed.length > 0) {
    const first = failed.reduce((a, b) => ((b.endedAtMs ?? 0) < (a.endedAtMs ?? 0) ? b : a))
    // what the platform did or lost says more than an exit code that followed from it
    return (
      failed.find((pod) => pod.cause !== "failed" && pod.cause !== null)?.cause ?? first.cause ?? "failed"
    )
  }
  return pods.every((pod) => pod.phase === "Succeeded") ? "succeeded" : null
}

function started(workload: Workload, run: number, nowMs: number): Workload {
  if (isTerminal(workload.phase)) return workload
  return {
    ...workload,
    phase: "Running",
    startedAtMs: workload.startedAtMs ?? nowMs,
    conditions: withCondition(
      workload.conditions,
      "K8sRunning",
      run,
      "all pods of the workload are running",
      nowMs,
    ),
  }
}

function stopMessageFor(cause: EndCause): string {
  return cause === "succeeded" ? "all ranks have ended" : "another rank has ended"
}

/** The attempt ended without having been told to: success, or a failure with or without another try. */
function endedByItself(workload: Workload, attempt: Attempt, cause: EndCause, nowMs: number): Workload {
  if (isTerminal(workload.phase)) return workload
  const run = attempt.run
  if (cause === "succeeded")
    return {
      ...workload,
      phase: "Succeeded",
      cause,
      endedAtMs: nowMs,
      conditions: withCondition(
        workload.conditions,
        "K8sSucceeded",
        run,
        "all pods of the workload have succeeded",
        nowMs,
      ),
    }
  const counted = countFailure(workload, cause)
  const conditions = withCondition(
    counted.conditions,
    "K8sFailed",
    run,
    failureMessage(attempt, cause),
    nowMs,
  )
  if (mayRetry(counted, cause))
    return {
      ...counted,
      conditions: withCondition(conditions, "AdminFailover", run, failoverMessage(attempt, cause), nowMs),
    }
  return {
    ...counted,
    conditions,
    phase: "Failed",
    cause,
    startedAtMs: counted.startedAtMs ?? nowMs,
    endedAtMs: nowMs,
  }
}

/** Counts an end in the budget it belongs to. */
export function countFailure(workload: Workload, cause: EndCause): Workload {
  if (cause === "preempted" || cause === "reservation_ended")
    return { ...workload, preemptions: workload.preemptions + 1 }
  if (cause === "node_lost") return { ...workload, nodeLosses: workload.nodeLosses + 1 }
  if (cause === "start_deadline")
    // the first missed start is forgiven
    return {
      ...workload,
      startDeadlines: workload.startDeadlines + 1,
      failures: workload.failures + (workload.startDeadlines > 0 ? 1 : 0),
    }
  return countsAsFailure(cause) ? { ...workload, failures: workload.failures + 1 } : workload
}

/** Whether another attempt follows an end that was just counted. */
export function mayRetry(workload: Workload, cause: EndCause): boolean {
  if (cause === "preempted" || cause === "reservation_ended") return workload.preemptions <= freeRetryLimit
  if (cause === "node_lost") return workload.nodeLosses <= freeRetryLimit
  if (cause === "start_deadline" && workload.startDeadlines === 1) return true
  return countsAsFailure(cause) && workload.failures <= workload.spec.maxRetry
}

function failoverMessage(attempt: Attempt, cause: EndCause): string {
  if (cause !== "node_lost") return "the workload is doing the failover"
  const lost = attempt.pods.find((pod) => pod.cause === "node_lost")
  return `the node ${lost?.nodeName ?? ""} was lost`
}

/** Quotes at most this many failed pods, as upstream does. */
const quotedPods = 3

function failureMessage(attempt: Attempt, cause: EndCause): string {
  const details = attempt.pods
    .filter((pod) => pod.phase === "Failed")
    .slice(0, quotedPods)
    .map((pod) => ({
      pod: pod.podId,
      node: pod.nodeName,
      container: {
        name: "pytorch",
        reason: pod.cause ?? cause,
        message: pod.message,
        exitCode: pod.exitCode,
      },
    }))
  return `the workload has failed: ${cause.replaceAll("_", " ")}, details: ${JSON.stringify(details)}`
}

/** The attempt is told to end by somebody: stop, time-out, preemption, drain, a missed start. */
export function toldToEnd(
  attempt: Attempt,
  cause: EndCause,
  message: string,
  graceMs: number,
  nowMs: number,
): Attempt {
  if (attempt.state === "gone" || attempt.state === "ending") return attempt
  return { ...attempt, state: "ending", cause, stopMessage: message, graceMs, endingAtMs: nowMs }
}

/** The workload is over because somebody or the clock said so (reference/workloads.md 3.2, 3.10, 3.11). */
export function stopped(
  workload: Workload,
  cause: "stopped" | "timed_out",
  message: string,
  nowMs: number,
): Workload {
  if (isTerminal(workload.phase)) return workload
  return {
    ...workload,
    phase: "Stopped",
    cause,
    endedAtMs: nowMs,
    deletedAtMs: nowMs,
    conditions: withCondition(workload.conditions, "AdminStopped", workload.dispatchCount, message, nowMs),
  }
}

/** A pending workload that can never run: its dependency ended badly, or a dispatch was refused for good. */
export function failedBeforeStart(
  workload: Workload,
  cause: EndCause,
  message: string,
  nowMs: number,
): Workload {
  if (isTerminal(workload.phase)) return workload
  return {
    ...workload,
    phase: "Failed",
    cause,
    startedAtMs: workload.startedAtMs ?? nowMs,
    endedAtMs: nowMs,
    conditions: withCondition(
      workload.conditions,
      "AdminFailed",
      Math.max(1, workload.dispatchCount),
      message,
      nowMs,
    ),
  }
}

/** The workload lost its place to another, or its node is being drained: back to the queue once it is gone. */
export function evicted(
  workload: Workload,
  why: {
    readonly run: number
    readonly cause: "preempted" | "reservation_ended"
    readonly message: string
  },
  nowMs: number,
): Workload {
  if (isTerminal(workload.phase)) return workload
  const { run, cause, message } = why
  const counted = countFailure(workload, cause)
  const conditions = withCondition(counted.conditions, "AdminFailover", run, message, nowMs)
  if (!mayRetry(counted, cause)) return { ...counted, conditions, phase: "Failed", cause, endedAtMs: nowMs }
  return { ...counted, conditions, phase: "Pending" }
}

/** No process started in time. */
export function missedStart(workload: Workload, attempt: Attempt, nowMs: number): Workload {
  if (isTerminal(workload.phase)) return workload
  const counted = countFailure(workload, "start_deadline")
  const message = `no process started within 10 minutes, details: []`
  const conditions = withCondition(counted.conditions, "K8sFailed", attempt.run, message, nowMs)
  if (mayRetry(counted, "start_deadline"))
    return {
      ...counted,
      conditions: withCondition(
        conditions,
        "AdminFailover",
        attempt.run,
        "the workload is doing the failover",
        nowMs,
      ),
    }
  return {
    ...counted,
    conditions,
    phase: "Failed",
    cause: "start_deadline",
    startedAtMs: counted.startedAtMs ?? nowMs,
    endedAtMs: nowMs,
  }
}

/** Nothing of the attempt is left: its rows' last state, and when the next claim may be planned (null = no next). */
export function gone(
  workload: Workload,
  attempt: Attempt,
  nowMs: number,
): {
  readonly workload: Workload
  readonly attempt: Attempt
  readonly requeue: { readonly rescheduled: boolean; readonly backoffUntilMs: number | null } | null
} {
  const cause = attempt.cause ?? "lost"
  const pods = attempt.pods.map((pod) => (pod.endedAtMs === null ? stoppedPod(pod, cause, nowMs) : pod))
  const over: Attempt = { ...attempt, state: "gone", pods, goneAtMs: nowMs }
  if (isTerminal(workload.phase))
    return { workload: { ...workload, claimId: null }, attempt: over, requeue: null }
  const conditions = withCondition(
    workload.conditions,
    "K8sDeleted",
    attempt.run,
    `${workload.kind} ${workload.id} is deleted`,
    nowMs,
  )
  const isFailure = countsAsFailure(cause)
  const delayMs = isFailure ? retryDelayMs(workload.failures) : 0
  return {
    workload: { ...workload, phase: "Pending", claimId: null, conditions },
    attempt: over,
    requeue: {
      rescheduled: isFailure || cause === "node_lost",
      backoffUntilMs: delayMs > 0 ? nowMs + delayMs : null,
    },
  }
}

function stoppedPod(pod: Pod, cause: EndCause, nowMs: number): Pod {
  return { ...pod, phase: "Stopped", endedAtMs: nowMs, cause }
}
