import { type Selectable, type SqlBool, sql } from "kysely"
import type { Reads, Tx } from "../domain/journal/index.ts"
import {
  isRayJobOver,
  type RayCluster,
  type RayClusterKey,
  type RayJob,
  type RayJobKey,
  type RayObjectStore,
  type RayPage,
  type RayScope,
  type RayService,
  type RayServiceKey,
  rayClusterChanged,
  rayJobChanged,
  rayServiceChanged,
} from "../domain/ray/index.ts"
import { mapInTurns } from "../kit/in-turns.ts"
import { assertInserted, assertMoved, fromJson, toFlag, toJson } from "./codec.ts"
import type { Dialect } from "./dialect.ts"
import { deleteEventsOf } from "./ray-events.ts"
import type { Database } from "./schema.ts"
import { type BoundSql, sessionOf } from "./session.ts"
import { compileNow, rowsAs, slotsOf, statement } from "./statement.ts"

type Row = Selectable<Database["ray_object"]>
type BodyRow = Pick<Row, "body" | "version">

/** What all three kinds have. */
interface RayObject {
  readonly key: string
  readonly namespace: string
  readonly name: string
  readonly workspaceId: string
  readonly version: number
}
interface Kind<T> {
  readonly kind: "cluster" | "job" | "service"
  /** Its name is taken, and lists show it. */
  readonly isListed: (row: T) => boolean
  /** It is not over. */
  readonly isLive: (row: T) => boolean
  readonly endedAtMs: (row: T) => number | null
  readonly tell: (tx: Tx, row: T, gone: boolean) => void
}

const columns = [
  "key",
  "kind",
  "namespace",
  "name",
  "workspace_id",
  "is_listed",
  "is_live",
  "ended_at_ms",
  "body",
  "version",
] as const
const movingColumns = ["is_listed", "is_live", "ended_at_ms", "body"] as const
/** As the indexes say it: in other words they would not be used. */
const isListedRow = sql<SqlBool>`is_listed = 1`
const isLiveRow = sql<SqlBool>`is_live = 1`

const selectByKey = statement<{ key: string }>("primary")((db, p) =>
  db.selectFrom("ray_object").select(["body", "version"]).where("key", "=", p("key")),
)
const selectByName = statement<{ kind: string; namespace: string; name: string }>("ray_object_by_name")(
  (db, p) =>
    db
      .selectFrom("ray_object")
      .select(["body", "version"])
      .where(isListedRow)
      .where("kind", "=", p("kind"))
      .where("namespace", "=", p("namespace"))
      .where("name", "=", p("name")),
)
const selectLive = statement<{ kind: string }>("ray_object_live")((db, p) =>
  db
    .selectFrom("ray_object")
    .select(["body", "version"])
    .where(isLiveRow)
    .where("kind", "=", p("kind"))
    .orderBy("workspace_id")
    .orderBy("key"),
)
const countLiveIn = statement<{ kind: string; workspaceId: string }>("ray_object_live")((db, p) =>
  db
    .selectFrom("ray_object")
    .select((eb) => eb.fn.countAll<number>().as("n"))
    .where(isLiveRow)
    .where("kind", "=", p("kind"))
    .where("workspace_id", "=", p("workspaceId")),
)
const insertRow = statement<Row>("write")((db, p) =>
  db
    .insertInto("ray_object")
    .values(slotsOf(p, columns))
    .onConflict((conflict) => conflict.doNothing()),
)
const updateRow = statement<Row>("primary")((db, p) =>
  db
    .updateTable("ray_object")
    .set((eb) => ({ ...slotsOf(p, movingColumns), version: eb("version", "+", 1) }))
    .where("key", "=", p("key"))
    .where("version", "=", p("version")),
)
const deleteRow = statement<{ key: string }>("primary")((db, p) =>
  db.deleteFrom("ray_object").where("key", "=", p("key")).returning(["body", "version"]),
)

/** Listed ones in order, from behind `page.after` on; an index has them in order. */
export function rayPageQuery(dialect: Dialect, kind: string, scope: RayScope, page: RayPage): BoundSql {
  let query = dialect.db
    .selectFrom("ray_object")
    .select(["body", "version"])
    .where(isListedRow)
    .where("kind", "=", kind)
    .orderBy("namespace")
    .orderBy("name")
  if ("namespace" in scope) query = query.where("namespace", "=", scope.namespace)
  else if (scope.workspaceIds)
    // picked out on the way through the names, which keeps their order
    query = query.where(dialect.unindexed.text("workspace_id"), "in", scope.workspaceIds)
  const { after } = page
  // SQLite enters an index by one column and a pair with that column in it only by the first of the two.
  if (after && "namespace" in scope && after.namespace === scope.namespace)
    query = query.where("name", ">", after.name)
  else if (after) query = query.where(sql<SqlBool>`(namespace, name) > (${after.namespace}, ${after.name})`)
  if (page.limit !== null) query = query.limit(page.limit + 1)
  return compileNow(query)
}

/** Whether nothing can be in it: `in ()` is no SQL. */
export function isEmptyScope(scope: RayScope): boolean {
  return "workspaceIds" in scope && scope.workspaceIds?.length === 0
}

type DeletableStore<T, K> = RayObjectStore<T, K> & { delete(tx: Tx, key: K): Promise<void> }

function objectStore<T extends RayObject, K extends string>(of: Kind<T>): DeletableStore<T, K> {
  const { kind } = of
  const resource = `ray-${kind}`
  const toRow = (object: T): Row => ({
    key: object.key,
    kind,
    namespace: object.namespace,
    name: object.name,
    workspace_id: object.workspaceId,
    is_listed: toFlag(of.isListed(object)),
    is_live: toFlag(of.isLive(object)),
    ended_at_ms: of.endedAtMs(object),
    body: toJson({ ...object, version: undefined }),
    version: object.version,
  })
  const fromRow = ({ body, version }: BodyRow): T => ({ ...fromJson<T>(body), version })
  return {
    async byKey(from, key) {
      const row = await selectByKey.get(from, { key })
      return row && fromRow(row)
    },
    async byName(from, namespace, name) {
      const row = await selectByName.get(from, { kind, namespace, name })
      return row && fromRow(row)
    },
    async page(from, scope, page) {
      if (isEmptyScope(scope)) return { items: [], hasMore: false }
      const found = await mapInTurns(await pageRows(from, kind, scope, page), fromRow)
      if (page.limit === null) return { items: found, hasMore: false }
      return { items: found.slice(0, page.limit), hasMore: found.length > page.limit }
    },
    async live(from) {
      return (await selectLive.all(from, { kind })).map(fromRow)
    },
    async liveIn(from, workspaceId) {
      return (await countLiveIn.get(from, { kind, workspaceId }))?.n ?? 0
    },
    async insert(tx, object) {
      await insertRow.post(tx, toRow(object), (inserted) => assertInserted(inserted, resource, object.name))
      of.tell(tx, object, false)
    },
    async update(tx, object) {
      await updateRow.post(tx, toRow(object), (moved) => assertMoved(moved, resource, object.name))
      of.tell(tx, { ...object, version: object.version + 1 }, false)
    },
    async delete(tx, key) {
      const row = await deleteRow.get(tx, { key })
      if (!row) return
      await deleteEventsOf.post(tx, { objectKey: key })
      of.tell(tx, fromRow(row), true)
    },
  }
}

/** Beside the writer: a team's list may be thousands of rows with their whole specs. */
async function pageRows(from: Reads, kind: string, scope: RayScope, page: RayPage) {
  const session = sessionOf(from)
  const [found] = await session.scan([rayPageQuery(session.dialect, kind, scope, page)])
  return rowsAs<BodyRow>(found)
}

/** They are not deleted but pruned. */
export const rayClusters: RayObjectStore<RayCluster, RayClusterKey> = objectStore({
  kind: "cluster",
  isListed: ({ state }) => state !== "ending" && state !== "gone",
  isLive: ({ state }) => state !== "gone",
  endedAtMs: (cluster) => cluster.endedAtMs,
  tell: (tx, cluster) => tx.publish(rayClusterChanged, cluster),
})

export const rayJobs = objectStore<RayJob, RayJobKey>({
  kind: "job",
  isListed: ({ deletingAtMs }) => deletingAtMs === null,
  isLive: (job) => !isRayJobOver(job),
  endedAtMs: ({ finishedAtMs }) => finishedAtMs,
  tell: (tx, job, gone) => tx.publish(rayJobChanged, { job, gone }),
})

export const rayServices = objectStore<RayService, RayServiceKey>({
  kind: "service",
  isListed: ({ deletingAtMs }) => deletingAtMs === null,
  isLive: () => true,
  endedAtMs: () => null,
  tell: (tx, service, gone) => tx.publish(rayServiceChanged, { service, gone }),
})
