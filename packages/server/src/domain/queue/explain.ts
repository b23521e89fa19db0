import type { GpuRequest } from "../gpu-requests/index.ts"
import type { Principal } from "../identity/index.ts"
import { isAllowed } from "../identity/index.ts"
import type { Subject } from "../journal/index.ts"
import type { Explanation } from "./commands.ts"
import type { QueueOptions } from "./options.ts"
import { sentenceFor } from "./sentences.ts"
import type { Claim, ClaimId, Reason } from "./types.ts"

const namedAhead = 20
const shownMoves = 20

/** What `QueueService.explain` answers. */
export async function explainClaim(
  options: Pick<QueueOptions, "store" | "capacity" | "clock" | "journal" | "reservations">,
  principal: Principal,
  asked: { readonly claimId: ClaimId | null; readonly subject: Subject; readonly state: string },
): Promise<Explanation> {
  const { capacity } = options
  const claim = asked.claimId === null ? undefined : capacity.claim(asked.claimId)
  const waiting = claim?.state === "wanted" ? claim : undefined
  const reasons = waiting ? capacity.reasons(waiting.id, options.clock.nowMs()) : []
  const position = waiting ? capacity.position(waiting.id) : 0
  const ahead = waiting ? capacity.queue(waiting.workspaceId, 0, Math.min(namedAhead, position - 1)) : []
  const moves = await options.journal.latestEvents(options.store.committed, asked.subject, shownMoves)
  return {
    state: asked.state,
    reasons: reasons.map((reason) => withHolders(options, principal, reason)),
    position,
    ahead: {
      ids: ahead.filter((other) => maySee(principal, other)).map((other) => other.owner.shownId),
      count: Math.max(0, position - 1),
    },
    waitingSinceMs: waiting ? (waiting.reasonSinceMs ?? waiting.queuedAtMs) : null,
    moves,
  }
}

function withHolders(
  options: Pick<QueueOptions, "capacity" | "reservations">,
  principal: Principal,
  reason: Reason,
): Explanation["reasons"][number] {
  const claims = (reason.claimIds ?? []).flatMap((id) => options.capacity.claim(id) ?? [])
  const holders = claims.filter((claim) => maySee(principal, claim)).map((claim) => claim.owner.shownId)
  const requests = (reason.requestIds ?? []).flatMap((id) => options.reservations.request(id) ?? [])
  const gpuRequests = requests.filter((one) => maySeeRequest(principal, one)).map((one) => one.shownId)
  const hiddenRequests = requests.length - gpuRequests.length
  const holdersHidden = claims.length - holders.length
  const inTheWay = { shown: [...holders, ...gpuRequests], hidden: holdersHidden + hiddenRequests }
  const sentence = sentenceFor(reason, inTheWay)
  return { ...reason, sentence, holders, gpuRequests, holdersHidden: holdersHidden + hiddenRequests }
}

function maySeeRequest(principal: Principal, { workspaceId }: GpuRequest): boolean {
  return isAllowed(principal, "gpu-request.get", { workspaceId })
}

function maySee(principal: Principal, claim: Claim): boolean {
  return isAllowed(principal, "workload.get", { workspaceId: claim.workspaceId, ownerId: claim.owner.userId })
}
