import type { Node } from "../../inventory/index.ts"
import { gpuMemoryGb } from "../../inventory/index.ts"
import type { GpuRequestReason, Nearest } from "./board-types.ts"
import type { NodeGroup, Topology } from "./topology.ts"
import type { GpuWish } from "../types.ts"
import { unmetBy } from "./wish-fit.ts"

/** Why the wish can never be met by the nodes that can be lent, and what comes nearest to it. */
export function cannotBeMet(topology: Topology, wish: GpuWish): GpuRequestReason & { code: "cannot_be_met" } {
  const groups = topology.groups
    .filter((group) => wish.clusters.includes(group.clusterId))
    .toSorted((a, b) => wish.clusters.indexOf(a.clusterId) - wish.clusters.indexOf(b.clusterId))
  const best = nearestGroup(groups, wish)
  return {
    code: "cannot_be_met",
    detail: sentenceFor(wish, groups),
    nearest: best === undefined ? null : nearestOf(best, wish),
  }
}

/** What is looked for, in this order: the first that no node meets beside those before it is what the sentence names. */
const criteria = ["gpu_model", "instance_type", "memory", "gpus", "pods"] as const

function sentenceFor(wish: GpuWish, groups: readonly NodeGroup[]): string {
  const where = `cluster${wish.clusters.length > 1 ? "s" : ""} ${wish.clusters.join(", ")}`
  let left = groups.flatMap((group) => group.nodes.map((one) => one.node))
  if (left.length === 0) return `No GPU node of ${where} can be lent.`
  for (const criterion of criteria) {
    const passing = left.filter((node) => unmetRank(wish, node) > criteria.indexOf(criterion))
    if (passing.length === 0) return `${sentenceOf(criterion, wish, left)} (${where}).`
    left = passing
  }
  const most = Math.max(...wish.clusters.map((id) => left.filter((node) => node.clusterId === id).length))
  if (most < wish.nodes)
    return `${wish.nodes} such nodes are asked for; one cluster has ${most} at most (${where}).`
  return `No ${wish.nodes} such nodes of one cluster hold all ${wish.pods?.count ?? 0} pods (${where}).`
}

type Criterion = (typeof criteria)[number]

/** Index of the first criterion that the node does not meet; past the last where it meets all. */
function unmetRank(wish: GpuWish, node: Node): number {
  const unmet = unmetBy(wish, node)
  return unmet === undefined || unmet === "cluster" ? criteria.length : criteria.indexOf(unmet)
}

function sentenceOf(criterion: Criterion, wish: GpuWish, left: readonly Node[]): string {
  switch (criterion) {
    case "gpu_model":
      return `No node has GPUs of the model ${wish.gpuModel ?? ""}: there is ${list(left.map((node) => node.gpuModel ?? ""))}`
    case "instance_type":
      return `No such node is of the instance type ${wish.instanceType ?? ""}: there is ${list(left.map((node) => node.instanceType))}`
    case "memory":
      return `No such node has ${wish.memoryGibPerGpu ?? 0} GiB per GPU: the most is ${Math.max(...left.map((node) => gpuMemoryGb(node)))} GiB`
    case "gpus":
      return `No such node has ${wish.gpusPerNode} GPUs: the most is ${Math.max(...left.map((node) => node.gpus.length))}`
    case "pods":
      return "No such node takes its pods: labels, names, taints or sizes keep them away"
  }
}

/** Names that a sentence gives. */
const mostNamed = 5

function list(names: readonly string[]): string {
  const distinct = [...new Set(names)].toSorted()
  const more = distinct.length - mostNamed
  return distinct.slice(0, mostNamed).join(", ") + (more > 0 ? ` and ${more} more` : "")
}

/** The one with the fewest unmet criteria; of those the first cluster, then the largest. */
function nearestGroup(groups: readonly NodeGroup[], wish: GpuWish): NodeGroup | undefined {
  let best: NodeGroup | undefined
  let fewest = Infinity
  for (const group of groups) {
    const unmet = unmetCount(group, wish)
    if (unmet > fewest) continue
    if (unmet === fewest && best && (best.clusterId !== group.clusterId || size(best) >= size(group)))
      continue
    best = group
    fewest = unmet
  }
  return best
}

function size(group: NodeGroup): number {
  return group.nodes.length * (group.nodes[0]?.node.gpus.length ?? 0)
}

function unmetCount(group: NodeGroup, wish: GpuWish): number {
  const node = group.nodes[0]?.node
  if (!node) return Infinity
  const parts: Partial<GpuWish>[] = [
    { gpuModel: wish.gpuModel },
    { instanceType: wish.instanceType },
    { memoryGibPerGpu: wish.memoryGibPerGpu },
    { gpusPerNode: wish.gpusPerNode },
  ]
  const nothing = {
    ...wish,
    gpuModel: null,
    instanceType: null,
    memoryGibPerGpu: null,
    gpusPerNode: 0,
    pods: null,
  }
  const unmet = parts.filter((part) => unmetBy({ ...nothing, ...part }, node) !== undefined).length
  return unmet + (group.nodes.length < wish.nodes ? 1 : 0)
}

function nearestOf(group: NodeGroup, wish: GpuWish): Nearest | null {
  const node = group.nodes[0]?.node
  if (!node) return null
  return {
    clusterId: group.clusterId,
    instanceType: node.instanceType,
    gpuModel: node.gpuModel ?? "",
    memoryGibPerGpu: gpuMemoryGb(node),
    gpusPerNode: Math.min(node.gpus.length, wish.gpusPerNode),
    nodes: Math.min(group.nodes.length, wish.nodes),
  }
}
