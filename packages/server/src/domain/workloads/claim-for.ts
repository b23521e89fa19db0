import { AppError } from "../../kit/errors.ts"
import type { Constraints } from "../inventory/index.ts"
import type { Claim, ClaimId, Gate } from "../queue/index.ts"
import type { Workload, WorkloadSpec } from "./types.ts"

/** Where the pods of a workload want to be. */
export function constraintsOf(spec: WorkloadSpec): Constraints {
  return {
    labels: spec.customerLabels,
    nodeNames: spec.specifiedNodes,
    tolerateAll: spec.isTolerateAll,
    gpuModel: null,
  }
}

/** How long its pods run at most; null = nobody knows. */
export function runsForMsOf(spec: Pick<WorkloadSpec, "timeout">): number | null {
  return spec.timeout === null ? null : spec.timeout * 1000
}

/** The claim of a workload's next attempt: all its pods or none. */
export function claimFor(
  workload: Workload,
  claim: { readonly id: ClaimId; readonly gates: readonly Gate[]; readonly rescheduled: boolean },
): Claim {
  return {
    id: claim.id,
    owner: { kind: "workload", id: workload.key, shownId: workload.id, userId: workload.userId },
    workspaceId: workload.workspaceId,
    state: "wanted",
    pods: workload.spec.resource.replica,
    size: workload.spec.size,
    constraints: constraintsOf(workload.spec),
    beside: [],
    preemptible: true,
    runsForMs: runsForMsOf(workload.spec),
    priority: workload.priority,
    rescheduled: claim.rescheduled,
    queuedAtMs: workload.createdAtMs,
    gates: claim.gates,
    placements: [],
    nominated: [],
    reason: null,
    reasonSinceMs: null,
    boundAtMs: null,
    releasingAtMs: null,
    releaseDeadlineMs: null,
    version: 0,
  }
}

/** Whoever wanted the capacity does not want it any more: the queue takes the admission back. */
export function notWanted(claim: Claim): AppError {
  return new AppError("stale", `The claim ${claim.id} is not wanted any more.`)
}
