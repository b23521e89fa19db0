import { type ExpressionBuilder, type SqlBool, sql } from "kysely"
import type { Reads } from "../domain/journal/index.ts"
import type { WorkloadFilter, WorkloadSort, WorkloadStore } from "../domain/workloads/index.ts"
import type { Dialect } from "./dialect.ts"
import type { Database } from "./schema.ts"
import { type BoundSql, type Session, type SqlRow, sessionOf } from "./session.ts"
import { compileNow, rowsAs } from "./statement.ts"
import { type SummaryRow, summaryColumns, toSummary } from "./workload-rows.ts"

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

/** Sorts that an index gives in order, one way or both; any other looks at every row. */
const orderedSorts = new Set<WorkloadSort>([
  "createdAtMs",
  "startedAtMs",
  "endedAtMs",
  "id",
  "workspaceId",
  "userId",
])

/** See WorkloadStore.list. Total and page are of one snapshot. */
export async function listWorkloads(
  from: Reads,
  filter: WorkloadFilter,
  page: Page,
): ReturnType<WorkloadStore["list"]> {
  if (matchesNothing(filter)) return { total: 0, items: [] }
  const session = sessionOf(from)
  const { counted, found } = await (isCounted(filter) ? countThenRead : readThenCount)(session, filter, page)
  const items = rowsAs<SummaryRow>(found).map(toSummary)
  // Not counted, for the page has come to the end of what there is.
  return {
    total: rowsAs<Count>(counted)[0]?.total ?? (items.length > 0 ? page.offset + items.length : 0),
    items,
  }
}

interface Count {
  readonly total: number | null
}
interface Found {
  readonly counted: readonly SqlRow[] | undefined
  readonly found: readonly SqlRow[] | undefined
}

/** The counters cost next to nothing, and tell when there is no page to look for. */
async function countThenRead(session: Session, filter: WorkloadFilter, page: Page): Promise<Found> {
  const { dialect } = session
  const [counted, found] = await session.scan(
    [
      countQuery(dialect, filter),
      { ...workloadPageQuery(dialect, filter, page), unless: { of: 0, atMost: page.offset } },
    ],
    { isLong: isLong(filter, page) },
  )
  return { counted, found }
}

/** Where few match, the page has looked through everything already: all of them are in it, counted by that. */
async function readThenCount(session: Session, filter: WorkloadFilter, page: Page): Promise<Found> {
  const { dialect } = session
  const isWhole = { of: 0, least: page.offset === 0 ? 0 : 1, below: page.limit }
  const [found, counted] = await session.scan(
    [workloadPageQuery(dialect, filter, page), { ...countQuery(dialect, filter), unless: isWhole }],
    { isLong: isLong(filter, page) },
  )
  return { counted, found }
}

function matchesNothing({ workspaceIds, phases, kinds }: WorkloadFilter): boolean {
  return workspaceIds?.length === 0 || phases?.length === 0 || kinds?.length === 0
}

/** Sorts whose index also tells workspace and phase, so that it is walked whichever of those are asked for. */
const walkedSorts = new Set<WorkloadSort>(["startedAtMs", "endedAtMs"])
/** Sorts by what no index has: all rows are read, best in the order in which they lie. */
const rowSorts = new Set<WorkloadSort>(["deletedAtMs", "dispatchCount"])

/** Whether it has to look at far more than it gives. */
function isLong(filter: WorkloadFilter, { sort }: Page): boolean {
  const { description, workloadId, kinds, clusterId, userId, userName } = filter
  if (description !== undefined || workloadId !== undefined || !orderedSorts.has(sort)) return true
  return sort !== "createdAtMs" && [kinds, clusterId, userId, userName].some((value) => value !== undefined)
}

/** Whether the counters know how many there are. */
function isCounted({ createdFromMs, createdToMs, description, workloadId }: WorkloadFilter): boolean {
  return [createdFromMs, createdToMs, description, workloadId].every((value) => value === undefined)
}

/** From the counters when they know, else by walking an index. */
function countQuery(dialect: Dialect, filter: WorkloadFilter): BoundSql {
  if (!isCounted(filter))
    return compileNow(
      dialect.db
        .selectFrom("workload")
        .select((eb) => eb.fn.countAll<number>().as("total"))
        .where((eb) => eb.and(conditions(dialect, eb, filter))),
    )
  const { workspaceIds, phases, kinds, clusterId, userId, userName } = filter
  let query = dialect.db
    .selectFrom("workload_count")
    .select((eb) => eb.fn.sum<number | null>("n").as("total"))
  if (workspaceIds) query = query.where("workspace_id", "in", workspaceIds)
  if (phases) query = query.where("phase", "in", phases)
  if (kinds) query = query.where("kind", "in", kinds)
  if (clusterId !== undefined) query = query.where("cluster_id", "=", clusterId)
  if (userId !== undefined) query = query.where("user_id", "=", userId)
  if (userName !== undefined) query = query.where(dialect.contains("workload_count.user_name", userName))
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
    .where((eb) => eb.and(conditions(dialect, eb, filter, page.sort)))
    .orderBy(order(dialect, page, filter.description === undefined))
    .limit(page.limit)
    .offset(page.offset)
  return compileNow(
    dialect.db
      .selectFrom("workload")
      .innerJoin("workload_spec", "workload_spec.workload_key", "workload.key")
      .select(summaryColumns)
      .select(dialect.jsonMember("workload_spec.spec", "resource").as("resource"))
      .where("workload.key", "in", keys)
      .orderBy(order(dialect, page, true)),
  )
}

/**
 * desc: nulls first, asc: nulls last; equal ones newest first, then by id.
 * @param mayWalk whether an index in that order may be walked. Where the filter reads what such an index has not, each
 *   of its entries would have its row fetched: a look at an index that has all, and a sort, is ten times as fast.
 */
function order(dialect: Dialect, { sort, order: direction }: Page, mayWalk: boolean) {
  const word = direction === "desc" ? "desc" : "asc"
  const nulls = !mayBeNull.has(sort) ? "" : direction === "desc" ? " nulls first" : " nulls last"
  const created = mayWalk
    ? sql.ref("workload.created_at_ms")
    : dialect.unindexed.int("workload.created_at_ms")
  if (sort === "createdAtMs") return sql`${created} ${sql.raw(word)}, ${sql.ref("workload.id")}`
  const first = sql`${sql.ref(sortColumns[sort])} ${sql.raw(word + nulls)}`
  return sql`${first}, ${created} desc, ${sql.ref("workload.id")}`
}

function conditions(
  dialect: Dialect,
  eb: ListBuilder,
  filter: WorkloadFilter,
  sort: WorkloadSort = "createdAtMs",
) {
  const hidden = rowSorts.has(sort) ? dialect.unindexed.int("workload.hidden") : "workload.hidden"
  const all = [eb(hidden, "=", eb.lit<number>(0)), ...exact(dialect, eb, filter, walkedSorts.has(sort))]
  const { userName, description, workloadId } = filter
  if (userName !== undefined) all.push(...ofUsersNamed(dialect, eb, userName))
  if (description !== undefined) all.push(within(dialect, "workload.description", description))
  if (workloadId !== undefined) all.push(within(dialect, "workload.id", workloadId))
  return all
}

function within(dialect: Dialect, column: string, text: string) {
  return sql<SqlBool>`${dialect.contains(column, text)}` as unknown as ReturnType<ListBuilder>
}

/** The counters know who there is: only the rows of those need be looked at for the name they were submitted under. */
function ofUsersNamed(dialect: Dialect, eb: ListBuilder, text: string) {
  const ids = dialect.db
    .selectFrom("workload_count")
    .select("workload_count.user_id")
    .where(dialect.contains("workload_count.user_name", text))
  return [
    eb(dialect.unindexed.text("workload.user_id"), "in", ids),
    within(dialect, "workload.user_name", text),
  ]
}

function exact(dialect: Dialect, eb: ListBuilder, filter: WorkloadFilter, isWalked: boolean) {
  const { workspaceIds, phases, kinds, clusterId, userId, createdFromMs, createdToMs } = filter
  const all = []
  if (workspaceIds) all.push(inWorkspaces(dialect, eb, workspaceIds, isWalked))
  if (phases)
    all.push(eb(isWalked ? dialect.unindexed.text("workload.phase") : "workload.phase", "in", phases))
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
function inWorkspaces(dialect: Dialect, eb: ListBuilder, workspaceIds: readonly string[], isWalked: boolean) {
  const [only] = workspaceIds
  return workspaceIds.length === 1 && only !== undefined && !isWalked
    ? eb("workload.workspace_id", "=", only)
    : eb(dialect.unindexed.text("workload.workspace_id"), "in", workspaceIds)
}
