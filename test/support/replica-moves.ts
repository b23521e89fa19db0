import type { Store } from "../../packages/server/src/domain/journal/index.ts"
import {
  replicaChanged,
  replicaMoves,
  type Replica,
  type ReplicaId,
} from "../../packages/server/src/domain/workloads/index.ts"

/** Watches the states of replicas over all lives of a server. */
export interface ReplicaWatch {
  /** To be called once for each life's store. */
  watch(store: Pick<Store, "subscribe">): void
  /** Moves that the table does not have, as sentences. */
  readonly faults: readonly string[]
}

export function createReplicaWatch(): ReplicaWatch {
  const states = new Map<ReplicaId, Replica["state"]>()
  const faults: string[] = []
  return {
    faults,
    watch(store) {
      store.subscribe(replicaChanged, ({ replica: { id, podId, state }, gone }) => {
        const before = states.get(id)
        const allowed: readonly Replica["state"][] = before === undefined ? [] : replicaMoves[before]
        if (before !== undefined && before !== state && !allowed.includes(state))
          faults.push(`${podId} went from ${before} to ${state}`)
        if (gone) states.delete(id)
        else states.set(id, state)
      })
    },
  }
}
