import type { JsonObject } from "../../kit/json.ts"
import type { Tx } from "../journal/index.ts"
import type { ClaimId, EndCause } from "../queue/index.ts"
import type { AttemptHands } from "./attempt-hands.ts"
import { claimFor } from "./claim-for.ts"
import { launchOf } from "./launch.ts"
import { gone, missedStart, observe, toldToEnd, type Observed } from "./lifecycle.ts"
import {
  pokeDependents,
  runnerActor,
  workloadEvent,
  type OnRows,
  type RunnerOptions,
} from "./runner-ports.ts"
import { createSupervision, hung } from "./supervision.ts"
import { isTerminal, keepsPods, startDeadlineMs } from "./states.ts"
import type { AttemptObservation, PodDriver } from "./driver.ts"
import type { Attempt, AttemptId, Workload, WorkloadKey } from "./types.ts"
import { workloadPoked } from "./types.ts"

/** Moves attempts: started, observed, ended, let go. */
export interface AttemptSteps {
  /** Takes the current attempt of a workload as far as the driver allows now. */
  advance(workload: Workload, id: AttemptId, signal: AbortSignal): Promise<void>
  /** When its output is to be looked at again at the latest; null when nobody asked for that. */
  nextSupervisionMs(workload: Workload, attempt: Attempt): number | null
}

const nothingSeen: AttemptObservation = { pods: [], isGone: false }

export function createAttemptSteps(
  options: RunnerOptions,
  onRows: OnRows,
  hands: AttemptHands,
): AttemptSteps {
  const { store, rows, moves, clock } = options
  const supervision = createSupervision(clock)

  async function advance(workload: Workload, id: AttemptId, signal: AbortSignal): Promise<void> {
    const fresh = () => rows.attempt(store.committed, id)
    let attempt = await fresh()
    if (!attempt || attempt.state === "gone") return
    const driver = hands.driverOf(attempt)
    if (attempt.state === "assigned") {
      await start(workload, attempt, driver)
      attempt = await fresh()
    } else if (attempt.state !== "ending") {
      await look(workload, attempt, await hands.look(attempt, driver))
      attempt = await fresh()
    }
    if (attempt?.state === "ending") await finish(workload.key, attempt, driver, signal)
  }

  async function start(workload: Workload, attempt: Attempt, driver: PodDriver): Promise<void> {
    if (clock.nowMs() >= attempt.assignedAtMs + startDeadlineMs) return giveUpStart(workload.key, attempt.id)
    const { key } = workload
    const handle = await hands.ensure(launchOf(workload, attempt), driver, key, (retryMs) =>
      options.lookAt(key, clock.nowMs() + retryMs),
    )
    if (handle === null) return
    // one record for the start and what came of it at once; the start is recorded also when the look fails
    const seen = await driver.inspect(handle).catch((error: unknown) => ({ ...nothingSeen, error }))
    await onRows(workload.key, async (tx, row, fresh, nowMs) => {
      if (fresh?.id !== attempt.id || fresh.state === "gone") return
      if (fresh.state !== "assigned") return rows.updateAttempt(tx, { ...fresh, handle })
      const begun: Attempt = { ...fresh, handle, state: "starting" }
      await writeObserved(tx, row, fresh, observe(row, begun, seen, nowMs), nowMs)
    })
    if ("error" in seen) throw seen.error
  }

  /** Writes what an observation changed, and releases the claim when the attempt ended by itself. */
  async function look(workload: Workload, attempt: Attempt, seen: AttemptObservation): Promise<void> {
    const { key } = workload
    if (attempt.startedAtMs === null && clock.nowMs() >= attempt.assignedAtMs + startDeadlineMs) {
      const hasStarted = seen.pods.some((pod) => pod.state !== "waiting")
      if (!hasStarted) return giveUpStart(key, attempt.id)
    }
    const quietSeconds = supervision.look(workload, attempt, seen)
    // a run of which a rank has ended is ending anyway, by that
    if (quietSeconds !== null && !observe(workload, attempt, seen, clock.nowMs()).ended)
      return endHung(key, attempt.id, quietSeconds)
    // most looks find nothing new: they cost no transaction
    if (!observe(workload, attempt, seen, clock.nowMs()).changed) return
    await onRows(key, async (tx, row, fresh, nowMs) => {
      if (!fresh || fresh.id !== attempt.id || fresh.state === "gone") return
      const next = observe(row, fresh, seen, nowMs)
      if (next.changed) await writeObserved(tx, row, fresh, next, nowMs)
    })
  }

  async function writeObserved(tx: Tx, workload: Workload, before: Attempt, next: Observed, nowMs: number) {
    if (next.attempt !== before) await rows.updateAttempt(tx, next.attempt)
    if (next.started)
      await tx.emit(
        workloadEvent({ ...next.workload, phase: "Running" }, "workload.started", runnerActor, nowMs),
      )
    if (next.workload !== workload) await rows.update(tx, next.workload)
    if (!next.ended) return
    const claim = await moves.byId(tx, before.claimId)
    if (claim?.state === "bound") await moves.release(tx, claim, next.ended, before.graceMs, nowMs)
    await tx.emit(endEvent(next.workload, next.ended, nowMs))
    await pokeDependents(tx, rows, next.workload)
  }

  function endEvent(workload: Workload, cause: EndCause, nowMs: number, facts: JsonObject = {}) {
    const type = isTerminal(workload.phase)
      ? `workload.${workload.phase.toLowerCase()}`
      : "workload.attempt_failed"
    return workloadEvent(workload, type, runnerActor, nowMs, { cause, ...facts })
  }

  function endHung(key: WorkloadKey, id: AttemptId, quietSeconds: number): Promise<void> {
    return onRows(key, async (tx, workload, attempt, nowMs) => {
      if (attempt?.id !== id || attempt.state !== "running") return
      const next = hung(workload, attempt, quietSeconds, nowMs)
      await rows.updateAttempt(tx, next.attempt)
      if (next.workload !== workload) await rows.update(tx, next.workload)
      const claim = await moves.byId(tx, attempt.claimId)
      if (claim?.state === "bound") await moves.release(tx, claim, "hang", attempt.graceMs, nowMs)
      await tx.emit(endEvent(next.workload, "hang", nowMs, { quietSeconds }))
      await pokeDependents(tx, rows, next.workload)
    })
  }

  function giveUpStart(key: WorkloadKey, id: AttemptId): Promise<void> {
    return onRows(key, async (tx, workload, attempt, nowMs) => {
      if (attempt?.id !== id || (attempt.state !== "assigned" && attempt.state !== "starting")) return
      const next = missedStart(workload, attempt, nowMs)
      await rows.updateAttempt(
        tx,
        toldToEnd(attempt, "start_deadline", "no process started in time", attempt.graceMs, nowMs),
      )
      if (next !== workload) await rows.update(tx, next)
      const claim = await moves.byId(tx, attempt.claimId)
      if (claim?.state === "bound") await moves.release(tx, claim, "start_deadline", attempt.graceMs, nowMs)
      await tx.emit(endEvent(next, "start_deadline", nowMs))
      await pokeDependents(tx, rows, next)
      tx.publish(workloadPoked, key)
    })
  }

  /** An attempt that is to end: tells the driver once, and when nothing is left gives the claim back. */
  async function finish(
    key: WorkloadKey,
    attempt: Attempt,
    driver: PodDriver,
    signal: AbortSignal,
  ): Promise<void> {
    const { handle, seen } = await hands.end(attempt, driver, signal)
    const before = await rows.byKey(store.committed, key)
    if (!before) return
    if (!seen.isGone && !observe(before, attempt, seen, clock.nowMs()).changed) return
    // its next attempt must not be sent to the machine that was lost
    if (seen.isGone && attempt.cause === "node_lost") await options.lookAtNodes(attempt.clusterId)
    const isKept = keepsPods(before)
    // forgotten before it is written to be gone, for afterwards nobody would ask again
    if (seen.isGone && !isKept) await hands.forget(attempt.id, handle, driver)
    await onRows(key, async (tx, workload, fresh, nowMs) => {
      if (!fresh || fresh.id !== attempt.id || fresh.state !== "ending") return
      const observed = observe(workload, { ...fresh, handle }, seen, nowMs)
      if (!seen.isGone) return observed.changed ? rows.updateAttempt(tx, observed.attempt) : undefined
      // ended from outside in between: whoever did has asked for another look
      if (isKept === keepsPods(workload)) await letGo(tx, workload, observed.attempt, nowMs)
    })
    if ((await rows.attempt(store.committed, attempt.id))?.state !== "gone") return
    hands.left(attempt.id, key)
    supervision.left(attempt.id)
  }

  async function letGo(tx: Tx, workload: Workload, attempt: Attempt, nowMs: number): Promise<void> {
    const next = gone(workload, attempt, nowMs)
    const claim = await moves.byId(tx, attempt.claimId)
    if (claim && claim.state !== "gone") await moves.gone(tx, claim, nowMs)
    await rows.updateAttempt(tx, next.attempt)
    let row = next.workload
    if (next.requeue) {
      const { rescheduled, backoffUntilMs } = next.requeue
      const gates = backoffUntilMs === null ? [] : [{ kind: "backoff" as const, untilMs: backoffUntilMs }]
      const wanted = claimFor(row, { id: options.ids.next("clm") as ClaimId, gates, rescheduled })
      row = { ...row, claimId: wanted.id }
      await moves.want(tx, wanted, nowMs)
      await tx.emit(
        workloadEvent(row, "workload.requeued", runnerActor, nowMs, { cause: attempt.cause, backoffUntilMs }),
      )
    }
    await rows.update(tx, row)
  }

  return { advance, nextSupervisionMs: supervision.nextLookMs }
}
