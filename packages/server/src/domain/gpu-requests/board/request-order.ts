import type { GpuRequest } from "../types.ts"

type Ranked = Pick<GpuRequest, "priority" | "createdAtMs" | "id">

/** The order of the queue, total: priority (higher first), creation, id. Negative when `a` is ahead of `b`. */
export function compareRequests(a: Ranked, b: Ranked): number {
  return b.priority - a.priority || a.createdAtMs - b.createdAtMs || compareText(a.id, b.id)
}

/** By code units: the same on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Index of the first of an ordered list that is not before what is looked for; O(log n). */
export function firstNotBefore<T>(ordered: readonly T[], isBefore: (item: T) => boolean): number {
  let low = 0
  let high = ordered.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const item = ordered[middle]
    if (item !== undefined && isBefore(item)) low = middle + 1
    else high = middle
  }
  return low
}
