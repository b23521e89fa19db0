import type { ServiceColumn, ServiceCondition, ServiceQuery } from "../domain/services/index.ts"
import type { Dialect } from "./dialect.ts"
import { servicePageQuery } from "./service-list.ts"
import { planPage } from "./service-pages.ts"

/** A list, and the indexes that a plan of its count and of its pages must name. */
export interface ServiceListCase {
  readonly title: string
  readonly query: ServiceQuery
  /** null: it is not counted but by the page, or by looking at all. */
  readonly counted: string | null
  /** In the order in which they are tried. */
  readonly pages: readonly string[]
}

type Text = Extract<ServiceCondition, { readonly value: string }>
const text = (column: ServiceColumn, op: Text["op"], value = "a"): ServiceCondition => ({ column, op, value })
const created: ServiceCondition = { column: "created", op: "between", from: 1, to: 2 }
const updated: ServiceCondition = { column: "updated", op: "greater", number: 5 }
const inOrder = "service_record_by_workspace"
const byUpdate = "service_record_by_update"
const byName = "service_record_in_name_order"
const counters = "service_count"

type Row = readonly [
  conditions: readonly ServiceCondition[],
  sort: ServiceColumn,
  counted: string | null,
  pages: readonly string[],
]
const rows: readonly Row[] = [
  [[], "created", counters, [inOrder]],
  [[], "updated", counters, [byUpdate]],
  [[], "name", counters, [byName]],
  [[], "flavor", counters, [inOrder]],
  [[text("name", "starts_with")], "name", "service_record_by_name", ["service_record_by_name", byName]],
  [[text("type", "equals")], "created", counters, [inOrder]],
  [[text("flavor", "contains")], "created", counters, [inOrder]],
  [[{ column: "user", op: "one_of", values: ["usr_1", "usr_2"] }], "created", counters, [inOrder]],
  [[created], "created", null, [inOrder]],
  [[updated], "updated", null, [byUpdate]],
  [[updated], "created", byUpdate, [byUpdate]],
  [[created], "updated", null, [byUpdate]],
  [[text("name", "equals")], "created", "service_record_by_name", ["service_record_by_name", inOrder]],
  [[text("name", "starts_with")], "created", "service_record_by_name", ["service_record_by_name", inOrder]],
  [[text("name", "starts_with")], "updated", "service_record_by_name", ["service_record_by_name", byUpdate]],
  [
    [{ column: "name", op: "one_of", values: ["a", "b"] }],
    "created",
    "service_record_by_name",
    ["service_record_by_name", inOrder],
  ],
  [[text("name", "contains")], "created", null, [inOrder]],
  [[text("id", "starts_with")], "created", "primary", ["primary", inOrder]],
  [[text("id", "equals")], "created", "primary", ["primary", inOrder]],
  [
    [text("pipeline_name", "equals"), text("pipeline_step_name", "equals"), text("type", "equals")],
    "created",
    "service_record_by_pipeline",
    ["service_record_by_pipeline", inOrder],
  ],
  [
    [text("model_version_id", "equals", "0190a5e0-0000-7000-8000-000000000001")],
    "created",
    "service_record_by_model_version",
    ["service_record_by_model_version", inOrder],
  ],
  [
    [text("pipeline_run_id", "equals", "0190a5e0-0000-7000-8000-000000000001")],
    "created",
    "service_record_by_run",
    ["service_record_by_run", inOrder],
  ],
]

/** What is often asked for. */
export const serviceListCases: readonly ServiceListCase[] = rows.map(
  ([conditions, sort, counted, pages]) => ({
    title: `${conditions.map(({ column, op }) => `${column} ${op}`).join(" and ") || "all"} by ${sort}`,
    query: {
      workspaceId: "w1",
      scopeUserId: null,
      match: "all",
      conditions,
      sort: { column: sort, descending: true },
      offset: 10_000,
      limit: 100,
      isDetailed: false,
    },
    counted,
    pages,
  }),
)

/** The queries of a case: its count first, where it has one, then its pages. */
export function queriesOf(dialect: Dialect, { query, counted, pages }: ServiceListCase) {
  const { queries } = planPage(dialect, query, servicePageQuery)
  return counted === null
    ? { count: null, pages: queries.slice(0, pages.length) }
    : { count: queries[0] ?? null, pages: queries.slice(1) }
}
