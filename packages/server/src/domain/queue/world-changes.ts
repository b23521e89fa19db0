import type { GpuRequest, NodeHold } from "../gpu-requests/index.ts"
import type { Node } from "../inventory/index.ts"
import type { Workspace } from "../workspaces/index.ts"
import type { NodeLedger } from "./node-ledger.ts"
import { createNodeLedger, give, setNode, take } from "./node-ledger.ts"
import type { Entry } from "./order.ts"
import { compareText, indexInOrder } from "./order.ts"
import { sizeOfPod } from "./pod-sets.ts"
import { shapeOf } from "./shape.ts"
import { holdsCapacity, isQueued, opensAtMs } from "./states.ts"
import type { Claim, ClaimId, QueueControl } from "./types.ts"
import type { WorkspaceQueue, World } from "./world.ts"
import { countEntry, isEligible, queueOf, tallyOf, touch, touchUsersOf } from "./world.ts"

/** Takes over a claim's row: O(log n) and a splice. Older rows than the known one are ignored. */
export function changeClaim(world: World, claim: Claim): void {
  const before = world.claims.get(claim.id)
  if (before && before.version > claim.version) return
  world.epoch++
  const queue = queueOf(world, claim.workspaceId)
  if (before && isQueued(before) && isQueued(claim) && isSameWish(before, claim)) {
    replaceEntry(world, queue, before, claim)
    return
  }
  if (before) takeOut(world, queue, before)
  if (claim.state !== "gone") putIn(world, queue, claim)
  noteClaim(world, queue, before, claim)
}

/** Takes over a node's row; a removed one is forgotten but for what still runs there. */
export function changeNode(world: World, node: Node): void {
  const ledger = ledgerOf(world, node.id)
  const before = ledger.node
  if (before && before.version > node.version) return
  world.epoch++
  if (node.removedAtMs === null) {
    setNode(ledger, node)
    if (!before) list(world, ledger, node)
  } else {
    setNode(ledger, undefined)
    unlist(world, ledger, node.clusterId)
    dropIfIdle(world, ledger)
  }
  if (before && isSameForPlanning(before, node)) return
  world.topology++
  touchUsersOf(world, before, ledger.hold)
  touchUsersOf(world, node, ledger.hold)
}

/** Takes over a node's hold, or its end (`free`). */
export function changeHold(world: World, hold: NodeHold, free: boolean): void {
  const ledger = ledgerOf(world, hold.nodeId)
  const before = ledger.hold
  if (before?.requestId === hold.requestId && before.version > hold.version) return
  if (free && before && before.requestId !== hold.requestId) return
  world.epoch++
  world.topology++
  ledger.hold = free ? undefined : hold
  touchUsersOf(world, ledger.node, before)
  touchUsersOf(world, ledger.node, ledger.hold)
  dropIfIdle(world, ledger)
}

/** What became of a GPU request: who waits for it, or may have another filed, is looked at again. */
export function changeRequest(world: World, request: GpuRequest): void {
  world.epoch++
  if (request.automatic && isTakenBack(request)) bar(world, request)
  const queue = world.workspaces.get(request.workspaceId)
  if (queue) touch(queue)
}

/** By somebody, not by its time or for want of work. */
function isTakenBack({ state, cause }: GpuRequest): boolean {
  return (
    (state === "early_released" && cause === "released") || (state === "cancelled" && cause === "cancelled")
  )
}

/** A user took the nodes back, or the wish for them: the work does not ask for them again at once (DESIGN 4). */
const refileAfterMs = 60_000
/** Far more owners than are released within a minute. */
const barredKept = 10_000

function bar(world: World, { automatic, endedAtMs, workspaceId }: GpuRequest): void {
  if (world.barred.size >= barredKept) world.barred.clear()
  const untilMs = (endedAtMs ?? 0) + refileAfterMs
  if (automatic) world.barred.set(automatic.ownerId, { untilMs, workspaceId })
}

/** Takes over a workspace's row, or its end. */
export function changeWorkspace(world: World, workspace: Workspace, gone: boolean): void {
  const queue = queueOf(world, workspace.id)
  if (!gone && queue.workspace && queue.workspace.version > workspace.version) return
  world.epoch++
  queue.workspace = gone ? undefined : workspace
  world.topology++
  touch(queue)
  dropIfUnused(world, queue)
}

/** Takes over the switch of all queues. */
export function changeControl(world: World, control: QueueControl): void {
  world.epoch++
  const isNews = world.control.paused !== control.paused
  world.control = control
  if (isNews) for (const queue of world.workspaces.values()) touch(queue)
}

/** Only what planning does not look at differs. */
function isSameWish(before: Claim, claim: Claim): boolean {
  return (
    before.priority === claim.priority &&
    before.pods === claim.pods &&
    before.rescheduled === claim.rescheduled &&
    before.queuedAtMs === claim.queuedAtMs &&
    before.preemptible === claim.preemptible &&
    before.runsForMs === claim.runsForMs &&
    before.owner.shownId === claim.owner.shownId &&
    isSameJson(before.size, claim.size) &&
    isSameJson(before.constraints, claim.constraints) &&
    isSameJson(before.beside, claim.beside) &&
    isSameJson(before.gates, claim.gates) &&
    isSameJson(before.nominated, claim.nominated)
  )
}

function isSameJson(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}

/** The row moved on (a reason was noted): the same place, the new version. */
function replaceEntry(world: World, queue: WorkspaceQueue, before: Claim, claim: Claim): void {
  world.claims.set(claim.id, claim)
  const at = indexInOrder(queue.order, before)
  const entry = queue.order[at]
  if (entry) queue.order[at] = { ...entry, claim }
}

function putIn(world: World, queue: WorkspaceQueue, claim: Claim): void {
  world.claims.set(claim.id, claim)
  own(world, claim)
  if (isQueued(claim)) enqueue(world, queue, claim)
  if (claim.state === "bound") queue.bound.add(claim.id)
  if (holdsCapacity(claim) || claim.nominated.length > 0) {
    world.takings++
    for (const waiting of world.waiting) touch(waiting)
  }
  if (holdsCapacity(claim))
    for (const placement of claim.placements) {
      const ledger = ledgerOf(world, placement.nodeId)
      take(ledger, sizeOfPod(claim, placement.pod), placement.gpuIndexes)
      ledger.holders.add(claim.id)
    }
  for (const { nodeId } of claim.nominated) ledgerOf(world, nodeId).nominees.add(claim.id)
}

function enqueue(world: World, queue: WorkspaceQueue, claim: Claim): void {
  const tally = tallyOf(queue, shapeOf(claim))
  const entry: Entry = { claim, shape: tally.shape, tally, opensAtMs: opensAtMs(claim) }
  queue.order.splice(indexInOrder(queue.order, claim), 0, entry)
  if (claim.nominated.length > 0) queue.nominated.add(claim.id)
  countEntry(world, queue, entry, 1)
}

function takeOut(world: World, queue: WorkspaceQueue, claim: Claim): void {
  world.claims.delete(claim.id)
  disown(world, claim)
  if (isQueued(claim)) {
    const [entry] = queue.order.splice(indexInOrder(queue.order, claim), 1)
    if (entry) countEntry(world, queue, entry, -1)
  }
  queue.nominated.delete(claim.id)
  queue.bound.delete(claim.id)
  const touched = new Set<NodeLedger>()
  if (holdsCapacity(claim))
    for (const placement of claim.placements) {
      const ledger = ledgerOf(world, placement.nodeId)
      give(ledger, sizeOfPod(claim, placement.pod), placement.gpuIndexes)
      ledger.holders.delete(claim.id)
      touched.add(ledger)
    }
  for (const { nodeId } of claim.nominated) {
    const ledger = ledgerOf(world, nodeId)
    ledger.nominees.delete(claim.id)
    touched.add(ledger)
  }
  for (const ledger of touched) dropIfIdle(world, ledger)
}

function own(world: World, { id, owner }: Claim): void {
  const owned = world.owned.get(owner.id) ?? new Set<ClaimId>()
  owned.add(id)
  world.owned.set(owner.id, owned)
}

function disown(world: World, { id, owner }: Claim): void {
  const owned = world.owned.get(owner.id)
  owned?.delete(id)
  if (owned?.size === 0) world.owned.delete(owner.id)
}

/** Says who has to be looked at again. */
function noteClaim(world: World, queue: WorkspaceQueue, before: Claim | undefined, claim: Claim): void {
  // Being placed takes nothing that the plan did not know of; everything else may change the order.
  if (claim.state === "wanted" || (before?.state === "wanted" && claim.state === "gone")) touch(queue)
  if (before) noteLeft(world, before, claim)
  // What leaves, and what can be made to leave, counts for preemptors.
  if (claim.state === "bound" && queue.workspace?.policy.enablePreempt) touch(queue)
  if (claim.state === "releasing") touchPreemptors(world, claim)
  dropIfUnused(world, queue)
}

function noteLeft(world: World, before: Claim, claim: Claim): void {
  for (const nodeId of leftNodes(before, claim)) {
    const ledger = world.ledgers.get(nodeId)
    touchUsersOf(world, ledger?.node, ledger?.hold)
  }
}

/** The nodes on which something has become free, or is not kept for the claim any more. */
function leftNodes(before: Claim, claim: Claim): Set<string> {
  const kept = new Set<string>(claim.state === "wanted" ? claim.nominated.map(({ nodeId }) => nodeId) : [])
  const left = before.nominated.map(({ nodeId }) => nodeId).filter((nodeId) => !kept.has(nodeId))
  const freed = holdsCapacity(before) && !holdsCapacity(claim) ? before.placements : []
  return new Set<string>([...left, ...freed.map(({ nodeId }) => nodeId)])
}

function touchPreemptors(world: World, claim: Claim): void {
  for (const queue of world.workspaces.values()) {
    const { workspace } = queue
    if (!workspace?.policy.enablePreempt || queue.order.length === 0) continue
    const isNear = claim.placements.some((placement) => {
      const ledger = world.ledgers.get(placement.nodeId)
      return ledger?.node !== undefined && isEligible(ledger.node, ledger.hold, workspace, false)
    })
    if (isNear) touch(queue)
  }
}

function ledgerOf(world: World, nodeId: string): NodeLedger {
  const known = world.ledgers.get(nodeId)
  if (known) return known
  const made = createNodeLedger(nodeId)
  world.ledgers.set(nodeId, made)
  return made
}

function list(world: World, ledger: NodeLedger, node: Node): void {
  const ledgers = world.clusters.get(node.clusterId) ?? []
  world.clusters.set(node.clusterId, ledgers)
  ledgers.push(ledger)
  ledgers.sort(
    (a, b) => compareText(a.node?.name ?? "", b.node?.name ?? "") || compareText(a.nodeId, b.nodeId),
  )
}

function unlist(world: World, ledger: NodeLedger, clusterId: string): void {
  const left = (world.clusters.get(clusterId) ?? []).filter((other) => other !== ledger)
  if (left.length > 0) world.clusters.set(clusterId, left)
  else world.clusters.delete(clusterId)
}

/** A node that is neither in the inventory nor held by anybody is forgotten. */
function dropIfIdle(world: World, ledger: NodeLedger): void {
  if (!ledger.node && !ledger.hold && ledger.holders.size === 0 && ledger.nominees.size === 0)
    world.ledgers.delete(ledger.nodeId)
}

function dropIfUnused(world: World, queue: WorkspaceQueue): void {
  if (queue.workspace || queue.order.length > 0 || queue.bound.size > 0) return
  world.workspaces.delete(queue.id)
  world.waiting.delete(queue)
}

function isSameForPlanning(a: Node, b: Node): boolean {
  return (
    a.removedAtMs === b.removedAtMs &&
    a.name === b.name &&
    a.workspaceId === b.workspaceId &&
    a.healthy === b.healthy &&
    a.stuck === b.stuck &&
    a.cordoned === b.cordoned &&
    a.draining === b.draining &&
    a.gpuModel === b.gpuModel &&
    isSameJson(a.capacity, b.capacity) &&
    isSameJson(a.labels, b.labels) &&
    isSameJson(a.taints, b.taints) &&
    isSameJson(gpuFacts(a), gpuFacts(b))
  )
}

function gpuFacts(node: Node): readonly (number | boolean)[] {
  return node.gpus.flatMap((gpu) => [gpu.index, gpu.usedOutside])
}
