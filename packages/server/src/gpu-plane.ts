import { createGpuControl } from "./control/gpu-control.ts"
import {
  createGpuRequests,
  createGpuSettings,
  createUpkeepWrites,
  type GpuRequestLimits,
  type GpuRequestStore,
  type GpuSettingsStore,
} from "./domain/gpu-requests/index.ts"
import type { createInventory } from "./domain/inventory/index.ts"
import type { JournalReads, Store } from "./domain/journal/index.ts"
import type { QueueService } from "./domain/queue/index.ts"
import type { Workspace, WorkspaceRow } from "./domain/workspaces/index.ts"
import type { Clock } from "./kit/clock.ts"
import type { Ids } from "./kit/ids.ts"
import type { Log } from "./kit/log.ts"
import type { Timers } from "./kit/timers.ts"
import type { Planners } from "./planners.ts"

export interface GpuPlaneOptions {
  readonly store: Store
  readonly rows: {
    readonly gpuRequests: GpuRequestStore
    readonly gpuSettings: GpuSettingsStore
    readonly journal: JournalReads
  }
  readonly planners: Pick<Planners, "board" | "capacity" | "settings" | "likely">
  readonly queue: QueueService
  readonly inventory: Pick<ReturnType<typeof createInventory>, "list" | "onReadings">
  readonly limits: GpuRequestLimits
  readonly clusters: readonly string[]
  readonly workspace: (id: string) => Workspace | undefined
  readonly workspaceRow: WorkspaceRow
  readonly graceSecondsOf: (workspaceId: string) => number
  readonly isDeleting: (workspaceId: string) => boolean
  readonly clock: Clock
  readonly timers: Timers
  readonly ids: Ids
  readonly log: Log
}

/** GPU requests in the control plane: what people do with them and their settings, and what looks after them in time. */
export function createGpuPlane(options: GpuPlaneOptions) {
  const { store, rows, planners, queue, inventory, limits, clusters, clock, ids } = options
  const { workspace, workspaceRow } = options
  const { board, capacity, settings, likely } = planners
  const requests = createGpuRequests({
    store,
    rows: rows.gpuRequests,
    board,
    likely,
    settings,
    journal: rows.journal,
    clock,
    ids,
    limits,
    clusters,
    workspace,
    workspaceRow,
    nodes: () => inventory.list(),
    gpusInUse: (nodeId) =>
      capacity
        .holders(nodeId)
        .flatMap((claim) => claim.placements)
        .reduce((sum, one) => sum + (one.nodeId === nodeId ? one.gpuIndexes.length : 0), 0),
    holds: queue,
  })
  const control = createGpuControl({
    store,
    board,
    capacity,
    queue,
    writes: createUpkeepWrites({ store, rows: rows.gpuRequests, journal: rows.journal, board, clock }),
    limits,
    graceSecondsOf: options.graceSecondsOf,
    isDeleting: options.isDeleting,
    onReadings: (listener) => inventory.onReadings(listener),
    clock,
    timers: options.timers,
    log: options.log,
  })
  return {
    requests,
    settings: createGpuSettings({
      store,
      rows: rows.gpuSettings,
      index: settings,
      clock,
      limits,
      clusters,
      workspace,
      workspaceRow,
    }),
    control,
  }
}
