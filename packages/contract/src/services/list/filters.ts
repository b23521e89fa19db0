import { readJson } from "../json/read.ts"
import { columnText, isStorable } from "../json/scalars.ts"
import type { JsonValue } from "../json/value.ts"
import { parsePythonFloat } from "../python/floats.ts"
import { reprOf } from "../python/repr.ts"
import type { ColumnType, DateColumn, ListModel } from "./columns.ts"
import { parseFilterDate } from "./dates.ts"
import {
  isAllowed,
  notAllowedText,
  operationOf,
  operatorRepr,
  type Operation,
  type Operator,
} from "./operators.ts"

/**
 * One condition of a list. Ids are compared without their hyphens, and values for them have none; those for `user` are
 * as they came, and any of the user's id (hyphens taken out of both), name and full name may match.
 */
export type ListFilter<Column extends string> =
  | { readonly column: Column | DateColumn; readonly op: "isnull" | "isnotnull" }
  | { readonly column: Column; readonly op: PlainOperator; readonly value: string }
  /** No values: nothing is one of none; and everything, null too, is none of none. */
  | { readonly column: Column; readonly op: "oneof" | "notoneof"; readonly values: readonly string[] }
  /** The column's text as a number; what is no number, and 0, is left out. May be infinite. */
  | { readonly column: Column; readonly op: Ordering; readonly number: number }
  /** Milliseconds since 1970 UTC, whole seconds. */
  | { readonly column: DateColumn; readonly op: "equals" | "notequals" | Ordering; readonly atMs: number }
  /** Both ends included. */
  | { readonly column: DateColumn; readonly op: "in"; readonly fromMs: number; readonly toMs: number }
type Ordering = "gt" | "gte" | "lt" | "lte"
type PlainOperator = "equals" | "notequals" | "contains" | "notcontains" | "startswith" | "endswith"
type TextOperator = PlainOperator | Ordering | "oneof" | "notoneof"

/** Why a filter is not taken. */
export type FilterFault =
  /** Of the operator itself. */
  | { readonly kind: "operator"; readonly message: string; readonly input: string }
  | { readonly kind: "value"; readonly message: string }
  /** Found only when the column is compared. */
  | { readonly kind: "number"; readonly message: string }

/** What a filter's text gives. */
export type FilterRead<Column extends string> =
  | { readonly kind: "filter"; readonly filter: ListFilter<Column> }
  | { readonly kind: "fault"; readonly fault: FilterFault }

const texts = {
  list: "When you are using the 'oneof:'/'notoneof:' filtering make sure that the provided value is a json formatted list.",
  null: "When using 'isnull:'/'isnotnull:', use the explicit 'operator:' form without a value (e.g. 'isnull:').",
  date: "The datetime filter only works with values in the following format: %Y-%m-%d %H:%M:%S",
  twoDates: "Two comma separated datetime values are required for the `in` operator.",
} as const

/** A column that is no date, and how it is compared. */
interface Compared<Column extends string> {
  readonly column: Column
  /** A user is looked for by names too. */
  readonly isId: boolean
  /** As sentences about a value that is no number name it. */
  readonly label: string
}

/** Reads one value of a column's parameter. */
export function readFilter<Column extends string>(
  model: ListModel<Column>,
  column: Column | DateColumn,
  text: string,
): FilterRead<Column> {
  const operation = operationOf(text)
  const { operator, value } = operation
  if (operator === "isnull" || operator === "isnotnull")
    return value === "" ? { kind: "filter", filter: { column, op: operator } } : badValue(texts.null)
  if (isDateColumn(column)) return readDateFilter(column, operation)
  const type = model.columns[column]
  if (operator === "in") return badOperator(operator, type)
  const label = `${type === "uuid" ? model.table : model.schema}.${column}`
  return readTextFilter({ column, isId: type === "uuid" && column !== "user", label }, operator, value)
}

function isDateColumn(column: string): column is DateColumn {
  return column === "created" || column === "updated"
}

function readTextFilter<Column extends string>(
  compared: Compared<Column>,
  operator: TextOperator,
  text: string,
): FilterRead<Column> {
  const { column, isId } = compared
  if (operator === "oneof" || operator === "notoneof") return readListFilter(compared, operator, text)
  const value = isId ? text.replaceAll("-", "") : text
  if (isOrdering(operator)) return readNumberFilter(compared, operator, value)
  if (isStorable(value)) return { kind: "filter", filter: { column, op: operator, value } }
  // Nothing that is stored is like it, and not every store can be asked for it.
  return operator === "notequals" || operator === "notcontains"
    ? { kind: "filter", filter: { column, op: "isnotnull" } }
    : { kind: "filter", filter: { column, op: "oneof", values: [] } }
}

function isOrdering(operator: TextOperator): operator is Ordering {
  return operator === "gt" || operator === "gte" || operator === "lt" || operator === "lte"
}

function readNumberFilter<Column extends string>(
  { column, label }: Compared<Column>,
  op: Ordering,
  value: string,
): FilterRead<Column> {
  const number = parsePythonFloat(value)
  if (column === "user") {
    const bare = value.replaceAll("-", "")
    if (parsePythonFloat(bare) === undefined) return notNumeric(`"user".id`, bare)
    if (number === undefined) return notNumeric("UserSchema.name", value)
  }
  if (number === undefined) return notNumeric(label, value)
  return Number.isNaN(number)
    ? { kind: "filter", filter: { column, op: "oneof", values: [] } }
    : { kind: "filter", filter: { column, op, number } }
}

function notNumeric(label: string, value: string): FilterRead<never> {
  const message = `Failed to compare the column '${label}' to the value '${value}' (must be numeric): could not convert string to float: ${reprOf(value)}`
  return { kind: "fault", fault: { kind: "number", message } }
}

function readListFilter<Column extends string>(
  { column, isId }: Compared<Column>,
  op: "oneof" | "notoneof",
  text: string,
): FilterRead<Column> {
  const items = listIn(text)
  if (!items || items.some(({ kind }) => kind === "array" || kind === "object")) return badValue(texts.list)
  // Of an empty list the documented server makes no condition, whatever the operator.
  if (items.length === 0) return { kind: "filter", filter: { column, op: "notoneof", values: [] } }
  const found = items.flatMap((item) => columnText(item) ?? [])
  const values = isId ? found.map((value) => value.replaceAll("-", "")) : found
  return { kind: "filter", filter: { column, op, values } }
}

function listIn(text: string): readonly JsonValue[] | undefined {
  const read = readJson(text)
  return read.ok && read.value.kind === "array" ? read.value.items : undefined
}

function readDateFilter(column: DateColumn, { operator, value }: Operation): FilterRead<never> {
  if (operator === "oneof" || operator === "notoneof")
    return listIn(value) ? badOperator(operator, "datetime") : badValue(texts.list)
  const dates = parseDates(value)
  if (!dates) return badValue(texts.date)
  const [atMs, toMs] = dates
  if (operator === "in") {
    if (toMs === undefined) return badValue(texts.twoDates)
    return { kind: "filter", filter: { column, op: "in", fromMs: atMs, toMs } }
  }
  if (toMs !== undefined) return badValue(`Only a single datetime value is allowed for operator ${operator}.`)
  if (!isDateOperator(operator)) return badOperator(operator, "datetime")
  return { kind: "filter", filter: { column, op: operator, atMs } }
}

/** One date, or two with a comma between. */
function parseDates(text: string): readonly [number, number?] | undefined {
  const comma = text.indexOf(",")
  const first = parseFilterDate(comma < 0 ? text : text.slice(0, comma))
  if (first === undefined || comma < 0) return first === undefined ? undefined : [first]
  const second = parseFilterDate(text.slice(comma + 1))
  return second === undefined ? undefined : [first, second]
}

function isDateOperator(operator: Operator): operator is "equals" | "notequals" | Ordering {
  return isAllowed(operator, "datetime")
}

function badValue(message: string): FilterRead<never> {
  return { kind: "fault", fault: { kind: "value", message } }
}

function badOperator(operator: Operator, type: ColumnType): FilterRead<never> {
  const message = notAllowedText(operator, type)
  return { kind: "fault", fault: { kind: "operator", message, input: operatorRepr(operator) } }
}
