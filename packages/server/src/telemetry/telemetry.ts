import { monitorEventLoopDelay } from "node:perf_hooks"
import { Counter, Gauge, Histogram, Registry } from "prom-client"
import { gpuRequestMetrics, type GpuRequestReading, type GpuRequestTelemetry } from "./gpu-request-metrics.ts"
import { addRayMetrics, type RayReading } from "./ray-metrics.ts"
import { addCounter, addGauge } from "./read-at-scrape.ts"

/** What of a workspace's queue is shown. */
export interface QueueReading {
  readonly workspaceId: string
  readonly depth: number
  /** Of the entry that has waited longest; 0 when nothing waits. */
  readonly oldestAgeMs: number
}

/** What services have carried. All but the open connections and listeners only grow. */
export interface ServiceReading {
  readonly listeners: number
  readonly accepted: number
  readonly refused: number
  readonly unanswered: number
  /** Open connections of each service; those of a workspace are added up. */
  readonly byWorkspace: readonly { readonly workspaceId: string; readonly connections: number }[]
}

/** What was last read of a GPU; null = unknown. */
export interface GpuReading {
  readonly cluster: string
  readonly node: string
  readonly index: number
  readonly utilisationPercent: number | null
  readonly temperatureC: number | null
  readonly powerW: number | null
  readonly isFaulty: boolean
}

/** Asked at each scrape; must be cheap and in memory. */
export interface TelemetrySources {
  readonly queues: () => readonly QueueReading[]
  readonly pods: () => Readonly<Record<string, number>>
  readonly services: () => ServiceReading
  /** The first 1,024 are shown. */
  readonly gpus: () => readonly GpuReading[]
  readonly gpuRequests: () => GpuRequestReading
  readonly ray: () => RayReading
}

/** The server's figures as Prometheus metrics. Functions may be called from anywhere, at any rate. */
export interface Telemetry extends GpuRequestTelemetry {
  /** Hands in what is read at each scrape; before that those metrics are empty. */
  observe(sources: TelemetrySources): void
  requestDone(
    request: { readonly family: string; readonly operation: string; readonly status: number },
    seconds: number,
  ): void
  /** One durable batch of the store. */
  commitDone(commit: { readonly closures: number; readonly durationMs: number }): void
  /** What one turn of the scheduler did. */
  planCommitted(outcome: {
    readonly admitted: number
    readonly preempted: number
    readonly lost: number
  }): void
  streamsOpen(count: number): void
  /** A look at the logs of pods. */
  logsRetained(found: { readonly keptBytes: number; readonly removedBytes: number }): void
  readonly contentType: string
  /** The exposition text. */
  text(): Promise<string>
  /** Stops measuring. Idempotent. */
  close(): void
}

/** Seconds: from a keyed read to a slow list. */
const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]
const commitBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5]
/** Closures of a batch; 64 is the most. */
const batchBuckets = [1, 2, 4, 8, 16, 32, 64]
const lagResolutionMs = 10

/** A registry of its own per call, so that two servers in a process do not mix. */
export function createTelemetry(): Telemetry {
  const registry = new Registry()
  const http = httpMetrics(registry)
  const store = storeMetrics(registry)
  const scheduler = schedulerMetrics(registry)
  let sources: TelemetrySources | undefined
  watchSources(registry, () => sources)
  watchServices(registry, () => sources?.services())
  watchGpus(registry, () => sources?.gpus() ?? [])
  addRayMetrics(registry, () => sources?.ray())
  const gpuRequests = gpuRequestMetrics(registry, () => sources?.gpuRequests())
  const closeProcess = watchProcess(registry)
  return {
    observe(given) {
      sources = given
    },
    ...http,
    ...store,
    ...scheduler,
    ...gpuRequests,
    ...logMetrics(registry),
    contentType: registry.contentType,
    text: () => registry.metrics(),
    close: closeProcess,
  }
}

function httpMetrics(registry: Registry): Pick<Telemetry, "requestDone" | "streamsOpen"> {
  const requests = new Histogram({
    name: "berth_http_request_duration_seconds",
    help: "Time from a request's head to the end of its answer.",
    labelNames: ["family", "operation", "status"],
    buckets: requestBuckets,
    registers: [registry],
  })
  const streams = new Gauge({
    name: "berth_http_streams",
    help: "Open event and log streams.",
    registers: [registry],
  })
  return {
    requestDone({ family, operation, status }, seconds) {
      requests.observe({ family, operation, status }, seconds)
    },
    streamsOpen: (count) => streams.set(count),
  }
}

function storeMetrics(registry: Registry): Pick<Telemetry, "commitDone"> {
  const duration = new Histogram({
    name: "berth_store_commit_duration_seconds",
    help: "Time of one durable batch of writes.",
    buckets: commitBuckets,
    registers: [registry],
  })
  const size = new Histogram({
    name: "berth_store_commit_closures",
    help: "Transactions in one batch.",
    buckets: batchBuckets,
    registers: [registry],
  })
  return {
    commitDone({ closures, durationMs }) {
      duration.observe(durationMs / 1000)
      size.observe(closures)
    },
  }
}

function logMetrics(registry: Registry): Pick<Telemetry, "logsRetained"> {
  const kept = new Gauge({
    name: "berth_log_bytes",
    help: "Disk that the logs of pods take, at the last look (every ten minutes).",
    registers: [registry],
  })
  const removed = new Counter({
    name: "berth_log_removed_bytes_total",
    help: "Disk that old logs gave back.",
    registers: [registry],
  })
  return {
    logsRetained({ keptBytes, removedBytes }) {
      kept.set(keptBytes)
      removed.inc(removedBytes)
    },
  }
}

function schedulerMetrics(registry: Registry): Pick<Telemetry, "planCommitted"> {
  const counter = (name: string, help: string) => new Counter({ name, help, registers: [registry] })
  const admissions = counter("berth_scheduler_admissions_total", "Claims that were given their nodes.")
  const preemptions = counter("berth_scheduler_preemptions_total", "Claims that had to make room for others.")
  const losses = counter("berth_scheduler_lost_total", "Decisions that were overtaken and made again.")
  return {
    planCommitted({ admitted, preempted, lost }) {
      admissions.inc(admitted)
      preemptions.inc(preempted)
      losses.inc(lost)
    },
  }
}

/** Read when scraped: a workspace that is gone leaves no series behind. */
function watchSources(registry: Registry, sources: () => TelemetrySources | undefined): void {
  const queues = () => sources()?.queues() ?? []
  addGauge(registry, "berth_queue_depth", "Workloads that wait, by workspace.", "workspace", () =>
    queues().map((queue) => [queue.workspaceId, queue.depth]),
  )
  addGauge(registry, "berth_queue_oldest_age_seconds", "How long the oldest has waited.", "workspace", () =>
    queues().map((queue) => [queue.workspaceId, queue.oldestAgeMs / 1000]),
  )
  addGauge(registry, "berth_pods", "Pods by phase.", "phase", () => Object.entries(sources()?.pods() ?? {}))
}

function watchServices(registry: Registry, read: () => ServiceReading | undefined): void {
  addGauge(
    registry,
    "berth_service_connections",
    "Open connections to services, by workspace.",
    "workspace",
    () => {
      const sums = new Map<string, number>()
      for (const { workspaceId, connections } of read()?.byWorkspace ?? [])
        sums.set(workspaceId, (sums.get(workspaceId) ?? 0) + connections)
      return [...sums]
    },
  )
  addGauge(registry, "berth_service_listeners", "Addresses of services that are listened on.", null, () => [
    ["", read()?.listeners ?? 0],
  ])
  const total = (name: string, help: string, value: (reading: ServiceReading) => number) =>
    addCounter(registry, name, help, () => {
      const reading = read()
      return reading === undefined ? 0 : value(reading)
    })
  total("berth_service_accepted_total", "Connections to services that were accepted.", (one) => one.accepted)
  total(
    "berth_service_refused_total",
    "Connections closed at once: a bound was reached.",
    (one) => one.refused,
  )
  total("berth_service_unanswered_total", "Connections that no pod took.", (one) => one.unanswered)
}

/** Four series a GPU: 4,096 in all. */
const mostGpus = 1024

function watchGpus(registry: Registry, read: () => readonly GpuReading[]): void {
  const gauge = (name: string, help: string, collect?: () => void) => {
    const labelNames = ["cluster", "node", "gpu"] as const
    return new Gauge({ name, help, labelNames, registers: [registry], ...(collect ? { collect } : {}) })
  }
  // The first of the four reads for all: there may be many nodes to go through.
  const faulty = gauge("berth_gpu_faulty", "1 where the last look found the GPU faulty, else 0.", readAll)
  const utilisation = gauge("berth_gpu_utilisation_ratio", "Share of time that the GPU computed, 0 to 1.")
  const temperature = gauge("berth_gpu_temperature_celsius", "Temperature of the GPU.")
  const power = gauge("berth_gpu_power_watts", "Power that the GPU draws.")

  function readAll() {
    for (const one of [faulty, utilisation, temperature, power]) one.reset()
    for (const gpu of read().slice(0, mostGpus)) {
      const labels = { cluster: gpu.cluster, node: gpu.node, gpu: gpu.index }
      faulty.set(labels, gpu.isFaulty ? 1 : 0)
      if (gpu.utilisationPercent !== null) utilisation.set(labels, gpu.utilisationPercent / 100)
      if (gpu.temperatureC !== null) temperature.set(labels, gpu.temperatureC)
      if (gpu.powerW !== null) power.set(labels, gpu.powerW)
    }
  }
}

/** Event-loop lag since the last scrape, memory, CPU, start time. */
function watchProcess(registry: Registry): () => void {
  const lag = monitorEventLoopDelay({ resolution: lagResolutionMs })
  lag.enable()
  const single = (name: string, help: string, read: () => number) =>
    addGauge(registry, name, help, null, () => [["", read()]])
  single("berth_event_loop_lag_p99_seconds", "Event-loop delay since the last scrape, 99th percentile.", () =>
    lagSeconds(lag.percentile(99)),
  )
  // The last of the two that read it: what was measured is forgotten.
  single("berth_event_loop_lag_max_seconds", "Longest event-loop delay since the last scrape.", () => {
    const longest = lagSeconds(lag.max)
    lag.reset()
    return longest
  })
  single("process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss())
  single("process_heap_bytes", "JavaScript heap in use.", () => process.memoryUsage().heapUsed)
  single("process_start_time_seconds", "When the process started, since the epoch.", () =>
    Math.round(performance.timeOrigin / 1000),
  )
  addCounter(registry, "process_cpu_seconds_total", "User and system CPU time.", () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  return () => {
    lag.disable()
  }
}

/** The measured delay includes the timer's own interval; an empty histogram gives NaN or 0. */
function lagSeconds(nanoseconds: number): number {
  if (!Number.isFinite(nanoseconds)) return 0
  return Math.max(0, nanoseconds / 1e9 - lagResolutionMs / 1000)
}
