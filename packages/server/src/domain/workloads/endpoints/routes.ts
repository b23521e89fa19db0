import type { Endpoint, Replica, ReplicaId } from "../applications/types.ts"
import type { Backend } from "../driver.ts"
import { isApplication, isTerminal } from "../states.ts"
import type { Attempt, Workload, WorkloadKey, WorkloadKind } from "../types.ts"
import { isNodePortChosen } from "./give-endpoint.ts"

/** Where the connections of one service go now. */
export interface Route {
  readonly endpoint: Endpoint
  readonly kind: WorkloadKind
  /** Where its pods are, or would go first. */
  readonly clusterId: string
  readonly isNodePortChosen: boolean
  /** How many pods are asked for. */
  readonly pods: number
  /** Of the ready ones, by ordinal. */
  readonly backends: readonly Backend[]
}

/**
 * All services of live workloads, in memory: fed with the rows at boot, then with every change. Each call gives the
 * key of the service that it changed; null when it changed none.
 */
export interface Routes {
  workloadChanged(workload: Workload): WorkloadKey | null
  endpointChanged(endpoint: Endpoint, gone: boolean): WorkloadKey | null
  replicaChanged(replica: Replica, gone: boolean): WorkloadKey | null
  /** Of a job; a gang's running pods are ready. Those of applications change nothing: their replicas tell. */
  attemptChanged(attempt: Attempt): WorkloadKey | null
  get(key: WorkloadKey): Route | undefined
  /** In no order. */
  all(): readonly Route[]
}

/** What is known of a live workload that has a service. */
interface Served {
  workload: Workload
  endpoint: Endpoint | undefined
  /** The run whose pods these are: those of an earlier one never come back. */
  run: number
  /** Pod ips of a job's current attempt. */
  podIps: readonly string[]
  readonly replicas: Map<ReplicaId, Replica>
}

export function createRoutes(): Routes {
  const served = new Map<WorkloadKey, Served>()

  return {
    workloadChanged(workload) {
      const { key } = workload
      const known = served.get(key)
      if (workload.spec.service === null || isTerminal(workload.phase)) return served.delete(key) ? key : null
      if (!known) {
        served.set(key, { workload, endpoint: undefined, run: 0, podIps: [], replicas: new Map() })
        return null
      }
      const before = known.workload
      known.workload = workload
      return known.endpoint &&
        (before.clusterId !== workload.clusterId || podsOf(before) !== podsOf(workload))
        ? key
        : null
    },

    endpointChanged(endpoint, gone) {
      const known = served.get(endpoint.workloadKey)
      if (known) known.endpoint = gone ? undefined : endpoint
      // one that is gone may have lost its workload just before
      return known || gone ? endpoint.workloadKey : null
    },

    replicaChanged(replica, gone) {
      const known = served.get(replica.workloadKey)
      if (!known) return null
      const before = known.replicas.get(replica.id)
      if (gone) known.replicas.delete(replica.id)
      else known.replicas.set(replica.id, replica)
      const hasChanged = ipOf(before) !== (gone ? undefined : ipOf(replica))
      return known.endpoint && hasChanged ? replica.workloadKey : null
    },

    attemptChanged(attempt) {
      const known = served.get(attempt.workloadKey)
      if (!known || isApplication(known.workload.kind) || attempt.run < known.run) return null
      const podIps = runningIps(attempt)
      const hasChanged = podIps.join() !== known.podIps.join()
      known.run = attempt.run
      known.podIps = podIps
      return known.endpoint && hasChanged ? attempt.workloadKey : null
    },

    get(key) {
      const known = served.get(key)
      return known && routeOf(known)
    },
    all: () => [...served.values()].flatMap((known) => routeOf(known) ?? []),
  }
}

function routeOf(known: Served): Route | undefined {
  const { endpoint, workload } = known
  if (!endpoint) return undefined
  const ips = isApplication(workload.kind)
    ? [...known.replicas.values()]
        .toSorted((a, b) => a.ordinal - b.ordinal)
        .flatMap((replica) => ipOf(replica) ?? [])
    : known.podIps
  return {
    endpoint,
    kind: workload.kind,
    clusterId: workload.clusterId,
    isNodePortChosen: isNodePortChosen(workload),
    pods: podsOf(workload),
    backends: ips.map((ip) => ({ ip, port: endpoint.targetPort })),
  }
}

function podsOf(workload: Workload): number {
  return workload.spec.resource.replica
}

/** Where connections may be sent to; undefined while they may not. */
function ipOf(replica: Replica | undefined): string | undefined {
  if (!replica || replica.state !== "running" || replica.readySinceMs === null) return undefined
  return replica.leaving === null && replica.podIp !== "" ? replica.podIp : undefined
}

/** A gang that ends takes no new connections. */
function runningIps(attempt: Attempt): readonly string[] {
  if (attempt.state !== "starting" && attempt.state !== "running") return []
  return attempt.pods.filter((pod) => pod.phase === "Running" && pod.podIp !== "").map((pod) => pod.podIp)
}
