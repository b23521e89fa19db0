import type { Tx } from "../../journal/index.ts"
import { releaseSlackMs } from "../../queue/index.ts"
import type { AttemptHands } from "../attempt-hands.ts"
import type { AttemptObservation, PodDriver } from "../driver.ts"
import { launchOf } from "../launch.ts"
import { toldToEnd } from "../lifecycle.ts"
import { graceMsOf, runnerActor, workloadEvent, type RunnerOptions } from "../runner-ports.ts"
import { isTerminal, startDeadlineMs } from "../states.ts"
import type { Attempt, AttemptId, Workload } from "../types.ts"
import { workloadPoked } from "../types.ts"
import { afterEnd, begun, observeReplica, type ReplicaObserved } from "./replica-life.ts"
import type { ReplicaRows } from "./replica-rows.ts"
import { isItsTurn } from "./rollout.ts"
import type { Replica, ReplicaId, ReplicaPlace } from "./types.ts"
import { wishOf } from "./wish.ts"

/** Brings single replicas in line with what really runs. Level-triggered, like the runner. */
export interface ReplicaSteps {
  /** One look at one replica. Safe to repeat; must not run twice at once for a key. */
  reconcile(id: ReplicaId, signal: AbortSignal): Promise<void>
}

const nothingSeen: AttemptObservation = { pods: [], isGone: false }

/** Attempts that are gone and still listed, for their logs; older ones are forgotten, and their logs with them. */
const keptAttempts = 100

/** Starts, looks and ends that may follow each other in one reconcile. */
const stepLimit = 4

/** Under which the driver's word on a replica is kept: those of a workload begin alike. */
export function troubleKey(replica: Pick<Replica, "workloadKey" | "id">): string {
  return `${replica.workloadKey}/${replica.id}`
}

export function createReplicaSteps(
  options: RunnerOptions,
  hands: AttemptHands,
  writes: ReplicaRows,
): ReplicaSteps {
  const { store, rows, replicas, clock } = options

  async function reconcile(id: ReplicaId, signal: AbortSignal): Promise<void> {
    for (let step = 0; step < stepLimit; step++) {
      const replica = await replicas.byId(store.committed, id)
      const workload = replica && (await rows.byKey(store.committed, replica.workloadKey))
      if (!replica || !workload) return options.lookAt(id, null)
      if (!(await advance(workload, replica, signal))) return
    }
  }

  /** @returns whether it moved on, so that another look is worth it */
  async function advance(workload: Workload, replica: Replica, signal: AbortSignal): Promise<boolean> {
    if (replica.state === "queued") return rest(replica)
    if (replica.state === "placed") return startInTurn(workload, replica)
    const attempt = replica.attemptId ? await rows.attempt(store.committed, replica.attemptId) : undefined
    if (!attempt || attempt.state === "gone") return settleLeft(replica)
    const driver = hands.driverOf(attempt)
    if (attempt.state === "assigned") return start(workload, replica, attempt, driver)
    if (attempt.state === "ending") return finish(replica, attempt, driver, signal)
    return look(replica, attempt, await hands.look(attempt, driver))
  }

  /** Nothing but news can move it on. */
  function rest(replica: Replica): false {
    options.lookAt(replica.id, null)
    return false
  }

  // ---- starting ----------------------------------------------------------------------------------

  async function startInTurn(workload: Workload, replica: Replica): Promise<boolean> {
    if (isTerminal(workload.phase) || options.isDeleting(workload.workspaceId)) return rest(replica)
    if (replica.startAtMs !== null && replica.startAtMs > clock.nowMs()) {
      options.lookAt(replica.id, replica.startAtMs)
      return false
    }
    // told when one before it is ready
    if (!(await isItsTurnNow(workload, replica))) return rest(replica)
    return onReplica(replica.id, async (tx, row, fresh, nowMs) => {
      if (fresh.state !== "placed" || fresh.place === null || isTerminal(row.phase)) return false
      const place: ReplicaPlace = fresh.place
      const next = begun(
        { ...fresh, place },
        {
          attemptId: options.ids.next("att") as AttemptId,
          graceMs: graceMsOf(row, options.graceSecondsOf(row.workspaceId)),
          nowMs,
        },
      )
      await rows.insertAttempt(tx, next.attempt)
      await replicas.update(tx, next.replica)
      return true
    })
  }

  async function isItsTurnNow(workload: Workload, replica: Replica): Promise<boolean> {
    if (workload.kind !== "StatefulSet") return true
    const all = await replicas.ofWorkload(store.committed, workload.key)
    return isItsTurn(wishOf(workload).wish, replica, all)
  }

  async function start(
    workload: Workload,
    replica: Replica,
    attempt: Attempt,
    driver: PodDriver,
  ): Promise<boolean> {
    const dueMs = attempt.assignedAtMs + startDeadlineMs
    if (clock.nowMs() >= dueMs) return giveUpStart(replica.id, attempt.id)
    options.lookAt(replica.id, dueMs)
    const launch = launchOf(await asOfRevision(workload, replica), attempt)
    const handle = await hands.ensure(launch, driver, troubleKey(replica), (retryMs) =>
      options.lookAt(replica.id, clock.nowMs() + retryMs),
    )
    if (handle === null) return false
    // one record for the start and what came of it at once; the start is recorded also when the look fails
    const seen = await driver.inspect(handle).catch((error: unknown) => ({ ...nothingSeen, error }))
    const moved = await onReplica(replica.id, async (tx, row, fresh, nowMs) => {
      const current = await rows.attempt(tx, attempt.id)
      if (!current || current.state === "gone" || fresh.attemptId !== attempt.id) return false
      if (current.state !== "assigned") {
        await rows.updateAttempt(tx, { ...current, handle })
        return true
      }
      const starting: Attempt = { ...current, handle, state: "starting" }
      await write(
        tx,
        { row, replica: fresh, attempt: current },
        observeReplica(fresh, starting, seen, nowMs),
        nowMs,
      )
      return true
    })
    if ("error" in seen) throw seen.error
    return moved
  }

  /** The workload as it was when the replica's revision was the newest. */
  async function asOfRevision(workload: Workload, replica: Replica): Promise<Workload> {
    const isNewest = workload.rollout?.revision === replica.revision
    const template = isNewest
      ? undefined
      : await replicas.template(store.committed, workload.key, replica.revision)
    return { ...workload, spec: { ...workload.spec, ...template, size: replica.size } }
  }

  function giveUpStart(id: ReplicaId, attemptId: AttemptId): Promise<boolean> {
    return onReplica(id, async (tx, row, _fresh, nowMs) => {
      const attempt = await rows.attempt(tx, attemptId)
      if (attempt?.state !== "assigned" && attempt?.state !== "starting") return false
      const message = "no process started in time"
      await rows.updateAttempt(tx, toldToEnd(attempt, "start_deadline", message, attempt.graceMs, nowMs))
      await tx.emit(podEvent(row, attempt, "start_deadline", nowMs))
      return true
    })
  }

  // ---- looking -----------------------------------------------------------------------------------

  async function look(replica: Replica, attempt: Attempt, seen: AttemptObservation): Promise<boolean> {
    const isUnstarted = attempt.startedAtMs === null && seen.pods.every((pod) => pod.state === "waiting")
    if (isUnstarted && clock.nowMs() >= attempt.assignedAtMs + startDeadlineMs)
      return giveUpStart(replica.id, attempt.id)
    options.lookAt(replica.id, isUnstarted ? attempt.assignedAtMs + startDeadlineMs : null)
    // most looks find nothing new: they cost no transaction
    const first = observeReplica(replica, attempt, seen, clock.nowMs())
    if (first.replica === replica && first.attempt === attempt) return false
    return onReplica(replica.id, async (tx, row, fresh, nowMs) => {
      const current = await rows.attempt(tx, attempt.id)
      if (!current || current.state === "gone" || fresh.attemptId !== attempt.id) return false
      const next = observeReplica(fresh, current, seen, nowMs)
      await write(tx, { row, replica: fresh, attempt: current }, next, nowMs)
      return next.ended !== null
    })
  }

  async function write(
    tx: Tx,
    before: { readonly row: Workload; readonly replica: Replica; readonly attempt: Attempt },
    next: ReplicaObserved,
    nowMs: number,
  ): Promise<void> {
    if (next.attempt !== before.attempt) await rows.updateAttempt(tx, next.attempt)
    const isLeaving = before.replica.state === "leaving"
    const replica = isLeaving ? { ...next.replica, readySinceMs: null } : next.replica
    if (next.replica !== before.replica) await replicas.update(tx, replica)
    if (next.ended && !isLeaving) await tx.emit(podEvent(before.row, next.attempt, next.ended, nowMs))
    tx.publish(workloadPoked, before.row.key)
  }

  // ---- ending ------------------------------------------------------------------------------------

  async function finish(
    replica: Replica,
    attempt: Attempt,
    driver: PodDriver,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { handle, seen } = await hands.end(attempt, driver, signal)
    if (!seen.isGone) {
      await look(replica, { ...attempt, handle }, seen)
      return replica.state === "running" && giveUpPlace(replica, attempt)
    }
    // it must not be sent to the machine that was lost
    if (attempt.cause === "node_lost") await options.lookAtNodes(attempt.clusterId)
    // forgotten before it is written to be gone, for afterwards nobody would ask again
    await hands.forget(attempt.id, handle, driver)
    let unlisted: Awaited<ReturnType<typeof rows.pruneAttempts>> = []
    const moved = await onReplica(replica.id, async (tx, row, fresh, nowMs) => {
      const current = await rows.attempt(tx, attempt.id)
      if (current?.state !== "ending" || fresh.attemptId !== attempt.id) return false
      const { attempt: last } = observeReplica(fresh, { ...current, handle }, seen, nowMs)
      const over = overOf(last, nowMs)
      await rows.updateAttempt(tx, over)
      await letGo(tx, row, fresh, over, nowMs)
      unlisted = await rows.pruneAttempts(tx, row.key, keptAttempts)
      tx.publish(workloadPoked, row.key)
      return true
    })
    hands.left(attempt.id, troubleKey(replica))
    await hands.forgetLogs(unlisted)
    return moved
  }

  /**
   * Its processes outlive their end: it cannot start anew where they are. Its capacity is released, which sets the
   * node aside when they do not go either, and says so.
   */
  async function giveUpPlace(replica: Replica, attempt: Attempt): Promise<boolean> {
    const dueMs = (attempt.endingAtMs ?? clock.nowMs()) + attempt.graceMs + releaseSlackMs
    if (clock.nowMs() < dueMs) {
      options.lookAt(replica.id, dueMs)
      return false
    }
    return onReplica(replica.id, async (tx, row, fresh, nowMs) => {
      const current = fresh.attemptId ? await rows.attempt(tx, fresh.attemptId) : undefined
      if (fresh.state !== "running" || current?.id !== attempt.id || current.state !== "ending") return false
      const message = "the processes of the pod outlive their stop"
      await writes.leave(
        tx,
        fresh,
        { cause: current.cause ?? "stopped", message, graceMs: 0, returns: true },
        nowMs,
      )
      await tx.emit(podEvent(row, current, "stuck", nowMs))
      tx.publish(workloadPoked, row.key)
      return false
    })
  }

  async function letGo(
    tx: Tx,
    row: Workload,
    replica: Replica,
    attempt: Attempt,
    nowMs: number,
  ): Promise<void> {
    if (replica.leaving) {
      const returns = replica.leaving.returns && !isTerminal(row.phase)
      return writes.settle(tx, row, replica, { returns, rescheduled: false }, nowMs)
    }
    const next = afterEnd(replica, attempt, nowMs)
    if (next.kind === "restart") return replicas.update(tx, next.replica)
    const { rescheduled } = next
    return writes.settle(tx, row, replica, { returns: !isTerminal(row.phase), rescheduled }, nowMs)
  }

  /** It has no process (any more) and is to leave. */
  function settleLeft(replica: Replica): Promise<boolean> {
    return onReplica(replica.id, async (tx, row, fresh, nowMs) => {
      if (fresh.state !== "leaving" || !fresh.leaving) return false
      const attempt = fresh.attemptId ? await rows.attempt(tx, fresh.attemptId) : undefined
      if (attempt && attempt.state !== "gone") return false
      const returns = fresh.leaving.returns && !isTerminal(row.phase)
      await writes.settle(tx, row, fresh, { returns, rescheduled: false }, nowMs)
      tx.publish(workloadPoked, row.key)
      return true
    })
  }

  /** Runs a change on the fresh row of a replica and its workload, in one transaction. */
  function onReplica(
    id: ReplicaId,
    change: (tx: Tx, row: Workload, replica: Replica, nowMs: number) => Promise<boolean>,
  ): Promise<boolean> {
    const nowMs = clock.nowMs()
    return store.tx(async (tx) => {
      const replica = await replicas.byId(tx, id)
      const row = replica && (await rows.byKey(tx, replica.workloadKey))
      return replica && row ? change(tx, row, replica, nowMs) : false
    })
  }

  return { reconcile }
}

/** No process of it is left. */
function overOf(attempt: Attempt, nowMs: number): Attempt {
  const cause = attempt.cause ?? "lost"
  const pods = attempt.pods.map((pod) =>
    pod.endedAtMs === null ? { ...pod, phase: "Stopped" as const, endedAtMs: nowMs, cause } : pod,
  )
  return { ...attempt, state: "gone", pods, goneAtMs: nowMs }
}

function podEvent(workload: Workload, attempt: Attempt, cause: string, nowMs: number) {
  const pod = attempt.pods[0]
  return workloadEvent(workload, "workload.pod_ended", runnerActor, nowMs, {
    podId: pod?.podId ?? "",
    start: attempt.run,
    cause,
    exitCode: pod?.exitCode ?? null,
  })
}
