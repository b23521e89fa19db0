import { authorize, type Principal } from "../../identity/index.ts"
import type { Page } from "../../journal/index.ts"
import type { GpuRequestReason } from "../board/board-types.ts"
import type { GpuRequestService, GpuRequestView } from "../commands.ts"
import { costOf } from "./cost.ts"
import { requireWorkspace } from "../create-request.ts"
import { requireVisible } from "../find-request.ts"
import type { GpuRequestsOptions } from "../options.ts"
import type { GpuRequest } from "../types.ts"

const mostListed = 10_000

type Reads = Pick<GpuRequestService, "get" | "listIn" | "page" | "queue">

/** Requests with what is computed at the moment of reading: slot, reason, cost. */
export function createViews(options: GpuRequestsOptions): Reads {
  const { store, rows, board } = options

  const views = (principal: Principal, requests: readonly GpuRequest[]) => {
    const nowMs = options.clock.nowMs()
    return requests.map((request) => viewOf(options, principal, request, nowMs))
  }

  return {
    async get(principal, id) {
      const request = await requireVisible(options, principal, id, "gpu-request.get")
      return viewOf(options, principal, request, options.clock.nowMs())
    },

    async listIn(principal, workspaceId) {
      authorize(principal, "gpu-request.list", { workspaceId })
      requireWorkspace(options, workspaceId)
      return views(principal, await rows.listIn(store.committed, workspaceId, mostListed))
    },

    async page(principal, { workspaceId, states }, limit, cursor): Promise<Page<GpuRequestView>> {
      authorize(principal, "gpu-request.list", { workspaceId: workspaceId ?? null })
      const workspaces = workspaceId === undefined ? principal.workspaces() : [workspaceId]
      if (workspaces?.length === 0) return { items: [], nextCursor: null }
      const filter = { workspaces, ...(states === undefined ? {} : { states }) }
      const { items, nextCursor } = await rows.page(store.committed, filter, limit, cursor)
      return { items: views(principal, items), nextCursor }
    },

    async queue(principal, limit) {
      authorize(principal, "gpu-request.list", { workspaceId: null })
      const visible = board
        .live()
        .filter(({ state, workspaceId }) => state === "queued" && principal.roleIn(workspaceId) !== null)
      const nowMs = options.clock.nowMs()
      return visible.slice(0, limit).map((request) => ({
        ...viewOf(options, principal, request, nowMs),
        position: board.position(request.id, 0).position,
      }))
    },
  }
}

/** A request as the principal sees it at this instant. */
export function viewOf(
  options: Pick<GpuRequestsOptions, "board" | "settings" | "likely">,
  principal: Principal,
  request: GpuRequest,
  nowMs: number,
): GpuRequestView {
  const cost = costOf(request, options.settings.prices(), nowMs)
  if (request.state !== "queued") return { request, slot: null, likelyStartMs: null, reasons: [], cost }
  const { board, likely } = options
  const reason = board.reason(request.id, nowMs)
  const reasons = reason ? [shownReason(options, principal, reason)] : []
  const slot = board.slot(request.id, nowMs) ?? null
  return {
    request,
    slot,
    likelyStartMs: likely.startMs(request.id, slot?.startMs ?? null, nowMs),
    reasons,
    cost,
  }
}

/** The reason without the ids of requests that the principal may not see. */
export function shownReason(
  { board }: Pick<GpuRequestsOptions, "board">,
  principal: Principal,
  reason: GpuRequestReason,
): GpuRequestReason {
  if (!("requestIds" in reason)) return reason
  const requestIds = reason.requestIds.filter((id) => {
    const other = board.request(id)
    return other !== undefined && principal.roleIn(other.workspaceId) !== null
  })
  return requestIds.length === reason.requestIds.length ? reason : { ...reason, requestIds }
}
