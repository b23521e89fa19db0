import type { Reads, Topic, Tx } from "../../journal/index.ts"
import { topic } from "../../journal/index.ts"
import type { ServiceId, ServiceSummary } from "../types.ts"

/** How a record's health is looked at. */
export interface WatchSettings {
  /** Between two probes, give or take a tenth. */
  readonly intervalSeconds: number
  /** For a whole probe, redirects and all. */
  readonly timeoutSeconds: number
  /** Failures in a row after which it is down. */
  readonly failureThreshold: number
  /** Successes in a row after which it is up. */
  readonly successThreshold: number
}

export const watchLimits = {
  intervalSeconds: { min: 5, max: 3600, usual: 30 },
  timeoutSeconds: { min: 1, max: 30, usual: 5 },
  failureThreshold: { min: 1, max: 10, usual: 3 },
  successThreshold: { min: 1, max: 10, usual: 1 },
} as const satisfies Record<
  keyof WatchSettings,
  { readonly min: number; readonly max: number; readonly usual: number }
>

/** How many entries are kept of each record. */
export const keptHistory = 100

/**
 * `unknown` until a threshold was met since it is watched, or since its owner last wrote its state; `over`: what it
 * follows has ended and never comes back.
 */
export type WatchVerdict = "unknown" | "up" | "down" | "over"

export interface LastProbe {
  readonly atMs: number
  readonly ok: boolean
  /** A sentence without anything of the answer's body. */
  readonly detail: string
  readonly tookMs: number
}

export interface ServiceWatch extends WatchSettings {
  readonly serviceId: ServiceId
  readonly workspaceId: string
  readonly verdict: WatchVerdict
  /** Since when the verdict holds; null: it is unknown. */
  readonly sinceMs: number | null
  /** As last written down: memory knows a later one. */
  readonly lastProbe: LastProbe | null
  /** Of the newest entry; 0 = there is none. */
  readonly historySeq: number
  readonly createdAtMs: number
  readonly version: number
}

export interface WatchEntry {
  /** 1, 2, 3, … within its record. */
  readonly seq: number
  readonly atMs: number
  readonly verdict: Exclude<WatchVerdict, "unknown">
  readonly detail: string
}

export interface WatchStore {
  byId(from: Reads, id: ServiceId): Promise<ServiceWatch | undefined>
  /** In order of ids, with their records. @param page.after null = from the first one */
  all(
    from: Reads,
    page: { readonly after: ServiceId | null; readonly limit: number },
  ): Promise<readonly WatchedRecord[]>
  /** Newest records first. @param workspaceIds null = of all */
  page(
    from: Reads,
    workspaceIds: readonly string[] | null,
    page: { readonly limit: number; readonly before: string | null },
  ): Promise<readonly WatchedRecord[]>
  /** @throws AppError `already_exists` */
  insert(tx: Tx, watch: ServiceWatch): Promise<void>
  /** Writes version + 1. @throws AppError `stale` */
  update(tx: Tx, watch: ServiceWatch): Promise<void>
  /** With its history. Idempotent. */
  delete(tx: Tx, id: ServiceId): Promise<void>
  /** Newest first. */
  history(from: Reads, id: ServiceId): Promise<readonly WatchEntry[]>
  /** The oldest beyond `keptHistory` go. */
  addHistory(tx: Tx, id: ServiceId, entry: WatchEntry): Promise<void>
}

export interface WatchedRecord {
  readonly watch: ServiceWatch
  readonly record: ServiceSummary
}

/** The row after the change; `gone`: it was deleted. */
export const serviceWatchChanged: Topic<{ readonly watch: ServiceWatch; readonly gone: boolean }> =
  topic("service-watch-changed")

export interface ProbeResult {
  readonly ok: boolean
  /** A sentence without anything of the answer's body. */
  readonly detail: string
}

/** Looks at an address from outside. */
export interface Prober {
  /** Resolves within the time, whatever the other side does; never rejects. */
  probe(url: string, timeoutMs: number, signal: AbortSignal): Promise<ProbeResult>
}
