import { AppError } from "../../../kit/errors.ts"
import { isAllowed, type Principal } from "../../identity/index.ts"
import type { RayObjects } from "../commands.ts"
import type { RayCluster } from "../types.ts"
import { readyCluster, refuseOthersCode } from "./dashboards.ts"
import type { RayDashboardsOptions } from "./options.ts"

const resource = "ray-cluster"
/** Of a path, in the audit record. */
const mostPathLetters = 256

/**
 * What shows no values of variables: the pages themselves, health, nodes, what they have to do, and what a job wrote.
 * Nearly everything else shows some: jobs, actors and tasks their runtime environments, Serve its configuration, logs of
 * Ray itself both. Named one by one, for each version of Ray brings more.
 */
const openPaths = [
  "",
  "index\\.html",
  "favicon\\.ico",
  "static/[\\w/.-]+",
  "api/version",
  "api/cluster_status",
  "api/gcs_healthz",
  "api/local_raylet_healthz",
  "nodes",
  "timezone",
  "api/jobs/[\\w.-]+/logs(/tail)?",
]
const open = new RegExp(`^/(${openPaths.join("|")})$`)

/** Any request to a cluster's dashboard, by the rights of who sends it. What may change something is audited. */
export function createForward({ store, clock, ...rest }: RayDashboardsOptions): RayObjects["forward"] {
  return async (principal, at, request, signal) => {
    const { method, path } = request
    const reads = method === "GET" || method === "HEAD"
    const operation = reads ? "ray.get" : "ray.write"
    const { cluster, dashboard } = await readyCluster({ store, clock, ...rest }, principal, at, operation)
    refuseVariables(principal, cluster, path)
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

/** @throws AppError `forbidden` for somebody who may not see values of variables, where there could be some */
function refuseVariables(principal: Principal, { workspaceId, userId }: RayCluster, path: string): void {
  if (isAllowed(principal, "ray.env", { workspaceId, ownerId: userId })) return
  const [place = ""] = path.split(/[?#]/)
  // as it is sent: who may read nothing else has no use for other ways to write it
  if (open.test(place) && !/\/\.{1,2}(\/|$)/.test(place)) return
  throw new AppError(
    "forbidden",
    "This part of the dashboard may show values of variables, which a Viewer does not see.",
    { resource, facts: { operation: "ray.env" } },
  )
}
