import type { Node } from "../../inventory/index.ts"
import { gpuMemoryGb } from "../../inventory/index.ts"
import type { Candidate, Forecast, Slot } from "../board/board-types.ts"
import type { GpuEstimate } from "../commands.ts"
import type { BoardReads } from "../options.ts"
import { counted, lengthText } from "./sentences.ts"
import type { GpuWish } from "../types.ts"

export type Alternative = GpuEstimate["alternatives"][number]

const mostShown = 5
/** Other hardware that is tried at most: each costs a search through the plan. */
const mostHardware = 16
const minuteMs = 60_000

/** What somebody wants, what it gets, and where else it might go. */
interface Asked {
  readonly candidate: Candidate
  readonly forecast: Forecast
  /** The workspace's own, in order. */
  readonly clusters: readonly string[]
  readonly nowMs: number
}

/** A candidate that differs in one thing from what was asked for. */
interface Variation {
  readonly candidate: Candidate
  readonly difference: string
}

type Planner = Pick<BoardReads, "forecast" | "managedNodes" | "suits">

/**
 * What would start sooner than what was asked for: fewer nodes, fewer GPUs per node, other GPUs or clusters of the
 * workspace with no less memory, or a shorter time that fits before somebody's slot. None that gives less than another
 * on the same hardware without starting sooner. Soonest first, among equals what differs least; at most 5, found with at most 50 looks at the plan.
 */
export function alternativesTo(board: Planner, asked: Asked): readonly Alternative[] {
  const { forecast, nowMs } = asked
  const startMs = forecast.kind === "slot" ? forecast.slot.startMs : Infinity
  if (startMs <= nowMs) return []
  const nodes = new Map(board.managedNodes().map((node) => [node.id as string, node]))
  const found: Alternative[] = []
  for (const variation of [
    ...shorter(board, asked),
    ...smaller(asked.candidate),
    ...otherHardware(board, asked),
  ]) {
    const answer = board.forecast(variation.candidate, nowMs)
    if (answer.kind !== "slot" || answer.slot.startMs >= startMs) continue
    const alternative = describe(variation, answer.slot, nodes, nowMs)
    if (alternative && !found.some((other) => isSameShape(other, alternative))) found.push(alternative)
  }
  return found
    .filter((one) => !found.some((other) => other !== one && isNoWorse(other, one)))
    .toSorted((a, b) => a.startMs - b.startMs)
    .slice(0, mostShown)
}

/** Less of the same: one node less, then halves; likewise the GPUs on each. */
function smaller({ wish, ...rest }: Candidate): readonly Variation[] {
  const vary = (change: Partial<GpuWish>, difference: string): Variation => ({
    candidate: { ...rest, wish: { ...wish, ...change } },
    difference,
  })
  return [
    ...fewer(wish.nodes).map((nodes) =>
      vary({ nodes }, `${counted(nodes, "node")} instead of ${wish.nodes}`),
    ),
    ...fewer(wish.gpusPerNode).map((gpusPerNode) =>
      vary({ gpusPerNode }, `${counted(gpusPerNode, "GPU")} on each node instead of ${wish.gpusPerNode}`),
    ),
  ]
}

/** One less, then halves down to 1; at most eight, for counts end at 100. */
function fewer(count: number): readonly number[] {
  const halves: number[] = []
  for (let half = Math.floor(count / 2); half >= 1; half = Math.floor(half / 2)) halves.push(half)
  return [...new Set([count - 1, ...halves])].filter((less) => less >= 1 && less < count)
}

/** The same counts on what the wish does not name: other instance types, models, clusters of the workspace. */
function otherHardware(board: Planner, { candidate, clusters }: Asked): readonly Variation[] {
  const { wish } = candidate
  const leastGib = wish.memoryGibPerGpu ?? 0
  const seen = new Map<string, Variation>()
  for (const node of board.managedNodes()) {
    if (seen.size === mostHardware) break
    const { clusterId, instanceType, gpuModel } = node
    const key = JSON.stringify([clusterId, instanceType, gpuModel])
    const isOther = !wish.clusters.includes(clusterId) || !board.suits({ ...wish, pods: null }, node)
    const isEnough = node.gpus.length >= wish.gpusPerNode && gpuMemoryGb(node) >= leastGib
    if (seen.has(key) || !isOther || !isEnough || !clusters.includes(clusterId)) continue
    const change = { clusters: [clusterId], instanceType, gpuModel }
    seen.set(key, {
      candidate: { ...candidate, wish: { ...wish, ...change } },
      difference: `${gpuModel ?? "GPUs"} of ${instanceType} in cluster ${clusterId}`,
    })
  }
  return [...seen.values()]
}

/** The longest whole number of minutes for which it would start at once: what starts at once for longer does so for less. */
function shorter(board: Planner, { candidate, nowMs }: Asked): readonly Variation[] {
  const startsAtOnce = (minutes: number) => {
    const answer = board.forecast({ ...candidate, durationMs: minutes * minuteMs }, nowMs)
    return answer.kind === "slot" && answer.slot.startMs <= nowMs
  }
  const asked = Math.ceil(candidate.durationMs / minuteMs)
  if (asked <= 1 || !startsAtOnce(1)) return []
  let [fits, fails] = [1, asked]
  while (fails - fits > 1) {
    const middle = Math.floor((fits + fails) / 2)
    if (startsAtOnce(middle)) fits = middle
    else fails = middle
  }
  const durationMs = fits * minuteMs
  const difference = `${lengthText(durationMs)} instead of ${lengthText(candidate.durationMs)}`
  return [{ candidate: { ...candidate, durationMs }, difference }]
}

function describe(
  { candidate, difference }: Variation,
  slot: Slot,
  nodes: ReadonlyMap<string, Node>,
  nowMs: number,
): Alternative | undefined {
  const node = nodes.get(slot.nodeIds[0] ?? "")
  if (!node) return undefined
  const waitMs = Math.max(0, slot.startMs - nowMs)
  const when = waitMs === 0 ? "would start at once" : `would start in about ${lengthText(waitMs)}`
  return {
    clusterId: slot.clusterId,
    instanceType: node.instanceType,
    gpuModel: node.gpuModel ?? "",
    memoryGibPerGpu: gpuMemoryGb(node),
    gpusPerNode: candidate.wish.gpusPerNode,
    nodes: candidate.wish.nodes,
    durationMs: candidate.durationMs,
    startMs: nowMs + waitMs,
    waitMs,
    sentence: `With ${difference} it ${when}.`,
  }
}

function isSameShape(a: Alternative, b: Alternative): boolean {
  return (
    isSameHardware(a, b) &&
    a.gpusPerNode === b.gpusPerNode &&
    a.nodes === b.nodes &&
    a.durationMs === b.durationMs
  )
}

/** Whether nobody who would take `b` would not rather take `a`: as much of the same for as long, and as soon. */
function isNoWorse(a: Alternative, b: Alternative): boolean {
  return (
    isSameHardware(a, b) &&
    a.startMs <= b.startMs &&
    a.gpusPerNode >= b.gpusPerNode &&
    a.nodes >= b.nodes &&
    a.durationMs >= b.durationMs
  )
}

function isSameHardware(a: Alternative, b: Alternative): boolean {
  return a.clusterId === b.clusterId && a.instanceType === b.instanceType && a.gpuModel === b.gpuModel
}
