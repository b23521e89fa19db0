import type {
  DateCondition,
  DecodedServiceList,
  ListFilter,
  ServiceColumn,
  TextCondition,
  UserFilter,
} from "@berth/contract/services"
import type { ServiceCondition, ServiceRecords, UserTest } from "../../domain/services/index.ts"
import { fulfilsText } from "./conditions.ts"
import { userOfUuid, uuidOfUser } from "./uuids.ts"

type Filter = Exclude<ListFilter<ServiceColumn>, UserFilter>
type ServiceListCommand = Parameters<ServiceRecords["list"]>[1]

const usPerMs = 1000

/** The list that a query asks for, but for its place and page. */
export function listCommand(
  query: DecodedServiceList,
): Pick<ServiceListCommand, "scopeUserId" | "match" | "conditions" | "users" | "sort"> {
  const { scopeUser, match, sort, filters } = query
  return {
    scopeUserId: scopeUser === null ? null : userOfUuid(scopeUser),
    match,
    conditions: filters.flatMap((filter) => (filter.column === "user" ? [] : conditionOf(filter))),
    users: filters.flatMap((filter) => (filter.column === "user" ? userTest(filter) : [])),
    sort: { column: sort.column, descending: sort.isDescending },
  }
}

/** Of the id, of the name, or of the full name, which nobody has. */
function userTest({ id, name }: UserFilter): UserTest {
  return (user) =>
    fulfilsText(id, uuidOfUser(user.id).replaceAll("-", ""), true) ||
    fulfilsText(name, user.name, true) ||
    fulfilsText(name, "", true)
}

const textOps = {
  equals: "equals",
  notequals: "not_equals",
  contains: "contains",
  notcontains: "not_contains",
  startswith: "starts_with",
  endswith: "ends_with",
} as const
const orders = { gt: "greater", gte: "at_least", lt: "less", lte: "at_most" } as const
const dateOps = { equals: "equals_at", notequals: "not_equals_at", ...orders } as const

function conditionOf(filter: Filter): ServiceCondition {
  const { column } = filter
  return { column, ...(isOfDate(filter) ? dateTest(filter) : textTest(filter)) }
}

type OfDate = Extract<Filter, { readonly column: "created" | "updated" }>
function isOfDate(filter: Filter): filter is OfDate {
  return filter.column === "created" || filter.column === "updated"
}

/** What a condition says, without its column. */
type Test = ServiceCondition extends infer One ? (One extends unknown ? Omit<One, "column"> : never) : never

function dateTest(condition: DateCondition): Test {
  switch (condition.op) {
    case "isnull":
      return { op: "is_null" }
    case "isnotnull":
      return { op: "is_not_null" }
    case "in":
      return { op: "between", from: condition.fromMs * usPerMs, to: condition.toMs * usPerMs }
    case "equals":
    case "notequals":
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return { op: dateOps[condition.op], number: condition.atMs * usPerMs }
  }
}

function textTest(condition: TextCondition): Test {
  if ("number" in condition) return { op: orders[condition.op], number: condition.number }
  if ("value" in condition) return { op: textOps[condition.op], value: condition.value }
  switch (condition.op) {
    case "isnull":
      return { op: "is_null" }
    case "isnotnull":
      return { op: "is_not_null" }
    case "oneof":
      return { op: "one_of", values: condition.values }
    case "notoneof":
      return { op: "not_one_of", values: condition.values }
  }
}
