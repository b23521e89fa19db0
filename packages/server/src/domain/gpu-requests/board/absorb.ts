import { unusable } from "../../inventory/index.ts"
import { expectedEndMs, handOverMs, statedEndMs } from "./lateness.ts"
import { provisionedOf } from "./live-rows.ts"
import type { Entry, PlanWorld, Tenant } from "./plan-world.ts"
import { indexOf, placeUpTo, reset, resetPlaces, tenantOf, truncate } from "./plan-world.ts"
import type { BoardNode } from "./topology.ts"
import { wishKey } from "./topology.ts"
import type { GpuRequest } from "../types.ts"

/** Requests that began just as they were planned: what they hold is what their slot had. */
interface Begun {
  /** By node, until when. */
  readonly nodes: Map<string, number>
  readonly places: { readonly workspaceId: string; readonly endMs: number }[]
}

/**
 * Takes over what has changed in the rows since the last time, and the time itself: the queue is in order again, and
 * the plan is cut off where it does not hold any more.
 */
export function absorb(world: PlanWorld, nowMs: number): void {
  if (nowMs < world.plannedAtMs || world.plannedAtMs === -Infinity || world.isRegrouped) world.isReset = true
  const begun: Begun = { nodes: new Map(), places: [] }
  if (world.firstStartMs < nowMs) noteLateSlots(world, nowMs)
  absorbRequests(world, begun)
  const isLapsed = world.isReset || nowMs >= world.lapseMs
  if (isLapsed) world.lapseMs = Infinity
  absorbNodes(world, begun, nowMs, isLapsed)
  absorbWorkspaces(world, begun, nowMs, isLapsed)
  if (world.isReset) reset(world, nowMs)
  else if (world.firstStartMs < nowMs) cutOffLate(world, nowMs)
  world.plannedAtMs = nowMs
}

/** What the plan counted on came so much later. More than a hand-over takes is no delay that may be passed on. */
function noteLateness(world: PlanWorld, ms: number): void {
  if (ms > world.slackMs && ms <= handOverMs) world.slackMs = ms
}

function noteLateSlots(world: PlanWorld, nowMs: number): void {
  for (const { request, settled } of world.order)
    if (settled && settled.startMs < nowMs && world.rows.requests.get(request.id)?.state === "queued")
      noteLateness(world, nowMs - settled.startMs)
}

/** Whether rows have changed that no plan has seen. */
export function hasChanges(world: PlanWorld): boolean {
  const { requests, nodes, workspaces } = world.rows.changed
  return world.isReset || world.isRegrouped || requests.size + nodes.size + workspaces.size > 0
}

function absorbRequests(world: PlanWorld, begun: Begun): void {
  const { changed, requests } = world.rows
  if (changed.requests.size === 0) return
  placeUpTo(world, world.planned)
  for (const id of changed.requests) {
    const request = requests.get(id)
    const entry = world.entries.get(id)
    const queued = request?.state === "queued" ? request : undefined
    if (entry && queued && plansAlike(entry, queued)) noteRow(world, entry, queued)
    else {
      if (entry) leave(world, entry, request, begun)
      if (queued) enter(world, queued)
    }
  }
  changed.requests.clear()
}

/** How long it will hold nodes once it starts. */
export function lengthOf(request: Pick<GpuRequest, "remainingMs" | "durationMs">): number {
  return request.remainingMs ?? request.durationMs
}

function plansAlike(entry: Entry, request: GpuRequest): boolean {
  const known = entry.request
  return (
    known.priority === request.priority &&
    known.createdAtMs === request.createdAtMs &&
    known.workspaceId === request.workspaceId &&
    entry.lengthMs === lengthOf(request) &&
    (known.wish === request.wish || entry.shapeKey === wishKey(request.wish))
  )
}

/** A new row of an entry that is planned as before: what it has no estimate of yet is still to be noted. */
function noteRow(world: PlanWorld, entry: Entry, request: GpuRequest): void {
  entry.request = request
  world.firstNotes.delete(entry)
  world.movedNotes.delete(entry)
  world.toCheck.add(entry)
}

function enter(world: PlanWorld, request: GpuRequest): void {
  const entry: Entry = {
    request,
    shapeKey: wishKey(request.wish),
    lengthMs: lengthOf(request),
    stay: null,
    settled: null,
    emittedAtMs: null,
  }
  const index = indexOf(world, request)
  truncate(world, index)
  world.order.splice(index, 0, entry)
  world.entries.set(request.id, entry)
  tenantOf(world, request.workspaceId).entries++
}

function leave(world: PlanWorld, entry: Entry, request: GpuRequest | undefined, begun: Begun): void {
  const index = indexOf(world, entry.request)
  if (index < world.placed && hasBegunAsPlanned(world, entry, request, begun)) {
    world.placed--
    world.planned--
    if (world.from > index) world.from--
  } else if (entry.stay !== null || index >= world.planned) truncate(world, world.isKept ? 0 : index)
  else forgetPlanned(world, index)
  world.isFirstStale = true
  world.order.splice(index, 1)
  world.entries.delete(entry.request.id)
  tenantOf(world, entry.request.workspaceId).entries--
  world.firstNotes.delete(entry)
  world.movedNotes.delete(entry)
  world.toCheck.delete(entry)
}

/** One without a slot is in nobody's way. */
function forgetPlanned(world: PlanWorld, index: number): void {
  if (index < world.placed) world.placed--
  world.planned--
  if (world.from > index) world.from--
}

function hasBegunAsPlanned(
  world: PlanWorld,
  entry: Entry,
  request: GpuRequest | undefined,
  begun: Begun,
): boolean {
  const { stay } = entry
  if (!stay || request?.state !== "provisioned") return false
  noteLateness(world, (request.endsAtMs ?? 0) - stay.endMs)
  if (request.endsAtMs !== stay.endMs) return false
  if (request.nodes.length !== stay.nodes.length) return false
  const ids = new Set<string>(request.nodes.map((node) => node.nodeId))
  if (stay.nodes.some((node) => !ids.has(node.id))) return false
  for (const node of stay.nodes) begun.nodes.set(node.id, stay.endMs)
  begun.places.push({ workspaceId: request.workspaceId, endMs: stay.endMs })
  return true
}

function absorbNodes(world: PlanWorld, begun: Begun, nowMs: number, isAll: boolean): void {
  const { changed } = world.rows
  const { nodes } = world.topology
  const looked = isAll ? nodes.keys() : new Set([...changed.nodes, ...begun.nodes.keys()])
  for (const id of looked) {
    const node = nodes.get(id)
    if (!node) continue
    const busyUntilMs = busyUntil(world, node, nowMs)
    const plannedMs = begun.nodes.get(id) ?? node.busyUntilMs
    noteLateness(world, busyUntilMs - plannedMs)
    if (Math.max(plannedMs, nowMs) !== Math.max(busyUntilMs, nowMs))
      world.isReset ||= node.group !== undefined
    node.busyUntilMs = busyUntilMs
    if (busyUntilMs > nowMs) world.lapseMs = Math.min(world.lapseMs, busyUntilMs)
  }
  changed.nodes.clear()
}

function busyUntil(world: PlanWorld, node: BoardNode, nowMs: number): number {
  if (unusable(node.node)) return Infinity
  const hold = world.rows.holds.get(node.id)
  if (!hold) return world.rows.inUse.has(node.id) ? Infinity : -Infinity
  return expectedEndMs(statedEndMs(hold, world.rows.requests.get(hold.requestId)), nowMs)
}

function absorbWorkspaces(world: PlanWorld, begun: Begun, nowMs: number, isAll: boolean): void {
  const { changed } = world.rows
  const looked = isAll
    ? new Set([...world.tenants.keys(), ...changed.workspaces])
    : new Set([...changed.workspaces, ...begun.places.map((place) => place.workspaceId)])
  for (const id of looked) {
    const tenant = tenantOf(world, id)
    absorbWorkspace(world, tenant, begun, nowMs)
    if (!world.rows.workspaces.has(id) && tenant.endsMs.length + tenant.entries === 0)
      world.tenants.delete(id)
  }
  changed.workspaces.clear()
}

function absorbWorkspace(world: PlanWorld, tenant: Tenant, begun: Begun, nowMs: number): void {
  const workspace = world.rows.workspaces.get(tenant.id)
  const limit = workspace?.policy.mostGpuRequests ?? null
  const isHeldBack = !workspace || workspace.queuePaused || workspace.state !== "active"
  const endsMs = expectedEnds(world, tenant.id, nowMs)
  const begunMs = begun.places.flatMap((place) => (place.workspaceId === tenant.id ? place.endMs : []))
  const isAsPlanned = limit === null || sameEnds([...tenant.endsMs, ...begunMs], endsMs, nowMs)
  const isSame = limit === tenant.limit && isHeldBack === tenant.isHeldBack && isAsPlanned
  Object.assign(tenant, { limit, isHeldBack, endsMs } satisfies Partial<Tenant>)
  if (!isSame && tenant.entries > 0) world.isReset = true
  else if (!isSame) resetPlaces(tenant)
  world.lapseMs = Math.min(world.lapseMs, endsMs[0] ?? Infinity)
}

/** Until when each provisioned request of the workspace takes a place, sorted. */
function expectedEnds(world: PlanWorld, workspaceId: string, nowMs: number): number[] {
  return provisionedOf(world.rows, workspaceId)
    .map((request) => expectedEndMs(request.endsAtMs ?? Infinity, nowMs))
    .toSorted((a, b) => a - b)
}

/** Whether the places that are taken from now on are the same. */
function sameEnds(before: readonly number[], after: readonly number[], nowMs: number): boolean {
  const left = before.filter((endMs) => endMs > nowMs).toSorted((a, b) => a - b)
  const right = after.filter((endMs) => endMs > nowMs)
  return left.length === right.length && left.every((endMs, at) => endMs === right[at])
}

/** A slot has begun and its request has not: it and all behind it are planned anew. */
function cutOffLate(world: PlanWorld, nowMs: number): void {
  const late = world.order.findIndex((entry) => entry.stay !== null && entry.stay.startMs < nowMs)
  if (late >= 0) truncate(world, late)
}
