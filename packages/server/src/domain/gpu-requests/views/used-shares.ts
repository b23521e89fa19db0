import { firstNotBefore } from "../board/request-order.ts"
import type { GpuRequest } from "../types.ts"

/** So many of the latest ends count, of one workspace and of all. */
const mostOfOne = 200
const mostOfAll = 1000
/** With fewer nothing is said: a handful says more of chance than of habit. */
const leastSamples = 8

/** How much of the time that they asked for requests have used; in memory, of the latest ends. */
export interface UsedShares {
  /** Takes over one that has ended by itself or by its owner; others say nothing of what they would have used. */
  ended(request: GpuRequest): void
  /** The workspace is gone. What it used still counts for all. */
  forget(workspaceId: string): void
  /**
   * How much longer the request will hold nodes, or will once it starts; milliseconds, never more than it has left.
   * The median of what is known of its workspace that held longer than it has by now, else of all; where too little
   * is known all that is left.
   */
  expectedMs(request: Expected, nowMs: number): number
}

/** What tells how long a request is to hold nodes. */
export type Expected = Pick<
  GpuRequest,
  | "workspaceId"
  | "state"
  | "durationMs"
  | "remainingMs"
  | "heldBeforeMs"
  | "startedAtMs"
  | "endsAtMs"
  | "automatic"
>

export function createUsedShares(): UsedShares {
  const all = { asked: createSamples(mostOfAll), open: createSamples(mostOfAll) }
  const ofWorkspace = new Map<string, typeof all>()

  function samplesOf(workspaceId: string): typeof all {
    const known = ofWorkspace.get(workspaceId)
    if (known) return known
    const made = { asked: createSamples(mostOfOne), open: createSamples(mostOfOne) }
    ofWorkspace.set(workspaceId, made)
    return made
  }

  return {
    ended(request) {
      const share = shareOf(request)
      if (share === undefined) return
      const kind = kindOf(request)
      all[kind].add(share)
      samplesOf(request.workspaceId)[kind].add(share)
    },
    forget: (workspaceId) => void ofWorkspace.delete(workspaceId),
    expectedMs(request, nowMs) {
      const { leftMs, usedMs, askedMs } = timesOf(request, nowMs)
      if (askedMs <= 0) return leftMs
      const kind = kindOf(request)
      const usedShare = usedMs / askedMs
      const share =
        ofWorkspace.get(request.workspaceId)?.[kind].medianAbove(usedShare) ??
        all[kind].medianAbove(usedShare)
      if (share === undefined) return leftMs
      return Math.min(leftMs, Math.max(1, Math.round(share * askedMs - usedMs)))
    },
  }
}

/** Automatic ones without an end of their own are measured by their step, and among themselves. */
function kindOf({ automatic }: Pick<GpuRequest, "automatic">): "asked" | "open" {
  return automatic && !automatic.hasEnd ? "open" : "asked"
}

function timesOf(request: Expected, nowMs: number) {
  const { startedAtMs, endsAtMs, durationMs, remainingMs, heldBeforeMs, automatic } = request
  const isHolding = request.state === "provisioned" && startedAtMs !== null && endsAtMs !== null
  const leftMs = isHolding ? Math.max(0, endsAtMs - nowMs) : (remainingMs ?? durationMs)
  const usedMs = heldBeforeMs + (isHolding ? Math.max(0, nowMs - startedAtMs) : 0)
  const askedMs = automatic && !automatic.hasEnd ? automatic.stepMs : usedMs + leftMs
  return { leftMs, usedMs, askedMs }
}

/** Ends that say how long the nodes were wanted. */
const ownEnds: ReadonlySet<GpuRequest["cause"]> = new Set(["duration", "released", "work_over", "idle"])

/** undefined = its end says nothing. More than 1 only of automatic ones that were extended. */
function shareOf(request: GpuRequest): number | undefined {
  const { cause, startedAtMs, endsAtMs, endedAtMs, heldBeforeMs, automatic } = request
  if (startedAtMs === null || endsAtMs === null || endedAtMs === null || !ownEnds.has(cause)) return undefined
  const heldMs = heldBeforeMs + endedAtMs - startedAtMs
  const isOpen = automatic !== null && !automatic.hasEnd
  const askedMs = isOpen ? automatic.stepMs : heldBeforeMs + endsAtMs - startedAtMs
  if (heldMs <= 0 || askedMs <= 0) return undefined
  return isOpen ? heldMs / askedMs : Math.min(1, heldMs / askedMs)
}

interface Samples {
  add(share: number): void
  /** The median of those above; undefined when too few are. */
  medianAbove(share: number): number | undefined
}

function createSamples(most: number): Samples {
  const latest: number[] = []
  let sorted: number[] | undefined
  return {
    add(share) {
      latest.push(share)
      if (latest.length > most) latest.shift()
      sorted = undefined
    },
    medianAbove(share) {
      sorted ??= latest.toSorted((a, b) => a - b)
      const from = firstNotBefore(sorted, (one) => one <= share)
      const count = sorted.length - from
      return count < leastSamples ? undefined : sorted[from + Math.ceil(count / 2) - 1]
    },
  }
}
