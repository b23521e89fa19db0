import { type RawBuilder, type SqlBool, sql } from "kysely"
import type { ServiceColumn, ServiceCondition } from "../domain/services/index.ts"
import type { Dialect } from "./dialect.ts"
import { toHex } from "./service-rows.ts"

/** What the columns of lists are in a table; null: it has none of them. */
export type Columns = Readonly<Record<ServiceColumn, RawBuilder<unknown> | null>>

const ref = (name: string) => sql.ref(name)

/** In the records themselves. */
export const recordColumns = {
  id: ref("service_record.id"),
  created: ref("service_record.created_at_us"),
  updated: ref("service_record.updated_at_us"),
  name: ref("service_record.name"),
  user: ref("service_record.user_id"),
  model_version_id: ref("service_record.model_version_id"),
  pipeline_run_id: ref("service_record.pipeline_run_id"),
  type: ref("service_record.type"),
  flavor: ref("service_record.flavor"),
  pipeline_name: ref("service_record.pipeline_name"),
  pipeline_step_name: ref("service_record.pipeline_step_name"),
} as const satisfies Columns

/** In what counts them. */
export const countColumns: Columns = {
  id: null,
  created: null,
  updated: null,
  name: null,
  user: sql`nullif(${ref("service_count.user_id")}, '')`,
  model_version_id: null,
  pipeline_run_id: null,
  type: ref("service_count.type"),
  flavor: ref("service_count.flavor"),
  pipeline_name: null,
  pipeline_step_name: null,
}

/** Of ids that are compared as hex digits. */
const idColumns = new Set<ServiceColumn>(["id", "model_version_id", "pipeline_run_id"])
/** Of any length: their index has the beginning. */
const longest = 200

/** Whether an index leads straight to what fulfils it, however many records there are. */
export function isIndexed(condition: ServiceCondition): boolean {
  const { column, op } = condition
  if (column === "updated" || column === "created")
    return !["not_equals_at", "is_null", "is_not_null"].includes(op)
  if (column === "name" || column === "id")
    return op === "equals" || op === "one_of" || (op === "starts_with" && condition.value !== "")
  if (column === "pipeline_name") return op === "equals"
  return (column === "model_version_id" || column === "pipeline_run_id") && op === "equals"
}

/**
 * A null matches nothing but `is_null`: not even that it is not equal.
 * @param columns those that the condition may ask for are there
 */
export function testOf(dialect: Dialect, columns: Columns, condition: ServiceCondition): RawBuilder<SqlBool> {
  const column = columns[condition.column]
  if (!column) throw new Error(`There is no ${condition.column} here.`)
  const on = { name: condition.column, column }
  if ("number" in condition) return compared(dialect, on, numberSigns[condition.op], condition.number)
  if ("value" in condition) return textTest(dialect, on, condition)
  switch (condition.op) {
    case "one_of":
      return within(on, condition.values, "in")
    case "not_one_of":
      return within(on, condition.values, "not in")
    case "between":
      return sql`${numeric(dialect, on)} between ${condition.from} and ${condition.to}`
    case "is_null":
      return sql`${column} is null`
    case "is_not_null":
      return sql`${column} is not null`
  }
}

interface On {
  readonly name: ServiceColumn
  readonly column: RawBuilder<unknown>
}

function textTest(
  dialect: Dialect,
  on: On,
  { op, value }: Extract<ServiceCondition, { readonly value: string }>,
): RawBuilder<SqlBool> {
  const text = looseValueOf(on, value)
  const size = sql.lit([...text].length)
  const found = loose(on)
  switch (op) {
    case "equals":
      return equal(on, value)
    case "not_equals":
      return sql`${exact(on)} <> ${valueOf(on, value)}`
    case "contains":
      return sql`${found} is not null and ${dialect.contains(found, text)}`
    case "not_contains":
      return sql`${found} is not null and not (${dialect.contains(found, text)})`
    case "starts_with":
      return startsWith(found, text)
    case "ends_with":
      return sql`length(${found}) >= ${size} and substr(${found}, length(${found}) - ${size} + 1) = ${text}`
  }
}

function equal(on: On, value: string): RawBuilder<SqlBool> {
  const whole = sql<SqlBool>`${exact(on)} = ${valueOf(on, value)}`
  if (on.name !== "pipeline_name") return whole
  const beginning = [...value].slice(0, longest).join("")
  return sql`substr(${on.column}, 1, ${sql.lit(longest)}) = ${beginning} and ${whole}`
}

/** As a range, which an index gives: texts are ordered by code points in both dialects. */
function startsWith(found: RawBuilder<unknown>, text: string): RawBuilder<SqlBool> {
  const end = textBehind(text)
  const from = sql<SqlBool>`${found} >= ${text}`
  return end === null ? from : sql`${from} and ${found} < ${end}`
}

/** The first text behind all that begin with this one; null: there is none. */
function textBehind(text: string): string | null {
  const points = [...text].map((character) => character.codePointAt(0) ?? 0)
  for (let last = points.pop(); last !== undefined; last = points.pop())
    // between those two are halves of characters
    if (last < 0x10ffff) return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1)
  return null
}

const numberSigns = {
  equals_at: "=",
  not_equals_at: "<>",
  greater: ">",
  at_least: ">=",
  less: "<",
  at_most: "<=",
} as const

function isInstant({ name }: On): boolean {
  return name === "created" || name === "updated"
}

function numeric(dialect: Dialect, on: On): RawBuilder<unknown> {
  return isInstant(on) ? on.column : dialect.numberIn(on.column)
}

/** Text that is no number, or 0, is left out (reference/zenml-live.md, correction 5). */
function compared(dialect: Dialect, on: On, sign: string, value: number): RawBuilder<SqlBool> {
  const number = numeric(dialect, on)
  const test = sql<SqlBool>`${number} ${sql.raw(sign)} ${value}`
  return isInstant(on) ? test : sql`${test} and ${number} <> 0`
}

/** Names are equal whatever the case of ASCII letters; other texts are equal as they are. */
function exact({ name, column }: On): RawBuilder<unknown> {
  return name === "name" ? sql`lower(${column})` : column
}

function valueOf({ name }: On, value: string): string {
  if (idColumns.has(name)) return toHex(value).toLowerCase()
  return name === "name" ? lowerAscii(value) : value
}

/** Parts are looked for whatever the case of ASCII letters; ids have small ones. */
function loose({ name, column }: On): RawBuilder<unknown> {
  return idColumns.has(name) ? column : sql`lower(${column})`
}

function looseValueOf({ name }: On, value: string): string {
  return lowerAscii(idColumns.has(name) ? toHex(value) : value)
}

function within(on: On, values: readonly (string | null)[], word: "in" | "not in"): RawBuilder<SqlBool> {
  if (values.length === 0) return word === "in" ? sql`1 = 0` : sql`1 = 1`
  const texts = values.filter((value) => value !== null)
  const isNull = sql<SqlBool>`${on.column} is null`
  if (texts.length === 0) return isNull
  const list = sql.join(texts.map((value) => sql`${valueOf(on, value)}`))
  const test = sql<SqlBool>`${exact(on)} ${sql.raw(word)} (${list})`
  return texts.length === values.length ? test : sql`(${test} or ${isNull})`
}

/** Names are equal whatever the case of ASCII letters. */
export function lowerAscii(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
