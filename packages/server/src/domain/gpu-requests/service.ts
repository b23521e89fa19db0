import { authorize } from "../identity/index.ts"
import { accuracyOf } from "./views/accuracy.ts"
import { cancelRequest, changeRequest } from "./change-request.ts"
import type { GpuRequestService } from "./commands.ts"
import { createRequest } from "./create-request.ts"
import { estimateRequest } from "./views/estimate.ts"
import { explainRequest } from "./views/explain.ts"
import { extendRequest } from "./extend-request.ts"
import { createInventoryViews } from "./views/inventory-view.ts"
import type { GpuRequestsOptions } from "./options.ts"
import { timelineOf } from "./views/timeline.ts"
import { createViews } from "./views/view.ts"

const accuracySpanMs = 30 * 86_400_000
const mostOutcomes = 10_000

/** GPU requests: commands, rights and what is read of them. Nothing here plans, provisions or ends a hold. */
export function createGpuRequests(options: GpuRequestsOptions): GpuRequestService {
  const { store, rows, clock } = options
  return {
    create: (principal, wanted) => createRequest(options, principal, wanted),
    change: (principal, id, change) => changeRequest(options, principal, id, change),
    cancel: (principal, id) => cancelRequest(options, principal, id),
    release: (principal, id) => changeRequest(options, principal, id, { release: true }),
    extend: (principal, id, byMs) => extendRequest(options, principal, id, byMs),
    explain: (principal, id) => explainRequest(options, principal, id),
    estimate: (principal, wanted) => estimateRequest(options, principal, wanted),
    async accuracy(principal) {
      authorize(principal, "gpu-request.list", { workspaceId: null })
      const sinceMs = clock.nowMs() - accuracySpanMs
      return accuracyOf(await rows.outcomes(store.committed, sinceMs, mostOutcomes))
    },
    timeline: (principal, span) => timelineOf(options, principal, span),
    ...createViews(options),
    ...createInventoryViews(options),
  }
}
