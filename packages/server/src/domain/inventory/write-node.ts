import type { JsonObject } from "../../kit/json.ts"
import { record, type Operation, type SystemOperation } from "../identity/index.ts"
import type { Actor, Tx } from "../journal/index.ts"
import type { InventoryStore, Node } from "./types.ts"

/** One change of a node, for the journal. */
export interface NodeChange {
  readonly operation: Operation | SystemOperation
  /** Dotted and past tense: `node.cordoned`. */
  readonly event: string
  readonly actor: Actor
  readonly atMs: number
  readonly data: JsonObject
}

/** Inserts the row of a node that is seen for the first time, with its event and audit record. */
export async function insertNode(
  rows: InventoryStore,
  tx: Tx,
  node: Node,
  change: NodeChange,
): Promise<void> {
  await rows.insertNode(tx, node)
  await tell(tx, node, change)
}

/** Updates the row, with its event and audit record; returns it as it now is. */
export async function updateNode(
  rows: InventoryStore,
  tx: Tx,
  node: Node,
  change: NodeChange,
): Promise<Node> {
  await rows.updateNode(tx, node)
  await tell(tx, node, change)
  return { ...node, version: node.version + 1 }
}

async function tell(tx: Tx, node: Node, change: NodeChange): Promise<void> {
  const { id, name, clusterId, workspaceId } = node
  const data = { name, clusterId, ...change.data }
  await record(tx, { ...change, subject: { kind: "node", id }, workspace: workspaceId, data })
}
