import { compareRequests } from "./request-order.ts"
import type { WhosePromises } from "./board-types.ts"
import { expectedEndMs } from "./lateness.ts"
import { isFreeFor, giveTime, takeTime } from "./node-time.ts"
import { occupy } from "./occupancy.ts"
import type { Entry, PlanWorld, Tenant } from "./plan-world.ts"
import { canPlace, place, placeUpTo, reset, tenantOf, unplace } from "./plan-world.ts"
import { stayFor } from "./planning.ts"
import type { BoardNode } from "./topology.ts"
import type { GpuRequest, GpuRequestId } from "../types.ts"

/** A provisioned request's nodes and place, to be held for longer. */
interface Extended {
  readonly nodes: readonly BoardNode[]
  readonly tenant: Tenant
  readonly endMs: number
  /** Whose requests nobody's promise has to be kept for; null = all are to be kept. */
  readonly ownWorkspaceId: string | null
}

/**
 * Whose slots a later end of the request would push back, on a plan that is up to date. Nobody's where those in its
 * way find other nodes by their time; else those that planning anew would give a later slot, but for requests of its
 * own workspace where only others count.
 */
export function delayedByExtension(
  world: PlanWorld,
  request: GpuRequest,
  { endsAtMs, whose }: { readonly endsAtMs: number; readonly whose: WhosePromises },
  nowMs: number,
): { readonly requestIds: readonly GpuRequestId[]; readonly latestEndMs: number } {
  const extended = extendedOf(world, request, whose, nowMs)
  const presentMs = request.endsAtMs ?? extended.endMs
  if (endsAtMs <= presentMs) return { requestIds: [], latestEndMs: presentMs }
  placeUpTo(world, world.order.length)
  if (canGiveWay(world, extended, endsAtMs, nowMs)) return { requestIds: [], latestEndMs: endsAtMs }
  const requestIds = laterAnew(world, extended, endsAtMs, nowMs)
  if (requestIds.length === 0) return { requestIds, latestEndMs: endsAtMs }
  return { requestIds, latestEndMs: Math.max(presentMs, latestEnd(world, extended, endsAtMs, nowMs)) }
}

function extendedOf(world: PlanWorld, request: GpuRequest, whose: WhosePromises, nowMs: number): Extended {
  const holds = [...(world.rows.holdsOf.get(request.id)?.values() ?? [])]
  const nodes = holds.flatMap((hold) => world.topology.nodes.get(hold.nodeId) ?? [])
  const endMs = expectedEndMs(request.endsAtMs ?? nowMs, nowMs)
  const ownWorkspaceId = whose === "others" ? request.workspaceId : null
  return { nodes, tenant: tenantOf(world, request.workspaceId), endMs, ownWorkspaceId }
}

/** A start of a slot in its way up to which it delays nobody, the last of them but for rare plans. */
function latestEnd(world: PlanWorld, extended: Extended, endsAtMs: number, nowMs: number): number {
  const inWay = inWayOf(world, extended, endsAtMs)
  const ends = [...new Set(inWay.flatMap((entry) => entry.stay?.startMs ?? []))].toSorted((a, b) => a - b)
  const hasOwn = inWay.some(({ request }) => request.workspaceId === extended.ownWorkspaceId)
  const isFree = (endMs: number) =>
    canGiveWay(world, extended, endMs, nowMs) ||
    // planning anew costs more: only where it may find that none but its own are later
    (hasOwn && laterAnew(world, extended, endMs, nowMs).length === 0)
  let low = 0
  let high = ends.length - 1
  // `ends[low]` holds: nothing in its way begins before it.
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (isFree(ends[middle] ?? 0)) low = middle
    else high = middle - 1
  }
  return ends[low] ?? endsAtMs
}

/** Entries whose slots are on its nodes, or in its workspace's places, before the instant. */
function inWayOf(world: PlanWorld, extended: Extended, endMs: number): Entry[] {
  const nodes = new Set(extended.nodes)
  const { tenant } = extended
  return world.order.filter(({ request, stay }) => {
    if (!stay || stay.startMs >= endMs) return false
    if (tenant.limit !== null && request.workspaceId === tenant.id) return true
    return stay.nodes.some((node) => nodes.has(node))
  })
}

/** Whether all in its way find other nodes by their time, with everybody else staying. Leaves all as it was. */
function canGiveWay(world: PlanWorld, extended: Extended, endMs: number, nowMs: number): boolean {
  const inWay = inWayOf(world, extended, endMs)
  const before = inWay.map((entry) => entry.stay)
  for (const entry of inWay) unplace(world, entry)
  const undo = extend(extended, endMs)
  // as planning would: first those that can stay, then the others
  const staying = inWay.filter((entry) => {
    const canStay = entry.stay !== null && canPlace(world, entry, entry.stay)
    if (canStay) place(world, entry)
    return canStay
  })
  const moved = [...staying]
  const isPossible = inWay.every((entry) => {
    if (staying.includes(entry)) return true
    const stay = stayFor(world, entry, nowMs, (entry.stay?.startMs ?? nowMs) + 1)
    if (!stay) return false
    entry.stay = stay
    place(world, entry)
    moved.push(entry)
    return true
  })
  for (const entry of moved) unplace(world, entry)
  undo()
  for (const [at, entry] of inWay.entries()) {
    entry.stay = before[at] ?? null
    place(world, entry)
  }
  return isPossible
}

/** Holds nodes and place for longer; gives how to undo it. */
function extend(extended: Extended, endMs: number): () => void {
  const { nodes, tenant, endMs: fromMs } = extended
  if (!(fromMs < endMs)) return () => undefined
  const taken = nodes.filter((node) => isFreeFor(node, fromMs, endMs))
  for (const node of taken) takeTime(node, fromMs, endMs)
  // also where the workspace has more than its limit by now: nobody else gets the place
  if (tenant.limit !== null) occupy(tenant.occupancy, fromMs, endMs, 1)
  return () => {
    for (const node of taken) giveTime(node, fromMs, endMs)
    if (tenant.limit !== null) occupy(tenant.occupancy, fromMs, endMs, -1)
  }
}

/** Plans everything anew with the later end, says who starts later, and puts everything back as it was. */
function laterAnew(world: PlanWorld, extended: Extended, endMs: number, nowMs: number): GpuRequestId[] {
  const { tenant, nodes } = extended
  const { isKept } = world
  const stays = world.order.map((entry) => entry.stay)
  const busy = nodes.map((node) => node.busyUntilMs)
  const endsMs = tenant.endsMs
  for (const node of nodes) node.busyUntilMs = Math.max(node.busyUntilMs, endMs)
  Object.assign(tenant, { endsMs: replaceOne(endsMs, extended.endMs, endMs) })
  reset(world, nowMs)
  const later: Entry[] = []
  for (const [at, entry] of world.order.entries()) {
    const before = stays[at]
    entry.stay = stayFor(world, entry, nowMs, Infinity)
    place(world, entry)
    if (entry.request.workspaceId === extended.ownWorkspaceId) continue
    if (before && (entry.stay?.startMs ?? Infinity) > before.startMs) later.push(entry)
  }
  for (const [at, node] of nodes.entries()) node.busyUntilMs = busy[at] ?? node.busyUntilMs
  Object.assign(tenant, { endsMs })
  reset(world, nowMs)
  for (const [at, entry] of world.order.entries()) entry.stay = stays[at] ?? null
  Object.assign(world, { isKept, planned: world.order.length, from: world.order.length })
  placeUpTo(world, world.order.length)
  return later
    .map((entry) => entry.request)
    .toSorted(compareRequests)
    .map((request) => request.id)
}

function replaceOne(values: readonly number[], from: number, to: number): number[] {
  const at = values.indexOf(from)
  return values.map((value, index) => (index === at ? to : value)).toSorted((a, b) => a - b)
}
