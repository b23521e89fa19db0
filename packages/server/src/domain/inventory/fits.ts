import { isSameGpuModel } from "./gpu-models.ts"
import type { Amounts, Constraints, Node, ResourceName, Taint } from "./types.ts"
import { resourceNames } from "./types.ts"

/** Why a pod may not go to a node: closed. In the order in which it is looked for. */
export type Misfit =
  | { readonly kind: "removed" }
  | { readonly kind: "cluster_mismatch" }
  | { readonly kind: "name_mismatch" }
  | { readonly kind: "label_mismatch"; readonly label: string }
  | { readonly kind: "gpu_model_mismatch"; readonly model: string | null }
  | { readonly kind: "taint"; readonly taint: Taint }
  | { readonly kind: "unhealthy"; readonly message: string }
  | { readonly kind: "stuck" }
  | { readonly kind: "draining" }
  | { readonly kind: "cordoned" }
  | {
      readonly kind: "short"
      readonly resource: ResourceName
      readonly needed: number
      readonly free: number
    }

export type Fit = { readonly ok: true } | { readonly ok: false; readonly misfit: Misfit }

/** No constraint at all. */
export const unconstrained: Constraints = { labels: {}, nodeNames: [], tolerateAll: false, gpuModel: null }

/** Nothing. */
export const noAmounts: Amounts = { cpuMilli: 0, memoryBytes: 0, gpus: 0, ephemeralBytes: 0 }

/**
 * Whether a pod may go to a node that has `free` left: the one rule that everything which places or
 * explains uses. Equal amounts fit; what a pod does not ask for is not looked at.
 */
export function fits(pod: Amounts, constraints: Constraints, node: Node, free: Amounts): Fit {
  const misfit = mismatch(constraints, node) ?? unusable(node) ?? shortage(pod, free)
  return misfit ? { ok: false, misfit } : { ok: true }
}

/** What about the node itself, apart from its state and load, keeps such pods away; undefined = nothing. */
export function mismatch(constraints: Constraints, node: Node): Misfit | undefined {
  if (node.removedAtMs !== null) return { kind: "removed" }
  if ((constraints.clusterId ?? node.clusterId) !== node.clusterId) return { kind: "cluster_mismatch" }
  if (constraints.nodeNames.length > 0 && !constraints.nodeNames.includes(node.name))
    return { kind: "name_mismatch" }
  const label = Object.keys(constraints.labels).find((key) => !hasLabel(node, key, constraints.labels[key]))
  if (label !== undefined) return { kind: "label_mismatch", label }
  if (constraints.gpuModel !== null && !hasGpuModel(node, constraints.gpuModel))
    return { kind: "gpu_model_mismatch", model: node.gpuModel }
  if (constraints.tolerateAll) return undefined
  const taint = node.taints.find((candidate) => candidate.effect !== "PreferNoSchedule")
  return taint && { kind: "taint", taint }
}

/** What about the node's state keeps every new pod away; undefined = nothing. */
export function unusable(node: Node): Misfit | undefined {
  if (!node.healthy) return { kind: "unhealthy", message: node.healthMessage }
  if (node.stuck) return { kind: "stuck" }
  if (node.draining) return { kind: "draining" }
  if (node.cordoned) return { kind: "cordoned" }
  return undefined
}

/** The first resource, in the order of `resourceNames`, of which there is not enough. */
export function shortage(pod: Amounts, free: Amounts): (Misfit & { kind: "short" }) | undefined {
  for (const resource of resourceNames) {
    const needed = amountOf(pod, resource)
    const left = amountOf(free, resource)
    if (needed > 0 && needed > left) return { kind: "short", resource, needed, free: Math.max(0, left) }
  }
  return undefined
}

/** How many such pods the amounts hold, at most `limit`. A pod that asks for nothing fits `limit` times. */
export function podsThatFit(pod: Amounts, free: Amounts, limit: number): number {
  let count = limit
  if (pod.gpus > 0) count = Math.min(count, Math.floor(free.gpus / pod.gpus))
  if (pod.cpuMilli > 0) count = Math.min(count, Math.floor(free.cpuMilli / pod.cpuMilli))
  if (pod.memoryBytes > 0) count = Math.min(count, Math.floor(free.memoryBytes / pod.memoryBytes))
  if (pod.ephemeralBytes > 0) count = Math.min(count, Math.floor(free.ephemeralBytes / pod.ephemeralBytes))
  return Math.max(0, count)
}

/** One of the four amounts by the name that messages use. */
export function amountOf(amounts: Amounts, resource: ResourceName): number {
  switch (resource) {
    case "gpu":
      return amounts.gpus
    case "cpu":
      return amounts.cpuMilli
    case "memory":
      return amounts.memoryBytes
    case "ephemeral-storage":
      return amounts.ephemeralBytes
  }
}

/** Whether labels, names, a model or a cluster narrow where such pods may go. */
export function isConstrained(constraints: Constraints): boolean {
  return (
    constraints.clusterId !== undefined ||
    constraints.nodeNames.length > 0 ||
    constraints.gpuModel !== null ||
    Object.keys(constraints.labels).length > 0
  )
}

function hasLabel({ labels }: Node, key: string, value: string | undefined): boolean {
  return Object.hasOwn(labels, key) && labels[key] === value
}

function hasGpuModel(node: Node, model: string): boolean {
  return node.gpuModel !== null && isSameGpuModel(node.gpuModel, model)
}
