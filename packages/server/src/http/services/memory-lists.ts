import {
  noPage,
  totalPages,
  type DateCondition,
  type DecodedList,
  type ListFilter,
  type PageView,
  type ResourceView,
  type ServiceHandlerName,
  type TextCondition,
} from "@berth/contract/services"
import { fulfilsDate, fulfilsText } from "./conditions.ts"
import { refused, WordedError } from "./errors.ts"

/** What a row has in a column; null: nothing. */
type ValueOf<Row, Column extends string> = (row: Row, column: Column) => string | null
type DateColumn = "created" | "updated"
/** A filter on one column, or on the owner. */
type AnyFilter =
  | ({ readonly column: string } & (TextCondition | DateCondition))
  | { readonly column: "user"; readonly id: TextCondition; readonly name: TextCondition }

/** Compared whatever the case of their letters, as in the list of services. */
const looseColumns: readonly string[] = ["name", "id"]

/**
 * The page of what is held in memory and has no owner.
 * @throws WordedError for a page after the last, and for what cannot be compared
 */
export function pageOf<Row extends ResourceView, Column extends string>(
  handler: ServiceHandlerName,
  rows: readonly Row[],
  query: DecodedList<Column>,
  valueOf: ValueOf<Row, Column>,
): PageView<Row> {
  if (query.lateRefusal) throw refused(handler, query.lateRefusal)
  const { match, sort, page, size } = query
  const filters: readonly ListFilter<Column>[] = query.filters
  const holds = (row: Row) => (filter: ListFilter<Column>) => fulfils(row, filter as AnyFilter, valueOf)
  const found = rows.filter((row) =>
    match === "any" && filters.length > 0 ? filters.some(holds(row)) : filters.every(holds(row)),
  )
  const way = sort.isDescending ? -1 : 1
  const keyOf = (row: Row) => (isDate(sort.column) ? instantOf(row, sort.column) : valueOf(row, sort.column))
  const sorted = found.toSorted((a, b) => way * (compare(keyOf(a), keyOf(b)) || compare(a.id, b.id)))
  const start = startOf({ page, size }, sorted.length)
  return { page: Number(page), size, total: sorted.length, items: sorted.slice(start, start + size) }
}

/**
 * The first item's place of a page.
 * @throws WordedError 400 for a page after the last
 */
export function startOf(
  { page, size }: { readonly page: bigint; readonly size: number },
  total: number,
): number {
  const pages = totalPages(total, size)
  if (page > BigInt(pages)) throw new WordedError("invalid", 400, noPage(page, size, total, pages))
  return (Number(page) - 1) * size
}

function fulfils<Row extends ResourceView, Column extends string>(
  row: Row,
  filter: AnyFilter,
  valueOf: ValueOf<Row, Column>,
): boolean {
  if ("id" in filter) return false
  const { column } = filter
  if (isDate(column)) return fulfilsDate(filter as DateCondition, instantOf(row, column))
  const value = valueOf(row, column as Column)
  const text = column === "id" ? (value?.replaceAll("-", "") ?? null) : value
  return fulfilsText(filter as TextCondition, text, looseColumns.includes(column))
}

function isDate(column: string): column is DateColumn {
  return column === "created" || column === "updated"
}

function instantOf({ createdAtMs, updatedAtMs }: ResourceView, column: DateColumn): number {
  return column === "created" ? createdAtMs : updatedAtMs
}

/** Nothing comes first. */
function compare(a: string | number | null, b: string | number | null): number {
  if (a === b) return 0
  if (a === null) return -1
  if (b === null) return 1
  return a < b ? -1 : 1
}
