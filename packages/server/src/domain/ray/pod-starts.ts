import { AppError } from "../../kit/errors.ts"
import type { ClusterChanges } from "./cluster-changes.ts"
import type { ClusterLife } from "./cluster-life.ts"
import { startLookMs } from "./look-intervals.ts"
import { launchOf } from "./pod-launch.ts"
import { type PodHands, runtimeOf } from "./pod-hands.ts"
import type { RayPodObservation, RayPodStarted } from "./ports.ts"
import type { RayRunnerOptions } from "./runner-options.ts"
import type { RayCluster, RayPod } from "./types.ts"

/** Starts the pods of a cluster that have a place. */
export interface PodStarts {
  /**
   * The backend's word on a pod; one that was not started, or whose start was cut off with the last server, is started.
   * `changed`: the cluster was given another state, or the pod other ports.
   */
  lookOrStart(
    cluster: RayCluster,
    pod: RayPod,
    signal: AbortSignal,
  ): Promise<RayPodObservation | "started" | "changed">
}

export function createPodStarts(
  options: RayRunnerOptions & {
    readonly life: ClusterLife
    readonly hands: PodHands
    readonly changes: ClusterChanges
  },
): PodStarts {
  const { store, rows, clock, life, hands } = options
  const { change, note } = options.changes

  async function lookOrStart(
    cluster: RayCluster,
    pod: RayPod,
    signal: AbortSignal,
  ): Promise<RayPodObservation | "started" | "changed"> {
    const seen = pod.state === "placed" ? undefined : (await hands.look(pod)).seen
    if (seen && seen.state !== "waiting") return seen
    return (await ensure(cluster, pod, signal)) ? "started" : "changed"
  }

  /** @returns whether the pod is there now; false: the cluster was given another state */
  async function ensure(cluster: RayCluster, pod: RayPod, signal: AbortSignal): Promise<boolean> {
    const runtime = runtimeOf(cluster)
    const workspaceKey = options.workspaceKeyOf(cluster.workspaceId)
    if (!runtime || workspaceKey === undefined)
      throw new AppError(
        "internal",
        `The Ray cluster ${cluster.key} starts without a version or a workspace.`,
      )
    const head = pod.groupName === null ? null : cluster.address
    try {
      const parts = { runtime, token: hands.tokenOf(cluster), head, workspaceKey }
      const launch = await launchOf(store.committed, options, cluster, pod, parts)
      const started = await hands.backendOf(pod).ensure(launch, signal)
      await noteStarted(cluster, pod, started)
      return true
    } catch (thrown) {
      const error = AppError.from(thrown)
      if (error.code === "invalid") {
        await change(cluster.key, (tx, row, nowMs) => life.fail(tx, row, error.message, nowMs))
        return false
      }
      if (error.detail === "port_in_use") {
        await useNextBlock(cluster, pod, error.message)
        return false
      }
      throw error
    }
  }

  async function noteStarted(cluster: RayCluster, pod: RayPod, started: RayPodStarted): Promise<void> {
    await change(cluster.key, async (tx, row, nowMs) => {
      const now = await rows.pods.byId(tx, pod.id)
      if (now?.state !== "placed") return
      await rows.pods.update(tx, { ...now, state: "starting", handle: started.handle, startedAtMs: nowMs })
      if (started.address) await rows.clusters.update(tx, { ...row, address: started.address })
      const isHead = pod.groupName === null
      const where = `${row.namespace}/${pod.name}`
      const message = isHead ? `Created head Pod ${where}` : `Created worker Pod ${where}`
      const reason = isHead ? "CreatedHeadPod" : "CreatedWorkerPod"
      await note(tx, row, { type: "Normal", reason, message }, nowMs)
      if (started.ignoredParams.length > 0) await note(tx, row, ignored(started.ignoredParams), nowMs)
    })
  }

  /** Somebody listens on one of its ports: it gets the next block that nobody has, round and round. */
  async function useNextBlock(cluster: RayCluster, pod: RayPod, message: string): Promise<void> {
    const backend = hands.backendOf(pod)
    await change(cluster.key, async (tx, row, nowMs) => {
      const now = await rows.pods.byId(tx, pod.id)
      if (now?.state !== "placed" || now.clusterId === null) return
      const taken = new Set(await rows.pods.portBlocks(tx, now.clusterId))
      const count = backend.portBlocks
      const next = Array.from({ length: count }, (_, at) => ((now.portBlock ?? 0) + 1 + at) % count).find(
        (block) => !taken.has(block),
      )
      await note(tx, row, { type: "Warning", reason: "PortInUse", message }, nowMs)
      if (next !== undefined) await rows.pods.update(tx, { ...now, portBlock: next })
    })
    options.lookAt(cluster.key, clock.nowMs() + startLookMs)
  }

  return { lookOrStart }
}

function ignored(params: readonly string[]) {
  const message = `Not passed on to Ray here: ${params.join(", ")}.`
  return { type: "Warning", reason: "IgnoredStartParameters", message } as const
}

/** How a pod ended, as a sentence. */
export function endOf(
  pod: RayPod,
  seen: { readonly exitCode: number | null; readonly message: string },
): string {
  const code = seen.exitCode === null ? "" : ` with exit code ${seen.exitCode}`
  return `${pod.name} ended${code}${seen.message === "" ? "." : `: ${seen.message}`}`
}
