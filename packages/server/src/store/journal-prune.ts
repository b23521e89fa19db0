import type { JournalReads, Tx } from "../domain/journal/index.ts"
import type { EventPosition } from "./event-order.ts"
import { sessionOf } from "./session.ts"
import { statement } from "./statement.ts"

type Keep = Parameters<JournalReads["prune"]>[1]

const selectOldestEvents = statement<{ limit: number; horizon: number }>("primary")((db, p, { events }) =>
  db
    .selectFrom("event")
    .select(["seq", "at_ms"])
    .select(events.xid.as("xid"))
    .where(events.isSettled(p("horizon")))
    .orderBy(events.oldestFirst)
    .limit(p("limit")),
)
const selectOldestAudits = statement<{ limit: number }>("primary")((db, p) =>
  db.selectFrom("audit").select(["seq", "at_ms"]).orderBy("seq").limit(p("limit")),
)
const selectNewest = statement<object>("primary")((db, _, { events }) =>
  db.selectFrom("event").select("seq").orderBy(events.newestFirst).limit(1),
)
const deleteEvents = statement<EventPosition>("primary")((db, p, { events }) =>
  db.deleteFrom("event").where(events.upTo({ xid: p("xid"), seq: p("seq") })),
)
const deleteAudits = statement<{ through: number }>("primary")((db, p) =>
  db.deleteFrom("audit").where("seq", "<=", p("through")),
)
const setMark = statement<{ name: string; value: number }>("write")((db, p) =>
  db
    .insertInto("journal_mark")
    .values({ name: p("name"), value: p("value") })
    .onConflict((conflict) =>
      conflict.column("name").doUpdateSet((eb) => ({ value: eb.ref("excluded.value") })),
    ),
)

/**
 * See JournalReads.prune. Only ever cuts off the oldest end, so that one number tells which cursors are
 * gone: an entry that a clock set back has dated wrongly waits for those before it.
 */
export async function pruneJournal(tx: Tx, keep: Keep, limit: number): Promise<number> {
  return (await pruneEvents(tx, keep, limit)) + (await pruneAudits(tx, keep.auditAfterMs, limit))
}

async function pruneEvents(tx: Tx, keep: Keep, limit: number): Promise<number> {
  const newest = (await selectNewest.get(tx, {}))?.seq ?? 0
  const beyond = newest - keep.maxEvents
  const oldest = await selectOldestEvents.all(tx, { limit, horizon: sessionOf(tx).horizon })
  const kept = oldest.findIndex((row) => row.at_ms >= keep.eventsAfterMs && row.seq > beyond)
  const through = (kept === -1 ? oldest : oldest.slice(0, kept)).at(-1)
  if (through === undefined) return 0
  const { xid, seq } = through
  await setMark.run(tx, { name: "events_pruned_through", value: seq })
  if (xid > 0) await setMark.run(tx, { name: "events_pruned_xid", value: xid })
  return deleteEvents.run(tx, { xid, seq })
}

async function pruneAudits(tx: Tx, afterMs: number, limit: number): Promise<number> {
  const oldest = await selectOldestAudits.all(tx, { limit })
  const kept = oldest.findIndex((row) => row.at_ms >= afterMs)
  const through = (kept === -1 ? oldest : oldest.slice(0, kept)).at(-1)?.seq
  return through === undefined ? 0 : deleteAudits.run(tx, { through })
}
