import { type ExpressionBuilder, type RawBuilder, type SqlBool, sql } from "kysely"
import type { ServiceColumn, ServiceCondition, ServiceQuery } from "../domain/services/index.ts"
import type { Dialect } from "./dialect.ts"
import type { Database } from "./schema.ts"
import { type Columns, countColumns, isIndexed, recordColumns, testOf } from "./service-conditions.ts"
import type { BoundSql, ScanQuery, SqlRow } from "./session.ts"
import { compileNow, rowsAs } from "./statement.ts"

type Builder = ExpressionBuilder<Database, "service_record">
type Answers = readonly (readonly SqlRow[])[]

/** What a page is read by, and how its answers are understood. */
export interface PagePlan {
  readonly queries: readonly ScanQuery[]
  read(answers: Answers): { readonly total: number; readonly rows: readonly SqlRow[] }
}

/** Makes the query of what is shown of the records whose keys another one gives, in the order of the list. */
export type Shown = (dialect: Dialect, query: ServiceQuery, keys: Keys) => BoundSql
type Keys = ReturnType<typeof keysOf>

/** So many are sorted rather than found by walking through all in order. */
const few = 2_000

/**
 * How the page is found:
 * - where counters know the total, they say whether there is a page at all; it is walked to in the order's index;
 * - where an index leads straight to what is wanted, it tells how many there are: few are sorted, many walked through;
 * - else all is walked through, and counted only where the page does not tell the total.
 */
export function planPage(dialect: Dialect, query: ServiceQuery, shown: Shown): PagePlan {
  const { offset, limit } = query
  const page = (way: Way) => shown(dialect, query, keysOf(dialect, query, way))
  const totalIn = (rows: readonly SqlRow[] | undefined) =>
    rowsAs<{ readonly total: number | null }>(rows)[0]?.total ?? 0
  if (isCounted(query))
    return {
      queries: [
        serviceCountersQuery(dialect, query),
        { ...page("walked"), unless: { of: 0, atMost: offset } },
      ],
      read: ([counted, rows = []]) => ({ total: totalIn(counted), rows }),
    }
  if (isEntered(query)) {
    const sorted = page("entered")
    return {
      queries: [
        serviceCountQuery(dialect, query),
        ...(isBestSorted(query)
          ? [{ ...sorted, unless: { of: 0, atMost: offset } }]
          : [
              { ...sorted, unless: { of: 0, above: few } },
              { ...page("walked"), unless: { of: 0, atMost: Math.max(few, offset) } },
            ]),
      ],
      read: ([counted, sortedRows = [], walkedRows = []]) => ({
        total: totalIn(counted),
        rows: sortedRows.length > 0 ? sortedRows : walkedRows,
      }),
    }
  }
  const isWhole = { of: 0, least: offset === 0 ? 0 : 1, below: limit }
  return {
    queries: [page("walked"), { ...serviceCountQuery(dialect, query), unless: isWhole }],
    read: ([rows = [], counted]) => ({
      total: counted?.[0] ? totalIn(counted) : rows.length > 0 ? offset + rows.length : 0,
      rows,
    }),
  }
}

/** Whether the page is near, whatever there is: no index is looked through from end to end, and nothing sorted. */
export function isNear(query: ServiceQuery): boolean {
  const { conditions, match, sort } = query
  if (!isWalkable(sort.column)) return false
  if (conditions.length === 0) return true
  if (match === "any") return false
  // the index by pipeline tells those too
  const isOfPipeline = conditions.some(({ column, op }) => column === "pipeline_name" && op === "equals")
  return conditions.every(
    (one) => isIndexed(one) || (isOfPipeline && ofPipeline.has(one.column) && one.op === "equals"),
  )
}

/** Whether an index has the order. */
function isWalkable(sort: ServiceColumn): sort is "created" | "updated" | "name" {
  return sort === "created" || sort === "updated" || sort === "name"
}

const ofPipeline = new Set<ServiceColumn>(["pipeline_step_name", "type", "flavor"])

/** Whether the counters know how many there are. */
function isCounted({ conditions }: ServiceQuery): boolean {
  return conditions.every(({ column }) => countColumns[column] !== null)
}

/** Whether an index that is not the order's leads straight to what is wanted. */
function isEntered({ conditions, match, sort }: ServiceQuery): boolean {
  return (
    match === "all" &&
    conditions.some(
      (one) =>
        isIndexed(one) &&
        // the order of names heeds the case of their letters, which finding them does not
        (one.column !== sort.column || sort.column === "name") &&
        // the index by change tells when a record was made, too
        (one.column !== "created" || sort.column !== "updated"),
    )
  )
}

/** What changed of late lies at the end of the usual order: walking there would pass, and read, everything else. */
function isBestSorted({ conditions, sort }: ServiceQuery): boolean {
  return sort.column !== "updated" && conditions.some((one) => one.column === "updated" && isIndexed(one))
}

/** From the counters. */
export function serviceCountersQuery(dialect: Dialect, query: ServiceQuery): BoundSql {
  const { workspaceId, scopeUserId } = query
  const test = combined(query, (one) => testOf(dialect, countColumns, one))
  return compileNow(
    dialect.db
      .selectFrom("service_count")
      .select((eb) => eb.fn.sum<number | null>("n").as("total"))
      .where("workspace_id", "=", workspaceId)
      .$if(scopeUserId !== null, (all) => all.where("user_id", "=", scopeUserId))
      .$if(test !== null, (all) => all.where(() => test as unknown as ReturnType<Builder>)),
  )
}

/** By looking at all that are wanted. */
export function serviceCountQuery(dialect: Dialect, query: ServiceQuery): BoundSql {
  return compileNow(
    dialect.db
      .selectFrom("service_record")
      .select((eb) => eb.fn.countAll<number>().as("total"))
      .where((eb) => eb.and(wanted(dialect, eb, query, "entered"))),
  )
}

/** `walked`: in the index of the order; `entered`: by the index of a condition, and then sorted. */
type Way = "walked" | "entered"

/** The keys of a page: what it skips is not read but in an index. */
function keysOf(dialect: Dialect, query: ServiceQuery, way: Way) {
  return (
    dialect.db
      .selectFrom("service_record")
      .$if(query.sort.column === "user", (all) => all.leftJoin("user", "user.id", "service_record.user_id"))
      .select("service_record.id")
      .where((eb) => eb.and(wanted(dialect, eb, query, way)))
      // what the index in that order is of (migration 17): every record
      .$if(query.sort.column === "name" && way === "walked", (all) =>
        all.where(sql<SqlBool>`service_record.version > 0`),
      )
      .orderBy(serviceOrder(dialect, query, way))
      .limit(query.limit)
      .offset(query.offset)
  )
}

/** Sorting these needs a word about nulls: they come first, as upstream's databases have them. */
const mayBeNull = new Set<ServiceColumn>([
  "user",
  "model_version_id",
  "pipeline_run_id",
  "pipeline_name",
  "pipeline_step_name",
])

/** Ties go by id, the same way. */
export function serviceOrder(
  dialect: Dialect,
  { sort: { column, descending } }: ServiceQuery,
  way: Way = "walked",
) {
  const direction = sql.raw(descending ? "desc" : "asc")
  if (column === "id") return sql`${recordColumns.id} ${direction}`
  const nulls = sql.raw(!mayBeNull.has(column) ? "" : descending ? " nulls last" : " nulls first")
  return sql`${keyOf(dialect, column, way)} ${direction}${nulls}, ${recordColumns.id} ${direction}`
}

function keyOf(dialect: Dialect, column: ServiceColumn, way: Way): RawBuilder<unknown> {
  if (column === "user") return sql.ref("user.name")
  const { text, int } = dialect.unindexed
  if (column === "name" && way === "entered") return text("service_record.name")
  return way === "entered" && (column === "created" || column === "updated")
    ? int(instants[column])
    : recordColumns[column]
}

const instants = {
  created: "service_record.created_at_us",
  updated: "service_record.updated_at_us",
} as const

function wanted(dialect: Dialect, eb: Builder, query: ServiceQuery, way: Way) {
  const { workspaceId, scopeUserId } = query
  const columns = way === "walked" ? walkedColumns(dialect, query.sort.column) : recordColumns
  // those have indexes that begin with them, not with the workspace
  const isOfAll =
    way === "entered" &&
    query.conditions.some(({ column }) => ofAllWorkspaces.has(column)) &&
    isEntered({ ...query, conditions: query.conditions.filter(({ column }) => ofAllWorkspaces.has(column)) })
  const workspace = isOfAll
    ? dialect.unindexed.text("service_record.workspace_id")
    : "service_record.workspace_id"
  const all = [eb(workspace, "=", workspaceId)]
  if (scopeUserId !== null) all.push(eb("service_record.user_id", "=", scopeUserId))
  const test = combined(query, (one) => testOf(dialect, columns, one))
  if (test) all.push(test as unknown as ReturnType<Builder>)
  return all
}

const ofAllWorkspaces = new Set<ServiceColumn>(["id", "model_version_id", "pipeline_run_id"])

/** So that no index is entered by a condition, but that of the order. */
function walkedColumns(dialect: Dialect, sort: ServiceColumn): Columns {
  const { text, int } = dialect.unindexed
  const walked = {
    ...recordColumns,
    id: text("service_record.id"),
    created: int(instants.created),
    updated: int(instants.updated),
    name: text("service_record.name"),
    model_version_id: text("service_record.model_version_id"),
    pipeline_run_id: text("service_record.pipeline_run_id"),
    pipeline_name: text("service_record.pipeline_name"),
  }
  return sort === "created" || sort === "updated" ? { ...walked, [sort]: recordColumns[sort] } : walked
}

function combined(
  { conditions, match }: ServiceQuery,
  test: (one: ServiceCondition) => RawBuilder<SqlBool>,
): RawBuilder<SqlBool> | null {
  if (conditions.length === 0) return null
  return halved(
    conditions.map((one) => sql<SqlBool>`(${test(one)})`),
    sql.raw(match === "all" ? "and" : "or"),
  )
}

/** In brackets by halves: of a row of them each is one deeper than the last, and SQLite takes a thousand. */
function halved(tests: readonly RawBuilder<SqlBool>[], word: RawBuilder<unknown>): RawBuilder<SqlBool> {
  const [only] = tests
  if (only && tests.length === 1) return only
  const middle = Math.ceil(tests.length / 2)
  return sql`(${halved(tests.slice(0, middle), word)} ${word} ${halved(tests.slice(middle), word)})`
}
