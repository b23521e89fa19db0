import { type Clock, sleep } from "../../kit/clock.ts"
import type { Log } from "../../kit/log.ts"
import { sqlState } from "./errors.ts"
import type { Pool } from "./pool.ts"
import { withConnection } from "./sessions.ts"

export interface OutcomeOptions {
  readonly readers: Pool
  readonly clock: Clock
  readonly log: Log
  /** Aborted when the store closes. */
  readonly signal: AbortSignal
}

const firstPauseMs = 50
const longestPauseMs = 1_000

/**
 * Asks how the transaction ended until the database knows. One that is still open (its COMMIT never
 * arrived) is ended there, by its backend.
 * @throws the signal's reason
 */
export async function findOutcome(
  { readers, clock, log, signal }: OutcomeOptions,
  xid: number,
  backend: number,
): Promise<"committed" | "aborted"> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    signal.throwIfAborted()
    try {
      const status = await ask(readers, xid, backend)
      if (status === "committed" || status === "aborted") {
        log.info({ xid, status }, "it is known how the commit ended")
        return status
      }
    } catch (error) {
      log.debug({ err: error, xid }, "the database could not be asked how a commit ended")
    }
    await sleep(clock, pauseMs, signal)
  }
}

async function ask(readers: Pool, xid: number, backend: number): Promise<unknown> {
  try {
    const rows = await withConnection(readers, async (connection) => {
      const found = await connection.query({
        sql: "select pg_xact_status($1::text::xid8) as status",
        values: [String(xid)],
      })
      if (found.rows[0]?.["status"] === "in progress")
        await connection.query({
          sql: `select pg_terminate_backend(pid) from pg_stat_activity
where pid = $1 and datname = current_database() and backend_xid = $2::text::xid8::xid`,
          values: [backend, String(xid)],
        })
      return found.rows
    })
    return rows[0]?.["status"]
  } catch (error) {
    // An id that the server has not given: it is another server now, which never got the commit.
    const cause = error instanceof Error ? error.cause : undefined
    if (sqlState(error) === "22023" || sqlState(cause) === "22023") return "aborted"
    throw error
  }
}
