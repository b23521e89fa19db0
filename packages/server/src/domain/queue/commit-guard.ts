import type { NodeHold } from "../gpu-requests/index.ts"
import type { Amounts, Node, NodeId } from "../inventory/index.ts"
import { fits } from "../inventory/index.ts"
import type { Tx } from "../journal/index.ts"
import type { Workspace } from "../workspaces/index.ts"
import type { QueueOptions } from "./options.ts"
import { podSetOf, podsOf, sizeOfPod } from "./pod-sets.ts"
import type { Admission, Claim, Placement, PodSet } from "./types.ts"
import { hasGpus, isEligible } from "./world.ts"

/**
 * What a decision only read, read again where it is written (DESIGN 5): the switch, the workspaces and
 * the nodes as the transaction sees them. To read them is enough, no version need be bumped: writers come one after
 * the other (SQLite), or one that changes them beside us makes one of the two fail (PostgreSQL, SERIALIZABLE).
 * Made anew for each closure, for it may run twice.
 */
export interface CommitGuard {
  /** Whether the workspace's queue may place anything now. */
  isOpen(workspaceId: string): Promise<boolean>
  /** Whether the placements still hold; counts them as taken when they do. */
  admits(claim: Claim, admission: Admission): Promise<boolean>
}

interface Left {
  readonly node: Node
  readonly hold: NodeHold | undefined
  free: Amounts
  readonly gpus: Set<number>
}

export async function openGuard(
  tx: Tx,
  options: Pick<QueueOptions, "rows" | "capacity" | "workspaces" | "nodeAt" | "requests"> & {
    readonly isEnding: (nodeId: NodeId) => boolean
  },
): Promise<CommitGuard> {
  const control = await options.rows.control(tx)
  const workspaces = new Map<string, Workspace | undefined>()
  const left = new Map<string, Left>()

  async function workspaceAt(id: string): Promise<Workspace | undefined> {
    if (!workspaces.has(id)) workspaces.set(id, await options.workspaces.rows.byId(tx, id))
    return workspaces.get(id)
  }
  async function isOpen(id: string): Promise<boolean> {
    const workspace = await workspaceAt(id)
    return !control.paused && workspace?.state === "active" && !workspace.queuePaused
  }
  async function leftOf(nodeId: NodeId): Promise<Left | undefined> {
    const known = left.get(nodeId)
    if (known) return known
    const node = await options.nodeAt(tx, nodeId)
    if (!node) return undefined
    const hold = hasGpus(node) ? await options.requests.hold(tx, nodeId) : undefined
    const made = leftOn(node, hold, options.capacity.holders(nodeId))
    left.set(nodeId, made)
    return made
  }
  return {
    isOpen,
    async admits(claim, { placements }) {
      const workspace = await workspaceAt(claim.workspaceId)
      if (!workspace || !(await isOpen(claim.workspaceId)) || placements.length !== podsOf(claim))
        return false
      for (const placement of placements) {
        if (claim.size.gpus > 0 && options.isEnding(placement.nodeId)) return false
        const place = await leftOf(placement.nodeId)
        const set = podSetOf(claim, placement.pod)
        if (!place || !isEligible(place.node, place.hold, workspace, set.size.gpus > 0)) return false
        if (!takes(place, set, placement)) return false
      }
      return true
    },
  }
}

function leftOn(node: Node, hold: NodeHold | undefined, holders: readonly Claim[]): Left {
  const place: Left = { node, hold, free: node.capacity, gpus: new Set(node.gpus.map((gpu) => gpu.index)) }
  for (const holder of holders)
    for (const placement of holder.placements)
      if (placement.nodeId === node.id)
        takeFrom(place, sizeOfPod(holder, placement.pod), placement.gpuIndexes)
  return place
}

/** Checks one pod against what is left and takes its part. */
function takes(place: Left, { size, constraints }: PodSet, placement: Placement): boolean {
  if (placement.gpuIndexes.length !== size.gpus) return false
  if (!placement.gpuIndexes.every((index) => place.gpus.has(index))) return false
  if (!fits(size, constraints, place.node, place.free).ok) return false
  takeFrom(place, size, placement.gpuIndexes)
  return true
}

function takeFrom(place: Left, size: Amounts, gpuIndexes: readonly number[]): void {
  const { free } = place
  place.free = {
    cpuMilli: free.cpuMilli - size.cpuMilli,
    memoryBytes: free.memoryBytes - size.memoryBytes,
    gpus: free.gpus - size.gpus,
    ephemeralBytes: free.ephemeralBytes - size.ephemeralBytes,
  }
  for (const index of gpuIndexes) place.gpus.delete(index)
}
