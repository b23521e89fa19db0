import {
  ClusterSchema,
  type Cluster,
  type Cluster_Environment,
  type ClusterSpec,
} from "@berth/contract/kuberay"
import { create } from "@bufbuild/protobuf"
import type { NewRayCluster, RayCluster, RayClusterView } from "../../domain/ray/index.ts"
import { wireEvents } from "./map-events.ts"
import { specFrom, variablesFrom } from "./map-spec-in.ts"
import { wireSpecOf, type ShowValue } from "./map-spec-out.ts"
import { goTimeText, timestampOf } from "./timestamps.ts"

export function clusterFrom(wire: Cluster, spec: ClusterSpec, namespace: string): NewRayCluster {
  const { name, user, version, environment, annotations, envs } = wire
  return {
    namespace,
    name,
    user,
    rayVersion: version,
    environment,
    annotations,
    envs: variablesFrom(envs),
    spec: specFrom(spec),
  }
}

export function wireClusterOf({ cluster, events }: RayClusterView, show: ShowValue): Cluster {
  const { name, namespace, user, rayVersion, environment, annotations, address } = cluster
  return create(ClusterSchema, {
    name,
    namespace,
    user,
    // as upstream: what was made for a job or service has no label of a version
    version: cluster.parent ? "" : rayVersion,
    environment: (environment ?? 0) as Cluster_Environment,
    clusterSpec: wireSpecOf(cluster.spec, show),
    annotations: { ...annotations, "ray.io/creation-timestamp": goTimeText(cluster.createdAtMs) },
    createdAt: timestampOf(cluster.createdAtMs),
    clusterState: stateWordOf(cluster),
    events: wireEvents(eventOwnerOf(cluster), events),
    serviceEndpoint: { ...address?.endpoints },
  })
}

/** The label that upstream names a cluster's events after: a job's cluster has that of the job, a service's none. */
function eventOwnerOf({ name, parent }: RayCluster): string {
  if (!parent) return name
  return parent.kind === "job" ? parent.name : ""
}

/** "" while it starts. */
export function stateWordOf({ state, suspended }: RayCluster): string {
  if (state === "ready" || state === "failed") return state
  return suspended ? "suspended" : ""
}
