import { AsyncLocalStorage } from "node:async_hooks"
import type { Tx } from "../../domain/journal/index.ts"
import { type EventSeq, eventsAppended } from "../../domain/journal/index.ts"
import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import type { Log } from "../../kit/log.ts"
import { type ClosureRun, type ClosureScope, newClosureRun } from "../closure-scope.ts"
import { type EventPosition, sequenceOrder } from "../event-order.ts"
import type { Notice, Topics } from "../topics.ts"
import type { Connection } from "./connection.ts"
import { fromSqlite, isBreaking, storeFailed } from "./errors.ts"

/** Closures in one transaction at most: bounds how long the event loop is held and what one failure rejects. */
const maxBatch = 64

export interface GroupCommitOptions {
  readonly writer: Connection
  readonly scope: ClosureScope
  readonly topics: Topics
  readonly clock: Clock
  readonly log: Log
  /** Closures that may wait; more are refused as `store_busy`. */
  readonly maxWaiting: number
  /** Makes the handle that a closure gets. */
  readonly openTx: (run: ClosureRun) => Tx
  /** Told after each COMMIT. */
  readonly onCommit?: (commit: { readonly closures: number; readonly durationMs: number }) => void
}

/** The one way to write: closures one after the other, many in one COMMIT (DESIGN 5). */
export interface GroupCommit {
  tx<T>(closure: (tx: Tx) => Promise<T>): Promise<T>
  readonly waiting: number
  /** Takes no more closures; resolves when those that wait are committed or refused. Idempotent. */
  close(): Promise<void>
}

interface Job {
  readonly closure: (tx: Tx) => Promise<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

type Outcome =
  | { readonly ok: true; readonly value: unknown; readonly run: ClosureRun }
  | { readonly ok: false; readonly error: unknown }

/**
 * A batch starts with the event loop's check phase, so that everything that one poll phase brought is in it;
 * it never waits for more. While COMMIT waits for the disk, the next batch gathers in the sockets.
 */
export function createGroupCommit(options: GroupCommitOptions): GroupCommit {
  const { scope, maxWaiting, log } = options
  // Else subscribers would run in the context of whichever request happened to begin the batch.
  const inOwnContext = AsyncLocalStorage.snapshot()
  const waiting: Job[] = []
  const idle: (() => void)[] = []
  let isBusy = false
  let isClosed = false
  let isBroken = false

  function schedule() {
    if (isBusy) return
    isBusy = true
    setImmediate(() => inOwnContext(() => void turn()))
  }

  async function turn() {
    const jobs = waiting.splice(0, maxBatch)
    const failure = await runBatch(options, jobs)
    report(failure)
    isBusy = false
    if (waiting.length > 0) schedule()
    else for (const wake of idle.splice(0)) wake()
  }

  /** Said once when writes begin to fail and once when they work again, not for every refused batch. */
  function report(failure: AppError | undefined) {
    if (failure && !isBroken)
      log.error({ err: failure.cause, detail: failure.detail }, "the store refuses writes")
    if (!failure && isBroken) log.info("the store takes writes again")
    isBroken = failure !== undefined
  }

  function refusal(): AppError | undefined {
    if (isClosed) return new AppError("unavailable", "The server is stopping.", { detail: "store_closed" })
    if (waiting.length >= maxWaiting)
      return new AppError("unavailable", "Too many writes are waiting; retry shortly.", {
        detail: "store_busy",
        retryAfterMs: 1_000,
      })
    return undefined
  }

  return {
    tx<T>(closure: (tx: Tx) => Promise<T>): Promise<T> {
      const refused = scope.refusal("store.tx") ?? refusal()
      if (refused) return Promise.reject(refused)
      return new Promise<T>((resolve, reject) => {
        waiting.push({ closure, resolve: resolve as (value: unknown) => void, reject })
        schedule()
      })
    },
    get waiting() {
      return waiting.length
    },
    close() {
      isClosed = true
      return isBusy ? new Promise<void>((resolve) => idle.push(resolve)) : Promise.resolve()
    },
  }
}

/** Runs, commits and answers; resolves with what broke the batch. */
async function runBatch(options: GroupCommitOptions, jobs: readonly Job[]): Promise<AppError | undefined> {
  const { writer, clock } = options
  const startedMono = clock.monotonicMs()
  const outcomes: Outcome[] = []
  try {
    writer.exec("begin immediate")
    for (const job of jobs) outcomes.push(await runClosure(options, job))
    assertOpen(writer)
    // Nothing to keep: a COMMIT would only cost what a ROLLBACK does not.
    writer.exec(outcomes.some((outcome) => outcome.ok) ? "commit" : "rollback")
  } catch (error) {
    const failure = abandonBatch(writer, error)
    for (const job of jobs) job.reject(failure)
    return failure
  }
  tellOf(options, outcomes, clock.monotonicMs() - startedMono)
  answer(jobs, outcomes)
  return undefined
}

/** Whatever listeners do, the batch stands and its callers are answered. */
function tellOf(options: GroupCommitOptions, outcomes: readonly Outcome[], durationMs: number) {
  options.topics.deliver(noticesOf(outcomes))
  try {
    options.onCommit?.({ closures: outcomes.length, durationMs })
  } catch (error) {
    options.log.error({ err: error }, "a listener to commits threw")
  }
}

/**
 * SQLite ends a transaction by itself when the disk is full or fails. A SAVEPOINT after that would open a
 * transaction of its own and RELEASE commit it: half a batch, unknown to its callers.
 */
function assertOpen(writer: Connection) {
  if (!writer.isTransaction) throw storeFailed(new Error("the transaction ended by itself"))
}

function abandonBatch(writer: Connection, error: unknown): AppError {
  try {
    if (writer.isTransaction) writer.exec("rollback")
  } catch {
    // The transaction is gone either way, and the first error says why.
  }
  const failure = fromSqlite(error)
  return failure.code === "unavailable" ? failure : storeFailed(error)
}

/** @throws what broke the whole batch */
async function runClosure(options: GroupCommitOptions, job: Job): Promise<Outcome> {
  const { writer } = options
  assertOpen(writer)
  writer.exec("savepoint closure")
  const run = newClosureRun()
  const settled = await settle(options, job, run)
  if (run.failure?.code === "unavailable") throw run.failure
  assertOpen(writer)
  const outcome: Outcome = run.failure
    ? { ok: false, error: settled.ok ? run.failure : settled.error }
    : settled
  if (!outcome.ok) writer.exec("rollback to closure")
  writer.exec("release closure")
  return outcome
}

/**
 * Calls the closure and waits until it settles, or until the event loop has come round: by then every
 * closure that awaits only its transaction has settled, because all of that is microtasks.
 */
function settle(options: GroupCommitOptions, job: Job, run: ClosureRun): Promise<Outcome> {
  return new Promise((resolve) => {
    const watch = setImmediate(() => {
      run.phase = "abandoned"
      const message =
        "A transaction closure awaited something other than its transaction and was rolled back."
      resolve({ ok: false, error: new AppError("internal", message, { detail: "foreign_await" }) })
    })
    const finish = (outcome: Outcome) => {
      if (run.phase !== "running") return
      run.phase = "settled"
      clearImmediate(watch)
      resolve(outcome)
    }
    const call = async () => job.closure(options.openTx(run))
    options.scope.run(run, call).then(
      (value) => finish({ ok: true, value, run }),
      (error: unknown) => finish({ ok: false, error }),
    )
  })
}

/** In the order of the closures; news of the journal once, at the end. */
function noticesOf(outcomes: readonly Outcome[]): readonly Notice[] {
  const notices: Notice[] = []
  let lastEvent: EventPosition | undefined
  for (const outcome of outcomes) {
    if (!outcome.ok) continue
    notices.push(...outcome.run.notices)
    lastEvent = outcome.run.lastEvent ?? lastEvent
  }
  if (lastEvent)
    notices.push({ topic: eventsAppended, value: { lastSeq: sequenceOrder.toCursor(lastEvent) as EventSeq } })
  return notices
}

function answer(jobs: readonly Job[], outcomes: readonly Outcome[]) {
  jobs.forEach((job, at) => {
    const outcome = outcomes[at]
    if (outcome?.ok) job.resolve(outcome.value)
    else job.reject(outcome?.error)
  })
}

/** Runs one statement of a closure; what fails dooms the closure, as it does on every dialect. */
export function perform<T>(writer: Connection, run: ClosureRun, work: () => T): Promise<T> {
  if (run.phase !== "running")
    return Promise.reject(new AppError("internal", "The transaction is over.", { detail: "tx_over" }))
  // Outside a transaction a statement would commit on its own.
  if (!writer.isTransaction) run.failure ??= storeFailed(new Error("the transaction ended by itself"))
  if (run.failure) return Promise.reject(run.failure)
  try {
    return Promise.resolve(work())
  } catch (error) {
    run.failure = isBreaking(error) || writer.isTransaction ? fromSqlite(error) : storeFailed(error)
    return Promise.reject(run.failure)
  }
}
