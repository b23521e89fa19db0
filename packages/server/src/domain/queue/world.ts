import type { GpuWish, NodeHold } from "../gpu-requests/index.ts"
import type { Node } from "../inventory/index.ts"
import type { Workspace } from "../workspaces/index.ts"
import type { Candidates, NodeLists } from "./candidates.ts"
import type { NodeLedger } from "./node-ledger.ts"
import type { Entry, Tally } from "./order.ts"
import { compareText } from "./order.ts"
import type { Refused } from "./refusal.ts"
import type { Shape } from "./shape.ts"
import type { Look } from "./turn.ts"
import type { Claim, ClaimId, QueueControl, Reservations } from "./types.ts"

/** A look with what it was made on: it tells the truth as long as that stands. */
export interface KeptLook {
  readonly found: Look
  readonly changes: number
  readonly takings: number
  readonly nowMs: number
}

/** One workspace's queue and what it holds. */
export interface WorkspaceQueue {
  readonly id: string
  /** Undefined while only its claims are known, and after it is gone: nothing is placed then. */
  workspace: Workspace | undefined
  /** Wanted claims, in order. */
  readonly order: Entry[]
  /** Its entries by shape. */
  readonly shapes: Map<string, Tally>
  /** How many shapes have an entry without a gate: when all of them are refused, a look is over. */
  readyShapes: number
  /** How many entries wait for an instant. */
  timed: number
  /** Those of them that something is kept for. */
  readonly nominated: Set<ClaimId>
  /** Its bound claims: who may be preempted. */
  readonly bound: Set<ClaimId>
  /** Something changed since it was looked at. */
  isDirty: boolean
  /** Counts the changes; a look is good as long as it stands. */
  changes: number
  /** What the last look found. */
  look: KeptLook | undefined
  /** Nodes by what is asked of them and by shape, valid for one topology. */
  readonly nodeLists: Map<string, NodeLists>
  readonly candidates: Map<string, Candidates>
  /** What GPU requests for its shapes would ask for; null = the nodes that are lent never hold it. */
  readonly wishes: Map<string, GpuWish | null>
  wishesTopology: number
  /** Detailed refusals by shape, valid for one epoch: a long list of equal entries is explained once. */
  readonly refusals: Map<string, Refused | null>
  refusalsEpoch: number
  candidatesTopology: number
}

/** Everything that plans are made on. Mutable, changed by `world-changes.ts` only. */
export interface World {
  /** Every claim that is not gone. */
  readonly claims: Map<ClaimId, Claim>
  readonly ledgers: Map<string, NodeLedger>
  /** Ledgers of nodes that are in the inventory, by cluster, ordered by name. */
  readonly clusters: Map<string, NodeLedger[]>
  readonly workspaces: Map<string, WorkspaceQueue>
  control: QueueControl
  /** Live claims by their owner's id. */
  readonly owned: Map<string, Set<ClaimId>>
  readonly reservations: Reservations
  /** Owners for whom no GPU request is filed before an instant: theirs was given back by somebody. */
  readonly barred: Map<string, { readonly untilMs: number; readonly workspaceId: string }>
  /** Entries that wait for an instant, by that instant. */
  readonly gates: { readonly atMs: number; readonly id: ClaimId; readonly workspaceId: string }[]
  /** Gates up to here were looked at when they opened. */
  lookedUpToMs: number
  /** Grows whenever a node or workspace changes so that other nodes may be eligible. */
  topology: number
  /** Grows with every change of anything. */
  epoch: number
  /** Grows whenever something is taken or kept: nobody needs planning for that, but there is less for all. */
  takings: number
  /** Queues with an entry that waits for room beside a preemptor: what is taken elsewhere matters to them. */
  readonly waiting: Set<WorkspaceQueue>
  /** Counts the looks at queues. */
  looks: number
}

/** Nobody holds nodes: what planners of claims are tried with. */
export const noReservations: Reservations = {
  requestsOf: () => [],
  request: () => undefined,
  filedFor: () => [],
  startMs: () => null,
  filesRequests: () => false,
  roomFor: () => 0,
}

export function createWorld(reservations: Reservations = noReservations): World {
  return {
    claims: new Map(),
    ledgers: new Map(),
    clusters: new Map(),
    workspaces: new Map(),
    control: { paused: false, pausedBy: null, sinceMs: null, restoredFromMs: null },
    owned: new Map(),
    reservations,
    barred: new Map(),
    gates: [],
    lookedUpToMs: -Infinity,
    topology: 0,
    epoch: 0,
    takings: 0,
    waiting: new Set(),
    looks: 0,
  }
}

/** The queue of a workspace, made when it is first heard of. */
export function queueOf(world: World, workspaceId: string): WorkspaceQueue {
  const known = world.workspaces.get(workspaceId)
  if (known) return known
  const made: WorkspaceQueue = {
    id: workspaceId,
    workspace: undefined,
    order: [],
    shapes: new Map(),
    readyShapes: 0,
    timed: 0,
    nominated: new Set(),
    bound: new Set(),
    isDirty: true,
    changes: 0,
    look: undefined,
    nodeLists: new Map(),
    candidates: new Map(),
    wishes: new Map(),
    wishesTopology: -1,
    refusals: new Map(),
    refusalsEpoch: -1,
    candidatesTopology: -1,
  }
  world.workspaces.set(workspaceId, made)
  return made
}

/** Whether nothing may be placed for the workspace now, whatever is free. */
export function isHalted(world: World, queue: WorkspaceQueue): boolean {
  const { workspace } = queue
  return world.control.paused || !workspace || workspace.queuePaused || workspace.state === "deleting"
}

/**
 * Whether pods of the workspace may go to the node at all: its GPUs belong to the workspace it is assigned to, or to
 * the holder of a GPU request on it. Pods without GPUs may also use GPU nodes that nobody has (DESIGN 4, Nodes).
 */
export function isEligible(
  node: Node,
  hold: NodeHold | undefined,
  workspace: Workspace,
  wantsGpus: boolean,
): boolean {
  if (node.removedAtMs !== null || !workspace.clusters.includes(node.clusterId)) return false
  if (wantsGpus && !hasGpus(node)) return false
  if (node.workspaceId !== null) return node.workspaceId === workspace.id
  if (hold) return hold.state === "held" && hold.workspaceId === workspace.id
  return !wantsGpus
}

export function hasGpus(node: Node): boolean {
  return node.capacity.gpus > 0 && node.gpus.length > 0
}

/** Notes that the queue must be looked at again. */
export function touch(queue: WorkspaceQueue): void {
  queue.isDirty = true
  queue.changes++
}

/** Notes it for every workspace whose pods may go to the node. */
export function touchUsersOf(world: World, node: Node | undefined, hold: NodeHold | undefined): void {
  if (!node) return
  for (const queue of world.workspaces.values()) {
    if (queue.order.length === 0 || !queue.workspace) continue
    if (isEligible(node, hold, queue.workspace, false)) touch(queue)
  }
}

/** The tally of a shape, made for its first entry. */
export function tallyOf(queue: WorkspaceQueue, shape: Shape): Tally {
  const known = queue.shapes.get(shape.key)
  if (known) return known
  const made: Tally = { shape, entries: 0, ready: 0, closedIn: 0 }
  queue.shapes.set(shape.key, made)
  return made
}

/** Counts an entry in (1) or out (-1): what tells a look when it has seen everything, and the gates. */
export function countEntry(world: World, queue: WorkspaceQueue, entry: Entry, by: 1 | -1): void {
  const { tally, opensAtMs } = entry
  tally.entries += by
  if (opensAtMs === -Infinity) {
    tally.ready += by
    if (tally.ready === (by === 1 ? 1 : 0)) queue.readyShapes += by
  } else if (opensAtMs !== Infinity) countGate(world, queue, entry, by)
  if (tally.entries === 0) queue.shapes.delete(tally.shape.key)
}

function countGate(world: World, queue: WorkspaceQueue, entry: Entry, by: 1 | -1): void {
  queue.timed += by
  const at = gateIndex(world, entry.opensAtMs, entry.claim.id)
  if (by === -1) world.gates.splice(at, 1)
  else world.gates.splice(at, 0, { atMs: entry.opensAtMs, id: entry.claim.id, workspaceId: queue.id })
}

/** The index of the first gate at or after (instant, id). */
export function gateIndex(world: World, atMs: number, id: string): number {
  let low = 0
  let high = world.gates.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const gate = world.gates[middle]
    if (gate && (gate.atMs - atMs || compareText(gate.id, id)) < 0) low = middle + 1
    else high = middle
  }
  return low
}
