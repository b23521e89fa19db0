import type { Amounts, ResourceName } from "../inventory/index.ts"
import { amountOf, resourceNames, unconstrained } from "../inventory/index.ts"
import type { Candidates } from "./candidates.ts"
import { candidatesFor } from "./candidates.ts"
import type { NodeLedger } from "./node-ledger.ts"
import { freeOf, slotsOf } from "./node-ledger.ts"
import { compareText } from "./order.ts"
import { isOpenTo, placesIn, whilePlaced } from "./placement.ts"
import { sizeOfPod } from "./pod-sets.ts"
import type { Shape } from "./shape.ts"
import { maskOf, totalOf } from "./shape.ts"
import { isGateShut } from "./states.ts"
import type { Claim, ClaimId, Gate, Reason } from "./types.ts"
import type { WorkspaceQueue, World } from "./world.ts"

/** Why a shape was refused, and which resources it is short of: 0 when capacity is not what it lacks. */
export interface Refused {
  readonly reason: Reason
  readonly shortOf: number
}

interface Asked {
  readonly shape: Shape
  readonly id: ClaimId
}

/** Claims named in a reason; more would tell nobody anything. */
const namedHolders = 20

/** The gates that are shut, as reasons: time, then dependency, then back-off. */
export function gateReasons(claim: Pick<Claim, "gates">, nowMs: number): Reason[] {
  const order = { time: 0, dependency: 1, backoff: 2 } satisfies Record<Gate["kind"], number>
  return claim.gates
    .filter((gate) => isGateShut(gate, nowMs))
    .toSorted((a, b) => order[a.kind] - order[b.kind])
    .map(gateReason)
}

function gateReason(gate: Gate): Reason {
  switch (gate.kind) {
    case "time":
      return { code: "waiting_for_time", untilMs: gate.untilMs }
    case "dependency":
      return { code: "dependency", on: gate.on }
    case "backoff":
      return { code: "backoff", untilMs: gate.untilMs }
  }
}

/**
 * Why the shape cannot be placed now; called when it could not.
 * @param isDetailed also who holds what it is short of (costs a pass over the holders)
 */
export function refuse(world: World, queue: WorkspaceQueue, asked: Asked, isDetailed: boolean): Refused {
  const { shape } = asked
  const candidates = candidatesFor(world, queue, shape)
  const structural =
    reasonOfSets(world, queue, shape, candidates) ?? structuralReason(world, queue, shape, candidates)
  if (structural) {
    const constrained = shape.isConstrained ? { constrained: true } : {}
    return { reason: { ...structural, ...constrained }, shortOf: 0 }
  }
  const found = shape.sets.length === 0 ? { candidates, asked } : nearestMiss(candidates, asked)
  const short = found.short ?? findShortage(candidates, asked)
  return {
    reason: capacityReason(world, found.candidates, found.asked, short, isDetailed),
    shortOf: short.mask,
  }
}

/** What no amount of waiting cures for one of the sets of a gang, whatever the others take. */
function reasonOfSets(
  world: World,
  queue: WorkspaceQueue,
  shape: Shape,
  candidates: Candidates,
): Reason | undefined {
  for (const [at, set] of shape.sets.entries()) {
    const own = candidates.sets[at]
    const reason = own && structuralReason(world, queue, set, own)
    // GPUs are lent for the whole gang
    if (reason?.code === "no_reservation") return { ...reason, needed: totalOf(shape, "gpu") }
    if (reason) return reason
  }
  return undefined
}

interface Miss {
  readonly candidates: Candidates
  readonly asked: Asked
  readonly short?: Shortage
}

/** Of a gang: the first set that does not fit, and its shortage, in the cluster where most sets do. */
function nearestMiss(candidates: Candidates, asked: Asked): Miss {
  const { shape, id } = asked
  const isOpen = (ledger: NodeLedger) => isOpenTo(ledger, id)
  const fitting = candidates.clusters.map((_, at) =>
    whilePlaced(placesIn(candidates, shape, at), isOpen, (_placements, sets) => sets),
  )
  const nearest = Math.max(0, fitting.indexOf(Math.max(0, ...fitting)))
  return whilePlaced(placesIn(candidates, shape, nearest), isOpen, (_placements, sets) => {
    const at = Math.min(sets, shape.sets.length - 1)
    const [set, places] = [shape.sets[at], candidates.sets[at]]
    if (!set || !places) return { candidates, asked }
    const missing = { shape: set, id }
    const there = places.clusters.filter((_, cluster) => cluster === nearest)
    return {
      candidates: places,
      asked: missing,
      short: findShortage({ ...places, clusters: there }, missing),
    }
  })
}

/** What no amount of waiting for others cures; undefined when waiting does. */
function structuralReason(
  world: World,
  queue: WorkspaceQueue,
  shape: Shape,
  candidates: Candidates,
): Reason | undefined {
  if (!candidates.hasEligible) return noNodeReason(world, queue, shape)
  if (!candidates.holds.matching)
    return candidates.holds.eligible ? { code: "no_node_matches" } : cannotBeMet(world, queue, shape)
  if (candidates.holds.usable) return undefined
  const nodes = candidates.unusable.map((node) => node.name)
  if (candidates.unusable.some((node) => !node.healthy || node.stuck))
    return { code: "nodes_unhealthy", nodes }
  return { code: candidates.unusable.some((node) => node.draining) ? "draining" : "cordoned", nodes }
}

/** The workspace has no node for it; for GPUs `reservation-reasons.ts` says what that waits for. */
function noNodeReason(world: World, queue: WorkspaceQueue, shape: Shape): Reason {
  const needed = shape.size.gpus * shape.pods
  if (needed > 0) return { code: "no_reservation", resource: "gpu", needed, free: 0 }
  const clusters = queue.workspace?.clusters ?? []
  const lent = clusters
    .flatMap((id) => world.clusters.get(id) ?? [])
    .flatMap(({ node, hold }) => (node && hold ? [{ node, hold }] : []))
  if (lent.length === 0) return { code: "nodes_unhealthy", nodes: [] }
  const cpuNeeded = shape.size.cpuMilli * shape.pods
  return {
    code: "quota_short",
    resource: "cpu",
    needed: cpuNeeded,
    free: 0,
    nodes: lent.map(({ node }) => node.name),
    requestIds: [...new Set(lent.map(({ hold }) => hold.requestId))],
    untilMs: Math.min(...lent.map(({ hold }) => hold.untilMs)),
  }
}

/** Even with nothing else running: which resource, against all that the workspace's nodes have. */
function cannotBeMet(world: World, queue: WorkspaceQueue, shape: Shape): Reason {
  const anywhere = { ...shape, constraints: { ...unconstrained, tolerateAll: true } }
  const asked = { ...anywhere, placeKey: `${shape.placeKey}*`, constraintsKey: "*", sets: [] }
  const nodes = candidatesFor(world, queue, asked).usable.map((ledger) => ledger.node)
  const sizes = nodes.flatMap((node) => (node ? [node.capacity] : []))
  for (const resource of resourceNames) {
    const largest = Math.max(0, ...sizes.map((size) => amountOf(size, resource)))
    const needed = amountOf(shape.size, resource)
    if (needed > largest) return { code: "cannot_be_met", resource, needed, free: largest }
  }
  // the pods without GPUs of a gang also have nodes that the others have not
  const counted = shape.sets.length > 0 && shape.size.gpus > 0 ? (["gpu"] as const) : resourceNames
  for (const resource of counted) {
    const free = sizes.reduce((sum, size) => sum + amountOf(size, resource), 0)
    const needed = totalOf(shape, resource)
    if (needed > free) return { code: "cannot_be_met", resource, needed, free }
  }
  return { code: "cannot_be_met" }
}

interface Shortage {
  readonly mask: number
  /** In all of the cluster; the first resource whose total is short. */
  readonly total:
    | { readonly resource: ResourceName; readonly needed: number; readonly free: number }
    | undefined
  /** Per node; the first resource that is short on nodes although the total is not. */
  readonly perNode: { readonly resource: ResourceName; readonly needed: number; readonly free: number }
}

/** What is missing in the cluster that comes nearest. */
function findShortage(candidates: Candidates, asked: Asked): Shortage {
  const { size, pods } = asked.shape
  let nearest: { readonly free: Amounts[]; readonly slots: number } | undefined
  for (const cluster of candidates.clusters) {
    const ledgers = cluster.tiers.flat().filter((ledger) => isOpenTo(ledger, asked.id))
    const slots = ledgers.reduce((sum, ledger) => sum + slotsOf(ledger, size, pods), 0)
    if (!nearest || slots > nearest.slots) nearest = { slots, free: ledgers.map((ledger) => freeOf(ledger)) }
  }
  return measureShortage(nearest?.free ?? [], asked.shape)
}

function measureShortage(free: readonly Amounts[], shape: Shape): Shortage {
  const wanted = resourceNames.filter((resource) => amountOf(shape.size, resource) > 0)
  const figures = wanted.map((resource) => {
    const needed = amountOf(shape.size, resource)
    const left = free.map((amounts) => Math.max(0, amountOf(amounts, resource)))
    return {
      resource,
      needed,
      total: left.reduce((sum, amount) => sum + amount, 0),
      largest: Math.max(0, ...left),
      pods: left.reduce((sum, amount) => sum + Math.floor(amount / needed), 0),
      isShortSomewhere: left.some((amount) => amount < needed),
    }
  })
  const scarce = figures.filter((figure) => figure.pods < shape.pods)
  // No single resource is short everywhere: one node lacks this, another that.
  const mixed = scarce.length > 0 ? scarce : figures.filter((figure) => figure.isShortSomewhere)
  const blamed = mixed.length > 0 ? mixed : figures
  const short = figures.find((figure) => figure.total < figure.needed * shape.pods)
  const first = blamed[0] ?? { resource: "cpu" as const, needed: 0, largest: 0 }
  return {
    mask: maskOf(blamed.map((figure) => figure.resource)),
    total: short && { resource: short.resource, needed: short.needed * shape.pods, free: short.total },
    perNode: { resource: first.resource, needed: first.needed, free: first.largest },
  }
}

function capacityReason(
  world: World,
  candidates: Candidates,
  asked: Asked,
  short: Shortage,
  isDetailed: boolean,
): Reason {
  const facts = short.total ?? short.perNode
  const holders = isDetailed ? holdersOf(world, candidates, facts.resource, asked.id) : []
  return {
    code: short.total ? "quota_short" : "no_node_fits",
    ...facts,
    ...(holders.length > 0 ? { claimIds: holders } : {}),
    ...(asked.shape.isConstrained ? { constrained: true } : {}),
  }
}

/** Who has the resource on the nodes in question, or has them reserved: most of it first. */
function holdersOf(world: World, candidates: Candidates, resource: ResourceName, id: ClaimId): ClaimId[] {
  const amounts = new Map<ClaimId, number>()
  const add = (holder: ClaimId, ledger: NodeLedger, isNominee: boolean) => {
    const claim = world.claims.get(holder)
    if (!claim || holder === id) return
    const placements = isNominee ? claim.nominated : claim.placements
    const amount = placements
      .filter((placement) => placement.nodeId === ledger.nodeId)
      .reduce((sum, placement) => sum + amountOf(sizeOfPod(claim, placement.pod), resource), 0)
    if (amount > 0) amounts.set(holder, (amounts.get(holder) ?? 0) + amount)
  }
  for (const ledger of candidates.usable) {
    for (const holder of ledger.holders) add(holder, ledger, false)
    for (const nominee of ledger.nominees) add(nominee, ledger, true)
  }
  return [...amounts]
    .toSorted((a, b) => b[1] - a[1] || compareText(a[0], b[0]))
    .slice(0, namedHolders)
    .map(([holder]) => holder)
}
