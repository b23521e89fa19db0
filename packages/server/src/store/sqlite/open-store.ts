import type { Reads } from "../../domain/journal/index.ts"
import { systemClock } from "../../kit/clock.ts"
import { createClosureScope } from "../closure-scope.ts"
import type { OpenStore, StoreOptions } from "../open-store.ts"
import { sliceStores } from "../slice-stores.ts"
import { createTopics } from "../topics.ts"
import { createSqliteBackup } from "./backup.ts"
import { type Connection, openReader, openWriter } from "./connection.ts"
import { isCorrupt, fromSqlite } from "./errors.ts"
import { createGroupCommit } from "./group-commit.ts"
import { corruptDatabase, migrate } from "./migrate.ts"
import { createHeldSnapshots } from "./held-snapshots.ts"
import { createPrivateFile } from "./private-file.ts"
import { createReaderPool, startReaderThread } from "./reader-pool.ts"
import { openCommittedSession, openTxSession } from "./sessions.ts"

export interface OpenStoreOptions extends StoreOptions {
  /** The database file; made (0600) when it is missing. Its directory must exist. */
  readonly path: string
}

/**
 * Opens the SQLite database at `path` and brings its schema up to date. One process at a time: hold the
 * data directory's lock first.
 * @throws AppError `conflict` (`newer_database`, `corrupt_database`) or `unavailable` (`store_full`, `store_failed`)
 */
export function openStore(options: OpenStoreOptions): OpenStore {
  return openStoreWith(options).store
}

/** `openStore`, and the connection that writes: for tests that break it. */
export function openStoreWith(options: OpenStoreOptions): { store: OpenStore; writer: Connection } {
  const { path, clock, log } = options
  const writer = openMigrated(path, clock.nowMs())
  const reader = openReader(path)
  const scope = createClosureScope()
  const topics = createTopics(log)
  const startThread = () => startReaderThread(path)
  const pool = createReaderPool({ clock: systemClock, log, startThread })
  const snapshots = createHeldSnapshots({ clock: systemClock, startThread })
  const committed: Reads = openCommittedSession(reader, scope, { scan: pool.scan, hold: snapshots.hold })
  const commits = createGroupCommit({
    writer,
    scope,
    topics,
    clock,
    log,
    maxWaiting: options.maxWaiting ?? 10_000,
    openTx: (run) => openTxSession(writer, run),
    ...(options.onCommit && { onCommit: options.onCommit }),
  })
  const backup = createSqliteBackup(path, clock)
  let closing: Promise<void> | undefined
  async function close() {
    await Promise.all([commits.close(), pool.close(), snapshots.close(), backup.close()])
    reader.close()
    writer.close()
  }
  const store: OpenStore = {
    ...sliceStores,
    committed,
    tx: commits.tx,
    subscribe: topics.subscribe,
    backup,
    get waiting() {
      return commits.waiting
    },
    trouble: () => undefined,
    close: () => (closing ??= close()),
  }
  return { store, writer }
}

function openMigrated(path: string, nowMs: number): Connection {
  let writer: Connection | undefined
  try {
    createPrivateFile(path)
    writer = openWriter(path)
    migrate(writer, path, nowMs)
    return writer
  } catch (error) {
    writer?.close()
    throw isCorrupt(error) ? corruptDatabase(path, error) : fromSqlite(error)
  }
}
