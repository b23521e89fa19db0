import type { Node } from "../../inventory/index.ts"
import { absorb, hasChanges } from "./absorb.ts"
import { fingerprintOf } from "./board-fingerprint.ts"
import { reasonFor } from "./board-reasons.ts"
import type { Board, GpuPlan } from "./board-types.ts"
import { takeNotes } from "./estimate-notes.ts"
import { delayedByExtension } from "./extension.ts"
import { forecastFor, slotOf } from "./forecast.ts"
import { provisionedOf, putHold, putRequest, putUse, putWorkspace, queuedOf } from "./live-rows.ts"
import type { Entry, PlanWorld } from "./plan-world.ts"
import { createPlanWorld, indexOf, shapeOfEntry } from "./plan-world.ts"
import { planSteps } from "./planning.ts"
import { dueProvisions, hasDue } from "./provisions.ts"
import { compareRequests, compareText } from "./request-order.ts"
import { substituteFor } from "./substitute.ts"
import { topologyKey } from "./topology.ts"
import type { GpuRequest, GpuRequestId } from "../types.ts"
import { isLendable, unmetBy } from "./wish-fit.ts"

/** When a provision that was handed out and not written is handed out anew. */
const retryMs = 1000

/** An empty board; feed it in any order. See `Board`. */
export function createBoard(): Board {
  const world = createPlanWorld()
  const { bringUpToDate, bringInOrder, ...planner } = createPlanner(world)
  return {
    nodeChanged: (node) => changeNode(world, node),
    holdChanged: (hold, free) => putHold(world.rows, hold, free),
    nodeInUse: (nodeId, inUse) => putUse(world.rows, nodeId, inUse),
    requestChanged: (request) => putRequest(world.rows, request),
    workspaceChanged: (workspace, gone) => putWorkspace(world.rows, workspace, gone),
    controlChanged(paused) {
      world.isReset ||= world.rows.isPaused !== paused
      world.rows.isPaused = paused
    },
    ...planner,
    ...questions(world, bringUpToDate),
    ...views({ world, bringUpToDate, bringInOrder }),
  }
}

function changeNode(world: PlanWorld, node: Node): void {
  const { nodes } = world.topology
  const known = nodes.get(node.id)
  if (known && known.node.version > node.version) return
  const isGone = node.removedAtMs !== null
  world.isRegrouped ||= isGone ? known !== undefined : !known || topologyKey(known.node) !== topologyKey(node)
  if (isGone) nodes.delete(node.id)
  else if (known) known.node = node
  else nodes.set(node.id, { id: node.id, node, rank: 0, group: undefined, busyUntilMs: -Infinity, gaps: [] })
  world.rows.changed.nodes.add(node.id)
}

type Planner = Pick<Board, "plan" | "planSteps" | "isDirty" | "nextMs"> & {
  readonly bringUpToDate: (nowMs: number) => void
  /** Has the queue in order; what is planned may be older. */
  readonly bringInOrder: () => void
}

function createPlanner(world: PlanWorld): Planner {
  let running: Generator<void, void> | undefined

  function finish() {
    const steps = running
    running = undefined
    if (steps) drain(steps)
  }

  /** One step; false when that was the last, or a question has finished it meanwhile. */
  function isRunning(steps: Generator<void, void>) {
    if (running !== steps) return false
    if (steps.next().done === true) running = undefined
    return running === steps
  }

  function isOutdated(nowMs: number) {
    const isTimeUp = nowMs >= world.lapseMs || nowMs > world.firstStartMs || nowMs < world.plannedAtMs
    return isTimeUp || hasChanges(world) || isUnfinished(world)
  }

  function bringUpToDate(nowMs: number) {
    finish()
    if (!isOutdated(nowMs)) return
    running = planSteps(world, nowMs)
    finish()
  }

  function handOut(nowMs: number): GpuPlan {
    return { atMs: nowMs, provisions: dueProvisions(world, nowMs), estimates: takeNotes(world, nowMs) }
  }

  return {
    bringUpToDate,
    bringInOrder() {
      finish()
      if (hasChanges(world)) absorb(world, world.plannedAtMs)
    },
    plan(nowMs) {
      bringUpToDate(nowMs)
      return handOut(nowMs)
    },
    *planSteps(nowMs) {
      finish()
      running = isOutdated(nowMs) ? planSteps(world, nowMs) : undefined
      const steps = running
      const isOngoing = () => steps !== undefined && isRunning(steps)
      while (isOngoing()) yield
      return handOut(nowMs)
    },
    isDirty: (nowMs) =>
      isOutdated(nowMs) || world.firstNotes.size + world.movedNotes.size > 0 || hasDue(world, nowMs),
    nextMs: (nowMs) => nextInstant(world, nowMs),
  }
}

function drain(steps: Generator<void, void>): void {
  for (let step = steps.next(); step.done !== true;) step = steps.next()
}

/** The order has changed since the plan was last finished. */
function isUnfinished(world: PlanWorld): boolean {
  const { length } = world.order
  return world.planned < length || world.from < length || world.isFirstStale || world.toCheck.size > 0
}

/** The earliest slot that is still to come, or the instant at which something is late that slots count on. */
function nextInstant(world: PlanWorld, nowMs: number): number | null {
  if (world.order.length === 0) return null
  let next = world.lapseMs
  if (world.firstStartMs > nowMs) next = Math.min(next, world.firstStartMs)
  else {
    next = Math.min(next, nowMs + retryMs)
    for (const { stay } of world.order) if (stay && stay.startMs > nowMs) next = Math.min(next, stay.startMs)
  }
  return next === Infinity ? null : Math.max(next, nowMs + 1)
}

type Questions = Pick<Board, "slot" | "reason" | "forecast" | "delayedBy">

function questions(world: PlanWorld, bringUpToDate: (nowMs: number) => void): Questions {
  function entryFor(id: GpuRequestId, nowMs: number): Entry | undefined {
    bringUpToDate(nowMs)
    return world.entries.get(id)
  }
  return {
    slot(id, nowMs) {
      const stay = entryFor(id, nowMs)?.stay
      return stay ? slotOf(stay) : undefined
    },
    reason(id, nowMs) {
      const entry = entryFor(id, nowMs)
      if (!entry) return undefined
      const { lengthMs, stay, request } = entry
      const { workspaceId } = request
      return reasonFor(world, { id, workspaceId, shape: shapeOfEntry(world, entry), lengthMs, stay }, nowMs)
    },
    forecast(candidate, nowMs) {
      bringUpToDate(nowMs)
      return forecastFor(world, candidate, nowMs)
    },
    delayedBy(id, endsAtMs, nowMs, whose) {
      bringUpToDate(nowMs)
      const request = world.rows.requests.get(id)
      if (request?.state !== "provisioned") return { requestIds: [], latestEndMs: request?.endsAtMs ?? nowMs }
      return delayedByExtension(world, request, { endsAtMs, whose }, nowMs)
    },
  }
}

interface Inner {
  readonly world: PlanWorld
  readonly bringUpToDate: (nowMs: number) => void
  readonly bringInOrder: () => void
}

type Views = Omit<
  Board,
  | keyof Questions
  | keyof Planner
  | "nodeChanged"
  | "holdChanged"
  | "nodeInUse"
  | "requestChanged"
  | "workspaceChanged"
  | "controlChanged"
>

function views({ world, bringInOrder, bringUpToDate }: Inner): Views {
  const { rows } = world
  const byId = (id: GpuRequestId | undefined) => (id === undefined ? undefined : rows.requests.get(id))
  return {
    position(id, limit) {
      bringInOrder()
      const entry = world.entries.get(id)
      if (!entry) return { position: 0, ahead: [] }
      const index = indexOf(world, entry.request)
      return { position: index + 1, ahead: requestsOf(world.order.slice(0, Math.min(index, limit))) }
    },
    substitute(id, lost) {
      if (world.plannedAtMs === -Infinity) bringInOrder()
      else bringUpToDate(world.plannedAtMs)
      return substituteFor(world, id, lost)
    },
    request: byId,
    byShownId: (shownId) => byId(rows.byShownId.get(shownId)),
    live() {
      bringInOrder()
      const provisioned = [...rows.provisioned.values()].flatMap((requests) => [...requests.values()])
      return [...requestsOf(world.order), ...provisioned.toSorted(compareRequests)]
    },
    queuedIn: (workspaceId) => queuedOf(rows, workspaceId),
    provisionedIn: (workspaceId) => provisionedOf(rows, workspaceId),
    filedFor: (ownerId) => [...(rows.byOwner.get(ownerId)?.values() ?? [])],
    hold: (nodeId) => rows.holds.get(nodeId),
    holdsOf: (id) =>
      [...(rows.holdsOf.get(id)?.values() ?? [])].toSorted((a, b) => compareText(a.nodeId, b.nodeId)),
    managedNodes: () => lendable(world),
    suits: (wish, node) => node.removedAtMs === null && unmetBy(wish, node) === undefined,
    fingerprint: () => fingerprintOf(world),
  }
}

function requestsOf(entries: readonly Entry[]): GpuRequest[] {
  return entries.map((entry) => entry.request)
}

function lendable(world: PlanWorld): Node[] {
  return [...world.topology.nodes.values()]
    .map((one) => one.node)
    .filter(isLendable)
    .toSorted((a, b) => compareText(a.clusterId, b.clusterId) || compareText(a.name, b.name))
}
