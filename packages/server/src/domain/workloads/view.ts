import type { Principal } from "../identity/index.ts"
import { isAllowed } from "../identity/index.ts"
import type { Capacity, Reason } from "../queue/index.ts"
import type { Standing } from "./applications/standing.ts"
import type { WorkloadView } from "./commands.ts"
import { isTerminal } from "./states.ts"
import type { Attempt, WorkloadKey, WorkloadSummary } from "./types.ts"

/** Most ids of others that a view names. */
const namedOthers = 20

/** What a reader sees of a workload at `nowMs`: its place in the queue and why it waits are computed here, never stored. */
export function viewOf<W extends WorkloadSummary>(given: {
  readonly principal: Principal
  readonly workload: W
  readonly attempt: Attempt | undefined
  readonly capacity: Capacity
  readonly trouble: (key: WorkloadKey) => Reason | undefined
  readonly nowMs: number
  /** Of an application whose replicas are known to the caller. */
  readonly standing?: Standing | undefined
}): WorkloadView<W> {
  const { principal, workload, capacity, nowMs } = given
  const claimId = given.standing?.claimId ?? (workload.phase === "Pending" ? workload.claimId : null)
  const reasons = reasonsOf(given)
  return {
    workload,
    position: claimId === null ? 0 : capacity.position(claimId),
    reasons,
    waitingFor: othersOf(principal, capacity, reasons),
    nowMs,
    mayReadEnv: isAllowed(principal, "workload.env", {
      workspaceId: workload.workspaceId,
      ownerId: workload.userId,
    }),
  }
}

function reasonsOf(given: Parameters<typeof viewOf<WorkloadSummary>>[0]): readonly Reason[] {
  const { workload, capacity, nowMs } = given
  if (workload.rollout !== null) return reasonsOfApplication(given)
  if (workload.phase !== "Pending") return []
  if (workload.schedule !== null) return [{ code: "waiting_for_time", untilMs: workload.schedule.nextAtMs }]
  if (workload.claimId === null) return []
  const claim = capacity.claim(workload.claimId)
  if (claim?.state === "wanted") return capacity.reasons(claim.id, nowMs)
  if (claim?.state === "releasing") return [{ code: "backoff" }]
  return [given.trouble(workload.key) ?? { code: "starting" }]
}

/** One that was admitted: its replicas have claims of their own. What is pending has a reason, also between two steps. */
function reasonsOfApplication(given: Parameters<typeof reasonsOf>[0]): readonly Reason[] {
  const { workload, standing } = given
  if (isTerminal(workload.phase)) return []
  if (standing && (standing.reasons.length > 0 || workload.phase !== "Pending")) return standing.reasons
  return workload.phase === "Pending" ? [given.trouble(workload.key) ?? { code: "starting" }] : []
}

function othersOf(
  principal: Principal,
  capacity: Capacity,
  reasons: readonly Reason[],
): WorkloadView["waitingFor"] {
  const ids = new Set<string>()
  let othersHidden = 0
  for (const id of reasons[0]?.claimIds ?? []) {
    const claim = capacity.claim(id)
    if (!claim) continue
    if (ids.size < namedOthers && principal.roleIn(claim.workspaceId) !== null) ids.add(claim.owner.shownId)
    else othersHidden++
  }
  return { ids: [...ids], othersHidden }
}
