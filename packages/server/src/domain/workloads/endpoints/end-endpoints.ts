import type { EndpointStore } from "../applications/types.ts"
import { isTerminal } from "../states.ts"
import type { WorkloadStore } from "../types.ts"

/**
 * The rows of workloads, with one more effect: whoever writes one that is over also takes its addresses back, in
 * the same transaction. However a workload ends, it ends by this write, so that none can be forgotten.
 */
export function withEndpointsEnded(rows: WorkloadStore, endpoints: EndpointStore): WorkloadStore {
  return {
    ...rows,
    async update(tx, workload) {
      await rows.update(tx, workload)
      if (workload.spec.service !== null && isTerminal(workload.phase))
        await endpoints.remove(tx, workload.key)
    },
  }
}
