import type { AppError } from "../../kit/errors.ts"
import type { ClaimOwnerPort, Reason } from "../queue/index.ts"
import { createApplicationSteps } from "./applications/application-steps.ts"
import { createReplicaRows } from "./applications/replica-rows.ts"
import { createReplicaSteps } from "./applications/replica-steps.ts"
import type { ReplicaId } from "./applications/types.ts"
import { createAttemptHands } from "./attempt-hands.ts"
import { createAttemptSteps } from "./attempts.ts"
import { createBirths } from "./births.ts"
import { createClaimOwner } from "./claim-owner.ts"
import { createDependencyCheck } from "./dependencies.ts"
import { stopped } from "./lifecycle.ts"
import {
  createOnRows,
  endWorkload,
  graceMsOf,
  runnerActor,
  workloadEvent,
  type RunnerOptions,
} from "./runner-ports.ts"
import { createSchedules } from "./schedules.ts"
import { isApplication, isTerminal, startDeadlineMs } from "./states.ts"
import type { Attempt, Workload, WorkloadKey } from "./types.ts"

/** Between two looks that only the clock asks for. */
const shortestWaitMs = 1000

/** Brings workloads and what really runs in line. Level-triggered: every call reads the rows and the driver anew. */
export interface Runner {
  /** What the queue tells the owner of a claim. */
  readonly owner: ClaimOwnerPort
  /**
   * One look at one workload. Safe to repeat; must not run twice at once for a key.
   * @throws AppError `unavailable` when the driver or the store cannot work now: call again later
   */
  reconcile(key: WorkloadKey, signal: AbortSignal): Promise<void>
  /** The same for one replica of an application. */
  reconcileReplica(id: ReplicaId, signal: AbortSignal): Promise<void>
  /** Why the driver does not start a workload now; undefined when it does. */
  trouble(key: WorkloadKey): Reason | undefined
  /** Gives up the starts that are under way: the server stops. Idempotent. */
  close(): void
}

export function createRunner(options: RunnerOptions): Runner {
  const { store, rows, moves, clock } = options
  const onRows = createOnRows(options)
  const hands = createAttemptHands(options)
  const attempts = createAttemptSteps(options, onRows, hands)
  const replicaRows = createReplicaRows(options)
  const replicaSteps = createReplicaSteps(options, hands, replicaRows)
  const applications = createApplicationSteps(options, replicaRows)
  const schedules = createSchedules({ ...options, births: createBirths(options) }, onRows)
  const checkDependencies = createDependencyCheck(options, onRows)

  async function reconcile(key: WorkloadKey, signal: AbortSignal): Promise<void> {
    const before = await rows.byKey(store.committed, key)
    if (!before) return options.lookAt(key, null)
    if (outsideEnd(before)) await endFromOutside(key)
    else if (isDue(before)) await schedules.fire(key)
    await checkDependencies(before)
    if (isApplication(before.kind)) await applications.advance(key)
    if (before.attemptId !== null) await attempts.advance(before, before.attemptId, signal)
    const after = await rows.byKey(store.committed, key)
    if (after && isTerminal(after.phase)) await expire(after)
    else await planNextLook(key, after)
  }

  function isDue({ phase, schedule }: Workload): boolean {
    return schedule !== null && !isTerminal(phase) && clock.nowMs() >= schedule.nextAtMs
  }

  function isTimedOut(workload: Workload): boolean {
    const { timeout } = workload.spec
    return (
      timeout !== null &&
      workload.startedAtMs !== null &&
      clock.nowMs() >= workload.startedAtMs + timeout * 1000
    )
  }

  /** Whether the clock or the end of its workspace ends it. */
  function outsideEnd(
    workload: Workload,
  ): { readonly cause: "timed_out" | "stopped"; readonly message: string } | null {
    if (isTerminal(workload.phase)) return null
    if (isTimedOut(workload)) return { cause: "timed_out", message: "the workload has timed out" }
    return options.isDeleting(workload.workspaceId)
      ? { cause: "stopped", message: "the workload is stopped by the deletion of its workspace" }
      : null
  }

  function endFromOutside(key: WorkloadKey): Promise<void> {
    return onRows(key, async (tx, workload, _attempt, nowMs) => {
      const end = outsideEnd(workload)
      if (!end) return
      const next = stopped(workload, end.cause, end.message, nowMs)
      const graceMs = graceMsOf(workload, options.graceSecondsOf(workload.workspaceId))
      await endWorkload(tx, { rows, moves }, next, { ...end, graceMs, nowMs })
      await tx.emit(workloadEvent(next, `workload.${end.cause}`, runnerActor, nowMs))
    })
  }

  /** TTL: the live object goes, the record and its logs stay (reference/workloads.md 3.10). */
  async function expire(workload: Workload): Promise<void> {
    const { key } = workload
    const atMs = ttlEndMs(workload)
    if (atMs === null || atMs > clock.nowMs()) return options.lookAt(key, atMs)
    // first the folders, then the record that there are none: a crash in between asks again
    await forgetAttempts(workload)
    await onRows(key, async (tx, row, _attempt, nowMs) => {
      if (row.deletedAtMs !== null || !isTerminal(row.phase)) return
      await rows.update(tx, { ...row, deletedAtMs: nowMs })
      if (!row.hidden) await tx.emit(workloadEvent(row, "workload.expired", runnerActor, nowMs))
    })
    options.lookAt(key, null)
  }

  /** The working folders go, the logs stay. One that is not gone yet is forgotten when it is. */
  async function forgetAttempts(workload: Workload): Promise<void> {
    for (const attempt of await rows.attempts(store.committed, workload.key))
      if (attempt.state === "gone")
        await options.drivers.get(attempt.clusterId)?.forget(attempt.id, attempt.handle, false)
  }

  /** When the live object of an ended workload goes; null when it has gone. */
  function ttlEndMs(workload: Workload): number | null {
    if (workload.deletedAtMs !== null || workload.endedAtMs === null) return null
    return workload.hidden
      ? workload.endedAtMs
      : workload.endedAtMs + workload.spec.ttlSecondsAfterFinished * 1000
  }

  async function planNextLook(key: WorkloadKey, workload: Workload | undefined): Promise<void> {
    if (!workload) return options.lookAt(key, null)
    const attempt = workload.attemptId ? await rows.attempt(store.committed, workload.attemptId) : undefined
    const instants: number[] = workload.schedule ? [workload.schedule.nextAtMs] : []
    if (workload.spec.timeout !== null && workload.startedAtMs !== null)
      instants.push(workload.startedAtMs + workload.spec.timeout * 1000)
    const outputMs = attempt ? attempts.nextSupervisionMs(workload, attempt) : null
    if (outputMs !== null) instants.push(outputMs)
    if (attempt && awaitsStart(attempt)) instants.push(attempt.assignedAtMs + startDeadlineMs)
    // one that has passed since is looked at soon, never at once again and again
    const soonestMs = clock.nowMs() + shortestWaitMs
    options.lookAt(key, instants.length > 0 ? Math.max(soonestMs, Math.min(...instants)) : null)
  }

  /** Whether the start deadline runs: a gang of which a part has started is not given up. */
  function awaitsStart({ state, pods }: Attempt): boolean {
    return (state === "assigned" || state === "starting") && pods.every((pod) => pod.startedAtMs === null)
  }

  return {
    owner: createClaimOwner(options),
    reconcile,
    reconcileReplica: replicaSteps.reconcile,
    trouble: (key) => troubleReason(hands.trouble(key)),
    close: hands.close,
  }
}

/** What the driver said when it could not start something, as a reason. */
export function troubleReason(error: AppError | undefined): Reason | undefined {
  if (!error) return undefined
  return { code: error.detail === "port_in_use" ? "port_in_use" : "driver_down", detail: error.message }
}
