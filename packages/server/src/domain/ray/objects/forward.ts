import type { RayObjects } from "../commands.ts"
import { readyCluster, refuseOthersCode } from "./dashboards.ts"
import type { RayDashboardsOptions } from "./options.ts"

const resource = "ray-cluster"
/** Of a path, in the audit record. */
const mostPathLetters = 256

/** Any request to a cluster's dashboard, by the rights of who sends it. What may change something is audited. */
export function createForward({ store, clock, ...rest }: RayDashboardsOptions): RayObjects["forward"] {
  return async (principal, at, request, signal) => {
    const { method, path } = request
    const reads = method === "GET" || method === "HEAD"
    const operation = reads ? "ray.get" : "ray.write"
    const { cluster, dashboard } = await readyCluster({ store, clock, ...rest }, principal, at, operation)
    if (!reads) {
      refuseOthersCode(principal, cluster)
      await store.tx((tx) =>
        tx.audit({
          operation,
          subject: { kind: resource, id: `${at.namespace}/${at.name}` },
          workspace: cluster.workspaceId,
          actor: principal.actor,
          outcome: "ok",
          atMs: clock.nowMs(),
          // without the query: there may be secrets in it
          data: { did: "forwarded", method, path: path.replace(/\?.*$/s, "").slice(0, mostPathLetters) },
        }),
      )
    }
    return dashboard.forward(request, signal)
  }
}
