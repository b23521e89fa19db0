import type { Selectable } from "kysely"
import {
  type InventoryStore,
  type Node,
  type NodeFacts,
  type NodeId,
  nodeChanged,
  noReadings,
} from "../domain/inventory/index.ts"
import { assertInserted, assertMoved, fromJson, toFlag, toJson } from "./codec.ts"
import type { Database } from "./schema.ts"
import { slotsOf, statement } from "./statement.ts"

type Row = Selectable<Database["node"]>

const movingColumns = [
  "workspace_id",
  "cordoned",
  "draining",
  "stuck",
  "last_seen_at_ms",
  "removed_at_ms",
  "facts",
] as const
const columns = ["id", "cluster_id", "name", ...movingColumns, "first_seen_at_ms", "version"] as const

const selectPresent = statement<object>("node_by_name")((db) =>
  db
    .selectFrom("node")
    .select(columns)
    .where("removed_at_ms", "is", null)
    .orderBy("cluster_id")
    .orderBy("name"),
)
const selectById = statement<{ id: string }>("primary")((db, p) =>
  db.selectFrom("node").select(columns).where("id", "=", p("id")).where("removed_at_ms", "is", null),
)
const insert = statement<Row>("write")((db, p) =>
  db
    .insertInto("node")
    .values(slotsOf(p, columns))
    .onConflict((conflict) => conflict.doNothing()),
)
const update = statement<Row>("primary")((db, p) =>
  db
    .updateTable("node")
    .set((eb) => ({ ...slotsOf(p, movingColumns), version: eb("version", "+", 1) }))
    .where("id", "=", p("id"))
    .where("version", "=", p("version")),
)

function toNode(row: Row): Node {
  const facts = fromJson<Omit<NodeFacts, "name">>(row.facts)
  return {
    ...facts,
    // rows of older versions know fewer readings; none of those kept means anything
    gpus: facts.gpus.map((gpu) => ({ ...noReadings, ...gpu })),
    name: row.name,
    id: row.id as NodeId,
    clusterId: row.cluster_id,
    cordoned: row.cordoned === 1,
    draining: row.draining === 1,
    workspaceId: row.workspace_id,
    stuck: row.stuck === 1,
    firstSeenAtMs: row.first_seen_at_ms,
    lastSeenAtMs: row.last_seen_at_ms,
    removedAtMs: row.removed_at_ms,
    version: row.version,
  }
}

function fromNode(node: Node): Row {
  const facts: Omit<NodeFacts, "name"> = {
    hostIp: node.hostIp,
    instanceType: node.instanceType,
    gpuModel: node.gpuModel,
    gpus: node.gpus,
    physical: node.physical,
    capacity: node.capacity,
    labels: node.labels,
    taints: node.taints,
    simulated: node.simulated,
    bootId: node.bootId,
    healthy: node.healthy,
    healthMessage: node.healthMessage,
  }
  return {
    id: node.id,
    cluster_id: node.clusterId,
    name: node.name,
    workspace_id: node.workspaceId,
    cordoned: toFlag(node.cordoned),
    draining: toFlag(node.draining),
    stuck: toFlag(node.stuck),
    first_seen_at_ms: node.firstSeenAtMs,
    last_seen_at_ms: node.lastSeenAtMs,
    removed_at_ms: node.removedAtMs,
    facts: toJson(facts),
    version: node.version,
  }
}

/**
 * Nodes. `insertNode` throws AppError `already_exists` for a name that a present node of the cluster has.
 * Cluster, name and first sight of a node never change.
 */
export const inventoryStore: InventoryStore = {
  async nodes(from) {
    return (await selectPresent.all(from, {})).map(toNode)
  },
  async node(from, id) {
    const row = await selectById.get(from, { id })
    return row && toNode(row)
  },
  async insertNode(tx, node) {
    assertInserted(await insert.run(tx, fromNode(node)), "node", node.name)
    tx.publish(nodeChanged, node)
  },
  async updateNode(tx, node) {
    assertMoved(await update.run(tx, fromNode(node)), "node", node.name)
    tx.publish(nodeChanged, { ...node, version: node.version + 1 })
  },
}
