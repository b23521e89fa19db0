import type { GpuInventoryItem, GpuNode, WorkspaceGpus } from "@berth/contract/egs"
import { decodeName } from "@berth/contract/egs"
import type { FastifyRequest } from "fastify"
import type { GpuNodeView } from "../../domain/gpu-requests/index.ts"
import { gpuMemoryGb, gpuMemoryMib, nodeCloudProvider, nodeRegion } from "../../domain/inventory/index.ts"
import type { Services } from "../services.ts"
import { saidBy } from "./body.ts"
import { valueOf, type InventoryBySlice } from "./handlers.ts"

/** GPU nodes and who has them (reference/egs.md 5). */
export function inventoryHandlers({ gpuRequests }: Services, bySlice: InventoryBySlice) {
  return {
    async listInventory(request: FastifyRequest) {
      const views = (await gpuRequests.inventory(request.principal)).toSorted(byClusterAndName)
      const managed = views.filter((view) => view.managed)
      return {
        items: managed.map(toItem),
        managedNodes: managed.map(toGpuNode),
        unmanagedNodes: views.filter((view) => !view.managed).map(toGpuNode),
      }
    },
    async workspaceInventory(request: FastifyRequest) {
      const name = valueOf(decodeName(saidBy(request), "sliceName"))
      const views = (await gpuRequests.inventoryOf(request.principal, name)).toSorted(byClusterAndName)
      return { items: [...groupsOf(views).values()].map((group) => toGpus(group, bySlice)) }
    },
  }
}

function byClusterAndName({ node: a }: GpuNodeView, { node: b }: GpuNodeView): number {
  if (a.clusterId !== b.clusterId) return a.clusterId < b.clusterId ? -1 : 1
  return a.name < b.name ? -1 : 1
}

function toItem({ node, hold }: GpuNodeView): GpuInventoryItem {
  const status = hold ? "NODE_RESERVED" : "NODE_AVAILABLE"
  return {
    gpuNodeName: node.name,
    gpuShape: node.instanceType,
    gpuModelName: node.gpuModel ?? "",
    instanceType: node.instanceType,
    clusterName: node.clusterId,
    memory: gpuMemoryMib(node),
    gpuCount: node.gpus.length,
    gpuTempThreshold: "",
    gpuPowerThreshold: "",
    cloudProvider: nodeCloudProvider(node),
    region: nodeRegion(node),
    nodeHealth: healthOf(node),
    gpuNodeStatus: status,
    gpuNodeState: status,
  }
}

function toGpuNode(view: GpuNodeView): GpuNode {
  const { node, hold, managed } = view
  const item = toItem(view)
  const isFree = managed && hold === null && item.nodeHealth === "Healthy"
  return {
    ...item,
    memory: gpuMemoryGb(node),
    cloud: item.cloudProvider,
    availableGPUs: isFree ? node.gpus.length : 0,
    gpuSlicingProfile: [],
    allocation: allocationOf(view),
  }
}

function allocationOf({ node, hold, holder }: GpuNodeView): GpuNode["allocation"] {
  if (!hold) return []
  return [
    {
      // a holder that the caller may not see has no name here
      gprName: holder?.shownId ?? "",
      sliceName: holder?.workspaceId ?? "",
      totalGPUsAllocated: node.gpus.length,
      allocationTimeStamp: { seconds: String(Math.floor(hold.sinceMs / 1000)), nanos: 0 },
    },
  ]
}

function healthOf({
  healthy,
  stuck,
  cordoned,
  draining,
}: GpuNodeView["node"]): GpuInventoryItem["nodeHealth"] {
  if (!healthy || stuck) return "Unhealthy"
  return cordoned || draining ? "Unschedulable" : "Healthy"
}

/** Nodes of one cluster that have the same GPUs, in the order in which they come. */
function groupsOf(
  views: readonly GpuNodeView[],
): ReadonlyMap<string, readonly [GpuNodeView, ...GpuNodeView[]]> {
  const groups = new Map<string, [GpuNodeView, ...GpuNodeView[]]>()
  for (const view of views) {
    const { clusterId, instanceType, gpuModel, gpus } = view.node
    const kind = JSON.stringify([clusterId, instanceType, gpuModel, gpus.length, gpuMemoryMib(view.node)])
    const group = groups.get(kind)
    if (group) group.push(view)
    else groups.set(kind, [view])
  }
  return groups
}

function toGpus(group: readonly [GpuNodeView, ...GpuNodeView[]], bySlice: InventoryBySlice): WorkspaceGpus {
  const [{ node }] = group
  const shared = {
    nodeName: group.map((view) => view.node.name),
    instanceType: node.instanceType,
    memory: gpuMemoryMib(node),
    totalGpus: group.length * node.gpus.length,
    gpuShape: node.gpuModel ?? "",
  }
  if (bySlice === "seed") return shared
  return {
    ...shared,
    memoryPerGpu: gpuMemoryGb(node),
    gpuPerNode: node.gpus.length,
    totalGpuNodes: group.length,
    clusterName: node.clusterId,
    gpuSlicingProfile: [],
  }
}
