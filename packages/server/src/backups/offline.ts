import { existsSync } from "node:fs"
import { join } from "node:path"
import { finished } from "node:stream"
import type { Readable } from "node:stream"
import { systemClock } from "../kit/clock.ts"
import { AppError } from "../kit/errors.ts"
import { createSqliteBackup, lockDataDirectory } from "../store/index.ts"
import { version } from "../version.ts"
import { archiveOf, manifestOf } from "./archive.ts"
import { accountsIn } from "./create-backups.ts"

/**
 * A backup of a data directory on which no server runs; none can start until the stream has ended.
 * @throws AppError `conflict` detail `data_dir_locked`, `not_found` where there is no database, and what
 *   `Backup.copy` throws
 */
export async function backUpOffline(dataDir: string): Promise<Readable> {
  const path = join(dataDir, "berth.db")
  if (!existsSync(path))
    throw new AppError("not_found", `There is no database in ${dataDir}.`, { resource: "database" })
  const lock = lockDataDirectory(dataDir)
  const backup = createSqliteBackup(path, systemClock)
  const end = () => void backup.close().finally(() => lock.release())
  try {
    const copy = await backup.copy()
    const archive = archiveOf(
      copy,
      manifestOf(copy, version),
      accountsIn(join(dataDir, "local", "accounts.json")),
    )
    finished(archive, end)
    return archive
  } catch (error) {
    end()
    throw error
  }
}
