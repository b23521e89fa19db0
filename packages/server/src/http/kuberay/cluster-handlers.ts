import {
  ClusterSchema,
  ClusterSpecSchema,
  ListAllClustersResponseSchema,
  ListClustersResponseSchema,
  type Cluster,
} from "@berth/contract/kuberay"
import { create } from "@bufbuild/protobuf"
import { EmptySchema } from "@bufbuild/protobuf/wkt"
import type { Principal } from "../../domain/identity/index.ts"
import type { RayClusterView, RayObjects } from "../../domain/ray/index.ts"
import { mapInTurns } from "../../kit/in-turns.ts"
import { clusterFrom, wireClusterOf } from "./map-clusters.ts"
import { pageOf, tokenOf, type ListPlace } from "./paging.ts"
import type { RayHandlers } from "./requests.ts"
import { showFor } from "./shown-values.ts"

/** Ray clusters. */
export function clusterHandlers({
  clusters,
}: Pick<RayObjects, "clusters">): RayHandlers<
  "createCluster" | "getCluster" | "listCluster" | "listAllClusters" | "deleteCluster"
> {
  async function list(principal: Principal, namespace: string | null, limit: bigint, token: string) {
    const place: ListPlace = { list: "clusters", namespace }
    const { items, next } = await clusters.page(principal, namespace, pageOf(place, Number(limit), token))
    return {
      clusters: await mapInTurns(items, (view) => shown(principal, view)),
      continue: tokenOf(place, next),
    }
  }
  return {
    async createCluster(principal, { namespace, cluster }) {
      const wanted = cluster ?? create(ClusterSchema)
      const spec = wanted.clusterSpec ?? create(ClusterSpecSchema)
      return shown(principal, await clusters.create(principal, clusterFrom(wanted, spec, namespace)))
    },
    async getCluster(principal, { namespace, name }) {
      return shown(principal, await clusters.get(principal, { namespace, name }))
    },
    async listCluster(principal, { namespace, limit, continue: token }) {
      return create(ListClustersResponseSchema, await list(principal, namespace, limit, token))
    },
    async listAllClusters(principal, { limit, continue: token }) {
      return create(ListAllClustersResponseSchema, await list(principal, null, limit, token))
    },
    async deleteCluster(principal, { namespace, name }) {
      await clusters.delete(principal, { namespace, name })
      return create(EmptySchema)
    },
  }
}

function shown(principal: Principal, view: RayClusterView): Cluster {
  return wireClusterOf(view, showFor(principal, view.cluster))
}
