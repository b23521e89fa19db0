import { AppError } from "../../../kit/errors.ts"
import type { Clock } from "../../../kit/clock.ts"
import type { Principal } from "../../identity/index.ts"
import { authorize, workspaceNotFound } from "../../identity/index.ts"
import type { Store } from "../../journal/index.ts"
import type { Endpoint, EndpointStore } from "../applications/types.ts"
import type { WorkloadDetail } from "../commands.ts"
import { runnerActor, workloadEvent } from "../runner-ports.ts"
import { isTerminal } from "../states.ts"
import type { WorkloadKey, WorkloadKind, WorkloadStore } from "../types.ts"
import { giveEndpoint, moveNodePort } from "./give-endpoint.ts"
import { nodeHost, type ServiceState } from "./listening.ts"
import type { Route, Routes } from "./routes.ts"

/** A service as a reader sees it. */
export interface EndpointView extends ServiceState {
  readonly endpoint: Endpoint
  readonly kind: WorkloadKind
  /** How many pods are asked for. */
  readonly pods: number
  /** `127.65.x.y:port`: reached from this machine, in every workspace. */
  readonly address: string
  /** `127.0.0.1:nodePort`, `0.0.0.0:nodePort` where it is published; "" without a node port. */
  readonly nodeAddress: string
}

/** Services of workloads as callers see them; rights are checked here. */
export interface EndpointService {
  /**
   * The service of a workload.
   * @throws AppError `not_found` (resource `workload`; resource `service` when it has none, or none any more)
   */
  get(principal: Principal, workloadId: string): Promise<EndpointView>
  /** Those the caller may see; of one workspace when it is given. In no order. */
  list(principal: Principal, workspaceId: string | null): readonly EndpointView[]
}

/** What the control of services asks of the rules. */
export interface EndpointCommands {
  /** Writes down that an address cannot be listened on; no-op for a workload that is over. */
  tellPortInUse(endpoint: Endpoint, message: string): Promise<void>
  /** Gives the service another node port and writes it down; false when there is none, or it is over. */
  moveNodePort(endpoint: Endpoint, refused: readonly number[]): Promise<boolean>
  /** Addresses for live workloads that were made when services had none. How many were given. */
  giveMissing(): Promise<number>
}

export interface EndpointsOptions {
  readonly store: Store
  readonly rows: EndpointStore
  readonly workloads: WorkloadStore
  readonly routes: Routes
  readonly clock: Clock
  /** As a reader sees it. @throws AppError `not_found`, `forbidden` */
  readonly detail: (principal: Principal, id: string) => Promise<WorkloadDetail>
  /** How it stands on this server. */
  readonly state: (key: WorkloadKey) => ServiceState
  /** Whether the workspace's services are reached from other machines; undefined when there is no such workspace. */
  readonly isPublished: (workspaceId: string) => boolean | undefined
}

export function createEndpoints(options: EndpointsOptions): EndpointService & EndpointCommands {
  const { store, rows, workloads, routes, clock } = options

  function viewOf(endpoint: Endpoint, { kind, pods }: Pick<Route, "kind" | "pods">): EndpointView {
    const { clusterIp, port, nodePort, workspaceId, workloadKey } = endpoint
    return {
      endpoint,
      kind,
      pods,
      address: `${clusterIp}:${port}`,
      nodeAddress:
        nodePort === null ? "" : `${nodeHost(options.isPublished(workspaceId) === true)}:${nodePort}`,
      ...options.state(workloadKey),
    }
  }

  return {
    async get(principal, workloadId) {
      const { workload, endpoint } = await options.detail(principal, workloadId)
      if (endpoint) return viewOf(endpoint, { kind: workload.kind, pods: workload.spec.resource.replica })
      throw new AppError("not_found", "service does not have any ports", { resource: "service" })
    },

    list(principal, workspaceId) {
      authorize(principal, "endpoint.list", { workspaceId })
      if (workspaceId !== null && options.isPublished(workspaceId) === undefined)
        throw workspaceNotFound(workspaceId)
      const isAsked = (id: string) => workspaceId === null || id === workspaceId
      return routes
        .all()
        .filter(({ endpoint: { workspaceId: id } }) => isAsked(id) && principal.roleIn(id) !== null)
        .map((route) => viewOf(route.endpoint, route))
    },

    async tellPortInUse({ workloadKey }, message) {
      const nowMs = clock.nowMs()
      await store.tx(async (tx) => {
        const workload = await workloads.byKey(tx, workloadKey)
        if (!workload || isTerminal(workload.phase)) return
        await tx.emit(workloadEvent(workload, "service.port_in_use", runnerActor, nowMs, { message }))
      })
    },

    moveNodePort({ workloadKey }, refused) {
      const nowMs = clock.nowMs()
      return store.tx(async (tx) => {
        const workload = await workloads.byKey(tx, workloadKey)
        const endpoint = await rows.ofWorkload(tx, workloadKey)
        if (!workload || !endpoint) return false
        const moved = await moveNodePort(tx, rows, endpoint, refused)
        if (!moved) return false
        const data = { from: endpoint.nodePort, to: moved.nodePort }
        await tx.emit(workloadEvent(workload, "service.node_port_changed", runnerActor, nowMs, data))
        return true
      })
    },

    async giveMissing() {
      let given = 0
      for (const workload of await workloads.live(store.committed)) {
        if (workload.spec.service === null || workload.schedule !== null) continue
        if (await rows.ofWorkload(store.committed, workload.key)) continue
        const nowMs = clock.nowMs()
        await store.tx((tx) => giveEndpoint(tx, rows, workload, { actor: runnerActor, nowMs, isLate: true }))
        given++
      }
      return given
    },
  }
}
