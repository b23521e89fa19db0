import { type Selectable, type SqlBool, sql } from "kysely"
import type { Tx } from "../domain/journal/index.ts"
import { type RayPod, type RayStore, rayPodChanged } from "../domain/ray/index.ts"
import { AppError } from "../kit/errors.ts"
import { assertMoved, fromJson, toFlag, toJson } from "./codec.ts"
import type { Database } from "./schema.ts"
import { slotsOf, statement } from "./statement.ts"

type Row = Selectable<Database["ray_pod"]>

const movingColumns = ["is_live", "cluster_id", "port_block", "ended_at_ms", "body"] as const
const columns = ["id", "cluster_key", ...movingColumns, "version"] as const
/** As the indexes say it. */
const isLiveRow = sql<SqlBool>`is_live = 1`

const selectById = statement<{ id: string }>("primary")((db, p) =>
  db.selectFrom("ray_pod").select(["body", "version"]).where("id", "=", p("id")),
)
const selectLive = statement<object>("ray_pod_live")((db) =>
  db.selectFrom("ray_pod").select(["body", "version"]).where(isLiveRow).orderBy("cluster_key").orderBy("id"),
)
const selectLiveOf = statement<{ clusterKey: string }>("ray_pod_live")((db, p) =>
  db
    .selectFrom("ray_pod")
    .select(["body", "version"])
    .where(isLiveRow)
    .where("cluster_key", "=", p("clusterKey"))
    .orderBy("id"),
)
const selectBlocks = statement<{ clusterId: string }>("ray_pod_by_port_block")((db, p) =>
  db
    .selectFrom("ray_pod")
    .select("port_block")
    .where(isLiveRow)
    .where("port_block", "is not", null)
    .where("cluster_id", "=", p("clusterId"))
    .orderBy("port_block"),
)
const selectWithBlock = statement<{ clusterId: string; portBlock: number }>("ray_pod_by_port_block")(
  (db, p) =>
    db
      .selectFrom("ray_pod")
      .select("id")
      .where(isLiveRow)
      .where("port_block", "is not", null)
      .where("cluster_id", "=", p("clusterId"))
      .where("port_block", "=", p("portBlock")),
)
const insertRow = statement<Row>("write")((db, p) =>
  db
    .insertInto("ray_pod")
    .values(slotsOf(p, columns))
    .onConflict((conflict) => conflict.doNothing()),
)
const updateRow = statement<Row>("primary")((db, p) =>
  db
    .updateTable("ray_pod")
    .set((eb) => ({ ...slotsOf(p, movingColumns), version: eb("version", "+", 1) }))
    .where("id", "=", p("id"))
    .where("version", "=", p("version")),
)

function fromPod(pod: RayPod): Row {
  return {
    id: pod.id,
    cluster_key: pod.clusterKey,
    is_live: toFlag(pod.state !== "gone"),
    cluster_id: pod.clusterId,
    port_block: pod.portBlock,
    ended_at_ms: pod.endedAtMs,
    body: toJson({ ...pod, version: undefined }),
    version: pod.version,
  }
}

function toPod({ body, version }: Pick<Row, "body" | "version">): RayPod {
  return { ...fromJson<RayPod>(body), version }
}

/** The unique index would fail the whole transaction, and not say which it was. */
async function assertBlockFree(tx: Tx, { id, state, clusterId, portBlock }: RayPod): Promise<void> {
  if (state === "gone" || clusterId === null || portBlock === null) return
  const holder = await selectWithBlock.get(tx, { clusterId, portBlock })
  if (holder && holder.id !== id) throw blockTaken(clusterId, portBlock)
}

function blockTaken(clusterId: string, portBlock: number | null): AppError {
  return new AppError("conflict", `Another pod of "${clusterId}" has the block of ports ${portBlock}.`, {
    resource: "ray-pod",
    detail: "port_block",
  })
}

/** The Ray nodes of clusters. Those that are gone stay until they are pruned. */
export const rayPods: RayStore["pods"] = {
  async byId(from, id) {
    const row = await selectById.get(from, { id })
    return row && toPod(row)
  },
  async live(from, clusterKey) {
    const rows = clusterKey ? await selectLiveOf.all(from, { clusterKey }) : await selectLive.all(from, {})
    return rows.map(toPod)
  },
  async insert(tx, pod) {
    await assertBlockFree(tx, pod)
    await insertRow.post(tx, fromPod(pod), (inserted) => {
      if (inserted !== 1) throw blockTaken(pod.clusterId ?? "", pod.portBlock)
    })
    tx.publish(rayPodChanged, pod)
  },
  async update(tx, pod) {
    await assertBlockFree(tx, pod)
    await updateRow.post(tx, fromPod(pod), (moved) => assertMoved(moved, "ray-pod", pod.name))
    tx.publish(rayPodChanged, { ...pod, version: pod.version + 1 })
  },
  async portBlocks(from, clusterId) {
    return (await selectBlocks.all(from, { clusterId })).flatMap(({ port_block }) => port_block ?? [])
  },
}
