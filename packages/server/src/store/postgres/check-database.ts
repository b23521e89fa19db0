import { AppError } from "../../kit/errors.ts"
import { openConnection } from "./connection.ts"
import { fromPostgres } from "./errors.ts"
import { assertSuitable, versionOf } from "./migrate.ts"
import { unreachable } from "./server-lock.ts"

/** What `berth doctor` says of a database. */
export interface DatabaseFacts {
  /** Of the server: `15.7`. */
  readonly serverVersion: string
  /** 0 for a database that no server has used yet. */
  readonly schemaVersion: number
}

/**
 * Looks whether a server could work on the database; changes nothing and takes no lock.
 * @throws AppError `unavailable` `database_unreachable`, `conflict` (`unsuitable_database`, `corrupt_database`)
 */
export async function checkDatabase(url: string): Promise<DatabaseFacts> {
  const connection = await openConnection({
    url,
    name: "berth doctor",
    settings: { default_transaction_read_only: "on", statement_timeout: 5_000 },
  }).catch((error: unknown) => {
    throw unreachable(error)
  })
  try {
    const { shown } = await assertSuitable(connection)
    return { serverVersion: shown, schemaVersion: await versionOf(connection) }
  } catch (error) {
    throw error instanceof AppError ? error : fromPostgres(error)
  } finally {
    await connection.close().catch(() => undefined)
  }
}
