import { AppError } from "../../kit/errors.ts"
import type { ClosureRun, ClosureScope } from "../closure-scope.ts"
import { appendAudit, appendEvent } from "../journal-writes.ts"
import type { Session, TxSession } from "../session.ts"
import type { Connection } from "./connection.ts"
import { sqliteDialect } from "./dialect.ts"
import { fromSqlite } from "./errors.ts"
import { perform } from "./group-commit.ts"
import { runScan } from "./run-scan.ts"

/** The handle of one run of a closure: dead as soon as the run has settled or was given up. */
export function openTxSession(writer: Connection, run: ClosureRun): TxSession {
  const tx: TxSession = {
    isReads: true,
    isTx: true,
    dialect: sqliteDialect,
    horizon: Number.MAX_SAFE_INTEGER,
    all: (query) => perform(writer, run, () => writer.all(query)),
    get: (query) => perform(writer, run, () => writer.get(query)),
    peek: (query) => tx.get(query),
    run: (query) => perform(writer, run, () => writer.run(query)),
    async post(query, check) {
      const changed = await tx.run(query)
      check?.(changed)
    },
    together: (queries) => perform(writer, run, () => queries.map((query) => writer.all(query))),
    scan: (queries) => perform(writer, run, () => runScan(writer, queries)),
    hold: () => Promise.resolve({ scan: tx.scan, release() {} }),
    async emit(event) {
      run.lastEvent = await appendEvent(tx, event)
    },
    audit: (record) => appendAudit(tx, record),
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

/** What `store.committed` is: short reads here and now, long ones where `scan` runs them. */
export function openCommittedSession(
  reader: Connection,
  scope: ClosureScope,
  { scan, hold }: Pick<Session, "scan" | "hold">,
): Session {
  function read<T>(work: () => T): Promise<T> {
    const refused = scope.refusal("store.committed")
    if (refused) return Promise.reject(refused)
    try {
      return Promise.resolve(work())
    } catch (error) {
      return Promise.reject(fromSqlite(error))
    }
  }
  return {
    isReads: true,
    dialect: sqliteDialect,
    horizon: Number.MAX_SAFE_INTEGER,
    all: (query) => read(() => reader.all(query)),
    get: (query) => read(() => reader.get(query)),
    peek: (query) => read(() => reader.get(query)),
    run: onlyInTransactions,
    post: onlyInTransactions,
    // One snapshot because nothing else runs meanwhile: whoever commits is in this thread.
    together: (queries) => read(() => queries.map((query) => reader.all(query))),
    scan: (queries, options) => read(() => undefined).then(() => scan(queries, options)),
    hold: () => read(() => undefined).then(hold),
  }
}
