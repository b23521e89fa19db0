import type { LiveRows } from "./live-rows.ts"
import { createLiveRows } from "./live-rows.ts"
import { clearPromises, freeFrom, giveTime, isFreeFor, takeTime } from "./node-time.ts"
import type { Occupancy } from "./occupancy.ts"
import { createOccupancy, firstFreePlace, occupy } from "./occupancy.ts"
import { compareRequests, firstNotBefore } from "./request-order.ts"
import type { SlotAsk, Stay } from "./slot-search.ts"
import type { BoardNode, Shape, Topology } from "./topology.ts"
import { createTopology, regroup, shapeOf } from "./topology.ts"
import type { GpuRequest, GpuRequestId } from "../types.ts"

/** A queued request with what is planned for it. */
export interface Entry {
  request: GpuRequest
  readonly shapeKey: string
  /** How long it will hold nodes. */
  readonly lengthMs: number
  /** Its slot in the plan that is being made or was made; null = none. */
  stay: Stay | null
  /** Its slot in the last plan that was finished. */
  settled: Stay | null
  /** When its provision was last handed out. */
  emittedAtMs: number | null
}

/** A workspace as plans see it. */
export interface Tenant {
  readonly id: string
  /** Provisioned requests at a time; null = any number. */
  limit: number | null
  /** Its requests get no slot: a paused queue, or it is going or gone. */
  isHeldBack: boolean
  /** Its queued requests. */
  entries: number
  /** Until when its provisioned requests take places, sorted. */
  endsMs: readonly number[]
  /** Only kept where there is a limit. */
  occupancy: Occupancy
}

/** Everything that plans are made on, and the plan. */
export interface PlanWorld {
  readonly rows: LiveRows
  readonly topology: Topology
  readonly tenants: Map<string, Tenant>
  /** All queued ones, in order. */
  readonly order: Entry[]
  readonly entries: Map<GpuRequestId, Entry>
  /** So many of the first entries have their final slot; no more than these have it entered in nodes' gaps. */
  planned: number
  placed: number
  /** The first entry that was planned anew since the plan was last finished. */
  from: number
  /** Nodes came, went or were changed; everything is to be planned anew. */
  isRegrouped: boolean
  isReset: boolean
  /** The slots are not those that planning from scratch would give: they were kept after an early end. */
  isKept: boolean
  plannedAtMs: number
  /** How late hand-overs were that the plan counted on: it may push slots back by so much (0 to `handOverMs`). */
  slackMs: number
  /** The earliest slot of the plan. */
  firstStartMs: number
  /** Slots were taken back since: the earliest may have been among them. */
  isFirstStale: boolean
  /** When something is late that plans counted on. */
  lapseMs: number
  /** Estimates to be noted on rows: first ones, and ones that have moved. */
  readonly firstNotes: Set<Entry>
  readonly movedNotes: Set<Entry>
  /** Their rows have changed: whether an estimate is to be noted is to be looked at. */
  readonly toCheck: Set<Entry>
}

export function createPlanWorld(): PlanWorld {
  return {
    rows: createLiveRows(),
    topology: createTopology(),
    tenants: new Map(),
    order: [],
    entries: new Map(),
    planned: 0,
    placed: 0,
    from: 0,
    isRegrouped: false,
    isReset: false,
    isKept: false,
    plannedAtMs: -Infinity,
    slackMs: 0,
    firstStartMs: Infinity,
    isFirstStale: false,
    lapseMs: Infinity,
    firstNotes: new Set(),
    movedNotes: new Set(),
    toCheck: new Set(),
  }
}

/** Where such a request stands in the order, or would. */
export function indexOf(
  world: PlanWorld,
  request: Pick<GpuRequest, "priority" | "createdAtMs" | "id">,
): number {
  return firstNotBefore(world.order, (entry) => compareRequests(entry.request, request) < 0)
}

export function shapeOfEntry(world: PlanWorld, entry: Entry): Shape {
  return shapeOf(world.topology, entry.request.wish, entry.shapeKey)
}

export function tenantOf(world: PlanWorld, workspaceId: string): Tenant {
  const known = world.tenants.get(workspaceId)
  if (known) return known
  const tenant: Tenant = {
    id: workspaceId,
    limit: null,
    isHeldBack: true,
    entries: 0,
    endsMs: [],
    occupancy: createOccupancy(),
  }
  world.tenants.set(workspaceId, tenant)
  return tenant
}

/** What to look for to find the entry its slot. */
export function askFor(world: PlanWorld, entry: Entry, fromMs: number, beforeMs: number): SlotAsk {
  const tenant = tenantOf(world, entry.request.workspaceId)
  return {
    shape: shapeOfEntry(world, entry),
    lengthMs: entry.lengthMs,
    fromMs,
    beforeMs,
    places: placesOf(tenant),
  }
}

export function placesOf(tenant: Tenant): SlotAsk["places"] {
  return tenant.limit === null ? null : { occupancy: tenant.occupancy, limit: tenant.limit }
}

export function isHeldBack(world: PlanWorld, workspaceId: string): boolean {
  return world.rows.isPaused || tenantOf(world, workspaceId).isHeldBack
}

/** Enters the entry's slot, if it has one, in its nodes and its workspace's places. */
export function place(world: PlanWorld, entry: Entry): void {
  const { stay } = entry
  if (!stay) return
  for (const node of stay.nodes) takeTime(node, stay.startMs, stay.endMs)
  const tenant = tenantOf(world, entry.request.workspaceId)
  if (tenant.limit !== null) occupy(tenant.occupancy, stay.startMs, stay.endMs, 1)
}

/** Takes out what `place` entered. */
export function unplace(world: PlanWorld, entry: Entry): void {
  const { stay } = entry
  if (!stay) return
  for (const node of stay.nodes) giveTime(node, stay.startMs, stay.endMs)
  const tenant = tenantOf(world, entry.request.workspaceId)
  if (tenant.limit !== null) occupy(tenant.occupancy, stay.startMs, stay.endMs, -1)
}

/** Whether the slot is possible beside all that are entered. */
export function canPlace(world: PlanWorld, entry: Entry, stay: Stay): boolean {
  const tenant = tenantOf(world, entry.request.workspaceId)
  const { occupancy, limit } = tenant
  const lengthMs = stay.endMs - stay.startMs
  if (limit !== null && firstFreePlace(occupancy, limit, stay.startMs, lengthMs) !== stay.startMs)
    return false
  const cluster = shapeOfEntry(world, entry).clusters.find((one) => one.clusterId === stay.clusterId)
  const suits = (node: BoardNode) =>
    node.group !== undefined &&
    (cluster?.pods?.has(node) ?? cluster?.groups.includes(node.group)) === true &&
    isFreeFor(node, stay.startMs, stay.endMs)
  return stay.nodes.every(suits)
}

/** The slot on the same nodes at the first instant of `[fromMs, untilMs]` at which that is possible. */
export function onSameNodes(
  world: PlanWorld,
  entry: Entry,
  stay: Stay,
  { fromMs, untilMs }: { readonly fromMs: number; readonly untilMs: number },
): Stay | undefined {
  const lengthMs = stay.endMs - stay.startMs
  const { occupancy, limit } = tenantOf(world, entry.request.workspaceId)
  // each turn goes on to where a node or a place is free next: there are few in so short a time
  for (let startMs = fromMs, nextMs = fromMs; startMs <= untilMs; startMs = nextMs) {
    for (const node of stay.nodes) nextMs = Math.max(nextMs, freeFrom(node, startMs, lengthMs))
    if (limit !== null && nextMs < Infinity) nextMs = firstFreePlace(occupancy, limit, nextMs, lengthMs)
    if (nextMs > startMs) continue
    const moved = { ...stay, startMs, endMs: startMs + lengthMs }
    return canPlace(world, entry, moved) ? moved : undefined
  }
  return undefined
}

/** Has the slots of exactly the first `count` planned entries entered. */
export function placeUpTo(world: PlanWorld, count: number): void {
  for (; world.placed > count; world.placed--) unplaceAt(world, world.placed - 1)
  for (; world.placed < Math.min(count, world.planned); world.placed++) {
    const entry = world.order[world.placed]
    if (entry) place(world, entry)
  }
}

/** From this entry on everything is to be planned anew. */
export function truncate(world: PlanWorld, index: number): void {
  if (index < world.placed) placeUpTo(world, index)
  if (index < world.planned) world.isFirstStale = true
  world.planned = Math.min(world.planned, index)
  world.from = Math.min(world.from, index)
}

/** Takes all slots out, and has nodes and places free from the end of what has them now. */
export function reset(world: PlanWorld, nowMs: number): void {
  if (world.isRegrouped) regroup(world.topology)
  takeAllOut(world, nowMs)
  world.planned = 0
  world.from = 0
  world.isRegrouped = false
  world.isReset = false
  world.isKept = false
  world.isFirstStale = true
}

/** Has no slot entered; much faster than one by one. */
export function takeAllOut(world: PlanWorld, nowMs: number): void {
  clearPromises(world.topology, nowMs)
  for (const tenant of world.tenants.values()) resetPlaces(tenant)
  world.placed = 0
}

/** Has only its provisioned requests in its places. */
export function resetPlaces(tenant: Tenant): void {
  tenant.occupancy = createOccupancy()
  if (tenant.limit === null) return
  for (const endMs of tenant.endsMs) occupy(tenant.occupancy, -Infinity, endMs, 1)
}

function unplaceAt(world: PlanWorld, index: number): void {
  const entry = world.order[index]
  if (entry) unplace(world, entry)
}
