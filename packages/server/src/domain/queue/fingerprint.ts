import type { NodeLedger } from "./node-ledger.ts"
import { freeOf } from "./node-ledger.ts"
import { compareText } from "./order.ts"
import type { WorkspaceQueue, World } from "./world.ts"

/** Everything that plans depend on, in one order, as text: equal exactly where two worlds plan alike. */
export function fingerprintOf(world: World): string {
  return JSON.stringify({
    control: world.control.paused,
    claims: [...world.claims.values()]
      .toSorted((a, b) => compareText(a.id, b.id))
      .map((claim) => [claim.id, claim.state, claim.version, claim.workspaceId, claim.beside]),
    nodes: [...world.ledgers.values()].toSorted((a, b) => compareText(a.nodeId, b.nodeId)).map(nodeDump),
    clusters: [...world.clusters]
      .toSorted((a, b) => compareText(a[0], b[0]))
      .map(([id, ledgers]) => [id, ledgers.map((ledger) => ledger.nodeId)]),
    queues: [...world.workspaces.values()].toSorted((a, b) => compareText(a.id, b.id)).map(queueDump),
    gates: world.gates,
  })
}

function nodeDump(ledger: NodeLedger): unknown {
  const { node } = ledger
  return {
    id: ledger.nodeId,
    node: node && [node.name, node.clusterId, node.version, node.removedAtMs],
    used: ledger.used,
    free: freeOf(ledger),
    gpus: [...ledger.gpuUse].toSorted((a, b) => a[0] - b[0]),
    open: [ledger.openGpus, ledger.openCleanGpus],
    holders: [...ledger.holders].toSorted(compareText),
    hold: ledger.hold && [ledger.hold.requestId, ledger.hold.state, ledger.hold.version],
    nominees: [...ledger.nominees].toSorted(compareText),
  }
}

function queueDump(queue: WorkspaceQueue): unknown {
  return {
    id: queue.id,
    version: queue.workspace?.version ?? null,
    order: queue.order.map((entry) => [entry.claim.id, entry.claim.version, entry.shape.key]),
    shapes: [...queue.shapes]
      .toSorted((a, b) => compareText(a[0], b[0]))
      .map(([key, count]) => [key, count.entries, count.ready]),
    ready: queue.readyShapes,
    timed: queue.timed,
    bound: [...queue.bound].toSorted(compareText),
  }
}
