import type { EndCause } from "../queue/index.ts"
import type { RayCluster, RayService } from "../ray/index.ts"
import { isApplication, isTerminal, type Endpoint, type Workload } from "../workloads/index.ts"
import { pythonText, type PlainValue } from "./python-text.ts"
import type { JsonText, ServiceRecord, ServiceState } from "./types.ts"
import type { WatchVerdict } from "./watches/types.ts"

/** How something that a record follows stands. */
export interface JoinedStanding {
  readonly state: ServiceState
  /** A sentence. */
  readonly detail: string
  /** `host:port` that its clients connect to; null: it has none now. */
  readonly address: string | null
  /** Of its health; begins with "/". */
  readonly healthPath: string
  /** For good; `forgotten`: so long ago that nothing is known of its end any more. */
  readonly over: "no" | "over" | "forgotten"
}

const ended = (state: ServiceState, detail: string): JoinedStanding => ({
  state,
  detail,
  address: null,
  healthPath: "/",
  over: "over",
})

const endSentences: Readonly<Record<EndCause, string>> = {
  succeeded: "The workload succeeded.",
  failed: "The workload failed.",
  stopped: "The workload was stopped.",
  timed_out: "The workload was stopped: its time was over.",
  preempted: "The workload ended: it gave way to one of higher priority.",
  reservation_ended: "The workload ended with the GPU request that held its nodes.",
  node_lost: "The workload failed: its node went away.",
  lost: "The workload failed: its process went away without an exit code.",
  out_of_memory: "The workload failed: it used more memory than it asked for.",
  log_flood: "The workload failed: it wrote its log faster than can be kept.",
  disk_full: "The workload failed: the disk of its node is nearly full.",
  hang: "The workload failed: it made no progress.",
  dependency_failed: "The workload failed: one that it depends on did not succeed.",
  unhealthy: "The workload failed: it did not pass its liveness probe.",
  start_deadline: "The workload failed: it did not start in time.",
}

/** What failed is an error until somebody deletes it; what ended otherwise is inactive. */
function endOf({ phase, cause, hidden }: Workload): JoinedStanding {
  if (hidden) return ended("inactive", "The workload was deleted.")
  const detail = cause ? endSentences[cause] : `The workload is over: ${phase}.`
  return ended(phase === "Failed" ? "error" : "inactive", detail)
}

/** @param readyPods those that the driver says connections may be sent to */
export function standingOfWorkload(
  workload: Workload | undefined,
  endpoint: Endpoint | undefined,
  readyPods: number,
): JoinedStanding {
  // its row went with its age, long after its end was told
  if (!workload) return { ...ended("inactive", "The workload is no more."), over: "forgotten" }
  if (isTerminal(workload.phase)) return endOf(workload)
  const path = workload.spec.readiness?.["path"]
  return {
    ...stateOfLive(workload, readyPods),
    address: endpoint ? `${endpoint.clusterIp}:${endpoint.port}` : null,
    healthPath: typeof path === "string" && path.startsWith("/") ? path : "/",
    over: "no",
  }
}

function stateOfLive(
  { kind, phase, spec, rollout }: Workload,
  readyPods: number,
): Pick<JoinedStanding, "state" | "detail"> {
  if (readyPods > 0) return { state: "active", detail: `Ready pods: ${readyPods}.` }
  if (isApplication(kind) && spec.resource.replica === 0)
    return { state: "scaled_to_zero", detail: "It is scaled to no pods." }
  // one that is scaled up from none is updating until the first pod is ready
  const isStarting = phase === "Pending" || phase === "Updating" || rollout?.observed === 0
  const state = isStarting ? "pending_startup" : "error"
  return { state, detail: `No pod is ready; the workload is ${phase}.` }
}

/** @param active the cluster that serves */
export function standingOfRayService(
  service: RayService | undefined,
  active: RayCluster | undefined,
): JoinedStanding {
  if (!service) return ended("inactive", "The Ray service was deleted.")
  const standing = {
    address: active?.address ? new URL(active.address.serveUrl).host : null,
    healthPath: "/-/healthz",
    over: "no",
  } as const
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
  standing: JoinedStanding,
): Pick<ServiceRecord, "state" | "status" | "endpoint" | "predictionUrl" | "healthCheckUrl"> {
  const { address, healthPath } = standing
  const [hostname = "", port = ""] = address?.split(":") ?? []
  const isKept = standing.over === "forgotten" && record.state === "error" && record.endpoint === null
  const state = isKept ? record.state : standing.state
  const endpointOf: PlainValue = { protocol: "http", hostname, port: Number(port), state }
  return {
    state,
    status: isKept ? record.status : statusOf(record, standing),
    endpoint: address === null ? null : textOf(endpointOf),
    predictionUrl: address === null ? null : `http://${address}`,
    healthCheckUrl: address === null ? null : `http://${address}${healthPath}`,
  }
}

/** The state that was before stays in it until the next one; why something ended is told at last. */
function statusOf(
  record: Pick<ServiceRecord, "state" | "status">,
  { state, detail, over }: JoinedStanding,
): JsonText {
  const lastError = state === "error" ? detail : ""
  const isSame = record.state === state && record.status !== null
  const told = isSame ? membersOf(record.status) : {}
  if (isSame && (over === "no" || told["last_error"] === lastError)) return record.status
  const before = isSame ? told["last_state"] : record.state
  const lastState = typeof before === "string" ? before : state
  return textOf({ state, last_state: lastState, last_error: lastError })
}

/** Its owner may have written what only Python reads, such as NaN. */
function membersOf(status: JsonText): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(status) as Readonly<Record<string, unknown>>
  } catch {
    return {}
  }
}

/** What a watch of the record has found by that; null: nothing new, it only comes up or goes down. */
export function verdictOf({ state, over }: JoinedStanding): Exclude<WatchVerdict, "unknown"> | null {
  if (over !== "no") return "over"
  if (state === "active") return "up"
  return state === "error" ? "down" : null
}

function textOf(value: PlainValue): JsonText {
  return pythonText(value) as JsonText
}
