import { AppError } from "../../kit/errors.ts"
import type { Tx } from "../journal/index.ts"
import type { Claim, ClaimOwnerPort, EndCause } from "../queue/index.ts"
import { createApplicationClaims } from "./applications/application-claims.ts"
import { notWanted } from "./claim-for.ts"
import { dispatched, evicted, toldToEnd } from "./lifecycle.ts"
import {
  attemptIdFor,
  graceMsOf,
  pokeDependents,
  runnerActor,
  workloadEvent,
  type RunnerOptions,
} from "./runner-ports.ts"
import { isApplication, isTerminal } from "./states.ts"
import type { Workload, WorkloadKey } from "./types.ts"
import { workloadPoked } from "./types.ts"

/** What the queue tells workloads about their claims, in the same transaction as the move. */
export function createClaimOwner(
  options: Pick<RunnerOptions, "rows" | "replicas" | "moves" | "ids" | "nodeAt" | "graceSecondsOf">,
): ClaimOwnerPort {
  const { rows } = options
  const applications = createApplicationClaims(options)

  function placesOf(claim: Claim) {
    return claim.placements.map((placement) => {
      const node = options.nodeAt(placement.nodeId)
      if (!node) throw new AppError("stale", `The node ${placement.nodeId} is gone.`)
      return {
        nodeName: node.name,
        hostIp: node.hostIp,
        clusterId: node.clusterId,
        gpuIndexes: placement.gpuIndexes,
      }
    })
  }

  return {
    async bound(tx, claim, nowMs) {
      const workload = await rows.byKey(tx, claim.owner.id as WorkloadKey)
      if (!workload || isTerminal(workload.phase)) throw notWanted(claim)
      const places = placesOf(claim)
      if (isApplication(workload.kind)) return applications.bound(tx, workload, claim, places, nowMs)
      if (workload.claimId !== claim.id) throw notWanted(claim)
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
      if (!workload) return
      const why = { message: evictionMessage(claim, cause, by), cause, by: by?.owner.shownId ?? null }
      if (isApplication(workload.kind))
        await applications.evicted(tx, workload, claim, { ...why, cause: endCauseFor(cause) }, nowMs)
      else await evictJob(tx, workload, claim, why, nowMs)
    },
  }

  async function evictJob(
    tx: Tx,
    workload: Workload,
    claim: Claim,
    why: { readonly message: string; readonly cause: EndCause; readonly by: string | null },
    nowMs: number,
  ): Promise<void> {
    const attempt = workload.attemptId ? await rows.attempt(tx, workload.attemptId) : undefined
    if (!attempt || attempt.claimId !== claim.id || attempt.state === "gone") return
    const { message, ...data } = why
    const grace = graceMsOf(workload, options.graceSecondsOf(workload.workspaceId))
    if (attempt.state !== "ending")
      await rows.updateAttempt(tx, toldToEnd(attempt, endCauseFor(why.cause), message, grace, nowMs))
    const next = evicted(workload, { run: attempt.run, cause: endCauseFor(why.cause), message }, nowMs)
    if (next !== workload) {
      await rows.update(tx, next)
      await tx.emit(workloadEvent(next, evictionEvent(why.cause), runnerActor, nowMs, data))
      await pokeDependents(tx, rows, next)
    }
    tx.publish(workloadPoked, workload.key)
  }
}

/** The causes that an eviction has in a workload: a drain counts as being preempted. */
function endCauseFor(cause: EndCause): "preempted" | "reservation_ended" {
  return cause === "reservation_ended" ? cause : "preempted"
}

function evictionEvent(cause: EndCause): string {
  return cause === "reservation_ended" ? "workload.reservation-ended" : "workload.preempted"
}

function evictionMessage(claim: Claim, cause: EndCause, by: Claim | null): string {
  if (cause === "reservation_ended") return "the GPU request that the workload runs on is ending"
  return by
    ? `the workload is preempted by ${by.owner.shownId} (priority ${by.priority} > ${claim.priority})`
    : "the workload is preempted, its node is being drained"
}
