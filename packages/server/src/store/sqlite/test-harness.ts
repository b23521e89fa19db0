import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { newDatabase } from "../../../../../test/support/new-database.ts"
import { systemClock } from "../../kit/clock.ts"
import { silentLog } from "../../kit/log.ts"
import type { HarnessOptions, StoreHarness } from "../suite/harness.ts"
import type { Connection } from "./connection.ts"
import { type OpenStoreOptions, openStoreWith } from "./open-store.ts"

/** A directory of its own for one test, with a way to remove it. */
export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "berth-store-"))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export function storeOptions(path: string, options: HarnessOptions = {}): OpenStoreOptions {
  return { path, clock: systemClock, log: silentLog, ...options }
}

/** A SQLite store in a file of its own. */
export async function openSqliteHarness(options: HarnessOptions = {}): Promise<StoreHarness> {
  const dir = temporaryDirectory()
  const path = newDatabase(join(dir.path, "berth.db"))
  let open = openStoreWith(storeOptions(path, options))
  return {
    get store() {
      return open.store
    },
    fill: (bytes) => limitPages(open.writer, pragma(open.writer, "page_count") + Math.ceil(bytes / 4096)),
    free: () => limitPages(open.writer, 2 ** 30),
    async reopen() {
      await open.store.close()
      open = openStoreWith(storeOptions(path, options))
      return open.store
    },
    async dispose() {
      await open.store.close()
      dir.remove()
    },
  }
}

function limitPages(writer: Connection, pages: number) {
  writer.get({ sql: `pragma max_page_count = ${pages}`, values: [] })
}

function pragma(writer: Connection, name: string): number {
  return Number(writer.get({ sql: `pragma ${name}`, values: [] })?.[name])
}
