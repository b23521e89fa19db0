import type { Candidates } from "./candidates.ts"
import type { NodeLedger } from "./node-ledger.ts"
import { openGpuIndexes, slotsOf } from "./node-ledger.ts"
import { compareText } from "./order.ts"
import { createOverlay } from "./overlay.ts"
import type { Shape } from "./shape.ts"
import type { ClaimId, Placement, PodSet } from "./types.ts"

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

/** Where the pods of one set may go in one cluster. */
export interface SetPlaces {
  readonly set: PodSet
  readonly tiers: readonly (readonly NodeLedger[])[]
}

/** Which nodes may be used. */
type IsOpen = (ledger: NodeLedger) => boolean

/**
 * Places all pods of a claim in one cluster, or none. GPUs that processes from outside use are taken only
 * where it does not work without; named nodes get equal numbers of pods where that works. Deterministic.
 * @returns placements by pod index, nodes of a set in the order of their names; undefined when they do not fit now
 */
export function placeGang(candidates: Candidates, shape: Shape, id: ClaimId): Placement[] | undefined {
  return placeWhere(candidates, shape, (ledger) => isOpenTo(ledger, id))
}

/** As `placeGang`, on the nodes that are open. */
export function placeWhere(candidates: Candidates, shape: Shape, isOpen: IsOpen): Placement[] | undefined {
  for (const [at, cluster] of candidates.clusters.entries()) {
    const placements =
      shape.sets.length === 0
        ? placeSet({ tiers: cluster.tiers, set: shape }, isOpen, 0)
        : placeSets(placesIn(candidates, shape, at), isOpen)
    if (placements) return placements
  }
  return undefined
}

/** Where each set of a claim with several may go in one of the clusters. */
export function placesIn(candidates: Candidates, shape: Shape, cluster: number): SetPlaces[] {
  return shape.sets.map((set, at) => ({
    set,
    tiers: candidates.sets[at]?.clusters[cluster]?.tiers ?? [],
  }))
}

/** Places one set after the other, each beside those before it; undefined when one does not fit. */
export function placeSets(places: readonly SetPlaces[], isOpen: IsOpen): Placement[] | undefined {
  return whilePlaced(places, isOpen, (placements, sets) => (sets === places.length ? placements : undefined))
}

/**
 * Places one set after the other until one does not fit, and undoes it all when `then` is done.
 * @param then what was placed, and how many sets that is
 */
export function whilePlaced<T>(
  places: readonly SetPlaces[],
  isOpen: IsOpen,
  then: (placements: Placement[], sets: number) => T,
): T {
  const overlay = createOverlay()
  const placements: Placement[] = []
  try {
    for (const [at, place] of places.entries()) {
      const placed = placeSet(place, isOpen, placements.length)
      if (!placed) return then(placements, at)
      const ledgers = new Map(place.tiers.flat().map((ledger) => [ledger.nodeId, ledger]))
      for (const placement of placed) {
        const ledger = ledgers.get(placement.nodeId)
        if (ledger) overlay.take(ledger, place.set.size, placement.gpuIndexes)
        placements.push(placement)
      }
    }
    return then(placements, places.length)
  } finally {
    overlay.undoTo(0)
  }
}

/** @param firstPod the index of the set's first pod in its claim */
function placeSet({ tiers, set }: SetPlaces, isOpen: IsOpen, firstPod: number): Placement[] | undefined {
  const shares = shareOut(tiers, set, isOpen)
  return shares && toPlacements(shares, set, firstPod)
}

function shareOut(tiers: SetPlaces["tiers"], set: PodSet, isOpen: IsOpen): Share[] | undefined {
  const open = tiers.map((tier) => tier.filter(isOpen))
  const named = set.constraints.nodeNames.length
  const evenly = named > 1 ? Math.ceil(set.pods / named) : set.pods
  const isAnyUsedOutside =
    set.size.gpus > 0 && open.some((tier) => tier.some((ledger) => ledger.openCleanGpus < ledger.openGpus))
  return (
    (isAnyUsedOutside ? tryShare(open, set, evenly, true) : undefined) ??
    tryShare(open, set, evenly, false) ??
    (evenly < set.pods ? tryShare(open, set, set.pods, false) : undefined)
  )
}

function tryShare(
  tiers: readonly NodeLedger[][],
  set: PodSet,
  mostPerNode: number,
  isCleanOnly: boolean,
): Share[] | undefined {
  let left = set.pods
  const shares: Share[] = []
  for (const tier of tiers) {
    const slots: Slot[] = []
    for (const ledger of tier) {
      const count = slotsOf(ledger, set.size, mostPerNode, isCleanOnly)
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

function toPlacements(shares: readonly Share[], set: PodSet, firstPod: number): Placement[] {
  const placements: Placement[] = []
  for (const share of shares.toSorted((a, b) => compareText(nameOf(a), nameOf(b)))) {
    const { node } = share.ledger
    if (!node) continue
    const indexes = set.size.gpus > 0 ? openGpuIndexes(share.ledger) : []
    for (let pod = 0; pod < share.pods; pod++) {
      const gpuIndexes = indexes.splice(0, set.size.gpus).toSorted((a, b) => a - b)
      placements.push({ pod: firstPod + placements.length, nodeId: node.id, gpuIndexes })
    }
  }
  return placements
}
