import type { Principal } from "../identity/index.ts"
import { authorize, workspaceNotFound } from "../identity/index.ts"
import type { Actor } from "../journal/index.ts"
import { createClaimMoves } from "./claim-moves.ts"
import type { QueueEntryView, QueuePart, QueuePlace, QueueService } from "./commands.ts"
import { createPlanCommitter } from "./commit-plan.ts"
import { createCrossings } from "./crossings.ts"
import { evict } from "./evict.ts"
import { createProvisioner } from "./commit-provisions.ts"
import { explainClaim } from "./explain.ts"
import { createHoldMoves } from "./hold-moves.ts"
import type { QueueOptions } from "./options.ts"
import { compareText } from "./order.ts"
import { refuseStrays, switchQueue } from "./pause.ts"
import type { ClaimId } from "./types.ts"

/** The queue: the one door through which claims are bound, evicted and released (DESIGN 4). */
export function createQueue(options: QueueOptions): QueueService {
  const { clock } = options
  const crossings = createCrossings()
  return {
    ...createClaimMoves(options.rows),
    ...createHoldMoves(options, crossings),
    ...createProvisioner(options),
    commitPlan: createPlanCommitter(options, crossings),
    list: async (principal, workspaceId, page) => {
      authorize(principal, "queue.get", { workspaceId })
      if (workspaceId !== null && !options.workspaces.find(workspaceId)) throw workspaceNotFound(workspaceId)
      const ids = workspaceId === null ? visibleQueues(options, principal) : [workspaceId]
      return partOf(options, ids, page, clock.nowMs())
    },
    explain: (principal, claimId, subject, state) =>
      explainClaim(options, principal, { claimId, subject, state }),
    pause: async (principal, workspaceId) => switchQueue(options, principal, workspaceId, true),
    async resume(principal, workspaceId, { force = false } = {}) {
      if (workspaceId === null && !force) await refuseStrays(options, principal)
      await switchQueue(options, principal, workspaceId, false)
    },
    evictFrom: (actor, nodeId) => evictFrom(options, actor, nodeId),
  }
}

/** Only what is shown is built: a queue may hold tens of thousands. */
function partOf(
  options: QueueOptions,
  workspaceIds: readonly string[],
  page: Parameters<QueueService["list"]>[2],
  nowMs: number,
): QueuePart {
  const { capacity } = options
  const { limit, after } = page
  const items: QueueEntryView[] = []
  for (const id of workspaceIds) {
    const order = after === null ? 1 : compareText(id, after.workspaceId)
    if (order < 0) continue
    const from = after && order === 0 ? indexAfter(options, after) : 0
    const claims = capacity.queue(id, from, from + limit - items.length + 1)
    for (const [at, claim] of claims.entries()) {
      if (items.length === limit) return { items, hasMore: true }
      items.push({ claim, position: from + at + 1, reasons: capacity.reasons(claim.id, nowMs) })
    }
  }
  return { items, hasMore: false }
}

/** The index of what follows; one that has left the queue has made room for its follower. */
function indexAfter({ capacity }: QueueOptions, after: QueuePlace): number {
  const position = capacity.position(after.claimId as ClaimId)
  const isHere = capacity.claim(after.claimId as ClaimId)?.workspaceId === after.workspaceId
  return position > 0 && isHere ? position : Math.max(0, after.position - 1)
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
