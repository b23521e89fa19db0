/** How a column is compared. */
export type ColumnType = "text" | "uuid" | "datetime"

/** Every list has these. */
export type DateColumn = "created" | "updated"

/** What one kind of list can be filtered and sorted by. */
export interface ListModel<Column extends string> {
  /** As refusals name it. */
  readonly name: string
  readonly table: string
  readonly schema: string
  /** In the order in which filters are checked; `user` comes last. */
  readonly columns: Readonly<Record<Column | DateColumn, ColumnType>>
  /** Parameters that are no columns, told apart from names that are not known. */
  readonly others: readonly string[]
  /** The last parameters, as many as refusals show. */
  readonly shown: readonly string[]
}

const paging = ["sort_by", "logical_operator", "page", "size"] as const
const common = { id: "uuid", created: "datetime", updated: "datetime", name: "text" } as const

export type ServiceColumn =
  | "id"
  | "name"
  | "type"
  | "flavor"
  | "pipeline_name"
  | "pipeline_step_name"
  | "model_version_id"
  | "pipeline_run_id"
  | "user"
export const serviceModel: ListModel<ServiceColumn> = {
  name: "ServiceFilter",
  table: "service",
  schema: "ServiceSchema",
  columns: {
    ...common,
    type: "text",
    flavor: "text",
    pipeline_name: "text",
    pipeline_step_name: "text",
    model_version_id: "uuid",
    pipeline_run_id: "uuid",
    user: "uuid",
  },
  others: [...paging, "scope_user", "project", "running", "config"],
  shown: ["pipeline_run_id"],
}

export type ProjectColumn = "id" | "name" | "display_name"
export const projectModel: ListModel<ProjectColumn> = {
  name: "ProjectFilter",
  table: "project",
  schema: "ProjectSchema",
  columns: { ...common, display_name: "text" },
  others: paging,
  shown: ["name", "display_name"],
}

export type StackColumn = "id" | "name" | "description" | "user"
export const stackModel: ListModel<StackColumn> = {
  name: "StackFilter",
  table: "stack",
  schema: "StackSchema",
  columns: { ...common, description: "text", user: "uuid" },
  others: [...paging, "scope_user"],
  shown: ["component_id", "component"],
}
