import type { GpuWish } from "../gpu-requests/index.ts"
import type { Amounts, Node } from "../inventory/index.ts"
import { isManaged, mismatch } from "../inventory/index.ts"
import { emptyLedgers } from "./candidates.ts"
import { emptySlotsOf } from "./node-ledger.ts"
import type { Entry } from "./order.ts"
import { placeSets } from "./placement.ts"
import type { Shape } from "./shape.ts"
import type { ClaimId, Filing, PodSet } from "./types.ts"
import type { WorkspaceQueue, World } from "./world.ts"
import { hasGpus, isEligible } from "./world.ts"

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
    if (filed.has(claim.owner.id) || isBarred(world, entry, nowMs) || hasNodesAlready(world, entry)) continue
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
 * Whether a gang of several sizes was lent nodes that it still has: more of them would not help, as it waits for room
 * for its pods without GPUs, or for others to leave those nodes.
 */
function hasNodesAlready({ reservations }: World, { claim, shape }: Entry): boolean {
  if (shape.sets.length === 0) return false
  return reservations.filedFor(claim.owner.id).some((request) => request.state !== "queued")
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
export function canFile(world: World, queue: WorkspaceQueue, entry: Entry): boolean {
  return (
    entry.shape.size.gpus > 0 &&
    world.reservations.filesRequests(queue.id) &&
    !hasNodesAlready(world, entry) &&
    wishFor(world, queue, entry.shape) !== undefined
  )
}

function makeWish(world: World, queue: WorkspaceQueue, shape: Shape): GpuWish | undefined {
  const asked = alikeWithGpus(shape)
  const clusters = asked ? clustersFor(world, queue, shape) : []
  let best: { readonly nodes: number; readonly perNode: number; readonly clusters: string[] } | undefined
  for (const clusterId of clusters) {
    const fewest = asked && fewestNodes(slotsOn(world, clusterId, asked), asked.pods)
    if (!fewest) continue
    if (!best || fewest.nodes < best.nodes) best = { ...fewest, clusters: [clusterId] }
    else if (fewest.nodes === best.nodes && fewest.perNode === best.perNode) best.clusters.push(clusterId)
  }
  if (!best || !asked) return undefined
  const { size, pods, constraints } = asked
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

/**
 * The pods with GPUs as if all were of one size, of each resource the most that one asks for: nodes that hold those
 * hold them, in whatever order they are placed. undefined: they are to go to different nodes, and a request for
 * both cannot be filed.
 */
function alikeWithGpus(shape: Shape): PodSet | undefined {
  if (shape.sets.length === 0) return shape
  const sets = shape.sets.filter((set) => set.size.gpus > 0)
  if (sets.some((set) => set.constraintsKey !== shape.constraintsKey)) return undefined
  const most = (amount: (size: Amounts) => number) => Math.max(...sets.map((set) => amount(set.size)))
  return {
    pods: sets.reduce((sum, set) => sum + set.pods, 0),
    size: {
      gpus: most((size) => size.gpus),
      cpuMilli: most((size) => size.cpuMilli),
      memoryBytes: most((size) => size.memoryBytes),
      ephemeralBytes: most((size) => size.ephemeralBytes),
    },
    constraints: shape.constraints,
  }
}

/** The clusters that would hold all of the gang, its pods without GPUs too, when nothing else is on them. */
function clustersFor(world: World, queue: WorkspaceQueue, shape: Shape): readonly string[] {
  const { workspace } = queue
  if (!workspace) return []
  if (shape.sets.length === 0) return workspace.clusters
  return workspace.clusters.filter((clusterId) => {
    const nodes = (world.clusters.get(clusterId) ?? []).flatMap(({ node }) => node ?? [])
    const emptied = emptyLedgers()
    const places = shape.sets.map((set) => {
      const isOpen = (node: Node) =>
        set.size.gpus > 0 ? isLendable(node) : isEligible(node, undefined, workspace, false)
      const open = nodes.filter((node) => isOpen(node) && !mismatch(set.constraints, node))
      return { set, tiers: [open.map(emptied)] }
    })
    return placeSets(places, () => true) !== undefined
  })
}

/** How many pods each node that could be lent holds, most first; only those that hold any. */
function slotsOn(world: World, clusterId: string, { pods, size, constraints }: PodSet): number[] {
  return (world.clusters.get(clusterId) ?? [])
    .flatMap(({ node }) => (node && isLendable(node) && !mismatch(constraints, node) ? [node] : []))
    .map((node) => emptySlotsOf(node, size, pods))
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
