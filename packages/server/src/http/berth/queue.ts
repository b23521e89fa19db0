import type {
  Explanation,
  QueueEntry,
  QueueEntryList,
  QueueSwitch,
  QueueSwitched,
} from "@berth/contract/berth"
import type { FastifyRequest } from "fastify"
import type { Principal } from "../../domain/identity/index.ts"
import { sentenceFor, type QueueEntryView, type Reason } from "../../domain/queue/index.ts"
import type { Services } from "../services.ts"
import { instant, instantOrNull, toAmounts, toEvent, toReason } from "./map.ts"
import { createQueryReader, pageOf } from "./query.ts"

/** Positions are compared as text. */
const positionDigits = 9

/** The queue and why things wait in it; rights are the queue's, and the workloads' for `explain`. */
export function queueHandlers(services: Services) {
  const { queue, workloads } = services
  const turn =
    (paused: boolean) =>
    async (request: FastifyRequest): Promise<QueueSwitched> => {
      const workspace = (request.body as QueueSwitch).workspace ?? null
      if (paused) await queue.pause(request.principal, workspace)
      else await queue.resume(request.principal, workspace)
      return { workspace, paused }
    }
  return {
    async listQueue(request: FastifyRequest): Promise<QueueEntryList> {
      const query = createQueryReader(request.query, ["limit", "cursor", "workspace"])
      const page = query.page()
      const workspace = query.text("workspace") ?? null
      query.check()
      const entries = await queue.list(request.principal, workspace)
      const cut = pageOf(entries, placeOf, page)
      return { ...cut, items: cut.items.map((entry) => toEntry(services, request.principal, entry)) }
    },
    pauseQueue: turn(true),
    resumeQueue: turn(false),
    async explainWorkload(request: FastifyRequest): Promise<Explanation> {
      const { id } = request.params as { readonly id: string }
      const { workload, reasons } = await workloads.get(request.principal, id)
      const found = await queue.explain(request.principal, workload.claimId, workload.id, workload.phase)
      return {
        kind: "workload",
        id: workload.id,
        workspaceId: workload.workspaceId,
        state: found.state,
        // what has left the queue and not begun waits for its driver: the queue has no reason of that
        reasons:
          found.reasons.length > 0
            ? found.reasons.map((reason) => ({
                ...toReason(reason, { ids: reason.holders, hidden: reason.holdersHidden }),
                sentence: reason.sentence,
              }))
            : reasons.map(withoutHolders),
        position: found.position,
        ahead: { ids: [...found.ahead.ids], count: found.ahead.count },
        waitingSince: instantOrNull(found.waitingSinceMs),
        moves: found.moves.map(toEvent),
      }
    },
  }
}

function withoutHolders(reason: Reason): Explanation["reasons"][number] {
  const sentence = sentenceFor(reason, { shown: [], hidden: 0 })
  return { ...toReason(reason, { ids: [], hidden: 0 }), sentence }
}

function placeOf(entry: QueueEntryView): string {
  return `${entry.claim.workspaceId}\u0000${String(entry.position).padStart(positionDigits, "0")}\u0000${entry.claim.id}`
}

function toEntry(services: Services, principal: Principal, entry: QueueEntryView): QueueEntry {
  const { claim } = entry
  return {
    workspaceId: claim.workspaceId,
    position: entry.position,
    workloadId: claim.owner.shownId,
    userId: claim.owner.userId,
    userName: services.directory.user(claim.owner.userId)?.name ?? claim.owner.userId,
    priority: claim.priority,
    pods: claim.pods,
    size: toAmounts(claim.size),
    rescheduled: claim.rescheduled,
    queuedAt: instant(claim.queuedAtMs),
    waitingSince: instantOrNull(claim.reasonSinceMs),
    reasons: entry.reasons.map((reason) => toReason(reason, inTheWay(services, principal, reason))),
  }
}

/** Claims in other workspaces are counted, not named. */
function inTheWay({ capacity }: Services, principal: Principal, reason: Reason) {
  const ids = new Set<string>()
  let hidden = 0
  for (const claimId of reason.claimIds ?? []) {
    const claim = capacity.claim(claimId)
    if (!claim) continue
    if (principal.roleIn(claim.workspaceId) === null) hidden += 1
    else ids.add(claim.owner.shownId)
  }
  return { ids: [...ids], hidden }
}
