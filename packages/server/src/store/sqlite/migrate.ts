import { AppError } from "../../kit/errors.ts"
import { type Migration, migrations as allMigrations } from "../migrations/index.ts"
import type { Connection } from "./connection.ts"
import { sqliteDialect } from "./dialect.ts"
import { fromSqlite, isCorrupt } from "./errors.ts"

/**
 * Brings the schema up to date, a transaction per step. Called again it changes nothing.
 * @throws AppError `conflict` with detail `newer_database` for a schema of a later release,
 *   `corrupt_database` for a file that is damaged or no database of Berth; `unavailable` when the disk is full
 */
export function migrate(
  db: Connection,
  path: string,
  nowMs: number,
  steps: readonly Migration[] = allMigrations,
): void {
  try {
    const at = currentVersion(db, path)
    const newest = steps.at(-1)?.version ?? 0
    if (at > newest)
      throw new AppError(
        "conflict",
        `The database ${path} has schema version ${at}, but this server knows versions up to ${newest}: start the server release that wrote it, or a later one.`,
        { detail: "newer_database", facts: { found: at, known: newest } },
      )
    for (const step of steps) if (step.version > at) apply(db, step, nowMs)
  } catch (error) {
    throw isCorrupt(error) ? corruptDatabase(path, error) : fromSqlite(error)
  }
}

export function corruptDatabase(path: string, cause: unknown): AppError {
  return new AppError(
    "conflict",
    `The file ${path} is damaged or not a Berth database: restore a backup, or move it away to start empty.`,
    { detail: "corrupt_database", cause },
  )
}

function currentVersion(db: Connection, path: string): number {
  const tables = db.all({ sql: "select name from sqlite_schema where type = 'table'", values: [] })
  if (tables.length === 0) return 0
  if (!tables.some((table) => table["name"] === "schema_version"))
    throw corruptDatabase(path, new Error("it has tables but no schema_version"))
  const row = db.get({ sql: "select max(version) as version from schema_version", values: [] })
  return Number(row?.["version"] ?? 0)
}

function apply(db: Connection, step: Migration, nowMs: number) {
  const { ddl } = sqliteDialect
  db.exec("begin immediate")
  try {
    db.exec(
      `create table if not exists schema_version (
  version ${ddl.int} not null primary key,
  name ${ddl.text} not null,
  applied_at_ms ${ddl.int} not null
)${ddl.tableEnd}`,
    )
    for (const sql of step.statements(ddl)) db.exec(sql)
    db.run({
      sql: "insert into schema_version (version, name, applied_at_ms) values (?, ?, ?)",
      values: [step.version, step.name, nowMs],
    })
    db.exec("commit")
  } catch (error) {
    if (db.isTransaction) db.exec("rollback")
    throw error
  }
}
