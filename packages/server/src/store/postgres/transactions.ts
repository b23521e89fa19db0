import { AsyncLocalStorage } from "node:async_hooks"
import type { Tx, TxOptions } from "../../domain/journal/index.ts"
import { type Clock, sleep } from "../../kit/clock.ts"
import type { AppError } from "../../kit/errors.ts"
import type { Log } from "../../kit/log.ts"
import type { ClosureScope } from "../closure-scope.ts"
import { type Attempt, type AttemptOptions, attemptTransaction } from "./attempt.ts"
import { storeBusy, storeClosed } from "./errors.ts"
import { createTurns } from "./turns.ts"

/** How often a closure is run when other transactions were in its way. */
const mostTries = 5
/**
 * From this try on it runs alone. All who write are here: nobody is in its way then. PostgreSQL takes whole pages of
 * an index for what was read, so that in small tables those who have nothing to do with each other conflict too.
 */
const aloneFrom = 3
/** What has waited so long for its turn is refused: its caller has gone or will ask again. */
const longestWaitMs = 10_000
/** The wait before the n-th retry is up to n times this: enough for the other one to be through. */
const pauseStepMs = 10

export interface TransactionsOptions extends AttemptOptions {
  readonly clock: Clock
  readonly log: Log
  readonly scope: ClosureScope
  /** Closures at work at the same time. */
  readonly writers: number
  /** Closures that may wait; more are refused as `store_busy`. */
  readonly maxWaiting: number
  /** 0 to below 1, for the waits between tries. */
  readonly random: () => number
}

/** The one way to write: a SERIALIZABLE transaction per closure, several at work at once (DESIGN 5). */
export interface Transactions {
  tx<T>(closure: (tx: Tx) => Promise<T>, options?: TxOptions): Promise<T>
  readonly waiting: number
  /** Takes no more closures; resolves when those that wait are committed or refused. Idempotent. */
  close(): Promise<void>
}

interface Job {
  readonly closure: (tx: Tx) => Promise<unknown>
  /** From which try on it runs alone. */
  readonly aloneFrom: number
  readonly queuedMono: number
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

export function createTransactions(options: TransactionsOptions): Transactions {
  const { clock, scope, log } = options
  // Else a closure's try, and the subscribers after it, would run in the context of whoever came before.
  const inOwnContext = AsyncLocalStorage.snapshot()
  const turns = createTurns()
  const waiting: Job[] = []
  const idle: (() => void)[] = []
  let active = 0
  let isPumping = false
  let isClosed = false
  let isBroken = false

  /** After the caller's turn, so that all it asks for at once is counted before the first of it begins. */
  function schedule() {
    if (isPumping) return
    isPumping = true
    queueMicrotask(() => {
      isPumping = false
      inOwnContext(pump)
    })
  }

  function pump() {
    while (active < options.writers) {
      const job = waiting.shift()
      if (!job) break
      active++
      void work(job).finally(() => {
        active--
        schedule()
      })
    }
    if (active === 0 && waiting.length === 0) for (const wake of idle.splice(0)) wake()
  }

  async function work(job: Job): Promise<void> {
    const result = await untilDecided(job)
    if (result.kind === "committed") job.resolve(result.value)
    else job.reject(result.error)
    if (result.kind !== "refused") report(result.kind === "failed" ? result.error : undefined)
  }

  async function untilDecided(job: Job): Promise<Attempt> {
    if (clock.monotonicMs() - job.queuedMono > longestWaitMs)
      return { kind: "failed", error: storeBusy("Too many writes are waiting; retry shortly.") }
    for (let tries = 1; ; tries++) {
      const attempt = await inTurn(job, tries >= job.aloneFrom)
      if (attempt.kind !== "conflict") return attempt
      if (tries >= mostTries) return { kind: "failed", error: attempt.error }
      await sleep(clock, options.random() * pauseStepMs * tries)
    }
  }

  async function inTurn(job: Job, isAlone: boolean): Promise<Attempt> {
    const leave = await turns.enter(isAlone)
    try {
      return await attemptTransaction(options, job.closure)
    } finally {
      leave()
    }
  }

  /** Said once when writes begin to fail and once when they work again, not for every refused closure. */
  function report(failure: AppError | undefined) {
    const isDown = failure !== undefined && failure.detail !== "store_busy"
    if (isDown && !isBroken)
      log.error({ err: failure.cause, detail: failure.detail }, "the store refuses writes")
    if (!failure && isBroken) log.info("the store takes writes again")
    if (isDown || !failure) isBroken = isDown
  }

  function refusal(): AppError | undefined {
    if (isClosed) return storeClosed()
    return waiting.length >= options.maxWaiting
      ? storeBusy("Too many writes are waiting; retry shortly.")
      : undefined
  }

  return {
    tx<T>(closure: (tx: Tx) => Promise<T>, { isLarge = false }: TxOptions = {}): Promise<T> {
      const refused = scope.refusal("store.tx") ?? refusal()
      if (refused) return Promise.reject(refused)
      return new Promise<T>((resolve, reject) => {
        waiting.push({
          closure,
          // Beside others it would be run in vain every other time: better at once alone.
          aloneFrom: isLarge ? 1 : aloneFrom,
          queuedMono: clock.monotonicMs(),
          resolve: resolve as (value: unknown) => void,
          reject,
        })
        schedule()
      })
    },
    get waiting() {
      return waiting.length
    },
    close() {
      isClosed = true
      if (active === 0 && waiting.length === 0) return Promise.resolve()
      return new Promise<void>((resolve) => idle.push(resolve))
    },
  }
}
