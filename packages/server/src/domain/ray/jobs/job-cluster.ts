import { freshCluster } from "../fresh-cluster.ts"
import type { RayClusterSpec } from "../spec.ts"
import type { RayCluster, RayClusterKey, RayJob } from "../types.ts"

/** The cluster that a job makes for itself, before it has anything (reference/kuberay-v1.md 5.5). */
export function clusterOfJob(
  job: RayJob,
  spec: RayClusterSpec,
  made: { readonly key: RayClusterKey; readonly name: string; readonly createdAtMs: number },
): RayCluster {
  const { namespace, workspaceId, userId, asServerOwner, user, rayVersion } = job
  return freshCluster({
    ...made,
    namespace,
    workspaceId,
    userId,
    asServerOwner,
    user,
    rayVersion,
    environment: null,
    // as upstream: a job's metadata is what its cluster is annotated with
    annotations: job.metadata,
    spec,
    serves: false,
    parent: { kind: "job", key: job.key, name: job.name },
  })
}
