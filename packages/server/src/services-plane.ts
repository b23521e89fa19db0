import { createJoinControl } from "./control/join-control.ts"
import { createWatchControl } from "./control/watch-control.ts"
import type { Principal, User } from "./domain/identity/index.ts"
import type { Reads, Store } from "./domain/journal/index.ts"
import type { RayObjects, RayServiceKey, RayStore } from "./domain/ray/index.ts"
import {
  createServiceEntries,
  createServiceJoins,
  createServiceRecords,
  createServiceRegisters,
  createServiceWatches,
  type Joinable,
  type Prober,
  type ServiceJoin,
  type ServiceStore,
  standingOfRayService,
  standingOfWorkload,
} from "./domain/services/index.ts"
import {
  isTerminal,
  type EndpointStore,
  type WorkloadKey,
  type WorkloadService,
  type WorkloadStore,
} from "./domain/workloads/index.ts"
import type { WorkspaceRow } from "./domain/workspaces/index.ts"
import type { Clock } from "./kit/clock.ts"
import type { Ids } from "./kit/ids.ts"
import type { Log } from "./kit/log.ts"
import type { Timers } from "./kit/timers.ts"

export interface ServicesPlaneOptions {
  readonly store: Store
  readonly rows: {
    readonly services: ServiceStore
    readonly workloads: WorkloadStore
    readonly endpoints: EndpointStore
    readonly ray: RayStore
  }
  readonly workloads: Pick<WorkloadService, "get">
  readonly rayServices: Pick<RayObjects["services"], "get">
  /** Pods of a workload that connections may be sent to. */
  readonly readyPods: (key: WorkloadKey) => number
  readonly prober: Prober | undefined
  readonly users: () => readonly User[]
  readonly workspaceRow: WorkspaceRow
  readonly ids: Ids
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}

/** Records of model servers: the rules, and what looks at them in time. */
export function createServicesPlane(options: ServicesPlaneOptions) {
  const { store, clock, ids, timers, log } = options
  const rows = options.rows.services
  const { users, workspaceRow } = options
  const registering = { store, rows, clock, ids, users, workspaceRow }
  const watchControl = createWatchControl({
    store,
    rows,
    prober: options.prober,
    async lookAtJoined(record) {
      // a change that nobody told of is followed at the next look
      joinControl.look(record.id)
      const { state, detail, over } = await joins.standing(record)
      return over !== "no" || state.startsWith("pending_") ? null : { ok: state === "active", detail }
    },
    random: () => ids.random(),
    clock,
    timers,
    log,
  })
  const serviceRecords = createServiceRecords(registering)
  const serviceWatches = createServiceWatches({ store, rows, clock, readings: watchControl })
  const serviceEntries = createServiceEntries({ store, rows, readings: watchControl })
  const joins = createServiceJoins({
    store,
    rows,
    clock,
    createJoined: (principal, wanted, joined) => serviceRecords.createJoined(principal, wanted, joined),
    find: (principal, kind, name) => findJoinable(options, principal, kind, name),
    standing: (from, join) => standingOf(options, from, join),
  })
  const joinControl = createJoinControl({ store, rows, joins, clock, log })
  return {
    serviceRecords,
    serviceRegisters: createServiceRegisters(registering),
    serviceEntries,
    serviceWatches,
    serviceJoins: joins,
    /** Resolves when every watch is known; nothing has been probed then. */
    async start() {
      await watchControl.start()
      await joinControl.start()
    },
    /** Idempotent. */
    async stop() {
      await joinControl.stop()
      await watchControl.stop()
    },
  }
}

async function findJoinable(
  { workloads, rayServices }: ServicesPlaneOptions,
  principal: Principal,
  kind: ServiceJoin["kind"],
  name: string,
): Promise<Joinable> {
  if (kind === "workload") {
    const { workload } = await workloads.get(principal, name)
    const { key, id, displayName, workspaceId, phase, spec } = workload
    const join = { kind, key, name: id }
    const refusal = isTerminal(phase)
      ? `The workload ${id} is over.`
      : spec.service === null
        ? `The workload ${id} has no service.`
        : null
    return { join, workspaceId, displayName: displayName || id, refusal }
  }
  const [namespace = "", serviceName = ""] = name.split("/")
  const { service } = await rayServices.get(principal, { namespace, name: serviceName })
  const join = { kind, key: service.key, name: `${service.namespace}/${service.name}` }
  return { join, workspaceId: service.workspaceId, displayName: service.name, refusal: null }
}

/** As the drivers last said: a service's pods by their readiness, Ray by what its dashboard says. */
async function standingOf(
  { rows, readyPods }: ServicesPlaneOptions,
  from: Reads,
  { kind, key }: ServiceJoin,
) {
  if (kind === "workload") {
    const workloadKey = key as WorkloadKey
    const workload = await rows.workloads.byKey(from, workloadKey)
    const endpoint = await rows.endpoints.ofWorkload(from, workloadKey)
    return standingOfWorkload(workload, endpoint, readyPods(workloadKey))
  }
  const service = await rows.ray.services.byKey(from, key as RayServiceKey)
  const active = service?.activeClusterKey
    ? await rows.ray.clusters.byKey(from, service.activeClusterKey)
    : undefined
  return standingOfRayService(service, active)
}
