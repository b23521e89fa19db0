import type { Clock } from "./clock.ts"
import { createTurnstile } from "./turnstile.ts"

export interface WorkqueueOptions {
  readonly clock: Clock
  /** Brings one key's world in line; level-triggered: it reads state anew. A throw backs the key off. */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<void>
  /** Keys worked on at once. */
  readonly concurrency: number
  /** A reconcile that lasts longer is aborted by its signal. */
  readonly deadlineMs: number
  /** Told of each failure, with how long the key now waits. */
  readonly onError: (key: string, error: unknown, retryInMs: number) => void
}

/** A queue of keys without payloads: one key never runs twice at once; added while it runs, it runs again. */
export interface Workqueue {
  add(key: string): void
  readonly waiting: number
  readonly running: number
  /** Resolves when nothing waits, runs or is backed off. */
  idle(): Promise<void>
  /** Resolves when every key was looked at: nothing waits or runs, though some may be backed off. */
  settled(): Promise<void>
  /** Takes no more keys, aborts what runs, resolves when it has settled. Idempotent. */
  close(): Promise<void>
}

const firstBackoffMs = 100
const longestBackoffMs = 30_000

/** How long reconciles may hold up one turn of the event loop together. */
const turnBudgetMs = 5

export function createWorkqueue(options: WorkqueueOptions): Workqueue {
  const { clock } = options
  const ready = new Set<string>()
  const running = new Map<string, AbortController>()
  const again = new Set<string>()
  const failures = new Map<string, number>()
  const backoffs = new Map<string, () => void>()
  const waiters: { readonly evenBackedOff: boolean; readonly wake: () => void }[] = []
  // What a reconcile reads is often at hand: hundreds of them would follow each other without a turn of the loop.
  const turns = createTurnstile({ clock, ms: turnBudgetMs })
  let isClosed = false

  function pump() {
    for (const key of ready) {
      if (running.size >= options.concurrency || isClosed) break
      ready.delete(key)
      void work(key)
    }
    if (ready.size > 0 || running.size > 0) return
    for (const waiter of waiters.splice(0))
      if (isClosed || waiter.evenBackedOff || backoffs.size === 0) waiter.wake()
      else waiters.push(waiter)
  }

  async function work(key: string) {
    const abort = new AbortController()
    running.set(key, abort)
    const cancelDeadline = clock.alarm(options.deadlineMs, () =>
      abort.abort(new Error(`reconcile took over ${options.deadlineMs} ms`)),
    )
    try {
      await turns.pass()
      await options.reconcile(key, abort.signal)
      failures.delete(key)
    } catch (error) {
      if (!isClosed) backOff(key, error)
    } finally {
      cancelDeadline()
      running.delete(key)
      if (again.delete(key) && !isClosed) ready.add(key)
      pump()
    }
  }

  function backOff(key: string, error: unknown) {
    const count = failures.get(key) ?? 0
    failures.set(key, count + 1)
    const delay = Math.min(longestBackoffMs, firstBackoffMs * 2 ** Math.min(count, 16))
    options.onError(key, error, delay)
    backoffs.get(key)?.()
    backoffs.set(
      key,
      clock.alarm(delay, () => {
        backoffs.delete(key)
        add(key)
      }),
    )
  }

  function add(key: string) {
    if (isClosed) return
    if (running.has(key)) again.add(key)
    else {
      ready.add(key)
      pump()
    }
  }

  function until(evenBackedOff: boolean): Promise<void> {
    if (ready.size === 0 && running.size === 0 && (evenBackedOff || backoffs.size === 0))
      return Promise.resolve()
    return new Promise((wake) => waiters.push({ evenBackedOff, wake }))
  }

  return {
    add,
    get waiting() {
      return ready.size
    },
    get running() {
      return running.size
    },
    idle: () => until(false),
    settled: () => until(true),
    async close() {
      isClosed = true
      ready.clear()
      again.clear()
      for (const cancel of backoffs.values()) cancel()
      backoffs.clear()
      for (const abort of running.values()) abort.abort(new Error("shutting down"))
      await until(true)
    },
  }
}
