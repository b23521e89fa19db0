import type { ColumnType } from "./columns.ts"

/** The words before a colon that are operators, by their names in refusals, in the order of their list. */
const names = {
  equals: "EQUALS",
  notequals: "NOT_EQUALS",
  startswith: "STARTSWITH",
  contains: "CONTAINS",
  endswith: "ENDSWITH",
  oneof: "ONEOF",
  notoneof: "NOT_ONEOF",
  notcontains: "NOT_CONTAINS",
  isnull: "IS_NULL",
  isnotnull: "IS_NOT_NULL",
  gt: "GT",
  gte: "GTE",
  lt: "LT",
  lte: "LTE",
  in: "IN",
} as const
export type Operator = keyof typeof names
export type Ordering = "gt" | "gte" | "lt" | "lte"
export type PlainOperator = "equals" | "notequals" | "contains" | "notcontains" | "startswith" | "endswith"

const allowed: Readonly<Record<ColumnType, readonly Operator[]>> = {
  text: withoutIn(),
  uuid: withoutIn(),
  datetime: ["equals", "notequals", "isnull", "isnotnull", "gt", "gte", "lt", "lte", "in"],
}

function withoutIn(): Operator[] {
  return (Object.keys(names) as Operator[]).filter((name) => name !== "in")
}

/** Whether it compares numbers, or instants. */
export function isOrdering(operator: Operator): operator is Ordering {
  return operator === "gt" || operator === "gte" || operator === "lt" || operator === "lte"
}

/** What a filter's text says: an operator before the first colon, or equality with the whole. */
export interface Operation {
  readonly operator: Operator
  readonly value: string
}

export function operationOf(text: string): Operation {
  const colon = text.indexOf(":")
  const word = text.slice(0, Math.max(colon, 0))
  if (colon < 0 || !Object.hasOwn(names, word)) return { operator: "equals", value: text }
  return { operator: word as Operator, value: text.slice(colon + 1) }
}

/** Whether a column of the type can be compared so. */
export function isAllowed(operator: Operator, type: ColumnType): boolean {
  return allowed[type].includes(operator)
}

/** As Python's `repr` writes it. */
export function operatorRepr(operator: Operator): string {
  return `<GenericFilterOps.${names[operator]}: '${operator}'>`
}

/** The sentence for an operator that the type does not have. */
export function notAllowedText(operator: Operator, type: ColumnType): string {
  const list = allowed[type].map(operatorRepr).join(", ")
  return `This datatype can not be filtered using this operation: '${operator}'. The allowed operations are: [${list}]`
}
