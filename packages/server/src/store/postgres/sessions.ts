import { AppError } from "../../kit/errors.ts"
import type { ClosureRun, ClosureScope } from "../closure-scope.ts"
import { auditInsert, eventInsert, positionOf } from "../journal-writes.ts"
import type { BoundSql, Session, TxSession } from "../session.ts"
import type { PgConnection, PgResult } from "./connection.ts"
import { postgresDialect } from "./dialect.ts"
import { faultKind } from "./errors.ts"
import { holdSnapshot } from "./held-snapshot.ts"
import type { Pool } from "./pool.ts"
import type { Posted } from "./posted.ts"
import { answersTo, onOneSnapshot, readFault } from "./reads.ts"
import type { RunningTransactions } from "./running.ts"

/** Runs one statement of a closure. */
export type Perform = <T>(work: (connection: PgConnection) => Promise<T>) => Promise<T>

/** The handle of one run of a closure: dead as soon as the run has settled or was given up. */
export function openTxSession(
  run: ClosureRun,
  perform: Perform,
  { running, keyed }: { readonly running: RunningTransactions; readonly keyed: Pool },
  posted: Posted,
): TxSession {
  /** The connection answers in order: whatever is asked next finds it done. */
  function post(query: BoundSql, check: (result: PgResult) => void): Promise<void> {
    const work = perform((connection) => connection.query(query)).then(check)
    if (run.phase !== "running") return work
    posted.add(work)
    return Promise.resolve()
  }
  const tx: TxSession = {
    isReads: true,
    isTx: true,
    dialect: postgresDialect,
    get horizon() {
      return running.horizon
    },
    all: (query) => perform(async (connection) => (await connection.query(query)).rows),
    get: (query) => perform(async (connection) => (await connection.query(query)).rows[0]),
    peek: (query) =>
      perform(() => withConnection(keyed, async (connection) => (await connection.query(query)).rows[0])),
    run: (query) => perform(async (connection) => (await connection.query(query)).changed),
    post: (query, check) => post(query, ({ changed }) => check?.(changed)),
    together: (queries) =>
      perform((connection) =>
        Promise.all(queries.map(async (query) => (await connection.query(query)).rows)),
      ),
    scan: (queries) => perform((connection) => answersTo(connection, queries)),
    hold: () => Promise.resolve({ scan: tx.scan, release() {} }),
    emit: (event) =>
      post(eventInsert(postgresDialect, event), ({ rows }) => {
        run.lastEvent = positionOf(rows[0])
      }),
    audit: (record) => post(auditInsert(postgresDialect, record), () => {}),
    publish(topic, value) {
      if (run.phase !== "running")
        throw new AppError("internal", "The transaction is over.", { detail: "tx_over" })
      run.notices.push({ topic, value })
    },
  }
  return tx
}

function onlyInTransactions(): Promise<never> {
  return Promise.reject(new AppError("internal", "Only a transaction writes."))
}

/**
 * The connections of readers by what they read, so that no list holds up a keyed read, no long list a quick one, and
 * none that is read slowly any other.
 */
export interface ReadPools {
  readonly keyed: Pool
  readonly quick: Pool
  readonly long: Pool
  readonly held: Pool
}

/** What `store.committed` is. */
export function openCommittedSession(
  scope: ClosureScope,
  { keyed, quick, long, held }: ReadPools,
  running: RunningTransactions,
): Session {
  async function read<T>(pool: Pool, work: (connection: PgConnection) => Promise<T>): Promise<T> {
    const refused = scope.refusal("store.committed")
    if (refused) throw refused
    return withConnection(pool, work)
  }
  return {
    isReads: true,
    dialect: postgresDialect,
    get horizon() {
      return running.horizon
    },
    all: (query) => read(keyed, async (connection) => (await connection.query(query)).rows),
    get: (query) => read(keyed, async (connection) => (await connection.query(query)).rows[0]),
    peek: (query) => read(keyed, async (connection) => (await connection.query(query)).rows[0]),
    run: onlyInTransactions,
    post: onlyInTransactions,
    together: (queries) => read(keyed, (connection) => onOneSnapshot(connection, queries)),
    scan: (queries, options) =>
      read(options?.isLong ? long : quick, (connection) => onOneSnapshot(connection, queries)),
    async hold() {
      const refused = scope.refusal("store.committed")
      if (refused) throw refused
      return holdSnapshot(held)
    },
  }
}

/**
 * A read on a connection of the pool. One that turns out to be a leftover of a server that went away is
 * replaced, once: a read changes nothing and may run twice.
 */
export async function withConnection<T>(
  pool: Pool,
  work: (connection: PgConnection) => Promise<T>,
): Promise<T> {
  for (;;) {
    const lease = await pool.acquire()
    try {
      return await work(lease.connection)
    } catch (error) {
      const kind = faultKind(error)
      if (kind === "connection") lease.connection.cut()
      if (kind !== "connection" || lease.isFresh) throw readFault(error)
    } finally {
      lease.release()
    }
  }
}
