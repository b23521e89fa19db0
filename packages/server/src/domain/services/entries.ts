import { authorize, isAllowed, type Principal } from "../identity/index.ts"
import type { Store } from "../journal/index.ts"
import { notThere } from "./refusals.ts"
import type { EntryCursor, ServiceEntryRow, ServiceId, ServiceState, ServiceStore } from "./types.ts"
import type { WatchReadings } from "./watches/commands.ts"
import type { LastProbe, WatchEntry } from "./watches/types.ts"

/** A record as the register shows it: what is served where, how it stands, and what its watch found. */
export interface ServiceEntry extends ServiceEntryRow {
  /** The latest one in this life of the server, else the latest that was written down; null where none is watched. */
  readonly lastProbe: LastProbe | null
  /** When it is probed next; null: it is not. */
  readonly nextProbeAtMs: number | null
}

/** Which records of the register are wanted; null = any. */
export interface EntryFilter {
  readonly workspaceId: string | null
  /** Whole, whatever the case of ASCII letters. */
  readonly name: string | null
  readonly state: ServiceState | null
}

/** The register of model servers as one list. What the caller has no role for does not exist. */
export interface ServiceEntries {
  /** Newest first. @throws AppError `not_found` (resource `workspace`), `forbidden` */
  page(
    principal: Principal,
    filter: EntryFilter,
    page: { readonly limit: number; readonly before: EntryCursor | null },
  ): Promise<readonly ServiceEntry[]>
  /** History: newest first; empty where it is not watched. @throws AppError `not_found` (resource `service-record`) */
  get(
    principal: Principal,
    id: ServiceId,
  ): Promise<ServiceEntry & { readonly history: readonly WatchEntry[] }>
}

export interface ServiceEntriesOptions {
  readonly store: Pick<Store, "committed">
  readonly rows: Pick<ServiceStore, "records" | "entries" | "watches">
  readonly readings: WatchReadings
}

export function createServiceEntries({ store, rows, readings }: ServiceEntriesOptions): ServiceEntries {
  function shown(row: ServiceEntryRow): ServiceEntry {
    if (!row.watch) return { ...row, lastProbe: null, nextProbeAtMs: null }
    const { lastProbe, nextProbeAtMs } = readings.reading(row.record.id)
    return { ...row, lastProbe: lastProbe ?? row.watch.lastProbe, nextProbeAtMs }
  }

  return {
    async page(principal, { workspaceId, name, state }, page) {
      authorize(principal, "service.list", { workspaceId })
      const all = workspaceId === null ? principal.workspaces() : [workspaceId]
      const workspaceIds =
        all?.filter((id) => isAllowed(principal, "service.list", { workspaceId: id })) ?? null
      const found = await rows.entries.page(store.committed, { workspaceIds, name, state, ...page })
      return found.map(shown)
    },
    async get(principal, id) {
      const from = store.committed
      const record = await rows.records.byId(from, id)
      if (!record || principal.roleIn(record.workspaceId) === null) throw notThere("service-record", id)
      authorize(principal, "service.get", { workspaceId: record.workspaceId })
      const watch = (await rows.watches.byId(from, id)) ?? null
      const history = watch ? await rows.watches.history(from, id) : []
      return { ...shown({ record, watch }), history }
    },
  }
}
