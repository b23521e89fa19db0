import type { NodeHold } from "../gpu-requests/index.ts"
import type { Node } from "../inventory/index.ts"
import { noAmounts } from "../inventory/index.ts"
import type { Workspace } from "../workspaces/index.ts"
import type { Capacity } from "./commands.ts"
import { couldHold, couldHoldAll } from "./could-hold.ts"
import { fingerprintOf } from "./fingerprint.ts"
import type { NodeLedger } from "./node-ledger.ts"
import { freeOf } from "./node-ledger.ts"
import { compareText, indexInOrder } from "./order.ts"
import { reasonsOf } from "./reasons.ts"
import type { Look, Turn } from "./turn.ts"
import { runTurn } from "./turn.ts"
import type { Claim, ClaimId, Plan, QueueControl, Reservations } from "./types.ts"
import type { WorkspaceQueue, World } from "./world.ts"
import { createWorld, gateIndex, touch } from "./world.ts"
import {
  changeClaim,
  changeControl,
  changeHold,
  changeNode,
  changeRequest,
  changeWorkspace,
} from "./world-changes.ts"

/** Admissions in one turn when nothing else is said: the bound on how long a turn may take. */
export const admissionsPerTurn = 256

/** What a plan was made on, to settle it by. */
interface Made {
  readonly nowMs: number
  readonly takings: number
  readonly turn: Turn
  /** How many changes each queue had seen. */
  readonly changes: ReadonlyMap<WorkspaceQueue, number>
}

/** An empty capacity; feed it in any order. See `Capacity`. */
export function createCapacity(reservations?: Reservations): Capacity {
  const world = createWorld(reservations)
  const made = new WeakMap<Plan, Made>()
  return {
    reservations: world.reservations,
    claimChanged: (claim) => changeClaim(world, claim),
    nodeChanged: (node) => changeNode(world, node),
    workspaceChanged: (workspace, gone) => changeWorkspace(world, workspace, gone),
    controlChanged: (control) => changeControl(world, control),
    holdChanged: (hold, free) => changeHold(world, hold, free),
    requestChanged: (request) => changeRequest(world, request),
    plan(nowMs, limit = admissionsPerTurn) {
      const queues = dueQueues(world, nowMs)
      const changes = new Map(queues.map((queue) => [queue, queue.changes]))
      const turn = runTurn(world, queues, nowMs, limit)
      made.set(turn.plan, { nowMs, takings: world.takings, turn, changes })
      return turn.plan
    },
    settled(plan) {
      const known = made.get(plan)
      if (known) settle(world, plan, known)
      made.delete(plan)
    },
    markDirty(workspaceId) {
      const queue = world.workspaces.get(workspaceId)
      if (queue) touch(queue)
    },
    markAllDirty() {
      for (const queue of world.workspaces.values()) touch(queue)
    },
    isDirty: (nowMs) => dueQueues(world, nowMs).length > 0,
    nextGateMs(nowMs) {
      rewind(world, nowMs)
      const gateMs = world.gates[gateIndex(world, nowMs + 1, "")]?.atMs ?? Infinity
      const first = [...world.barred.values()].reduce(
        (least, { untilMs }) => Math.min(least, untilMs),
        gateMs,
      )
      return first === Infinity ? null : first
    },
    ...views(world),
  }
}

/** A capacity fed with everything that the store has: what an incrementally kept one must equal. */
export function rebuild(
  claims: readonly Claim[],
  nodes: readonly Node[],
  workspaces: readonly Workspace[],
  control: QueueControl,
  holds: readonly NodeHold[] = [],
): Capacity {
  const capacity = createCapacity()
  capacity.controlChanged(control)
  for (const hold of holds) capacity.holdChanged(hold, false)
  for (const workspace of workspaces) capacity.workspaceChanged(workspace, false)
  for (const node of nodes) capacity.nodeChanged(node)
  for (const claim of claims) capacity.claimChanged(claim)
  return capacity
}

type Views = Pick<
  Capacity,
  | "position"
  | "queue"
  | "queueLength"
  | "queuedWorkspaces"
  | "claim"
  | "claimsOf"
  | "hold"
  | "node"
  | "nodeById"
  | "nodes"
  | "holders"
  | "free"
  | "reasons"
  | "couldHold"
  | "couldHoldAll"
  | "control"
  | "fingerprint"
>

function views(world: World): Views {
  return {
    position: (id) => positionOf(world, id),
    queue: (workspaceId, from, to) =>
      (world.workspaces.get(workspaceId)?.order.slice(from, to) ?? []).map((entry) => entry.claim),
    queueLength: (workspaceId) => world.workspaces.get(workspaceId)?.order.length ?? 0,
    queuedWorkspaces: () =>
      [...world.workspaces.values()].flatMap((queue) => (queue.order.length > 0 ? queue.id : [])),
    claim: (id) => world.claims.get(id),
    claimsOf: (ownerId) => [...(world.owned.get(ownerId) ?? [])].flatMap((id) => world.claims.get(id) ?? []),
    hold: (nodeId) => world.ledgers.get(nodeId)?.hold,
    node: (name, clusterId) => nodeNamed(world.clusters.get(clusterId) ?? [], name),
    nodeById: (nodeId) => world.ledgers.get(nodeId)?.node,
    nodes: () =>
      [...world.clusters.keys()].toSorted(compareText).flatMap((clusterId) => nodesOf(world, clusterId)),
    holders: (nodeId) =>
      [...(world.ledgers.get(nodeId)?.holders ?? [])]
        .toSorted(compareText)
        .flatMap((id) => world.claims.get(id) ?? []),
    free(nodeId) {
      const ledger = world.ledgers.get(nodeId)
      if (!ledger) return noAmounts
      const free = freeOf(ledger)
      return {
        cpuMilli: Math.max(0, free.cpuMilli),
        memoryBytes: Math.max(0, free.memoryBytes),
        gpus: Math.max(0, free.gpus),
        ephemeralBytes: Math.max(0, free.ephemeralBytes),
      }
    },
    reasons: (id, nowMs) => reasonsOf(world, id, nowMs),
    couldHold: (clusters, pod, constraints) =>
      couldHold(
        clusters.map((clusterId) => nodesOf(world, clusterId)),
        pod,
        constraints,
      ),
    couldHoldAll: (clusters, sets) =>
      couldHoldAll(
        clusters.map((clusterId) => nodesOf(world, clusterId)),
        sets,
      ),
    control: () => world.control,
    fingerprint: () => fingerprintOf(world),
  }
}

function nodesOf(world: World, clusterId: string): Node[] {
  return (world.clusters.get(clusterId) ?? []).flatMap((ledger) => ledger.node ?? [])
}

/** In ledgers ordered by their node's name. */
function nodeNamed(ledgers: readonly NodeLedger[], name: string): Node | undefined {
  let low = 0
  let high = ledgers.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareText(ledgers[middle]?.node?.name ?? "", name) < 0) low = middle + 1
    else high = middle
  }
  const node = ledgers[low]?.node
  return node?.name === name ? node : undefined
}

function positionOf(world: World, id: ClaimId): number {
  const claim = world.claims.get(id)
  if (claim?.state !== "wanted") return 0
  return indexInOrder(world.workspaces.get(claim.workspaceId)?.order ?? [], claim) + 1
}

/** Queues that changed since they were looked at, or in which a gate has opened; in the order of their ids. */
function dueQueues(world: World, nowMs: number): WorkspaceQueue[] {
  rewind(world, nowMs)
  unbar(world, nowMs)
  const due = new Set<WorkspaceQueue>()
  for (const queue of world.workspaces.values()) if (queue.isDirty && queue.order.length > 0) due.add(queue)
  const opened = gateIndex(world, nowMs + 1, "")
  for (let at = gateIndex(world, world.lookedUpToMs + 1, ""); at < opened; at++) {
    const queue = world.workspaces.get(world.gates[at]?.workspaceId ?? "")
    if (queue) due.add(queue)
  }
  return [...due].toSorted((a, b) => compareText(a.id, b.id))
}

/** Owners for whom requests may be filed again. */
function unbar(world: World, nowMs: number): void {
  for (const [ownerId, { untilMs, workspaceId }] of world.barred) {
    if (untilMs > nowMs) continue
    world.barred.delete(ownerId)
    const queue = world.workspaces.get(workspaceId)
    if (queue) touch(queue)
  }
}

/** The clock was set back: gates have shut again, who waited behind those entries does not any more. */
function rewind(world: World, nowMs: number): void {
  if (nowMs >= world.lookedUpToMs) return
  const open = gateIndex(world, world.lookedUpToMs + 1, "")
  for (let at = gateIndex(world, nowMs + 1, ""); at < open; at++) {
    const queue = world.workspaces.get(world.gates[at]?.workspaceId ?? "")
    if (queue) touch(queue)
  }
  world.lookedUpToMs = nowMs
}

function settle(world: World, plan: Plan, known: Made): void {
  // What a turn found first it found with more free than it left.
  const isIdle = plan.admissions.length + plan.preemptions.length === 0
  for (const [queue, found] of known.turn.looks)
    if (queue.changes === known.changes.get(queue)) settleQueue(world, queue, { ...found, known, isIdle })
  world.lookedUpToMs = Math.max(world.lookedUpToMs, known.nowMs)
  // What was to be placed and still waits was lost to another change: it is to be tried again.
  for (const { claimId } of plan.admissions) {
    const claim = world.claims.get(claimId)
    const queue = claim?.state === "wanted" ? world.workspaces.get(claim.workspaceId) : undefined
    if (queue) touch(queue)
  }
}

function settleQueue(
  world: World,
  queue: WorkspaceQueue,
  found: { readonly look: Look; readonly isOver: boolean; readonly known: Made; readonly isIdle: boolean },
): void {
  const { look, isOver, known, isIdle } = found
  if (look.isWaiting) world.waiting.add(queue)
  else world.waiting.delete(queue)
  queue.isDirty = !isOver || (look.isWaiting && !isIdle)
  const { nowMs, takings } = known
  if (isOver && isIdle) queue.look = { found: look, changes: queue.changes, takings, nowMs }
}
