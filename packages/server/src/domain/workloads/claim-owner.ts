import { AppError } from "../../kit/errors.ts"
import type { ClaimOwnerPort } from "../queue/index.ts"
import { dispatched, evicted, toldToEnd } from "./lifecycle.ts"
import {
  attemptIdFor,
  graceMsOf,
  pokeDependents,
  runnerActor,
  workloadEvent,
  type RunnerOptions,
} from "./runner-ports.ts"
import { isTerminal } from "./states.ts"
import type { WorkloadKey } from "./types.ts"
import { workloadPoked } from "./types.ts"

/** What the queue tells workloads about their claims, in the same transaction as the move. */
export function createClaimOwner(
  options: Pick<RunnerOptions, "rows" | "nodeAt" | "graceSecondsOf">,
): ClaimOwnerPort {
  const { rows } = options
  return {
    async bound(tx, claim, nowMs) {
      const workload = await rows.byKey(tx, claim.owner.id as WorkloadKey)
      if (!workload || workload.claimId !== claim.id || isTerminal(workload.phase))
        throw new AppError("stale", `The claim ${claim.id} is not wanted any more.`)
      const places = claim.placements.map((placement) => {
        const node = options.nodeAt(placement.nodeId)
        if (!node) throw new AppError("stale", `The node ${placement.nodeId} is gone.`)
        return {
          nodeName: node.name,
          hostIp: node.hostIp,
          clusterId: node.clusterId,
          gpuIndexes: placement.gpuIndexes,
        }
      })
      const next = dispatched(
        workload,
        {
          id: attemptIdFor(claim.id),
          claimId: claim.id,
          clusterId: places[0]?.clusterId ?? workload.clusterId,
          graceMs: graceMsOf(workload, options.graceSecondsOf(workload.workspaceId)),
        },
        places,
        nowMs,
      )
      await rows.insertAttempt(tx, next.attempt)
      await rows.update(tx, next.workload)
      const nodes = [...new Set(places.map((place) => place.nodeName))]
      await tx.emit(workloadEvent(next.workload, "workload.scheduled", runnerActor, nowMs, { nodes }))
      tx.publish(workloadPoked, workload.key)
    },

    async evicted(tx, claim, cause, by, nowMs) {
      const workload = await rows.byKey(tx, claim.owner.id as WorkloadKey)
      const attempt = workload?.attemptId ? await rows.attempt(tx, workload.attemptId) : undefined
      if (!workload || !attempt || attempt.claimId !== claim.id || attempt.state === "gone") return
      const message = by
        ? `the workload is preempted by ${by.owner.shownId} (priority ${by.priority} > ${claim.priority})`
        : "the workload is preempted, its node is being drained"
      const grace = graceMsOf(workload, options.graceSecondsOf(workload.workspaceId))
      if (attempt.state !== "ending")
        await rows.updateAttempt(tx, toldToEnd(attempt, "preempted", message, grace, nowMs))
      const next = evicted(workload, attempt.run, message, nowMs)
      if (next !== workload) {
        await rows.update(tx, next)
        await tx.emit(
          workloadEvent(next, "workload.preempted", runnerActor, nowMs, {
            cause,
            by: by?.owner.shownId ?? null,
          }),
        )
        await pokeDependents(tx, rows, next)
      }
      tx.publish(workloadPoked, workload.key)
    },
  }
}
