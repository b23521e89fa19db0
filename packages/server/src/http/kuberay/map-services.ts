import {
  RayServiceSchema,
  type ClusterSpec,
  type RayService as WireService,
  type RayServiceStatusSchema,
} from "@berth/contract/kuberay"
import { create, type MessageInitShape } from "@bufbuild/protobuf"
import type { NewRayService, RayServiceView } from "../../domain/ray/index.ts"
import { stateWordOf } from "./map-clusters.ts"
import { wireEvents } from "./map-events.ts"
import { specFrom } from "./map-spec-in.ts"
import { wireSpecOf, type ShowValue } from "./map-spec-out.ts"
import { timestampOf } from "./timestamps.ts"

/** What upstream shows as the end of a service that is not being deleted: 1969-12-31T23:59:59Z. */
const noEndMs = -1000

export function serviceFrom(wire: WireService, spec: ClusterSpec, namespace: string): NewRayService {
  const { name, user, version, serveConfigV2 } = wire
  return {
    namespace,
    name,
    user,
    rayVersion: version,
    serveConfig: serveConfigV2,
    serviceUnhealthySeconds: Math.max(0, wire.serviceUnhealthySecondThreshold),
    deploymentUnhealthySeconds: Math.max(0, wire.deploymentUnhealthySecondThreshold),
    spec: specFrom(spec),
  }
}

export function wireServiceOf(view: RayServiceView, show: ShowValue): WireService {
  const { service } = view
  return create(RayServiceSchema, {
    name: service.name,
    namespace: service.namespace,
    user: service.user,
    version: service.rayVersion,
    // It may hold variables of the applications.
    serveConfigV2: show(service.serveConfig),
    serviceUnhealthySecondThreshold: service.serviceUnhealthySeconds,
    deploymentUnhealthySecondThreshold: service.deploymentUnhealthySeconds,
    clusterSpec: wireSpecOf(service.spec, show),
    rayServiceStatus: wireStatusOf(view),
    createdAt: timestampOf(service.createdAtMs),
    deleteAt: timestampOf(service.deletingAtMs ?? noEndMs),
  })
}

function wireStatusOf({
  service,
  events,
  active,
}: RayServiceView): MessageInitShape<typeof RayServiceStatusSchema> {
  return {
    rayServiceEvents: wireEvents(service.name, events),
    rayClusterName: active?.name ?? "",
    rayClusterState: active ? stateWordOf(active) : "",
    serviceEndpoint: { ...active?.address?.endpoints },
    serveApplicationStatus: service.applications.map(({ name, status, message, deployments }) => ({
      name,
      status,
      message,
      serveDeploymentStatus: deployments.map((deployment) => ({
        deploymentName: deployment.name,
        status: deployment.status,
        message: deployment.message,
      })),
    })),
  }
}
