import { filterFrame, type FramedFault } from "../filter-frame.ts"
import type { ServiceIssue, ServiceRead, ServiceRefusal } from "../issues.ts"
import { reprOf } from "../python/repr.ts"
import {
  lastOf,
  queryCount,
  queryFlag,
  queryValues,
  queryWord,
  type QueryReader,
  type QueryValues,
} from "../query.ts"
import type { DateColumn, ListModel } from "./columns.ts"
import type { FilterFault } from "./conditions.ts"
import { readFilter, type ListFilter } from "./filters.ts"

/** What any list asks for. */
export interface DecodedList<Column extends string> {
  /** From 1; of any size, for the sentence about a page that there is not. */
  readonly page: bigint
  /** 1 to 10,000. */
  readonly size: number
  readonly hydrate: boolean
  /** Ties go by id in the same direction. */
  readonly sort: { readonly column: Column | DateColumn; readonly isDescending: boolean }
  /** How `filters` join. */
  readonly match: "all" | "any"
  /** In the order in which they are checked. Each value of a parameter that is given twice is one. */
  readonly filters: readonly ListFilter<Column>[]
  /** What is refused only when columns are compared: after a project was looked for. */
  readonly lateRefusal?: ServiceRefusal
}

const usualSize = 20
const maxSize = 10_000

/**
 * Reads the query of a list.
 * @param search without `?`
 * @param readOwn the parameters that only this list has, beside its columns; their faults come after those of paging
 */
export function readList<Column extends string, Own>(
  model: ListModel<Column>,
  search: string,
  readOwn: (reader: QueryReader) => Own,
): ServiceRead<DecodedList<Column> & Own> {
  const values = queryValues(search)
  const issues: ServiceIssue[] = []
  const reader = { values, issues }
  const match = queryWord(reader, "logical_operator", ["or", "and"], "and")
  const page = queryCount(reader, "page", 1)
  const size = queryCount(reader, "size", usualSize, maxSize)
  const own = readOwn(reader)
  // What the filter refuses stands before a bad `hydrate`, which is none of its parameters, but not before the others.
  const columns = readColumns(model, values)
  if (issues.length === 0 && !columns.ok) return columns
  const hydrate = queryFlag(reader, "hydrate", false)
  if (issues.length > 0) return { ok: false, refusal: { kind: "issues", issues } }
  if (!columns.ok) return columns
  const scalars = { page, size: Number(size), hydrate, match: match === "or" ? "any" : "all" } as const
  return { ok: true, value: { ...own, ...scalars, ...columns.value } }
}

type ReadColumns<Column extends string> = Pick<DecodedList<Column>, "filters" | "sort" | "lateRefusal">

function readColumns<Column extends string>(
  model: ListModel<Column>,
  values: QueryValues,
): ServiceRead<ReadColumns<Column>> {
  const sortBy = lastOf({ values, issues: [] }, "sort_by") ?? "created"
  const { filters, early, late } = readFilters(model, values)
  if (early) return refused(framed(early, model.name, queryRepr(model, sortBy, values)))
  const sort = readSort(model, sortBy)
  if (!sort.ok) return sort
  return { ok: true, value: { sort: sort.value, filters, ...(late && { lateRefusal: lateRefusalOf(late) }) } }
}

interface FiltersRead<Column extends string> {
  readonly filters: readonly ListFilter<Column>[]
  /** The first fault of the query itself; nothing after it was read. */
  readonly early?: FilterFault
  /** The first of those that show when the columns are compared, the user's last. */
  readonly late?: FilterFault
}

function readFilters<Column extends string>(
  model: ListModel<Column>,
  values: QueryValues,
): FiltersRead<Column> {
  const filters: ListFilter<Column>[] = []
  let late: FilterFault | undefined
  for (const column of Object.keys(model.columns) as (Column | DateColumn)[]) {
    for (const text of values.get(column) ?? []) {
      const read = readFilter(model, column, text)
      if (read.ok) filters.push(read.value)
      else if (column !== "user" && read.fault.kind !== "number") return { filters, early: read.fault }
      else late ??= read.fault
    }
  }
  return late ? { filters, late } : { filters }
}

/** The operator of a user is checked by a filter of its own. */
function lateRefusalOf(fault: FilterFault): ServiceRefusal {
  if (fault.kind !== "operator") return { kind: "error", status: 400, message: fault.message }
  return { kind: "error", status: 422, message: filterFrame(framed(fault, "UUIDFilter", "")) }
}

function framed(fault: FilterFault, model: string, whole: string): FramedFault {
  const common = { model, type: "value_error", message: `Value error, ${fault.message}` }
  return fault.kind === "operator"
    ? { ...common, member: "operation", input: fault.input, inputType: "GenericFilterOps" }
    : { ...common, input: whole, inputType: "dict" }
}

/** The ends of the query as Python's `repr` writes it with all its defaults; what is between is never shown. */
function queryRepr<Column extends string>(
  model: ListModel<Column>,
  sortBy: string,
  values: QueryValues,
): string {
  const last = model.shown.map((name) => {
    const given = values.get(name)
    return `${reprOf(name)}: ${given ? `[${given.map(reprOf).join(", ")}]` : "None"}`
  })
  return `{'sort_by': ${reprOf(sortBy)}, 'logical_operator': <LogicalOperators>, ${last.join(", ")}}`
}

function readSort<Column extends string>(
  model: ListModel<Column>,
  sortBy: string,
): ServiceRead<DecodedList<Column>["sort"]> {
  const column = sortBy.slice(sortBy.indexOf(":") + 1)
  if (isColumn(model, column))
    return { ok: true, value: { column, isDescending: sortBy.startsWith("desc:") } }
  // Only a way that is known is repeated; what else stands before the column is dropped.
  const shown = /^(?:asc|desc):/.test(sortBy) ? sortBy : column
  const message = model.others.includes(column)
    ? `This resource can not be sorted by this field: '${shown}'`
    : "You can only sort by valid fields of this resource"
  return refused({
    model: model.name,
    member: "sort_by",
    type: "value_error",
    message: `Value error, ${message}`,
    input: reprOf(sortBy),
    inputType: "str",
  })
}

function isColumn<Column extends string>(
  model: ListModel<Column>,
  name: string,
): name is Column | DateColumn {
  return Object.hasOwn(model.columns, name)
}

function refused(fault: FramedFault): ServiceRead<never> {
  return { ok: false, refusal: { kind: "error", status: 422, message: filterFrame(fault) } }
}
