import { type EventSeq, eventsAppended } from "../../domain/journal/index.ts"
import { type EventPosition, transactionOrder } from "../event-order.ts"
import type { Topics } from "../topics.ts"
import type { RunningTransactions } from "./running.ts"

/** Tells followers when events can be read, which may be later than the commit that appended them. */
export interface EventNews {
  /** A transaction with events was committed; the last of them. */
  appended(last: EventPosition): void
  /** A transaction has ended, however: what waited for it is shown now. */
  ended(): void
}

export function createEventNews(topics: Topics, running: RunningTransactions): EventNews {
  /** Bounded by what is committed while the longest transaction runs. */
  let held: EventPosition[] = []
  let lowest = Infinity

  return {
    appended(last) {
      held.push(last)
      lowest = Math.min(lowest, last.xid)
    },
    ended() {
      const { horizon } = running
      if (lowest >= horizon) return
      const shown = held.filter(({ xid }) => xid < horizon)
      held = held.filter(({ xid }) => xid >= horizon)
      lowest = held.reduce((least, { xid }) => Math.min(least, xid), Infinity)
      const newest = shown.reduce((one, other) => (other.xid > one.xid ? other : one))
      topics.deliver([
        { topic: eventsAppended, value: { lastSeq: transactionOrder.toCursor(newest) as EventSeq } },
      ])
    },
  }
}
