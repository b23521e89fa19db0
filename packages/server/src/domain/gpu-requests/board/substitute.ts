import type { Node, NodeId } from "../../inventory/index.ts"
import { unusable } from "../../inventory/index.ts"
import { isVacant } from "./live-rows.ts"
import { isFreeFor } from "./node-time.ts"
import type { PlanWorld } from "./plan-world.ts"
import type { BoardNode } from "./topology.ts"
import { canHold, shapeOf, wishKey } from "./topology.ts"
import type { GpuRequestId } from "../types.ts"

/**
 * A healthy free node of the cluster that may take the lost one's place: one that is promised to nobody until the
 * request ends where there is such a one; else the lowest in rank.
 */
export function substituteFor(world: PlanWorld, id: GpuRequestId, lost: NodeId): Node | undefined {
  const request = world.rows.requests.get(id)
  const { topology } = world
  if (request?.state !== "provisioned") return undefined
  const clusterId = request.nodes.find((node) => node.nodeId === lost)?.clusterId
  const shape = shapeOf(topology, request.wish, wishKey(request.wish))
  const cluster = shape.clusters.find((one) => one.clusterId === clusterId)
  if (!cluster) return undefined
  const others = request.nodes.filter((node) => node.nodeId !== lost)
  const staying = others.flatMap((node) => topology.nodes.get(node.nodeId) ?? [])
  const candidates = cluster.nodes.filter(
    (node) => isOpen(world, node, lost) && canHold(shape.wish, cluster, [...staying, node]),
  )
  const endMs = request.endsAtMs ?? Infinity
  const fromMs = world.plannedAtMs
  return (candidates.find((node) => isFreeFor(node, fromMs, endMs)) ?? candidates[0])?.node
}

function isOpen(world: PlanWorld, node: BoardNode, lost: NodeId): boolean {
  return node.id !== lost && !unusable(node.node) && isVacant(world.rows, node.id)
}
