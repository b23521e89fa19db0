import { absorb } from "./absorb.ts"
import { checkNote } from "./estimate-notes.ts"
import { handOverMs } from "./lateness.ts"
import type { Entry, PlanWorld } from "./plan-world.ts"
import {
  askFor,
  canPlace,
  isHeldBack,
  onSameNodes,
  place,
  placeUpTo,
  shapeOfEntry,
  takeAllOut,
  unplace,
} from "./plan-world.ts"
import type { Stay } from "./slot-search.ts"
import { earliestStay } from "./slot-search.ts"

/** Requests that are planned between two steps: less than a millisecond or so of work. */
const perStep = 32
/** Passes over the queue in which slots are moved forward after an early end: each finds less than the last. */
const keptPasses = 3

/**
 * Brings the plan up to date, in steps after each of which others may have their turn; changes of the rows in between
 * count from the next time on.
 *
 * From the first entry that is affected each gets the earliest slot beside those before it (conservative backfill).
 * That alone may give one a later slot than it had when another ended early, for all behind fall into place anew;
 * where that happens, the slots of the last plan are kept instead and moved forward one by one, none ever back (but by
 * what late hand-overs took: `PlanWorld.slackMs`).
 * @yields after each step
 */
export function* planSteps(world: PlanWorld, nowMs: number): Generator<void, void> {
  absorb(world, nowMs)
  const { from } = world
  if (from === 0) world.isKept = false
  placeUpTo(world, world.planned)
  yield* planFrom(world, nowMs)
  const firstNew = firstNewIndex(world, from)
  if (isSomebodyLater(world, from, firstNew, nowMs)) yield* keepSlots(world, from, firstNew, nowMs)
  settle(world, from)
}

function* planFrom(world: PlanWorld, nowMs: number): Generator<void, void> {
  while (world.planned < world.order.length) {
    const entry = world.order[world.planned]
    if (entry) {
      entry.stay = stayFor(world, entry, nowMs, Infinity)
      place(world, entry)
    }
    world.planned++
    world.placed++
    if (world.planned % perStep === 0) yield
  }
}

/** The earliest slot for the entry beside all that are entered; null where it gets none. */
export function stayFor(world: PlanWorld, entry: Entry, nowMs: number, beforeMs: number): Stay | null {
  if (isHeldBack(world, entry.request.workspaceId)) return null
  if (shapeOfEntry(world, entry).clusters.length === 0) return null
  return earliestStay(askFor(world, entry, nowMs, beforeMs)) ?? null
}

/** The first one that had no slot and has one now: those behind it may have to give way to it. */
function firstNewIndex(world: PlanWorld, from: number): number {
  for (let at = from; at < world.order.length; at++) {
    const entry = world.order[at]
    if (entry && entry.settled === null && entry.stay !== null) return at
  }
  return world.order.length
}

function isSomebodyLater(world: PlanWorld, from: number, to: number, nowMs: number): boolean {
  for (let at = from; at < to; at++) {
    const entry = world.order[at]
    if (entry && isLaterThan(world, entry, nowMs)) return true
  }
  return false
}

function isLaterThan(world: PlanWorld, entry: Entry, nowMs: number): boolean {
  if (entry.settled === null || isHeldBack(world, entry.request.workspaceId)) return false
  return (entry.stay?.startMs ?? Infinity) > latestKeptMs(world, entry.settled, nowMs)
}

/**
 * Until when a slot counts as kept: real hand-overs take some milliseconds, which nobody can give back. Without that
 * a plan whose slots were moved forward would be given up for the sake of those milliseconds, and hours with it.
 */
function latestKeptMs(world: PlanWorld, settled: Stay, nowMs: number): number {
  return Math.max(settled.startMs, nowMs) + world.slackMs
}

/**
 * Tries to keep the slots of the last plan for the entries `[from, to)`: those that are still possible are entered,
 * the others must find one that is no later; then each, in order, moves to the earliest it finds. Those from `to` on
 * are planned after that. Where somebody would be later nevertheless, what planning from scratch gave stays.
 * @yields after each step
 */
function* keepSlots(world: PlanWorld, from: number, to: number, nowMs: number): Generator<void, void> {
  const scratch = world.order.slice(from).map((entry) => entry.stay)
  if (from === 0) takeAllOut(world, nowMs)
  else placeUpTo(world, from)
  const kept = world.order.slice(from, to)
  if (!(yield* reenter(world, kept, nowMs))) {
    if (from === 0) takeAllOut(world, nowMs)
    else for (const entry of kept) unplace(world, entry)
    yield* restore(world, from, scratch)
    return
  }
  yield* pullBack(world, kept, nowMs)
  yield* moveForward(world, kept, nowMs)
  world.placed = to
  world.planned = to
  world.isKept = true
  yield* planFrom(world, nowMs)
}

function* restore(world: PlanWorld, from: number, stays: readonly (Stay | null)[]): Generator<void, void> {
  for (const [at, stay] of stays.entries()) {
    const entry = world.order[from + at]
    if (entry) entry.stay = stay
  }
  while (world.placed < world.order.length) {
    placeUpTo(world, world.placed + perStep)
    yield
  }
}

/** Enters the settled slots again, or ones that are no later than late hand-overs make them; false as soon as there is none for somebody. */
function* reenter(world: PlanWorld, kept: readonly Entry[], nowMs: number): Generator<void, boolean> {
  for (const entry of kept) entry.stay = null
  // in the order of their starts, so that one that is pushed back pushes those that follow it on its nodes
  for (const [at, entry] of byStart(kept, settledStart).entries()) {
    if (at % perStep === 0) yield
    const own = settledOf(world, entry)
    entry.stay = own && keptStay(world, entry, own, nowMs)
    place(world, entry)
  }
  for (const entry of kept) {
    const own = settledOf(world, entry)
    if (!own || entry.stay) continue
    entry.stay = stayFor(world, entry, nowMs, latestKeptMs(world, own, nowMs) + 1)
    if (!entry.stay) return false
    place(world, entry)
  }
  return true
}

/** The slot, or the same nodes as much later as late hand-overs make it; null = not possible. */
function keptStay(world: PlanWorld, entry: Entry, own: Stay, nowMs: number): Stay | null {
  if (own.startMs >= nowMs && canPlace(world, entry, own)) return own
  const span = { fromMs: Math.max(own.startMs, nowMs), untilMs: latestKeptMs(world, own, nowMs) }
  return onSameNodes(world, entry, own, span) ?? null
}

function byStart(entries: readonly Entry[], startOf: (entry: Entry) => number): Entry[] {
  return entries.toSorted((a, b) => startOf(a) - startOf(b))
}

const settledStart = (entry: Entry) => entry.settled?.startMs ?? Number.MAX_SAFE_INTEGER
const plannedStart = (entry: Entry) => entry.stay?.startMs ?? Number.MAX_SAFE_INTEGER

function settledOf(world: PlanWorld, entry: Entry): Stay | null {
  return isHeldBack(world, entry.request.workspaceId) ? null : entry.settled
}

/** Takes back what was pushed for a hand-over that is over by now: else what it took would add up. */
function* pullBack(world: PlanWorld, kept: readonly Entry[], nowMs: number): Generator<void, void> {
  for (const [at, entry] of byStart(kept, plannedStart).entries()) {
    if (at % perStep === 0) yield
    const own = entry.stay
    if (!own || own.startMs <= nowMs) continue
    unplace(world, entry)
    const fromMs = Math.max(nowMs, own.startMs - handOverMs)
    entry.stay = onSameNodes(world, entry, own, { fromMs, untilMs: own.startMs }) ?? own
    place(world, entry)
  }
}

function* moveForward(world: PlanWorld, kept: readonly Entry[], nowMs: number): Generator<void, void> {
  for (let pass = 0, hasMoved = true; pass < keptPasses && hasMoved; pass++) {
    hasMoved = false
    for (const [at, entry] of kept.entries()) {
      const own = entry.stay
      if (!own || own.startMs <= nowMs) continue
      unplace(world, entry)
      entry.stay = stayFor(world, entry, nowMs, own.startMs) ?? own
      place(world, entry)
      hasMoved ||= entry.stay !== own
      if (at % perStep === 0) yield
    }
  }
}

/** The plan is finished: it is what later ones are compared with. */
function settle(world: PlanWorld, from: number): void {
  for (let at = from; at < world.order.length; at++) {
    const entry = world.order[at]
    if (!entry) continue
    if (entry.stay !== entry.settled) entry.emittedAtMs = null
    entry.settled = entry.stay
    checkNote(world, entry)
  }
  for (const entry of world.toCheck) checkNote(world, entry)
  world.toCheck.clear()
  findFirstStart(world, from)
  world.from = world.order.length
  world.slackMs = 0
}

function findFirstStart(world: PlanWorld, from: number): void {
  // no slot was taken back: those before `from` are as they were, however many came behind them
  const hasGrown = !world.isFirstStale
  if (!hasGrown) world.firstStartMs = Infinity
  world.isFirstStale = false
  for (let at = hasGrown ? from : 0; at < world.order.length; at++) {
    const startMs = world.order[at]?.stay?.startMs ?? Infinity
    if (startMs < world.firstStartMs) world.firstStartMs = startMs
  }
}
