import type { GpuRequest } from "../gpu-requests/index.ts"
import { canFile } from "./filings.ts"
import { notJoined } from "./joining.ts"
import type { Entry } from "./order.ts"
import type { Refused } from "./refusal.ts"
import type { Reason, ReasonCode } from "./types.ts"
import type { WorkspaceQueue, World } from "./world.ts"

/** Refusals that say no more than that the workspace holds no nodes for it. */
const aboutHolds: ReadonlySet<ReasonCode> = new Set<ReasonCode>(["no_reservation", "cannot_be_met"])

/** Why an entry that was not placed waits, with the GPU request that it waits for first where that decides. */
export function refuseOne(
  world: World,
  queue: WorkspaceQueue,
  entry: Entry,
  refused: Refused,
  nowMs: number,
): Refused {
  if (entry.shape.size.gpus === 0) return refused
  const pending = pendingReason(world, queue, entry, nowMs)
  const decides = pending && aboutHolds.has(refused.reason.code)
  if (decides) return { reason: pending, shortOf: 0 }
  // A shorter time-out would not help what the workspace's nodes cannot hold at all.
  const busy = refused.reason.code === "cannot_be_met" ? undefined : busyReason(world, queue, entry, nowMs)
  if (busy) return { reason: busy, shortOf: 0 }
  // What waits for a GPU request of its own blocks nobody (DESIGN 4).
  return canFile(world, queue, entry) ? { ...refused, shortOf: 0 } : refused
}

/** The GPU request that would bring it nodes, and when that starts; undefined when there is none. */
export function pendingReason(
  world: World,
  queue: WorkspaceQueue,
  entry: Entry,
  nowMs: number,
): Reason | undefined {
  const { reservations } = world
  const ownerId = entry.claim.owner.id
  const queued = reservations.requestsOf(queue.id).filter((request) => request.state === "queued")
  const filed = queued.find((request) => request.automatic?.ownerId === ownerId)
  if (filed) return waitingFor(world, filed, nowMs)
  if (canFile(world, queue, entry)) {
    const untilMs = world.barred.get(ownerId)?.untilMs
    return { code: "reservation_pending", ...(untilMs === undefined || untilMs <= nowMs ? {} : { untilMs }) }
  }
  const [next] = queued
    .filter((request) => !request.automatic)
    .map((request) => waitingFor(world, request, nowMs))
    .toSorted((a, b) => (a.untilMs ?? Infinity) - (b.untilMs ?? Infinity))
  return next
}

function waitingFor(world: World, request: GpuRequest, nowMs: number): Reason {
  const startMs = world.reservations.startMs(request.id, nowMs)
  return {
    code: "reservation_pending",
    requestIds: [request.id],
    ...(startMs === null ? {} : { untilMs: startMs }),
  }
}

/** It would have room in a GPU request that it may not join: that ends before the work would. */
function busyReason(world: World, queue: WorkspaceQueue, entry: Entry, nowMs: number): Reason | undefined {
  const left = notJoined(world, queue, entry, nowMs)
  const holds = left.flatMap(({ hold }) => hold ?? [])
  if (holds.length === 0) return undefined
  return {
    code: "workspace_busy",
    requestIds: [...new Set(holds.map(({ requestId }) => requestId))],
    untilMs: Math.min(...holds.map(({ untilMs }) => untilMs)),
  }
}

/**
 * Whether room may be made for it by others leaving: it is short of capacity and not about to get nodes of its own.
 */
export function mayPreemptFor(
  world: World,
  queue: WorkspaceQueue,
  entry: Entry,
  refused: Refused,
  nowMs: number,
): boolean {
  const { reservations } = world
  const { claim } = entry
  if (refused.reason.code !== "quota_short" && refused.reason.code !== "no_node_fits") return false
  if (!canFile(world, queue, entry)) return refused.shortOf !== 0
  const filed = reservations.filedFor(claim.owner.id).find((request) => request.state === "queued")
  if (!filed) return reservations.roomFor(claim.workspaceId) <= 0
  const startMs = reservations.startMs(filed.id, nowMs)
  return startMs === null || startMs > nowMs
}
