import type { Selectable } from "kysely"
import {
  type GpuRequestId,
  type GpuRequestStore,
  type NodeHold,
  nodeHoldChanged,
} from "../domain/gpu-requests/index.ts"
import type { NodeId } from "../domain/inventory/index.ts"
import type { Reads } from "../domain/journal/index.ts"
import { assertMoved, toFlag } from "./codec.ts"
import type { Database } from "./schema.ts"
import { slotsOf, statement } from "./statement.ts"

type Row = Selectable<Database["node_hold"]>

const movingColumns = [
  "request_id",
  "workspace_id",
  "state",
  "since_ms",
  "drain_deadline_ms",
  "until_ms",
  "automatic",
] as const
const columns = ["node_id", ...movingColumns, "version"] as const

const selectAll = statement<object>("scan")((db) =>
  db.selectFrom("node_hold").select(columns).orderBy("node_id"),
)
const selectByNode = statement<{ nodeId: string }>("primary")((db, p) =>
  db.selectFrom("node_hold").select(columns).where("node_id", "=", p("nodeId")),
)
const countIn = statement<{ workspaceId: string }>("node_hold_by_workspace")((db, p) =>
  db
    .selectFrom("node_hold")
    .select((eb) => eb.fn.countAll<number>().as("n"))
    .where("workspace_id", "=", p("workspaceId")),
)
const insert = statement<Row>("write")((db, p) =>
  db
    .insertInto("node_hold")
    .values(slotsOf(p, columns))
    .onConflict((conflict) => conflict.doNothing()),
)
const update = statement<Row>("primary")((db, p) =>
  db
    .updateTable("node_hold")
    .set((eb) => ({ ...slotsOf(p, movingColumns), version: eb("version", "+", 1) }))
    .where("node_id", "=", p("node_id"))
    .where("version", "=", p("version")),
)
const remove = statement<{ nodeId: string; version: number }>("primary")((db, p) =>
  db.deleteFrom("node_hold").where("node_id", "=", p("nodeId")).where("version", "=", p("version")),
)

function toHold(row: Row): NodeHold {
  return {
    nodeId: row.node_id as NodeId,
    requestId: row.request_id as GpuRequestId,
    workspaceId: row.workspace_id,
    state: row.state as NodeHold["state"],
    sinceMs: row.since_ms,
    drainDeadlineMs: row.drain_deadline_ms,
    untilMs: row.until_ms,
    automatic: row.automatic === 1,
    version: row.version,
  }
}

function fromHold(hold: NodeHold): Row {
  return {
    node_id: hold.nodeId,
    request_id: hold.requestId,
    workspace_id: hold.workspaceId,
    state: hold.state,
    since_ms: hold.sinceMs,
    drain_deadline_ms: hold.drainDeadlineMs,
    until_ms: hold.untilMs,
    automatic: toFlag(hold.automatic),
    version: hold.version,
  }
}

/** How many nodes of a workspace are not free yet. */
export async function countHoldsIn(from: Reads, workspaceId: string): Promise<number> {
  return (await countIn.get(from, { workspaceId }))?.n ?? 0
}

/** The holds' part of the GpuRequestStore: a row per node that is not free. */
export const nodeHoldStore: Pick<
  GpuRequestStore,
  "holds" | "hold" | "insertHold" | "updateHold" | "deleteHold"
> = {
  async holds(from) {
    return (await selectAll.all(from, {})).map(toHold)
  },
  async hold(from, nodeId) {
    const row = await selectByNode.get(from, { nodeId })
    return row && toHold(row)
  },
  async insertHold(tx, hold) {
    await insert.post(tx, fromHold(hold), (inserted) => assertMoved(inserted, "node hold", hold.nodeId))
    tx.publish(nodeHoldChanged, { hold, free: false })
  },
  async updateHold(tx, hold) {
    await update.post(tx, fromHold(hold), (moved) => assertMoved(moved, "node hold", hold.nodeId))
    tx.publish(nodeHoldChanged, { hold: { ...hold, version: hold.version + 1 }, free: false })
  },
  async deleteHold(tx, hold) {
    const { nodeId, version } = hold
    await remove.post(tx, { nodeId, version }, (removed) => assertMoved(removed, "node hold", nodeId))
    tx.publish(nodeHoldChanged, { hold, free: true })
  },
}
