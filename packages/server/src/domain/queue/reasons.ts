import { placesFor } from "./joining.ts"
import type { Entry } from "./order.ts"
import { indexInOrder } from "./order.ts"
import { placeGang } from "./placement.ts"
import { leavingFor } from "./preemption.ts"
import type { Refused } from "./refusal.ts"
import { gateReasons, refuse } from "./refusal.ts"
import { pendingReason, refuseOne } from "./reservation-reasons.ts"
import type { Look } from "./turn.ts"
import { blockerOf, runTurn } from "./turn.ts"
import { restoredSentence } from "./sentences.ts"
import type { ClaimId, Reason } from "./types.ts"
import type { WorkspaceQueue, World } from "./world.ts"
import { gateIndex, isHalted } from "./world.ts"

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
  if (isHalted(world, queue)) reasons.push(pausedReason(world))
  return reasons.length > 0 ? reasons : waitReasons(world, queue, entry, nowMs)
}

function pausedReason(world: World): Reason {
  const { paused, restoredFromMs } = world.control
  if (!paused || restoredFromMs === null) return { code: "queue_paused" }
  return { code: "queue_paused", detail: restoredSentence(restoredFromMs) }
}

function waitReasons(world: World, queue: WorkspaceQueue, entry: Entry, nowMs: number): Reason[] {
  const look = currentLook(world, queue, nowMs)
  const reasons: Reason[] = []
  const isFifo = queue.workspace?.policy.queuePolicy !== "balance"
  const blocker = blockerOf(look.blockers, entry, isFifo)
  if (blocker) reasons.push(blocker.reason)
  const base = refusalOf(world, queue, entry, nowMs)
  if (!base) return reasons
  if (entry.shape.nominee !== null) reasons.push(victimsReason(world, entry))
  const { reason } = refuseOne(world, queue, entry, base, nowMs)
  reasons.push(reason)
  const pending = entry.shape.size.gpus > 0 ? pendingReason(world, queue, entry, nowMs) : undefined
  return pending?.requestIds && reason.code !== pending.code ? [...reasons, pending] : reasons
}

/** Who has what the shape is short of; null when it would fit now. */
function refusalOf(world: World, queue: WorkspaceQueue, entry: Entry, nowMs: number): Refused | null {
  if (queue.refusalsEpoch !== world.epoch) {
    queue.refusals.clear()
    queue.refusalsEpoch = world.epoch
  }
  const { claim, shape } = entry
  const known = queue.refusals.get(shape.key)
  if (known !== undefined) return known
  const candidates = placesFor(world, queue, entry, nowMs)
  const fits = candidates.holds.usable && placeGang(candidates, shape, claim.id) !== undefined
  const refused = fits ? null : refuse(world, queue, { shape, id: claim.id }, true)
  queue.refusals.set(shape.key, refused)
  return refused
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
  const { look, changes } = queue
  const { takings } = world
  const isSame = look?.changes === changes && look.takings === takings
  if (look && isSame && areGatesAsThen(world, look.nowMs, nowMs)) return look.found
  const { looks } = runTurn(world, [queue], nowMs, Infinity)
  const found = looks.get(queue)?.look ?? { blockers: [], isWaiting: false }
  queue.look = { found, changes, takings, nowMs }
  return found
}

/** Whether no gate has opened, or shut again, between the two instants. */
function areGatesAsThen(world: World, thenMs: number, nowMs: number): boolean {
  return thenMs === nowMs || gateIndex(world, thenMs + 1, "") === gateIndex(world, nowMs + 1, "")
}
