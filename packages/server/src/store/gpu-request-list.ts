import { type ExpressionBuilder, type SqlBool, sql } from "kysely"
import type { GpuRequest, GpuRequestFilter, GpuRequestStore, Outcome } from "../domain/gpu-requests/index.ts"
import type { Dialect } from "./dialect.ts"
import {
  type GpuRequestRow,
  gpuRequestColumns,
  isLiveRow,
  isNotCancelledRow,
  toGpuRequest,
} from "./gpu-request-rows.ts"
import { invalidCursor } from "./journal.ts"
import type { Database } from "./schema.ts"
import { type BoundSql, type ScanOptions, sessionOf } from "./session.ts"
import { compileNow, rowsAs, statement } from "./statement.ts"

type Builder = ExpressionBuilder<Database, "gpu_request">
type Span = Parameters<GpuRequestStore["heldBetween"]>[1]

/** Where a page ends: the next begins behind it. */
interface Position {
  readonly createdAtMs: number
  readonly id: string
}

/** The lists of GPU requests; all of them run beside the writer, but `lastEnded`. */
export const gpuRequestLists: Pick<
  GpuRequestStore,
  "listIn" | "page" | "heldBetween" | "outcomes" | "lastEnded"
> = {
  async listIn(from, workspaceId, limit) {
    return scan(from, selectIn.bind(sessionOf(from).dialect, { workspaceId, limit }))
  },
  async page(from, filter, limit, cursor) {
    const after = cursor === null ? null : parseCursor(cursor)
    if (matchesNothing(filter)) return { items: [], nextCursor: null }
    const query = gpuRequestPageQuery(sessionOf(from).dialect, filter, limit + 1, after)
    const found = await scan(from, query, { isLong: mayBeFarBack(filter) })
    const items = found.slice(0, limit)
    const last = items.at(-1)
    return { items, nextCursor: found.length > limit && last ? toCursor(last) : null }
  },
  async heldBetween(from, span, limit) {
    if (span.workspaces?.length === 0) return []
    const query = heldBetweenQuery(sessionOf(from).dialect, span, limit)
    return (await scan(from, query, { isLong: true })).toReversed()
  },
  async outcomes(from, sinceMs, limit) {
    const session = sessionOf(from)
    const query = selectOutcomes.bind(session.dialect, { sinceMs, limit })
    const [found] = await session.scan([query], { isLong: true })
    return rowsAs<Outcome>(found)
  },
  async lastEnded(from, limit) {
    // asked once, before anything is answered: reader threads are not started for it
    return (await selectLastEnded.all(from, { limit })).map(toGpuRequest).toReversed()
  },
}

async function scan(
  from: Parameters<GpuRequestStore["page"]>[0],
  query: BoundSql,
  options?: ScanOptions,
): Promise<readonly GpuRequest[]> {
  const [found] = await sessionOf(from).scan([query], options)
  return rowsAs<GpuRequestRow>(found).map(toGpuRequest)
}

const selectIn = statement<{ workspaceId: string; limit: number }>("gpu_request_by_workspace")((db, p) =>
  db
    .selectFrom("gpu_request")
    .select(gpuRequestColumns)
    .where("workspace_id", "=", p("workspaceId"))
    .where(isNotCancelledRow)
    .orderBy("shown_id")
    .limit(p("limit")),
)
const selectOutcomes = statement<{ sinceMs: number; limit: number }>("gpu_request_by_start")((db, p) =>
  db
    .selectFrom("gpu_request")
    .select([
      "priority",
      "created_at_ms as createdAtMs",
      "promised_start_ms as promisedStartMs",
      "promised_at_ms as promisedAtMs",
      "promised_likely_ms as likelyStartMs",
      "started_at_ms as startedAtMs",
    ])
    .where("started_at_ms", ">=", p("sinceMs"))
    .where("promised_start_ms", "is not", null)
    .orderBy("started_at_ms", "desc")
    .limit(p("limit")),
)

/** What left the queue without nodes is skipped on the way: the index has the start, too. */
const selectLastEnded = statement<{ limit: number }>("gpu_request_by_end")((db, p) =>
  db
    .selectFrom("gpu_request")
    .select(gpuRequestColumns)
    .where("ended_at_ms", "is not", null)
    .where("started_at_ms", "is not", null)
    .orderBy("ended_at_ms", "desc")
    .limit(p("limit")),
)

function matchesNothing({ workspaces, states }: GpuRequestFilter): boolean {
  return workspaces?.length === 0 || states?.length === 0
}

/** Whether only live ones are asked for: few, in an index of their own. */
function isOfLive({ states }: GpuRequestFilter): boolean {
  return states?.every((state) => state === "queued" || state === "provisioned") ?? false
}

/** Whether what matches may be rare among what is walked. */
function mayBeFarBack(filter: GpuRequestFilter): boolean {
  const { workspaces, states, automatic } = filter
  return automatic !== undefined || (states ? !isOfLive(filter) : (workspaces?.length ?? 1) > 1)
}

/** One page, newest first, then by id downwards; without states all but cancelled ones. */
export function gpuRequestPageQuery(
  dialect: Dialect,
  filter: GpuRequestFilter,
  limit: number,
  after: Position | null,
): BoundSql {
  // Live ones are sorted: walking all requests in order would pass everything that is over to find them.
  const created = isOfLive(filter)
    ? dialect.unindexed.int("created_at_ms")
    : sql<number>`${sql.ref("created_at_ms")}`
  let query = dialect.db
    .selectFrom("gpu_request")
    .select(gpuRequestColumns)
    .where((eb) => eb.and(conditions(dialect, eb, filter)))
    .orderBy(sql`${created} desc, id desc`)
    .limit(limit)
  if (after) query = query.where(sql<SqlBool>`(${created}, id) < (${after.createdAtMs}, ${after.id})`)
  return compileNow(query)
}

function conditions(dialect: Dialect, eb: Builder, filter: GpuRequestFilter) {
  const { workspaces, states, automatic } = filter
  const all: ReturnType<Builder>[] = []
  if (workspaces) all.push(inWorkspaces(dialect, eb, workspaces))
  if (isOfLive(filter)) all.push(asCondition(isLiveRow))
  if (states) all.push(eb("state", "in", states))
  else all.push(asCondition(isNotCancelledRow))
  if (automatic !== undefined) all.push(eb("automatic", automatic ? "is not" : "is", null))
  return all
}

function asCondition(condition: typeof isLiveRow) {
  return condition as unknown as ReturnType<Builder>
}

/** One workspace has its own index. Several are picked out on the way through all, which ends with the page. */
function inWorkspaces(dialect: Dialect, eb: Builder, workspaces: readonly string[]) {
  const [only] = workspaces
  return workspaces.length === 1 && only !== undefined
    ? eb("workspace_id", "=", only)
    : eb(dialect.unindexed.text("workspace_id"), "in", workspaces)
}

/**
 * The latest that had begun before the span's end and not ended before its beginning, latest first: out of what has
 * ended since, and what holds nodes now.
 */
export function heldBetweenQuery(dialect: Dialect, span: Span, limit: number): BoundSql {
  const { db } = dialect
  const ended = db.selectFrom("gpu_request").select("id").where("ended_at_ms", ">", span.fromMs)
  const holding = db
    .selectFrom("gpu_request")
    .select("id")
    .where(isLiveRow)
    .where("state", "=", "provisioned")
  // The index of each half finds its own: that by start would go through everything that ever began.
  const started = dialect.unindexed.int("started_at_ms")
  const inSpan = (eb: Builder) =>
    eb.and([
      eb(started, "<", span.toMs),
      ...(span.workspaces ? [eb(dialect.unindexed.text("workspace_id"), "in", span.workspaces)] : []),
    ])
  return compileNow(
    db
      .selectFrom("gpu_request")
      .select(gpuRequestColumns)
      .where("id", "in", ended.where(inSpan).unionAll(holding.where(inSpan)))
      .orderBy("started_at_ms", "desc")
      .orderBy("id", "desc")
      .limit(limit),
  )
}

function toCursor({ createdAtMs, id }: Position): string {
  return `${createdAtMs}.${id}`
}

/** @throws AppError `invalid` unless it is written exactly as it was given out */
function parseCursor(cursor: string): Position {
  const [, at, id] = /^(0|[1-9]\d{0,15})\.(gpr_[0-9A-Z]{26})$/.exec(cursor) ?? []
  const createdAtMs = Number(at)
  if (id === undefined || !Number.isSafeInteger(createdAtMs)) throw invalidCursor()
  return { createdAtMs, id }
}
