import { type Selectable, sql } from "kysely"
import type { ClaimId, EndCause } from "../domain/queue/index.ts"
import type {
  Attempt,
  AttemptId,
  AttemptState,
  WorkloadKey,
  WorkloadStore,
} from "../domain/workloads/index.ts"
import { attemptChanged } from "../domain/workloads/index.ts"
import { assertInserted, assertMoved, fromJson, toJson } from "./codec.ts"
import type { Database } from "./schema.ts"
import { slotsOf, statement } from "./statement.ts"

type Row = Selectable<Database["attempt"]>

const movingColumns = [
  "state",
  "pods",
  "handle",
  "cause",
  "stop_message",
  "grace_ms",
  "started_at_ms",
  "ending_at_ms",
  "gone_at_ms",
] as const
const columns = [
  "id",
  "workload_key",
  "claim_id",
  "cluster_id",
  "run",
  "assigned_at_ms",
  ...movingColumns,
  "version",
] as const

const selectById = statement<{ id: string }>("primary")((db, p) =>
  db.selectFrom("attempt").select(columns).where("id", "=", p("id")),
)
const selectByWorkload = statement<{ key: string }>("attempt_by_workload")((db, p) =>
  db.selectFrom("attempt").select(columns).where("workload_key", "=", p("key")).orderBy("run").orderBy("id"),
)
const selectLive = statement<object>("attempt_live")((db, _, { isLive }) =>
  db.selectFrom("attempt").select(columns).where(isLive).orderBy("assigned_at_ms").orderBy("id"),
)
const insert = statement<Row>("write")((db, p) =>
  db
    .insertInto("attempt")
    .values(slotsOf(p, columns))
    .onConflict((conflict) => conflict.doNothing()),
)
const update = statement<Row>("primary")((db, p) =>
  db
    .updateTable("attempt")
    .set((eb) => ({ ...slotsOf(p, movingColumns), version: eb("version", "+", 1) }))
    .where("id", "=", p("id"))
    .where("version", "=", p("version")),
)

const deleteOld = statement<{ key: string; keep: number }>("primary")((db, p) =>
  db
    .deleteFrom("attempt")
    .where((eb) =>
      eb(
        "id",
        "in",
        eb
          .selectFrom("attempt")
          .select("id")
          .where("workload_key", "=", p("key"))
          .where("state", "=", sql.lit("gone"))
          .orderBy("gone_at_ms", "desc")
          .orderBy("id", "desc")
          .limit(sql.lit(1_000_000))
          .offset(p("keep")),
      ),
    )
    .returning(["id", "cluster_id"]),
)

function toAttempt(row: Row): Attempt {
  return {
    id: row.id as AttemptId,
    workloadKey: row.workload_key as WorkloadKey,
    claimId: row.claim_id as ClaimId,
    clusterId: row.cluster_id,
    run: row.run,
    state: row.state as AttemptState,
    pods: fromJson(row.pods),
    handle: row.handle === null ? null : fromJson(row.handle),
    cause: row.cause as EndCause | null,
    stopMessage: row.stop_message,
    graceMs: row.grace_ms,
    assignedAtMs: row.assigned_at_ms,
    startedAtMs: row.started_at_ms,
    endingAtMs: row.ending_at_ms,
    goneAtMs: row.gone_at_ms,
    version: row.version,
  }
}

function fromAttempt(attempt: Attempt): Row {
  return {
    id: attempt.id,
    workload_key: attempt.workloadKey,
    claim_id: attempt.claimId,
    cluster_id: attempt.clusterId,
    run: attempt.run,
    state: attempt.state,
    pods: toJson(attempt.pods),
    handle: attempt.handle === null ? null : toJson(attempt.handle),
    cause: attempt.cause,
    stop_message: attempt.stopMessage,
    grace_ms: attempt.graceMs,
    assigned_at_ms: attempt.assignedAtMs,
    started_at_ms: attempt.startedAtMs,
    ending_at_ms: attempt.endingAtMs,
    gone_at_ms: attempt.goneAtMs,
    version: attempt.version,
  }
}

type AttemptStore = Pick<
  WorkloadStore,
  "attempt" | "attempts" | "liveAttempts" | "insertAttempt" | "updateAttempt" | "pruneAttempts"
>

/** The attempts' half of the WorkloadStore. Workload, claim, cluster and run of an attempt never change. */
export const attemptStore: AttemptStore = {
  async attempt(from, id) {
    const row = await selectById.get(from, { id })
    return row && toAttempt(row)
  },
  async attempts(from, key) {
    return (await selectByWorkload.all(from, { key })).map(toAttempt)
  },
  async liveAttempts(from) {
    return (await selectLive.all(from, {})).map(toAttempt)
  },
  async insertAttempt(tx, attempt) {
    await insert.post(tx, fromAttempt(attempt), (inserted) => assertInserted(inserted, "attempt", attempt.id))
    tx.publish(attemptChanged, attempt)
  },
  async updateAttempt(tx, attempt) {
    await update.post(tx, fromAttempt(attempt), (moved) => assertMoved(moved, "attempt", attempt.id))
    tx.publish(attemptChanged, { ...attempt, version: attempt.version + 1 })
  },
  async pruneAttempts(tx, key, keep) {
    const gone = await deleteOld.all(tx, { key, keep })
    return gone.map((row) => ({ id: row.id as AttemptId, clusterId: row.cluster_id }))
  },
}
