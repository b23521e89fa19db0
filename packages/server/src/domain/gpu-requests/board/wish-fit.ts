import type { Node } from "../../inventory/index.ts"
import { gpuMemoryGb, isManaged, isSameGpuModel, mismatch, podsThatFit } from "../../inventory/index.ts"
import type { GpuWish, GpuWishPods } from "../types.ts"

/** Whether GPU requests may hold the node at all: managed, there, and assigned to no workspace (DESIGN 4). */
export function isLendable(node: Node): boolean {
  return node.removedAtMs === null && node.workspaceId === null && isManaged(node)
}

/** What of a wish a node does not meet, in the order in which it is looked for; undefined = it suits. */
export function unmetBy(
  wish: GpuWish,
  node: Node,
): "cluster" | "gpu_model" | "instance_type" | "memory" | "gpus" | "pods" | undefined {
  if (!wish.clusters.includes(node.clusterId)) return "cluster"
  if (wish.gpuModel !== null && !(node.gpuModel !== null && isSameGpuModel(node.gpuModel, wish.gpuModel)))
    return "gpu_model"
  if (wish.instanceType !== null && node.instanceType !== wish.instanceType) return "instance_type"
  if (wish.memoryGibPerGpu !== null && gpuMemoryGb(node) < wish.memoryGibPerGpu) return "memory"
  if (node.gpus.length < wish.gpusPerNode) return "gpus"
  return wish.pods !== null && podsOn(node, wish.pods) === 0 ? "pods" : undefined
}

/** How many pods of an automatic request's gang the node holds when empty; 0 where they may not go. */
export function podsOn(node: Node, pods: GpuWishPods): number {
  if (mismatch(pods.constraints, node)) return 0
  const gpus = Math.min(node.capacity.gpus, node.gpus.length)
  return podsThatFit(pods.size, { ...node.capacity, gpus }, pods.count)
}
