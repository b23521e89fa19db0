import type { Backup, Store } from "../domain/journal/index.ts"
import type { Clock } from "../kit/clock.ts"
import type { Log } from "../kit/log.ts"
import type { SliceStores } from "./slice-stores.ts"

/** What every dialect is opened with. */
export interface StoreOptions {
  readonly clock: Clock
  readonly log: Log
  /** Told after each COMMIT: how many closures it took, and how long from BEGIN to the end of COMMIT. */
  readonly onCommit?: (commit: { readonly closures: number; readonly durationMs: number }) => void
  /** Closures that may wait, 1 or more; further ones are refused as `store_busy`. Default 10,000. */
  readonly maxWaiting?: number
}

/** The open database: `Store`, and the ports of all slices on it. */
export interface OpenStore extends Store, SliceStores {
  /** Closures that wait for their transaction. */
  readonly waiting: number
  readonly backup: Backup
  /** A sentence while nothing can be written although nobody asked; undefined in health. */
  trouble(): string | undefined
  /** Takes no more closures, commits those that wait, closes the database. Idempotent. */
  close(): Promise<void>
}
