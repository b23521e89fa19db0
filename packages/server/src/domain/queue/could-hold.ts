import type { Amounts, Constraints, Node, ResourceName } from "../inventory/index.ts"
import { amountOf, isSameGpuModel, resourceNames, shortage } from "../inventory/index.ts"
import { emptySlotsOf } from "./node-ledger.ts"

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
  const { gpuModel } = constraints
  const ofModel = all.filter(
    (node) => gpuModel !== null && node.gpuModel !== null && isSameGpuModel(node.gpuModel, gpuModel),
  )
  const counted = ofModel.length > 0 && pod.gpus > 0 ? ofModel : all
  const inCluster = clusters.map((nodes) =>
    nodes
      .filter((node) => counted.includes(node))
      .reduce((sum, node) => sum + emptySlotsOf(node, pod, manyPods), 0),
  )
  const pods = Math.max(0, ...inCluster)
  return { declared: all.length > 0, pods, short: pods > 0 ? null : findShort(counted, pod) }
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
