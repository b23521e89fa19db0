import { candidatesFor } from "./candidates.ts"
import type { Entry } from "./order.ts"
import { indexInOrder } from "./order.ts"
import { placeGang } from "./placement.ts"
import { leavingFor } from "./preemption.ts"
import { gateReasons, refuse } from "./refusal.ts"
import type { Look } from "./turn.ts"
import { blockerOf, runTurn } from "./turn.ts"
import type { ClaimId, Reason } from "./types.ts"
import type { WorkspaceQueue, World } from "./world.ts"
import { isHalted } from "./world.ts"

/**
 * Why a claim waits, most decisive first; empty when it does not wait, and in the moment between
 * something having become free and the plan that gives it away.
 */
export function reasonsOf(world: World, id: ClaimId, nowMs: number): Reason[] {
  const claim = world.claims.get(id)
  if (claim?.state !== "wanted") return []
  const queue = world.workspaces.get(claim.workspaceId)
  const entry = queue?.order[indexInOrder(queue.order, claim)]
  if (!queue || !entry) return []
  const reasons = gateReasons(claim, nowMs)
  if (isHalted(world, queue)) reasons.push({ code: "queue_paused" })
  return reasons.length > 0 ? reasons : waitReasons(world, queue, entry, nowMs)
}

function waitReasons(world: World, queue: WorkspaceQueue, entry: Entry, nowMs: number): Reason[] {
  const look = currentLook(world, queue, nowMs)
  const reasons: Reason[] = []
  const isFifo = queue.workspace?.policy.queuePolicy !== "balance"
  const blocker = blockerOf(look.blockers, entry, isFifo)
  if (blocker) reasons.push(blocker.reason)
  const { claim, shape } = entry
  const candidates = candidatesFor(world, queue, shape)
  if (candidates.holds.usable && placeGang(candidates, shape, claim.id)) return reasons
  if (claim.nominated.length > 0) reasons.push(victimsReason(world, entry))
  const refused = refuse(world, queue, { shape, id: claim.id }, true)
  return [...reasons, refused.reason]
}

function victimsReason(world: World, entry: Entry): Reason {
  const { nominated } = entry.claim
  const names = nominated.map(({ nodeId }) => world.ledgers.get(nodeId)?.node?.name ?? "")
  const leaving = leavingFor(world, entry.claim)
  return {
    code: "waiting_for_victims",
    nodes: [...new Set(names.filter((name) => name !== ""))],
    ...(leaving.length > 0 ? { claimIds: leaving } : {}),
  }
}

/** The last look where nothing has changed since, else a new one at this queue alone. */
function currentLook(world: World, queue: WorkspaceQueue, nowMs: number): Look {
  if (queue.look?.changes === queue.changes) return queue.look.found
  const { looks } = runTurn(world, [queue], nowMs, Infinity)
  const found = looks.get(queue)?.look ?? { blockers: [] }
  queue.look = { changes: queue.changes, found }
  return found
}
