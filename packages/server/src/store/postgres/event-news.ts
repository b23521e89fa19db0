import { AsyncLocalStorage } from "node:async_hooks"
import { type EventSeq, eventsAppended } from "../../domain/journal/index.ts"
import type { Clock } from "../../kit/clock.ts"
import type { Log } from "../../kit/log.ts"
import { type EventPosition, transactionOrder } from "../event-order.ts"
import type { Topics } from "../topics.ts"

export interface EventNewsOptions {
  readonly topics: Topics
  readonly clock: Clock
  readonly log: Log
  /** The newest event that readers are shown. */
  readonly newestShown: () => Promise<EventPosition | undefined>
}

/** Tells followers when events can be read, which may be later than the commit that appended them. */
export interface EventNews {
  /** A transaction with events was committed; the last of them. */
  appended(last: EventPosition): void
  /** A transaction has ended, however: what waited for it may be shown now. */
  ended(): void
  close(): void
}

const firstPauseMs = 50
const longestPauseMs = 2_000

/**
 * Events are shown below the oldest transaction that runs. Mostly that is one of our own, whose end is the moment
 * to look again; but ids are given by the whole database server, and one of somebody else's database is not
 * announced to us. Only for that there is a timer, only while events are held back, and only when somebody follows.
 */
export function createEventNews({ topics, clock, log, newestShown }: EventNewsOptions): EventNews {
  const inOwnContext = AsyncLocalStorage.snapshot()
  let oldest: EventPosition | undefined
  let newest: EventPosition | undefined
  let isLooking = false
  let again = false
  let isClosed = false
  let pauseMs = firstPauseMs
  let cancel = () => {}

  function kick() {
    if (!oldest || isClosed || !topics.hasListeners(eventsAppended)) return
    again = true
    if (isLooking) return
    isLooking = true
    inOwnContext(() => void look())
  }

  async function look(): Promise<void> {
    cancel()
    while (again) {
      again = false
      try {
        tell(await newestShown())
      } catch (error) {
        log.debug({ err: error }, "the newest event could not be read")
      }
    }
    isLooking = false
    if (!oldest || isClosed) return
    cancel = clock.alarm(pauseMs, kick)
    pauseMs = Math.min(pauseMs * 2, longestPauseMs)
  }

  function tell(shown: EventPosition | undefined) {
    if (!shown || !oldest || isBefore(shown, oldest)) return
    const isAll = !newest || !isBefore(shown, newest)
    oldest = isAll ? undefined : { xid: shown.xid, seq: shown.seq + 1 }
    if (isAll) newest = undefined
    pauseMs = firstPauseMs
    topics.deliver([
      { topic: eventsAppended, value: { lastSeq: transactionOrder.toCursor(shown) as EventSeq } },
    ])
  }

  const stop = topics.onSubscribe(eventsAppended, kick)
  return {
    appended(last) {
      if (!oldest || isBefore(last, oldest)) oldest = last
      if (!newest || isBefore(newest, last)) newest = last
      kick()
    },
    ended: kick,
    close() {
      isClosed = true
      stop()
      cancel()
    },
  }
}

function isBefore(one: EventPosition, other: EventPosition): boolean {
  return one.xid < other.xid || (one.xid === other.xid && one.seq < other.seq)
}
