import { unusable } from "../../inventory/index.ts"
import type { GpuRequestReason } from "./board-types.ts"
import { statedEndMs } from "./lateness.ts"
import { isVacant, provisionedOf } from "./live-rows.ts"
import { cannotBeMet } from "./nearest.ts"
import type { PlanWorld } from "./plan-world.ts"
import { isHeldBack, tenantOf } from "./plan-world.ts"
import type { Stay } from "./slot-search.ts"
import type { BoardNode, Shape, ShapeCluster } from "./topology.ts"
import { canHold } from "./topology.ts"
import type { GpuRequestId, NodeHold } from "../types.ts"

/** Requests named in a reason; more would tell nobody anything. */
const mostNamed = 20

/** What is asked about: a queued request, or one that might be made. */
export interface Asked {
  readonly id: GpuRequestId | null
  readonly workspaceId: string
  readonly shape: Shape
  readonly lengthMs: number
  /** What the plan has for it. */
  readonly stay: Stay | null
}

/** Why it does not start now; undefined = it does. The plan must be up to date and entered as far as it counts. */
export function reasonFor(world: PlanWorld, asked: Asked, nowMs: number): GpuRequestReason | undefined {
  if (isHeldBack(world, asked.workspaceId)) return { code: "queue_paused" }
  if (asked.shape.clusters.length === 0) return cannotBeMet(world.topology, asked.shape.wish)
  if (asked.stay && asked.stay.startMs <= nowMs) return undefined
  return unusableReason(asked.shape) ?? busyReason(world, asked, nowMs) ?? heldReason(world, asked, nowMs)
}

/** Too few of its nodes are in a state to be lent. */
function unusableReason(shape: Shape): GpuRequestReason | undefined {
  const canStart = (cluster: ShapeCluster) =>
    canHold(
      shape.wish,
      cluster,
      cluster.nodes.filter(({ node }) => !unusable(node)),
    )
  if (shape.clusters.some(canStart)) return undefined
  const nodes = shape.clusters.flatMap((cluster) => cluster.nodes.map((one) => one.node))
  const named = (matches: (node: BoardNode["node"]) => boolean) =>
    nodes.filter(matches).map((node) => node.name)
  const sick = named((node) => !node.healthy || node.stuck)
  if (sick.length > 0) return { code: "nodes_unhealthy", nodes: sick }
  const leaving = named((node) => node.draining)
  if (leaving.length > 0) return { code: "draining", nodes: leaving }
  return { code: "cordoned", nodes: named((node) => node.cordoned) }
}

/** Its workspace has no place left now. */
function busyReason(world: PlanWorld, asked: Asked, nowMs: number): GpuRequestReason | undefined {
  const { limit } = tenantOf(world, asked.workspaceId)
  const holders = provisionedOf(world.rows, asked.workspaceId)
  if (limit === null || holders.length < limit) return undefined
  const ends = holders.map((request) => request.endsAtMs ?? nowMs).toSorted((a, b) => a - b)
  return {
    code: "workspace_busy",
    requestIds: holders.slice(0, mostNamed).map((request) => request.id),
    untilMs: ends[holders.length - limit] ?? nowMs,
  }
}

/** Others hold its nodes, or were promised them. */
function heldReason(world: PlanWorld, asked: Asked, nowMs: number): GpuRequestReason {
  const { shape, stay } = asked
  for (const cluster of shape.clusters) {
    const open = cluster.nodes.filter((node) => isFreeNow(world, node))
    if (canHold(shape.wish, cluster, open)) return promisedReason(world, asked, open, nowMs)
  }
  const cluster = shape.clusters.find((one) => one.clusterId === stay?.clusterId) ?? shape.clusters[0]
  const suiting = cluster?.nodes ?? []
  const unknown = stay ? undefined : (lateReason(world, suiting) ?? usedReason(world, asked, cluster))
  return unknown ?? shortReason(world, asked, cluster, nowMs)
}

/** Nodes whose drain is not over although it should be: nobody knows when they will be free. */
function lateReason(world: PlanWorld, suiting: readonly BoardNode[]): GpuRequestReason | undefined {
  const isLate = ({ id, node, busyUntilMs }: BoardNode) =>
    busyUntilMs === Infinity && !unusable(node) && world.rows.holds.has(id)
  const late = suiting.filter(isLate)
  return late.length === 0 ? undefined : { code: "draining", nodes: late.map((node) => node.node.name) }
}

/** Nodes that nobody holds and on which work with GPUs is: it may stay for as long as it runs. */
function usedReason(
  world: PlanWorld,
  { shape }: Asked,
  cluster: ShapeCluster | undefined,
): GpuRequestReason | undefined {
  const { holds, inUse } = world.rows
  const used = (cluster?.nodes ?? []).filter(({ id }) => inUse.has(id) && !holds.has(id))
  if (used.length === 0) return undefined
  return {
    code: "quota_short",
    requestIds: [],
    nodes: used.map(({ node }) => node.name),
    needed: shape.wish.nodes,
    free: freeCount(world, shape, cluster),
    untilMs: null,
  }
}

function shortReason(
  world: PlanWorld,
  asked: Asked,
  cluster: ShapeCluster | undefined,
  nowMs: number,
): GpuRequestReason {
  const { stay, shape } = asked
  const suiting = cluster?.nodes ?? []
  const isHeld = (node: BoardNode) => world.rows.holds.has(node.id)
  const inWay = (stay?.nodes ?? []).filter(isHeld)
  const nodes = inWay.length > 0 ? inWay : suiting.filter(isHeld)
  const holds = nodes.flatMap((node) => world.rows.holds.get(node.id) ?? [])
  return {
    code: "quota_short",
    requestIds: distinct(holds.map((hold) => hold.requestId)),
    nodes: nodes.map((node) => node.node.name),
    needed: shape.wish.nodes,
    free: freeCount(world, shape, cluster),
    untilMs: stay?.startMs ?? lastEndMs(world, holds, nowMs),
  }
}

function freeCount(world: PlanWorld, shape: Shape, cluster: ShapeCluster | undefined): number {
  const isOpen = (node: BoardNode) => isFreeNow(world, node) && holdsShare(shape, cluster, node)
  return (cluster?.nodes ?? []).filter(isOpen).length
}

/** A free node on which too few pods of a gang fit is none that it could have. */
function holdsShare({ wish }: Shape, cluster: ShapeCluster | undefined, node: BoardNode): boolean {
  if (wish.pods === null) return true
  return (cluster?.pods?.get(node) ?? 0) >= Math.ceil(wish.pods.count / wish.nodes)
}

function isFreeNow(world: PlanWorld, node: BoardNode): boolean {
  return !unusable(node.node) && isVacant(world.rows, node.id)
}

function lastEndMs(world: PlanWorld, holds: readonly NodeHold[], nowMs: number): number {
  return holds.reduce(
    (latest, hold) => Math.max(latest, statedEndMs(hold, world.rows.requests.get(hold.requestId))),
    nowMs,
  )
}

/** Enough nodes are free, or its workspace has a place, but not for so long: who was promised them before that. */
function promisedReason(
  world: PlanWorld,
  asked: Asked,
  open: readonly BoardNode[],
  nowMs: number,
): GpuRequestReason {
  const untilMs = nowMs + asked.lengthMs
  const nodes = new Set(open)
  const before: GpuRequestId[] = []
  for (const { request, stay } of world.order) {
    if (request.id === asked.id || !stay || stay.startMs >= untilMs || stay.endMs <= nowMs) continue
    const isOnNodes = stay.nodes.some((node) => nodes.has(node))
    const isInPlace =
      request.workspaceId === asked.workspaceId && tenantOf(world, asked.workspaceId).limit !== null
    if (isOnNodes || isInPlace) before.push(request.id)
    if (before.length >= mostNamed) break
  }
  return { code: "blocked_by", requestIds: before, untilMs: asked.stay?.startMs ?? nowMs }
}

function distinct(ids: readonly GpuRequestId[]): GpuRequestId[] {
  return [...new Set(ids)].slice(0, mostNamed)
}
