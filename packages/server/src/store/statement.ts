import { createHash } from "node:crypto"
import type { Compilable, Kysely } from "kysely"
import type { Reads } from "../domain/journal/index.ts"
import type { Dialect } from "./dialect.ts"
import type { Database } from "./schema.ts"
import { type BoundSql, type SqlRow, type SqlValue, sessionOf } from "./session.ts"

/** Stands in a query for a value that is given at each call. */
class Slot {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

type Values = object
/** Gives the placeholder of a named value, typed as the value. */
type Slots<P extends Values> = <K extends keyof P & string>(name: K) => P[K]

/** A query that is compiled once per dialect and then only bound and run. `R` is its row. */
export interface Statement<P extends Values, R> {
  /** The index that must serve it, `primary` for the key of its table, `scan` where the whole table is meant, `write` for plain inserts. */
  readonly servedBy: string
  all(from: Reads, values: P): Promise<readonly R[]>
  get(from: Reads, values: P): Promise<R | undefined>
  /** How many rows it changed. */
  run(from: Reads, values: P): Promise<number>
  /** Runs it without waiting for its answer where that saves time; see `Session.post`. */
  post(from: Reads, values: P, check?: (changed: number) => void): Promise<void>
  /** The statement with these values, for `Session.scan`. */
  bind(dialect: Dialect, values: P): BoundSql
  sqlFor(dialect: Dialect): string
}

interface CompiledSql {
  readonly sql: string
  readonly name: string
  readonly parameters: readonly unknown[]
}

/** Every statement there is, so that a test can look at each one's plan. Filled while modules load, read by tests. */
export const statements: Statement<never, unknown>[] = []

/** Writes the query; `dialect` is for the little in which the dialects' statements differ. */
type Build<P extends Values, R> = (db: Kysely<Database>, slot: Slots<P>, dialect: Dialect) => Compilable<R>

/**
 * Declares a hot statement: Kysely types it and writes its SQL at first use; each call then costs one
 * prepared statement (interpreting it anew would halve what the server can write).
 * @param servedBy see Statement.servedBy; a test compares it with the query plan
 */
export function statement<P extends Values>(servedBy: string) {
  return <R>(build: Build<P, R>): Statement<P, R> => {
    const made = createStatement(servedBy, build)
    statements.push(made)
    return made
  }
}

function createStatement<P extends Values, R>(servedBy: string, build: Build<P, R>): Statement<P, R> {
  // One each: a process that uses two dialects (tests, a move from one to the other) must not compile at every call.
  const compiled = new Map<Dialect, CompiledSql>()
  const slot = ((name: string) => new Slot(name)) as unknown as Slots<P>

  function compile(dialect: Dialect): CompiledSql {
    const known = compiled.get(dialect)
    if (known) return known
    const { sql, parameters } = build(dialect.db, slot, dialect).compile()
    const made = { sql, parameters, name: nameOf(sql) }
    compiled.set(dialect, made)
    return made
  }
  function bind(dialect: Dialect, values: P): BoundSql {
    const { sql, parameters, name } = compile(dialect)
    const bound: SqlValue[] = []
    for (const parameter of parameters)
      bound.push(
        parameter instanceof Slot
          ? ((values as Record<string, SqlValue>)[parameter.name] ?? null)
          : (parameter as SqlValue),
      )
    return { sql, values: bound, name }
  }
  return {
    servedBy,
    bind,
    sqlFor: (dialect) => compile(dialect).sql,
    all(from, values) {
      const session = sessionOf(from)
      return session.all(bind(session.dialect, values)) as unknown as Promise<readonly R[]>
    },
    get(from, values) {
      const session = sessionOf(from)
      return session.get(bind(session.dialect, values)) as unknown as Promise<R | undefined>
    },
    run(from, values) {
      const session = sessionOf(from)
      return session.run(bind(session.dialect, values))
    },
    post(from, values, check) {
      const session = sessionOf(from)
      return session.post(bind(session.dialect, values), check)
    },
  }
}

/** The same text has the same name in every process, so that a pooled connection never prepares it twice. */
function nameOf(sql: string): string {
  return `berth_${createHash("sha256").update(sql).digest("hex").slice(0, 24)}`
}

/** The slots of several columns under their own names: for inserts and updates of whole rows. */
export function slotsOf<P extends Values, C extends keyof P & string>(
  slot: Slots<P>,
  columns: readonly C[],
): Pick<P, C> {
  return Object.fromEntries(columns.map((column) => [column, slot(column)])) as Pick<P, C>
}

/** A query whose shape depends on the call (filters, sorts): compiled at every call. */
export function compileNow<R>(query: Compilable<R>): BoundSql {
  const { sql, parameters } = query.compile()
  return { sql, values: parameters as readonly SqlValue[] }
}

/** Rows of a query that the caller knows the type of. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the query says what it gives
export function rowsAs<R>(rows: readonly SqlRow[] | undefined): readonly R[] {
  return (rows ?? []) as unknown as readonly R[]
}
