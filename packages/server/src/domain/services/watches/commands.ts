import type { Principal } from "../../identity/index.ts"
import type { ServiceId, ServiceSummary } from "../types.ts"
import type { LastProbe, ServiceWatch, WatchEntry, WatchSettings } from "./types.ts"

export interface WatchView {
  readonly record: ServiceSummary
  readonly watch: ServiceWatch
  /** The latest one in this life of the server, else the latest that was written down. */
  readonly lastProbe: LastProbe | null
  /** When it is probed next; null: it is not (it has no address, or the owner says that it is not up). */
  readonly nextProbeAtMs: number | null
}

/** Watches of records. What the caller has no role for does not exist. */
export interface ServiceWatches {
  /**
   * Begins to watch, or changes how; what is not given has its usual value.
   * @throws AppError `not_found` (resource `service-record`), `forbidden`, `invalid` (each number within its limits)
   */
  put(principal: Principal, id: ServiceId, settings: Partial<WatchSettings>): Promise<WatchView>
  /** History: newest first. @throws AppError `not_found` (resource `service-record`, `service-watch`), `forbidden` */
  get(principal: Principal, id: ServiceId): Promise<WatchView & { readonly history: readonly WatchEntry[] }>
  /** With its history; the record keeps its state. Errors as `get`. */
  delete(principal: Principal, id: ServiceId): Promise<void>
  /** Newest records first. @param workspaceId null = all that the caller may see */
  page(
    principal: Principal,
    workspaceId: string | null,
    page: { readonly limit: number; readonly before: string | null },
  ): Promise<readonly WatchView[]>
}

/** What the server has found out since the rows were written. */
export interface WatchReadings {
  reading(id: ServiceId): { readonly lastProbe: LastProbe | null; readonly nextProbeAtMs: number | null }
}

/** What came of the probes of a record, to be written down. */
export interface WatchFinding {
  readonly serviceId: ServiceId
  readonly verdict: ServiceWatch["verdict"]
  readonly lastProbe: LastProbe
}
