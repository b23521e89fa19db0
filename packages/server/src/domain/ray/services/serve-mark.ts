import { sha256Hex } from "../../../kit/sha256.ts"
import type { RayCluster } from "../types.ts"

/**
 * Stands for a serve configuration as one life of a cluster's head was given it: a head that was lost took along what
 * it had been given. null while nothing can be given.
 */
export function serveMark(cluster: RayCluster, serveConfig: string): string | null {
  if (cluster.state !== "ready" || cluster.readyAtMs === null) return null
  return `${cluster.readyAtMs}:${sha256Hex(serveConfig)}`
}

/** The mark of what was given and refused: it is not given again. */
export function refusedMark(mark: string): string {
  return `refused:${mark}`
}

/** It was given to the head that runs now: this configuration, or one before. */
export function isOfThisHead(applied: string | null, cluster: RayCluster): boolean {
  if (applied === null || cluster.readyAtMs === null) return false
  const prefix = `${cluster.readyAtMs}:`
  return applied.startsWith(prefix) || applied.startsWith(refusedMark(prefix))
}
