import type { Node, NodeId } from "../../inventory/index.ts"
import { gpuMemoryGb } from "../../inventory/index.ts"
import type { Gap, GapList } from "./gaps.ts"
import { createGapList } from "./gaps.ts"
import { compareText } from "./request-order.ts"
import type { GpuWish } from "../types.ts"
import { isLendable, podsOn, unmetBy } from "./wish-fit.ts"

/** A node as plans see it. */
export interface BoardNode {
  readonly id: NodeId
  node: Node
  /** Its place among all: fewer GPUs first, then name (DESIGN 4). */
  rank: number
  /** Those that are like it in all that wishes without pods look at; undefined: it cannot be lent. */
  group: NodeGroup | undefined
  /** Until when a hold or its state keeps it: minus infinity = free, infinity = nobody knows. */
  busyUntilMs: number
  /** Where it is promised to nobody, by start. */
  gaps: Gap<BoardNode>[]
}

/** Nodes of one cluster that are alike, with their gaps: those that end, and those that do not. */
export interface NodeGroup {
  readonly clusterId: string
  readonly nodes: BoardNode[]
  holes: GapList<BoardNode>
  tails: GapList<BoardNode>
}

/** Where a wish can be met at all, healthy or not, lent or not. */
export interface Shape {
  readonly wish: GpuWish
  /** The clusters that could hold it, in the order of the wish; empty = it can never be met. */
  readonly clusters: readonly ShapeCluster[]
}

export interface ShapeCluster {
  readonly clusterId: string
  readonly groups: readonly NodeGroup[]
  /** All that suit, by rank. */
  readonly nodes: readonly BoardNode[]
  /** How many pods each holds, where the wish has pods; others do not suit. */
  readonly pods: ReadonlyMap<BoardNode, number> | null
}

/** The nodes that can be lent, in groups, with what was found out about wishes; made anew when nodes change. */
export interface Topology {
  /** All nodes, also those that cannot be lent. */
  readonly nodes: Map<string, BoardNode>
  groups: readonly NodeGroup[]
  readonly shapes: Map<string, Shape>
}

/** More kinds of wishes than live requests have; bounds what wishes that were only asked about leave behind. */
const mostShapes = 20_000

export function createTopology(): Topology {
  return { nodes: new Map(), groups: [], shapes: new Map() }
}

/** What of a node decides its group, its rank and which wishes it suits, as text. */
export function topologyKey(node: Node): string {
  const { cpuMilli, memoryBytes, gpus, ephemeralBytes } = node.capacity
  const facts = [node.name, node.clusterId, node.instanceType, node.gpuModel, node.gpus.length]
  const sizes = [gpuMemoryGb(node), cpuMilli, memoryBytes, gpus, ephemeralBytes]
  return JSON.stringify([facts, sizes, node.labels, node.taints, node.workspaceId, node.removedAtMs])
}

/** Sorts all nodes into groups anew, without gaps; what was known about wishes is forgotten. */
export function regroup(topology: Topology): void {
  const groups = new Map<string, NodeGroup>()
  const ordered = [...topology.nodes.values()].toSorted(compareNodes)
  for (const [rank, member] of ordered.entries()) {
    member.rank = rank
    member.gaps = []
    member.group = isLendable(member.node) ? groupOf(groups, member.node) : undefined
    member.group?.nodes.push(member)
  }
  topology.groups = [...groups.values()]
  topology.shapes.clear()
}

/** The wish's shape in the present topology. @param key `wishKey` of the wish */
export function shapeOf(topology: Topology, wish: GpuWish, key: string): Shape {
  const known = topology.shapes.get(key)
  if (known) return known
  if (topology.shapes.size >= mostShapes) topology.shapes.clear()
  const clusters = wish.clusters.map((clusterId) => clusterOf(topology, wish, clusterId))
  const shape = { wish, clusters: clusters.filter((cluster) => canHold(wish, cluster, cluster.nodes)) }
  topology.shapes.set(key, shape)
  return shape
}

/** Equal exactly where two wishes want the same. */
export function wishKey(wish: GpuWish): string {
  const { clusters, instanceType, gpuModel, memoryGibPerGpu, gpusPerNode, nodes, pods } = wish
  return JSON.stringify([clusters, instanceType, gpuModel, memoryGibPerGpu, gpusPerNode, nodes, pods])
}

/** Whether these nodes of the cluster are enough, with nothing on them. */
export function canHold(wish: GpuWish, cluster: ShapeCluster, nodes: readonly BoardNode[]): boolean {
  if (nodes.length < wish.nodes) return false
  const { pods } = cluster
  if (pods === null || wish.pods === null) return true
  const most = nodes.map((node) => pods.get(node) ?? 0).toSorted((a, b) => b - a)
  return most.slice(0, wish.nodes).reduce((sum, count) => sum + count, 0) >= wish.pods.count
}

function clusterOf(topology: Topology, wish: GpuWish, clusterId: string): ShapeCluster {
  const inCluster = topology.groups.filter((group) => group.clusterId === clusterId)
  const groups = inCluster.filter((group) => group.nodes.some(({ node }) => !unmetBy(wish, node)))
  const nodes = groups
    .flatMap((group) => group.nodes.filter(({ node }) => !unmetBy(wish, node)))
    .toSorted((a, b) => a.rank - b.rank)
  const asked = wish.pods
  const pods = asked === null ? null : new Map(nodes.map((one) => [one, podsOn(one.node, asked)]))
  return { clusterId, groups, nodes, pods }
}

function groupOf(groups: Map<string, NodeGroup>, node: Node): NodeGroup {
  const { clusterId, instanceType, gpuModel, gpus } = node
  const key = JSON.stringify([clusterId, instanceType, gpuModel, gpuMemoryGb(node), gpus.length])
  const known = groups.get(key)
  if (known) return known
  const group = { clusterId, nodes: [], holes: createGapList<BoardNode>(), tails: createGapList<BoardNode>() }
  groups.set(key, group)
  return group
}

function compareNodes(a: BoardNode, b: BoardNode): number {
  return (
    a.node.gpus.length - b.node.gpus.length ||
    compareText(a.node.name, b.node.name) ||
    compareText(a.node.clusterId, b.node.clusterId) ||
    compareText(a.id, b.id)
  )
}
