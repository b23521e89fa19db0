import { type Clock, sleep } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import type { Log } from "../../kit/log.ts"
import type { PgConnection } from "./connection.ts"
import { fromPostgres } from "./errors.ts"

export interface ServerLockOptions {
  readonly connect: () => Promise<PgConnection>
  readonly clock: Clock
  readonly log: Log
  /** Runs on the lock's connection once it is held for the first time: nobody else is at work then. */
  readonly prepare: (connection: PgConnection) => Promise<void>
  /** Another server held the database meanwhile: what this one keeps in memory is no longer so. Called once. */
  readonly onSuperseded: (error: AppError) => void
}

/** The right to be the one server of a database. */
export interface ServerLock {
  readonly isHeld: boolean
  /** How often a server had taken the database over when this one did; transactions check it. */
  readonly epoch: number
  /** What has to be added to transaction ids; see `transactionOrder`. */
  readonly eventOffset: number
  /** The highest of them that was given before this server began. */
  readonly newestXid: number
  /** Gives it free. Idempotent. */
  release(): Promise<void>
}

/** Any two numbers that no other program is likely to use, in the space of this database. */
const lockSql = "select pg_advisory_lock(1650811508, 104)"
/** A server that was killed is gone from the database once its sockets are closed, which takes a moment. */
const patienceMs = 3_000
/** A transaction of the last server that still runs may finish; one that is stuck is not waited for. */
const lastTransactionsMs = 30_000
const firstPauseMs = 100
const longestPauseMs = 2_000

/**
 * Takes the lock, and takes the database over.
 * @throws AppError `conflict` `database_locked` when another server has it, `unavailable` `database_unreachable`
 */
export async function takeServerLock(options: ServerLockOptions): Promise<ServerLock> {
  const { clock, log } = options
  const ending = new AbortController()
  let connection = await connectTo(options)
  await lock(connection)
  let isHeld = true
  let isSuperseded = false
  const taken = await takeOver(connection, options.prepare)
  connection.onLost(() => void lost())

  async function lost(): Promise<void> {
    isHeld = false
    if (ending.signal.aborted) return
    log.error(
      "the connection that holds the database's lock was lost: nothing is planned or written until it is held again",
    )
    for (
      let pauseMs = firstPauseMs;
      !ending.signal.aborted;
      pauseMs = Math.min(pauseMs * 2, longestPauseMs)
    ) {
      if (await holdAgain()) return
      await sleep(clock, pauseMs, ending.signal).catch(() => undefined)
    }
  }

  /** Whether there is no more to do. */
  async function holdAgain(): Promise<boolean> {
    let next: PgConnection | undefined
    try {
      next = await connectTo(options)
      // Before: another server may hold it for days. After: it may just have let it go.
      if ((await epochOf(next)) !== taken.epoch) return await supersede(next)
      await lock(next)
      if ((await epochOf(next)) !== taken.epoch) return await supersede(next)
    } catch (error) {
      next?.cut()
      log.warn({ err: error }, "the database's lock could not be taken again")
      return false
    }
    connection = next
    if (ending.signal.aborted) {
      await next.close().catch(() => undefined)
      return true
    }
    isHeld = true
    next.onLost(() => void lost())
    log.info("the database's lock is held again")
    return true
  }

  async function supersede(next: PgConnection): Promise<boolean> {
    await next.close().catch(() => undefined)
    if (!isSuperseded) options.onSuperseded(superseded())
    isSuperseded = true
    return true
  }

  return {
    get isHeld() {
      return isHeld && !isSuperseded
    },
    ...taken,
    async release() {
      ending.abort()
      await connection.close().catch(() => undefined)
    },
  }
}

async function connectTo({ connect }: ServerLockOptions): Promise<PgConnection> {
  try {
    return await connect()
  } catch (error) {
    throw unreachable(error)
  }
}

async function epochOf(connection: PgConnection): Promise<number> {
  const { rows } = await connection.script("select epoch from server_holder where name = 'server'")
  return Number(rows[0]?.["epoch"])
}

async function lock(connection: PgConnection): Promise<void> {
  try {
    await connection.script(`set lock_timeout = ${patienceMs}`)
    await connection.script(lockSql)
    await connection.script(`set lock_timeout = ${lastTransactionsMs}`)
  } catch (error) {
    connection.cut()
    if (error instanceof Error && "code" in error && error.code === "55P03")
      throw new AppError("conflict", "Another Berth server works on this database.", {
        detail: "database_locked",
        cause: error,
      })
    throw fromPostgres(error)
  }
}

/** The error of a failed connect. pg's own messages name host, port, role and database, never the password. */
export function unreachable(cause: unknown): AppError {
  const why = cause instanceof Error && cause.message !== "" ? cause.message : "no answer"
  return new AppError("unavailable", `The database cannot be reached: ${why}.`, {
    detail: "database_unreachable",
    retryAfterMs: 1_000,
    cause,
  })
}

async function takeOver(
  connection: PgConnection,
  prepare: (connection: PgConnection) => Promise<void>,
): Promise<Pick<ServerLock, "epoch" | "eventOffset" | "newestXid">> {
  try {
    await prepare(connection)
    // Each transaction of a server holds the weaker lock: those of the last one have ended when this is granted,
    // and what begins later sees the new epoch and gives up. Only then is what is committed all there is.
    const { rows } = await connection.script(`begin;
lock table server_holder in exclusive mode;
insert into server_holder (name, epoch) values ('server', 1)
  on conflict (name) do update set epoch = server_holder.epoch + 1;
insert into journal_mark (name, value)
  select 'event_offset', 0 where not exists (select from journal_mark where name = 'event_offset');
update journal_mark set value = greatest(value,
  1 + coalesce((select max(xid) from event), 0) - pg_current_xact_id()::text::bigint)
  where name = 'event_offset' and (select max(xid) from event)
    >= pg_current_xact_id()::text::bigint + value;
commit;
select epoch, (select value from journal_mark where name = 'event_offset') as event_offset,
  pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1 as newest_xid
  from server_holder where name = 'server'`)
    const fact = (name: string) => Number(rows[0]?.[name])
    const eventOffset = fact("event_offset")
    return { epoch: fact("epoch"), eventOffset, newestXid: fact("newest_xid") + eventOffset }
  } catch (error) {
    connection.cut()
    throw fromPostgres(error)
  }
}

/** Also what a transaction is refused with that finds out first. */
export function superseded(): AppError {
  return new AppError(
    "unavailable",
    "Another Berth server has taken this database over while this one could not reach it.",
    { detail: "store_superseded" },
  )
}
