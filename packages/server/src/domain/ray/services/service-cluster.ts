import type { Ids } from "../../../kit/ids.ts"
import type { Tx } from "../../journal/index.ts"
import type { ClusterLife } from "../cluster-life.ts"
import { freshCluster } from "../fresh-cluster.ts"
import { randomSuffix, wantedReplicas } from "../pods.ts"
import type { RayClusterSpec } from "../spec.ts"
import type { RayCluster, RayClusterKey, RayService, RayStore } from "../types.ts"

/** A cluster for what the service wants now, named as upstream names it (reference/kuberay-v1.md 5.6). */
export function newServiceCluster(
  service: RayService,
  ids: Pick<Ids, "next" | "random">,
  nowMs: number,
): RayCluster {
  const { key, namespace, name, workspaceId, userId, asServerOwner, user, rayVersion, spec } = service
  return freshCluster({
    key: ids.next("rcl") as RayClusterKey,
    namespace,
    name: `${name}-${randomSuffix(ids)}`,
    workspaceId,
    userId,
    asServerOwner,
    user,
    rayVersion,
    environment: null,
    annotations: service.annotations,
    spec,
    serves: true,
    parent: { kind: "service", key, name },
    createdAtMs: nowMs,
  })
}

/**
 * Gives a cluster other numbers of workers, in the caller's transaction: those that are too many end, those that are
 * missing are wanted at its next look. One that waits for its place waits for the new one instead.
 */
export async function resizeCluster(
  tx: Tx,
  to: { readonly rows: Pick<RayStore, "pods" | "clusters">; readonly life: Pick<ClusterLife, "endPod"> },
  cluster: RayCluster,
  spec: RayClusterSpec,
  nowMs: number,
): Promise<void> {
  const isWaiting = cluster.state === "waiting"
  for (const pod of await to.rows.pods.live(tx, cluster.key)) {
    const group = spec.workers.find(({ groupName }) => groupName === pod.groupName)
    const isTooMany = group !== undefined && pod.index >= wantedReplicas(group)
    if (isWaiting || isTooMany) await to.life.endPod(tx, pod, "stopped", "Fewer workers are wanted.", nowMs)
  }
  await to.rows.clusters.update(tx, {
    ...cluster,
    spec,
    gangClaimId: isWaiting ? null : cluster.gangClaimId,
  })
}
