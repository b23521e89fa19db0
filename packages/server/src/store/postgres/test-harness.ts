import { statfsSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { SmallSpace, TestDatabase, TestPostgres } from "../../../../../test/support/postgres.ts"
import { systemClock } from "../../kit/clock.ts"
import { silentLog } from "../../kit/log.ts"
import type { OpenStore } from "../open-store.ts"
import type { HarnessOptions, OpenHarness, StoreHarness } from "../suite/harness.ts"
import { openPostgresStore, type PostgresStoreOptions } from "./open-store.ts"

export function postgresOptions(
  url: string,
  options: Partial<PostgresStoreOptions> = {},
): PostgresStoreOptions {
  return { url, clock: systemClock, log: silentLog, random: Math.random, onSuperseded: () => {}, ...options }
}

/**
 * Stores one after the other in one database, emptied in between: to make one for each test takes longer than
 * most tests do. `drop` it at the end.
 */
export function postgresHarness(
  server: TestPostgres,
  space?: SmallSpace,
): { readonly open: OpenHarness; drop(): Promise<void> } {
  let made: Promise<TestDatabase> | undefined
  return {
    async open(options) {
      const isFirst = !made
      const database = await (made ??= server.createDatabase(space?.name))
      if (!isFirst) await emptyDatabase(database)
      return harnessOn(database, options, space?.path)
    },
    async drop() {
      await (await made)?.drop()
    },
  }
}

/** As it is after its first opening. No store may be open on it. */
export async function emptyDatabase(database: TestDatabase): Promise<void> {
  await database.run(emptySql)
}

/** Every table but those that say what the database is. */
const emptySql = `do $$ begin execute (select 'truncate ' || string_agg(quote_ident(tablename), ', ') || ' restart identity'
from pg_tables where schemaname = current_schema() and tablename not in ('schema_version', 'server_holder')); end $$`

/** Each empty table and index takes a page at its first row. */
const firstPagesBytes = 192 * 1024

async function harnessOn(
  database: TestDatabase,
  options: HarnessOptions = {},
  disk?: string,
): Promise<StoreHarness> {
  let store: OpenStore = await openPostgresStore(postgresOptions(database.url, options))
  const ballast = disk === undefined ? undefined : join(disk, "ballast")
  return {
    get store() {
      return store
    },
    fill(bytes) {
      if (ballast === undefined || disk === undefined)
        throw new Error("This database's disk cannot be filled.")
      const { bavail, bsize } = statfsSync(disk)
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - bytes - firstPagesBytes)))
    },
    free() {
      if (ballast !== undefined) rmSync(ballast, { force: true })
    },
    async reopen() {
      await store.close()
      return (store = await openPostgresStore(postgresOptions(database.url, options)))
    },
    async dispose() {
      if (ballast !== undefined) rmSync(ballast, { force: true })
      await store.close()
    },
  }
}
