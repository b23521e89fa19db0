import type { GpuWish } from "../gpu-requests/index.ts"
import type { Node } from "../inventory/index.ts"
import { isManaged, mismatch } from "../inventory/index.ts"
import { emptySlotsOf } from "./node-ledger.ts"
import type { Entry } from "./order.ts"
import type { Shape } from "./shape.ts"
import type { ClaimId, Filing } from "./types.ts"
import type { WorkspaceQueue, World } from "./world.ts"
import { hasGpus } from "./world.ts"

/**
 * The claim of a queue for which a GPU request is to be filed now: the first in order that asks for GPUs, has no
 * place, and waits for no request of its own. One at a time, and none while one of the workspace is about to start:
 * what it brings may do for the next.
 */
export function filingFor(
  world: World,
  queue: WorkspaceQueue,
  nowMs: number,
  isPlaced: (id: ClaimId) => boolean,
): Filing | undefined {
  const { reservations } = world
  if (!reservations.filesRequests(queue.id) || reservations.roomFor(queue.id) <= 0) return undefined
  const requests = reservations.requestsOf(queue.id)
  const isStarting = requests.some((request) => {
    if (request.state !== "queued" || !request.automatic) return false
    const startMs = reservations.startMs(request.id, nowMs)
    return startMs !== null && startMs <= nowMs
  })
  if (isStarting) return undefined
  const filed = new Set(
    requests.flatMap((one) => (one.state === "queued" && one.automatic ? one.automatic.ownerId : [])),
  )
  for (const entry of queue.order) {
    const { claim, shape } = entry
    if (shape.size.gpus === 0 || entry.opensAtMs > nowMs || isPlaced(claim.id)) continue
    if (filed.has(claim.owner.id) || isBarred(world, entry, nowMs)) continue
    const wish = wishFor(world, queue, shape)
    if (wish) return { claimId: claim.id, version: claim.version, wish }
  }
  return undefined
}

/** Whether a request for its owner was taken back by somebody a short while ago. */
export function isBarred(world: World, { claim }: Entry, nowMs: number): boolean {
  return (world.barred.get(claim.owner.id)?.untilMs ?? -Infinity) > nowMs
}

/**
 * Whole nodes for a gang: as few as hold it when nothing else is on them, all alike in how many of its pods they hold
 * where that can be. undefined: the nodes that could be lent never hold it.
 */
export function wishFor(world: World, queue: WorkspaceQueue, shape: Shape): GpuWish | undefined {
  if (queue.wishesTopology !== world.topology) {
    queue.wishes.clear()
    queue.wishesTopology = world.topology
  }
  const known = queue.wishes.get(shape.placeKey)
  if (known !== undefined) return known ?? undefined
  const wish = makeWish(world, queue, shape)
  queue.wishes.set(shape.placeKey, wish ?? null)
  return wish
}

/** Whether the entry is one for which a GPU request can be filed: it waits for that rather than for others to leave. */
export function canFile(world: World, queue: WorkspaceQueue, { shape }: Entry): boolean {
  return (
    shape.size.gpus > 0 &&
    world.reservations.filesRequests(queue.id) &&
    wishFor(world, queue, shape) !== undefined
  )
}

function makeWish(world: World, queue: WorkspaceQueue, shape: Shape): GpuWish | undefined {
  const clusters = queue.workspace?.clusters ?? []
  let best: { readonly nodes: number; readonly perNode: number; readonly clusters: string[] } | undefined
  for (const clusterId of clusters) {
    const fewest = fewestNodes(slotsOn(world, clusterId, shape), shape.pods)
    if (!fewest) continue
    if (!best || fewest.nodes < best.nodes) best = { ...fewest, clusters: [clusterId] }
    else if (fewest.nodes === best.nodes && fewest.perNode === best.perNode) best.clusters.push(clusterId)
  }
  if (!best) return undefined
  const { size, pods, constraints } = shape
  return {
    clusters: best.clusters,
    instanceType: null,
    gpuModel: constraints.gpuModel,
    memoryGibPerGpu: null,
    gpusPerNode: best.perNode * size.gpus,
    nodes: best.nodes,
    pods: { size, count: pods, constraints },
  }
}

/** How many pods each node that could be lent holds, most first; only those that hold any. */
function slotsOn(world: World, clusterId: string, shape: Shape): number[] {
  return (world.clusters.get(clusterId) ?? [])
    .flatMap(({ node }) => (node && isLendable(node) && !mismatch(shape.constraints, node) ? [node] : []))
    .map((node) => emptySlotsOf(node, shape.size, shape.pods))
    .filter((slots) => slots > 0)
    .toSorted((a, b) => b - a)
}

function isLendable(node: Node): boolean {
  return node.workspaceId === null && hasGpus(node) && isManaged(node)
}

/** The fewest nodes that hold all pods, and how many each of them must hold at least. */
function fewestNodes(
  slots: readonly number[],
  pods: number,
): { readonly nodes: number; readonly perNode: number } | undefined {
  let held = 0
  for (const [at, count] of slots.entries()) {
    held += count
    if (held < pods) continue
    const nodes = at + 1
    const evenly = Math.ceil(pods / nodes)
    return { nodes, perNode: count >= evenly ? evenly : count }
  }
  return undefined
}
