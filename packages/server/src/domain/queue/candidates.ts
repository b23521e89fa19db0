import type { Node } from "../inventory/index.ts"
import { mismatch, unusable } from "../inventory/index.ts"
import type { NodeLedger } from "./node-ledger.ts"
import { createNodeLedger, emptySlotsOf, setNode } from "./node-ledger.ts"
import { placeSets } from "./placement.ts"
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
  /**
   * Of a shape with several sets each one's, as if it were alone; empty for others. `usable` and `unusable` are all
   * of theirs then, `clusters` those of the first.
   */
  readonly sets: readonly Candidates[]
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
  const found =
    shape.sets.length === 0 ? candidatesOfSet(world, queue, shape) : candidatesOfGang(world, queue, shape)
  queue.candidates.set(shape.placeKey, found)
  return found
}

function candidatesOfSet(world: World, queue: WorkspaceQueue, shape: Shape): Candidates {
  const lists = nodeListsFor(world, queue, shape)
  return { ...lists, holds: whatHolds(lists, shape), sets: [] }
}

function candidatesOfGang(world: World, queue: WorkspaceQueue, shape: Shape): Candidates {
  const sets = shape.sets.map((set) => candidatesFor(world, queue, set))
  return together(sets, whatHoldsAll(sets, shape))
}

/** The candidates of several sets as those of one gang. */
export function together(sets: readonly Candidates[], holds: Candidates["holds"]): Candidates {
  return {
    clusters: sets[0]?.clusters ?? [],
    usable: [...new Set(sets.flatMap((set) => set.usable))],
    unusable: [...new Set(sets.flatMap((set) => set.unusable))],
    hasEligible: sets.every((set) => set.hasEligible),
    holds,
    sets,
  }
}

/** As placing does it, on nodes with nothing on them: what one set takes, the next has not. */
function whatHoldsAll(sets: readonly Candidates[], shape: Shape): Candidates["holds"] {
  const holds = { eligible: false, matching: false, usable: false }
  const emptied = emptyLedgers()
  for (const at of sets[0]?.clusters.keys() ?? []) {
    const holdsOn = (nodesOf: (cluster: ClusterNodes) => readonly (readonly Node[])[]) => {
      const places = shape.sets.map((set, index) => {
        const cluster = sets[index]?.clusters[at]
        return { set, tiers: cluster ? nodesOf(cluster).map((nodes) => nodes.map(emptied)) : [] }
      })
      return placeSets(places, () => true) !== undefined
    }
    const usable = (cluster: ClusterNodes) =>
      cluster.tiers.map((tier) => tier.flatMap((ledger) => ledger.node ?? []))
    holds.usable ||= holdsOn(usable)
    holds.matching ||= holdsOn((cluster) => [...usable(cluster), cluster.unusable])
    holds.eligible ||= holdsOn((cluster) => [...usable(cluster), cluster.unusable, cluster.mismatched])
  }
  return holds
}

/** Ledgers of nodes as they would be with nothing on them; the same one for the same node. */
export function emptyLedgers(): (node: Node) => NodeLedger {
  const made = new Map<string, NodeLedger>()
  return (node) => {
    const known = made.get(node.id)
    if (known) return known
    const ledger = createNodeLedger(node.id)
    setNode(ledger, node)
    made.set(node.id, ledger)
    return ledger
  }
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
