import type {
  ExplainedReason,
  Explanation,
  QueueEntry,
  QueueEntryList,
  QueueResume,
  QueueSwitch,
  QueueSwitched,
} from "@berth/contract/berth"
import type { FastifyRequest } from "fastify"
import type { Principal } from "../../domain/identity/index.ts"
import {
  podSetsOf,
  podsOf,
  sentenceFor,
  type Explanation as Explained,
  type QueueEntryView,
  type QueuePlace,
  type Reason,
} from "../../domain/queue/index.ts"
import type { WorkloadDetail } from "../../domain/workloads/index.ts"
import { AppError } from "../../kit/errors.ts"
import type { Services } from "../services.ts"
import { instant, instantOrNull, toAmounts, toEvent, toReason } from "./map.ts"
import { base64ToText, textToBase64 } from "./opaque.ts"
import { createQueryReader } from "./query.ts"

/** The queue and why things wait in it; rights are the queue's, and the workloads' for `explain`. */
export function queueHandlers(services: Services) {
  const { queue, workloads } = services
  return {
    async listQueue(request: FastifyRequest): Promise<QueueEntryList> {
      const query = createQueryReader(request.query, ["limit", "cursor", "workspace"])
      const page = query.page()
      const workspace = query.text("workspace") ?? null
      query.check()
      const after = page.cursor === null ? null : placeAt(page.cursor)
      const { items, hasMore } = await queue.list(request.principal, workspace, { limit: page.limit, after })
      const last = items.at(-1)
      return {
        items: items.map((entry) => toEntry(services, request.principal, entry)),
        nextCursor: hasMore && last ? cursorOf(last) : null,
      }
    },
    async pauseQueue(request: FastifyRequest): Promise<QueueSwitched> {
      const { workspace = null } = request.body as QueueSwitch
      await queue.pause(request.principal, workspace)
      return { workspace, paused: true }
    },
    async resumeQueue(request: FastifyRequest): Promise<QueueSwitched> {
      const { workspace = null, force = false } = request.body as QueueResume
      await queue.resume(request.principal, workspace, { force })
      return { workspace, paused: false }
    },
    async explainWorkload(request: FastifyRequest): Promise<Explanation> {
      const { id } = request.params as { readonly id: string }
      const detail = await workloads.get(request.principal, id)
      const { workload, reasons, waitingClaimId } = detail
      const found = await queue.explain(
        request.principal,
        waitingClaimId,
        { kind: "workload", id: workload.id },
        workload.phase,
      )
      return {
        kind: "workload",
        id: workload.id,
        workspaceId: workload.workspaceId,
        state: found.state,
        // what has left the queue and not begun waits for its driver: the queue has no reason of that
        reasons:
          found.reasons.length > 0 ? found.reasons.map(toExplainedReason) : reasons.map(withoutHolders),
        position: found.position,
        ahead: { ids: [...found.ahead.ids], count: found.ahead.count },
        waitingSince: instantOrNull(found.waitingSinceMs),
        schedule: toSchedule(detail),
        madeBy: workload.spec.madeBy ?? null,
        moves: found.moves.map(toEvent),
      }
    },
  }
}

/** With who is in the way, as far as the reader may see it. */
export function toExplainedReason(reason: Explained["reasons"][number]): ExplainedReason {
  const inTheWay = { ids: reason.holders, hidden: reason.holdersHidden }
  return { ...toReason(reason, inTheWay), sentence: reason.sentence }
}

function toSchedule({ workload, lastMade }: WorkloadDetail): Explanation["schedule"] {
  const { phase, schedule } = workload
  if (schedule === null) return null
  return {
    next: phase === "Pending" ? instant(schedule.nextAtMs) : null,
    last: instantOrNull(schedule.lastAtMs),
    workload: lastMade?.id ?? null,
    phase: lastMade?.phase ?? null,
  }
}

function withoutHolders(reason: Reason): Explanation["reasons"][number] {
  const sentence = sentenceFor(reason, { shown: [], hidden: 0 })
  return { ...toReason(reason, { ids: [], hidden: 0 }), sentence }
}

function cursorOf({ claim, position }: QueueEntryView): string {
  return textToBase64(`${claim.workspaceId}\u0000${position}\u0000${claim.id}`)
}

/** @throws AppError `invalid` for a cursor that no list of the queue gave */
function placeAt(cursor: string): QueuePlace {
  const [workspaceId = "", position = "", claimId] = base64ToText(cursor)?.split("\u0000") ?? []
  if (/^\d{1,9}$/.test(position) && claimId !== undefined)
    return { workspaceId, position: Number(position), claimId }
  throw new AppError("invalid", "The query does not have the right form.", {
    issues: [{ path: ["cursor"], message: "is not a cursor of this list" }],
  })
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
    pods: podsOf(claim),
    size: toAmounts(claim.size),
    sets: podSetsOf(claim).map(({ pods, size }) => ({ pods, size: toAmounts(size) })),
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
