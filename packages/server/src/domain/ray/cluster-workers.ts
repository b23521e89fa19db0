import type { ClusterChanges } from "./cluster-changes.ts"
import type { ClusterLife } from "./cluster-life.ts"
import { endOf, type PodStarts } from "./pod-starts.ts"
import { singleOf, wantedReplicas } from "./pods.ts"
import type { RayDashboard, RayNodeView, RayPodObservation } from "./ports.ts"
import type { RayRunnerOptions } from "./runner-options.ts"
import type { RayCluster, RayPod } from "./types.ts"

/** Looks after the workers of a cluster whose head answers. */
export interface ClusterWorkers {
  /** Starts workers that have a place, notes those that run, and takes away those that ended. */
  tend(
    cluster: RayCluster,
    pods: readonly RayPod[],
    dashboard: Pick<RayDashboard, "nodes">,
    signal: AbortSignal,
  ): Promise<void>
  /** A worker for every place of a group that has none; and a cluster that was steady for long forgets its failures. */
  fillGroups(cluster: RayCluster): Promise<void>
}

/** Ready for so long, it starts to count its failures anew. */
const steadyMs = 600_000
/** Between a worker that ended soon after its start and the next one. */
const workerBackoffMs = 10_000
const shortLifeMs = 60_000

export function createClusterWorkers(
  options: RayRunnerOptions & {
    readonly life: ClusterLife
    readonly starts: PodStarts
    readonly changes: ClusterChanges
  },
): ClusterWorkers {
  const { store, rows, clock, life } = options
  const { lookOrStart } = options.starts
  const { change, note } = options.changes

  async function tend(
    cluster: RayCluster,
    pods: readonly RayPod[],
    dashboard: RayDashboard,
    signal: AbortSignal,
  ): Promise<void> {
    const nodes = await dashboard.nodes(signal)
    for (const pod of pods) {
      if (pod.groupName === null) {
        // it was looked at before
        if (pod.state === "starting") await noteRunning(pod)
        continue
      }
      if (!["placed", "starting", "running"].includes(pod.state)) continue
      const seen = await lookOrStart(cluster, pod, signal)
      if (seen === "changed") return
      const node = nodes.find((one) => one.name === pod.name)
      if (seen !== "started") await tendWorker(pod, seen, node)
    }
  }

  async function tendWorker(pod: RayPod, seen: RayPodObservation, node: RayNodeView | undefined) {
    const lost = endOfWorker(pod, seen, node)
    if (lost !== undefined) await loseWorker(pod, lost)
    else if (pod.state === "starting" && node?.isAlive) await noteRunning(pod)
  }

  /** How a worker ended: its processes, or to Ray alone. undefined: it has not. */
  function endOfWorker(
    pod: RayPod,
    seen: RayPodObservation,
    node: RayNodeView | undefined,
  ): string | undefined {
    if (seen.state === "exited" || seen.state === "lost") return endOf(pod, seen)
    return pod.state === "running" && node?.isAlive === false
      ? `Ray lost ${pod.name}: ${node.message}`
      : undefined
  }

  async function noteRunning(pod: RayPod): Promise<void> {
    await store.tx(async (tx) => {
      const now = await rows.pods.byId(tx, pod.id)
      if (now?.state === "starting") await rows.pods.update(tx, { ...now, state: "running" })
    })
  }

  async function loseWorker(pod: RayPod, message: string): Promise<void> {
    await change(pod.clusterKey, async (tx, row, nowMs) => {
      const now = await rows.pods.byId(tx, pod.id)
      if (!now || now.state === "ending" || now.state === "gone") return
      await life.endPod(tx, now, "lost", message, nowMs)
      await note(tx, row, { type: "Warning", reason: "LostWorkerPod", message }, nowMs)
    })
    options.lookAt(pod.clusterKey, clock.nowMs())
  }

  async function fillGroups(cluster: RayCluster): Promise<void> {
    await change(cluster.key, async (tx, row, nowMs) => {
      if (row.state !== "ready" && row.state !== "starting") return
      const pods = await rows.pods.live(tx, row.key)
      for (const group of row.spec.workers) {
        const own = pods.filter((pod) => pod.groupName === group.groupName)
        const isShortLived = own.some(
          (pod) => pod.state === "ending" && nowMs - (pod.startedAtMs ?? nowMs) < shortLifeMs,
        )
        const taken = new Set(own.filter((pod) => pod.state !== "ending").map((pod) => pod.index))
        for (let index = 0; index < wantedReplicas(group); index++) {
          if (taken.has(index)) continue
          const notBeforeMs = isShortLived ? nowMs + workerBackoffMs : null
          await life.want(tx, singleOf(row, group.groupName, index, options.ids, nowMs, notBeforeMs), nowMs)
        }
      }
      if (row.headFailures > 0 && row.readyAtMs !== null && nowMs - row.readyAtMs > steadyMs)
        await rows.clusters.update(tx, { ...row, headFailures: 0 })
    })
  }

  return { tend, fillGroups }
}
