import { readJson } from "../json/read.ts"
import { columnText, isStorable } from "../json/scalars.ts"
import type { JsonValue } from "../json/value.ts"
import { parsePythonFloat } from "../python/floats.ts"
import { reprOf } from "../python/repr.ts"
import type { ColumnType } from "./columns.ts"
import { parseFilterDate } from "./dates.ts"
import {
  isAllowed,
  isOrdering,
  notAllowedText,
  operatorRepr,
  type Operation,
  type Operator,
  type Ordering,
  type PlainOperator,
} from "./operators.ts"

/**
 * What a text, or an id as its 32 digits in lower case, must be. Case counts for `equals`, `notequals`, `oneof` and
 * `notoneof`. null fulfils only what says so.
 */
export type TextCondition =
  | { readonly op: "isnull" | "isnotnull" }
  | { readonly op: PlainOperator; readonly value: string }
  /** null among the values is fulfilled by null; without any values by nothing. */
  | { readonly op: "oneof"; readonly values: readonly (string | null)[] }
  /** Without any values fulfilled by everything, null too; else not by null. */
  | { readonly op: "notoneof"; readonly values: readonly string[] }
  /** As a number; what is no number, and 0, does not fulfil it. May be infinite. */
  | { readonly op: Ordering; readonly number: number }

/** When something must have happened: milliseconds since 1970 UTC, whole seconds. */
export type DateCondition =
  | { readonly op: "isnull" | "isnotnull" }
  | { readonly op: "equals" | "notequals" | Ordering; readonly atMs: number }
  /** Both ends included. */
  | { readonly op: "in"; readonly fromMs: number; readonly toMs: number }

/** Why a filter is not taken. */
export type FilterFault =
  /** Of the operator itself. */
  | { readonly kind: "operator"; readonly message: string; readonly input: string }
  | { readonly kind: "value"; readonly message: string }
  /** Found only when the column is compared. */
  | { readonly kind: "number"; readonly message: string }

/** What reading one gives. */
export type ConditionRead<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: FilterFault }

const nothing: TextCondition = { op: "oneof", values: [] }
const everything: TextCondition = { op: "notoneof", values: [] }

const texts = {
  list: "When you are using the 'oneof:'/'notoneof:' filtering make sure that the provided value is a json formatted list.",
  null: "When using 'isnull:'/'isnotnull:', use the explicit 'operator:' form without a value (e.g. 'isnull:').",
  date: "The datetime filter only works with values in the following format: %Y-%m-%d %H:%M:%S",
  twoDates: "Two comma separated datetime values are required for the `in` operator.",
} as const

/**
 * Reads the condition for a text or an id.
 * @param label of the column, in sentences about a value that is no number
 */
export function readTextCondition(
  { operator, value }: Operation,
  type: "text" | "uuid",
  label: string,
): ConditionRead<TextCondition> {
  if (operator === "isnull" || operator === "isnotnull") return nullCondition(operator, value)
  if (operator === "in") return badOperator(operator, type)
  if (operator === "oneof" || operator === "notoneof") return listCondition(operator, value, type)
  if (isOrdering(operator)) return numberCondition(operator, bare(value, type), label)
  return taken(plainCondition(operator, value, type))
}

/** Ids are compared without their hyphens. */
function bare(value: string, type: "text" | "uuid"): string {
  return type === "uuid" ? value.replaceAll("-", "") : value
}

function plainCondition(op: PlainOperator, text: string, type: "text" | "uuid"): TextCondition {
  const isEquality = op === "equals" || op === "notequals"
  const value = type === "uuid" && isEquality ? idDigits(text) : bare(text, type)
  if (value === undefined) return op === "equals" ? nothing : everything
  if (isStorable(value)) return { op, value }
  // Nothing that is stored is like it, and not every store can be asked for it.
  return op === "notequals" || op === "notcontains" ? { op: "isnotnull" } : nothing
}

/** The digits of an id in any of its forms, wherever its hyphens are. */
function idDigits(text: string): string | undefined {
  const inner = text
    .replaceAll(/urn:|uuid:/g, "")
    .replaceAll("-", "")
    .toLowerCase()
  return /^[{}]*([0-9a-f]{32})[{}]*$/.exec(inner)?.[1]
}

function nullCondition(op: "isnull" | "isnotnull", value: string): ConditionRead<{ readonly op: typeof op }> {
  return value === "" ? taken({ op }) : badValue(texts.null)
}

function numberCondition(op: Ordering, value: string, label: string): ConditionRead<TextCondition> {
  const number = parsePythonFloat(value)
  if (number !== undefined) return taken(Number.isNaN(number) ? nothing : { op, number })
  const message = `Failed to compare the column '${label}' to the value '${value}' (must be numeric): could not convert string to float: ${reprOf(value)}`
  return { ok: false, fault: { kind: "number", message } }
}

function listCondition(
  op: "oneof" | "notoneof",
  text: string,
  type: "text" | "uuid",
): ConditionRead<TextCondition> {
  const items = listIn(text)
  if (!items || items.some(({ kind }) => kind === "array" || kind === "object")) return badValue(texts.list)
  // Of an empty list the documented server makes no condition, whatever the operator.
  if (items.length === 0) return taken(everything)
  const values = items.flatMap((item) => columnText(item) ?? []).map((value) => bare(value, type))
  const hasNull = type === "text" && items.some(({ kind }) => kind === "null")
  if (op === "oneof") return taken({ op, values: hasNull ? [...values, null] : values })
  return taken(values.length === 0 ? { op: "isnotnull" } : { op, values })
}

function listIn(text: string): readonly JsonValue[] | undefined {
  const read = readJson(text)
  return read.ok && read.value.kind === "array" ? read.value.items : undefined
}

/** Reads the condition for an instant. */
export function readDateCondition({ operator, value }: Operation): ConditionRead<DateCondition> {
  if (operator === "isnull" || operator === "isnotnull") return nullCondition(operator, value)
  if (operator === "oneof" || operator === "notoneof")
    return listIn(value) ? badOperator(operator, "datetime") : badValue(texts.list)
  const dates = parseDates(value)
  if (!dates) return badValue(texts.date)
  const [atMs, toMs] = dates
  if (operator === "in")
    return toMs === undefined ? badValue(texts.twoDates) : taken({ op: operator, fromMs: atMs, toMs })
  if (toMs !== undefined) return badValue(`Only a single datetime value is allowed for operator ${operator}.`)
  return isDateOperator(operator) ? taken({ op: operator, atMs }) : badOperator(operator, "datetime")
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

function taken<T>(value: T): ConditionRead<T> {
  return { ok: true, value }
}

function badValue(message: string): ConditionRead<never> {
  return { ok: false, fault: { kind: "value", message } }
}

function badOperator(operator: Operator, type: ColumnType): ConditionRead<never> {
  const message = notAllowedText(operator, type)
  return { ok: false, fault: { kind: "operator", message, input: operatorRepr(operator) } }
}
