import { type Selectable, sql } from "kysely"
import type { RayStore, RaySubmission } from "../domain/ray/index.ts"
import { fromJson, toJson } from "./codec.ts"
import { rayEntries, rayTemplates } from "./ray-config.ts"
import { rayEvents } from "./ray-events.ts"
import { rayClusters, rayJobs, rayServices } from "./ray-objects.ts"
import { rayPods } from "./ray-pods.ts"
import { pruneRay } from "./ray-prune.ts"
import type { Database } from "./schema.ts"
import { slotsOf, statement } from "./statement.ts"

type Row = Selectable<Database["ray_submission"]>

const columns = ["cluster_key", "submission_id", "created_at_ms", "body", "log"] as const

const selectOne = statement<Pick<Row, "cluster_key" | "submission_id">>("primary")((db, p) =>
  db
    .selectFrom("ray_submission")
    .select(["body", "log"])
    .where("cluster_key", "=", p("cluster_key"))
    .where("submission_id", "=", p("submission_id")),
)
/** Sorted here: a cluster has as many as were sent to it, and they are all wanted. */
const selectOf = statement<Pick<Row, "cluster_key">>("primary")((db, p) =>
  db
    .selectFrom("ray_submission")
    .select("body")
    .where("cluster_key", "=", p("cluster_key"))
    .orderBy("created_at_ms")
    .orderBy("submission_id"),
)
/** A log that was kept stays: whoever wrote the row from a list has none. */
const putRow = statement<Row>("write")((db, p) =>
  db
    .insertInto("ray_submission")
    .values(slotsOf(p, columns))
    .onConflict((conflict) =>
      conflict.columns(["cluster_key", "submission_id"]).doUpdateSet({
        body: p("body"),
        log: sql<string | null>`coalesce(excluded.log, ray_submission.log)`,
      }),
    ),
)
const deleteOne = statement<Pick<Row, "cluster_key" | "submission_id">>("primary")((db, p) =>
  db
    .deleteFrom("ray_submission")
    .where("cluster_key", "=", p("cluster_key"))
    .where("submission_id", "=", p("submission_id")),
)

const raySubmissions: RayStore["submissions"] = {
  async get(from, clusterKey, submissionId) {
    const row = await selectOne.get(from, { cluster_key: clusterKey, submission_id: submissionId })
    return row && { ...fromJson<RaySubmission>(row.body), log: row.log }
  },
  async ofCluster(from, clusterKey) {
    const rows = await selectOf.all(from, { cluster_key: clusterKey })
    return rows.map(({ body }) => ({ ...fromJson<RaySubmission>(body), log: null }))
  },
  async put(tx, submission) {
    await putRow.post(tx, {
      cluster_key: submission.clusterKey,
      submission_id: submission.submissionId,
      created_at_ms: submission.createdAtMs,
      body: toJson({ ...submission, log: undefined }),
      log: submission.log,
    })
  },
  async delete(tx, clusterKey, submissionId) {
    await deleteOne.post(tx, { cluster_key: clusterKey, submission_id: submissionId })
  },
}

/**
 * The rows of Ray. Nothing is looked for by what an object is made of, so that is kept as it is said, in one column;
 * columns of their own have what rows are found, ordered and guarded by.
 */
export const rayStore: RayStore = {
  templates: rayTemplates,
  entries: rayEntries,
  clusters: rayClusters,
  pods: rayPods,
  jobs: rayJobs,
  services: rayServices,
  submissions: raySubmissions,
  events: rayEvents,
  prune: pruneRay,
}
