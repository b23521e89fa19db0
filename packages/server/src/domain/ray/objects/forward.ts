import type { RayObjects } from "../commands.ts"
import { readyCluster } from "./dashboards.ts"
import type { RayDashboardsOptions } from "./options.ts"

/** Any request to a cluster's dashboard, by the rights of who sends it. */
export function createForward(options: RayDashboardsOptions): RayObjects["forward"] {
  return async (principal, at, request, signal) => {
    const reads = request.method === "GET" || request.method === "HEAD"
    const { dashboard } = await readyCluster(options, principal, at, reads ? "ray.get" : "ray.write")
    return dashboard.forward(request, signal)
  }
}
