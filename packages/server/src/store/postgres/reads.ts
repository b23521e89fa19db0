import { AppError } from "../../kit/errors.ts"
import { type ScanQuery, type SqlRow, isNeedless } from "../session.ts"
import type { PgConnection } from "./connection.ts"
import { fromPostgres, storeBusy } from "./errors.ts"

type Rows = readonly (readonly SqlRow[])[]

/** What a read that failed tells its caller. */
export function readFault(error: unknown): AppError {
  const isCancelled = error instanceof Error && "code" in error && error.code === "57014"
  if (isCancelled) {
    const { message } = storeBusy("The read took too long; narrow it down.")
    return new AppError("unavailable", message, {
      detail: "read_too_long",
      retryAfterMs: 1_000,
      cause: error,
    })
  }
  const fault = fromPostgres(error)
  if (fault.detail !== "store_failed") return fault
  return new AppError("unavailable", "The read could not be finished; retry.", {
    detail: "store_failed",
    retryAfterMs: 1_000,
    cause: error,
  })
}

/** All of one snapshot; one that fails leaves no transaction open. */
export async function onOneSnapshot(connection: PgConnection, queries: readonly ScanQuery[]): Promise<Rows> {
  const [only] = queries
  if (queries.length === 1 && only) return [(await connection.query(only)).rows]
  await connection.script("begin isolation level repeatable read read only")
  try {
    return await answersTo(connection, queries)
  } finally {
    if (!connection.isLost) await connection.script("commit")
  }
}

/** The queries' answers in order; those that have become needless are empty. */
export async function answersTo(connection: PgConnection, queries: readonly ScanQuery[]): Promise<Rows> {
  const answers: (readonly SqlRow[])[] = []
  for (const query of queries)
    answers.push(isNeedless(query, answers) ? [] : (await connection.query(query)).rows)
  return answers
}
