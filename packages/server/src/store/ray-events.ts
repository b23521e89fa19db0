import type { Selectable } from "kysely"
import type { Reads } from "../domain/journal/index.ts"
import type { RayEvent, RayStore } from "../domain/ray/index.ts"
import type { Database } from "./schema.ts"
import { sessionOf } from "./session.ts"
import { compileNow, rowsAs, slotsOf, statement } from "./statement.ts"

type Row = Selectable<Database["ray_event"]>

/** Of each object. */
const keptEvents = 50
/** Objects that one statement asks about: far below what either dialect lets it have of values. */
const objectsPerStatement = 2_000

const givenColumns = [
  "id",
  "object_key",
  "type",
  "reason",
  "message",
  "count",
  "first_at_ms",
  "last_at_ms",
] as const
const columns = ["seq", ...givenColumns] as const

const selectOfOne = statement<{ objectKey: string }>("ray_event_by_object")((db, p) =>
  db.selectFrom("ray_event").select(columns).where("object_key", "=", p("objectKey")).orderBy("seq"),
)
const countAgain = statement<Omit<Row, "seq">>("primary")((db, p) =>
  db
    .updateTable("ray_event")
    .set((eb) => ({ count: eb("count", "+", p("count")), last_at_ms: p("last_at_ms") }))
    .where((eb) =>
      eb(
        "seq",
        "=",
        eb
          .selectFrom("ray_event as latest")
          .select("latest.seq")
          .where("latest.object_key", "=", p("object_key"))
          .where("latest.reason", "=", p("reason"))
          .orderBy("latest.seq", "desc")
          .limit(1),
      ),
    )
    .where("type", "=", p("type"))
    .where("message", "=", p("message")),
)
const insertRow = statement<Omit<Row, "seq">>("write")((db, p) =>
  db.insertInto("ray_event").values(slotsOf(p, givenColumns)),
)
const trim = statement<{ objectKey: string }>("ray_event_by_object")((db, p) =>
  db
    .deleteFrom("ray_event")
    .where("object_key", "=", p("objectKey"))
    .where((eb) =>
      eb(
        "seq",
        "<=",
        eb
          .selectFrom("ray_event as old")
          .select("old.seq")
          .where("old.object_key", "=", p("objectKey"))
          .orderBy("old.seq", "desc")
          .limit(1)
          .offset(keptEvents),
      ),
    ),
)
export const deleteEventsOf = statement<{ objectKey: string }>("ray_event_by_object")((db, p) =>
  db.deleteFrom("ray_event").where("object_key", "=", p("objectKey")),
)

function toEvent(row: Row): RayEvent {
  return {
    id: row.id,
    objectKey: row.object_key,
    type: row.type as RayEvent["type"],
    reason: row.reason,
    message: row.message,
    count: row.count,
    firstAtMs: row.first_at_ms,
    lastAtMs: row.last_at_ms,
  }
}

function fromEvent(event: RayEvent): Omit<Row, "seq"> {
  return {
    id: event.id,
    object_key: event.objectKey,
    type: event.type,
    reason: event.reason,
    message: event.message,
    count: event.count,
    first_at_ms: event.firstAtMs,
    last_at_ms: event.lastAtMs,
  }
}

/** Beside the writer, all on one snapshot: it is as long as the list that it belongs to. */
async function ofMany(from: Reads, objectKeys: readonly string[]): Promise<readonly Row[]> {
  const session = sessionOf(from)
  const queries = []
  for (let at = 0; at < objectKeys.length; at += objectsPerStatement)
    queries.push(
      compileNow(
        session.dialect.db
          .selectFrom("ray_event")
          .select(columns)
          .where("object_key", "in", objectKeys.slice(at, at + objectsPerStatement)),
      ),
    )
  const found = await session.scan(queries)
  return found.flatMap((rows) => rowsAs<Row>(rows)).toSorted((a, b) => a.seq - b.seq)
}

/** What objects have to tell, in the order in which it was told first. */
export const rayEvents: RayStore["events"] = {
  async of(from, objectKeys) {
    const [only] = objectKeys
    if (only === undefined) return []
    const isOne = objectKeys.length === 1
    const rows = isOne ? await selectOfOne.all(from, { objectKey: only }) : await ofMany(from, objectKeys)
    return rows.map(toEvent)
  },
  async note(tx, event) {
    const row = fromEvent(event)
    if ((await countAgain.run(tx, row)) > 0) return
    await insertRow.post(tx, row)
    await trim.post(tx, { objectKey: event.objectKey })
  },
}
