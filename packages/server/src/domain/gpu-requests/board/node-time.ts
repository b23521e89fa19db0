import type { Gap, GapList } from "./gaps.ts"
import { createGapList, insertGap, removeGap } from "./gaps.ts"
import { firstNotBefore } from "./request-order.ts"
import type { BoardNode, Topology } from "./topology.ts"

/** Forgets all promises: every node is free from the end of what keeps it now. */
export function clearPromises(topology: Topology, nowMs: number): void {
  for (const group of topology.groups) {
    group.holes = createGapList()
    group.tails = createGapList()
    for (const node of group.nodes) {
      node.gaps = []
      const startMs = Math.max(node.busyUntilMs, nowMs)
      if (startMs < Infinity) addGap(node, 0, { startMs, endMs: Infinity, node })
    }
  }
}

/** Whether nobody was promised the node in all of the time. */
export function isFreeFor(node: BoardNode, startMs: number, endMs: number): boolean {
  const gap = node.gaps[gapAt(node, startMs)]
  return gap !== undefined && gap.startMs <= startMs && gap.endMs >= endMs
}

/** The first instant from `fromMs` on from which nobody was promised the node for the length; Infinity = never. */
export function freeFrom(node: BoardNode, fromMs: number, lengthMs: number): number {
  for (let at = Math.max(0, gapAt(node, fromMs)); at < node.gaps.length; at++) {
    const gap = node.gaps[at]
    const startMs = Math.max(gap?.startMs ?? Infinity, fromMs)
    if (gap && gap.endMs >= startMs + lengthMs) return startMs
  }
  return Infinity
}

/** Promises the node for a time in which it is free. */
export function takeTime(node: BoardNode, startMs: number, endMs: number): void {
  const at = gapAt(node, startMs)
  const gap = node.gaps[at]
  if (!gap) return
  dropGap(node, at, gap)
  if (endMs < gap.endMs) addGap(node, at, { startMs: endMs, endMs: gap.endMs, node })
  if (gap.startMs < startMs) addGap(node, at, { startMs: gap.startMs, endMs: startMs, node })
}

/** Gives back what `takeTime` took. */
export function giveTime(node: BoardNode, startMs: number, endMs: number): void {
  const at = firstNotBefore(node.gaps, (gap) => gap.startMs < startMs)
  const after = node.gaps[at]
  const before = node.gaps[at - 1]
  let from = startMs
  let until = endMs
  if (after?.startMs === endMs) {
    until = after.endMs
    dropGap(node, at, after)
  }
  if (before?.endMs === startMs) {
    from = before.startMs
    dropGap(node, at - 1, before)
  }
  addGap(node, before?.endMs === startMs ? at - 1 : at, { startMs: from, endMs: until, node })
}

/** Index of the last gap that begins at the instant or before; -1 when there is none. */
function gapAt(node: BoardNode, atMs: number): number {
  return firstNotBefore(node.gaps, (gap) => gap.startMs <= atMs) - 1
}

function addGap(node: BoardNode, at: number, gap: Gap<BoardNode>): void {
  node.gaps.splice(at, 0, gap)
  const list = listFor(gap)
  if (list) insertGap(list, gap)
}

function dropGap(node: BoardNode, at: number, gap: Gap<BoardNode>): void {
  node.gaps.splice(at, 1)
  const list = listFor(gap)
  if (list) removeGap(list, gap)
}

function listFor(gap: Gap<BoardNode>): GapList<BoardNode> | undefined {
  return gap.endMs === Infinity ? gap.node.group?.tails : gap.node.group?.holes
}
