import type { Candidates } from "./candidates.ts"
import type { NodeLedger } from "./node-ledger.ts"
import { openGpuIndexes, slotsOf } from "./node-ledger.ts"
import { compareText } from "./order.ts"
import type { Shape } from "./shape.ts"
import type { ClaimId, Placement } from "./types.ts"

interface Slot {
  readonly ledger: NodeLedger
  readonly slots: number
}
interface Share {
  readonly ledger: NodeLedger
  readonly pods: number
}

/** Whether the claim may use the node as far as nominations go. */
export function isOpenTo(ledger: NodeLedger, id: ClaimId): boolean {
  return ledger.nominees.size === 0 || (ledger.nominees.size === 1 && ledger.nominees.has(id))
}

/**
 * Places all pods of a claim in one cluster, or none. GPUs that processes from outside use are taken only
 * where it does not work without; named nodes get equal numbers of pods where that works. Deterministic.
 * @returns placements by pod index, nodes in the order of their names; undefined when they do not fit now
 */
export function placeGang(candidates: Candidates, shape: Shape, id: ClaimId): Placement[] | undefined {
  for (const cluster of candidates.clusters) {
    const shares = shareOut(cluster.tiers, shape, id)
    if (shares) return toPlacements(shares, shape)
  }
  return undefined
}

function shareOut(tiers: readonly NodeLedger[][], shape: Shape, id: ClaimId): Share[] | undefined {
  const open = tiers.map((tier) => tier.filter((ledger) => isOpenTo(ledger, id)))
  const named = shape.constraints.nodeNames.length
  const evenly = named > 1 ? Math.ceil(shape.pods / named) : shape.pods
  const isAnyUsedOutside =
    shape.size.gpus > 0 && open.some((tier) => tier.some((ledger) => ledger.openCleanGpus < ledger.openGpus))
  return (
    (isAnyUsedOutside ? tryShare(open, shape, evenly, true) : undefined) ??
    tryShare(open, shape, evenly, false) ??
    (evenly < shape.pods ? tryShare(open, shape, shape.pods, false) : undefined)
  )
}

function tryShare(
  tiers: readonly NodeLedger[][],
  shape: Shape,
  mostPerNode: number,
  isCleanOnly: boolean,
): Share[] | undefined {
  let left = shape.pods
  const shares: Share[] = []
  for (const tier of tiers) {
    const slots: Slot[] = []
    for (const ledger of tier) {
      const count = slotsOf(ledger, shape.size, mostPerNode, isCleanOnly)
      if (count > 0) slots.push({ ledger, slots: count })
    }
    left = pack(slots, left, shares)
    if (left === 0) return shares
  }
  return undefined
}

/**
 * As few nodes as can be: the smallest one that takes all that is left, else the one that takes most.
 * @returns how many pods did not fit
 */
function pack(slots: Slot[], pods: number, shares: Share[]): number {
  let left = pods
  while (left > 0 && slots.length > 0) {
    let best = 0
    for (let at = 1; at < slots.length; at++) if (isBetter(slots[at], slots[best], left)) best = at
    const [chosen] = slots.splice(best, 1)
    if (!chosen) break
    const taken = Math.min(left, chosen.slots)
    shares.push({ ledger: chosen.ledger, pods: taken })
    left -= taken
  }
  return left
}

function isBetter(a: Slot | undefined, b: Slot | undefined, left: number): boolean {
  if (!a || !b) return false
  const isEnough = a.slots >= left
  if (isEnough !== b.slots >= left) return isEnough
  if (!isEnough && a.slots !== b.slots) return a.slots > b.slots
  const byRoom = roomOf(a) - roomOf(b)
  return byRoom !== 0 ? byRoom < 0 : compareText(nameOf(a), nameOf(b)) < 0
}

/** What decides between nodes that both do: free GPUs where there are any, then how many pods would fit. */
function roomOf(slot: Slot): number {
  return slot.ledger.openGpus * 1_000_000 + slot.slots
}

function nameOf(slot: Slot | Share): string {
  return slot.ledger.node?.name ?? ""
}

function toPlacements(shares: readonly Share[], shape: Shape): Placement[] {
  const placements: Placement[] = []
  for (const share of shares.toSorted((a, b) => compareText(nameOf(a), nameOf(b)))) {
    const { node } = share.ledger
    if (!node) continue
    const indexes = shape.size.gpus > 0 ? openGpuIndexes(share.ledger) : []
    for (let pod = 0; pod < share.pods; pod++) {
      const gpuIndexes = indexes.splice(0, shape.size.gpus).toSorted((a, b) => a - b)
      placements.push({ pod: placements.length, nodeId: node.id, gpuIndexes })
    }
  }
  return placements
}
