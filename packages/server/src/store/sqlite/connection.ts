import { DatabaseSync, type StatementSync } from "node:sqlite"
import type { BoundSql, SqlRow } from "../session.ts"

/** One connection with its prepared statements. Everything on it is synchronous; no cursor is ever left open. */
export interface Connection {
  all(query: BoundSql): readonly SqlRow[]
  get(query: BoundSql): SqlRow | undefined
  /** How many rows it changed. */
  run(query: BoundSql): number
  /** A statement without values or rows. */
  exec(sql: string): void
  /** False once SQLite has ended the transaction, by COMMIT, by ROLLBACK or by itself. */
  readonly isTransaction: boolean
  /** Idempotent. */
  close(): void
}

/** Statements kept prepared per connection; the oldest goes first. Fixed ones number about 80, the rest are lists. */
const maxPrepared = 256

/** How long the event loop may be held up by somebody else's lock on the file before the batch is refused. */
const busyTimeoutMs = 500

/** The connection that writes. Made with WAL and synchronous=FULL: what COMMIT returned from survives a power cut. */
export function openWriter(path: string): Connection {
  const db = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true })
  try {
    db.exec("pragma journal_mode = wal")
    db.exec("pragma synchronous = full")
    // A checkpoint of the default 1,000 pages comes every few dozen batches; larger ones are rarer and cheaper per page.
    db.exec("pragma wal_autocheckpoint = 4000")
    db.exec(`pragma journal_size_limit = ${64 * 1024 * 1024}`)
    db.exec(`pragma cache_size = -${32 * 1024}`)
  } catch (error) {
    db.close()
    throw error
  }
  return createConnection(db)
}

/** A connection that cannot write and sees what is committed. The database must exist. */
export function openReader(path: string): Connection {
  const db = new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs })
  db.exec(`pragma cache_size = -${16 * 1024}`)
  return createConnection(db)
}

function createConnection(db: DatabaseSync): Connection {
  const prepared = new Map<string, StatementSync>()

  function prepare(sql: string): StatementSync {
    const known = prepared.get(sql)
    if (known) return known
    const made = db.prepare(sql)
    if (prepared.size >= maxPrepared) {
      const oldest = prepared.keys().next()
      if (!oldest.done) prepared.delete(oldest.value)
    }
    prepared.set(sql, made)
    return made
  }

  return {
    all: ({ sql, values }) => prepare(sql).all(...values) as unknown as readonly SqlRow[],
    get: ({ sql, values }) => prepare(sql).get(...values) as unknown as SqlRow | undefined,
    run: ({ sql, values }) => Number(prepare(sql).run(...values).changes),
    exec(sql) {
      prepare(sql).run()
    },
    get isTransaction() {
      return db.isTransaction
    },
    close() {
      prepared.clear()
      if (db.isOpen) db.close()
    },
  }
}
