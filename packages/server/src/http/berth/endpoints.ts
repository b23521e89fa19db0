import type { Endpoint, EndpointList } from "@berth/contract/berth"
import type { FastifyRequest } from "fastify"
import type { EndpointView } from "../../domain/workloads/index.ts"
import type { Services } from "../services.ts"
import { createQueryReader, pageOf } from "./query.ts"

/** Services of live workloads; rights are theirs. */
export function endpointHandlers({ endpoints }: Services) {
  return {
    listEndpoints(request: FastifyRequest): EndpointList {
      const query = createQueryReader(request.query, ["limit", "cursor", "workspace", "workload"])
      const page = query.page()
      const workspace = query.text("workspace") ?? null
      const workload = query.text("workload")
      query.check()
      const seen = endpoints
        .list(request.principal, workspace)
        .filter((view) => workload === undefined || view.endpoint.workloadId === workload)
      const cut = pageOf(seen, (view) => view.endpoint.workloadKey, page, "descending")
      return { ...cut, items: cut.items.map(toEndpoint) }
    },
  }
}

function toEndpoint(view: EndpointView): Endpoint {
  const { endpoint } = view
  return {
    workloadId: endpoint.workloadId,
    workspaceId: endpoint.workspaceId,
    kind: view.kind,
    protocol: endpoint.protocol,
    type: endpoint.type,
    address: view.address,
    nodeAddress: view.nodeAddress,
    targetPort: endpoint.targetPort,
    readyPods: view.readyPods,
    pods: view.pods,
    listening: view.listening,
    message: view.message,
  }
}
