import { systemActor } from "../journal/index.ts"
import { createClusterChanges } from "./cluster-changes.ts"
import { createClusterInstall } from "./cluster-install.ts"
import { clusterEvent, type ClusterLife } from "./cluster-life.ts"
import { createClusterWorkers } from "./cluster-workers.ts"
import type { SubmissionKeeper } from "./jobs/submission-keeper.ts"
import { readyLookMs, startLookMs } from "./look-intervals.ts"
import { createPodEnds } from "./pod-ends.ts"
import type { PodHands } from "./pod-hands.ts"
import { createPodStarts, endOf } from "./pod-starts.ts"
import { wantedReplicas } from "./pods.ts"
import type { RayRunnerOptions } from "./runner-options.ts"
import type { RayCluster, RayClusterKey, RayPod } from "./types.ts"

/** Brings a Ray cluster and what really runs in line. Level-triggered. */
export interface ClusterSteps {
  /**
   * One look at one cluster. Safe to repeat; must not run twice at once for a key.
   * @throws AppError `unavailable` when backend or store cannot work now: call again later
   */
  reconcile(key: RayClusterKey, signal: AbortSignal): Promise<void>
  close(): void
}

const actor = systemActor("ray")
/** A head that is not ready by then is given up. */
const startDeadlineMs = 600_000
/** A dashboard that does not answer for so long counts as a lost head. */
const silenceMs = 60_000

export function createClusterSteps(
  options: RayRunnerOptions & {
    readonly life: ClusterLife
    readonly hands: PodHands
    readonly keeper: SubmissionKeeper
  },
): ClusterSteps {
  const { store, rows, clock, life, hands, keeper } = options
  /** Since when the dashboard of a cluster that was ready does not answer. */
  const silent = new Map<RayClusterKey, number>()
  const ends = createPodEnds(options)
  const changes = createClusterChanges(options)
  const { change, headLost } = changes
  const installs = createClusterInstall({ ...options, changes })
  const starts = createPodStarts({ ...options, changes })
  const workers = createClusterWorkers({ ...options, changes, starts })

  async function reconcile(key: RayClusterKey, signal: AbortSignal): Promise<void> {
    const cluster = await rows.clusters.byKey(store.committed, key)
    if (!cluster || cluster.state === "gone") return forget(key)
    if (options.isDeleting(cluster.workspaceId) && cluster.state !== "ending")
      return change(key, (tx, row, nowMs) =>
        life.end(tx, row, { actor, message: "Its workspace is being deleted." }, nowMs),
      )
    const pods = await rows.pods.live(store.committed, key)
    if (cluster.state === "ending" || cluster.state === "waiting") await keepWhatRan(cluster, pods, signal)
    await ends.finish(cluster, pods)
    return advance(cluster, pods, signal)
  }

  async function advance(cluster: RayCluster, pods: readonly RayPod[], signal: AbortSignal): Promise<void> {
    switch (cluster.state) {
      case "waiting":
        return gatherWhenEmpty(cluster)
      case "installing":
        return installs.install(cluster)
      case "starting":
        return start(cluster, pods, signal)
      case "ready":
        return watch(cluster, pods, signal)
      case "failed":
      case "ending":
      case "gone":
        return closeWhenEmpty(cluster)
    }
  }

  function forget(key: RayClusterKey): void {
    installs.giveUp(key)
    silent.delete(key)
    keeper.forget(key)
    ends.forget(key)
    options.lookAt(key, null)
  }

  /** While its head still answers. */
  async function keepWhatRan(
    cluster: RayCluster,
    pods: readonly RayPod[],
    signal: AbortSignal,
  ): Promise<void> {
    const ran = pods.some((pod) => pod.groupName === null && pod.handle !== null)
    if (ran) await keeper.lastLook(cluster.key, hands.dashboardOf(cluster), signal)
  }

  async function gatherWhenEmpty(cluster: RayCluster): Promise<void> {
    installs.giveUp(cluster.key)
    silent.delete(cluster.key)
    if (cluster.gangClaimId !== null) return options.lookAt(cluster.key, null)
    await change(cluster.key, async (tx, row, nowMs) => {
      if (row.state !== "waiting" || row.gangClaimId !== null) return
      if ((await rows.pods.live(tx, row.key)).length === 0) await life.gatherAgain(tx, row, nowMs)
    })
  }

  async function closeWhenEmpty(cluster: RayCluster): Promise<void> {
    installs.giveUp(cluster.key)
    if (cluster.state === "failed") return
    await change(cluster.key, async (tx, row, nowMs) => {
      if (row.state !== "ending" || (await rows.pods.live(tx, row.key)).length > 0) return
      await rows.clusters.update(tx, { ...row, state: "gone", endedAtMs: nowMs, address: null })
      await tx.emit(clusterEvent({ ...row, state: "gone" }, "gone", actor, nowMs))
    })
  }

  async function start(cluster: RayCluster, pods: readonly RayPod[], signal: AbortSignal): Promise<void> {
    const head = pods.find((pod) => pod.groupName === null && pod.state !== "ending")
    if (!head || head.state === "wanted") return headLost(cluster.key, "The head is gone.")
    const seen = await starts.lookOrStart(cluster, head, signal)
    if (seen === "started") options.lookAt(cluster.key, clock.nowMs() + startLookMs)
    if (typeof seen === "string") return
    if (seen.state === "exited" || seen.state === "lost") return headLost(cluster.key, endOf(head, seen))
    const dashboard = hands.dashboardOf(cluster)
    const health = dashboard
      ? await dashboard.health(signal)
      : { isReady: false, message: "It has no address." }
    if (!dashboard || !health.isReady) {
      if (clock.nowMs() - (head.startedAtMs ?? 0) > startDeadlineMs)
        return headLost(
          cluster.key,
          `The head was not ready after ${startDeadlineMs / 1000} s: ${health.message}`,
        )
      return options.lookAt(cluster.key, clock.nowMs() + startLookMs)
    }
    await workers.tend(cluster, pods, dashboard, signal)
    await workers.fillGroups(cluster)
    await becomeReady(cluster)
  }

  /** Ready when the head and the least workers of every group run. */
  async function becomeReady(cluster: RayCluster): Promise<void> {
    let isReady = false
    await change(cluster.key, async (tx, row, nowMs) => {
      if (row.state !== "starting") return
      const running = (await rows.pods.live(tx, row.key)).filter((pod) => pod.state === "running")
      const hasHead = running.some((pod) => pod.groupName === null)
      const hasWorkers = row.spec.workers.every((group) => {
        const least = Math.min(Math.max(group.minReplicas, 0), wantedReplicas(group))
        return running.filter((pod) => pod.groupName === group.groupName).length >= least
      })
      if (!hasHead || !hasWorkers) return
      isReady = true
      const next: RayCluster = { ...row, state: "ready", readyAtMs: nowMs, message: "" }
      await rows.clusters.update(tx, next)
      await tx.emit(clusterEvent(next, "ready", actor, nowMs))
    })
    options.lookAt(cluster.key, clock.nowMs() + (isReady ? readyLookMs : startLookMs))
  }

  async function watch(cluster: RayCluster, pods: readonly RayPod[], signal: AbortSignal): Promise<void> {
    const head = pods.find((pod) => pod.groupName === null && pod.state !== "ending")
    if (!head) return headLost(cluster.key, "The head is gone.")
    const { seen } = await hands.look(head)
    if (seen.state === "exited" || seen.state === "lost") return headLost(cluster.key, endOf(head, seen))
    const dashboard = hands.dashboardOf(cluster)
    const health = dashboard
      ? await dashboard.health(signal)
      : { isReady: false, message: "It has no address." }
    const nowMs = clock.nowMs()
    options.lookAt(cluster.key, nowMs + readyLookMs)
    if (!dashboard || !health.isReady) {
      const sinceMs = silent.get(cluster.key) ?? nowMs
      silent.set(cluster.key, sinceMs)
      if (nowMs - sinceMs < silenceMs) return
      silent.delete(cluster.key)
      return headLost(cluster.key, `The head has not answered for ${silenceMs / 1000} s: ${health.message}`)
    }
    silent.delete(cluster.key)
    await workers.tend(cluster, pods, dashboard, signal)
    await workers.fillGroups(cluster)
    await keeper.look(cluster.key, dashboard, signal)
  }

  return { reconcile, close: installs.close }
}
