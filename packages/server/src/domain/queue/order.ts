import type { Shape } from "./shape.ts"
import type { Claim } from "./types.ts"

/** The entries of one shape in one queue. */
export interface Tally {
  readonly shape: Shape
  entries: number
  /** Those without a gate. */
  ready: number
  /** The last look at which the shape was refused or held back: no other entry of it need be tried in it. */
  closedIn: number
}

/** A claim in a queue, with what is asked of it at every look. */
export interface Entry {
  readonly claim: Claim
  readonly shape: Shape
  readonly tally: Tally
  /** See `opensAtMs` in states.ts. */
  readonly opensAtMs: number
}

/**
 * The order of a queue, total: rescheduled first; entries with an unmet dependency after those without;
 * higher priority; earlier creation; shown id; claim id.
 * @returns negative when `a` is ahead of `b`
 */
export function compareClaims(a: Claim, b: Claim): number {
  return (
    Number(b.rescheduled) - Number(a.rescheduled) ||
    Number(hasDependency(a)) - Number(hasDependency(b)) ||
    b.priority - a.priority ||
    a.queuedAtMs - b.queuedAtMs ||
    compareText(a.owner.shownId, b.owner.shownId) ||
    compareText(a.id, b.id)
  )
}

/** By code units: the same on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Where the claim stands in the ordered list, or would: 0-based, O(log n). */
export function indexInOrder(order: readonly Entry[], claim: Claim): number {
  let low = 0
  let high = order.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const entry = order[middle]
    if (entry && compareClaims(entry.claim, claim) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function hasDependency(claim: Claim): boolean {
  return claim.gates.some((gate) => gate.kind === "dependency" && gate.on.length > 0)
}
