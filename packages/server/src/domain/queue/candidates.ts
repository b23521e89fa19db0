import type { Node } from "../inventory/index.ts"
import { mismatch, unusable } from "../inventory/index.ts"
import type { NodeLedger } from "./node-ledger.ts"
import { emptySlotsOf } from "./node-ledger.ts"
import type { Shape } from "./shape.ts"
import type { WorkspaceQueue, World } from "./world.ts"
import { hasGpus, isEligible } from "./world.ts"

/** Nodes of one cluster that a workspace may use, by what is asked of them. */
interface ClusterNodes {
  readonly clusterId: string
  /** Usable ones by preference; within a tier by name. */
  readonly tiers: readonly NodeLedger[][]
  readonly usable: readonly NodeLedger[]
  /** They are what was asked for, but in a state that takes no pods. */
  readonly unusable: readonly Node[]
  /** They are not what was asked for. */
  readonly mismatched: readonly Node[]
}

/** Where pods with or without GPUs and with the same constraints may go, leaving sizes aside. */
export interface NodeLists {
  /** In the workspace's order. */
  readonly clusters: readonly ClusterNodes[]
  readonly usable: readonly NodeLedger[]
  readonly unusable: readonly Node[]
  /** Whether the workspace has any node for them at all. */
  readonly hasEligible: boolean
}

/** Where a shape may go, leaving aside what is taken. */
export interface Candidates extends NodeLists {
  /** Whether one cluster would hold all its pods with nothing else running: on all nodes, on the matching, on the usable. */
  readonly holds: { readonly eligible: boolean; readonly matching: boolean; readonly usable: boolean }
}

/** Distinct questions kept per workspace; more are answered anew. */
const questionsKept = 512

/** The candidates for a shape, kept until a node or the workspace changes. */
export function candidatesFor(world: World, queue: WorkspaceQueue, shape: Shape): Candidates {
  const isFull = queue.candidates.size > questionsKept || queue.nodeLists.size > questionsKept
  if (queue.candidatesTopology !== world.topology || isFull) {
    queue.candidates.clear()
    queue.nodeLists.clear()
    queue.candidatesTopology = world.topology
  }
  const known = queue.candidates.get(shape.placeKey)
  if (known) return known
  const lists = nodeListsFor(world, queue, shape)
  const found = { ...lists, holds: whatHolds(lists, shape) }
  queue.candidates.set(shape.placeKey, found)
  return found
}

function whatHolds(lists: NodeLists, shape: Shape): Candidates["holds"] {
  const holds = { eligible: false, matching: false, usable: false }
  for (const cluster of lists.clusters) {
    const slotsOn = (nodes: readonly Node[]) =>
      nodes.reduce((sum, node) => sum + emptySlotsOf(node, shape.size, shape.pods), 0)
    const usable = slotsOn(cluster.usable.flatMap((ledger) => ledger.node ?? []))
    const matching = usable + slotsOn(cluster.unusable)
    holds.usable ||= usable >= shape.pods
    holds.matching ||= matching >= shape.pods
    holds.eligible ||= matching + slotsOn(cluster.mismatched) >= shape.pods
  }
  return holds
}

function nodeListsFor(world: World, queue: WorkspaceQueue, shape: Shape): NodeLists {
  const key = `${shape.size.gpus > 0 ? "gpu" : "cpu"};${shape.constraintsKey}`
  const known = queue.nodeLists.get(key)
  if (known) return known
  const clusters = (queue.workspace?.clusters ?? []).map((id) => listNodes(world, queue, shape, id))
  const made: NodeLists = {
    clusters,
    usable: clusters.flatMap((cluster) => cluster.usable),
    unusable: clusters.flatMap((cluster) => cluster.unusable),
    hasEligible: clusters.some(
      (cluster) => cluster.usable.length + cluster.unusable.length + cluster.mismatched.length > 0,
    ),
  }
  queue.nodeLists.set(key, made)
  return made
}

function listNodes(world: World, queue: WorkspaceQueue, shape: Shape, clusterId: string): ClusterNodes {
  const tiers: NodeLedger[][] = [[], [], []]
  const usable: NodeLedger[] = []
  const unusableNodes: Node[] = []
  const mismatched: Node[] = []
  const wantsGpus = shape.size.gpus > 0
  for (const ledger of world.clusters.get(clusterId) ?? []) {
    const { node } = ledger
    if (!node || !queue.workspace || !isEligible(node, ledger.hold, queue.workspace, wantsGpus)) continue
    if (mismatch(shape.constraints, node)) mismatched.push(node)
    else if (unusable(node)) unusableNodes.push(node)
    else {
      usable.push(ledger)
      tiers[tierOf(ledger, node, wantsGpus)]?.push(ledger)
    }
  }
  return { clusterId, tiers, usable, unusable: unusableNodes, mismatched }
}

/** Pods without GPUs: nodes without GPUs, then the workspace's own, then GPU nodes that nobody has. */
function tierOf(ledger: NodeLedger, node: Node, wantsGpus: boolean): 0 | 1 | 2 {
  if (wantsGpus || !hasGpus(node)) return 0
  return node.workspaceId === null && !ledger.hold ? 2 : 1
}
