import type { Provision } from "./board-types.ts"
import { provisionedOf } from "./live-rows.ts"
import type { Entry, PlanWorld } from "./plan-world.ts"
import { tenantOf } from "./plan-world.ts"

/** At most so many in one plan; the others are due in the next. */
const mostProvisions = 256

/** The requests whose slot has come; their nodes are free, for nothing else is planned to start now. */
export function dueProvisions(world: PlanWorld, nowMs: number): Provision[] {
  if (world.firstStartMs > nowMs) return []
  const provisions: Provision[] = []
  const taken = new Map<string, Set<number>>()
  for (const entry of world.order) {
    if (!isDue(entry, nowMs) || provisions.length >= mostProvisions) continue
    const provision = provisionOf(world, entry, taken)
    if (provision) provisions.push(provision)
    entry.emittedAtMs = nowMs
  }
  return provisions
}

/** Whether a slot has come whose provision was not handed out yet. */
export function hasDue(world: PlanWorld, nowMs: number): boolean {
  if (world.firstStartMs > nowMs) return false
  return world.order.some((entry) => isDue(entry, nowMs) && entry.emittedAtMs === null)
}

function isDue(entry: Entry, nowMs: number): boolean {
  return entry.stay !== null && entry.stay.startMs <= nowMs
}

function provisionOf(world: PlanWorld, entry: Entry, taken: Map<string, Set<number>>): Provision | undefined {
  const { stay, request } = entry
  if (!stay) return undefined
  const place = freePlace(world, request.workspaceId, taken)
  const { id: requestId, version } = request
  return { requestId, version, clusterId: stay.clusterId, nodeIds: stay.nodes.map((node) => node.id), place }
}

/** The lowest of the workspace's places that no provisioned request and no provision before it has. */
function freePlace(world: PlanWorld, workspaceId: string, taken: Map<string, Set<number>>): number | null {
  if (tenantOf(world, workspaceId).limit === null) return null
  const places =
    taken.get(workspaceId) ??
    new Set(provisionedOf(world.rows, workspaceId).flatMap((request) => request.place ?? []))
  taken.set(workspaceId, places)
  let place = 1
  while (places.has(place)) place++
  places.add(place)
  return place
}
