import type { Idempotency, JournalReads, Store } from "../domain/journal/index.ts"
import type { GpuRequestStore } from "../domain/gpu-requests/index.ts"
import type { RayStore } from "../domain/ray/index.ts"
import type { ServiceStore } from "../domain/services/index.ts"
import type { WorkloadStore } from "../domain/workloads/index.ts"
import type { Clock } from "../kit/clock.ts"

export interface RetentionOptions {
  readonly store: Pick<Store, "tx">
  readonly rows: {
    readonly journal: Pick<JournalReads, "prune">
    readonly workloads: Pick<WorkloadStore, "prune">
    readonly gpuRequests: Pick<GpuRequestStore, "prune">
    readonly ray: Pick<RayStore, "prune">
    readonly services: Pick<ServiceStore, "pruneCounts">
  }
  readonly idempotency: Pick<Idempotency, "prune">
  readonly clock: Clock
}

const dayMs = 86_400_000
/** DESIGN 5: how long what is over is kept. */
const keepEventsMs = 7 * dayMs
const keepAuditMs = 180 * dayMs
const keepWorkloadsMs = 90 * dayMs
const keptEvents = 1_000_000
/** Rows that one transaction removes. */
export const pruneStep = 500
const mostSteps = 1000
/** Often enough for 1,600 events a second, day and night: that many steps of `pruneOver` remove. */
export const pruneEveryMs = 5 * 60_000

/** What is over for long enough goes, in small steps so that writers never wait long. */
export async function pruneOver({ store, rows, idempotency, clock }: RetentionOptions): Promise<void> {
  const nowMs = clock.nowMs()
  const overBeforeMs = nowMs - keepWorkloadsMs
  const keep = {
    eventsAfterMs: nowMs - keepEventsMs,
    auditAfterMs: nowMs - keepAuditMs,
    maxEvents: keptEvents,
  }
  const steps: readonly (() => Promise<number>)[] = [
    () => store.tx((tx) => rows.journal.prune(tx, keep, pruneStep)),
    () => idempotency.prune(pruneStep),
    async () => (await store.tx((tx) => rows.workloads.prune(tx, overBeforeMs, pruneStep))).length,
    () => store.tx((tx) => rows.gpuRequests.prune(tx, overBeforeMs, pruneStep)),
    () => store.tx((tx) => rows.ray.prune(tx, overBeforeMs, pruneStep)),
  ]
  for (const step of steps) for (let count = 0; count < mostSteps; count++) if ((await step()) === 0) break
  await store.tx((tx) => rows.services.pruneCounts(tx))
}
