import type { Tx } from "../../journal/index.ts"
import type { ClaimMoves } from "../../queue/index.ts"
import type { Workload } from "../types.ts"
import type { ReplicaStore } from "./types.ts"

/**
 * Gives the claims of an application's replicas its priority: by it they wait, and by it they may be preempted.
 * No-op for what has no replicas.
 */
export async function followPriority(
  tx: Tx,
  ports: { readonly replicas: ReplicaStore; readonly moves: ClaimMoves },
  { key, priority, rollout }: Workload,
  nowMs: number,
): Promise<void> {
  if (rollout === null) return
  for (const { claimId } of await ports.replicas.ofWorkload(tx, key)) {
    const claim = await ports.moves.byId(tx, claimId)
    if ((claim?.state === "wanted" || claim?.state === "bound") && claim.priority !== priority)
      await ports.moves.amend(tx, claim, { priority }, nowMs)
  }
}
