import type { Store } from "../domain/journal/index.ts"
import type { RayBackend, RayStore } from "../domain/ray/index.ts"
import { keepsPods, type AttemptId, type PodDriver, type WorkloadStore } from "../domain/workloads/index.ts"
import type { Log } from "../kit/log.ts"

/**
 * Removes working folders that an earlier try could not: of attempts that are over and whose workload keeps none, and
 * of Ray nodes that are gone. One at a time. What the database does not know (it was restored) keeps what it has.
 */
export async function forgetLeftovers(options: {
  readonly drivers: readonly PodDriver[]
  readonly rayBackends: readonly Pick<RayBackend, "leftovers" | "forget">[]
  readonly rows: Pick<WorkloadStore, "attempt" | "byKey">
  readonly rayPods: Pick<RayStore["pods"], "byId">
  readonly store: Pick<Store, "committed">
  readonly log: Log
}): Promise<void> {
  const { drivers, rows, store, log } = options

  async function isOver(id: AttemptId): Promise<boolean> {
    const attempt = await rows.attempt(store.committed, id)
    if (attempt?.state !== "gone") return false
    const workload = await rows.byKey(store.committed, attempt.workloadKey)
    return !workload || workload.attemptId !== id || !keepsPods(workload)
  }

  async function remove(attemptId: string, forget: () => Promise<void>): Promise<void> {
    try {
      await forget()
      log.info({ attemptId }, "a working folder that was left over is removed")
    } catch (err) {
      log.warn({ err, attemptId }, "a working folder cannot be removed; it is tried again at the next start")
    }
  }

  for (const driver of drivers)
    for (const id of (await driver.leftovers?.()) ?? [])
      if (await isOver(id)) await remove(id, () => driver.forget(id, null, false))
  for (const backend of options.rayBackends)
    for (const id of (await backend.leftovers?.()) ?? []) {
      const pod = await options.rayPods.byId(store.committed, id)
      if (pod?.state === "gone") await remove(id, () => backend.forget(id, null))
    }
}
