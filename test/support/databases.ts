import { existsSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { type TestDatabase, testPostgres, type TestPostgres } from "./postgres.ts"

export type Row = Readonly<Record<string, unknown>>

let postgres: TestPostgres | undefined

/**
 * From here on the servers of this test file work on PostgreSQL, a database each. A file that runs another one's
 * tests on it calls this and then imports that one. False where there is no PostgreSQL: it was said why.
 */
export async function usePostgres(): Promise<boolean> {
  postgres = await testPostgres()
  return postgres !== undefined
}

/** The database of one more server; undefined = the file in its data directory. */
export async function newServerDatabase(): Promise<TestDatabase | undefined> {
  return postgres?.createDatabase()
}

/** Asks a server's database beside it, in SQL that both dialects understand. */
export async function rowsOf(
  database: TestDatabase | undefined,
  dataDir: string,
  sql: string,
): Promise<readonly Row[]> {
  if (database) return database.run(sql)
  const path = join(dataDir, "berth.db")
  if (!existsSync(path)) throw new Error(`There is no database ${path}.`)
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return db.prepare(sql).all()
  } finally {
    db.close()
  }
}
