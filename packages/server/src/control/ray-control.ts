import type { Store } from "../domain/journal/index.ts"
import type { RayBackend, RayClusterKey, RayPodId, RayRunner, RayStore } from "../domain/ray/index.ts"
import { rayClusterChanged, rayPodChanged, rayPoked } from "../domain/ray/index.ts"
import { workspaceChanged } from "../domain/workspaces/index.ts"
import type { Clock } from "../kit/clock.ts"
import type { Log } from "../kit/log.ts"
import type { Timers } from "../kit/timers.ts"
import { createWorkqueue } from "../kit/workqueue.ts"

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
  recover(): Promise<{ readonly rayClusters: number }>
  /** Resolves when nothing waits or runs (tests). */
  idle(): Promise<void>
  /** No more looks. Idempotent. */
  stop(): Promise<void>
}

const concurrency = 16
/** Installations are not waited for; every call of a dashboard has a deadline of its own. */
const reconcileDeadlineMs = 60_000

export function createRayControl(options: RayControlOptions): RayControl {
  const { store, rows, timers, clock, log } = options
  /** Whose a pod is that lives: a backend's notice names the pod alone. */
  const clusterOf = new Map<RayPodId, RayClusterKey>()
  let isStopped = false

  const queue = createWorkqueue({
    clock,
    concurrency,
    deadlineMs: reconcileDeadlineMs,
    reconcile: (key, signal) => options.runner().reconcile(key as RayClusterKey, signal),
    onError: (key, err, retryInMs) =>
      log.warn({ err, key, retryInMs }, "a Ray cluster could not be brought in line"),
  })

  async function lookAtAllOf(workspaceId: string): Promise<void> {
    for (const cluster of await rows.clusters.live(store.committed))
      if (cluster.workspaceId === workspaceId) queue.add(cluster.key)
  }

  const unsubscribe = [
    store.subscribe(rayPoked, (key) => {
      if (key.startsWith("rcl_")) queue.add(key)
    }),
    store.subscribe(rayClusterChanged, ({ key }) => queue.add(key)),
    store.subscribe(rayPodChanged, ({ id, state, clusterKey }) => {
      if (state === "gone") clusterOf.delete(id)
      else clusterOf.set(id, clusterKey)
      queue.add(clusterKey)
    }),
    store.subscribe(workspaceChanged, ({ workspace, gone }) => {
      if (gone || workspace.state !== "deleting") return
      lookAtAllOf(workspace.id).catch((err: unknown) =>
        log.error({ err, workspace: workspace.id }, "the Ray clusters of a deleted workspace were not found"),
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
      const clusters = await rows.clusters.live(store.committed)
      for (const { key } of clusters) queue.add(key)
      await queue.settled()
      return { rayClusters: clusters.length }
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
