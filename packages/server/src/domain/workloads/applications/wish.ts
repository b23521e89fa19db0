import { serviceOf } from "../probes.ts"
import { isTerminal } from "../states.ts"
import type { Workload } from "../types.ts"
import { maxUnavailableOf, type Wish } from "./rollout.ts"

/** What an application is to be, by its row, and how many of it may be missing while it counts as available. */
export function wishOf(workload: Workload): { readonly wish: Wish; readonly tolerated: number } {
  const isOver = isTerminal(workload.phase)
  const isOrdered = workload.kind === "StatefulSet"
  const count = isOver ? 0 : workload.spec.resource.replica
  const { tolerated, pace } = maxUnavailableOf(isOrdered, count, serviceOf(workload.spec.service))
  return {
    tolerated,
    wish: {
      isOrdered,
      isOver,
      replicas: count,
      revision: workload.rollout?.revision ?? 1,
      size: workload.spec.size,
      pace,
    },
  }
}
