import type { Tx } from "../../domain/journal/index.ts"
import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import type { Log } from "../../kit/log.ts"
import { type ClosureRun, type ClosureScope, newClosureRun } from "../closure-scope.ts"
import type { Topics } from "../topics.ts"
import type { CommitOrder, CommitTicket } from "./commit-order.ts"
import type { PgConnection } from "./connection.ts"
import { faultKind, fromPostgres, storeFailed, storeUnclear } from "./errors.ts"
import type { EventNews } from "./event-news.ts"
import type { Lease, Pool } from "./pool.ts"
import { createPosted } from "./posted.ts"
import type { RunningTransactions } from "./running.ts"
import { superseded } from "./server-lock.ts"
import { openTxSession } from "./sessions.ts"

/** From BEGIN to the answer of COMMIT. Far beyond what a closure takes: only a connection that hangs reaches it. */
const longestTransactionMs = 20_000
/** How long a caller waits to hear how a COMMIT ended whose connection was lost. */
const longestUnclearMs = 20_000

export interface AttemptOptions {
  readonly pool: Pool
  /** For reads beside the transaction. */
  readonly keyed: Pool
  readonly scope: ClosureScope
  readonly topics: Topics
  readonly order: CommitOrder
  readonly news: EventNews
  readonly running: RunningTransactions
  readonly clock: Clock
  readonly log: Log
  /** Why nothing may be written now; undefined when it may. */
  readonly refusal: () => AppError | undefined
  readonly epoch: number
  /** See `transactionOrder`. */
  readonly eventOffset: number
  /** How a transaction ended whose connection was lost; keeps asking until it knows or the store closes. */
  readonly outcomeOf: (xid: number, backend: number) => Promise<"committed" | "aborted">
  readonly onCommit?: (commit: { readonly closures: number; readonly durationMs: number }) => void
}

/** How one try ended. */
export type Attempt =
  | { readonly kind: "committed"; readonly value: unknown }
  /** The closure's own doing: it threw, or broke a rule. */
  | { readonly kind: "refused"; readonly error: unknown }
  /** Others were in its way; nothing was written. */
  | { readonly kind: "conflict"; readonly error: AppError }
  /** The database could not. */
  | { readonly kind: "failed"; readonly error: AppError }

interface Work {
  readonly connection: PgConnection
  readonly xid: number
  /** It is settled how the transaction ended: readers of events need not wait for it any more. */
  readonly settled: () => void
  readonly startedMono: number
}

/** Runs the closure in a transaction of its own. Subscribers were told before it resolves. Never rejects. */
export async function attemptTransaction(
  options: AttemptOptions,
  closure: (tx: Tx) => Promise<unknown>,
): Promise<Attempt> {
  try {
    for (;;) {
      const refused = options.refusal()
      if (refused) return { kind: "failed", error: refused }
      const lease = await options.pool.acquire()
      const attempt = await onLease(options, lease, closure)
      if (attempt) return attempt
    }
  } catch (error) {
    return failed(error)
  }
}

/** Undefined when the connection was a leftover of a server that went away: nothing has begun, another may do. */
async function onLease(
  options: AttemptOptions,
  lease: Lease,
  closure: (tx: Tx) => Promise<unknown>,
): Promise<Attempt | undefined> {
  const { connection } = lease
  const startedMono = options.clock.monotonicMs()
  const cancel = options.clock.alarm(longestTransactionMs, () => connection.cut())
  const self = options.running.begin()
  const settled = () => {
    self.ended()
    options.news.ended()
  }
  try {
    const xid = await begin(options, connection).catch((error: unknown) => {
      connection.cut()
      settled()
      if (lease.isFresh || faultKind(error) !== "connection" || error instanceof AppError) throw error
      return undefined
    })
    if (xid === undefined) return undefined
    self.began(xid + options.eventOffset)
    return await run(options, { connection, xid, settled, startedMono }, closure)
  } finally {
    cancel()
    lease.release()
  }
}

/**
 * The lock lets the next server wait until this transaction has ended, and the epoch tells this one that there is a
 * next server already (see server-lock.ts). LOCK comes before the snapshot, else the epoch could be an old one.
 * The id is fixed here so that after a lost connection it is known whom to ask about.
 */
const beginSql = `begin isolation level serializable;
lock table server_holder in row share mode;
select pg_current_xact_id()::text::bigint as xid, epoch from server_holder where name = 'server'`

async function begin({ epoch }: AttemptOptions, connection: PgConnection): Promise<number> {
  const { rows } = await connection.script(beginSql)
  if (Number(rows[0]?.["epoch"]) !== epoch) throw superseded()
  return Number(rows[0]?.["xid"])
}

async function run(
  options: AttemptOptions,
  work: Work,
  closure: (tx: Tx) => Promise<unknown>,
): Promise<Attempt> {
  const closureRun = newClosureRun()
  const settled = await settle(options, work.connection, closureRun, closure)
  if (settled.ok && !closureRun.failure) return commit(options, work, closureRun, settled.value)
  await rollback(work.connection)
  work.settled()
  const { failure } = closureRun
  if (failure?.detail === "tx_conflict") return { kind: "conflict", error: fromPostgres(failure.cause) }
  if (failure?.code === "unavailable") return { kind: "failed", error: failure }
  return { kind: "refused", error: settled.ok ? failure : settled.error }
}

type Settled =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown }

/**
 * Calls the closure and waits until it settles, or until the event loop has come round while none of its statements is
 * under way: by then every closure that awaits only its transaction has gone on, because all of that is microtasks.
 */
function settle(
  options: AttemptOptions,
  connection: PgConnection,
  run: ClosureRun,
  closure: (tx: Tx) => Promise<unknown>,
): Promise<Settled> {
  return new Promise((resolve) => {
    let underWay = 0
    let watch: NodeJS.Immediate | undefined
    function look() {
      clearImmediate(watch)
      if (underWay === 0 && run.phase === "running") watch = setImmediate(giveUp)
    }
    function giveUp() {
      run.phase = "abandoned"
      const message =
        "A transaction closure awaited something other than its transaction and was rolled back."
      resolve({ ok: false, error: new AppError("internal", message, { detail: "foreign_await" }) })
    }
    function finish(outcome: Settled) {
      if (run.phase !== "running") return
      run.phase = "settled"
      clearImmediate(watch)
      resolve(outcome)
    }
    async function perform<T>(work: (connection: PgConnection) => Promise<T>): Promise<T> {
      if (run.phase !== "running")
        throw new AppError("internal", "The transaction is over.", { detail: "tx_over" })
      if (run.failure) throw run.failure
      underWay++
      clearImmediate(watch)
      try {
        return await work(connection)
      } catch (error) {
        throw (run.failure ??= statementFault(error))
      } finally {
        underWay--
        look()
      }
    }
    const posted = createPosted()
    const call = async () => {
      const value = await closure(openTxSession(run, perform, options, posted))
      await posted.settled()
      return value
    }
    options.scope.run(run, call).then(
      (value) => finish({ ok: true, value }),
      (error: unknown) => finish({ ok: false, error }),
    )
    look()
  })
}

/** What fails dooms the closure, also if it catches it: PostgreSQL refuses every further statement. */
function statementFault(error: unknown): AppError {
  if (faultKind(error) === "conflict")
    return new AppError("unavailable", "Another write came in between; retry.", {
      detail: "tx_conflict",
      cause: error,
    })
  return fromPostgres(error)
}

async function rollback(connection: PgConnection): Promise<void> {
  try {
    if (!connection.isLost) await connection.script("rollback")
  } catch {
    // The server undoes what it loses the connection of.
    connection.cut()
  }
}

async function commit(
  options: AttemptOptions,
  work: Work,
  run: ClosureRun,
  value: unknown,
): Promise<Attempt> {
  const ticket = options.order.enter()
  try {
    const { command } = await work.connection.script("commit")
    if (command !== "COMMIT") {
      ticket.undone()
      work.settled()
      return failed(new Error(`the database answered COMMIT with ${command}`))
    }
  } catch (error) {
    if (isDecided(error, work.connection)) {
      ticket.undone()
      work.settled()
      return faultKind(error) === "conflict"
        ? { kind: "conflict", error: fromPostgres(error) }
        : failed(error)
    }
    work.connection.cut()
    return unclear(options, { ticket, work, run, value, error })
  }
  return told(options, { ticket, work, run, value })
}

/** Whether an error of COMMIT says by itself that nothing was committed: the server refused it and goes on. */
function isDecided(error: unknown, connection: PgConnection): boolean {
  return faultKind(error) !== "connection" && faultKind(error) !== "busy" && !connection.isLost
}

interface Commit {
  readonly ticket: CommitTicket
  readonly work: Work
  readonly run: ClosureRun
  readonly value: unknown
}

/** Resolves when it is this commit's turn and everybody was told. */
function told(options: AttemptOptions, { ticket, work, run, value }: Commit): Promise<Attempt> {
  return new Promise((resolve) => {
    let cancel = () => {}
    let isTold = false
    const tell = () => {
      isTold = true
      cancel()
      options.topics.deliver(run.notices)
      if (run.lastEvent) options.news.appended(run.lastEvent)
      work.settled()
      try {
        options.onCommit?.({ closures: 1, durationMs: options.clock.monotonicMs() - work.startedMono })
      } catch (error) {
        options.log.error({ err: error }, "a listener to commits threw")
      }
      resolve({ kind: "committed", value })
    }
    ticket.committed(tell)
    if (isTold) return
    // One before it is unclear: that is not this caller's fault, and no reason to keep it for ever.
    const late = () =>
      resolve({ kind: "failed", error: storeUnclear(new Error("an earlier commit is unclear")) })
    cancel = options.clock.alarm(longestUnclearMs, late)
  })
}

/**
 * The connection was lost while COMMIT was under way. The database is asked; a caller is kept waiting for so long and
 * no longer, but what was committed is told to the subscribers whenever that is known.
 */
function unclear(options: AttemptOptions, what: Commit & { readonly error: unknown }): Promise<Attempt> {
  const { work, ticket, error } = what
  options.log.warn({ err: error, xid: work.xid }, "a connection was lost during COMMIT: asking how it ended")
  return new Promise((resolve) => {
    const cancel = options.clock.alarm(longestUnclearMs, () =>
      resolve({ kind: "failed", error: storeUnclear(error) }),
    )
    const decide = async () => {
      const outcome = await options.outcomeOf(work.xid, work.connection.backend)
      if (outcome === "committed") return told(options, what)
      ticket.undone()
      work.settled()
      return { kind: "failed", error: storeFailed(error) } as const
    }
    decide()
      // The store closes: nobody will know any more.
      .catch((): Attempt => ({ kind: "failed", error: storeUnclear(error) }))
      .then(resolve)
      .finally(cancel)
      .catch(() => undefined)
  })
}

function failed(error: unknown): Attempt {
  const failure = fromPostgres(error)
  return { kind: "failed", error: failure.code === "unavailable" ? failure : storeFailed(error) }
}
