import { join } from "node:path"
import type { Config } from "./config.ts"
import type { DatabaseUrl } from "./database-url.ts"
import type { AppError } from "./kit/errors.ts"
import type { DatabaseFacts } from "./store/postgres/check-database.ts"
import { openStore, type OpenStore, type StoreOptions } from "./store/index.ts"

export interface OpenDatabaseOptions extends StoreOptions {
  readonly dataDir: string
  /** The server cannot go on: another one has worked on its database meanwhile. Called once, PostgreSQL only. */
  readonly onSuperseded: (error: AppError) => void
}

/**
 * The database that the configuration names: PostgreSQL, else the file in the data directory.
 * @throws what openStore and openPostgresStore throw
 */
export async function openDatabase(
  { database }: Pick<Config, "database">,
  options: OpenDatabaseOptions,
): Promise<OpenStore> {
  const { dataDir, onSuperseded, ...rest } = options
  if (database === null) return openStore({ ...rest, path: join(dataDir, "berth.db") })
  // Most servers never need it.
  const { openPostgresStore } = await import("./store/postgres/open-store.ts")
  return openPostgresStore({ ...rest, url: database.connection(), random: Math.random, onSuperseded })
}

/** For `berth doctor`: looks, and changes nothing. @throws what checkDatabase of the store throws */
export async function checkDatabase(url: DatabaseUrl): Promise<DatabaseFacts> {
  const postgres = await import("./store/postgres/check-database.ts")
  return postgres.checkDatabase(url.connection())
}
