import { type RawBuilder, type SqlBool, sql } from "kysely"

/** Where an event stands among all events: by the transaction that appended it, then by its sequence. */
export interface EventPosition {
  /** 0 where sequences alone give the order. */
  readonly xid: number
  readonly seq: number
}

/**
 * The order in which events are read. It must be one to which nothing is ever added behind a reader's back:
 * whoever has read up to a position has read all there will ever be before it.
 */
export interface EventOrder {
  /** Selects the `xid` of a position. */
  readonly xid: RawBuilder<number>
  readonly oldestFirst: RawBuilder<unknown>
  readonly newestFirst: RawBuilder<unknown>
  after(position: EventPosition): RawBuilder<SqlBool>
  before(position: EventPosition): RawBuilder<SqlBool>
  upTo(position: EventPosition): RawBuilder<SqlBool>
  /** Whether nothing can come before the row any more: it is below `Session.horizon`. */
  isSettled(horizon: number): RawBuilder<SqlBool>
  toCursor(position: EventPosition): string
  /** The inverse; undefined for what `toCursor` does not give. */
  fromCursor(cursor: string): EventPosition | undefined
}

const sequence = /^[1-9]\d{0,15}$/

/** One writer: sequences are given in the order of the commits. A cursor is the decimal sequence. */
export const sequenceOrder: EventOrder = {
  xid: sql<number>`0`,
  oldestFirst: sql`seq`,
  newestFirst: sql`seq desc`,
  after: ({ seq }) => sql<SqlBool>`seq > ${seq}`,
  before: ({ seq }) => sql<SqlBool>`seq < ${seq}`,
  upTo: ({ seq }) => sql<SqlBool>`seq <= ${seq}`,
  // One writer: what is there is settled.
  isSettled: () => sql<SqlBool>`true`,
  toCursor: ({ seq }) => String(seq),
  fromCursor: (cursor) => safe([sequence.test(cursor) ? cursor : undefined, "0"]),
}

/**
 * Many writers (PostgreSQL): a sequence is given at the insert, so that an event with a lower one may be
 * committed later, and a reader who had passed it would never see it. Transaction ids have the same fault, but it is
 * known which is the oldest that still runs: below it everything is decided. Whoever saw what another
 * transaction wrote began after it, and has the higher id.
 *
 * The ids of a database begin anew when it is restored from a dump: `berth.event_offset`, set on every
 * connection, is what has to be added so that they go on where they were (see `takeOver`).
 */
export const transactionOrder: EventOrder = {
  xid: sql<number>`xid`,
  oldestFirst: sql`xid, seq`,
  newestFirst: sql`xid desc, seq desc`,
  after: ({ xid, seq }) => sql<SqlBool>`(xid, seq) > (${xid}, ${seq})`,
  before: ({ xid, seq }) => sql<SqlBool>`(xid, seq) < (${xid}, ${seq})`,
  upTo: ({ xid, seq }) => sql<SqlBool>`(xid, seq) <= (${xid}, ${seq})`,
  isSettled: (horizon) => sql<SqlBool>`xid < ${horizon}`,
  toCursor: ({ xid, seq }) => `${xid}.${seq}`,
  fromCursor(cursor) {
    const [xid, seq, ...more] = cursor.split(".")
    const isOne = more.length === 0 && sequence.test(xid ?? "") && sequence.test(seq ?? "")
    return safe(isOne ? [seq, xid] : [undefined, undefined])
  },
}

function safe([seq, xid]: readonly (string | undefined)[]): EventPosition | undefined {
  const position = { xid: Number(xid), seq: Number(seq) }
  return Number.isSafeInteger(position.xid) && Number.isSafeInteger(position.seq) ? position : undefined
}
