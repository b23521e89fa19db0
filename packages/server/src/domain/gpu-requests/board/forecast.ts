import type { Candidate, Forecast, Slot } from "./board-types.ts"
import { reasonFor } from "./board-reasons.ts"
import type { PlanWorld } from "./plan-world.ts"
import { indexOf, isHeldBack, placesOf, placeUpTo, tenantOf } from "./plan-world.ts"
import type { Stay } from "./slot-search.ts"
import { earliestStay } from "./slot-search.ts"
import { shapeOf, wishKey } from "./topology.ts"
import type { GpuRequestId } from "../types.ts"

/** When such a request would start, on a plan that is up to date: it stands behind all of its priority. */
export function forecastFor(world: PlanWorld, candidate: Candidate, nowMs: number): Forecast {
  const { workspaceId, wish, priority, durationMs } = candidate
  placeUpTo(world, indexOf(world, { priority, createdAtMs: Infinity, id: "" as GpuRequestId }))
  const shape = shapeOf(world.topology, wish, wishKey(wish))
  const ask = {
    shape,
    lengthMs: durationMs,
    fromMs: nowMs,
    beforeMs: Infinity,
    places: placesOf(tenantOf(world, workspaceId)),
  }
  const stay = isHeldBack(world, workspaceId) ? undefined : earliestStay(ask)
  if (stay) return { kind: "slot", slot: slotOf(stay) }
  const asked = { id: null, workspaceId, shape, lengthMs: durationMs, stay: null }
  const reason = reasonFor(world, asked, nowMs)
  return { kind: "never", reason: reason ?? { code: "nodes_unhealthy", nodes: [] } }
}

/** As the board shows it. */
export function slotOf(stay: Stay): Slot {
  const { startMs, endMs, clusterId, nodes } = stay
  return { startMs, endMs, clusterId, nodeIds: nodes.map((node) => node.id) }
}
