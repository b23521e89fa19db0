import { AppError } from "../kit/errors.ts"
import type { Reads, Tx } from "../domain/journal/index.ts"
import type { Dialect } from "./dialect.ts"

/** A value that goes into or comes out of a column. */
export type SqlValue = string | number | null
export type SqlRow = Readonly<Record<string, SqlValue>>

/** One statement with its values in the order of its placeholders. */
export interface BoundSql {
  readonly sql: string
  readonly values: readonly SqlValue[]
  /** Given where the same text comes again and again: a server may keep it prepared under this name. */
  readonly name?: string
}

/** A query of a scan that an earlier one may make needless: it is not run then, and its answer is empty. */
export interface ScanQuery extends BoundSql {
  readonly unless?: Unless
}

/** When a query of a scan is needless: `of` is the place of the earlier one. */
export type Unless =
  /** That one counted (its column `total`) no more than `atMost`. */
  | { readonly of: number; readonly atMost: number }
  /** That one counted more than `above`. */
  | { readonly of: number; readonly above: number }
  /** That one gave at least `least` rows, but fewer than `below`. */
  | { readonly of: number; readonly least: number; readonly below: number }

/** Whether the answers so far make the query needless. */
export function isNeedless({ unless }: ScanQuery, answers: readonly (readonly SqlRow[])[]): boolean {
  if (!unless) return false
  const rows = answers[unless.of] ?? []
  if ("least" in unless) return rows.length >= unless.least && rows.length < unless.below
  const total = Number(rows[0]?.["total"] ?? 0)
  return "atMost" in unless ? total <= unless.atMost : total > unless.above
}

/** How a scan is to be run. */
export interface ScanOptions {
  /** It reads far more than it gives: it must not take the place of reads that are quick. */
  readonly isLong?: boolean
}

/** One view of what is committed, for as long as it is held: for answers that are too long to be read at once. */
export interface HeldSnapshot {
  /** As `Session.scan`. @throws AppError `unavailable` also when it was held too long */
  scan(queries: readonly ScanQuery[]): Promise<readonly (readonly SqlRow[])[]>
  /** Lets go of it. Idempotent. */
  release(): void
}

/**
 * What a `Reads` handle is inside the store: where its statements run. Every method rejects with AppError
 * `internal` when the handle may not be used here (its transaction is over; `committed` inside a closure),
 * and with `unavailable` when the database cannot answer.
 */
export interface Session extends Reads {
  readonly dialect: Dialect
  /** No event can come any more whose transaction (`EventPosition.xid`) is below it. Take it before the query begins. */
  readonly horizon: number
  all(query: BoundSql): Promise<readonly SqlRow[]>
  get(query: BoundSql): Promise<SqlRow | undefined>
  /**
   * One row of what is committed by now, whatever this transaction's snapshot is (on SQLite it is the same). For
   * questions that an index answers once more at the write: it counts as read by nobody, and conflicts with none.
   */
  peek(query: BoundSql): Promise<SqlRow | undefined>
  /** How many rows were inserted, updated or deleted. */
  run(query: BoundSql): Promise<number>
  /**
   * Writes; resolves as soon as the next statement may be given, which need not wait for what became of this one.
   * The transaction fails with what goes wrong, and with what `check` throws when it is told how many rows changed.
   */
  post(query: BoundSql, check?: (changed: number) => void): Promise<void>
  /** Short queries, all on one snapshot. */
  together(queries: readonly BoundSql[]): Promise<readonly (readonly SqlRow[])[]>
  /**
   * Queries that may take long (lists, counts, scans), all on one snapshot. On `committed` they run beside
   * the event loop and are refused with `unavailable` `store_busy` when they had to wait too long.
   */
  scan(queries: readonly ScanQuery[], options?: ScanOptions): Promise<readonly (readonly SqlRow[])[]>
  /**
   * A snapshot that only a few may hold at once, for half a minute at most; read beside the event loop.
   * @throws AppError `unavailable` `store_busy` when none was free for some time
   */
  hold(): Promise<HeldSnapshot>
}

/** A session of an open transaction: what was appended is told after COMMIT. */
export interface TxSession extends Session, Tx {}

/** @throws AppError `internal` for a handle that no store made */
export function sessionOf(from: Reads): Session {
  if ("dialect" in from && "scan" in from) return from as Session
  throw new AppError("internal", "This handle was not made by the store.")
}
