import type { Clock } from "../../kit/clock.ts"
import type { Log } from "../../kit/log.ts"
import type { EndCause } from "../../domain/queue/index.ts"
import type { LogChunk, LogFollowItem, LogQuery } from "../../domain/workloads/index.ts"

export interface LogFilesOptions {
  readonly clock: Clock
  readonly log: Log
  /** What is kept of one file; above it the head is punched out. Default 64 MiB. */
  readonly capBytes?: number
  /** Growth between two looks (scaled when a look came late) that counts as a flood. Default 256 MiB. */
  readonly floodBytes?: number
  /** Time between two looks at the tracked files. Default 1,000 ms. */
  readonly lookMs?: number
  /** With less than this free on the file system, the file that grew most ends its pod. Default 256 MiB. */
  readonly minFreeBytes?: number
  /** Free bytes on the file system of a path. Default: statfs. */
  readonly freeBytes?: (path: string) => Promise<number>
  /** Frees the first `length` bytes and keeps all offsets. Default: `fallocate --punch-hole`. */
  readonly punchHead?: (path: string, length: number) => Promise<void>
  /** How far a reader that is slow may fall behind. Default 1 MiB. */
  readonly backlogBytes?: number
}

/** How the pod behind a log ended. */
export interface LogEnd {
  readonly exitCode: number | null
  readonly cause: EndCause | null
}

/** Tells a follower when its pod has ended, so that nothing more will be written. */
export interface LogSource {
  /** null while something may still write. */
  ended(): LogEnd | null
  /** Calls once it ended (at once is fine too); returns how to stop listening. */
  onEnded(listener: () => void): () => void
}

export type LogOverflowCause = "log_flood" | "disk_full"

/** A pod that must be stopped because of its log. Told once for each key. */
export interface LogOverflow {
  readonly key: string
  readonly cause: LogOverflowCause
  /** A sentence for people. */
  readonly message: string
}

/** The log files of running and ended pods: append files that the pods write themselves. */
export interface LogFiles {
  /** Looks at the file from now on: index, cap, flood and disk rules. Twice is once; the file may come later. */
  track(key: string, path: string): void
  /** The pod ended: one last look, then its index is written beside the file. Unknown keys are fine. */
  untrack(key: string): Promise<void>
  /** Returns how to stop listening. */
  onOverflow(listener: (overflow: LogOverflow) => void): () => void
  /**
   * Lines by `fromOffset` (the first `maxBytes` from there), else the newest by `tailLines` and `sinceMs` (the last
   * `maxBytes` of them). A line over 256 KiB comes in pieces. `sinceMs` is right to about one look, and errs on
   * giving more.
   * @param isEnded gives the unfinished last line too
   * @throws AppError `not_found` (resource `log`) when there is no such file
   */
  read(path: string, query: LogQuery, isEnded: boolean): Promise<LogChunk>
  /**
   * The tail first, then whole lines within 100 ms of being written, at last the unfinished line and one `end`.
   * A file that is not there yet is waited for; one that is removed ends the stream. Stops silently with the signal.
   * @throws AppError `too_many` (detail `slow_reader`, fact `nextOffset`) when the reader fell too far behind
   */
  follow(path: string, query: LogQuery, source: LogSource, signal: AbortSignal): AsyncIterable<LogFollowItem>
  /** One look at all tracked files now; for tests and shutdown. */
  look(): Promise<void>
  /** Open watchers, followers and tracked files: for metrics and tests. */
  readonly counts: { readonly tracked: number; readonly followers: number; readonly watchers: number }
  /** Stops looking, ends followers (as their signal would), writes the indexes. Idempotent. */
  close(): Promise<void>
}
