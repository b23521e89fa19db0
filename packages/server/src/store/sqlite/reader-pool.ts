import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import type { Log } from "../../kit/log.ts"
import type { ScanOptions, ScanQuery, SqlRow } from "../session.ts"
import { fromSqlite } from "./errors.ts"
import type { ReaderReply, ReaderRequest, ReaderSetup } from "./reader-protocol.ts"
import { startThread } from "./start-thread.ts"

type Rows = readonly (readonly SqlRow[])[]

/** One reader thread, as the pool sees it. */
export interface ReaderThread {
  post(request: ReaderRequest): void
  onReply(listener: (reply: ReaderReply) => void): void
  /** The thread is gone, for whatever reason. */
  onExit(listener: (error: Error | undefined) => void): void
}

export interface ReaderPoolOptions {
  /** Real time: what is measured are real threads. */
  readonly clock: Clock
  readonly log: Log
  readonly startThread: () => ReaderThread
}

/** Answers long reads beside the event loop. */
export interface ReaderPool {
  /**
   * Runs the queries on one snapshot of what is committed. Long ones leave a thread to the others.
   * @throws AppError `unavailable` with detail `store_busy` when no thread was free for 2 s or too many wait,
   *   `read_too_long` when it ran for 10 s
   */
  scan(queries: readonly ScanQuery[], options?: ScanOptions): Promise<Rows>
  /** Refuses what waits, ends the threads as they get free. Idempotent. */
  close(): Promise<void>
}

const threads = 2
/** Of them, how many long reads may have at once: a page out of an index never waits behind somebody's sort of all rows. */
const threadsForLong = threads - 1
const maxWaiting = 1_000
const longestWaitMs = 2_000
const longestRunMs = 10_000
/** Threads given up on that still run; beyond it, no more are started until one has ended. */
const maxOverdue = 4

interface Job {
  readonly queries: readonly ScanQuery[]
  readonly isLong: boolean
  readonly resolve: (rows: Rows) => void
  readonly reject: (error: AppError) => void
  cancelDeadline: () => void
}
interface Slot {
  readonly thread: ReaderThread
  job: Job | undefined
  readonly exited: Promise<void>
}

/** A thread is started when a read finds none free, so that a server that lists nothing has none. */
export function createReaderPool(options: ReaderPoolOptions): ReaderPool {
  const { clock } = options
  const waiting: Job[] = []
  const slots = new Set<Slot>()
  const overdue = new Set<Slot>()
  let isClosed = false

  function pump() {
    for (let at = nextAt(); at >= 0; at = nextAt()) {
      const slot = freeSlot()
      if (!slot) return
      for (const job of waiting.splice(at, 1)) start(slot, job)
    }
  }

  /** The one that has waited longest of those that may begin; -1 = none. */
  function nextAt(): number {
    let long = 0
    for (const slot of slots) if (slot.job?.isLong) long++
    return waiting.findIndex((job) => !job.isLong || long < threadsForLong)
  }

  function freeSlot(): Slot | undefined {
    for (const slot of slots) if (!slot.job) return slot
    return slots.size < threads && overdue.size < maxOverdue ? addSlot() : undefined
  }

  function addSlot(): Slot {
    const thread = options.startThread()
    const exit = Promise.withResolvers<void>()
    const slot: Slot = { thread, job: undefined, exited: exit.promise }
    slots.add(slot)
    thread.onReply((reply) => finish(slot, reply))
    thread.onExit((error) => {
      slots.delete(slot)
      overdue.delete(slot)
      if (error) options.log.error({ err: error }, "a reader thread of the store ended")
      take(slot)?.reject(readFailed(error))
      exit.resolve()
      pump()
    })
    return slot
  }

  function start(slot: Slot, job: Job) {
    job.cancelDeadline()
    slot.job = job
    job.cancelDeadline = clock.alarm(longestRunMs, () => giveUp(slot))
    slot.thread.post({ queries: job.queries })
  }

  function take(slot: Slot): Job | undefined {
    const { job } = slot
    slot.job = undefined
    job?.cancelDeadline()
    return job
  }

  function finish(slot: Slot, reply: ReaderReply) {
    const job = take(slot)
    if (overdue.has(slot) || isClosed) slot.thread.post({ close: true })
    if ("rows" in reply) job?.resolve(reply.rows)
    else
      job?.reject(
        fromSqlite(Object.assign(new Error(reply.message), { errcode: reply.errcode ?? undefined })),
      )
    pump()
  }

  /** node:sqlite cannot be interrupted: another thread takes the place, this one ends when it is through. */
  function giveUp(slot: Slot) {
    slots.delete(slot)
    overdue.add(slot)
    options.log.warn({ overdue: overdue.size }, "a read of the store took too long")
    take(slot)?.reject(busy("The read took too long; narrow it down.", "read_too_long"))
    pump()
  }

  function enqueue(queries: readonly ScanQuery[], isLong: boolean): Promise<Rows> {
    return new Promise((resolve, reject) => {
      const job: Job = { queries, isLong, resolve, reject, cancelDeadline: () => undefined }
      job.cancelDeadline = clock.alarm(longestWaitMs, () => {
        const at = waiting.indexOf(job)
        if (at >= 0) waiting.splice(at, 1)
        reject(busy("Too many lists are being read; retry shortly.", "store_busy"))
      })
      waiting.push(job)
      pump()
    })
  }

  return {
    scan(queries, options) {
      if (isClosed) return Promise.reject(busy("The server is stopping.", "store_closed"))
      if (waiting.length >= maxWaiting)
        return Promise.reject(busy("Too many lists are being read; retry shortly.", "store_busy"))
      return enqueue(queries, options?.isLong ?? false)
    },
    async close() {
      isClosed = true
      for (const job of waiting.splice(0)) {
        job.cancelDeadline()
        job.reject(busy("The server is stopping.", "store_closed"))
      }
      const ending = [...slots]
      for (const slot of ending) if (!slot.job) slot.thread.post({ close: true })
      // Overdue threads are not waited for: they may run for as long as their query does.
      await Promise.all(ending.map((slot) => slot.exited))
    },
  }
}

function busy(message: string, detail: string): AppError {
  return new AppError("unavailable", message, { detail, retryAfterMs: 1_000 })
}

function readFailed(cause: unknown): AppError {
  return new AppError("unavailable", "The read could not be finished; retry.", {
    detail: "store_failed",
    cause,
  })
}

/** A real thread on the database at `path`; it keeps the process up only while it has something to do. */
export function startReaderThread(path: string): ReaderThread {
  const worker = startThread("reader-worker", { path } satisfies ReaderSetup)
  worker.unref()
  let failure: Error | undefined
  worker.on("error", (error: Error) => {
    failure = error
  })
  return {
    post(request) {
      worker.ref()
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
      worker.postMessage(request)
    },
    onReply(listener) {
      worker.on("message", (reply: ReaderReply) => {
        worker.unref()
        listener(reply)
      })
    },
    onExit(listener) {
      worker.on("exit", () => listener(failure))
    },
  }
}
