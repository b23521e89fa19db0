import type { Principal } from "../identity/index.ts"
import { authorize, workspaceNotFound } from "../identity/index.ts"
import type { Actor } from "../journal/index.ts"
import { createClaimMoves } from "./claim-moves.ts"
import type { QueueEntryView, QueueService } from "./commands.ts"
import { createPlanCommitter, evict } from "./commit-plan.ts"
import { explainClaim } from "./explain.ts"
import type { QueueOptions } from "./options.ts"
import { compareText } from "./order.ts"
import { switchQueue } from "./pause.ts"

/** The queue: the one door through which claims are bound, evicted and released (DESIGN 4). */
export function createQueue(options: QueueOptions): QueueService {
  const { clock } = options
  return {
    ...createClaimMoves(options.rows),
    commitPlan: createPlanCommitter(options),
    list: async (principal, workspaceId) => {
      authorize(principal, "queue.get", { workspaceId })
      if (workspaceId !== null && !options.workspaces.find(workspaceId)) throw workspaceNotFound(workspaceId)
      const nowMs = clock.nowMs()
      const ids = workspaceId === null ? visibleQueues(options, principal) : [workspaceId]
      return ids.flatMap((id) => entriesOf(options, id, nowMs))
    },
    explain: (principal, claimId, subjectId, state) =>
      explainClaim(options, principal, { claimId, subjectId, state }),
    pause: async (principal, workspaceId) => switchQueue(options, principal, workspaceId, true),
    resume: async (principal, workspaceId) => switchQueue(options, principal, workspaceId, false),
    evictFrom: (actor, nodeId) => evictFrom(options, actor, nodeId),
  }
}

function entriesOf(options: QueueOptions, workspaceId: string, nowMs: number): QueueEntryView[] {
  const { capacity } = options
  return capacity.queue(workspaceId).map((claim, at) => ({
    claim,
    position: at + 1,
    reasons: capacity.reasons(claim.id, nowMs),
  }))
}

/** The queues that the principal may see and in which something waits, by id. */
function visibleQueues({ capacity }: QueueOptions, principal: Principal): string[] {
  const visible = principal.workspaces()
  return capacity
    .queuedWorkspaces()
    .filter((id) => visible === null || visible.includes(id))
    .toSorted(compareText)
}

/** Every bound claim on the node has to leave it; its owners queue anew. One transaction; idempotent. */
function evictFrom(options: QueueOptions, actor: Actor, nodeId: string): Promise<number> {
  const { capacity, rows, store, clock } = options
  const ids = capacity.holders(nodeId).map((claim) => claim.id)
  const nowMs = clock.nowMs()
  return store.tx(async (tx) => {
    let evicted = 0
    for (const id of ids) {
      const claim = await rows.byId(tx, id)
      if (claim?.state !== "bound") continue
      await evict(options, tx, claim, { cause: "stopped", by: null, nowMs })
      evicted++
    }
    if (evicted > 0)
      await tx.emit({
        type: "node.evicted",
        subject: { kind: "node", id: nodeId },
        workspace: null,
        actor,
        atMs: nowMs,
        data: { claims: evicted },
      })
    return evicted
  })
}
