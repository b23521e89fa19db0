import { AppError } from "../../kit/errors.ts"
import { type Migration, migrations as allMigrations } from "../migrations/index.ts"
import type { PgConnection } from "./connection.ts"
import { postgresDialect } from "./dialect.ts"
import { fromPostgres } from "./errors.ts"

const oldestServer = 140_000

/**
 * Brings the schema up to date, a transaction per step. Called again it changes nothing. The caller holds the
 * server's lock on this connection: nobody else migrates meanwhile.
 * @throws AppError `conflict` with detail `newer_database` for a schema of a later release,
 *   `corrupt_database` for a database that is somebody else's, `unsuitable_database` for one that cannot be
 *   used; `unavailable` when it cannot write
 */
export async function migrate(
  db: PgConnection,
  nowMs: number,
  steps: readonly Migration[] = allMigrations,
): Promise<void> {
  try {
    await assertSuitable(db)
    const at = await versionOf(db)
    const newest = steps.at(-1)?.version ?? 0
    if (at > newest)
      throw new AppError(
        "conflict",
        `The database has schema version ${at}, but this server knows versions up to ${newest}: start the server release that wrote it, or a later one.`,
        { detail: "newer_database", facts: { found: at, known: newest } },
      )
    for (const step of steps) if (step.version > at) await apply(db, step, nowMs)
  } catch (error) {
    throw fromPostgres(error)
  }
}

/** Gives the server's version. @throws AppError `conflict` with detail `unsuitable_database`, with what to do about it */
export async function assertSuitable(db: PgConnection): Promise<{ readonly shown: string }> {
  const { rows } = await db.script(`select current_setting('server_version_num')::int8 as version,
  current_setting('server_version') as shown,
  current_setting('server_encoding') as encoding,
  current_setting('fsync') as fsync,
  pg_is_in_recovery()::text as standby,
  current_schema() as schema,
  has_schema_privilege(current_schema(), 'create')::text as may_create`)
  const facts = rows[0]
  const faults: readonly (readonly [boolean, string])[] = [
    [
      Number(facts?.["version"]) < oldestServer,
      `PostgreSQL ${facts?.["shown"]} is too old: Berth needs 14 or later.`,
    ],
    [
      facts?.["encoding"] !== "UTF8",
      `The database has the encoding ${facts?.["encoding"]}: make one with UTF8.`,
    ],
    [
      facts?.["standby"] === "true",
      "The database is a standby that cannot be written: name the primary server.",
    ],
    [facts?.["schema"] === null, "The role has no schema to make tables in: see its search_path."],
    [
      facts?.["may_create"] === "false",
      `The role may not make tables in the schema "${facts?.["schema"]}": make it the database's owner.`,
    ],
  ]
  const fault = faults.find(([isSo]) => isSo)
  if (fault) throw new AppError("conflict", fault[1], { detail: "unsuitable_database" })
  return { shown: String(facts?.["shown"]) }
}

function foreignDatabase(): AppError {
  return new AppError(
    "conflict",
    "The database has tables but is not a Berth database: name one of Berth's own.",
    { detail: "corrupt_database" },
  )
}

/** The version of the schema, 0 for an empty database. @throws AppError `conflict` `corrupt_database` */
export async function versionOf(db: PgConnection): Promise<number> {
  const { rows } = await db.script("select tablename from pg_tables where schemaname = current_schema()")
  if (rows.length === 0) return 0
  if (!rows.some((row) => row["tablename"] === "schema_version")) throw foreignDatabase()
  const found = await db.script("select max(version) as version from schema_version")
  return Number(found.rows[0]?.["version"] ?? 0)
}

async function apply(db: PgConnection, step: Migration, nowMs: number) {
  const { ddl } = postgresDialect
  await db.script("begin")
  try {
    await db.script(`create table if not exists schema_version (
  version ${ddl.int} not null primary key,
  name ${ddl.text} not null,
  applied_at_ms ${ddl.int} not null
)`)
    // One row: how often a server took the database over. See server-lock.ts.
    await db.script(`create table if not exists server_holder (
  name ${ddl.text} not null primary key,
  epoch ${ddl.int} not null
)`)
    for (const sql of step.statements(ddl)) await db.script(sql)
    await db.query({
      sql: "insert into schema_version (version, name, applied_at_ms) values ($1, $2, $3)",
      values: [step.version, step.name, nowMs],
    })
    await db.script("commit")
  } catch (error) {
    if (!db.isLost) await db.script("rollback")
    throw error
  }
}
