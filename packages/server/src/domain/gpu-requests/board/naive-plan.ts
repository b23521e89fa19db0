import type { Node } from "../../inventory/index.ts"
import { unusable } from "../../inventory/index.ts"
import type { BoardBench } from "./board-fixtures.ts"
import type { Slot } from "./board-types.ts"
import { expectedEndMs, statedEndMs } from "./lateness.ts"
import { compareRequests } from "./request-order.ts"
import type { GpuRequest, GpuRequestId } from "../types.ts"
import { isLendable, unmetBy } from "./wish-fit.ts"

interface Busy {
  readonly key: string
  readonly startMs: number
  readonly endMs: number
}

/**
 * The plan in the simplest words: each in order takes the first instant at which something ends and enough nodes are
 * free for all of its time. Wishes without pods only. What the board is compared with in tests.
 */
export function naivePlan(bench: BoardBench, nowMs: number): Map<GpuRequestId, Slot> {
  const busy = [...heldNodes(bench, nowMs), ...takenPlaces(bench, nowMs)]
  const slots = new Map<GpuRequestId, Slot>()
  const queued = [...bench.requests.values()].filter((request) => request.state === "queued")
  for (const request of queued.toSorted(compareRequests)) {
    const slot = naiveSlot(bench, busy, request, nowMs)
    if (!slot) continue
    slots.set(request.id, slot)
    const { startMs, endMs } = slot
    for (const key of [...slot.nodeIds, `place ${request.workspaceId}`]) busy.push({ key, startMs, endMs })
  }
  return slots
}

function heldNodes(bench: BoardBench, nowMs: number): Busy[] {
  const used = [...bench.inUse].filter((key) => !bench.holds.has(key))
  const held = [...bench.holds.values()].map((hold) => ({
    key: hold.nodeId,
    startMs: -Infinity,
    endMs: expectedEndMs(statedEndMs(hold, bench.requests.get(hold.requestId)), nowMs),
  }))
  return [...held, ...used.map((key) => ({ key, startMs: -Infinity, endMs: Infinity }))]
}

function takenPlaces(bench: BoardBench, nowMs: number): Busy[] {
  return [...bench.requests.values()]
    .filter((request) => request.state === "provisioned")
    .map((request) => ({
      key: `place ${request.workspaceId}`,
      startMs: -Infinity,
      endMs: expectedEndMs(request.endsAtMs ?? Infinity, nowMs),
    }))
}

function naiveSlot(
  bench: BoardBench,
  busy: readonly Busy[],
  request: GpuRequest,
  nowMs: number,
): Slot | undefined {
  const workspace = bench.workspaces.get(request.workspaceId)
  if (bench.isPaused || !workspace || workspace.queuePaused || workspace.state !== "active") return undefined
  const lengthMs = request.remainingMs ?? request.durationMs
  const starts = [nowMs, ...busy.map((one) => one.endMs).filter((endMs) => endMs > nowMs && endMs < Infinity)]
  for (const startMs of [...new Set(starts)].toSorted((a, b) => a - b)) {
    const during = busy.filter((one) => one.startMs < startMs + lengthMs && one.endMs > startMs)
    if (!hasPlace(during, request, workspace.policy.mostGpuRequests, startMs, lengthMs)) continue
    for (const clusterId of request.wish.clusters) {
      const nodes = freeNodes(bench, during, request, clusterId)
      if (nodes.length < request.wish.nodes) continue
      const nodeIds = nodes.slice(0, request.wish.nodes).map((node) => node.id)
      return { startMs, endMs: startMs + lengthMs, clusterId, nodeIds }
    }
  }
  return undefined
}

function hasPlace(
  during: readonly Busy[],
  request: GpuRequest,
  limit: number | null,
  startMs: number,
  lengthMs: number,
): boolean {
  if (limit === null) return true
  const taken = during.filter((one) => one.key === `place ${request.workspaceId}`)
  const instants = [startMs, ...taken.map((one) => one.startMs).filter((at) => at > startMs)]
  return instants
    .filter((at) => at < startMs + lengthMs)
    .every((at) => taken.filter((one) => one.startMs <= at && one.endMs > at).length < limit)
}

function freeNodes(
  bench: BoardBench,
  during: readonly Busy[],
  request: GpuRequest,
  clusterId: string,
): Node[] {
  const taken = new Set(during.map((one) => one.key))
  return [...bench.nodes.values()]
    .filter((node) => node.clusterId === clusterId && isLendable(node) && !unusable(node))
    .filter((node) => unmetBy(request.wish, node) === undefined && !taken.has(node.id))
    .toSorted((a, b) => a.gpus.length - b.gpus.length || (a.name < b.name ? -1 : 1))
}
