import type { Clock } from "../../../kit/clock.ts"
import { AppError, type Issue } from "../../../kit/errors.ts"
import { authorize, isAllowed, record, type Operation, type Principal } from "../../identity/index.ts"
import type { Reads, Store, Tx } from "../../journal/index.ts"
import type { ServiceId, ServiceRecord, ServiceStore } from "../types.ts"
import type { ServiceWatches, WatchReadings, WatchView } from "./commands.ts"
import { type ServiceWatch, watchLimits, type WatchedRecord, type WatchSettings } from "./types.ts"

export interface ServiceWatchesOptions {
  readonly store: Pick<Store, "tx" | "committed">
  readonly rows: Pick<ServiceStore, "records" | "watches">
  readonly clock: Clock
  readonly readings: WatchReadings
}

const resource = "service-watch"

/** Who may have what record watched, and how. */
export function createServiceWatches(options: ServiceWatchesOptions): ServiceWatches {
  const { store, rows, clock } = options

  async function found(from: Reads, principal: Principal, id: ServiceId, operation: Operation) {
    const row = await rows.records.byId(from, id)
    if (!row || principal.roleIn(row.workspaceId) === null) throw notThere("service-record", id)
    authorize(principal, operation, { workspaceId: row.workspaceId })
    return row
  }

  async function watched(from: Reads, id: ServiceId): Promise<ServiceWatch> {
    const watch = await rows.watches.byId(from, id)
    if (!watch) throw notThere(resource, id)
    return watch
  }

  function viewOf({ record: row, watch }: WatchedRecord): WatchView {
    const { lastProbe, nextProbeAtMs } = options.readings.reading(row.id)
    return { record: row, watch, lastProbe: lastProbe ?? watch.lastProbe, nextProbeAtMs }
  }

  return {
    async put(principal, id, settings) {
      checkSettings(settings)
      const atMs = clock.nowMs()
      const made = await store.tx(async (tx) => {
        const row = await found(tx, principal, id, "service.write")
        const before = await rows.watches.byId(tx, id)
        if (!before)
          return { record: row, watch: await beginWatch(rows, tx, principal, { row, settings, atMs }) }
        const watch = { ...before, ...withUsual(settings) }
        await rows.watches.update(tx, watch)
        await tell(tx, principal, { row, did: "updated", atMs, settings: watch })
        return { record: row, watch: { ...watch, version: before.version + 1 } }
      })
      return viewOf(made)
    },
    async get(principal, id) {
      const from = store.committed
      const row = await found(from, principal, id, "service.get")
      const view = viewOf({ record: row, watch: await watched(from, id) })
      return { ...view, history: await rows.watches.history(from, id) }
    },
    async delete(principal, id) {
      const atMs = clock.nowMs()
      await store.tx(async (tx) => {
        const row = await found(tx, principal, id, "service.write")
        const settings = await watched(tx, id)
        await rows.watches.delete(tx, id)
        await tell(tx, principal, { row, did: "deleted", atMs, settings })
      })
    },
    async page(principal, workspaceId, page) {
      authorize(principal, "service.list", { workspaceId })
      const all = workspaceId === null ? principal.workspaces() : [workspaceId]
      const seen = all?.filter((id) => isAllowed(principal, "service.list", { workspaceId: id }))
      return (await rows.watches.page(store.committed, seen ?? null, page)).map(viewOf)
    },
  }
}

/** Has a record watched that was not, in the transaction of whoever asks; the settings were checked. */
export async function beginWatch(
  rows: Pick<ServiceStore, "watches">,
  tx: Tx,
  principal: Principal,
  {
    row,
    settings,
    atMs,
  }: { readonly row: ServiceRecord; readonly settings: Partial<WatchSettings>; readonly atMs: number },
): Promise<ServiceWatch> {
  const watch = newWatch(row, settings, atMs)
  await rows.watches.insert(tx, watch)
  await tell(tx, principal, { row, did: "created", atMs, settings: watch })
  return watch
}

/** What a record is watched with from now on; nothing is known of it yet. */
function newWatch(row: ServiceRecord, settings: Partial<WatchSettings>, atMs: number): ServiceWatch {
  return {
    ...withUsual(settings),
    serviceId: row.id,
    workspaceId: row.workspaceId,
    verdict: "unknown",
    sinceMs: null,
    lastProbe: null,
    historySeq: 0,
    createdAtMs: atMs,
    version: 1,
  }
}

function withUsual(settings: Partial<WatchSettings>): WatchSettings {
  return {
    intervalSeconds: settings.intervalSeconds ?? watchLimits.intervalSeconds.usual,
    timeoutSeconds: settings.timeoutSeconds ?? watchLimits.timeoutSeconds.usual,
    failureThreshold: settings.failureThreshold ?? watchLimits.failureThreshold.usual,
    successThreshold: settings.successThreshold ?? watchLimits.successThreshold.usual,
  }
}

/** @throws AppError `invalid` with an issue for each number that is not within its limits */
export function checkSettings(settings: Partial<WatchSettings>): void {
  const issues: Issue[] = []
  for (const name of Object.keys(watchLimits) as (keyof WatchSettings)[]) {
    const { min, max } = watchLimits[name]
    const value = settings[name]
    if (value !== undefined && !(Number.isInteger(value) && value >= min && value <= max))
      issues.push({ path: [name], message: `must be a whole number from ${min} to ${max}` })
  }
  if (issues.length > 0) throw new AppError("invalid", "The watch is not valid.", { resource, issues })
}

function notThere(kind: "service-record" | "service-watch", id: string): AppError {
  const what =
    kind === resource ? `The service record ${id} is not watched.` : `There is no service record ${id}.`
  return new AppError("not_found", what, { resource: kind, name: id })
}

async function tell(
  tx: Tx,
  principal: Principal,
  change: {
    readonly row: ServiceRecord
    readonly did: "created" | "updated" | "deleted"
    readonly atMs: number
    readonly settings: WatchSettings
  },
): Promise<void> {
  const { row, did, atMs, settings } = change
  const { intervalSeconds, timeoutSeconds, failureThreshold, successThreshold } = settings
  await record(tx, {
    operation: "service.write",
    event: `service-watch.${did}`,
    subject: { kind: "service-record", id: row.id },
    workspace: row.workspaceId,
    actor: principal.actor,
    atMs,
    data: { name: row.name, intervalSeconds, timeoutSeconds, failureThreshold, successThreshold },
  })
}
