import { type SqlBool, sql } from "kysely"
import type { Tx } from "../domain/journal/index.ts"
import { deleteEventsOf } from "./ray-events.ts"
import { statement } from "./statement.ts"

interface Old {
  beforeMs: number
  limit: number
}

/** Oldest end first, as the index says it. */
const selectOld = statement<Old>("ray_object_by_end")((db, p) =>
  db
    .selectFrom("ray_object")
    .select("key")
    .where(sql<SqlBool>`is_live = 0`)
    .where("kind", "=", "cluster")
    .where("ended_at_ms", "<", p("beforeMs"))
    .orderBy("ended_at_ms")
    .limit(p("limit")),
)
const deletePodsOf = statement<{ key: string }>("ray_pod_by_cluster")((db, p) =>
  db.deleteFrom("ray_pod").where("cluster_key", "=", p("key")),
)
const deleteSubmissionsOf = statement<{ key: string }>("primary")((db, p) =>
  db.deleteFrom("ray_submission").where("cluster_key", "=", p("key")),
)
const deleteCluster = statement<{ key: string }>("primary")((db, p) =>
  db.deleteFrom("ray_object").where("key", "=", p("key")),
)
/** Of clusters that live on. */
export const deleteOldPods = statement<Old>("primary")((db, p) =>
  db.deleteFrom("ray_pod").where((eb) =>
    eb(
      "id",
      "in",
      eb
        .selectFrom("ray_pod as old")
        .select("old.id")
        .where(sql<SqlBool>`old.is_live = 0`)
        .where("old.ended_at_ms", "<", p("beforeMs"))
        .orderBy("old.ended_at_ms")
        .limit(p("limit")),
    ),
  ),
)
/** What was noted of an object after it had been deleted. */
export const deleteLostEvents = statement<Old>("primary")((db, p) =>
  db.deleteFrom("ray_event").where((eb) =>
    eb(
      "seq",
      "in",
      eb
        .selectFrom("ray_event as lost")
        .select("lost.seq")
        .where("lost.last_at_ms", "<", p("beforeMs"))
        .where((lost) =>
          lost.not(
            lost.exists(
              lost
                .selectFrom("ray_object")
                .select("ray_object.key")
                .whereRef("ray_object.key", "=", "lost.object_key"),
            ),
          ),
        )
        .orderBy("lost.last_at_ms")
        .limit(p("limit")),
    ),
  ),
)

/** See RayStore.prune. */
export async function pruneRay(tx: Tx, beforeMs: number, limit: number): Promise<number> {
  const old = await selectOld.all(tx, { beforeMs, limit })
  for (const { key } of old) {
    await deletePodsOf.run(tx, { key })
    await deleteSubmissionsOf.run(tx, { key })
    await deleteEventsOf.run(tx, { objectKey: key })
    await deleteCluster.run(tx, { key })
  }
  await deleteOldPods.run(tx, { beforeMs, limit })
  await deleteLostEvents.run(tx, { beforeMs, limit })
  return old.length
}
