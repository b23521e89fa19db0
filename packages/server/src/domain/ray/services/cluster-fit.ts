import type { RayClusterSpec, WorkerGroup } from "../spec.ts"
import type { RayCluster, RayService } from "../types.ts"

/**
 * Whether a cluster is what its service wants: `same`; `resize` = when its numbers of workers are changed, or groups
 * are added behind the others; `other` = only another cluster is (reference/kuberay-v1.md 5.6).
 */
export type ClusterFit = "same" | "resize" | "other"

type Made = "spec" | "rayVersion" | "asServerOwner"

export function fitOf(cluster: Pick<RayCluster, Made>, service: Pick<RayService, Made>): ClusterFit {
  // what somebody else wants is not run with the rights of who wanted it before
  if (cluster.rayVersion !== service.rayVersion || cluster.asServerOwner !== service.asServerOwner)
    return "other"
  if (isSame(cluster.spec, service.spec)) return "same"
  return isSame(shapeOf(cluster.spec), shapeOf(service.spec, cluster.spec.workers.length))
    ? "resize"
    : "other"
}

/** Its shape without numbers of workers, and without groups behind the first `groups`. */
function shapeOf(spec: RayClusterSpec, groups = spec.workers.length): unknown {
  return { ...spec, workers: spec.workers.slice(0, groups).map(withoutNumbers) }
}

function withoutNumbers(group: WorkerGroup): unknown {
  return { ...group, replicas: 0, minReplicas: 0, maxReplicas: 0 }
}

/** Of JSON values: members may be in any order. */
function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false
  const keys = Object.keys(one)
  if (Array.isArray(one) !== Array.isArray(other) || keys.length !== Object.keys(other).length) return false
  return keys.every(
    (key) =>
      Object.hasOwn(other, key) &&
      isSame(Reflect.get(one, key) as unknown, Reflect.get(other, key) as unknown),
  )
}
