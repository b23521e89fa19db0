import { type ExpressionBuilder, type Selectable, sql } from "kysely"
import { AppError } from "../kit/errors.ts"
import type {
  Actor,
  AuditRecord,
  EventFilter,
  EventSeq,
  JournalReads,
  Page,
  Reads,
  StoredEvent,
  SubjectKind,
} from "../domain/journal/index.ts"
import { fromJson } from "./codec.ts"
import type { Dialect } from "./dialect.ts"
import type { EventOrder, EventPosition } from "./event-order.ts"
import { pruneJournal } from "./journal-prune.ts"
import type { Database } from "./schema.ts"
import { type BoundSql, type Session, sessionOf } from "./session.ts"
import { compileNow, rowsAs, statement } from "./statement.ts"

type EventRow = Selectable<Database["event"]>
type AuditRow = Omit<Selectable<Database["audit"]>, "xid">
type AuditFilter = Parameters<JournalReads["auditPage"]>[1]

const subjectColumns = [
  "seq",
  "subject_kind",
  "subject_id",
  "workspace_id",
  "actor",
  "at_ms",
  "data",
] as const
const eventColumns = ["type", ...subjectColumns] as const
const auditColumns = ["operation", "outcome", "actor_id", ...subjectColumns] as const

const selectLatest = statement<{ kind: string; id: string; limit: number }>("event_by_subject")(
  (db, p, { events }) =>
    db
      .selectFrom("event")
      .select(eventColumns)
      .select(events.xid.as("xid"))
      .where("subject_kind", "=", p("kind"))
      .where("subject_id", "=", p("id"))
      .orderBy(events.newestFirst)
      .limit(p("limit")),
)
/** The newest event that readers may be shown; nothing can come before it any more. */
const selectNewest = statement<{ horizon: number }>("primary")((db, p, { events }) =>
  db
    .selectFrom("event")
    .select("seq")
    .select(events.xid.as("xid"))
    .where(events.isSettled(p("horizon")))
    .orderBy(events.newestFirst)
    .limit(1),
)
/** The position of the newest event that was pruned. */
const selectPruned = statement<object>("primary")((db) =>
  db
    .selectFrom("journal_mark")
    .select(["name", "value"])
    .where("name", "in", [sql.lit("events_pruned_through"), sql.lit("events_pruned_xid")]),
)

/** At most this many rows are looked at on the event loop, which takes about a millisecond. */
const nearEndEvents = 1_000

function toEvent(row: EventRow, order: EventOrder): StoredEvent {
  return {
    seq: order.toCursor(row) as EventSeq,
    type: row.type,
    subject: { kind: row.subject_kind as SubjectKind, id: row.subject_id },
    workspace: row.workspace_id,
    actor: fromJson<Actor>(row.actor),
    atMs: row.at_ms,
    data: fromJson(row.data),
  }
}

function toAudit(row: AuditRow): AuditRecord {
  return {
    seq: String(row.seq),
    operation: row.operation,
    subject: { kind: row.subject_kind as SubjectKind, id: row.subject_id },
    workspace: row.workspace_id,
    actor: fromJson<Actor>(row.actor),
    outcome: row.outcome as AuditRecord["outcome"],
    atMs: row.at_ms,
    data: fromJson(row.data),
  }
}

const beginning: EventPosition = { xid: 0, seq: 0 }

/** A cursor of events, written exactly as it was given out. */
function parsePosition(order: EventOrder, cursor: string): EventPosition {
  const position = order.fromCursor(cursor)
  if (!position) throw invalidCursor()
  return position
}

/** A cursor of audit records is the decimal sequence, written exactly as it was given out. */
function parseCursor(cursor: string): number {
  const seq = /^[1-9]\d{0,15}$/.test(cursor) ? Number(cursor) : Number.NaN
  if (!Number.isSafeInteger(seq)) throw invalidCursor()
  return seq
}

/** What a cursor that no list has given out is refused with. */
export function invalidCursor(): AppError {
  const issues = [{ path: ["cursor"], message: "is not a cursor of this server" }]
  return new AppError("invalid", "The cursor is not one of this server.", { issues })
}

async function eventsAfter(
  from: Reads,
  after: EventSeq | null,
  filter: EventFilter,
  limit: number,
): Promise<readonly StoredEvent[]> {
  const session = sessionOf(from)
  const { dialect } = session
  const { db, events } = dialect
  const start = after === null ? beginning : parsePosition(events, after)
  const { workspaces, subject, types } = filter
  if (matchesNothing(filter)) return []
  let query = db
    .selectFrom("event")
    .select(eventColumns)
    .select(events.xid.as("xid"))
    .where(events.after(start))
    .orderBy(events.oldestFirst)
    .limit(limit)
  query = query.where(events.isSettled(session.horizon))
  if (workspaces) query = query.where(inWorkspaces(dialect, workspaces))
  if (subject) query = query.where("subject_kind", "=", subject.kind).where("subject_id", "=", subject.id)
  if (types) query = query.where("type", "in", types)
  const queries = [selectNewest.bind(dialect, session), selectPruned.bind(dialect, {}), compileNow(query)]
  const [newest, pruned, found] = (await isNearEnd(from, start.seq))
    ? await session.together(queries)
    : await session.scan(queries, { isLong: mayBeFarBack(filter) })
  if (after !== null) checkCursor(start, rowsAs<EventPosition>(newest)[0], prunedThrough(rowsAs(pruned)))
  return rowsAs<EventRow>(found).map((row) => toEvent(row, events))
}

async function eventsBefore(
  from: Reads,
  before: EventSeq | null,
  filter: EventFilter,
  limit: number,
): Promise<readonly StoredEvent[]> {
  const session = sessionOf(from)
  const { dialect } = session
  const end = before === null ? null : parsePosition(dialect.events, before)
  if (matchesNothing(filter)) return []
  const isLong = mayBeFarBack(filter)
  const [newest, found] = await session.scan(
    [selectNewest.bind(dialect, session), eventsBackQuery(session, end, filter, limit)],
    { isLong },
  )
  if (end && comesBefore(rowsAs<EventPosition>(newest)[0] ?? beginning, end)) throw invalidCursor()
  return rowsAs<EventRow>(found).map((row) => toEvent(row, dialect.events))
}

function matchesNothing({ workspaces, types }: EventFilter): boolean {
  return workspaces?.length === 0 || types?.length === 0
}

/** Whether what matches may be rare, and no index finds it. */
function mayBeFarBack({ workspaces, subject, types }: EventFilter): boolean {
  return !subject && (types !== undefined || (workspaces !== null && workspaces.length > 1))
}

/** Events before a position (null = all), newest first. */
export function eventsBackQuery(
  { dialect, horizon }: Pick<Session, "dialect" | "horizon">,
  end: EventPosition | null,
  { workspaces, subject, types }: EventFilter,
  limit: number,
): BoundSql {
  const { db, events } = dialect
  let query = db
    .selectFrom("event")
    .select(eventColumns)
    .select(events.xid.as("xid"))
    .orderBy(events.newestFirst)
    .limit(limit)
  if (end) query = query.where(events.before(end))
  query = query.where(events.isSettled(horizon))
  if (workspaces) query = query.where(inWorkspaces(dialect, workspaces))
  if (subject) query = query.where("subject_kind", "=", subject.kind).where("subject_id", "=", subject.id)
  if (types) query = query.where("type", "in", types)
  return compileNow(query)
}

/** One workspace has an index in the order of events; of several, the events are picked out on the way through all. */
function inWorkspaces(dialect: Dialect, workspaces: readonly string[]) {
  const [only] = workspaces
  return (eb: ExpressionBuilder<Database, "event">) =>
    workspaces.length === 1 && only !== undefined
      ? eb("workspace_id", "=", only)
      : eb(dialect.unindexed.text("workspace_id"), "in", workspaces)
}

/** Followers read on from close to the end: that little is read at once and never waits behind lists. */
async function isNearEnd(from: Reads, seq: number): Promise<boolean> {
  const newest = (await selectNewest.get(from, sessionOf(from)))?.seq ?? 0
  return newest - seq <= nearEndEvents
}

function prunedThrough(marks: readonly { readonly name: string; readonly value: number }[]): EventPosition {
  const mark = (name: string) => marks.find((one) => one.name === name)?.value ?? 0
  return { xid: mark("events_pruned_xid"), seq: mark("events_pruned_through") }
}

function comesBefore(one: EventPosition, other: EventPosition): boolean {
  return one.xid < other.xid || (one.xid === other.xid && one.seq < other.seq)
}

function checkCursor(cursor: EventPosition, newest: EventPosition | undefined, pruned: EventPosition) {
  if (comesBefore(pruned, cursor) && comesBefore(newest ?? beginning, cursor)) throw invalidCursor()
  if (comesBefore(cursor, pruned))
    throw new AppError("not_found", "The events after this cursor are no longer kept.", {
      resource: "event",
      detail: "cursor_gone",
    })
}

async function auditPage(
  from: Reads,
  filter: AuditFilter,
  limit: number,
  cursor: string | null,
): Promise<Page<AuditRecord>> {
  const session = sessionOf(from)
  const { workspaces, operation, actorId, outcome } = filter
  if (workspaces?.length === 0) return { items: [], nextCursor: null }
  let query = session.dialect.db
    .selectFrom("audit")
    .select(auditColumns)
    .orderBy("seq", "desc")
    .limit(limit + 1)
  if (cursor !== null) query = query.where("seq", "<", parseCursor(cursor))
  if (workspaces) query = query.where("workspace_id", "in", workspaces)
  if (operation !== undefined) query = query.where("operation", "=", operation)
  if (actorId !== undefined) query = query.where("actor_id", "=", actorId)
  if (outcome !== undefined) query = query.where("outcome", "=", outcome)
  // Nothing but the actor has an index: what is rare may be far back.
  const isLong = [workspaces ?? undefined, operation, outcome].some((value) => value !== undefined)
  const [found] = await session.scan([compileNow(query)], { isLong })
  const rows = rowsAs<AuditRow>(found)
  const items = rows.slice(0, limit).map(toAudit)
  return { items, nextCursor: rows.length > limit ? (items.at(-1)?.seq ?? null) : null }
}

/** Events and audit records. Readers treat cursors as opaque. */
export const journalReads: JournalReads = {
  eventsAfter,
  eventsBefore,
  auditPage,
  prune: pruneJournal,
  async latestEvents(from, subject, limit) {
    const rows = await selectLatest.all(from, { kind: subject.kind, id: subject.id, limit })
    return rows.map((row) => toEvent(row, sessionOf(from).dialect.events))
  },
  async lastSeq(from) {
    const newest = await selectNewest.get(from, sessionOf(from))
    return newest ? (sessionOf(from).dialect.events.toCursor(newest) as EventSeq) : null
  },
}
