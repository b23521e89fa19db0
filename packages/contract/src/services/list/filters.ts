import type { DateColumn, ListModel } from "./columns.ts"
import {
  readDateCondition,
  readTextCondition,
  type ConditionRead,
  type DateCondition,
  type TextCondition,
} from "./conditions.ts"
import { operationOf } from "./operators.ts"

/** One condition of a list, on one column. */
export type ListFilter<Column extends string> =
  | ({ readonly column: Exclude<Column, "user"> } & TextCondition)
  | ({ readonly column: DateColumn } & DateCondition)
  | ("user" extends Column ? UserFilter : never)

/**
 * On the owner: fulfilled when the id fulfils the one, or name or full name the other. What has no owner fulfils none.
 */
export interface UserFilter {
  readonly column: "user"
  readonly id: TextCondition
  readonly name: TextCondition
}

/** Reads one value of a column's parameter. */
export function readFilter<Column extends string>(
  model: ListModel<Column>,
  column: Column | DateColumn,
  text: string,
): ConditionRead<ListFilter<Column>> {
  const read = readAny(model, column, text)
  // What the columns of the model are is known to the compiler only apart from what stands in their conditions.
  return read as ConditionRead<ListFilter<Column>>
}

function readAny<Column extends string>(
  model: ListModel<Column>,
  column: Column | DateColumn,
  text: string,
): ConditionRead<object> {
  const operation = operationOf(text)
  if (column === "user") return readUser(text)
  const type = model.columns[column]
  const label = `${type === "uuid" ? model.table : model.schema}.${column}`
  const read = type === "datetime" ? readDateCondition(operation) : readTextCondition(operation, type, label)
  return read.ok ? { ok: true, value: { column, ...read.value } } : read
}

function readUser(text: string): ConditionRead<UserFilter> {
  const operation = operationOf(text)
  const id = readTextCondition(operation, "uuid", '"user".id')
  if (!id.ok) return id
  const name = readTextCondition(operation, "text", "UserSchema.name")
  return name.ok ? { ok: true, value: { column: "user", id: id.value, name: name.value } } : name
}
