import type { Tx } from "../domain/journal/index.ts"
import { type WorkloadKey, isTerminal, phases } from "../domain/workloads/index.ts"
import { statement } from "./statement.ts"
import { countWorkload, countedColumns, dropEmptyCounts } from "./workload-counts.ts"

const livePhases: readonly string[] = phases.filter((phase) => !isTerminal(phase))

/** Oldest end first. One whose claim is not gone keeps its rows: its nodes are still held in its name. */
const selectOld = statement<{ beforeMs: number; limit: number }>("workload_by_end")((db, p) =>
  db
    .selectFrom("workload")
    .select(["key", "hidden", ...countedColumns])
    .where("ended_at_ms", "<", p("beforeMs"))
    .where("phase", "not in", livePhases)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom("claim")
            .select("claim.id")
            .where("claim.owner_kind", "=", "workload")
            .whereRef("claim.owner_id", "=", "workload.key")
            .where("claim.state", "in", ["wanted", "bound", "releasing"]),
        ),
      ),
    )
    .orderBy("ended_at_ms")
    .limit(p("limit")),
)
const deleteClaims = statement<{ key: string }>("claim_by_owner")((db, p) =>
  db.deleteFrom("claim").where("owner_kind", "=", "workload").where("owner_id", "=", p("key")),
)
const deleteAttempts = statement<{ key: string }>("attempt_by_workload")((db, p) =>
  db.deleteFrom("attempt").where("workload_key", "=", p("key")),
)
const deleteReplicas = statement<{ key: string }>("replica_by_workload")((db, p) =>
  db.deleteFrom("replica").where("workload_key", "=", p("key")),
)
const deleteRevisions = statement<{ key: string }>("primary")((db, p) =>
  db.deleteFrom("revision").where("workload_key", "=", p("key")),
)
const deleteEndpoint = statement<{ key: string }>("primary")((db, p) =>
  db.deleteFrom("endpoint").where("workload_key", "=", p("key")),
)
const deleteDependencies = statement<{ key: string }>("primary")((db, p) =>
  db.deleteFrom("workload_dependency").where("workload_key", "=", p("key")),
)
const deleteSpec = statement<{ key: string }>("primary")((db, p) =>
  db.deleteFrom("workload_spec").where("workload_key", "=", p("key")),
)
const deleteWorkload = statement<{ key: string }>("primary")((db, p) =>
  db.deleteFrom("workload").where("key", "=", p("key")),
)

const removals = [
  deleteClaims,
  deleteAttempts,
  deleteReplicas,
  deleteRevisions,
  deleteEndpoint,
  deleteDependencies,
  deleteSpec,
  deleteWorkload,
]

/** See WorkloadStore.prune. Takes the gone claims of a workload with it. */
export async function pruneWorkloads(
  tx: Tx,
  endedBeforeMs: number,
  limit: number,
): Promise<readonly WorkloadKey[]> {
  const old = await selectOld.all(tx, { beforeMs: endedBeforeMs, limit })
  for (const row of old) {
    for (const remove of removals) await remove.run(tx, { key: row.key })
    await countWorkload(tx, row, undefined)
  }
  if (old.length < limit) await dropEmptyCounts(tx)
  return old.map((row) => row.key as WorkloadKey)
}
