import type { Selectable } from "kysely"
import type { NewAuditRecord, NewEvent, Tx } from "../domain/journal/index.ts"
import { toJson } from "./codec.ts"
import type { EventPosition } from "./event-order.ts"
import type { Dialect } from "./dialect.ts"
import type { Database } from "./schema.ts"
import type { BoundSql, SqlRow } from "./session.ts"
import { slotsOf, statement } from "./statement.ts"

const subjectColumns = ["subject_kind", "subject_id", "workspace_id", "actor", "at_ms", "data"] as const
const eventColumns = ["type", ...subjectColumns] as const
const auditColumns = ["operation", "actor_id", "outcome", ...subjectColumns] as const

const insertEvent = statement<Omit<Selectable<Database["event"]>, "seq" | "xid">>("write")(
  (db, p, { events }) =>
    db.insertInto("event").values(slotsOf(p, eventColumns)).returning("seq").returning(events.xid.as("xid")),
)
const insertAudit = statement<Omit<Selectable<Database["audit"]>, "seq">>("write")((db, p) =>
  db.insertInto("audit").values(slotsOf(p, auditColumns)),
)

/** Appends an event and gives its position. */
export async function appendEvent(tx: Tx, event: NewEvent): Promise<EventPosition | undefined> {
  return insertEvent.get(tx, eventRow(event))
}

/** Appends an audit record. */
export async function appendAudit(tx: Tx, record: NewAuditRecord): Promise<void> {
  await insertAudit.run(tx, auditRow(record))
}

/** The statement that appends an event; `positionOf` reads its row. */
export function eventInsert(dialect: Dialect, event: NewEvent): BoundSql {
  return insertEvent.bind(dialect, eventRow(event))
}

/** Where an event was put, from the row that its insert gave. */
export function positionOf(row: SqlRow | undefined): EventPosition | undefined {
  return row && { xid: Number(row["xid"]), seq: Number(row["seq"]) }
}

/** The statement that appends an audit record. */
export function auditInsert(dialect: Dialect, record: NewAuditRecord): BoundSql {
  return insertAudit.bind(dialect, auditRow(record))
}

function eventRow(event: NewEvent) {
  return {
    type: event.type,
    subject_kind: event.subject.kind,
    subject_id: event.subject.id,
    workspace_id: event.workspace,
    actor: toJson(event.actor),
    at_ms: event.atMs,
    data: toJson(event.data),
  }
}

function auditRow(record: NewAuditRecord) {
  return {
    operation: record.operation,
    subject_kind: record.subject.kind,
    subject_id: record.subject.id,
    workspace_id: record.workspace,
    actor_id: record.actor.id,
    actor: toJson(record.actor),
    outcome: record.outcome,
    at_ms: record.atMs,
    data: toJson(record.data),
  }
}
