import type { Candidates } from "./candidates.ts"
import { candidatesFor, together } from "./candidates.ts"
import type { NodeLedger } from "./node-ledger.ts"
import type { Entry } from "./order.ts"
import type { WorkspaceQueue, World } from "./world.ts"

/**
 * Where an entry may go, leaving aside what is taken: its shape's candidates, without the nodes of GPU requests that
 * it may not join. It joins one when the workspace's policy says so, when the request is there for work like it, or
 * when its time is up before the request's (DESIGN 4).
 */
export function placesFor(world: World, queue: WorkspaceQueue, entry: Entry, nowMs: number): Candidates {
  const candidates = candidatesFor(world, queue, entry.shape)
  if (entry.shape.size.gpus === 0 || queue.workspace?.policy.joinGpuRequests !== false) return candidates
  const { runsForMs } = entry.claim
  const joins = ({ hold }: NodeLedger) =>
    !hold || hold.automatic || (runsForMs !== null && nowMs + runsForMs <= hold.untilMs)
  if (candidates.usable.every(joins)) return candidates
  if (candidates.sets.length === 0) return only(candidates, joins)
  // its pods without GPUs too: where one of its nodes is taken back, all of it ends
  return together(
    candidates.sets.map((set) => only(set, joins)),
    candidates.holds,
  )
}

function only(candidates: Candidates, joins: (ledger: NodeLedger) => boolean): Candidates {
  return {
    ...candidates,
    clusters: candidates.clusters.map((cluster) => ({
      ...cluster,
      tiers: cluster.tiers.map((tier) => tier.filter(joins)),
      usable: cluster.usable.filter(joins),
    })),
    usable: candidates.usable.filter(joins),
  }
}

/** The nodes that `placesFor` left out. */
export function notJoined(world: World, queue: WorkspaceQueue, entry: Entry, nowMs: number): NodeLedger[] {
  const left = new Set(placesFor(world, queue, entry, nowMs).usable)
  return candidatesFor(world, queue, entry.shape).usable.filter((ledger) => !left.has(ledger))
}
