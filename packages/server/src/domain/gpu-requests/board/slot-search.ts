import type { Gap, GapCursor } from "./gaps.ts"
import { countBegun, cursorOf } from "./gaps.ts"
import { isFreeFor } from "./node-time.ts"
import type { Occupancy } from "./occupancy.ts"
import { firstFreePlace } from "./occupancy.ts"
import type { BoardNode, Shape, ShapeCluster } from "./topology.ts"
import { canHold } from "./topology.ts"

/** Nodes for a time. */
export interface Stay {
  readonly startMs: number
  readonly endMs: number
  readonly clusterId: string
  readonly nodes: readonly BoardNode[]
}

export interface SlotAsk {
  readonly shape: Shape
  readonly lengthMs: number
  /** Not before this instant. */
  readonly fromMs: number
  /** Only before this one; Infinity = whenever. */
  readonly beforeMs: number
  /** Places of its workspace; null = no limit. */
  readonly places: { readonly occupancy: Occupancy; readonly limit: number } | null
}

/**
 * The earliest time and nodes for it, given what was promised; undefined = none before `beforeMs`. Of clusters that
 * are equally early the one that the wish names first; in it the nodes with the lowest rank.
 */
export function earliestStay(ask: SlotAsk): Stay | undefined {
  let found: Stay | undefined
  for (const cluster of ask.shape.clusters)
    found = earliestIn(cluster, ask, found?.startMs ?? ask.beforeMs) ?? found
  return found
}

/** Sweeps over the beginnings of gaps: only where one begins can enough nodes be free that were not before. */
function earliestIn(cluster: ShapeCluster, ask: SlotAsk, beforeMs: number): Stay | undefined {
  const { lengthMs } = ask
  const { nodes: needed } = ask.shape.wish
  let atMs = firstPlaceFrom(ask, ask.fromMs)
  if (atMs >= beforeMs) return undefined
  const obvious = lowestOpenAt(cluster, ask, atMs)
  if (obvious) return { startMs: atMs, endMs: atMs + lengthMs, clusterId: cluster.clusterId, nodes: obvious }
  const cursors = cluster.groups.flatMap((group) => [cursorOf(group.tails), cursorOf(group.holes)])
  for (const cursor of cursors) cursor.step(lengthMs, atMs + lengthMs)
  let open: Gap<BoardNode>[] = []
  while (atMs < beforeMs) {
    collect(cursors, { cluster, atMs, lengthMs }, open)
    if (open.length >= needed) {
      const reachMs = atMs + lengthMs
      open = open.filter((gap) => gap.endMs >= reachMs)
      const nodes = choose(open, cluster, ask.shape)
      if (nodes) return { startMs: atMs, endMs: reachMs, clusterId: cluster.clusterId, nodes }
    }
    atMs = firstPlaceFrom(ask, nextStart(cursors))
  }
  return undefined
}

/**
 * Where enough nodes are promised to nobody from the instant on, some will do: the lowest in rank are found without
 * looking at all. undefined = that is not so, or pods are to be counted.
 */
function lowestOpenAt(cluster: ShapeCluster, ask: SlotAsk, atMs: number): BoardNode[] | undefined {
  const { nodes: needed } = ask.shape.wish
  if (cluster.pods !== null || !haveBegun(cluster, needed, atMs)) return undefined
  const nodes: BoardNode[] = []
  for (const node of cluster.nodes) {
    if (isFreeFor(node, atMs, atMs + ask.lengthMs)) nodes.push(node)
    if (nodes.length === needed) return nodes
  }
  return undefined
}

function haveBegun(cluster: ShapeCluster, needed: number, atMs: number): boolean {
  let left = needed
  for (const group of cluster.groups) {
    left -= countBegun(group.tails, atMs, left)
    if (left <= 0) return true
  }
  return false
}

function firstPlaceFrom(ask: SlotAsk, fromMs: number): number {
  if (ask.places === null || fromMs === Infinity) return fromMs
  return firstFreePlace(ask.places.occupancy, ask.places.limit, fromMs, ask.lengthMs)
}

/** Adds the gaps that have begun by the instant and are long enough from then on. */
function collect(
  cursors: readonly GapCursor<BoardNode>[],
  at: { readonly cluster: ShapeCluster; readonly atMs: number; readonly lengthMs: number },
  open: Gap<BoardNode>[],
): void {
  const { atMs, lengthMs } = at
  const { pods } = at.cluster
  for (const cursor of cursors)
    for (let gap = cursor.gap; gap && gap.startMs <= atMs; gap = cursor.gap) {
      if (gap.endMs >= atMs + lengthMs && (pods === null || pods.has(gap.node))) open.push(gap)
      cursor.step(lengthMs, atMs + lengthMs)
    }
}

function nextStart(cursors: readonly GapCursor<BoardNode>[]): number {
  let next = Infinity
  for (const cursor of cursors) if (cursor.gap && cursor.gap.startMs < next) next = cursor.gap.startMs
  return next
}

function choose(
  open: readonly Gap<BoardNode>[],
  cluster: ShapeCluster,
  shape: Shape,
): readonly BoardNode[] | undefined {
  if (open.length < shape.wish.nodes) return undefined
  return chooseNodes(
    open.map((gap) => gap.node),
    cluster,
    shape,
  )
}

/** Those with the lowest rank that are enough together; undefined when all of them are not. */
export function chooseNodes(
  nodes: readonly BoardNode[],
  cluster: ShapeCluster,
  shape: Shape,
): readonly BoardNode[] | undefined {
  const { wish } = shape
  const lowest = lowestRanks(nodes, wish.nodes)
  if (canHold(wish, cluster, lowest)) return lowest
  return canHold(wish, cluster, nodes) ? chooseForPods(nodes, cluster, shape) : undefined
}

/** In order of rank. */
function lowestRanks(nodes: readonly BoardNode[], count: number): BoardNode[] {
  if (nodes.length <= count || count > 16) return nodes.toSorted(byRank).slice(0, count)
  const lowest: BoardNode[] = []
  for (const node of nodes) {
    const last = lowest.length === count ? lowest[count - 1] : undefined
    if (last && last.rank < node.rank) continue
    if (last) lowest.pop()
    let at = lowest.length
    while (at > 0 && (lowest[at - 1]?.rank ?? 0) > node.rank) at--
    lowest.splice(at, 0, node)
  }
  return lowest
}

/** Begins with those that hold most pods, and gives up each for one of lower rank while that is enough. */
function chooseForPods(nodes: readonly BoardNode[], cluster: ShapeCluster, shape: Shape): BoardNode[] {
  const { wish } = shape
  const podsOf = (node: BoardNode) => cluster.pods?.get(node) ?? 0
  let chosen = nodes.toSorted((a, b) => podsOf(b) - podsOf(a) || a.rank - b.rank).slice(0, wish.nodes)
  for (const node of nodes.toSorted(byRank)) {
    if (chosen.includes(node)) continue
    for (const other of chosen.toSorted(byRank).toReversed()) {
      const changed = chosen.map((one) => (one === other ? node : one))
      if (other.rank < node.rank || !canHold(wish, cluster, changed)) continue
      chosen = changed
      break
    }
  }
  return chosen.toSorted(byRank)
}

function byRank(a: BoardNode, b: BoardNode): number {
  return a.rank - b.rank
}
