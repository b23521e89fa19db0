import { AppError } from "../../../kit/errors.ts"
import type { Operation, Principal } from "../../identity/index.ts"
import type { RayName } from "../commands.ts"
import type { RayDashboard } from "../ports.ts"
import type { RayCluster } from "../types.ts"
import { requireSeen } from "./access.ts"
import type { RayDashboardsOptions } from "./options.ts"

const resource = "ray-cluster"

/**
 * A cluster that takes requests, and its dashboard.
 * @throws AppError `not_found`, `forbidden`; `conflict` with detail `not_ready`
 */
export async function readyCluster(
  { store, rows, dashboardOf }: RayDashboardsOptions,
  principal: Principal,
  at: RayName,
  operation: Operation,
): Promise<{ readonly cluster: RayCluster; readonly dashboard: RayDashboard }> {
  const row = await rows.clusters.byName(store.committed, at.namespace, at.name)
  const cluster = requireSeen(principal, operation, row, { resource, at })
  const dashboard = cluster.state === "ready" ? dashboardOf(cluster) : undefined
  if (dashboard) return { cluster, dashboard }
  throw new AppError("conflict", `The Ray cluster ${at.name} is not ready: it is ${cluster.state}.`, {
    resource,
    name: at.name,
    detail: "not_ready",
    facts: { namespace: at.namespace },
  })
}

/**
 * Else whoever may change the cluster of a server owner could run anything as the server's own account.
 * @throws AppError `forbidden`
 */
export function refuseOthersCode(principal: Principal, { name, namespace, asServerOwner }: RayCluster): void {
  if (!asServerOwner || principal.serverRole === "owner") return
  throw new AppError(
    "forbidden",
    `The user is not allowed to run anything on the Ray cluster ${name}: it runs as the server's account`,
    { resource, name, facts: { operation: "ray.write", namespace } },
  )
}
