import { type ExpressionBuilder, type SqlBool, sql } from "kysely"
import type { Reads } from "../domain/journal/index.ts"
import type { WorkloadFilter, WorkloadSort, WorkloadStore } from "../domain/workloads/index.ts"
import type { Dialect } from "./dialect.ts"
import type { Database } from "./schema.ts"
import { type BoundSql, sessionOf } from "./session.ts"
import { compileNow, rowsAs } from "./statement.ts"
import { type FullRow, fullColumns, toWorkload } from "./workload-rows.ts"

type Page = Parameters<WorkloadStore["list"]>[2]
type ListBuilder = ExpressionBuilder<Database, "workload">

const sortColumns = {
  createdAtMs: "workload.created_at_ms",
  startedAtMs: "workload.started_at_ms",
  endedAtMs: "workload.ended_at_ms",
  deletedAtMs: "workload.deleted_at_ms",
  id: "workload.id",
  displayName: "workload.display_name",
  workspaceId: "workload.workspace_id",
  clusterId: "workload.cluster_id",
  phase: "workload.phase",
  kind: "workload.kind",
  userName: "workload.user_name",
  userId: "workload.user_id",
  priority: "workload.priority",
  maxRetry: "workload.max_retry",
  dispatchCount: "workload.dispatch_count",
  timeout: "workload.timeout_seconds",
  ttlSecondsAfterFinished: "workload.ttl_seconds",
  description: "workload.description",
  image: "workload.image",
  entryPoint: "workload_spec.entry_point",
  isSupervised: "workload.is_supervised",
  isTolerateAll: "workload.is_tolerate_all",
} as const satisfies Record<WorkloadSort, string>

/** Sorting these needs a word about nulls; saying it for the others would keep an index from being used. */
const mayBeNull = new Set<WorkloadSort>(["startedAtMs", "endedAtMs", "deletedAtMs", "timeout"])

/** See WorkloadStore.list. Total and page are of one snapshot. */
export async function listWorkloads(
  from: Reads,
  filter: WorkloadFilter,
  page: Page,
): ReturnType<WorkloadStore["list"]> {
  const session = sessionOf(from)
  const { dialect } = session
  if (matchesNothing(filter)) return { total: 0, items: [] }
  const [counted, found] = await session.scan([
    countQuery(dialect, filter),
    workloadPageQuery(dialect, filter, page),
  ])
  return {
    total: rowsAs<{ total: number | null }>(counted)[0]?.total ?? 0,
    items: rowsAs<FullRow>(found).map(toWorkload),
  }
}

function matchesNothing({ workspaceIds, phases, kinds }: WorkloadFilter): boolean {
  return workspaceIds?.length === 0 || phases?.length === 0 || kinds?.length === 0
}

/** From the counters when they know, else by walking an index. */
function countQuery(dialect: Dialect, filter: WorkloadFilter): BoundSql {
  const { workspaceIds, phases, ...rest } = filter
  if (Object.values(rest).some((value) => value !== undefined))
    return compileNow(
      dialect.db
        .selectFrom("workload")
        .select((eb) => eb.fn.countAll<number>().as("total"))
        .where((eb) => eb.and(conditions(dialect, eb, filter))),
    )
  let query = dialect.db
    .selectFrom("workload_count")
    .select((eb) => eb.fn.sum<number | null>("n").as("total"))
  if (workspaceIds) query = query.where("workspace_id", "in", workspaceIds)
  if (phases) query = query.where("phase", "in", phases)
  return compileNow(query)
}

/**
 * First the keys of the page, which for the usual sorts an index alone gives, then the wide rows of only
 * those: a deep page must not read the rows that it skips.
 */
export function workloadPageQuery(dialect: Dialect, filter: WorkloadFilter, page: Page): BoundSql {
  const keys = dialect.db
    .selectFrom("workload")
    .$if(page.sort === "entryPoint", (query) =>
      query.innerJoin("workload_spec", "workload_spec.workload_key", "workload.key"),
    )
    .select("workload.key")
    .where((eb) => eb.and(conditions(dialect, eb, filter)))
    .orderBy(order(page))
    .limit(page.limit)
    .offset(page.offset)
  return compileNow(
    dialect.db
      .selectFrom("workload")
      .innerJoin("workload_spec", "workload_spec.workload_key", "workload.key")
      .select(fullColumns)
      .where("workload.key", "in", keys)
      .orderBy(order(page)),
  )
}

/** desc: nulls first, asc: nulls last; equal ones newest first, then by id. */
function order({ sort, order: direction }: Page) {
  const word = direction === "desc" ? "desc" : "asc"
  const nulls = !mayBeNull.has(sort) ? "" : direction === "desc" ? " nulls first" : " nulls last"
  const first = sql`${sql.ref(sortColumns[sort])} ${sql.raw(word + nulls)}`
  return sort === "createdAtMs"
    ? sql`${first}, ${sql.ref("workload.id")}`
    : sql`${first}, ${sql.ref("workload.created_at_ms")} desc, ${sql.ref("workload.id")}`
}

function conditions(dialect: Dialect, eb: ListBuilder, filter: WorkloadFilter) {
  const all = [eb("workload.hidden", "=", eb.lit<number>(0)), ...exact(eb, filter)]
  const contained = [
    ["workload.user_name", filter.userName],
    ["workload.description", filter.description],
    ["workload.id", filter.workloadId],
  ] as const
  for (const [column, text] of contained) if (text !== undefined) all.push(within(dialect, column, text))
  return all
}

function within(dialect: Dialect, column: string, text: string) {
  return sql<SqlBool>`${dialect.contains(column, text)}` as unknown as ReturnType<ListBuilder>
}

function exact(eb: ListBuilder, filter: WorkloadFilter) {
  const { workspaceIds, phases, kinds, clusterId, userId, createdFromMs, createdToMs } = filter
  const all = []
  if (workspaceIds) all.push(inWorkspaces(eb, workspaceIds))
  if (phases) all.push(eb("workload.phase", "in", phases))
  if (kinds) all.push(eb("workload.kind", "in", kinds))
  if (clusterId !== undefined) all.push(eb("workload.cluster_id", "=", clusterId))
  if (userId !== undefined) all.push(eb("workload.user_id", "=", userId))
  if (createdFromMs !== undefined) all.push(eb("workload.created_at_ms", ">=", createdFromMs))
  if (createdToMs !== undefined) all.push(eb("workload.created_at_ms", "<=", createdToMs))
  return all
}

/**
 * One workspace has its own index. Several are picked out of the index by creation: walking it stops at the
 * end of the page, while the other index would have all their rows sorted.
 */
function inWorkspaces(eb: ListBuilder, workspaceIds: readonly string[]) {
  const [only] = workspaceIds
  return workspaceIds.length === 1 && only !== undefined
    ? eb("workload.workspace_id", "=", only)
    : eb(sql<string>`${sql.ref("workload.workspace_id")} || ''`, "in", workspaceIds)
}
