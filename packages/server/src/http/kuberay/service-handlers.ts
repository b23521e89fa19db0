import {
  ClusterSpecSchema,
  ListAllRayServicesResponseSchema,
  ListRayServicesResponseSchema,
  RayServiceSchema,
  type RayService,
} from "@berth/contract/kuberay"
import { create } from "@bufbuild/protobuf"
import { EmptySchema } from "@bufbuild/protobuf/wkt"
import type { Principal } from "../../domain/identity/index.ts"
import type { NewRayService, RayObjects, RayServiceView } from "../../domain/ray/index.ts"
import { mapInTurns } from "../../kit/in-turns.ts"
import { serviceFrom, wireServiceOf } from "./map-services.ts"
import { pageOf, tokenOf, type ListPlace } from "./paging.ts"
import type { RayHandlers } from "./requests.ts"
import { showFor } from "./shown-values.ts"

/** Services: clusters that serve applications. */
export function serviceHandlers({
  services,
}: Pick<RayObjects, "services">): RayHandlers<
  | "createRayService"
  | "updateRayService"
  | "getRayService"
  | "listRayServices"
  | "listAllRayServices"
  | "deleteRayService"
> {
  async function list(principal: Principal, namespace: string | null, size: number, token: string) {
    const place: ListPlace = { list: "services", namespace }
    const { items, next } = await services.page(principal, namespace, pageOf(place, size, token))
    return {
      services: await mapInTurns(items, (view) => shown(principal, view)),
      nextPageToken: tokenOf(place, next),
    }
  }
  return {
    async createRayService(principal, { namespace, service }) {
      return shown(principal, await services.create(principal, wantedOf(service, namespace)))
    },
    async updateRayService(principal, { namespace, service }) {
      return shown(principal, await services.update(principal, wantedOf(service, namespace)))
    },
    async getRayService(principal, { namespace, name }) {
      return shown(principal, await services.get(principal, { namespace, name }))
    },
    async listRayServices(principal, { namespace, pageSize, pageToken }) {
      return create(ListRayServicesResponseSchema, await list(principal, namespace, pageSize, pageToken))
    },
    async listAllRayServices(principal, { pageSize, pageToken }) {
      return create(ListAllRayServicesResponseSchema, await list(principal, null, pageSize, pageToken))
    },
    async deleteRayService(principal, { namespace, name }) {
      await services.delete(principal, { namespace, name })
      return create(EmptySchema)
    },
  }
}

function wantedOf(service: RayService | undefined, namespace: string): NewRayService {
  const wanted = service ?? create(RayServiceSchema)
  return serviceFrom(wanted, wanted.clusterSpec ?? create(ClusterSpecSchema), namespace)
}

function shown(principal: Principal, view: RayServiceView): RayService {
  return wireServiceOf(view, showFor(principal, view.service))
}
