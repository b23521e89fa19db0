import type { Selectable } from "kysely"
import {
  type Claim,
  type ClaimId,
  type ClaimState,
  type ClaimStore,
  type ReasonCode,
  claimChanged,
  queueControlChanged,
} from "../domain/queue/index.ts"
import { assertInserted, assertMoved, fromJson, toFlag, toJson } from "./codec.ts"
import type { Database } from "./schema.ts"
import { slotsOf, statement } from "./statement.ts"

type Row = Selectable<Database["claim"]>
type ControlRow = Selectable<Database["queue_control"]>

const movingColumns = [
  "state",
  "pods",
  "size",
  "constraints",
  "beside",
  "preemptible",
  "runs_for_ms",
  "priority",
  "rescheduled",
  "gates",
  "placements",
  "nominated",
  "reason",
  "reason_since_ms",
  "bound_at_ms",
  "releasing_at_ms",
  "release_deadline_ms",
] as const
const fixedColumns = [
  "id",
  "owner_kind",
  "owner_id",
  "owner_shown_id",
  "owner_user_id",
  "workspace_id",
  "queued_at_ms",
] as const
const columns = [...fixedColumns, ...movingColumns, "version"] as const

const controlColumns = ["paused", "paused_by", "since_ms", "restored_from_ms"] as const

const selectLive = statement<object>("claim_live")((db, _, { isLive }) =>
  db.selectFrom("claim").select(columns).where(isLive),
)
const countLiveIn = statement<{ workspaceId: string }>("claim_live")((db, p, { isLive }) =>
  db
    .selectFrom("claim")
    .select((eb) => eb.fn.countAll<number>().as("n"))
    .where(isLive)
    .where("workspace_id", "=", p("workspaceId")),
)
const selectById = statement<{ id: string }>("primary")((db, p) =>
  db.selectFrom("claim").select(columns).where("id", "=", p("id")),
)
const insert = statement<Row>("write")((db, p) =>
  db
    .insertInto("claim")
    .values(slotsOf(p, columns))
    .onConflict((conflict) => conflict.doNothing()),
)
const update = statement<Row & { from: string }>("primary")((db, p) =>
  db
    .updateTable("claim")
    .set((eb) => ({ ...slotsOf(p, movingColumns), version: eb("version", "+", 1) }))
    .where("id", "=", p("id"))
    .where("version", "=", p("version"))
    .where("state", "=", p("from")),
)
const selectControl = statement<object>("primary")((db) =>
  db.selectFrom("queue_control").select(controlColumns).where("name", "=", "all"),
)
const upsertControl = statement<Omit<ControlRow, "name">>("write")((db, p) =>
  db
    .insertInto("queue_control")
    .values({ name: "all", ...slotsOf(p, controlColumns) })
    .onConflict((conflict) =>
      conflict.column("name").doUpdateSet((eb) => ({
        paused: eb.ref("excluded.paused"),
        paused_by: eb.ref("excluded.paused_by"),
        since_ms: eb.ref("excluded.since_ms"),
        restored_from_ms: eb.ref("excluded.restored_from_ms"),
      })),
    ),
)

function toClaim(row: Row): Claim {
  return {
    id: row.id as ClaimId,
    owner: {
      kind: row.owner_kind as Claim["owner"]["kind"],
      id: row.owner_id,
      shownId: row.owner_shown_id,
      userId: row.owner_user_id,
    },
    workspaceId: row.workspace_id,
    state: row.state as ClaimState,
    pods: row.pods,
    size: fromJson(row.size),
    constraints: fromJson(row.constraints),
    beside: fromJson(row.beside),
    runsForMs: row.runs_for_ms,
    preemptible: row.preemptible === 1,
    priority: row.priority,
    rescheduled: row.rescheduled === 1,
    queuedAtMs: row.queued_at_ms,
    gates: fromJson(row.gates),
    placements: fromJson(row.placements),
    nominated: fromJson(row.nominated),
    reason: row.reason as ReasonCode | null,
    reasonSinceMs: row.reason_since_ms,
    boundAtMs: row.bound_at_ms,
    releasingAtMs: row.releasing_at_ms,
    releaseDeadlineMs: row.release_deadline_ms,
    version: row.version,
  }
}

function fromClaim(claim: Claim): Row {
  return {
    id: claim.id,
    owner_kind: claim.owner.kind,
    owner_id: claim.owner.id,
    owner_shown_id: claim.owner.shownId,
    owner_user_id: claim.owner.userId,
    workspace_id: claim.workspaceId,
    state: claim.state,
    pods: claim.pods,
    size: toJson(claim.size),
    constraints: toJson(claim.constraints),
    beside: toJson(claim.beside),
    preemptible: toFlag(claim.preemptible),
    runs_for_ms: claim.runsForMs,
    priority: claim.priority,
    rescheduled: toFlag(claim.rescheduled),
    queued_at_ms: claim.queuedAtMs,
    gates: toJson(claim.gates),
    placements: toJson(claim.placements),
    nominated: toJson(claim.nominated),
    reason: claim.reason,
    reason_since_ms: claim.reasonSinceMs,
    bound_at_ms: claim.boundAtMs,
    releasing_at_ms: claim.releasingAtMs,
    release_deadline_ms: claim.releaseDeadlineMs,
    version: claim.version,
  }
}

/**
 * Claims and the switch of all queues. Owner, workspace and place in time of a claim never change.
 * `insert` throws AppError `already_exists`.
 */
export const claimStore: ClaimStore = {
  async liveIn(from, workspaceId) {
    return (await countLiveIn.get(from, { workspaceId }))?.n ?? 0
  },
  async live(from) {
    return (await selectLive.all(from, {})).map(toClaim)
  },
  async byId(from, id) {
    const row = await selectById.get(from, { id })
    return row && toClaim(row)
  },
  async insert(tx, claim) {
    await insert.post(tx, fromClaim(claim), (inserted) => assertInserted(inserted, "claim", claim.id))
    tx.publish(claimChanged, claim)
  },
  async update(tx, claim, from) {
    await update.post(tx, { ...fromClaim(claim), from }, (moved) => assertMoved(moved, "claim", claim.id))
    tx.publish(claimChanged, { ...claim, version: claim.version + 1 })
  },
  async control(from) {
    const row = await selectControl.get(from, {})
    return {
      paused: row?.paused === 1,
      pausedBy: row?.paused_by ?? null,
      sinceMs: row?.since_ms ?? null,
      restoredFromMs: row?.restored_from_ms ?? null,
    }
  },
  async setControl(tx, control) {
    await upsertControl.run(tx, {
      paused: toFlag(control.paused),
      paused_by: control.pausedBy,
      since_ms: control.sinceMs,
      restored_from_ms: control.restoredFromMs,
    })
    tx.publish(queueControlChanged, control)
  },
}
