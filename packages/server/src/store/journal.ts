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
import { pruneJournal } from "./journal-prune.ts"
import type { Database } from "./schema.ts"
import { type BoundSql, sessionOf } from "./session.ts"
import { compileNow, rowsAs, statement } from "./statement.ts"

type EventRow = Selectable<Database["event"]>
type AuditRow = Selectable<Database["audit"]>
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

const selectLatest = statement<{ kind: string; id: string; limit: number }>("event_by_subject")((db, p) =>
  db
    .selectFrom("event")
    .select(eventColumns)
    .where("subject_kind", "=", p("kind"))
    .where("subject_id", "=", p("id"))
    .orderBy("seq", "desc")
    .limit(p("limit")),
)
/** The bounds of what is kept: the newest sequence, and the highest that was pruned. */
const selectBounds = statement<object>("primary")((db) =>
  db.selectNoFrom((eb) => [
    eb
      .selectFrom("event")
      .select((inner) => inner.fn.max("seq").as("newest"))
      .as("newest"),
    eb.selectFrom("journal_mark").select("value").where("name", "=", "events_pruned_through").as("pruned"),
  ]),
)

interface Bounds {
  readonly newest: number | null
  readonly pruned: number | null
}

/** At most this many rows are looked at on the event loop, which takes about a millisecond. */
const nearEndEvents = 1_000

function toEvent(row: EventRow): StoredEvent {
  return {
    seq: String(row.seq) as EventSeq,
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

/** A cursor is the decimal sequence, written exactly as it was given out. */
function parseCursor(cursor: string): number {
  const seq = /^[1-9]\d{0,15}$/.test(cursor) ? Number(cursor) : Number.NaN
  if (!Number.isSafeInteger(seq)) throw invalidCursor()
  return seq
}

function invalidCursor(): AppError {
  const issues = [{ path: ["cursor"], message: "is not a cursor of this server" }]
  return new AppError("invalid", "The cursor is not one of this server.", { issues })
}

async function eventsAfter(
  from: Reads,
  after: EventSeq | null,
  filter: EventFilter,
  limit: number,
): Promise<readonly StoredEvent[]> {
  const seq = after === null ? 0 : parseCursor(after)
  const session = sessionOf(from)
  const { db } = session.dialect
  const { workspaces, subject, types } = filter
  if (matchesNothing(filter)) return []
  let query = db.selectFrom("event").select(eventColumns).where("seq", ">", seq).orderBy("seq").limit(limit)
  if (workspaces) query = query.where(inWorkspaces(workspaces))
  if (subject) query = query.where("subject_kind", "=", subject.kind).where("subject_id", "=", subject.id)
  if (types) query = query.where("type", "in", types)
  const queries = [selectBounds.bind(session.dialect, {}), compileNow(query)]
  const [bounds, found] = (await isNearEnd(from, seq))
    ? await session.together(queries)
    : await session.scan(queries)
  if (after !== null) checkCursor(seq, rowsAs<Bounds>(bounds)[0])
  return rowsAs<EventRow>(found).map(toEvent)
}

async function eventsBefore(
  from: Reads,
  before: EventSeq | null,
  filter: EventFilter,
  limit: number,
): Promise<readonly StoredEvent[]> {
  const seq = before === null ? Number.MAX_SAFE_INTEGER : parseCursor(before)
  const session = sessionOf(from)
  if (matchesNothing(filter)) return []
  const isLong = mayBeFarBack(filter)
  const [bounds, found] = await session.scan(
    [selectBounds.bind(session.dialect, {}), eventsBackQuery(session.dialect, seq, filter, limit)],
    { isLong },
  )
  if (before !== null && seq > (rowsAs<Bounds>(bounds)[0]?.newest ?? 0)) throw invalidCursor()
  return rowsAs<EventRow>(found).map(toEvent)
}

function matchesNothing({ workspaces, types }: EventFilter): boolean {
  return workspaces?.length === 0 || types?.length === 0
}

/** Whether what matches may be rare, and no index finds it. */
function mayBeFarBack({ workspaces, subject, types }: EventFilter): boolean {
  return !subject && (types !== undefined || (workspaces !== null && workspaces.length > 1))
}

/** Events before a sequence, newest first. */
export function eventsBackQuery(
  { db }: Dialect,
  beforeSeq: number,
  { workspaces, subject, types }: EventFilter,
  limit: number,
): BoundSql {
  let query = db
    .selectFrom("event")
    .select(eventColumns)
    .where("seq", "<", beforeSeq)
    .orderBy("seq", "desc")
    .limit(limit)
  if (workspaces) query = query.where(inWorkspaces(workspaces))
  if (subject) query = query.where("subject_kind", "=", subject.kind).where("subject_id", "=", subject.id)
  if (types) query = query.where("type", "in", types)
  return compileNow(query)
}

/** One workspace has an index in the order of events; of several, the events are picked out on the way through all. */
function inWorkspaces(workspaces: readonly string[]) {
  const [only] = workspaces
  return (eb: ExpressionBuilder<Database, "event">) =>
    workspaces.length === 1 && only !== undefined
      ? eb("workspace_id", "=", only)
      : eb(sql<string>`${sql.ref("workspace_id")} || ''`, "in", workspaces)
}

/** Followers read on from close to the end: that little is read at once and never waits behind lists. */
async function isNearEnd(from: Reads, seq: number): Promise<boolean> {
  const newest = (await selectBounds.get(from, {}))?.newest ?? 0
  return newest - seq <= nearEndEvents
}

function checkCursor(seq: number, bounds: Bounds | undefined) {
  const pruned = bounds?.pruned ?? 0
  if (seq > Math.max(bounds?.newest ?? 0, pruned)) throw invalidCursor()
  if (seq < pruned)
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
  const [found] = await session.scan([compileNow(query)])
  const rows = rowsAs<AuditRow>(found)
  const items = rows.slice(0, limit).map(toAudit)
  return { items, nextCursor: rows.length > limit ? (items.at(-1)?.seq ?? null) : null }
}

/** Events and audit records. Cursors are decimal sequences here; readers treat them as opaque. */
export const journalReads: JournalReads = {
  eventsAfter,
  eventsBefore,
  auditPage,
  prune: pruneJournal,
  async latestEvents(from, subject, limit) {
    const rows = await selectLatest.all(from, { kind: subject.kind, id: subject.id, limit })
    return rows.map(toEvent)
  },
  async lastSeq(from) {
    const bounds = await selectBounds.get(from, {})
    return bounds?.newest ? (String(bounds.newest) as EventSeq) : null
  },
}
