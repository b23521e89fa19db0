import { authorize, type Principal } from "../identity/index.ts"
import { alternativesTo } from "./alternatives.ts"
import type { Candidate, Forecast } from "./board-types.ts"
import { checkRequest } from "./checks.ts"
import type { GpuEstimate, GpuRequestService } from "./commands.ts"
import { requireWorkspace, wishOf } from "./create-request.ts"
import { explainReason } from "./explain.ts"
import type { GpuRequestsOptions } from "./options.ts"
import { workspaceDeleting } from "./refusals.ts"
import { instantText, lengthText, listed } from "./sentences.ts"
import { shownReason } from "./view.ts"

/** See `GpuRequestService.estimate`: what would happen to such a request now. Writes nothing. */
export async function estimateRequest(
  options: GpuRequestsOptions,
  principal: Principal,
  wanted: Parameters<GpuRequestService["estimate"]>[1],
): Promise<GpuEstimate> {
  const { board, clock, limits, clusters } = options
  const { workspaceId, priority, durationMs } = wanted
  authorize(principal, "gpu-request.estimate", { workspaceId, ownerId: principal.userId })
  const workspace = requireWorkspace(options, workspaceId)
  if (workspace.state !== "active") throw workspaceDeleting(workspaceId)
  const wish = wishOf(wanted, checkRequest(wanted, { limits, clusters, workspace }))
  const candidate: Candidate = { workspaceId, wish, priority, durationMs }
  const nowMs = clock.nowMs()
  const forecast = board.forecast(candidate, nowMs)
  return {
    ...answerTo(options, principal, forecast, nowMs),
    alternatives: alternativesTo(board, { candidate, forecast, clusters: workspace.clusters, nowMs }),
  }
}

function answerTo(
  options: GpuRequestsOptions,
  principal: Principal,
  forecast: Forecast,
  nowMs: number,
): Omit<GpuEstimate, "alternatives"> {
  if (forecast.kind === "never") {
    const { reason } = forecast
    return {
      outcome: "never",
      startMs: null,
      waitMs: null,
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
  const sentence =
    waitMs === 0
      ? `It would start at once ${where}.`
      : `It would start in about ${lengthText(waitMs)}, at ${instantText(startMs)}, ${where}.`
  return {
    outcome: waitMs === 0 ? "now" : "later",
    startMs: Math.max(nowMs, startMs),
    waitMs,
    clusterId,
    nodes,
    reason: null,
    sentence,
    nearest: null,
  }
}
