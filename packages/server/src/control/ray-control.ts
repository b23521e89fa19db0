import type { Store } from "../domain/journal/index.ts"
import type {
  RayBackend,
  RayClusterKey,
  RayJobKey,
  RayPodId,
  RayRunner,
  RayServiceKey,
  RayStore,
} from "../domain/ray/index.ts"
import {
  rayClusterChanged,
  rayJobChanged,
  rayPodChanged,
  rayPoked,
  rayServiceChanged,
} from "../domain/ray/index.ts"
import { workspaceChanged } from "../domain/workspaces/index.ts"
import type { Clock } from "../kit/clock.ts"
import type { Log } from "../kit/log.ts"
import type { Timers } from "../kit/timers.ts"
import { createWorkqueue } from "../kit/workqueue.ts"
import { createSelectorJobs } from "./selector-jobs.ts"

export interface RayControlOptions {
  readonly store: Store
  readonly rows: RayStore
  readonly runner: () => RayRunner
  readonly backends: readonly RayBackend[]
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}

/** Calls Ray's runner: on what changed, on what a backend saw, on planned looks. Owns no rules. */
export interface RayControl {
  /** The runner's `lookAt` port. */
  lookAt(key: string, atMs: number | null): void
  /** One look at everything that is not over. Resolves when each was looked at once. */
  recover(): Promise<{ readonly rayClusters: number; readonly rayJobs: number; readonly rayServices: number }>
  /** Resolves when nothing waits or runs (tests). */
  idle(): Promise<void>
  /** No more looks. Idempotent. */
  stop(): Promise<void>
}

type Key = RayClusterKey | RayJobKey | RayServiceKey

const concurrency = 16
/** Installations are not waited for; every call of a dashboard has a deadline of its own. */
const reconcileDeadlineMs = 60_000

export function createRayControl(options: RayControlOptions): RayControl {
  const { store, rows, timers, clock, log } = options
  /** Whose a pod is that lives: a backend's notice names the pod alone. */
  const clusterOf = new Map<RayPodId, RayClusterKey>()
  const selectors = createSelectorJobs()
  let isStopped = false

  const queue = createWorkqueue({
    clock,
    concurrency,
    deadlineMs: reconcileDeadlineMs,
    reconcile: (key, signal) => options.runner().reconcile(key as Key, signal),
    onError: (key, err, retryInMs) =>
      log.warn({ err, key, retryInMs }, "a Ray object could not be brought in line"),
  })

  async function everything() {
    const from = store.committed
    return {
      clusters: await rows.clusters.live(from),
      jobs: await rows.jobs.live(from),
      services: await rows.services.live(from),
    }
  }

  async function lookAtAllOf(id: string): Promise<void> {
    const { clusters, jobs, services } = await everything()
    for (const { key, workspaceId } of [...services, ...jobs, ...clusters])
      if (workspaceId === id) queue.add(key)
  }

  const unsubscribe = [
    store.subscribe(rayPoked, (key) => queue.add(key)),
    store.subscribe(rayClusterChanged, (cluster) => {
      queue.add(cluster.key)
      if (cluster.parent) queue.add(cluster.parent.key)
      for (const key of selectors.of(cluster)) queue.add(key)
    }),
    store.subscribe(rayJobChanged, ({ job, gone }) => {
      selectors.apply(job, gone)
      if (!gone) queue.add(job.key)
    }),
    store.subscribe(rayServiceChanged, ({ service, gone }) => {
      if (!gone) queue.add(service.key)
    }),
    store.subscribe(rayPodChanged, ({ id, state, clusterKey }) => {
      if (state === "gone") clusterOf.delete(id)
      else clusterOf.set(id, clusterKey)
      queue.add(clusterKey)
    }),
    store.subscribe(workspaceChanged, ({ workspace, gone }) => {
      if (gone || workspace.state !== "deleting") return
      lookAtAllOf(workspace.id).catch((err: unknown) =>
        log.error({ err, workspace: workspace.id }, "the Ray objects of a deleted workspace were not found"),
      )
    }),
    ...options.backends.map((backend) =>
      backend.onChange((id) => {
        const key = clusterOf.get(id)
        if (key) queue.add(key)
      }),
    ),
  ]

  return {
    lookAt(key, atMs) {
      const name = `ray:${key}`
      if (atMs === null || isStopped) timers.cancel(name)
      else timers.at(name, atMs, () => queue.add(key))
    },
    async recover() {
      for (const pod of await rows.pods.live(store.committed)) clusterOf.set(pod.id, pod.clusterKey)
      const { clusters, jobs, services } = await everything()
      for (const job of jobs) selectors.apply(job, false)
      for (const { key } of [...clusters, ...jobs, ...services]) queue.add(key)
      await queue.settled()
      return { rayClusters: clusters.length, rayJobs: jobs.length, rayServices: services.length }
    },
    idle: () => queue.idle(),
    async stop() {
      isStopped = true
      options.runner().close()
      for (const off of unsubscribe) off()
      await queue.close()
    },
  }
}
