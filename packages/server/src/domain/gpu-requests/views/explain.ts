import type { Principal } from "../../identity/index.ts"
import type { GpuRequestReason } from "../board/board-types.ts"
import type { GpuRequestExplanation } from "../commands.ts"
import { requireVisible } from "../find-request.ts"
import type { GpuRequestsOptions } from "../options.ts"
import { instantText, listed, reasonSentence, stateSentences, type Blockers } from "./sentences.ts"
import { gpuRequestSubject } from "../tell.ts"
import type { GpuRequest, GpuRequestId, NodeHold } from "../types.ts"
import { viewOf } from "./view.ts"

const namedAhead = 20
const shownMoves = 20

type InTheWay = GpuRequestExplanation["inTheWay"][number]

/** See `GpuRequestService.explain`. */
export async function explainRequest(
  options: GpuRequestsOptions,
  principal: Principal,
  id: string,
): Promise<GpuRequestExplanation> {
  const { board, store, journal } = options
  const request = await requireVisible(options, principal, id, "gpu-request.get")
  const nowMs = options.clock.nowMs()
  const reason = request.state === "queued" ? board.reason(request.id, nowMs) : undefined
  const others = inTheWayOf(options, reason, nowMs)
  const inTheWay = others.filter((other) => principal.roleIn(other.workspaceId) !== null)
  const blockers = blockersOf(inTheWay, blockerIds(reason).length)
  const holds = board.holdsOf(request.id)
  return {
    ...viewOf(options, principal, request, nowMs),
    ...placeOf(options, principal, request),
    sentences: [
      ...(reason ? [reasonSentence(reason, blockers)] : []),
      ...stateSentences(request),
      ...drainSentences(options, holds),
    ],
    inTheWay,
    inTheWayHidden: blockers.hidden,
    holds,
    moves: await journal.latestEvents(store.committed, gpuRequestSubject(request), shownMoves),
  }
}

/** The sentence of a reason for the principal, with those in the way named or counted. */
export function explainReason(
  options: Pick<GpuRequestsOptions, "board" | "nodes">,
  principal: Principal,
  reason: GpuRequestReason,
  nowMs: number,
): string {
  const others = inTheWayOf(options, reason, nowMs)
  const visible = others.filter((other) => principal.roleIn(other.workspaceId) !== null)
  return reasonSentence(reason, blockersOf(visible, blockerIds(reason).length))
}

function blockersOf(visible: readonly InTheWay[], all: number): Blockers {
  return { shown: visible.map((other) => other.shownId), hidden: all - visible.length }
}

function blockerIds(reason: GpuRequestReason | undefined): readonly GpuRequestId[] {
  return reason && "requestIds" in reason ? reason.requestIds : []
}

/** The requests that a reason names, also those that the reader may not see. */
function inTheWayOf(
  { board, nodes }: Pick<GpuRequestsOptions, "board" | "nodes">,
  reason: GpuRequestReason | undefined,
  nowMs: number,
): readonly InTheWay[] {
  const names = new Map(nodes().map((node) => [node.id, node.name]))
  return blockerIds(reason).flatMap((id) => {
    const other = board.request(id)
    if (!other) return []
    const { shownId, workspaceId } = other
    if (other.state === "provisioned")
      return { shownId, workspaceId, untilMs: other.endsAtMs, nodes: other.nodes.map((node) => node.name) }
    const slot = board.slot(id, nowMs)
    const promised = slot?.nodeIds.map((nodeId) => names.get(nodeId) ?? nodeId) ?? []
    return { shownId, workspaceId, untilMs: slot?.endMs ?? null, nodes: promised }
  })
}

function placeOf(
  { board }: Pick<GpuRequestsOptions, "board">,
  principal: Principal,
  request: GpuRequest,
): Pick<GpuRequestExplanation, "position" | "ahead"> {
  const { position, ahead } = board.position(request.id, namedAhead)
  const visible = ahead.filter((other) => principal.roleIn(other.workspaceId) !== null)
  return {
    position,
    ahead: { ids: visible.map((other) => other.shownId), count: Math.max(0, position - 1) },
  }
}

function drainSentences(
  { nodes }: Pick<GpuRequestsOptions, "nodes">,
  holds: readonly NodeHold[],
): readonly string[] {
  const draining = holds.filter((hold) => hold.state === "draining")
  if (draining.length === 0) return []
  const ids = new Set(draining.map((hold) => hold.nodeId))
  const names = nodes()
    .filter((node) => ids.has(node.id))
    .map((node) => node.name)
  const untilMs = Math.max(...draining.map((hold) => hold.drainDeadlineMs ?? hold.untilMs))
  return [`What runs on ${listed(names)} is being ended, until ${instantText(untilMs)} at the latest.`]
}
