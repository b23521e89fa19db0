import type { Registry } from "prom-client"
import { addCounter, addCounters, addGauge, addGauges, type Series } from "./read-at-scrape.ts"

interface Count {
  readonly workspaceId: string
  readonly state: string
  readonly count: number
}

/** How much of Ray there is; what ended and failed only grows. */
export interface RayReading {
  readonly clusters: readonly Count[]
  readonly pods: Readonly<Record<string, number>>
  readonly jobs: readonly Count[]
  readonly services: readonly Count[]
  readonly clustersFailed: number
  readonly headsFailed: number
  readonly jobsEnded: Readonly<Record<string, number>>
}

/** Everything about Ray, in the registry. @param read undefined until there is something to read */
export function addRayMetrics(registry: Registry, read: () => RayReading | undefined): void {
  const series = (counts: readonly Count[] = []): readonly Series[] =>
    counts.map(({ workspaceId, state, count }) => [{ workspace: workspaceId, state }, count])
  addGauges(registry, "berth_ray_clusters", "Ray clusters by state.", ["workspace", "state"], () =>
    series(read()?.clusters),
  )
  addGauge(registry, "berth_ray_pods", "Nodes of Ray clusters by state.", "state", () =>
    Object.entries(read()?.pods ?? {}),
  )
  addGauges(
    registry,
    "berth_ray_jobs",
    "Ray jobs that have not ended, by deployment status.",
    ["workspace", "state"],
    () => series(read()?.jobs),
  )
  addGauge(registry, "berth_ray_services", "Ray services.", "workspace", () =>
    (read()?.services ?? []).map(({ workspaceId, count }) => [workspaceId, count]),
  )
  addCounter(registry, "berth_ray_clusters_failed_total", "Ray clusters that failed for good.", () => {
    return read()?.clustersFailed ?? 0
  })
  addCounter(
    registry,
    "berth_ray_head_failures_total",
    "Heads of Ray clusters that ended by themselves.",
    () => {
      return read()?.headsFailed ?? 0
    },
  )
  addCounters(
    registry,
    "berth_ray_jobs_ended_total",
    "Ray jobs that ended, by their last deployment status.",
    ["state"],
    () => Object.entries(read()?.jobsEnded ?? {}).map(([state, count]) => [{ state }, count]),
  )
}
