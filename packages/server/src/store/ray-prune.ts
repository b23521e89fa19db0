import { type SqlBool, sql } from "kysely"
import type { Tx } from "../domain/journal/index.ts"
import type { RayPod } from "../domain/ray/index.ts"
import { fromJson } from "./codec.ts"
import { deleteEventsOf } from "./ray-events.ts"
import { statement } from "./statement.ts"

interface Old {
  beforeMs: number
  limit: number
}

/** Oldest end first, as the index says it. One whose claim is not gone keeps its rows: nodes are held in its name. */
const selectOld = statement<Old>("ray_object_by_end")((db, p) =>
  db
    .selectFrom("ray_object")
    .select("key")
    .where(sql<SqlBool>`is_live = 0`)
    .where("kind", "=", "cluster")
    .where("ended_at_ms", "<", p("beforeMs"))
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom("claim")
            .select("claim.id")
            .where("claim.owner_kind", "=", "ray-cluster")
            .whereRef("claim.owner_id", "=", "ray_object.key")
            .where("claim.state", "in", ["wanted", "bound", "releasing"]),
        ),
      ),
    )
    .orderBy("ended_at_ms")
    .limit(p("limit")),
)
const deleteClaimsOf = statement<{ key: string }>("claim_by_owner")((db, p) =>
  db.deleteFrom("claim").where("owner_kind", "=", "ray-cluster").where("owner_id", "=", p("key")),
)
const deleteGoneClaim = statement<{ id: string }>("primary")((db, p) =>
  db.deleteFrom("claim").where("id", "=", p("id")).where("state", "=", "gone"),
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
  db
    .deleteFrom("ray_pod")
    .where((eb) =>
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
    )
    .returning("body"),
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

/** See RayStore.prune. Takes the gone claims of what it removes with it. */
export async function pruneRay(tx: Tx, beforeMs: number, limit: number): Promise<number> {
  const old = await selectOld.all(tx, { beforeMs, limit })
  for (const { key } of old) {
    await deleteClaimsOf.run(tx, { key })
    await deletePodsOf.run(tx, { key })
    await deleteSubmissionsOf.run(tx, { key })
    await deleteEventsOf.run(tx, { objectKey: key })
    await deleteCluster.run(tx, { key })
  }
  const pods = await deleteOldPods.all(tx, { beforeMs, limit })
  for (const { body } of pods) await deleteGoneClaim.run(tx, { id: fromJson<RayPod>(body).claimId })
  const events = await deleteLostEvents.run(tx, { beforeMs, limit })
  return old.length + pods.length + events
}
