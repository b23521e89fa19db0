import type { Clock } from "../kit/clock.ts"
import type { Log } from "../kit/log.ts"
import type { Timers } from "../kit/timers.ts"
import { createWorkqueue } from "../kit/workqueue.ts"
import type { Store } from "../domain/journal/index.ts"
import type {
  PodDriver,
  Replica,
  ReplicaId,
  ReplicaStore,
  Runner,
  Workload,
  WorkloadKey,
  WorkloadStore,
} from "../domain/workloads/index.ts"
import { replicaChanged, replicaPoked, workloadPoked } from "../domain/workloads/index.ts"
import { workspaceChanged } from "../domain/workspaces/index.ts"

export interface WorkloadControlOptions {
  readonly store: Store
  readonly rows: WorkloadStore
  readonly replicas: ReplicaStore
  readonly runner: () => Runner
  readonly drivers: readonly PodDriver[]
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  readonly isDeleting: (workspaceId: string) => boolean
}

/** Calls the workloads' runner: on what changed, on what a driver saw, on planned looks. Owns no rules. */
export interface WorkloadControl {
  /** The runner's `lookAt` port. */
  lookAt(key: WorkloadKey | ReplicaId, atMs: number | null): void
  /**
   * One look at everything that is not over, before anything is planned: each attempt ends up running, exited
   * or lost. Resolves when each was looked at; one that cannot be looked at now is tried again by itself.
   */
  recover(): Promise<{ readonly workloads: number; readonly attempts: number }>
  /** Resolves when nothing waits or runs (tests). */
  idle(): Promise<void>
  /** No more looks. Idempotent. */
  stop(): Promise<void>
  readonly waiting: number
  /** Attempts whose driver's notices lead to a look. */
  readonly followed: number
}

const concurrency = 32
/** Starts are not waited for; whatever else hangs must not keep a slot for ever. */
const reconcileDeadlineMs = 60_000

export function createWorkloadControl(options: WorkloadControlOptions): WorkloadControl {
  const { store, rows, replicas, timers, clock, log } = options
  /** Which workload an attempt of a driver's notice belongs to; kept while the attempt lives. */
  const keyOf = new Map<string, WorkloadKey | ReplicaId>()
  /** The live attempt of each replica. */
  const attemptOf = new Map<ReplicaId, string>()
  let isStopped = false

  const queue = createWorkqueue({
    clock,
    concurrency,
    deadlineMs: reconcileDeadlineMs,
    reconcile: (key, signal) =>
      key.startsWith("rep_")
        ? options.runner().reconcileReplica(key as ReplicaId, signal)
        : look(key as WorkloadKey, signal),
    onError: (key, err, retryInMs) =>
      log.warn({ err, workloadKey: key, retryInMs }, "a workload could not be brought in line"),
  })

  async function look(key: WorkloadKey, signal: AbortSignal): Promise<void> {
    const workload = await rows.byKey(store.committed, key)
    if (workload?.attemptId) {
      const attempt = await rows.attempt(store.committed, workload.attemptId)
      if (attempt && attempt.state !== "gone") keyOf.set(attempt.id, key)
    }
    await options.runner().reconcile(key, signal)
    if (!workload?.attemptId) return
    const after = await rows.attempt(store.committed, workload.attemptId)
    if (!after || after.state === "gone") keyOf.delete(workload.attemptId)
  }

  /** A driver's notice of an attempt that a replica has just begun must find the replica. */
  function followReplica(replica: Replica, gone: boolean): void {
    const before = attemptOf.get(replica.id)
    const isLive =
      !gone && replica.attemptId !== null && replica.state !== "placed" && replica.state !== "queued"
    if (before && (!isLive || before !== replica.attemptId)) keyOf.delete(before)
    if (isLive && replica.attemptId) {
      attemptOf.set(replica.id, replica.attemptId)
      keyOf.set(replica.attemptId, replica.id)
    } else attemptOf.delete(replica.id)
  }

  /** Its work ends with it: every live workload gets a look. */
  function lookAtAllOf(workspaceId: string): void {
    rows.live(store.committed).then(
      (live) => {
        for (const workload of live) if (workload.workspaceId === workspaceId) queue.add(workload.key)
      },
      (err: unknown) =>
        log.error({ err, workspaceId }, "the work of a workspace that is being deleted was not found"),
    )
  }

  const unsubscribe = [
    store.subscribe(workloadPoked, (key) => queue.add(key)),
    store.subscribe(replicaPoked, (id) => queue.add(id)),
    store.subscribe(replicaChanged, ({ replica, gone }) => followReplica(replica, gone)),
    store.subscribe(workspaceChanged, ({ workspace, gone }) => {
      if (!gone && workspace.state === "deleting") lookAtAllOf(workspace.id)
    }),
    ...options.drivers.map((driver) =>
      driver.onChange((id) => {
        const key = keyOf.get(id)
        if (key) queue.add(key)
      }),
    ),
  ]

  /** A plain queued one needs none: the scheduler has its claim. */
  function needsLook(workload: Workload): boolean {
    const { startedAtMs, rollout, schedule, spec, workspaceId } = workload
    const isUnderWay = startedAtMs !== null || rollout !== null || schedule !== null
    return isUnderWay || spec.dependencies.length > 0 || options.isDeleting(workspaceId)
  }

  return {
    lookAt(key, atMs) {
      const name = `workload:${key}`
      if (atMs === null || isStopped) timers.cancel(name)
      else timers.at(name, atMs, () => queue.add(key))
    },
    async recover() {
      const attempts = await rows.liveAttempts(store.committed)
      for (const attempt of attempts) {
        keyOf.set(attempt.id, attempt.workloadKey)
        queue.add(attempt.workloadKey)
      }
      for (const replica of await replicas.all(store.committed)) {
        followReplica(replica, false)
        queue.add(replica.id)
        queue.add(replica.workloadKey)
      }
      const live = await rows.live(store.committed)
      for (const workload of live) if (needsLook(workload)) queue.add(workload.key)
      await queue.settled()
      for (const { key, atMs } of await rows.awaitingTtl(store.committed))
        timers.at(`workload:${key}`, atMs, () => queue.add(key))
      return { workloads: live.length, attempts: attempts.length }
    },
    idle: () => queue.idle(),
    async stop() {
      isStopped = true
      options.runner().close()
      for (const off of unsubscribe) off()
      await queue.close()
    },
    get waiting() {
      return queue.waiting + queue.running
    },
    get followed() {
      return keyOf.size
    },
  }
}
