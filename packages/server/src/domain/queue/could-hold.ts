import type { Amounts, Constraints, Node, ResourceName } from "../inventory/index.ts"
import { amountOf, isSameGpuModel, resourceNames, shortage, unconstrained } from "../inventory/index.ts"
import { emptyLedgers } from "./candidates.ts"
import { emptySlotsOf } from "./node-ledger.ts"
import { placeSets } from "./placement.ts"
import type { PodSet } from "./types.ts"

/** How many such pods a declared inventory holds, and what is short when it holds none. */
export interface Holding {
  readonly declared: boolean
  readonly pods: number
  readonly short: { readonly resource: ResourceName; readonly largest: number } | null
}

/** More pods than any gang has. */
const manyPods = 1_000_000

/**
 * What the nodes could hold with nothing else running, healthy or not, lent or not. Labels and names are
 * left aside, and a GPU model that no node has too: nodes that have them may still come.
 * @param clusters the nodes by cluster; a gang never spans two, so the most of one counts
 */
export function couldHold(
  clusters: readonly (readonly Node[])[],
  pod: Amounts,
  constraints: Constraints,
): Holding {
  const all = clusters.flat()
  const counted = countedNodes(all, pod, constraints)
  const inCluster = clusters.map((nodes) =>
    nodes
      .filter((node) => counted.includes(node))
      .reduce((sum, node) => sum + emptySlotsOf(node, pod, manyPods), 0),
  )
  const pods = Math.max(0, ...inCluster)
  return { declared: all.length > 0, pods, short: pods > 0 ? null : findShort(counted, pod) }
}

/** What keeps a gang of several sets from ever being placed: one of them alone, or that all are to be there at once. */
export interface GangHolding {
  readonly declared: boolean
  readonly holds: boolean
  /** The first set that does not fit even alone, by its place in the order asked. */
  readonly short: { readonly set: number; readonly holding: Holding } | null
}

/**
 * As `couldHold` for all sets of a gang together, in one cluster and placed as the planner would.
 * @param sets in the order of a claim (`orderedSets`)
 */
export function couldHoldAll(clusters: readonly (readonly Node[])[], sets: readonly PodSet[]): GangHolding {
  const all = clusters.flat()
  for (const [at, { pods, size, constraints }] of sets.entries()) {
    const holding = couldHold(clusters, size, constraints)
    if (holding.pods < pods) return { declared: holding.declared, holds: false, short: { set: at, holding } }
  }
  const emptied = emptyLedgers()
  const holds = clusters.some((nodes) => {
    const places = sets.map((set) => {
      const counted = countedNodes(all, set.size, set.constraints)
      const tier = nodes.filter((node) => counted.includes(node)).map(emptied)
      return { set: { ...set, constraints: unconstrained }, tiers: [tier] }
    })
    return placeSets(places, () => true) !== undefined
  })
  return { declared: all.length > 0, holds, short: null }
}

/** Nodes of the GPU model that is asked for, where there are any; else all. */
function countedNodes(all: readonly Node[], pod: Amounts, { gpuModel }: Constraints): readonly Node[] {
  const ofModel = all.filter(
    (node) => gpuModel !== null && node.gpuModel !== null && isSameGpuModel(node.gpuModel, gpuModel),
  )
  return ofModel.length > 0 && pod.gpus > 0 ? ofModel : all
}

/** The resource that even the largest node lacks; else the one that the node that comes nearest lacks. */
function findShort(nodes: readonly Node[], pod: Amounts): Holding["short"] {
  for (const resource of resourceNames) {
    const largest = Math.max(0, ...nodes.map((node) => amountOf(node.capacity, resource)))
    if (amountOf(pod, resource) > largest) return { resource, largest }
  }
  for (const resource of resourceNames.toReversed())
    for (const node of nodes) {
      const short = shortage(pod, node.capacity)
      if (short?.resource === resource) return { resource, largest: short.free }
    }
  return null
}
