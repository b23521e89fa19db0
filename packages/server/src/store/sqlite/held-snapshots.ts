import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import type { HeldSnapshot, ScanQuery, SqlRow } from "../session.ts"
import { fromSqlite } from "./errors.ts"
import type { ReaderThread } from "./reader-pool.ts"

type Rows = readonly (readonly SqlRow[])[]

export interface HeldSnapshotsOptions {
  /** Real time: what is measured are real threads. */
  readonly clock: Clock
  readonly startThread: () => ReaderThread
}

/** Views of the database that stay while they are read piece by piece. */
export interface HeldSnapshots {
  /** @throws AppError `unavailable` `store_busy` when none was free for 2 s or too many wait, `store_closed` */
  hold(): Promise<HeldSnapshot>
  /** Refuses who waits; ends the threads, those that are reading when they have read. Idempotent. */
  close(): Promise<void>
}

/** Threads of their own: whoever reads slowly keeps no list from being read. */
const threads = 2
const maxWaiting = 100
const longestWaitMs = 2_000
/** While a snapshot is held the log that is written ahead is not cut: it grows by all that is written meanwhile. */
const longestHoldMs = 30_000

interface Slot {
  readonly thread: ReaderThread
  /** What its answer belongs to, while it reads. */
  reading: PromiseWithResolvers<Rows> | undefined
  readonly exited: Promise<void>
}
interface Waiter {
  readonly take: (slot: Slot) => void
  readonly refuse: (error: AppError) => void
}

/** A thread is started when a snapshot is wanted and none is free; it lives on. */
export function createHeldSnapshots({ clock, startThread }: HeldSnapshotsOptions): HeldSnapshots {
  const slots = new Set<Slot>()
  const free: Slot[] = []
  const waiting: Waiter[] = []
  let isClosed = false

  function addSlot(): Slot {
    const thread = startThread()
    const exit = Promise.withResolvers<void>()
    const slot: Slot = { thread, reading: undefined, exited: exit.promise }
    slots.add(slot)
    thread.onReply((reply) => {
      const { reading } = slot
      slot.reading = undefined
      if ("rows" in reply) reading?.resolve(reply.rows)
      else
        reading?.reject(
          fromSqlite(Object.assign(new Error(reply.message), { errcode: reply.errcode ?? undefined })),
        )
    })
    thread.onExit((error) => {
      slots.delete(slot)
      const at = free.indexOf(slot)
      if (at >= 0) free.splice(at, 1)
      slot.reading?.reject(lost(error))
      exit.resolve()
    })
    return slot
  }

  function slotNow(): Slot | undefined {
    return free.pop() ?? (slots.size < threads ? addSlot() : undefined)
  }

  function slotInTime(): Promise<Slot> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        take(slot) {
          cancel()
          resolve(slot)
        },
        refuse(error) {
          cancel()
          reject(error)
        },
      }
      const cancel = clock.alarm(longestWaitMs, () => {
        waiting.splice(waiting.indexOf(waiter), 1)
        reject(busy("Too many long lists are being read; retry shortly.", "store_busy"))
      })
      waiting.push(waiter)
    })
  }

  /** A thread that still reads is given on when it has read. */
  async function giveBack(slot: Slot): Promise<void> {
    await slot.reading?.promise.catch(() => undefined)
    slot.thread.post(isClosed ? { close: true } : { release: true })
    if (isClosed) return
    const next = waiting.shift()
    if (next) next.take(slots.has(slot) ? slot : addSlot())
    else if (slots.has(slot)) free.push(slot)
  }

  function snapshotOf(slot: Slot): HeldSnapshot {
    let isOver = false
    const release = () => {
      if (isOver) return
      isOver = true
      cancel()
      void giveBack(slot)
    }
    const cancel = clock.alarm(longestHoldMs, release)
    return {
      scan(queries: readonly ScanQuery[]) {
        if (isOver) return Promise.reject(busy("The list was read too slowly.", "read_too_long"))
        if (!slots.has(slot)) return Promise.reject(lost(undefined))
        slot.reading = Promise.withResolvers()
        slot.thread.post({ queries, hold: true })
        return slot.reading.promise
      },
      release,
    }
  }

  return {
    async hold() {
      if (isClosed) throw busy("The server is stopping.", "store_closed")
      const slot = slotNow()
      if (slot) return snapshotOf(slot)
      if (waiting.length >= maxWaiting)
        throw busy("Too many long lists are being read; retry shortly.", "store_busy")
      return snapshotOf(await slotInTime())
    },
    async close() {
      isClosed = true
      for (const { refuse } of waiting.splice(0)) refuse(busy("The server is stopping.", "store_closed"))
      const ending = [...slots]
      for (const slot of ending) {
        // one that reads is through within its list's answer; what is held ends with its connection
        await slot.reading?.promise.catch(() => undefined)
        slot.thread.post({ close: true })
      }
      await Promise.all(ending.map(({ exited }) => exited))
    },
  }
}

function busy(message: string, detail: string): AppError {
  return new AppError("unavailable", message, { detail, retryAfterMs: 1_000 })
}

function lost(cause: unknown): AppError {
  return new AppError("unavailable", "The read could not be finished; retry.", {
    detail: "store_failed",
    cause,
  })
}
