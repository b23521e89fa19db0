import type { Tx } from "../../journal/index.ts"
import type { Claim, ClaimId } from "../../queue/index.ts"
import { notWanted } from "../claim-for.ts"
import { graceMsOf, runnerActor, workloadEvent, type RunnerOptions } from "../runner-ports.ts"
import type { Workload } from "../types.ts"
import { workloadPoked } from "../types.ts"
import { withApplicationCondition } from "./progress.ts"
import { createReplicaRows } from "./replica-rows.ts"
import type { ReplicaPlace } from "./types.ts"
import { replicaPoked } from "./types.ts"

/** What the queue tells applications about their claims, in the same transaction as the move. */
export interface ApplicationClaims {
  /** @throws AppError `stale` when it is not wanted any more */
  bound(
    tx: Tx,
    workload: Workload,
    claim: Claim,
    places: readonly ReplicaPlace[],
    nowMs: number,
  ): Promise<void>
  evicted(
    tx: Tx,
    workload: Workload,
    claim: Claim,
    why: { readonly cause: "preempted" | "reservation_ended"; readonly message: string },
    nowMs: number,
  ): Promise<void>
}

export function createApplicationClaims(
  options: Pick<RunnerOptions, "rows" | "replicas" | "moves" | "ids" | "graceSecondsOf">,
): ApplicationClaims {
  const { rows, replicas, moves, ids } = options
  const writes = createReplicaRows(options)

  /** All of its replicas at once, the first time: from then on each has a claim of its own (DESIGN 4). */
  async function admit(
    tx: Tx,
    workload: Workload,
    claim: Claim,
    places: readonly ReplicaPlace[],
    nowMs: number,
  ): Promise<void> {
    const parts = await moves.split(
      tx,
      claim,
      places.map(() => ids.next("clm") as ClaimId),
    )
    const run = workload.dispatchCount + 1
    const scheduled = withApplicationCondition(workload.conditions, {
      type: "AdminScheduled",
      run,
      message: "the workload is scheduled",
      atMs: nowMs,
    })
    const next: Workload = {
      ...workload,
      claimId: null,
      clusterId: places[0]?.clusterId ?? workload.clusterId,
      dispatchCount: run,
      rollout: { generation: 1, observed: 0, revision: 1 },
      conditions: withApplicationCondition(scheduled, {
        type: "AdminDispatched",
        run,
        message: "the workload is dispatched",
        atMs: nowMs,
      }),
    }
    const made = await writes.admit(tx, next, parts, places, nowMs)
    await rows.update(tx, next)
    const nodes = [...new Set(places.map((place) => place.nodeName))]
    await tx.emit(workloadEvent(next, "workload.scheduled", runnerActor, nowMs, { nodes }))
    tx.publish(workloadPoked, workload.key)
    for (const replica of made) tx.publish(replicaPoked, replica.id)
  }

  return {
    async bound(tx, workload, claim, places, nowMs) {
      if (workload.claimId === claim.id) return admit(tx, workload, claim, places, nowMs)
      const replica = await replicas.byClaim(tx, claim.id)
      const place = places[0]
      if (replica?.state !== "queued" || !place) throw notWanted(claim)
      await replicas.update(tx, { ...replica, state: "placed", place })
      tx.publish(replicaPoked, replica.id)
    },
    async evicted(tx, workload, claim, { cause, message }, nowMs) {
      const replica = await replicas.byClaim(tx, claim.id)
      if (!replica) return
      const graceMs = graceMsOf(workload, options.graceSecondsOf(workload.workspaceId))
      await writes.leave(tx, replica, { cause, message, graceMs, returns: true }, nowMs)
      const why = { type: "AdminFailover", run: workload.dispatchCount, message, atMs: nowMs } as const
      const conditions = withApplicationCondition(workload.conditions, why)
      if (conditions !== workload.conditions) await rows.update(tx, { ...workload, conditions })
      const data = { podId: replica.podId, message }
      const type = cause === "reservation_ended" ? "workload.reservation-ended" : "workload.preempted"
      await tx.emit(workloadEvent(workload, type, runnerActor, nowMs, data))
      tx.publish(workloadPoked, workload.key)
    },
  }
}
