import { type Kysely, type RawBuilder, type SqlBool, sql } from "kysely"
import type { EventOrder } from "./event-order.ts"
import type { Database } from "./schema.ts"

/**
 * Everything in which the SQL of the dialects differs; the rest is written in what both understand.
 * (Transaction control, too, differs: it belongs to whoever opens the connections.)
 */
export interface Dialect {
  readonly name: "sqlite" | "postgres"
  /** Compiles queries; it has no connection and runs none. */
  readonly db: Kysely<Database>
  /** Whether a text column, or a text, contains `text` literally, case-sensitively. */
  readonly contains: (column: string | RawBuilder<unknown>, text: string) => RawBuilder<SqlBool>
  /**
   * The value of a column, which no index is to be entered by: for a planner without statistics, that would take an
   * index which then has all its matches sorted. One that has them is told the column itself.
   */
  readonly unindexed: {
    readonly text: (column: string) => RawBuilder<string>
    readonly int: (column: string) => RawBuilder<number>
  }
  /** Of claims and of attempts: whether it is not gone yet, as their indexes say it. */
  readonly isLive: RawBuilder<SqlBool>
  /** The JSON text of a member, an object or a list, of the JSON object that a text column holds. */
  readonly jsonMember: (column: string, member: string) => RawBuilder<string>
  /** The number that a text begins with; 0 where it begins with none. */
  readonly numberIn: (column: string | RawBuilder<unknown>) => RawBuilder<number>
  readonly events: EventOrder
  /** What tells the counters of several writers apart, where there are several. */
  readonly counterShard: readonly "shard"[]
  readonly ddl: Ddl
}

/** The words of table definitions that differ. */
export interface Ddl {
  /** Text that sorts and compares by code point. */
  readonly text: string
  /** 64-bit integer. */
  readonly int: string
  /** A primary key that grows by itself and is never given again. */
  readonly sequence: string
  /** Whether an index may carry texts of any length: where its entries are bounded it must not. */
  readonly carriesLongText: boolean
  /** The columns that give an event its place among the others, with the primary key. */
  readonly eventPosition: string
  /** The columns of its place, as an index has them. */
  readonly eventOrder: string
  /** Where several transactions write at once: a column (with a comma) that gives each writer a counter of its own. */
  readonly counterShard: string
  /** Whether transactions write beside each other. */
  readonly isWrittenByMany: boolean
  /** That a column is the key of a workload, where the database is to see to it. */
  readonly toWorkload: string
  /** What follows the closing parenthesis of `create table`. */
  readonly tableEnd: string
}

/** A column by its name, or a text as it is. */
export function textOf(column: string | RawBuilder<unknown>): RawBuilder<unknown> {
  return typeof column === "string" ? sql.ref(column) : column
}
