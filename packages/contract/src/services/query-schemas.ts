import { Type } from "typebox"
import { flag, int, text } from "../common/index.ts"

const optional = Type.Optional
const column = (what: string) =>
  optional(Type.Array(Type.String(), { description: `${what} Operators as in the description of the list.` }))

const common = {
  hydrate: optional(flag("Whole items.", { default: false })),
  sort_by: optional(
    text("A column, `asc:column` or `desc:column`; ties by id in the same direction.", {
      default: "created",
    }),
  ),
  logical_operator: optional(
    Type.Enum(["or", "and"], {
      description: "Whether any or all of the filters by column must hold.",
      default: "and",
    }),
  ),
  page: optional(int("Which page, from 1; one after the last is a 400.", { minimum: 1, default: 1 })),
  size: optional(int("Items on a page.", { minimum: 1, maximum: 10_000, default: 20 })),
  id: column("Its id."),
  created: column("When it was made."),
  updated: column("When it last changed."),
  name: column("Its name."),
}
const owner = {
  scope_user: optional(text("Exactly this owner, whatever `logical_operator` says.", { format: "uuid" })),
  user: column("Its owner's id, name or full name."),
}

export const ServiceListQuerySchema = Type.Object({
  ...common,
  ...owner,
  project: optional(text("Name or id; without it, the default project.")),
  type: column("`type` of its kind."),
  flavor: column("`flavor` of its kind."),
  pipeline_name: column("`pipeline_name` of its config."),
  pipeline_step_name: column("`pipeline_step_name` of its config."),
  model_version_id: column("Its model's version."),
  pipeline_run_id: column("The run that made it."),
  running: optional(flag("Ignored.")),
  config: optional(text("Ignored.")),
})
export const ProjectListQuerySchema = Type.Object({ ...common, display_name: column("Its name for people.") })
export const StackListQuerySchema = Type.Object({
  ...common,
  ...owner,
  description: column("What it is for."),
})
export const GetQuerySchema = Type.Object({
  hydrate: optional(flag("Whole, or without `metadata`.", { default: true })),
})
export const CreateQuerySchema = Type.Object({
  project_name_or_id: optional(text("Goes before the `project` of the body.")),
})
