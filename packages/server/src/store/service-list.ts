import { type ExpressionBuilder, type RawBuilder, type SqlBool, sql } from "kysely"
import type { Reads } from "../domain/journal/index.ts"
import type { ServiceColumn, ServiceCondition, ServiceStore } from "../domain/services/index.ts"
import type { Dialect } from "./dialect.ts"
import type { Database } from "./schema.ts"
import { type ServiceRow, serviceColumns, toHex, toRecord } from "./service-rows.ts"
import { type BoundSql, sessionOf } from "./session.ts"
import { compileNow, rowsAs } from "./statement.ts"

type Query = Parameters<ServiceStore["records"]["list"]>[1]
type Builder = ExpressionBuilder<Database, "service_record">

const columns = {
  id: "service_record.id",
  created: "service_record.created_at_us",
  updated: "service_record.updated_at_us",
  name: "service_record.name",
  user: "service_record.user_id",
  model_version_id: "service_record.model_version_id",
  pipeline_run_id: "service_record.pipeline_run_id",
  type: "service_record.type",
  flavor: "service_record.flavor",
  pipeline_name: "service_record.pipeline_name",
  pipeline_step_name: "service_record.pipeline_step_name",
} as const satisfies Record<ServiceColumn, string>

/** Of ids that are compared as hex digits. */
const idColumns = new Set<ServiceColumn>(["id", "model_version_id", "pipeline_run_id"])
/** Sorting these needs a word about nulls: they come first, as upstream's databases have them. */
const mayBeNull = new Set<ServiceColumn>([
  "user",
  "model_version_id",
  "pipeline_run_id",
  "pipeline_name",
  "pipeline_step_name",
])

/** See ServiceStore.records.list. */
export async function listServices(from: Reads, query: Query): ReturnType<ServiceStore["records"]["list"]> {
  if (query.workspaceIds?.length === 0) return { total: 0, items: [] }
  const session = sessionOf(from)
  const { dialect } = session
  const [counted, found] = await session.scan(
    [
      serviceCountQuery(dialect, query),
      { ...servicePageQuery(dialect, query), unless: { of: 0, atMost: query.offset } },
    ],
    { isLong: isLong(query) },
  )
  return {
    total: rowsAs<{ readonly total: number }>(counted)[0]?.total ?? 0,
    items: rowsAs<ServiceRow>(found).map(toRecord),
  }
}

/** Whether it looks at far more rows than it gives. */
function isLong({ conditions, sort }: Query): boolean {
  return conditions.length > 0 || (sort.column !== "created" && sort.column !== "id")
}

export function serviceCountQuery(dialect: Dialect, query: Query): BoundSql {
  return compileNow(
    dialect.db
      .selectFrom("service_record")
      .select((eb) => eb.fn.countAll<number>().as("total"))
      .where((eb) => eb.and(wanted(dialect, eb, query))),
  )
}

/** First the keys of the page, then the wide rows of only those: a deep page must not read what it skips. */
export function servicePageQuery(dialect: Dialect, query: Query): BoundSql {
  const keys = dialect.db
    .selectFrom("service_record")
    .$if(query.sort.column === "user", (all) => all.leftJoin("user", "user.id", "service_record.user_id"))
    .select("service_record.id")
    .where((eb) => eb.and(wanted(dialect, eb, query)))
    .orderBy(order(query))
    .limit(query.limit)
    .offset(query.offset)
  return compileNow(
    dialect.db
      .selectFrom("service_record")
      .$if(query.sort.column === "user", (all) => all.leftJoin("user", "user.id", "service_record.user_id"))
      .select(serviceColumns.map((column) => `service_record.${column}` as const))
      .where("service_record.id", "in", keys)
      .orderBy(order(query)),
  )
}

/** Ties go by id, the same way. */
function order({ sort: { column, descending } }: Query) {
  const way = sql.raw(descending ? "desc" : "asc")
  if (column === "id") return sql`${sql.ref(columns.id)} ${way}`
  const nulls = sql.raw(!mayBeNull.has(column) ? "" : descending ? " nulls last" : " nulls first")
  const by = column === "user" ? sql.ref("user.name") : sql.ref(columns[column])
  return sql`${by} ${way}${nulls}, ${sql.ref(columns.id)} ${way}`
}

function wanted(dialect: Dialect, eb: Builder, query: Query) {
  const all: ReturnType<Builder>[] = []
  const { workspaceId, workspaceIds, scopeUserId, conditions, match } = query
  if (workspaceId !== null) all.push(eb("service_record.workspace_id", "=", workspaceId))
  if (workspaceIds) all.push(eb(dialect.unindexed.text("service_record.workspace_id"), "in", workspaceIds))
  if (scopeUserId !== null) all.push(eb("service_record.user_id", "=", scopeUserId))
  const tests = conditions.map((condition) => asExpression(testOf(dialect, condition)))
  if (tests.length > 0) all.push(match === "all" ? eb.and(tests) : (eb.or(tests) as ReturnType<Builder>))
  return all
}

function asExpression(test: RawBuilder<SqlBool>) {
  return test as unknown as ReturnType<Builder>
}

/** A null matches nothing but `is_null`: not even that it is not equal. */
function testOf(dialect: Dialect, condition: ServiceCondition): RawBuilder<SqlBool> {
  if ("number" in condition)
    return compared(dialect, condition.column, numberSigns[condition.op], condition.number)
  if ("value" in condition) return textTest(condition)
  const { column } = condition
  switch (condition.op) {
    case "one_of":
      return within(column, condition.values, "in")
    case "not_one_of":
      return within(column, condition.values, "not in")
    case "between":
      return sql`${numeric(dialect, column)} between ${condition.from} and ${condition.to}`
    case "is_null":
      return sql`${sql.ref(columns[column])} is null`
    case "is_not_null":
      return sql`${sql.ref(columns[column])} is not null`
  }
}

function textTest({
  column,
  op,
  value,
}: Extract<ServiceCondition, { readonly value: string }>): RawBuilder<SqlBool> {
  const text = looseValueOf(column, value)
  const size = sql.lit([...text].length)
  const found = loose(column)
  switch (op) {
    case "equals":
      return sql`${exact(column)} = ${valueOf(column, value)}`
    case "not_equals":
      return sql`${exact(column)} <> ${valueOf(column, value)}`
    case "contains":
      return sql`${found} is not null and ${contained(column, value)}`
    case "not_contains":
      return sql`${found} is not null and not (${contained(column, value)})`
    case "starts_with":
      return sql`substr(${found}, 1, ${size}) = ${text}`
    case "ends_with":
      return sql`length(${found}) >= ${size} and substr(${found}, length(${found}) - ${size} + 1) = ${text}`
  }
}

const numberSigns = {
  equals_at: "=",
  not_equals_at: "<>",
  greater: ">",
  at_least: ">=",
  less: "<",
  at_most: "<=",
} as const

function isInstant(column: ServiceColumn): boolean {
  return column === "created" || column === "updated"
}

function numeric(dialect: Dialect, column: ServiceColumn): RawBuilder<unknown> {
  return isInstant(column) ? sql`${sql.ref(columns[column])}` : dialect.numberIn(columns[column])
}

/** Text that is no number, or 0, is left out (reference/zenml-live.md, correction 5). */
function compared(dialect: Dialect, column: ServiceColumn, sign: string, value: number): RawBuilder<SqlBool> {
  const number = numeric(dialect, column)
  const test = sql<SqlBool>`${number} ${sql.raw(sign)} ${value}`
  return isInstant(column) ? test : sql`${test} and ${number} <> 0`
}

/** Names are equal whatever the case of ASCII letters; other texts are equal as they are. */
function exact(column: ServiceColumn): RawBuilder<unknown> {
  const ref = sql.ref(columns[column])
  return column === "name" ? sql`lower(${ref})` : sql`${ref}`
}

function valueOf(column: ServiceColumn, value: string): string {
  if (idColumns.has(column)) return toHex(value).toLowerCase()
  return column === "name" ? lowerAscii(value) : value
}

/** Parts are looked for whatever the case of ASCII letters. */
function loose(column: ServiceColumn): RawBuilder<unknown> {
  return sql`lower(${sql.ref(columns[column])})`
}

function looseValueOf(column: ServiceColumn, value: string): string {
  return lowerAscii(idColumns.has(column) ? toHex(value) : value)
}

function contained(column: ServiceColumn, value: string): RawBuilder<SqlBool> {
  const text = looseValueOf(column, value)
  // what is taken away was there; in both dialects, and nothing in it is a wildcard
  return text === "" ? sql`1 = 1` : sql`replace(${loose(column)}, ${text}, '') <> ${loose(column)}`
}

function within(
  column: ServiceColumn,
  values: readonly (string | null)[],
  word: "in" | "not in",
): RawBuilder<SqlBool> {
  if (values.length === 0) return word === "in" ? sql`1 = 0` : sql`1 = 1`
  const texts = values.filter((value) => value !== null)
  const isNull = sql<SqlBool>`${sql.ref(columns[column])} is null`
  if (texts.length === 0) return isNull
  const list = sql.join(texts.map((value) => sql`${valueOf(column, value)}`))
  const test = sql<SqlBool>`${exact(column)} ${sql.raw(word)} (${list})`
  return texts.length === values.length ? test : sql`(${test} or ${isNull})`
}

/** Names are equal whatever the case of ASCII letters. */
export function lowerAscii(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
