import { AppError } from "../../kit/errors.ts"

/** What an error of the database means for whoever is at work on it. */
export type FaultKind =
  /** Two transactions were in each other's way: the same again may well succeed. */
  | "conflict"
  | "full"
  /** It took too long, or too many are at work. */
  | "busy"
  /** The connection, and with it the transaction, is gone or was never there. */
  | "connection"
  /** The statement itself was wrong. */
  | "statement"

/** SQLSTATEs that mean something to us (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
const kinds: Readonly<Record<string, FaultKind>> = {
  "40001": "conflict", // serialization_failure
  "40P01": "conflict", // deadlock_detected
  "53100": "full", // disk_full
  "58030": "full", // io_error
  "53200": "busy", // out_of_memory
  "53300": "busy", // too_many_connections
  "55P03": "busy", // lock_not_available
  "57014": "busy", // query_canceled, by statement_timeout
  "25006": "connection", // read_only_sql_transaction: a standby took the address
  "25P03": "connection", // idle_in_transaction_session_timeout
  "25P04": "connection", // transaction_timeout
  "57P01": "connection", // admin_shutdown
  "57P02": "connection", // crash_shutdown
  "57P03": "connection", // cannot_connect_now
  "57P05": "connection", // idle_session_timeout
}

/** The SQLSTATE; undefined for an error that did not come from the server. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined
  // One of Node's own codes looks like one: EPIPE.
  if ("syscall" in error) return undefined
  return /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined
}

export function faultKind(error: unknown): FaultKind {
  const state = sqlState(error)
  // What the server did not say is about the way to it, or a value that we cannot hold.
  if (state === undefined) return error instanceof RangeError ? "statement" : "connection"
  return kinds[state] ?? (state.startsWith("08") || state.startsWith("28") ? "connection" : "statement")
}

/** What a failed statement, or a failed try to reach the database, means for a caller. */
export function fromPostgres(error: unknown): AppError {
  if (error instanceof AppError) return error
  switch (faultKind(error)) {
    case "conflict":
      return storeBusy("Too many writes were in each other's way; retry shortly.", error)
    case "busy":
      return storeBusy("The database is too busy; retry shortly.", error)
    case "full":
      return new AppError("unavailable", "The store cannot write: its disk is full or failing.", {
        detail: "store_full",
        retryAfterMs: 5_000,
        cause: error,
      })
    case "connection":
      return storeFailed(error)
    case "statement":
      return fromStatement(error)
  }
}

function fromStatement(error: unknown): AppError {
  // SQLite keeps it, PostgreSQL cannot: a NUL inside a text.
  if (sqlState(error) === "22021")
    return new AppError("invalid", "Text must not contain the character NUL.", {
      issues: [{ path: [], message: "must not contain the character NUL" }],
      cause: error,
    })
  return AppError.from(error)
}

export function storeBusy(message: string, cause?: unknown): AppError {
  return new AppError("unavailable", message, { detail: "store_busy", retryAfterMs: 1_000, cause })
}

/** The database was not there for the transaction; nothing of it was written. */
export function storeFailed(cause: unknown): AppError {
  return new AppError("unavailable", "The store could not commit; nothing was written.", {
    detail: "store_failed",
    retryAfterMs: 1_000,
    cause,
  })
}

/** The connection was lost during COMMIT and the database could not be asked in time how it went. */
export function storeUnclear(cause: unknown): AppError {
  return new AppError(
    "unavailable",
    "The connection to the database was lost while it was committing: whether this was written is not known yet. Look before you retry.",
    { detail: "store_unclear", retryAfterMs: 5_000, cause },
  )
}

export function storeClosed(): AppError {
  return new AppError("unavailable", "The server is stopping.", { detail: "store_closed" })
}
