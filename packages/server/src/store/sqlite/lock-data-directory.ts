import { mkdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { AppError } from "../../kit/errors.ts"
import { createPrivateFile } from "./private-file.ts"
import { isLocked } from "./errors.ts"

/** The right to be the one server on a data directory; ends with `release` or with the process, however it ends. */
export interface DataDirectoryLock {
  /** Idempotent. */
  release(): void
}

/**
 * Makes the directory if it is missing (0711) and holds a lock file in it for the life of the process. The
 * lock is the operating system's, so it is free again right after kill -9.
 * @throws AppError `conflict` with detail `data_dir_locked` when another server holds it, or
 *   `data_dir_unwritable` when it cannot be made or written
 */
export function lockDataDirectory(dir: string): DataDirectoryLock {
  const path = join(dir, "lock")
  try {
    makeDirectory(dir)
    createPrivateFile(path)
  } catch (error) {
    throw unwritable(dir, error)
  }
  return holdLock(dir, path)
}

/** Not by `recursive`: Node then never returns where a parent exists and takes no children (/proc). */
function makeDirectory(dir: string) {
  try {
    mkdirSync(dir, { mode: 0o711 })
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error)) throw error
    if (error.code === "EEXIST") return
    if (error.code !== "ENOENT" || dirname(dir) === dir) throw error
    makeDirectory(dirname(dir))
    mkdirSync(dir, { mode: 0o711 })
  }
}

function holdLock(dir: string, path: string): DataDirectoryLock {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { timeout: 0 })
    db.exec("begin exclusive")
  } catch (error) {
    db?.close()
    throw isLocked(error) ? locked(dir, error) : unwritable(dir, error)
  }
  const held = db
  return {
    release() {
      if (held.isOpen) held.close()
    },
  }
}

function locked(dir: string, cause: unknown): AppError {
  const message = `Another server is running on the data directory ${dir}: stop it, or give this one a directory of its own (--data).`
  return new AppError("conflict", message, { detail: "data_dir_locked", cause })
}

function unwritable(dir: string, cause: unknown): AppError {
  const why = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : ""
  const message = `The data directory ${dir} cannot be made or written${why}: check its path, owner and permissions.`
  return new AppError("conflict", message, { detail: "data_dir_unwritable", cause })
}
