import type { Tx } from "../domain/journal/index.ts"
import { statement } from "./statement.ts"

interface Of {
  workspaceId: string
}

// When a workspace is deleted: no index is kept for it.
const deleteTemplatesOf = statement<Of>("scan")((db, p) =>
  db.deleteFrom("ray_template").where("workspace_id", "=", p("workspaceId")),
)
const deleteEntriesOf = statement<Of>("scan")((db, p) =>
  db.deleteFrom("ray_config_entry").where("workspace_id", "=", p("workspaceId")),
)
const deleteSubmissionsOf = statement<Of>("primary")((db, p) =>
  db
    .deleteFrom("ray_submission")
    .where("cluster_key", "in", (eb) =>
      eb
        .selectFrom("ray_object")
        .select("ray_object.key")
        .where("ray_object.kind", "=", "cluster")
        .where("ray_object.workspace_id", "=", p("workspaceId")),
    ),
)
/** They are over: those that are not keep the workspace. */
const deleteJobsOf = statement<Of>("scan")((db, p) =>
  db.deleteFrom("ray_object").where("kind", "=", "job").where("workspace_id", "=", p("workspaceId")),
)

/**
 * Removes what of a workspace that ends would be found by name in the next one of its namespaces, and what is its
 * secret: templates, config maps, secrets, jobs that are over, and what was submitted with its logs. Clusters that are
 * gone are pruned like everything else that is over.
 */
export async function removeRayOf(tx: Tx, workspaceId: string): Promise<void> {
  await deleteTemplatesOf.run(tx, { workspaceId })
  await deleteEntriesOf.run(tx, { workspaceId })
  await deleteSubmissionsOf.run(tx, { workspaceId })
  await deleteJobsOf.run(tx, { workspaceId })
}
