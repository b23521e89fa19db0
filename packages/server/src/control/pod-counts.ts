import type { Store } from "../domain/journal/index.ts"
import type { Attempt } from "../domain/workloads/index.ts"
import { attemptChanged } from "../domain/workloads/index.ts"

/** How many pods of attempts that are not gone are in each phase; kept in memory. */
export interface PodCounts {
  /** One attempt as it is now; also fed by the store's topic. */
  apply(attempt: Attempt): void
  counts(): Readonly<Record<string, number>>
}

export function createPodCounts(store: Pick<Store, "subscribe">): PodCounts {
  const phasesOf = new Map<string, readonly string[]>()
  const counts: Record<string, number> = {}

  function add(phases: readonly string[], step: 1 | -1) {
    for (const phase of phases) counts[phase] = (counts[phase] ?? 0) + step
  }

  function apply(attempt: Attempt) {
    add(phasesOf.get(attempt.id) ?? [], -1)
    phasesOf.delete(attempt.id)
    if (attempt.state === "gone") return
    const phases = attempt.pods.map((pod) => pod.phase)
    phasesOf.set(attempt.id, phases)
    add(phases, 1)
  }

  store.subscribe(attemptChanged, apply)
  return { apply, counts: () => counts }
}
