import { firstNotBefore } from "./request-order.ts"

/** A stretch of time, `[startMs, endMs)`, in which a node is promised to nobody. */
export interface Gap<N extends { readonly rank: number }> {
  readonly startMs: number
  readonly endMs: number
  readonly node: N
}

interface Chunk<N extends { readonly rank: number }> {
  gaps: Gap<N>[]
  longestMs: number
  latestEndMs: number
}

/** Gaps of many nodes by their start, in chunks that know what they hold at most, so that a search steps over them. */
export interface GapList<N extends { readonly rank: number }> {
  readonly chunks: Chunk<N>[]
}

/** Gaps of one chunk before it is cut in two. */
const mostInChunk = 96

export function createGapList<N extends { readonly rank: number }>(): GapList<N> {
  return { chunks: [] }
}

export function insertGap<N extends { readonly rank: number }>(list: GapList<N>, gap: Gap<N>): void {
  const chunk = list.chunks[chunkIndex(list, gap)]
  if (!chunk) {
    list.chunks.push(withBounds([gap]))
    return
  }
  chunk.gaps.splice(indexIn(chunk.gaps, gap), 0, gap)
  chunk.longestMs = Math.max(chunk.longestMs, gap.endMs - gap.startMs)
  chunk.latestEndMs = Math.max(chunk.latestEndMs, gap.endMs)
  if (chunk.gaps.length > mostInChunk) cut(list, chunk)
}

/** Takes out a gap that is in the list. */
export function removeGap<N extends { readonly rank: number }>(list: GapList<N>, gap: Gap<N>): void {
  const index = chunkIndex(list, gap)
  const chunk = list.chunks[index]
  if (!chunk) return
  chunk.gaps.splice(indexIn(chunk.gaps, gap), 1)
  if (chunk.gaps.length === 0) list.chunks.splice(index, 1)
  else if (gap.endMs >= chunk.latestEndMs || gap.endMs - gap.startMs >= chunk.longestMs)
    Object.assign(chunk, withBounds(chunk.gaps))
}

/** How many gaps have begun by the instant; not exactly above `enough`. */
export function countBegun<N extends { readonly rank: number }>(
  list: GapList<N>,
  atMs: number,
  enough: number,
): number {
  let count = 0
  for (const { gaps } of list.chunks) {
    const last = gaps.at(-1)
    if (last && last.startMs > atMs) return count + firstNotBefore(gaps, (gap) => gap.startMs <= atMs)
    count += gaps.length
    if (count >= enough) return count
  }
  return count
}

/** Goes through a list once, by start. */
export interface GapCursor<N extends { readonly rank: number }> {
  /** The gap it stands at; undefined at the end. */
  gap: Gap<N> | undefined
  /** Steps to the next gap that is at least so long and reaches to the instant or beyond. */
  step(lengthMs: number, reachMs: number): void
}

/** A cursor before the first gap: `step` it first. The list must not change while it is used. */
export function cursorOf<N extends { readonly rank: number }>(list: GapList<N>): GapCursor<N> {
  const { chunks } = list
  let at = 0
  let within = 0
  const cursor: GapCursor<N> = {
    gap: undefined,
    step(lengthMs, reachMs) {
      for (let chunk = chunks[at]; chunk; chunk = chunks[++at]) {
        if (chunk.longestMs >= lengthMs && chunk.latestEndMs >= reachMs)
          for (let gap = chunk.gaps[within]; gap; gap = chunk.gaps[within]) {
            within++
            if (gap.endMs >= reachMs && gap.endMs - gap.startMs >= lengthMs) {
              cursor.gap = gap
              return
            }
          }
        within = 0
      }
      cursor.gap = undefined
    },
  }
  return cursor
}

function isBefore<N extends { readonly rank: number }>(a: Gap<N>, b: Gap<N>): boolean {
  return a.startMs < b.startMs || (a.startMs === b.startMs && a.node.rank < b.node.rank)
}

function indexIn<N extends { readonly rank: number }>(gaps: readonly Gap<N>[], gap: Gap<N>): number {
  return firstNotBefore(gaps, (other) => isBefore(other, gap))
}

/** The chunk that has the gap, or would. */
function chunkIndex<N extends { readonly rank: number }>(list: GapList<N>, gap: Gap<N>): number {
  const { chunks } = list
  const index = firstNotBefore(chunks, (chunk) => {
    const last = chunk.gaps.at(-1)
    return last !== undefined && isBefore(last, gap)
  })
  return Math.min(index, Math.max(0, chunks.length - 1))
}

function cut<N extends { readonly rank: number }>(list: GapList<N>, chunk: Chunk<N>): void {
  const index = list.chunks.indexOf(chunk)
  const later = chunk.gaps.splice(chunk.gaps.length >>> 1)
  list.chunks.splice(index, 1, withBounds(chunk.gaps), withBounds(later))
}

function withBounds<N extends { readonly rank: number }>(gaps: Gap<N>[]): Chunk<N> {
  let longestMs = 0
  let latestEndMs = -Infinity
  for (const gap of gaps) {
    longestMs = Math.max(longestMs, gap.endMs - gap.startMs)
    latestEndMs = Math.max(latestEndMs, gap.endMs)
  }
  return { gaps, longestMs, latestEndMs }
}
