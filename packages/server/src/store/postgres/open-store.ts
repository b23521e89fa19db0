import { AppError } from "../../kit/errors.ts"
import { systemClock } from "../../kit/clock.ts"
import { createClosureScope } from "../closure-scope.ts"
import type { OpenStore, StoreOptions } from "../open-store.ts"
import { sliceStores } from "../slice-stores.ts"
import { createTopics } from "../topics.ts"
import { createCommitOrder } from "./commit-order.ts"
import { findOutcome } from "./commit-outcome.ts"
import { openConnection, type PgConnection } from "./connection.ts"
import { createEventNews } from "./event-news.ts"
import { migrate } from "./migrate.ts"
import { createPool } from "./pool.ts"
import { createRunningTransactions } from "./running.ts"
import { takeServerLock } from "./server-lock.ts"
import { openCommittedSession, type ReadPools, withConnection } from "./sessions.ts"
import { createTransactions } from "./transactions.ts"

export interface PostgresStoreOptions extends StoreOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string
  /** 0 to below 1, for the waits between tries. */
  readonly random: () => number
  /** Another server worked on the database while this one had lost its lock: its memory is not to be trusted. */
  readonly onSuperseded: (error: AppError) => void
}

const writers = 8
const readers = 4
const scanners = 2
const longestWaitMs = 2_000
const statementMs = 10_000
/** A closure never idles so long; a backend whose client is unreachable does. */
const idleInTransactionMs = 15_000

/**
 * Opens the PostgreSQL database at `url`: takes the server's lock in it and brings its schema up to date.
 * @throws AppError `conflict` (`database_locked`, `newer_database`, `corrupt_database`, `unsuitable_database`) or
 *   `unavailable` (`database_unreachable`, `store_full`, `store_failed`)
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<OpenStore> {
  const { url, clock, log } = options
  const connect = (name: string, settings: Readonly<Record<string, string | number>>) =>
    openConnection({ url, name: `berth ${name}`, settings: { ...everywhere, ...settings } })
  // Real time here and below: what is measured are real connections.
  const lock = await takeServerLock({
    clock: systemClock,
    log,
    // What a migration writes counts to some writer.
    connect: () => connect("lock", { ...lively, "berth.shard": 0 }),
    prepare: (connection) => migrate(connection, clock.nowMs()),
    onSuperseded: options.onSuperseded,
  })
  const pool = (size: number, make: (slot: number) => Promise<PgConnection>, maxWaiting: number) =>
    createPool({ size, connect: make, clock: systemClock, longestWaitMs, maxWaiting })
  const offset = { "berth.event_offset": lock.eventOffset }
  const writerPool = pool(
    writers,
    (slot) => connect("writer", { ...writing, ...offset, "berth.shard": slot }),
    writers,
  )
  const readerPool = pool(readers, () => connect("reader", { ...reading, ...offset }), 10_000)
  const lists = () => pool(scanners, () => connect("list", { ...reading, ...offset }), 1_000)
  const pools: ReadPools = { keyed: readerPool, quick: lists(), long: lists(), held: lists() }
  const readPools = Object.values(pools)

  // A new connection may need space on the disk: with one of each kind, reads go on when it is full.
  try {
    for (const one of readPools) await withConnection(one, (connection) => connection.script("select"))
  } catch (error) {
    await Promise.all(readPools.map((one) => one.close()))
    await lock.release()
    throw error
  }

  const scope = createClosureScope()
  const topics = createTopics(log)
  const running = createRunningTransactions(lock.newestXid)
  const committed = openCommittedSession(scope, pools, running)
  const closing = new AbortController()
  const transactions = createTransactions({
    pool: writerPool,
    keyed: readerPool,
    scope,
    topics,
    order: createCommitOrder(),
    news: createEventNews(topics, running),
    running,
    clock: systemClock,
    log,
    writers,
    maxWaiting: options.maxWaiting ?? 10_000,
    random: options.random,
    refusal: () => (lock.isHeld ? undefined : lockLost()),
    epoch: lock.epoch,
    eventOffset: lock.eventOffset,
    outcomeOf: (xid, backend) =>
      findOutcome({ readers: readerPool, clock: systemClock, log, signal: closing.signal }, xid, backend),
    ...(options.onCommit && { onCommit: options.onCommit }),
  })

  let ended: Promise<void> | undefined
  async function close() {
    await transactions.close()
    closing.abort(new Error("the store closes"))
    await Promise.all([writerPool, ...readPools].map((one) => one.close()))
    await lock.release()
  }
  return {
    ...sliceStores,
    committed,
    tx: transactions.tx,
    subscribe: topics.subscribe,
    get waiting() {
      return transactions.waiting
    },
    backup: { copy: () => Promise.reject(backupElsewhere()) },
    trouble: () => (lock.isHeld ? undefined : lockLostSentence),
    close: () => (ended ??= close()),
  }
}

const everywhere = { client_min_messages: "warning", lock_timeout: statementMs } as const

/** The server notices within half a minute that this machine is gone, and gives the lock to the next one. */
const lively = {
  tcp_keepalives_idle: 10,
  tcp_keepalives_interval: 5,
  tcp_keepalives_count: 3,
  idle_session_timeout: 0,
} as const

/**
 * Writers read by key: a scan of a small table would, under SERIALIZABLE, be a conflict with every write to it.
 * What was answered must survive a power cut, whatever the database's default is.
 */
const writing = {
  enable_seqscan: "off",
  synchronous_commit: "on",
  statement_timeout: statementMs,
  idle_in_transaction_session_timeout: idleInTransactionMs,
} as const

const reading = {
  default_transaction_read_only: "on",
  statement_timeout: statementMs,
  idle_in_transaction_session_timeout: idleInTransactionMs,
} as const

const lockLostSentence = "The connection that holds the database's lock was lost; it is being made anew."

function lockLost(): AppError {
  return new AppError("unavailable", lockLostSentence, { detail: "store_lock_lost", retryAfterMs: 1_000 })
}

function backupElsewhere(): AppError {
  return new AppError(
    "unimplemented",
    "The database is on PostgreSQL: back it up with pg_dump, which may run beside the server.",
    { detail: "backup_elsewhere" },
  )
}
