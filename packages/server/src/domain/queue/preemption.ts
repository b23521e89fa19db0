import type { NodeHold } from "../gpu-requests/index.ts"
import type { Candidates } from "./candidates.ts"
import { placesFor } from "./joining.ts"
import type { NodeLedger } from "./node-ledger.ts"
import { slotsOf } from "./node-ledger.ts"
import type { Entry } from "./order.ts"
import { compareText } from "./order.ts"
import type { Overlay } from "./overlay.ts"
import { isOpenTo, placeGang, placeWhere } from "./placement.ts"
import { podSetsOf, podsOf, sizeOfPod } from "./pod-sets.ts"
import type { Claim, ClaimId, Placement } from "./types.ts"
import type { WorkspaceQueue, World } from "./world.ts"

/** What lets a refused claim in: nodes to wait for and who has to leave them, or only a wait. */
export type Preempting =
  | {
      readonly kind: "nominate"
      readonly nominated: readonly Placement[]
      readonly victims: readonly ClaimId[]
      /** Claims that leave anyway and that it also waits for. */
      readonly leaving: readonly ClaimId[]
    }
  /** It fits beside another preemptor once that one is placed: nobody else has to go. */
  | { readonly kind: "wait"; readonly leaving: readonly ClaimId[] }

/** What is tried on what: changes that are undone, and the victims of this turn so far. */
interface Trial {
  readonly overlay: Overlay
  readonly chosen: ReadonlySet<ClaimId>
  readonly nowMs: number
}

/** What one attempt works on. */
interface Attempt {
  readonly world: World
  readonly overlay: Overlay
  readonly entry: Entry
  readonly candidates: Candidates
  /** Claims that leave: releasing ones and the victims chosen earlier in this turn. */
  readonly isLeaving: (claim: Claim) => boolean
  /** Usable nodes that are nominated to nobody else. */
  readonly open: ReadonlyMap<string, NodeLedger>
}

/**
 * Finds the victims for a claim that capacity refused: guests first (work of others without GPUs on nodes that its
 * workspace holds: `isGuest`), then, where the policy says so, bound, preemptible claims of its workspace with
 * strictly lower priority, by priority, then the bigger, then the newer. The shortest prefix with which
 * the whole gang can really be placed, from which those are taken out again, last chosen first, that the
 * rest does without: irreducible. Capacity that is already leaving counts first.
 * @returns undefined when no set of victims suffices
 */
export function planPreemption(
  world: World,
  queue: WorkspaceQueue,
  entry: Entry,
  { overlay, chosen, nowMs }: Trial,
): Preempting | undefined {
  const candidates = placesFor(world, queue, entry, nowMs)
  const open = candidates.usable.filter((ledger) => isOpenTo(ledger, entry.claim.id))
  const attempt: Attempt = {
    world,
    overlay,
    entry,
    candidates,
    isLeaving: (claim) => claim.state === "releasing" || chosen.has(claim.id),
    open: new Map(open.map((ledger) => [ledger.nodeId, ledger])),
  }
  if (!hasLowerClaims(attempt, queue)) return undefined
  const mark = overlay.mark()
  const leaving = freeLeaving(attempt)
  try {
    const placed = placeGang(candidates, entry.shape, entry.claim.id)
    if (placed) return { kind: "nominate", nominated: placed, victims: [], leaving }
    if (fitsBesideNominees(attempt)) return { kind: "wait", leaving }
    return chooseVictims(attempt, queue, leaving)
  } finally {
    overlay.undoTo(mark)
  }
}

/** Whether what a preemptor waits for is still coming: its nodes, less who stays, hold its pods. */
export function isNominationGood(
  world: World,
  queue: WorkspaceQueue,
  entry: Entry,
  { overlay, chosen, nowMs }: Trial,
): boolean {
  const { claim, shape } = entry
  const places = placesFor(world, queue, entry, nowMs)
  const usable = new Set(places.usable)
  const mark = overlay.mark()
  const pods = new Map<NodeLedger, number>()
  for (const { nodeId } of claim.nominated) {
    const ledger = world.ledgers.get(nodeId)
    if (!ledger || !usable.has(ledger) || !isOpenTo(ledger, claim.id)) return false
    pods.set(ledger, (pods.get(ledger) ?? 0) + 1)
  }
  const isLeaving = (holder: Claim) => holder.state === "releasing" || chosen.has(holder.id)
  for (const ledger of pods.keys()) freeHolders(world, overlay, ledger, isLeaving)
  const isGood =
    claim.nominated.length === podsOf(claim) &&
    (shape.sets.length === 0
      ? [...pods].every(([ledger, count]) => slotsOf(ledger, shape.size, count) >= count)
      : placeWhere(places, shape, (ledger) => pods.has(ledger)) !== undefined)
  overlay.undoTo(mark)
  return isGood
}

/** Who a nominated claim still waits for: everybody on its nodes who is on the way out. */
export function leavingFor(world: World, claim: Claim): ClaimId[] {
  const found = new Set<ClaimId>()
  for (const { nodeId } of claim.nominated)
    for (const id of world.ledgers.get(nodeId)?.holders ?? [])
      if (world.claims.get(id)?.state === "releasing") found.add(id)
  return [...found].toSorted(compareText)
}

/** Without any lower claim there is nothing to preempt, and nothing is kept for the claim either. */
function hasLowerClaims(attempt: Attempt, queue: WorkspaceQueue): boolean {
  const { priority } = attempt.entry.claim
  const mayEvictOwn = queue.workspace?.policy.enablePreempt === true
  const isLower = (claim: Claim | undefined) =>
    claim?.workspaceId === queue.id && claim.priority < priority && claim.preemptible
  if (guestsOf(attempt, queue).length > 0) return true
  if (!mayEvictOwn) return false
  for (const id of queue.bound) if (isLower(attempt.world.claims.get(id))) return true
  for (const ledger of attempt.open.values())
    for (const id of ledger.holders) if (isLower(attempt.world.claims.get(id))) return true
  return false
}

function freeLeaving(attempt: Attempt): ClaimId[] {
  const leaving = new Set<ClaimId>()
  for (const ledger of attempt.open.values())
    for (const id of freeHolders(attempt.world, attempt.overlay, ledger, attempt.isLeaving)) leaving.add(id)
  return [...leaving].toSorted(compareText)
}

/** Frees, on trial, what the claims that leave have on one node. */
function freeHolders(
  world: World,
  overlay: Overlay,
  ledger: NodeLedger,
  isLeaving: (claim: Claim) => boolean,
): ClaimId[] {
  const freed: ClaimId[] = []
  for (const id of ledger.holders) {
    const claim = world.claims.get(id)
    if (!claim || !isLeaving(claim)) continue
    freed.push(id)
    for (const placement of claim.placements)
      if (placement.nodeId === ledger.nodeId)
        overlay.give(ledger, sizeOfPod(claim, placement.pod), placement.gpuIndexes)
  }
  return freed
}

/** Whether, after every other preemptor has been placed, the rest of what is leaving suffices. */
function fitsBesideNominees(attempt: Attempt): boolean {
  const { world, overlay, entry, candidates } = attempt
  const mark = overlay.mark()
  let isAny = false
  for (const ledger of candidates.usable) {
    if (attempt.open.has(ledger.nodeId)) continue
    isAny = true
    freeHolders(world, overlay, ledger, attempt.isLeaving)
    for (const id of ledger.nominees) {
      const nominee = world.claims.get(id)
      const there = nominee?.nominated.filter(({ nodeId }) => nodeId === ledger.nodeId) ?? []
      for (const { pod, gpuIndexes } of there)
        if (nominee) overlay.take(ledger, sizeOfPod(nominee, pod), gpuIndexes)
    }
  }
  const fits = isAny && hasRoom(candidates, entry, () => true)
  overlay.undoTo(mark)
  return fits
}

function hasRoom(candidates: Candidates, entry: Entry, isIn: (ledger: NodeLedger) => boolean): boolean {
  const { size, pods, sets } = entry.shape
  if (sets.length > 0) return placeWhere(candidates, entry.shape, isIn) !== undefined
  return candidates.clusters.some((cluster) => {
    let slots = 0
    for (const tier of cluster.tiers)
      for (const ledger of tier) if (isIn(ledger)) slots += slotsOf(ledger, size, pods)
    return slots >= pods
  })
}

function chooseVictims(
  attempt: Attempt,
  queue: WorkspaceQueue,
  leaving: readonly ClaimId[],
): Preempting | undefined {
  const { overlay, entry, candidates } = attempt
  const isIn = (ledger: NodeLedger) => attempt.open.has(ledger.nodeId)
  const victims: Claim[] = []
  let fits = false
  for (const victim of orderVictims(attempt, queue)) {
    moveVictim(attempt, victim, overlay.give)
    victims.push(victim)
    fits = hasRoom(candidates, entry, isIn)
    if (fits) break
  }
  if (!fits) return undefined
  const kept = victims.filter(() => true)
  for (const victim of victims.toReversed().slice(1)) {
    moveVictim(attempt, victim, overlay.take)
    if (hasRoom(candidates, entry, isIn)) kept.splice(kept.indexOf(victim), 1)
    else moveVictim(attempt, victim, overlay.give)
  }
  const nominated = placeGang(candidates, entry.shape, entry.claim.id)
  return nominated && { kind: "nominate", nominated, victims: kept.map((victim) => victim.id), leaving }
}

/** Those that have something where it would help, in the order in which they have to go. */
function orderVictims(attempt: Attempt, queue: WorkspaceQueue): Claim[] {
  const { world, entry, open } = attempt
  const guests = guestsOf(attempt, queue)
  if (queue.workspace?.policy.enablePreempt !== true) return guests
  const scored: { readonly claim: Claim; readonly score: number }[] = []
  for (const id of queue.bound) {
    const claim = world.claims.get(id)
    if (!claim?.preemptible || claim.priority >= entry.claim.priority || attempt.isLeaving(claim)) continue
    if (claim.placements.some((placement) => open.has(placement.nodeId)))
      scored.push({ claim, score: scoreOf(world, claim) })
  }
  const own = scored
    .toSorted(
      (a, b) =>
        a.claim.priority - b.claim.priority ||
        b.score - a.score ||
        b.claim.queuedAtMs - a.claim.queuedAtMs ||
        compareText(a.claim.id, b.claim.id),
    )
    .map(({ claim }) => claim)
  return [...guests, ...own]
}

/** Guests on the nodes that would help, lowest priority first, then the newer. */
function guestsOf({ world, entry, open, isLeaving }: Attempt, queue: WorkspaceQueue): Claim[] {
  if (entry.shape.size.gpus === 0) return []
  const guests = new Map<ClaimId, Claim>()
  for (const ledger of open.values())
    for (const id of ledger.holders) {
      const claim = world.claims.get(id)
      if (claim && isGuest(claim, ledger.hold, queue.id) && !isLeaving(claim)) guests.set(id, claim)
    }
  return [...guests.values()].toSorted(
    (a, b) => a.priority - b.priority || b.queuedAtMs - a.queuedAtMs || compareText(a.id, b.id),
  )
}

/**
 * Whether a claim on a held node is somebody else's work without GPUs, that came while nobody had the node: it stays
 * when the node is lent, and gives way to the holder's work with GPUs (DESIGN 4, Nodes).
 */
export function isGuest(claim: Claim, hold: NodeHold | undefined, workspaceId: string): boolean {
  return claim.size.gpus === 0 && hold?.workspaceId === workspaceId && claim.workspaceId !== workspaceId
}

/** How big a claim is: ten for each GPU, and its parts of a node's CPU and memory. */
function scoreOf(world: World, claim: Claim): number {
  const capacity = world.ledgers.get(claim.placements[0]?.nodeId ?? "")?.node?.capacity
  const part = (amount: number, whole: number | undefined) => (whole ? amount / whole : 0)
  return podSetsOf(claim).reduce((sum, { pods, size: { gpus, cpuMilli, memoryBytes } }) => {
    const perPod = gpus * 10 + part(cpuMilli, capacity?.cpuMilli) + part(memoryBytes, capacity?.memoryBytes)
    return sum + perPod * pods
  }, 0)
}

function moveVictim(attempt: Attempt, victim: Claim, move: Overlay["give"]): void {
  for (const placement of victim.placements) {
    const ledger = attempt.open.get(placement.nodeId)
    if (ledger) move(ledger, sizeOfPod(victim, placement.pod), placement.gpuIndexes)
  }
}
