import { createPodCounts } from "./control/pod-counts.ts"
import { createServiceControl } from "./control/service-control.ts"
import { createWorkloadControl } from "./control/workload-control.ts"
import type { Reads, Store } from "./domain/journal/index.ts"
import type { Capacity, QueueService } from "./domain/queue/index.ts"
import {
  createEndpoints,
  createRoutes,
  createRunner,
  createWorkloads,
  type EndpointStore,
  type PodDriver,
  type ReplicaStore,
  type Runner,
  type ServiceNetwork,
  type WorkloadKey,
  type WorkloadStore,
} from "./domain/workloads/index.ts"
import type { Workspace, WorkspaceRow } from "./domain/workspaces/index.ts"
import type { Clock } from "./kit/clock.ts"
import type { Ids } from "./kit/ids.ts"
import { createLate } from "./kit/late.ts"
import type { Log } from "./kit/log.ts"
import type { Timers } from "./kit/timers.ts"

type RunnerOptions = Parameters<typeof createRunner>[0]

export interface WorkloadsPlaneOptions {
  readonly store: Store
  readonly rows: {
    /** Addresses end with their workload: `withEndpointsEnded`. */
    readonly workloads: WorkloadStore
    readonly replicas: ReplicaStore
    readonly endpoints: EndpointStore
  }
  readonly drivers: readonly PodDriver[]
  readonly networks: ReadonlyMap<string, ServiceNetwork>
  readonly queue: RunnerOptions["moves"] & QueueService
  readonly capacity: Capacity
  readonly nodeAt: RunnerOptions["nodeAt"]
  readonly workspace: (id: string) => Workspace | undefined
  readonly workspaceRow: WorkspaceRow
  readonly graceSecondsOf: (workspaceId: string) => number
  readonly isDeleting: (workspaceId: string) => boolean
  readonly lookAtNodes: RunnerOptions["lookAtNodes"]
  readonly principalOf: RunnerOptions["principalOf"]
  readonly clock: Clock
  readonly timers: Timers
  readonly ids: Ids
  readonly log: Log
}

export type WorkloadsPlane = ReturnType<typeof createWorkloadsPlane>

/** Workloads in the control plane: what people do with them, what runs them, and the addresses of their services. */
export function createWorkloadsPlane(options: WorkloadsPlaneOptions) {
  const { store, rows, queue, capacity, clock, timers, ids, log } = options
  const { workspace, workspaceRow, isDeleting } = options
  const drivers = new Map(options.drivers.map((driver) => [driver.clusterId, driver]))
  const pods = createPodCounts(store)
  const lateRunner = createLate<Runner>("The runner of workloads")
  const control = createWorkloadControl({
    store,
    rows: rows.workloads,
    replicas: rows.replicas,
    runner: lateRunner.get,
    drivers: options.drivers,
    clock,
    timers,
    log,
    isDeleting,
  })
  const runner = createRunner({
    store,
    rows: rows.workloads,
    replicas: rows.replicas,
    endpoints: rows.endpoints,
    moves: queue,
    clock,
    ids,
    drivers,
    nodeAt: options.nodeAt,
    graceSecondsOf: options.graceSecondsOf,
    isDeleting,
    lookAtNodes: options.lookAtNodes,
    capacity,
    workspace,
    workspaceRow,
    principalOf: options.principalOf,
    lookAt: control.lookAt,
  })
  lateRunner.give(runner)
  const workloads = createWorkloads({
    store,
    rows: rows.workloads,
    endpoints: rows.endpoints,
    replicas: rows.replicas,
    moves: queue,
    capacity,
    clock,
    ids,
    drivers,
    workspace,
    workspaceRow,
    trouble: runner.trouble,
  })

  const isPublished = (workspaceId: string) => workspace(workspaceId)?.policy.publishServices
  const routes = createRoutes()
  const services = createServiceControl({
    store,
    routes,
    commands: () => endpoints,
    networks: options.networks,
    isPublished: (workspaceId) => isPublished(workspaceId) === true,
    clock,
    timers,
    log,
  })
  const endpoints = createEndpoints({
    store,
    rows: rows.endpoints,
    workloads: rows.workloads,
    routes,
    clock,
    detail: (principal, id) => workloads.get(principal, id),
    state: (key) => services.state(key),
    isPublished,
  })

  return {
    workloads,
    control,
    owner: runner.owner,
    services,
    endpoints,
    /** Pods of a workload that connections may be sent to. */
    readyPods: (key: WorkloadKey) => routes.get(key)?.backends.length ?? 0,
    podsByPhase: () => pods.counts(),
    async load(from: Reads): Promise<void> {
      const attempts = await rows.workloads.liveAttempts(from)
      for (const attempt of attempts) pods.apply(attempt)
      for (const workload of await rows.workloads.live(from)) routes.workloadChanged(workload)
      for (const endpoint of await rows.endpoints.all(from)) routes.endpointChanged(endpoint, false)
      for (const replica of await rows.replicas.all(from)) routes.replicaChanged(replica, false)
      for (const attempt of attempts) routes.attemptChanged(attempt)
    },
  }
}
