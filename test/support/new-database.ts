import { accessSync, constants, copyFileSync, mkdtempSync, rmSync, statfsSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { systemClock } from "../../packages/server/src/kit/clock.ts"
import { silentLog } from "../../packages/server/src/kit/log.ts"
import { openStore } from "../../packages/server/src/store/index.ts"

/** The variable that says where the run's template lies. */
const variable = "BERTH_TEST_SQLITE_TEMPLATE"

let folder: string | undefined

/** One database for the whole run to which every migration was applied, of which tests take copies. */
export async function setup(): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), "berth-template-"))
  const path = join(folder, "berth.db")
  await openStore({ path, clock: systemClock, log: silentLog }).close()
  process.env[variable] = path
}

export function teardown(): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
}

/**
 * Makes a database at the path, as a store that finds none there does: the migrations of most tests took longer than
 * the tests, and what they do has tests of its own. Outside of a run of tests it is left to the store.
 * @returns the path
 */
export function newDatabase(path: string): string {
  const template = process.env[variable]
  if (template !== undefined) copyFileSync(template, path)
  return path
}

/** Beyond what the databases of a few tests take: containers have as little as 64 MiB. */
const enoughBytes = 512 * 2 ** 20

/**
 * Makes a folder, in memory where that can be: what is in it need not outlive the machine.
 * @param prefix what its name begins with
 */
export function fastDirectory(prefix: string): string {
  return mkdtempSync(join(memoryFolder() ?? tmpdir(), prefix))
}

function memoryFolder(): string | undefined {
  const folder = "/dev/shm"
  try {
    accessSync(folder, constants.W_OK)
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize > enoughBytes ? folder : undefined
  } catch {
    return undefined
  }
}
