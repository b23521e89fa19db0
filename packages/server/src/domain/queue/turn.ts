import { filingFor } from "./filings.ts"
import { placesFor } from "./joining.ts"
import type { Entry } from "./order.ts"
import { compareClaims, compareText } from "./order.ts"
import type { Overlay } from "./overlay.ts"
import { createOverlay } from "./overlay.ts"
import { placeGang } from "./placement.ts"
import { sizeOfPod } from "./pod-sets.ts"
import { isNominationGood, leavingFor, planPreemption } from "./preemption.ts"
import type { Refused } from "./refusal.ts"
import { gateReasons, refuse } from "./refusal.ts"
import { mayPreemptFor, refuseOne } from "./reservation-reasons.ts"
import type {
  Admission,
  Claim,
  ClaimId,
  Filing,
  Placement,
  Plan,
  Preemption,
  Reason,
  Refusal,
} from "./types.ts"
import type { WorkspaceQueue, World } from "./world.ts"
import { isHalted } from "./world.ts"

/** An entry that waits for capacity and holds back others that ask for what it is short of. */
export interface Blocker {
  readonly entry: Entry
  readonly shortOf: number
  readonly reason: Reason
}

/** What one look at a queue found; enough to tell of any entry why it waits. */
export interface Look {
  readonly blockers: readonly Blocker[]
  /** An entry evicts nobody because it fits beside another preemptor: so long as nobody else takes that room. */
  readonly isWaiting: boolean
}

export interface Turn {
  readonly plan: Plan
  /** What was found in each queue, and whether the turn came to its end. */
  readonly looks: ReadonlyMap<WorkspaceQueue, { readonly look: Look; readonly isOver: boolean }>
}

interface Walker {
  readonly queue: WorkspaceQueue
  readonly isFifo: boolean
  readonly blockers: Blocker[]
  /** Which look this is: marks the shapes that were refused or are held back. */
  readonly look: number
  /** How many of them have entries without gates; when all have been, the look is over. */
  closedReady: number
  timedLeft: number
  isWaiting: boolean
  at: number
  /** The entry that has to be tried next. */
  next: Entry | undefined
}

interface Round {
  readonly world: World
  readonly nowMs: number
  readonly overlay: Overlay
  readonly admissions: Admission[]
  readonly preemptions: Preemption[]
  readonly refusals: Refusal[]
  readonly victims: Set<ClaimId>
}

/**
 * One turn over the given queues: entries are tried in the order of their queue, queues against each
 * other by who has waited longest. Leaves the world as it was.
 */
export function runTurn(world: World, queues: readonly WorkspaceQueue[], nowMs: number, limit: number): Turn {
  const round: Round = {
    world,
    nowMs,
    overlay: createOverlay(),
    admissions: [],
    preemptions: [],
    refusals: [],
    victims: new Set(),
  }
  const walkers = queues.map((queue) => startWalker(round, queue))
  try {
    for (let walker = longestWaiting(walkers); walker; walker = longestWaiting(walkers)) {
      if (round.admissions.length >= limit) break
      tryNext(round, walker)
      advance(round, walker)
    }
  } finally {
    round.overlay.undoTo(0)
  }
  const { admissions, preemptions, refusals } = round
  const filings = walkers.flatMap((walker) => (walker.next ? [] : (fileFor(round, walker.queue) ?? [])))
  const more = walkers.some((walker) => walker.next !== undefined)
  const looks = new Map(
    walkers.map((walker) => [
      walker.queue,
      { look: { blockers: walker.blockers, isWaiting: walker.isWaiting }, isOver: walker.next === undefined },
    ]),
  )
  return { plan: { admissions, preemptions, filings, refusals, more }, looks }
}

function fileFor(round: Round, queue: WorkspaceQueue): Filing | undefined {
  if (isHalted(round.world, queue)) return undefined
  const placed = new Set(round.admissions.map(({ claimId }) => claimId))
  return filingFor(round.world, queue, round.nowMs, (id) => placed.has(id))
}

/** Who of the blockers, ahead of the entry, holds it back. */
export function blockerOf(blockers: readonly Blocker[], entry: Entry, isFifo: boolean): Blocker | undefined {
  // What was kept for a preemptor is its own: waiting behind others for it would help nobody.
  if (entry.shape.nominee !== null) return undefined
  return blockers.find(
    (blocker) =>
      (blocker.shortOf & entry.shape.asks) !== 0 &&
      (isFifo || blocker.entry.claim.priority > entry.claim.priority) &&
      compareClaims(blocker.entry.claim, entry.claim) < 0,
  )
}

function startWalker(round: Round, queue: WorkspaceQueue): Walker {
  const walker: Walker = {
    queue,
    isFifo: queue.workspace?.policy.queuePolicy !== "balance",
    blockers: [],
    look: ++round.world.looks,
    closedReady: 0,
    timedLeft: queue.timed,
    isWaiting: false,
    at: 0,
    next: undefined,
  }
  if (isHalted(round.world, queue)) passHalted(round, queue)
  else advance(round, walker)
  return walker
}

/**
 * Nothing of a halted queue is placed, and nothing stays kept for it. Why they wait is the queue's state and an
 * event of its own: writing it on each of thousands of rows would halve the rate of submits to a paused queue.
 */
function passHalted(round: Round, queue: WorkspaceQueue): void {
  const kept = [...queue.nominated].flatMap((id) => round.world.claims.get(id) ?? [])
  for (const claim of kept.toSorted(compareClaims)) withdraw(round, claim)
}

/** Moves on to the next entry that has to be tried, noting why those on the way are not. */
function advance(round: Round, walker: Walker): void {
  const { order } = walker.queue
  walker.next = undefined
  for (; walker.at < order.length; pass(walker)) {
    if (walker.closedReady === walker.queue.readyShapes && walker.timedLeft === 0) return
    const entry = order[walker.at]
    if (!entry || isSkipped(round, walker, entry)) continue
    walker.next = entry
    return
  }
}

function pass(walker: Walker): void {
  if (Number.isFinite(walker.queue.order[walker.at]?.opensAtMs)) walker.timedLeft--
  walker.at++
}

/** Whether an entry need not be tried: a gate is shut, its shape was refused before, or somebody holds it back. */
function isSkipped(round: Round, walker: Walker, entry: Entry): boolean {
  const { claim } = entry
  if (entry.opensAtMs > round.nowMs) {
    if (entry.shape.nominee !== null) withdraw(round, claim)
    const [reason] = gateReasons(claim, round.nowMs)
    if (reason && reason.code !== claim.reason) round.refusals.push({ claimId: claim.id, reason })
    return true
  }
  if (entry.tally.closedIn === walker.look) return true
  const blocker = blockerOf(walker.blockers, entry, walker.isFifo)
  if (!blocker) return false
  round.refusals.push({ claimId: claim.id, reason: blocker.reason })
  closeShape(walker, entry)
  return true
}

/** No other entry of the shape is tried in this look: less is free than there was for this one. */
function closeShape(walker: Walker, { tally }: Entry): void {
  tally.closedIn = walker.look
  if (tally.ready > 0) walker.closedReady++
}

/** Ties are broken by the queue's id, so that the same world gives the same plan. */
function longestWaiting(walkers: readonly Walker[]): Walker | undefined {
  let first: Walker | undefined
  for (const walker of walkers) {
    if (!walker.next) continue
    if (!first?.next || isLonger(walker, walker.next, first, first.next)) first = walker
  }
  return first
}

function isLonger(a: Walker, next: Entry, b: Walker, other: Entry): boolean {
  const byTime = next.claim.queuedAtMs - other.claim.queuedAtMs
  return (byTime || compareText(a.queue.id, b.queue.id)) < 0
}

function tryNext(round: Round, walker: Walker): void {
  const entry = walker.next
  if (!entry) return
  const { claim, shape } = entry
  const candidates = placesFor(round.world, walker.queue, entry, round.nowMs)
  const placements = candidates.holds.usable ? placeGang(candidates, shape, claim.id) : undefined
  if (placements) admit(round, entry, placements)
  else refuseEntry(round, walker, entry)
  pass(walker)
}

function admit(round: Round, entry: Entry, placements: readonly Placement[]): void {
  const { claim } = entry
  dropNomination(round, claim)
  for (const placement of placements) {
    const ledger = round.world.ledgers.get(placement.nodeId)
    if (ledger) round.overlay.take(ledger, sizeOfPod(claim, placement.pod), placement.gpuIndexes)
  }
  round.admissions.push({ claimId: claim.id, version: claim.version, placements })
}

function refuseEntry(round: Round, walker: Walker, entry: Entry): void {
  const { claim } = entry
  const { world, nowMs } = round
  const base = refuse(world, walker.queue, { shape: entry.shape, id: claim.id }, false)
  const refused = refuseOne(world, walker.queue, entry, base, nowMs)
  const reason = preempt(round, walker, entry, refused)
  round.refusals.push({ claimId: claim.id, reason })
  closeShape(walker, entry)
  if (refused.shortOf !== 0) addBlocker(walker, entry, refused.shortOf)
}

/** Kept only when it holds back somebody whom no earlier one does: at most one for each resource and priority. */
function addBlocker(walker: Walker, entry: Entry, shortOf: number): void {
  const covered = walker.blockers
    .filter((blocker) => walker.isFifo || blocker.entry.claim.priority >= entry.claim.priority)
    .reduce((mask, blocker) => mask | blocker.shortOf, 0)
  if ((shortOf & ~covered) === 0) return
  const reason: Reason = { code: "blocked_by", claimIds: [entry.claim.id] }
  walker.blockers.push({ entry, shortOf, reason })
}

/** The reason of an entry that was refused, after trying to make room for it where the policy says so. */
function preempt(round: Round, walker: Walker, entry: Entry, refused: Refused): Reason {
  const { world, overlay, victims } = round
  const { queue } = walker
  const { claim } = entry
  const { code } = refused.reason
  const isForCapacity = code === "quota_short" || code === "no_node_fits"
  const isNominee = entry.shape.nominee !== null
  if (
    isForCapacity &&
    isNominee &&
    isNominationGood(world, queue, entry, { overlay, chosen: victims, nowMs: round.nowMs })
  )
    return waitingFor(round, leavingFor(world, claim), claim.nominated)
  const found = mayPreemptFor(world, queue, entry, refused, round.nowMs)
    ? planPreemption(world, queue, entry, { overlay, chosen: victims, nowMs: round.nowMs })
    : undefined
  if (found?.kind === "nominate") {
    nominate(round, entry, found.nominated, found.victims)
    return waitingFor(round, [...found.victims, ...found.leaving], found.nominated)
  }
  if (isNominee) withdraw(round, claim)
  if (!found) return refused.reason
  walker.isWaiting = true
  return waitingFor(round, found.leaving, [])
}

function nominate(
  round: Round,
  entry: Entry,
  nominated: readonly Placement[],
  victims: readonly ClaimId[],
): void {
  const { claim } = entry
  dropNomination(round, claim)
  for (const { nodeId } of nominated) {
    const ledger = round.world.ledgers.get(nodeId)
    if (ledger) round.overlay.nominate(ledger, claim.id)
  }
  for (const victim of victims) round.victims.add(victim)
  round.preemptions.push({ claimId: claim.id, version: claim.version, nominated, victims })
}

/** Gives up what was kept for a preemptor: it cannot come true any more. */
function withdraw(round: Round, claim: Claim): void {
  dropNomination(round, claim)
  round.preemptions.push({ claimId: claim.id, version: claim.version, nominated: [], victims: [] })
}

function dropNomination(round: Round, claim: Claim): void {
  for (const { nodeId } of claim.nominated) {
    const ledger = round.world.ledgers.get(nodeId)
    if (ledger) round.overlay.denominate(ledger, claim.id)
  }
}

function waitingFor(round: Round, leaving: readonly ClaimId[], nominated: readonly Placement[]): Reason {
  const names = new Set<string>()
  for (const { nodeId } of nominated) {
    const name = round.world.ledgers.get(nodeId)?.node?.name
    if (name !== undefined) names.add(name)
  }
  return {
    code: "waiting_for_victims",
    ...(leaving.length > 0 ? { claimIds: leaving } : {}),
    ...(names.size > 0 ? { nodes: [...names] } : {}),
  }
}
