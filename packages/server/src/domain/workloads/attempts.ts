import { AppError } from "../../kit/errors.ts"
import type { Tx } from "../journal/index.ts"
import type { ClaimId, EndCause } from "../queue/index.ts"
import { claimFor } from "./claim-for.ts"
import { decodeEntryPoint } from "./entry-point.ts"
import { gone, missedStart, observe, toldToEnd, type Observed } from "./lifecycle.ts"
import { mainContainer } from "./naming.ts"
import { platformEnv } from "./platform-env.ts"
import {
  pokeDependents,
  runnerActor,
  workloadEvent,
  type OnRows,
  type RunnerOptions,
} from "./runner-ports.ts"
import { isTerminal, startDeadlineMs } from "./states.ts"
import type {
  Attempt,
  AttemptHandle,
  AttemptId,
  AttemptLaunch,
  AttemptObservation,
  PodDriver,
  Workload,
  WorkloadKey,
} from "./types.ts"
import { workloadPoked } from "./types.ts"

/** Moves attempts: started, observed, ended, let go. */
export interface AttemptSteps {
  /** Takes the current attempt of a workload as far as the driver allows now. */
  advance(workload: Workload, id: AttemptId, signal: AbortSignal): Promise<void>
  trouble(key: WorkloadKey): string | undefined
}

export function createAttemptSteps(options: RunnerOptions, onRows: OnRows): AttemptSteps {
  const { store, rows, moves, clock } = options
  /** Attempts whose driver was told to stop in this life of the server. */
  const told = new Set<AttemptId>()
  /** Attempts that the driver started or took over in this life of the server. */
  const adopted = new Set<AttemptId>()
  const troubles = new Map<WorkloadKey, string>()

  async function advance(workload: Workload, id: AttemptId, signal: AbortSignal): Promise<void> {
    const fresh = () => rows.attempt(store.committed, id)
    let attempt = await fresh()
    if (!attempt || attempt.state === "gone") return
    const driver = driverOf(attempt)
    if (attempt.state === "assigned") {
      await start(workload, attempt, driver, signal)
      attempt = await fresh()
    } else if (!adopted.has(id)) {
      await adopt(workload.key, attempt, driver)
      attempt = await fresh()
    }
    if (attempt?.state === "starting" || attempt?.state === "running") {
      if (attempt.handle === null)
        throw new AppError("internal", `Attempt ${id} is ${attempt.state} without a handle.`)
      await look(workload.key, attempt, await driver.inspect(attempt.handle))
      attempt = await fresh()
    }
    if (attempt?.state === "ending") await finish(workload.key, attempt, driver)
  }

  /** First sight after a restart: the driver takes over what runs; what it has never heard of is lost. */
  async function adopt(key: WorkloadKey, attempt: Attempt, driver: PodDriver): Promise<void> {
    const handle = await driver.recover(attempt.id, attempt.handle)
    adopted.add(attempt.id)
    if (handle === null && attempt.state !== "ending") await look(key, attempt, lostObservation(attempt))
  }

  function driverOf(attempt: Attempt): PodDriver {
    const driver = options.drivers.get(attempt.clusterId)
    if (driver) return driver
    throw new AppError("unavailable", `There is no driver for the cluster ${attempt.clusterId}.`)
  }

  async function start(
    workload: Workload,
    attempt: Attempt,
    driver: PodDriver,
    signal: AbortSignal,
  ): Promise<void> {
    if (clock.nowMs() >= attempt.assignedAtMs + startDeadlineMs) return giveUpStart(workload.key, attempt.id)
    let handle: AttemptHandle
    try {
      handle = await driver.ensure(launchOf(workload, attempt), signal)
      adopted.add(attempt.id)
      troubles.delete(workload.key)
    } catch (error) {
      troubles.set(workload.key, AppError.from(error).message)
      throw error
    }
    await onRows(workload.key, async (tx, _row, fresh) => {
      if (fresh?.id !== attempt.id || fresh.state === "gone") return
      await rows.updateAttempt(tx, {
        ...fresh,
        handle,
        state: fresh.state === "assigned" ? "starting" : fresh.state,
      })
    })
  }

  function launchOf(workload: Workload, attempt: Attempt): AttemptLaunch {
    return {
      id: attempt.id,
      workloadId: workload.id,
      workspaceId: workload.workspaceId,
      run: attempt.run,
      kind: workload.kind,
      asServerOwner: workload.asServerOwner,
      entryPoint: decodeEntryPoint(workload.spec.entryPoint),
      env: { ...workload.spec.env, ...platformEnv(workload) },
      pods: attempt.pods.map((pod) => ({
        podId: pod.podId,
        index: pod.index,
        nodeName: pod.nodeName,
        gpuIndexes: pod.gpuIndexes,
        size: workload.spec.size,
        containerName: mainContainer,
      })),
    }
  }

  /** Writes what an observation changed, and releases the claim when the attempt ended by itself. */
  async function look(key: WorkloadKey, attempt: Attempt, seen: AttemptObservation): Promise<void> {
    if (attempt.startedAtMs === null && clock.nowMs() >= attempt.assignedAtMs + startDeadlineMs) {
      const hasStarted = seen.pods.some((pod) => pod.state !== "waiting")
      if (!hasStarted) return giveUpStart(key, attempt.id)
    }
    await onRows(key, async (tx, workload, fresh, nowMs) => {
      if (!fresh || fresh.id !== attempt.id || fresh.state === "gone") return
      const next = observe(workload, fresh, seen, nowMs)
      if (!next.changed) return
      await writeObserved(tx, workload, fresh, next, nowMs)
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

  function endEvent(workload: Workload, cause: EndCause, nowMs: number) {
    const type = isTerminal(workload.phase)
      ? `workload.${workload.phase.toLowerCase()}`
      : "workload.attempt_failed"
    return workloadEvent(workload, type, runnerActor, nowMs, { cause })
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
  async function finish(key: WorkloadKey, attempt: Attempt, driver: PodDriver): Promise<void> {
    // a crash between the start and its record leaves processes that only the driver knows of
    const handle = attempt.handle ?? (await driver.recover(attempt.id, null))
    let seen: AttemptObservation = { pods: [], isGone: true }
    if (handle) {
      if (!told.has(attempt.id)) {
        const reason = { cause: attempt.cause ?? "stopped", message: attempt.stopMessage }
        await driver.stop(handle, reason, attempt.graceMs)
        told.add(attempt.id)
      }
      seen = await driver.inspect(handle)
    }
    await onRows(key, async (tx, workload, fresh, nowMs) => {
      if (!fresh || fresh.id !== attempt.id || fresh.state !== "ending") return
      const observed = observe(workload, { ...fresh, handle }, seen, nowMs)
      if (!seen.isGone) {
        if (observed.changed) await rows.updateAttempt(tx, observed.attempt)
        return
      }
      await letGo(tx, workload, observed.attempt, nowMs)
      told.delete(attempt.id)
      adopted.delete(attempt.id)
      troubles.delete(key)
    })
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

  return { advance, trouble: (key) => troubles.get(key) }
}

function lostObservation(attempt: Attempt): AttemptObservation {
  const pods = attempt.pods.map((pod) => ({
    podId: pod.podId,
    state: "lost" as const,
    startedAtMs: pod.startedAtMs,
    endedAtMs: null,
    exitCode: null,
    cause: "lost" as const,
    message: "nothing is known of it any more",
    podIp: pod.podIp,
    hostIp: pod.hostIp,
  }))
  return { pods, isGone: true }
}
