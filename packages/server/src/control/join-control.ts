import { rayClusterChanged, rayServiceChanged } from "../domain/ray/index.ts"
import type { Store } from "../domain/journal/index.ts"
import {
  type ServiceId,
  type ServiceJoins,
  type ServiceRecord,
  serviceRecordChanged,
  type ServiceStore,
  serviceWatchChanged,
} from "../domain/services/index.ts"
import {
  attemptChanged,
  endpointChanged,
  replicaChanged,
  workloadChanged,
} from "../domain/workloads/index.ts"
import type { Clock } from "../kit/clock.ts"
import type { Log } from "../kit/log.ts"
import { createWorkqueue } from "../kit/workqueue.ts"

export interface JoinControlOptions {
  readonly store: Store
  readonly rows: ServiceStore
  readonly joins: Pick<ServiceJoins, "follow">
  readonly clock: Clock
  readonly log: Log
}

/** Has records brought in line with what they follow, as soon as that changes. Owns no rules. */
export interface JoinControl {
  /** At boot: every one once. */
  start(): Promise<void>
  /** Has a record looked at, whether or not anything was told to have changed. */
  look(id: ServiceId): void
  /** Idempotent. */
  stop(): Promise<void>
}

const concurrency = 16
const reconcileDeadlineMs = 10_000

export function createJoinControl({ store, rows, joins, clock, log }: JoinControlOptions): JoinControl {
  /** Records by the key of what they follow; one thing may have several. */
  const followers = new Map<string, Set<ServiceId>>()
  let isStarted = false

  const queue = createWorkqueue({
    clock,
    concurrency,
    deadlineMs: reconcileDeadlineMs,
    reconcile: (id) => joins.follow(id as ServiceId),
    onError: (serviceId, err, retryInMs) =>
      log.warn({ err, serviceId, retryInMs }, "a service record could not follow what it shows"),
  })

  function recordMoved({ id, joined }: ServiceRecord, gone: boolean): void {
    if (!joined) return
    const ids = followers.get(joined.key) ?? new Set()
    if (gone) ids.delete(id)
    else ids.add(id)
    if (ids.size === 0) followers.delete(joined.key)
    else followers.set(joined.key, ids)
    if (!gone && isStarted) queue.add(id)
  }

  function moved(key: string | null): void {
    if (key !== null && isStarted) for (const id of followers.get(key) ?? []) queue.add(id)
  }

  const unsubscribe = [
    store.subscribe(serviceRecordChanged, ({ record, gone }) => recordMoved(record, gone)),
    // one that begins tells at once how it stands
    store.subscribe(serviceWatchChanged, ({ watch, gone }) => {
      if (isStarted && !gone && watch.verdict === "unknown") queue.add(watch.serviceId)
    }),
    store.subscribe(workloadChanged, ({ key }) => moved(key)),
    store.subscribe(endpointChanged, ({ endpoint }) => moved(endpoint.workloadKey)),
    store.subscribe(replicaChanged, ({ replica }) => moved(replica.workloadKey)),
    store.subscribe(attemptChanged, ({ workloadKey }) => moved(workloadKey)),
    store.subscribe(rayServiceChanged, ({ service }) => moved(service.key)),
    store.subscribe(rayClusterChanged, ({ parent }) => moved(parent?.key ?? null)),
  ]

  return {
    async start() {
      for (const record of await rows.records.joined(store.committed)) recordMoved(record, false)
      isStarted = true
      for (const ids of followers.values()) for (const id of ids) queue.add(id)
    },
    look: (id) => queue.add(id),
    async stop() {
      for (const off of unsubscribe) off()
      await queue.close()
    },
  }
}
