import { firstNotBefore } from "./request-order.ts"

/**
 * How many places of a workspace are taken over time: `used[i]` of them from `fromMs[i]` to `fromMs[i + 1]`.
 * Begins at minus infinity.
 */
export interface Occupancy {
  readonly fromMs: number[]
  readonly used: number[]
}

export function createOccupancy(): Occupancy {
  return { fromMs: [-Infinity], used: [0] }
}

/** Takes (`by` 1) or gives back (`by` -1) a place over `[startMs, endMs)`. */
export function occupy(occupancy: Occupancy, startMs: number, endMs: number, by: 1 | -1): void {
  if (!(startMs < endMs)) return
  const first = breakAt(occupancy, startMs)
  const end = endMs === Infinity ? occupancy.fromMs.length : breakAt(occupancy, endMs)
  for (let at = first; at < end; at++) occupancy.used[at] = (occupancy.used[at] ?? 0) + by
  mergeAt(occupancy, end)
  mergeAt(occupancy, first)
}

/** The first instant from `fromMs` on at which a place stays free for the length; Infinity = never. */
export function firstFreePlace(
  occupancy: Occupancy,
  limit: number,
  fromMs: number,
  lengthMs: number,
): number {
  let startMs = fromMs
  for (let at = segmentAt(occupancy, fromMs); at < occupancy.used.length; at++) {
    if ((occupancy.fromMs[at] ?? Infinity) >= startMs + lengthMs) return startMs
    if ((occupancy.used[at] ?? 0) >= limit) startMs = occupancy.fromMs[at + 1] ?? Infinity
  }
  return startMs
}

/** Index of the segment that contains the instant. */
function segmentAt(occupancy: Occupancy, atMs: number): number {
  return Math.max(0, firstNotBefore(occupancy.fromMs, (from) => from <= atMs) - 1)
}

function breakAt(occupancy: Occupancy, atMs: number): number {
  const index = firstNotBefore(occupancy.fromMs, (from) => from < atMs)
  if (occupancy.fromMs[index] === atMs) return index
  occupancy.fromMs.splice(index, 0, atMs)
  occupancy.used.splice(index, 0, occupancy.used[index - 1] ?? 0)
  return index
}

function mergeAt(occupancy: Occupancy, at: number): void {
  if (at === 0 || at >= occupancy.used.length || occupancy.used[at] !== occupancy.used[at - 1]) return
  occupancy.fromMs.splice(at, 1)
  occupancy.used.splice(at, 1)
}
