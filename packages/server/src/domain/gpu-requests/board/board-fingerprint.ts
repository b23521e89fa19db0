import type { PlanWorld } from "./plan-world.ts"
import { compareText } from "./request-order.ts"
import { topologyKey } from "./topology.ts"

/** All rows that plans depend on, in one order, as text. What earlier plans gave is not in it. */
export function fingerprintOf(world: PlanWorld): string {
  const { rows, topology } = world
  const byText = <T>(items: Iterable<[string, T]>) => [...items].toSorted((a, b) => compareText(a[0], b[0]))
  return JSON.stringify({
    isPaused: rows.isPaused,
    requests: byText(rows.requests).map(([id, request]) => [
      id,
      request.version,
      request.state,
      request.shownId,
    ]),
    owners: byText(rows.byOwner).map(([id, filed]) => [id, [...filed.keys()].toSorted(compareText)]),
    holds: byText(rows.holds).map(([id, hold]) => [
      id,
      hold.requestId,
      hold.version,
      hold.state,
      hold.untilMs,
    ]),
    inUse: [...rows.inUse].filter((id) => topology.nodes.has(id)).toSorted(compareText),
    nodes: byText(topology.nodes).map(([id, one]) => [id, one.node.version, topologyKey(one.node)]),
    workspaces: byText(rows.workspaces).map(([id, one]) => [id, one.version, one.queuePaused, one.state]),
  })
}
