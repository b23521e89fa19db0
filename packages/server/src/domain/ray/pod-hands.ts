import { AppError } from "../../kit/errors.ts"
import type { JsonObject } from "../../kit/json.ts"
import type { RayBackend, RayDashboard, RayPodObservation, RayRuntime } from "./ports.ts"
import type { RayRunnerOptions } from "./runner-options.ts"
import type { RayCluster, RayPod, RayPodId } from "./types.ts"

/** What is done with pods by their backends. Owns no rule. */
export interface PodHands {
  /** @throws AppError `unavailable` when its cluster has no backend */
  backendOf(of: { readonly clusterId: string | null }): RayBackend
  /** The backend's word on a pod that it was given, in this life of the server or in an earlier one. */
  look(pod: RayPod): Promise<{ readonly handle: JsonObject | null; readonly seen: RayPodObservation }>
  /** Tells it, once in this life of the server, to end, and looks what is left. */
  end(pod: RayPod): Promise<{ readonly handle: JsonObject | null; readonly seen: RayPodObservation }>
  /** It is gone: nothing of it is kept in memory. */
  left(id: RayPodId): void
  /** undefined while the head has no address. */
  dashboardOf(cluster: RayCluster): RayDashboard | undefined
  /** The cluster's token; null = it has none. */
  tokenOf(cluster: RayCluster): string | null
}

function nothingLeft({ handle }: RayPod): RayPodObservation {
  const isRestored = handle?.["isRestored"] === true
  return {
    state: "lost",
    startedAtMs: null,
    exitCode: null,
    cause: isRestored ? "node_lost" : "lost",
    message: isRestored
      ? "it was running when the backup was made that the database was restored from"
      : "nothing is known of it any more",
    isGone: true,
  }
}

export function createPodHands(
  options: Pick<RayRunnerOptions, "backends" | "vault" | "graceSecondsOf">,
): PodHands {
  /** Pods that their backend was told to stop, and those that it started or took over, in this life of the server. */
  const told = new Set<RayPodId>()
  const adopted = new Set<RayPodId>()

  function backendOf({ clusterId }: { readonly clusterId: string | null }): RayBackend {
    const backend = clusterId === null ? undefined : options.backends.get(clusterId)
    if (backend) return backend
    throw new AppError("unavailable", `Nothing runs Ray on the cluster ${clusterId ?? "of nobody"}.`)
  }

  function tokenOf({ key, sealedToken }: RayCluster): string | null {
    if (sealedToken === null) return null
    const token = options.vault.open(sealedToken, key)
    if (token !== undefined) return token
    throw new AppError(
      "internal",
      `The token of the Ray cluster ${key} cannot be opened with this server's key.`,
    )
  }

  /** What it has never heard of was never started. */
  async function handleOf(pod: RayPod): Promise<JsonObject | null> {
    if (pod.handle !== null && adopted.has(pod.id)) return pod.handle
    const handle = await backendOf(pod).recover(pod.id, pod.handle)
    adopted.add(pod.id)
    return handle
  }

  return {
    backendOf,
    tokenOf,
    async look(pod) {
      const handle = await handleOf(pod)
      const seen = handle === null ? nothingLeft(pod) : await backendOf(pod).inspect(pod.id, handle)
      return { handle, seen }
    },
    async end(pod) {
      const handle = await handleOf(pod)
      if (handle === null) return { handle, seen: nothingLeft(pod) }
      if (!told.has(pod.id)) {
        const graceMs = options.graceSecondsOf(pod.workspaceId) * 1000
        await backendOf(pod).stop(pod.id, handle, { cause: "stopped", message: pod.message }, graceMs)
        told.add(pod.id)
      }
      return { handle, seen: await backendOf(pod).inspect(pod.id, handle) }
    },
    left(id) {
      told.delete(id)
      adopted.delete(id)
    },
    dashboardOf(cluster) {
      if (cluster.address === null) return undefined
      return backendOf(cluster).dashboard(cluster.address, tokenOf(cluster))
    },
  }
}

/** What `prepare` found, as it is kept. */
export function runtimeOf({ runtime }: RayCluster): RayRuntime | undefined {
  if (runtime === null) return undefined
  const { version, hasTokens, details } = runtime
  if (typeof version !== "string" || typeof hasTokens !== "boolean") return undefined
  const isObject = typeof details === "object" && details !== null && !Array.isArray(details)
  return { version, hasTokens, details: isObject ? (details as JsonObject) : {} }
}
