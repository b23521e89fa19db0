import type { Selectable } from "kysely"
import type { ClaimId } from "../domain/queue/index.ts"
import type {
  AttemptId,
  PodTemplate,
  Replica,
  ReplicaId,
  ReplicaState,
  ReplicaStore,
  WorkloadKey,
} from "../domain/workloads/index.ts"
import { replicaChanged } from "../domain/workloads/index.ts"
import { assertInserted, assertMoved, fromJson, toJson } from "./codec.ts"
import type { Database } from "./schema.ts"
import { slotsOf, statement } from "./statement.ts"

type Row = Selectable<Database["replica"]>

const movingColumns = [
  "pod_id",
  "revision",
  "size",
  "state",
  "claim_id",
  "place",
  "attempt_id",
  "starts",
  "restarts",
  "crashes",
  "liveness_failures",
  "start_at_ms",
  "ready_since_ms",
  "pod_ip",
  "leaving",
] as const
const columns = ["id", "workload_key", "ordinal", "created_at_ms", ...movingColumns, "version"] as const

const selectOfWorkload = statement<{ key: string }>("replica_by_workload")((db, p) =>
  db.selectFrom("replica").select(columns).where("workload_key", "=", p("key")).orderBy("ordinal"),
)
const selectById = statement<{ id: string }>("primary")((db, p) =>
  db.selectFrom("replica").select(columns).where("id", "=", p("id")),
)
const selectByClaim = statement<{ id: string }>("replica_by_claim")((db, p) =>
  db.selectFrom("replica").select(columns).where("claim_id", "=", p("id")),
)
const selectAll = statement<object>("scan")((db) => db.selectFrom("replica").select(columns))
const insertRow = statement<Row>("write")((db, p) =>
  db
    .insertInto("replica")
    .values(slotsOf(p, columns))
    .onConflict((conflict) => conflict.doNothing()),
)
const updateRow = statement<Row>("primary")((db, p) =>
  db
    .updateTable("replica")
    .set((eb) => ({ ...slotsOf(p, movingColumns), version: eb("version", "+", 1) }))
    .where("id", "=", p("id"))
    .where("version", "=", p("version")),
)
const deleteRow = statement<{ id: string; version: number }>("primary")((db, p) =>
  db.deleteFrom("replica").where("id", "=", p("id")).where("version", "=", p("version")),
)

const selectTemplate = statement<{ key: string; revision: number }>("primary")((db, p) =>
  db
    .selectFrom("revision")
    .select("template")
    .where("workload_key", "=", p("key"))
    .where("revision", "=", p("revision")),
)
const insertTemplate = statement<{ key: string; revision: number; template: string }>("write")((db, p) =>
  db
    .insertInto("revision")
    .values({ workload_key: p("key"), revision: p("revision"), template: p("template") })
    .onConflict((conflict) => conflict.doNothing()),
)
const deleteTemplates = statement<{ key: string; below: number }>("primary")((db, p) =>
  db
    .deleteFrom("revision")
    .where("workload_key", "=", p("key"))
    .where("revision", "<", p("below"))
    .where((eb) =>
      eb(
        "revision",
        "not in",
        eb.selectFrom("replica").select("replica.revision").where("replica.workload_key", "=", p("key")),
      ),
    ),
)

/** Only its own members: callers may hand over a whole spec. */
function templateOf({ image, entryPoint, env }: PodTemplate): PodTemplate {
  return { image, entryPoint, env }
}

function toReplica(row: Row): Replica {
  return {
    id: row.id as ReplicaId,
    workloadKey: row.workload_key as WorkloadKey,
    ordinal: row.ordinal,
    podId: row.pod_id,
    revision: row.revision,
    size: fromJson(row.size),
    state: row.state as ReplicaState,
    claimId: row.claim_id as ClaimId,
    place: row.place === null ? null : fromJson(row.place),
    attemptId: row.attempt_id as AttemptId | null,
    starts: row.starts,
    restarts: row.restarts,
    crashes: row.crashes,
    livenessFailures: row.liveness_failures,
    startAtMs: row.start_at_ms,
    readySinceMs: row.ready_since_ms,
    podIp: row.pod_ip,
    leaving: row.leaving === null ? null : fromJson(row.leaving),
    createdAtMs: row.created_at_ms,
    version: row.version,
  }
}

function fromReplica(replica: Replica): Row {
  return {
    id: replica.id,
    workload_key: replica.workloadKey,
    ordinal: replica.ordinal,
    pod_id: replica.podId,
    revision: replica.revision,
    size: toJson(replica.size),
    state: replica.state,
    claim_id: replica.claimId,
    place: replica.place === null ? null : toJson(replica.place),
    attempt_id: replica.attemptId,
    starts: replica.starts,
    restarts: replica.restarts,
    crashes: replica.crashes,
    liveness_failures: replica.livenessFailures,
    start_at_ms: replica.startAtMs,
    ready_since_ms: replica.readySinceMs,
    pod_ip: replica.podIp,
    leaving: replica.leaving === null ? null : toJson(replica.leaving),
    created_at_ms: replica.createdAtMs,
    version: replica.version,
  }
}

/** Replicas of applications. `insert` throws AppError `already_exists` when the ordinal is taken. */
export const replicaStore: ReplicaStore = {
  async ofWorkload(from, key) {
    return (await selectOfWorkload.all(from, { key })).map(toReplica)
  },
  async byId(from, id) {
    const row = await selectById.get(from, { id })
    return row && toReplica(row)
  },
  async byClaim(from, id) {
    const row = await selectByClaim.get(from, { id })
    return row && toReplica(row)
  },
  async all(from) {
    return (await selectAll.all(from, {})).map(toReplica)
  },
  async insert(tx, replica) {
    assertInserted(await insertRow.run(tx, fromReplica(replica)), "replica", replica.podId)
    tx.publish(replicaChanged, { replica, gone: false })
  },
  async update(tx, replica) {
    assertMoved(await updateRow.run(tx, fromReplica(replica)), "replica", replica.podId)
    tx.publish(replicaChanged, { replica: { ...replica, version: replica.version + 1 }, gone: false })
  },
  async remove(tx, replica) {
    const { id, version } = replica
    assertMoved(await deleteRow.run(tx, { id, version }), "replica", replica.podId)
    tx.publish(replicaChanged, { replica, gone: true })
  },
  async template(from, key, revision) {
    const row = await selectTemplate.get(from, { key, revision })
    return row && fromJson(row.template)
  },
  async keepTemplate(tx, key, revision, template) {
    await insertTemplate.run(tx, { key, revision, template: toJson(templateOf(template)) })
  },
  async dropTemplates(tx, key, below) {
    await deleteTemplates.run(tx, { key, below })
  },
}
