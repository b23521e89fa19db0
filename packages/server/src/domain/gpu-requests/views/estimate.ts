import { authorize, type Principal } from "../../identity/index.ts"
import { alternativesTo } from "./alternatives.ts"
import type { Candidate, Forecast } from "../board/board-types.ts"
import { checkRequest } from "../checks.ts"
import type { GpuEstimate, GpuRequestService } from "../commands.ts"
import { requireWorkspace, wishOf } from "../create-request.ts"
import { explainReason } from "./explain.ts"
import type { GpuRequestsOptions } from "../options.ts"
import { refuseDeleting } from "../../workspaces/index.ts"
import { instantText, lengthText, listed } from "./sentences.ts"
import { shownReason } from "./view.ts"

/** A likely start that is so little earlier is as good as the promised one. */
const worthSayingMs = 60_000

/** See `GpuRequestService.estimate`: what would happen to such a request now. Writes nothing. */
export async function estimateRequest(
  options: GpuRequestsOptions,
  principal: Principal,
  wanted: Parameters<GpuRequestService["estimate"]>[1],
): Promise<GpuEstimate> {
  const { board, likely, clock, limits, clusters } = options
  const { workspaceId, priority, durationMs } = wanted
  authorize(principal, "gpu-request.estimate", { workspaceId, ownerId: principal.userId })
  const workspace = requireWorkspace(options, workspaceId)
  refuseDeleting(workspace)
  const wish = wishOf(wanted, checkRequest(wanted, { limits, clusters, workspace }))
  const candidate: Candidate = { workspaceId, wish, priority, durationMs }
  const nowMs = clock.nowMs()
  const forecast = board.forecast(candidate, nowMs)
  const latestMs = forecast.kind === "slot" ? forecast.slot.startMs : null
  const likelyMs = likely.forecastMs(candidate, latestMs, nowMs)
  return {
    ...answerTo(options, principal, forecast, { likelyMs, nowMs }),
    alternatives: alternativesTo(board, { candidate, forecast, clusters: workspace.clusters, nowMs }),
  }
}

function answerTo(
  options: GpuRequestsOptions,
  principal: Principal,
  forecast: Forecast,
  { likelyMs, nowMs }: { readonly likelyMs: number | null; readonly nowMs: number },
): Omit<GpuEstimate, "alternatives"> {
  if (forecast.kind === "never") {
    const { reason } = forecast
    return {
      outcome: "never",
      startMs: null,
      waitMs: null,
      likelyStartMs: null,
      clusterId: null,
      nodes: [],
      reason: shownReason(options, principal, reason),
      sentence: explainReason(options, principal, reason, nowMs),
      nearest: reason.code === "cannot_be_met" ? reason.nearest : null,
    }
  }
  const { startMs, clusterId, nodeIds } = forecast.slot
  const names = new Map(options.nodes().map((node) => [node.id, node.name]))
  const nodes = nodeIds.map((id) => names.get(id) ?? id)
  const waitMs = Math.max(0, startMs - nowMs)
  const where = `on ${listed(nodes)} in cluster ${clusterId}`
  const sentence = `${startSentence({ startMs, likelyMs, nowMs })} ${where}.`
  return {
    outcome: waitMs === 0 ? "now" : "later",
    startMs: Math.max(nowMs, startMs),
    waitMs,
    likelyStartMs: likelyMs === null ? null : Math.max(nowMs, likelyMs),
    clusterId,
    nodes,
    reason: null,
    sentence,
    nearest: null,
  }
}

function startSentence(at: {
  readonly startMs: number
  readonly likelyMs: number | null
  readonly nowMs: number
}): string {
  const { startMs, likelyMs, nowMs } = at
  const [wait, instant] = [lengthText(startMs - nowMs), instantText(startMs)]
  if (startMs <= nowMs) return "It would start at once"
  if (likelyMs === null || startMs - likelyMs < worthSayingMs)
    return `It would start in about ${wait}, at ${instant},`
  const likely = likelyMs <= nowMs ? "at once" : `in ${lengthText(likelyMs - nowMs)}`
  return `It would start in ${wait} at the latest, at ${instant}, likely ${likely},`
}
