import { Counter, Histogram, type Registry } from "prom-client"
import { addCounters, addGauges, type Series } from "./read-at-scrape.ts"

/** What GPU requests wait for, hold and held. */
export interface GpuRequestReading {
  /** Live ones; one line for each workspace, band of priority (low, medium, high) and state that has some. */
  readonly requests: readonly {
    readonly workspaceId: string
    readonly band: string
    readonly state: string
    readonly count: number
  }[]
  readonly workspaces: readonly {
    readonly workspaceId: string
    readonly heldGpus: number
    readonly idleGpus: number
    readonly longestIdleMs: number
    /** These only grow. */
    readonly ended: number
    readonly heldMs: number
    readonly usedMs: number
  }[]
  /** Nodes that can be lent, by whether somebody has them. */
  readonly nodes: Readonly<Record<string, number>>
}

/** What is told about GPU requests when it happens. */
export interface GpuRequestTelemetry {
  /** One that got its nodes for the first time. */
  gpuRequestStarted(start: {
    readonly band: string
    readonly waitSeconds: number
    /** Above 0: later than was first said. null = nothing was said that could be wrong. */
    readonly errorSeconds: number | null
    /** The same of the likely start; null = none was said. */
    readonly likelyErrorSeconds: number | null
  }): void
  /** One plan of them, committed. */
  gpuPlanCommitted(turn: {
    readonly provisioned: number
    readonly lost: number
    readonly planMs: number
  }): void
}

/** Seconds: from at once to two weeks. */
const waitBuckets = [0.1, 1, 10, 60, 300, 900, 3600, 14_400, 43_200, 86_400, 259_200, 1_209_600]
const errorBuckets = [0.1, 1, 10, 60, 300, 900, 3600, 14_400, 43_200, 86_400]
const signedBuckets = [-86_400, -14_400, -3600, -900, -60, -1, 0, 1, 60, 900, 3600, 14_400, 86_400]
const planBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5]

/** Everything about GPU requests, in the registry. @param read undefined until there is something to read */
export function gpuRequestMetrics(
  registry: Registry,
  read: () => GpuRequestReading | undefined,
): GpuRequestTelemetry {
  let taken: GpuRequestReading | undefined
  // The first of them reads for all: there may be many requests to go through.
  addGauges(
    registry,
    "berth_gpu_requests",
    "GPU requests that wait or hold nodes.",
    ["workspace", "band", "state"],
    () => {
      taken = read()
      return (taken?.requests ?? []).map(({ workspaceId, band, state, count }) => [
        { workspace: workspaceId, band, state },
        count,
      ])
    },
  )
  watchWorkspaces(registry, () => taken?.workspaces ?? [])
  addGauges(
    registry,
    "berth_gpu_nodes",
    "Nodes that GPU requests can hold: free, held, or draining before they are free.",
    ["state"],
    () => Object.entries(taken?.nodes ?? {}).map(([state, count]) => [{ state }, count]),
  )
  return { ...startMetrics(registry), ...planMetrics(registry) }
}

type Use = GpuRequestReading["workspaces"][number]

function watchWorkspaces(registry: Registry, read: () => readonly Use[]): void {
  const add = (metric: typeof addGauges) => (name: string, help: string, value: (use: Use) => number) =>
    metric(registry, name, help, ["workspace"], () =>
      read().map((use): Series => [{ workspace: use.workspaceId }, value(use)]),
    )
  const [gauge, counter] = [add(addGauges), add(addCounters)]
  gauge("berth_gpu_held", "GPUs that GPU requests hold.", (use) => use.heldGpus)
  gauge("berth_gpu_held_idle", "GPUs of requests none of whose GPUs is used.", (use) => use.idleGpus)
  gauge(
    "berth_gpu_held_idle_longest_seconds",
    "For how long the request that is idle for longest has been so; 0: none is.",
    (use) => use.longestIdleMs / 1000,
  )
  counter(
    "berth_gpu_requests_ended_total",
    "GPU requests that ended after they held nodes.",
    (use) => use.ended,
  )
  counter(
    "berth_gpu_request_held_seconds_total",
    "For how long the ended ones held nodes.",
    (use) => use.heldMs / 1000,
  )
  counter(
    "berth_gpu_request_used_seconds_total",
    "For how long of that a GPU of theirs was used.",
    (use) => use.usedMs / 1000,
  )
}

function startMetrics(registry: Registry): Pick<GpuRequestTelemetry, "gpuRequestStarted"> {
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, labelNames: ["band"], buckets, registers: [registry] })
  const wait = histogram(
    "berth_gpu_request_wait_seconds",
    "Time from the creation of a GPU request to its nodes, by band of priority.",
    waitBuckets,
  )
  const error = histogram(
    "berth_gpu_request_estimate_error_seconds",
    "How far its start was from the first estimate.",
    errorBuckets,
  )
  const signed = histogram(
    "berth_gpu_request_estimate_signed_error_seconds",
    "Its start less the first estimate: above 0 it was later.",
    signedBuckets,
  )
  const likely = histogram(
    "berth_gpu_request_likely_error_seconds",
    "How far its start was from the likely start that was said first.",
    errorBuckets,
  )
  return {
    gpuRequestStarted({ band, waitSeconds, errorSeconds, likelyErrorSeconds }) {
      wait.observe({ band }, waitSeconds)
      if (likelyErrorSeconds !== null) likely.observe({ band }, Math.abs(likelyErrorSeconds))
      if (errorSeconds === null) return
      error.observe({ band }, Math.abs(errorSeconds))
      signed.observe({ band }, errorSeconds)
    },
  }
}

function planMetrics(registry: Registry): Pick<GpuRequestTelemetry, "gpuPlanCommitted"> {
  const duration = new Histogram({
    name: "berth_gpu_plan_duration_seconds",
    help: "Time of planning GPU requests once, with the turns that others had meanwhile.",
    buckets: planBuckets,
    registers: [registry],
  })
  const counter = (name: string, help: string) => new Counter({ name, help, registers: [registry] })
  const provisions = counter("berth_gpu_plan_provisions_total", "GPU requests that were given their nodes.")
  const losses = counter("berth_gpu_plan_lost_total", "Such decisions that were overtaken and made again.")
  return {
    gpuPlanCommitted({ provisioned, lost, planMs }) {
      duration.observe(planMs / 1000)
      provisions.inc(provisioned)
      losses.inc(lost)
    },
  }
}
