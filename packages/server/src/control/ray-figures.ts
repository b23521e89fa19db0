import type { Store } from "../domain/journal/index.ts"
import {
  rayClusterChanged,
  rayJobChanged,
  rayPodChanged,
  rayServiceChanged,
  type RayCluster,
  type RayJob,
  type RayPod,
  type RayService,
} from "../domain/ray/index.ts"

/** How much of Ray there is now, and what has happened since this process began. */
export interface RayReading {
  /** Those that are not gone; one line for each workspace and state that has some. */
  readonly clusters: readonly RayCount[]
  /** Those that are not gone, by state. */
  readonly pods: Readonly<Record<string, number>>
  /** Those that have not ended, by deployment status; `New`: nothing was done yet. */
  readonly jobs: readonly RayCount[]
  /** The state is "": they have none. */
  readonly services: readonly RayCount[]
  /** These only grow. */
  readonly clustersFailed: number
  readonly headsFailed: number
  /** By their last deployment status. */
  readonly jobsEnded: Readonly<Record<string, number>>
}

export interface RayCount {
  readonly workspaceId: string
  readonly state: string
  readonly count: number
}

/** Figures of Ray for metrics; kept in memory, fed by the store's topics. */
export interface RayFigures {
  /** As it is at boot: what it became before does not count. */
  load(found: {
    readonly clusters: readonly RayCluster[]
    readonly pods: readonly RayPod[]
    readonly jobs: readonly RayJob[]
    readonly services: readonly RayService[]
  }): void
  /** O(live objects); for a scrape. */
  reading(): RayReading
}

interface Kept {
  readonly workspaceId: string
  readonly state: string
}
const finalPhases: readonly string[] = ["Complete", "Failed", "ValidationFailed"]

export function createRayFigures(store: Pick<Store, "subscribe">): RayFigures {
  const clusters = new Map<string, Kept & Pick<RayCluster, "headFailures">>()
  const pods = new Map<string, Kept>()
  const jobs = new Map<string, Kept>()
  const services = new Map<string, Kept>()
  const jobsEnded: Record<string, number> = {}
  let clustersFailed = 0
  let headsFailed = 0

  function keepCluster({ key, workspaceId, state, headFailures }: RayCluster): void {
    if (state === "gone") clusters.delete(key)
    else clusters.set(key, { workspaceId, state, headFailures })
  }
  function keepPod({ id, workspaceId, state }: RayPod): void {
    if (state === "gone") pods.delete(id)
    else pods.set(id, { workspaceId, state })
  }
  function keepJob({ key, workspaceId, phase }: RayJob, isGone: boolean): void {
    if (isGone || finalPhases.includes(phase)) jobs.delete(key)
    else jobs.set(key, { workspaceId, state: phase === "" ? "New" : phase })
  }
  function keepService({ key, workspaceId }: RayService, isGone: boolean): void {
    if (isGone) services.delete(key)
    else services.set(key, { workspaceId, state: "" })
  }

  store.subscribe(rayClusterChanged, (cluster) => {
    const before = clusters.get(cluster.key)
    if (cluster.state === "failed" && before?.state !== "failed") clustersFailed += 1
    if (cluster.headFailures > (before?.headFailures ?? 0)) headsFailed += 1
    keepCluster(cluster)
  })
  store.subscribe(rayPodChanged, keepPod)
  store.subscribe(rayJobChanged, ({ job, gone }) => {
    const { key, phase } = job
    // what is refused as it is made was never live
    const isNew = jobs.has(key) || phase === "ValidationFailed"
    if (!gone && isNew && finalPhases.includes(phase)) jobsEnded[phase] = (jobsEnded[phase] ?? 0) + 1
    keepJob(job, gone)
  })
  store.subscribe(rayServiceChanged, ({ service, gone }) => keepService(service, gone))

  return {
    load(found) {
      for (const cluster of found.clusters) keepCluster(cluster)
      for (const pod of found.pods) keepPod(pod)
      for (const job of found.jobs) keepJob(job, false)
      for (const service of found.services) keepService(service, false)
    },
    reading: () => ({
      clusters: countsOf(clusters),
      pods: Object.fromEntries(countsOf(pods, () => "").map(({ state, count }) => [state, count])),
      jobs: countsOf(jobs),
      services: countsOf(services),
      clustersFailed,
      headsFailed,
      jobsEnded: { ...jobsEnded },
    }),
  }
}

function countsOf(
  kept: ReadonlyMap<string, Kept>,
  groupOf: (one: Kept) => string = ({ workspaceId }) => workspaceId,
): readonly RayCount[] {
  const counts = new Map<string, RayCount>()
  for (const one of kept.values()) {
    const workspaceId = groupOf(one)
    const place = `${workspaceId}\u0000${one.state}`
    counts.set(place, { workspaceId, state: one.state, count: (counts.get(place)?.count ?? 0) + 1 })
  }
  return [...counts.values()]
}
