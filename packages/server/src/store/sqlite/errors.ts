import { AppError } from "../../kit/errors.ts"

/** Primary result codes of SQLite that mean something to us (https://sqlite.org/rescode.html). */
const code = {
  busy: 5,
  locked: 6,
  noMemory: 7,
  readonly: 8,
  interrupt: 9,
  ioError: 10,
  corrupt: 11,
  full: 13,
}
const openCode = { cannotOpen: 14, protocol: 15, notADatabase: 26 }

/** After these the transaction is not to be trusted, whether or not SQLite has rolled it back itself. */
const breaking = new Set<number>([...Object.values(code), ...Object.values(openCode)])

/** SQLite's primary result code; undefined for any other error. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number")
    return undefined
  return error.errcode & 0xff
}

/** Whether the error ends the whole transaction and not just its statement. */
export function isBreaking(error: unknown): boolean {
  const found = sqliteCode(error)
  return found !== undefined && breaking.has(found)
}

export function isLocked(error: unknown): boolean {
  const found = sqliteCode(error)
  return found === code.busy || found === code.locked
}

export function isCorrupt(error: unknown): boolean {
  const found = sqliteCode(error)
  return found === code.corrupt || found === openCode.notADatabase
}

/**
 * What a failed statement means for a caller: `unavailable` when the database could not do it (retryable),
 * `internal` when the statement itself was wrong.
 */
export function fromSqlite(error: unknown): AppError {
  if (error instanceof AppError) return error
  const found = sqliteCode(error)
  if (found === code.full || found === code.ioError)
    return new AppError("unavailable", "The store cannot write: its disk is full or failing.", {
      detail: "store_full",
      retryAfterMs: 5_000,
      cause: error,
    })
  if (isBreaking(error)) return storeFailed(error)
  return AppError.from(error)
}

/** The database did not take a whole batch; nothing of it was written. */
export function storeFailed(cause: unknown): AppError {
  return new AppError("unavailable", "The store could not commit; nothing was written.", {
    detail: "store_failed",
    retryAfterMs: 1_000,
    cause,
  })
}
