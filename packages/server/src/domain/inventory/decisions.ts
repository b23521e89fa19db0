import type { JsonObject } from "../../kit/json.ts"
import { authorize, workspaceNotFound, type Operation, type Principal } from "../identity/index.ts"
import { systemActor, type Tx } from "../journal/index.ts"
import type { InventoryService } from "./commands.ts"
import { findNode, nodeNotFound, shownTo, type NodePlace } from "./find-node.ts"
import type { NodeIndex } from "./node-index.ts"
import type { InventoryOptions } from "./options.ts"
import type { Node } from "./types.ts"
import { updateNode, type NodeChange } from "./write-node.ts"

export interface Decisions extends Pick<
  InventoryService,
  "cordon" | "uncordon" | "drain" | "assign" | "setStuck"
> {
  /** Every pod of a draining node is gone: it stays cordoned. No-op for a node that does not drain (any more). */
  drained(nodeId: string): Promise<void>
}

/** What is decided about a node: what is so already is not written again. */
interface Decision extends Pick<NodeChange, "event"> {
  readonly change: Partial<Pick<Node, "cordoned" | "draining" | "workspaceId" | "stuck">>
  readonly data?: JsonObject
  /** Further rules, looked at in the transaction. */
  readonly check?: (tx: Tx) => Promise<void>
}

const scheduler = systemActor("scheduler")
const server = { workspaceId: null }

const cordoned: Decision = { event: "node.cordoned", change: { cordoned: true } }
/** Also the way to call a drain off. */
const uncordoned: Decision = { event: "node.uncordoned", change: { cordoned: false, draining: false } }
const draining: Decision = { event: "node.draining", change: { cordoned: true, draining: true } }
const drained: Decision = { event: "node.drained", change: { draining: false } }

/** The platform's decisions about nodes. */
export function createDecisions(options: InventoryOptions, index: NodeIndex): Decisions {
  const { store, rows, clock } = options

  /** Decides on the row as the transaction sees it; gives the row as it then is. */
  async function decide(
    node: Node,
    by: Pick<NodeChange, "operation" | "actor">,
    { event, change, data = {}, check }: Decision,
  ): Promise<Node> {
    const atMs = clock.nowMs()
    const written = await store.tx(async (tx) => {
      const before = (await rows.nodes(tx)).find((row) => row.id === node.id)
      if (!before) throw nodeNotFound(node.name)
      await check?.(tx)
      const after = { ...before, ...change }
      if (isDecidedAlike(before, after)) return before
      return updateNode(rows, tx, after, { operation: by.operation, actor: by.actor, event, atMs, data })
    })
    return index.byId(node.id) ?? written
  }

  async function command(principal: Principal, operation: Operation, place: NodePlace, decision: Decision) {
    authorize(principal, operation, server)
    const node = findNode(index, place)
    return shownTo(principal, await decide(node, { operation, actor: principal.actor }, decision))
  }

  async function ofItself(nodeId: string, decision: Decision) {
    const node = index.byId(nodeId)
    if (!node || isDecidedAlike(node, { ...node, ...decision.change })) return
    await decide(node, { operation: "node.observe", actor: scheduler }, decision)
  }

  return {
    cordon: (principal, clusterId, name) => command(principal, "node.cordon", { clusterId, name }, cordoned),
    uncordon: (principal, clusterId, name) =>
      command(principal, "node.cordon", { clusterId, name }, uncordoned),
    drain: (principal, clusterId, name) => command(principal, "node.drain", { clusterId, name }, draining),
    assign: (principal, clusterId, name, workspaceId) =>
      command(principal, "workspace.nodes", { clusterId, name }, assignedTo(options, workspaceId)),
    setStuck: (nodeId, stuck) =>
      ofItself(nodeId, { event: stuck ? "node.stuck" : "node.unstuck", change: { stuck } }),
    drained: (nodeId) => ofItself(nodeId, drained),
  }
}

function assignedTo({ hasWorkspace }: InventoryOptions, workspaceId: string | null): Decision {
  return {
    event: workspaceId === null ? "node.unassigned" : "node.assigned",
    change: { workspaceId },
    data: { workspaceId },
    check: async (tx) => {
      if (workspaceId !== null && !(await hasWorkspace(tx, workspaceId))) throw workspaceNotFound(workspaceId)
    },
  }
}

function isDecidedAlike(a: Node, b: Node): boolean {
  return (
    a.cordoned === b.cordoned &&
    a.draining === b.draining &&
    a.stuck === b.stuck &&
    a.workspaceId === b.workspaceId
  )
}
