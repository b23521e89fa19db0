import type { Store } from "../domain/journal/index.ts"
import { keepsPods, type AttemptId, type PodDriver, type WorkloadStore } from "../domain/workloads/index.ts"
import type { Log } from "../kit/log.ts"

/**
 * Removes working folders that an earlier try could not: of attempts that are over and whose workload keeps none.
 * One at a time. An attempt that the database does not know (it was restored) keeps what it has.
 */
export async function forgetLeftovers(options: {
  readonly drivers: readonly PodDriver[]
  readonly rows: Pick<WorkloadStore, "attempt" | "byKey">
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

  for (const driver of drivers)
    for (const id of (await driver.leftovers?.()) ?? []) {
      if (!(await isOver(id))) continue
      try {
        await driver.forget(id, null, false)
        log.info({ attemptId: id }, "a working folder that was left over is removed")
      } catch (err) {
        log.warn(
          { err, attemptId: id },
          "a working folder cannot be removed; it is tried again at the next start",
        )
      }
    }
}
