import type { RayCluster, RayService } from "../ray/index.ts"
import { isTerminal, type Endpoint, type Workload } from "../workloads/index.ts"
import { pythonText, type PlainValue } from "./python-text.ts"
import type { JsonText, ServiceRecord, ServiceState } from "./types.ts"

/** How something that a record follows stands. */
export interface JoinedStanding {
  readonly state: ServiceState
  /** A sentence. */
  readonly detail: string
  /** `host:port` that its clients connect to; null: it has none now. */
  readonly address: string | null
  /** Of its health; begins with "/". */
  readonly healthPath: string
}

const ended = (detail: string): JoinedStanding => ({
  state: "inactive",
  detail,
  address: null,
  healthPath: "/",
})

/** @param readyPods those that the driver says connections may be sent to */
export function standingOfWorkload(
  workload: Workload | undefined,
  endpoint: Endpoint | undefined,
  readyPods: number,
): JoinedStanding {
  if (!workload) return ended("The workload is no more.")
  const { phase, spec } = workload
  if (isTerminal(phase)) return ended(`The workload is over: ${phase}.`)
  const path = spec.readiness?.["path"]
  const standing = {
    address: endpoint ? `${endpoint.clusterIp}:${endpoint.port}` : null,
    healthPath: typeof path === "string" && path.startsWith("/") ? path : "/",
  }
  if (readyPods > 0) return { ...standing, state: "active", detail: `Ready pods: ${readyPods}.` }
  const isStarting = phase === "Pending" || workload.rollout?.observed === 0
  const state = isStarting ? "pending_startup" : "error"
  return { ...standing, state, detail: `No pod is ready; the workload is ${phase}.` }
}

/** @param active the cluster that serves */
export function standingOfRayService(
  service: RayService | undefined,
  active: RayCluster | undefined,
): JoinedStanding {
  if (!service) return ended("The Ray service is no more.")
  const standing = {
    address: active?.address ? new URL(active.address.serveUrl).host : null,
    healthPath: "/-/healthz",
  }
  if (service.deletingAtMs !== null)
    return { ...standing, state: "pending_shutdown", detail: "The Ray service is being deleted." }
  if (standing.address === null)
    return { ...standing, state: "pending_startup", detail: "No cluster of the Ray service serves yet." }
  if (service.unhealthySinceMs === null)
    return { ...standing, state: "active", detail: "The applications of the Ray service run." }
  return {
    ...standing,
    state: "error",
    detail: "The applications of the Ray service are not as they should be.",
  }
}

/** What a record says of what it follows. */
export function followed(
  record: Pick<ServiceRecord, "state" | "status" | "endpoint">,
  { state, detail, address, healthPath }: JoinedStanding,
): Pick<ServiceRecord, "state" | "status" | "endpoint" | "predictionUrl" | "healthCheckUrl"> {
  const [hostname = "", port = ""] = address?.split(":") ?? []
  const endpointOf: PlainValue = { protocol: "http", hostname, port: Number(port), state }
  return {
    state,
    // the state that was before stays in it until the next one
    status:
      record.state === state && record.status !== null
        ? record.status
        : textOf({ state, last_state: record.state ?? state, last_error: state === "error" ? detail : "" }),
    endpoint: address === null ? null : textOf(endpointOf),
    predictionUrl: address === null ? null : `http://${address}`,
    healthCheckUrl: address === null ? null : `http://${address}${healthPath}`,
  }
}

function textOf(value: PlainValue): JsonText {
  return pythonText(value) as JsonText
}
