import { createWatchControl } from "./control/watch-control.ts"
import type { User } from "./domain/identity/index.ts"
import type { Reads, Store } from "./domain/journal/index.ts"
import {
  createServiceRecords,
  createServiceRegisters,
  createServiceWatches,
  type Prober,
  type ServiceStore,
} from "./domain/services/index.ts"
import type { Workspace } from "./domain/workspaces/index.ts"
import type { Clock } from "./kit/clock.ts"
import type { Ids } from "./kit/ids.ts"
import type { Log } from "./kit/log.ts"
import type { Timers } from "./kit/timers.ts"

export interface ServicesPlaneOptions {
  readonly store: Store
  readonly rows: { readonly services: ServiceStore }
  readonly prober: Prober | undefined
  readonly users: () => readonly User[]
  readonly workspaceRow: (from: Reads, id: string) => Promise<Workspace | undefined>
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
    lookAtJoined: () => Promise.resolve({ ok: false, detail: "" }),
    random: () => ids.random(),
    clock,
    timers,
    log,
  })
  return {
    serviceRecords: createServiceRecords(registering),
    serviceRegisters: createServiceRegisters(registering),
    serviceWatches: createServiceWatches({ store, rows, clock, readings: watchControl }),
    /** Resolves when every watch is known; nothing has been probed then. */
    start: () => watchControl.start(),
    /** Idempotent. */
    stop: () => watchControl.stop(),
  }
}
