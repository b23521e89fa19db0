import type { Node } from "../../inventory/index.ts"
import type { Workspace } from "../../workspaces/index.ts"
import { createBoard } from "../board/board.ts"
import type { Board, Candidate } from "../board/board-types.ts"
import { isLive } from "../states.ts"
import type { GpuRequest, GpuRequestId } from "../types.ts"
import { createUsedShares } from "./used-shares.ts"

/** Planning for more takes too long for an answer: then no likely start is given. */
const mostLive = 1000
/** How long a plan is good for answers: so they cost one plan in a second, however many there are. */
const freshMs = 1000
/** For one that the plan does not know it is made anew sooner, by so much for each live request: it takes longer with more. */
const freshForNewMsEach = 0.5

/**
 * When requests are likely to start, beside when they start at the latest: the same plan, made as if everybody used
 * as much of the time asked for as those before did. Made when it is asked for and kept for a second; what is planned
 * and promised does not depend on it.
 */
export interface LikelyStarts {
  /** A live row, or one that has just ended. */
  requestChanged(request: GpuRequest): void
  /** The workspace is gone. */
  forget(workspaceId: string): void
  /**
   * Of a queued request: never later than its slot, and equal to that where nothing is known of the past; never before
   * now unless its slot is.
   * @param latestMs the start of its slot; null = it has none
   * @returns null where it has no slot, more requests are live than can be planned for an answer, or it is newer than
   * the plan that answers are made of (up to half a second)
   */
  startMs(id: GpuRequestId, latestMs: number | null, nowMs: number): number | null
  /** The same of a request that is only asked about. @param latestMs its start by the board's forecast */
  forecastMs(candidate: Candidate, latestMs: number | null, nowMs: number): number | null
}

export interface LikelyStartsOptions {
  /** The plan that promises are made by. */
  readonly board: Pick<Board, "hold">
  /** Nodes that are not removed. */
  readonly nodes: () => readonly Node[]
  readonly workspaces: () => Iterable<Workspace>
}

/** A plan with likely ends, as it was at an instant. */
interface LikelyPlan {
  readonly board: Board
  readonly atMs: number
}

export function createLikelyStarts(options: LikelyStartsOptions): LikelyStarts {
  const shares = createUsedShares()
  const live = new Map<GpuRequestId, GpuRequest>()
  let plan: LikelyPlan | undefined

  function isGood({ board, atMs }: LikelyPlan, nowMs: number, id: GpuRequestId | null): boolean {
    const ageMs = nowMs - atMs
    const isKnown = id === null || board.request(id) !== undefined
    return (
      ageMs >= 0 && ageMs < (isKnown ? freshMs : Math.min(freshMs, Math.floor(live.size * freshForNewMsEach)))
    )
  }

  function planFor(nowMs: number, id: GpuRequestId | null): LikelyPlan | undefined {
    if (live.size > mostLive) plan = undefined
    else if (!plan || !isGood(plan, nowMs, id)) {
      const rows = [...live.values()].map((request) =>
        asUsed(request, shares.expectedMs(request, nowMs), nowMs),
      )
      plan = { board: boardOf(options, rows), atMs: nowMs }
    }
    return plan
  }

  return {
    requestChanged(request) {
      if (isLive(request)) return void live.set(request.id, request)
      live.delete(request.id)
      shares.ended(request)
    },
    forget: (workspaceId) => shares.forget(workspaceId),
    startMs(id, latestMs, nowMs) {
      const likely = latestMs === null ? undefined : planFor(nowMs, id)
      if (latestMs === null || !likely?.board.request(id)) return null
      const slot = likely.board.slot(id, likely.atMs)
      return Math.min(latestMs, Math.max(nowMs, slot?.startMs ?? Infinity))
    },
    forecastMs(candidate, latestMs, nowMs) {
      const likely = latestMs === null ? undefined : planFor(nowMs, null)
      if (latestMs === null || !likely) return null
      const { workspaceId, durationMs } = candidate
      const expectedMs = shares.expectedMs({ ...neverHeld, workspaceId, durationMs }, nowMs)
      const forecast = likely.board.forecast({ ...candidate, durationMs: expectedMs }, likely.atMs)
      const startMs = forecast.kind === "slot" ? forecast.slot.startMs : Infinity
      return Math.min(latestMs, Math.max(nowMs, startMs))
    },
  }
}

const neverHeld = {
  state: "queued",
  remainingMs: null,
  heldBeforeMs: 0,
  startedAtMs: null,
  endsAtMs: null,
  automatic: null,
} as const

/** The row as if its time was up after so long. */
function asUsed(request: GpuRequest, expectedMs: number, nowMs: number): GpuRequest {
  if (request.state === "queued") return { ...request, remainingMs: expectedMs }
  const { endsAtMs } = request
  return endsAtMs === null ? request : { ...request, endsAtMs: Math.min(endsAtMs, nowMs + expectedMs) }
}

/** A board that knows nothing but these requests, with their ends, and what is there to hold. */
function boardOf({ board, nodes, workspaces }: LikelyStartsOptions, requests: readonly GpuRequest[]): Board {
  const made = createBoard()
  const endsMs = new Map(requests.map(({ id, endsAtMs }) => [id, endsAtMs]))
  for (const workspace of workspaces()) made.workspaceChanged(workspace, false)
  for (const node of nodes()) {
    made.nodeChanged(node)
    const hold = board.hold(node.id)
    if (!hold) continue
    const endMs = endsMs.get(hold.requestId) ?? hold.untilMs
    made.holdChanged({ ...hold, untilMs: Math.min(hold.untilMs, endMs) }, false)
  }
  for (const request of requests) made.requestChanged(request)
  return made
}
