import type { PodHands } from "./pod-hands.ts"
import type { RayRunnerOptions } from "./runner-options.ts"
import type { RayCluster, RayClusterKey, RayPod } from "./types.ts"

/** Brings pods that were told to end, and what is left of them, in line. */
export interface PodEnds {
  /** One look at those of a cluster; asks for the next one where something is left. */
  finish(cluster: RayCluster, pods: readonly RayPod[]): Promise<void>
  /** The cluster is gone: nothing of it is kept in memory. */
  forget(key: RayClusterKey): void
}

/** A worker that has lost its head takes this long and longer to end; one that has its head, a third of it. */
const headSpareMs = 10_000
/** Backends tell when a pod is gone; a look now and then helps where that is lost. */
const lookMs = 10_000

export function createPodEnds(
  options: Pick<RayRunnerOptions, "store" | "rows" | "moves" | "clock" | "graceSecondsOf" | "lookAt"> & {
    readonly hands: PodHands
  },
): PodEnds {
  const { store, rows, clock, hands } = options
  /** Since when heads wait for their workers to end. */
  const spared = new Map<RayClusterKey, number>()

  /** @returns when it is the head's turn, though workers are left */
  function headWaitsUntil(cluster: RayCluster): number {
    const sinceMs = spared.get(cluster.key) ?? clock.nowMs()
    spared.set(cluster.key, sinceMs)
    return sinceMs + Math.min(headSpareMs, options.graceSecondsOf(cluster.workspaceId) * 1000)
  }

  /** Its claim is gone when its processes are. @returns whether it is gone */
  async function end(pod: RayPod): Promise<boolean> {
    const { handle, seen } = await hands.end(pod)
    if (!seen.isGone) return false
    await hands.backendOf(pod).forget(pod.id, handle)
    const nowMs = clock.nowMs()
    await store.tx(async (tx) => {
      const row = await rows.pods.byId(tx, pod.id)
      if (!row || row.state === "gone") return
      const claim = await options.moves.byId(tx, row.claimId)
      if (claim) await options.moves.gone(tx, claim, nowMs)
      await rows.pods.update(tx, {
        ...row,
        state: "gone",
        portBlock: null,
        endedAtMs: nowMs,
        exitCode: seen.exitCode,
      })
    })
    hands.left(pod.id)
    return true
  }

  return {
    async finish(cluster, pods) {
      const ending = pods.filter((pod) => pod.state === "ending")
      const workers = ending.filter((pod) => pod.groupName !== null)
      let left = 0
      for (const worker of workers) if (!(await end(worker))) left++
      for (const head of ending.filter((pod) => pod.groupName === null)) {
        const untilMs = left === 0 ? 0 : headWaitsUntil(cluster)
        if (clock.nowMs() < untilMs) return options.lookAt(cluster.key, untilMs)
        // workers live in their head's directory: what they write there after it was removed would stay
        if (left > 0) await hands.end(head)
        else if (!(await end(head))) left++
      }
      if (left > 0) options.lookAt(cluster.key, clock.nowMs() + lookMs)
      else spared.delete(cluster.key)
    },
    forget: (key) => void spared.delete(key),
  }
}
