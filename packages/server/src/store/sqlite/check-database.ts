import { DatabaseSync } from "node:sqlite"
import { isCorrupt, fromSqlite } from "./errors.ts"
import { corruptDatabase } from "./migrate.ts"

/**
 * Reads a whole database and checks that it is sound; holds up the thread for as long as that takes.
 * @throws AppError `conflict` detail `corrupt_database`
 */
export function checkDatabase(path: string): void {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { readOnly: true })
    const found = Object.values(db.prepare("pragma integrity_check(1)").get() ?? {})[0]
    if (found !== "ok") throw corruptDatabase(path, new Error(String(found)))
  } catch (error) {
    throw isCorrupt(error) ? corruptDatabase(path, error) : fromSqlite(error)
  } finally {
    db?.close()
  }
}

/**
 * Brings what is in a database's write-ahead log into the database itself, so that the one file is all of it.
 * Nobody else may have it open. A database that is damaged stays as it is.
 */
export function settleDatabase(path: string): void {
  try {
    const db = new DatabaseSync(path)
    try {
      db.exec("pragma wal_checkpoint(truncate)")
    } finally {
      db.close()
    }
  } catch {
    // what cannot be read is set aside with its log beside it
  }
}
