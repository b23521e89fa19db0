import type { Clock } from "../../kit/clock.ts"
import type { PgConnection } from "./connection.ts"
import { fromPostgres, storeBusy, storeClosed, storeFailed } from "./errors.ts"

export interface PoolOptions {
  /** Connections at most. */
  readonly size: number
  /** Makes the connection of a slot (0 to size - 1). */
  readonly connect: (slot: number) => Promise<PgConnection>
  readonly clock: Clock
  /** Longest wait for a free connection. */
  readonly longestWaitMs: number
  /** Waiters at most; further ones are refused at once. */
  readonly maxWaiting: number
}

/** The use of one connection until `release`. */
export interface Lease {
  readonly connection: PgConnection
  /** Whether it was made for this lease: then it is no leftover of a server that went away since. */
  readonly isFresh: boolean
  /** Gives it back; a connection that was lost or cut is replaced at the next use. Idempotent. */
  release(): void
}

/** So many connections and no more, first come first served; it heals by itself, for lost ones are made anew. */
export interface Pool {
  /** @throws AppError `unavailable`: `store_busy`, `store_failed`, `store_closed` */
  acquire(): Promise<Lease>
  /** Refuses who waits, resolves when every connection is closed. Idempotent. */
  close(): Promise<void>
}

interface Slot {
  readonly at: number
  connection: PgConnection | undefined
}
interface Waiter {
  readonly take: (slot: Slot) => void
  readonly refuse: (error: Error) => void
}

/** A connection is made when it is needed and none is free, so that an idle server has few. */
export function createPool(options: PoolOptions): Pool {
  const free: Slot[] = Array.from({ length: options.size }, (_, at) => ({ at, connection: undefined }))
  const waiting: Waiter[] = []
  const idle: (() => void)[] = []
  let isClosed = false

  function giveBack(slot: Slot) {
    if (slot.connection?.isLost) slot.connection = undefined
    const next = waiting.shift()
    if (next) return next.take(slot)
    // The latest first: as few as suffice stay in use, and their caches warm.
    free.unshift(slot)
    if (free.length === options.size) for (const wake of idle.splice(0)) wake()
  }

  function takeSlot(): Promise<Slot> {
    const slot = free.find((one) => one.connection) ?? free[0]
    if (slot) {
      free.splice(free.indexOf(slot), 1)
      return Promise.resolve(slot)
    }
    if (waiting.length >= options.maxWaiting) return Promise.reject(allBusy())
    return new Promise((resolve, reject) => {
      const settle = () => {
        cancel()
        const at = waiting.indexOf(waiter)
        if (at >= 0) waiting.splice(at, 1)
      }
      const waiter: Waiter = {
        take: (one) => (settle(), resolve(one)),
        refuse: (error) => (settle(), reject(error)),
      }
      const cancel = options.clock.alarm(options.longestWaitMs, () => waiter.refuse(allBusy()))
      waiting.push(waiter)
    })
  }

  return {
    async acquire() {
      if (isClosed) throw storeClosed()
      const slot = await takeSlot()
      if (slot.connection?.isLost) slot.connection = undefined
      const isFresh = !slot.connection
      try {
        slot.connection ??= await options.connect(slot.at)
      } catch (error) {
        giveBack(slot)
        throw cannotConnect(error)
      }
      let isReleased = false
      return {
        connection: slot.connection,
        isFresh,
        release() {
          if (!isReleased) giveBack(slot)
          isReleased = true
        },
      }
    },
    async close() {
      isClosed = true
      for (const waiter of waiting.splice(0)) waiter.refuse(storeClosed())
      if (free.length < options.size) await new Promise<void>((resolve) => idle.push(resolve))
      await Promise.all(
        free.map(async (slot) => {
          await slot.connection?.close().catch(() => undefined)
          slot.connection = undefined
        }),
      )
    },
  }
}

/** Whatever it was, it is not the fault of the statement that was to be run. */
function cannotConnect(error: unknown) {
  const fault = fromPostgres(error)
  return fault.code === "unavailable" ? fault : storeFailed(error)
}

function allBusy() {
  return storeBusy("Too many requests wait for the database; retry shortly.")
}
