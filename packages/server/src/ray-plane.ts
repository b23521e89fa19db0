import { randomBytes } from "node:crypto"
import { createRayControl } from "./control/ray-control.ts"
import { createRayFigures } from "./control/ray-figures.ts"
import type { Reads, Store } from "./domain/journal/index.ts"
import type { Capacity, QueueService } from "./domain/queue/index.ts"
import {
  createRayObjects,
  createRayRunner,
  defaultRayLimits,
  type RayBackend,
  type RayRunner,
  type RayStore,
} from "./domain/ray/index.ts"
import type { Workspace, WorkspaceRow } from "./domain/workspaces/index.ts"
import type { Clock } from "./kit/clock.ts"
import type { Ids } from "./kit/ids.ts"
import { createLate } from "./kit/late.ts"
import type { Log } from "./kit/log.ts"
import type { Timers } from "./kit/timers.ts"
import type { Vault } from "./kit/vault.ts"

export interface RayPlaneOptions {
  readonly store: Store
  readonly rows: RayStore
  readonly clock: Clock
  readonly timers: Timers
  readonly ids: Ids
  readonly log: Log
  readonly vault: Vault
  readonly backends: readonly RayBackend[]
  readonly hostPathAllow: readonly string[]
  readonly queue: Parameters<typeof createRayRunner>[0]["moves"] & QueueService
  readonly capacity: Capacity
  readonly workspaces: {
    find(id: string): Workspace | undefined
    namespaceOwner(namespace: string): string | undefined
  }
  readonly workspaceRow: WorkspaceRow
  readonly nodeAt: Parameters<typeof createRayRunner>[0]["nodeAt"]
  readonly graceSecondsOf: (workspaceId: string) => number
  readonly isDeleting: (workspaceId: string) => boolean
}

export type RayPlane = ReturnType<typeof createRayPlane>

/** Random bytes of the token that a Ray cluster is reached with. */
const tokenBytes = 32

/** All that is Ray's in the control plane: what people do with it, what brings it about, and what is counted of it. */
export function createRayPlane(options: RayPlaneOptions) {
  const { store, rows, clock, ids, vault, queue, workspaces, workspaceRow, isDeleting } = options
  const backends = new Map(options.backends.map((backend) => [backend.clusterId, backend]))
  const figures = createRayFigures(store)
  const lateRunner = createLate<RayRunner>("The runner of Ray clusters")
  const control = createRayControl({
    store,
    rows,
    runner: lateRunner.get,
    backends: options.backends,
    clock,
    timers: options.timers,
    log: options.log,
  })
  const runner = createRayRunner({
    store,
    rows,
    moves: queue,
    clock,
    ids,
    backends,
    vault,
    makeToken: () => randomBytes(tokenBytes).toString("hex"),
    nodeAt: options.nodeAt,
    workspaceKeyOf: (id) => workspaces.find(id)?.key,
    graceSecondsOf: options.graceSecondsOf,
    isDeleting,
    lookAt: control.lookAt,
  })
  lateRunner.give(runner)
  const objects = createRayObjects({
    store,
    rows,
    clock,
    ids,
    vault,
    limits: defaultRayLimits,
    hostPathAllow: options.hostPathAllow,
    namespaceOwner: (namespace) => workspaces.namespaceOwner(namespace),
    workspaceRow,
    workspace: (id) => workspaces.find(id),
    life: runner.life,
    queue,
    capacity: options.capacity,
    backends,
    dashboardOf: runner.dashboardOf,
  })
  return {
    objects,
    control,
    owner: runner.owner,
    life: runner.life,
    /** Ray's pods end, its clusters stay: what a stop with all pods does. @returns their longest grace; ms */
    standDown: () => runner.standDown(),
    reading: () => figures.reading(),
    /** Clusters, jobs and services of a workspace that are not over. */
    async liveIn(from: Reads, workspaceId: string): Promise<number> {
      const { clusters, jobs, services } = rows
      let count = 0
      for (const kind of [clusters, jobs, services]) count += await kind.liveIn(from, workspaceId)
      return count
    },
    /** What is counted, from the rows. */
    async load(from: Reads): Promise<void> {
      figures.load({
        clusters: await rows.clusters.live(from),
        pods: await rows.pods.live(from),
        jobs: await rows.jobs.live(from),
        services: await rows.services.live(from),
      })
    },
  }
}
