import type { Ids } from "../../../kit/ids.ts"
import type { Amounts } from "../../inventory/index.ts"
import type { Tx } from "../../journal/index.ts"
import type { Claim, ClaimId, ClaimMoves, EndCause } from "../../queue/index.ts"
import { claimFor } from "../claim-for.ts"
import { toldToEnd } from "../lifecycle.ts"
import { applicationPodId } from "../naming.ts"
import type { Workload, WorkloadStore } from "../types.ts"
import { newReplica, requeued, toLeave } from "./replica-life.ts"
import type { Replica, ReplicaId, ReplicaPlace, ReplicaStore } from "./types.ts"
import { replicaPoked } from "./types.ts"

/** What replicas' rows are written with. */
export interface ReplicaRowPorts {
  readonly rows: WorkloadStore
  readonly replicas: ReplicaStore
  readonly moves: ClaimMoves
  readonly ids: Ids
}

/** Writes of replicas together with their claims and attempts, in the caller's transaction. */
export interface ReplicaRows {
  /** A replica that waits for a claim of its own. */
  create(tx: Tx, workload: Workload, ordinal: number, nowMs: number): Promise<Replica>
  /** The replicas of an application that was admitted as a whole: each takes over its part of the claim. */
  admit(
    tx: Tx,
    workload: Workload,
    parts: readonly Claim[],
    places: readonly ReplicaPlace[],
    nowMs: number,
  ): Promise<readonly Replica[]>
  /** It is to give its capacity back: its attempt is told to end, its claim released, or given up at once. */
  leave(
    tx: Tx,
    replica: Replica,
    leaving: NonNullable<Replica["leaving"]>,
    nowMs: number,
  ): Promise<Replica | null>
  /** Its attempt is told to end; its place stays its own. */
  end(
    tx: Tx,
    replica: Replica,
    why: { readonly cause: EndCause; readonly message: string; readonly graceMs: number },
    nowMs: number,
  ): Promise<void>
  /** No process of it is left: its claim is gone, and it is removed, or wanted anew under another claim. */
  settle(
    tx: Tx,
    workload: Workload,
    replica: Replica,
    next: { readonly returns: boolean; readonly rescheduled: boolean },
    nowMs: number,
  ): Promise<void>
}

export function createReplicaRows(ports: ReplicaRowPorts): ReplicaRows {
  const { rows, replicas, moves, ids } = ports

  function claimOf(workload: Workload, id: ClaimId, size: Amounts, rescheduled: boolean): Claim {
    return { ...claimFor(workload, { id, gates: [], rescheduled }), pods: 1, size }
  }

  const podIdOf = (workload: Workload, ordinal: number, revision = workload.rollout?.revision ?? 1) =>
    applicationPodId(workload, revision, ordinal, ids.random)

  async function endAttempt(
    tx: Tx,
    replica: Replica,
    why: { readonly cause: EndCause; readonly message: string; readonly graceMs: number },
    nowMs: number,
  ): Promise<boolean> {
    const attempt = replica.attemptId ? await rows.attempt(tx, replica.attemptId) : undefined
    if (!attempt || attempt.state === "gone" || replica.state === "placed") return false
    if (attempt.state !== "ending")
      await rows.updateAttempt(tx, toldToEnd(attempt, why.cause, why.message, why.graceMs, nowMs))
    return true
  }

  return {
    async create(tx, workload, ordinal, nowMs) {
      const claimId = ids.next("clm") as ClaimId
      const id = ids.next("rep") as ReplicaId
      const podId = podIdOf(workload, ordinal)
      const replica = newReplica(workload, { id, ordinal, podId, claimId, place: null, nowMs })
      await moves.want(tx, claimOf(workload, claimId, workload.spec.size, false), nowMs)
      await replicas.insert(tx, replica)
      return replica
    },

    async admit(tx, workload, parts, places, nowMs) {
      const made: Replica[] = []
      for (const [ordinal, claim] of parts.entries()) {
        const place = places[ordinal] ?? null
        const id = ids.next("rep") as ReplicaId
        const podId = podIdOf(workload, ordinal)
        const replica = newReplica(workload, { id, ordinal, podId, claimId: claim.id, place, nowMs })
        await replicas.insert(tx, replica)
        made.push(replica)
      }
      return made
    },

    async leave(tx, replica, leaving, nowMs) {
      const claim = await moves.byId(tx, replica.claimId)
      if (claim?.state === "wanted" && !leaving.returns) {
        await moves.giveUp(tx, claim, nowMs)
        await replicas.remove(tx, replica)
        return null
      }
      if (claim?.state === "bound") await moves.release(tx, claim, leaving.cause, leaving.graceMs, nowMs)
      await endAttempt(tx, replica, leaving, nowMs)
      const next = toLeave(replica, leaving)
      await replicas.update(tx, next)
      tx.publish(replicaPoked, replica.id)
      return { ...next, version: next.version + 1 }
    },

    async end(tx, replica, why, nowMs) {
      await endAttempt(tx, replica, why, nowMs)
      tx.publish(replicaPoked, replica.id)
    },

    async settle(tx, workload, replica, next, nowMs) {
      const claim = await moves.byId(tx, replica.claimId)
      if (claim && claim.state !== "gone") await moves.gone(tx, claim, nowMs)
      if (!next.returns) return replicas.remove(tx, replica)
      const claimId = ids.next("clm") as ClaimId
      await moves.want(tx, claimOf(workload, claimId, replica.size, next.rescheduled), nowMs)
      const podId = podIdOf(workload, replica.ordinal, replica.revision)
      await replicas.update(tx, requeued(replica, claimId, podId))
    },
  }
}
