import { isRayJobOver, type RayCluster, type RayJob, type RayJobKey } from "../domain/ray/index.ts"

/** Which live jobs look for, or run on, a cluster that they select by its name: told of what happens to it. In memory. */
export interface SelectorJobs {
  /** Follows a job's row; `gone`: it was deleted. */
  apply(job: RayJob, gone: boolean): void
  /** Those that select this one. */
  of(cluster: Pick<RayCluster, "namespace" | "name">): Iterable<RayJobKey>
}

export function createSelectorJobs(): SelectorJobs {
  const byCluster = new Map<string, Set<RayJobKey>>()
  return {
    apply(job, gone) {
      if (Object.keys(job.clusterSelector).length === 0) return
      const place = placeOf({ namespace: job.namespace, name: job.clusterName })
      const keys = byCluster.get(place) ?? new Set()
      if (gone || isRayJobOver(job)) keys.delete(job.key)
      else keys.add(job.key)
      if (keys.size > 0) byCluster.set(place, keys)
      else byCluster.delete(place)
    },
    of: (cluster) => byCluster.get(placeOf(cluster)) ?? [],
  }
}

function placeOf({ namespace, name }: Pick<RayCluster, "namespace" | "name">): string {
  return `${namespace}/${name}`
}
