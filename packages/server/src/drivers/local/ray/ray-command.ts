import { AppError } from "../../../kit/errors.ts"
import type { RayPodLaunch } from "../../../domain/ray/index.ts"
import type { RayPorts } from "./ray-ports.ts"

/** Start parameters that change nothing outside the Ray node; they are passed on. */
const passedOn = new Set(["labels", "log-style", "log-color", "include-log-monitor"])
/** What every start here has anyway: nothing to say about. */
const givenAnyway = new Set(["block", "head", "disable-usage-stats"])
/** Ray refuses less. */
const leastStore = 80_000_000
const storeShare = 0.3

/** Only what is asked of a Ray node, as `ray start` takes it. */
export interface RayNodePlace {
  readonly ports: RayPorts
  /**
   * Of this node alone: what a node makes ready for jobs lies there, and two that made the same environment in one
   * folder would take it from each other. Versions of Ray that have one for a whole cluster use the head's.
   */
  readonly tempDir: string
  /** Free bytes of shared memory on this machine. */
  readonly sharedMemoryBytes: number
}

/** The parameters of `ray start` that were asked for and are not passed on, in order. */
export function ignoredParams(params: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(params)
    .filter(([name, value]) => !givenAnyway.has(name) && !isPassedOn(name, value))
    .map(([name]) => name)
    .sort()
}

/** `$MY_POD_IP` and the like are for a shell, which is not here. */
function isPassedOn(name: string, value: string): boolean {
  return passedOn.has(name) && !value.includes("$")
}

/** The arguments after `ray`. Nothing secret is among them: every account can read them. */
export function rayArguments(launch: RayPodLaunch, place: RayNodePlace): readonly string[] {
  const { ports } = place
  const asked = Object.entries(launch.rayStartParams).filter(([name, value]) => isPassedOn(name, value))
  return [
    "start",
    ...(launch.head ? [`--address=${launch.head.gcs}`] : headArguments(place)),
    `--temp-dir=${place.tempDir}`,
    `--node-name=${launch.name}`,
    `--node-manager-port=${ports.nodeManager}`,
    `--object-manager-port=${ports.objectManager}`,
    `--dashboard-agent-listen-port=${ports.agent}`,
    `--dashboard-agent-grpc-port=${ports.agentGrpc}`,
    `--metrics-export-port=${ports.metrics}`,
    `--runtime-env-agent-port=${ports.runtimeEnv}`,
    `--min-worker-port=${ports.firstWorker}`,
    `--max-worker-port=${ports.lastWorker}`,
    ...sizeArguments(launch, place.sharedMemoryBytes),
    "--disable-usage-stats",
    ...asked.map(([name, value]) => `--${name}=${value}`),
    "--block",
  ]
}

function headArguments({ ports }: RayNodePlace): readonly string[] {
  return [
    "--head",
    `--port=${ports.gcs}`,
    "--dashboard-host=127.0.0.1",
    `--dashboard-port=${ports.dashboard}`,
    `--ray-client-server-port=${ports.client}`,
    // replicas stay as asked
    "--no-monitor",
  ]
}

function sizeArguments(
  { size, gpuIndexes, customResources }: RayPodLaunch,
  shared: number,
): readonly string[] {
  return [
    // as KubeRay: parts of a core count as one
    `--num-cpus=${Math.ceil(size.cpuMilli / 1000)}`,
    `--num-gpus=${gpuIndexes.length}`,
    ...(size.memoryBytes > 0 ? [`--memory=${size.memoryBytes}`] : []),
    `--object-store-memory=${objectStoreBytes(size.memoryBytes, shared)}`,
    ...(Object.keys(customResources).length > 0 ? [`--resources=${JSON.stringify(customResources)}`] : []),
  ]
}

/** Its pages lie in shared memory, of which others want some too. */
export function objectStoreBytes(memoryBytes: number, sharedMemoryBytes: number): number {
  const most = Math.min(memoryBytes * storeShare, sharedMemoryBytes / 2)
  return Math.max(leastStore, Math.floor(most))
}

/** What `prepare` found. @throws AppError `internal` when it is not this backend's */
export function placesOf({ runtime }: RayPodLaunch): { readonly python: string; readonly bin: string } {
  const { python, bin } = runtime.details
  if (typeof python === "string" && typeof bin === "string") return { python, bin }
  throw new AppError("internal", `Ray ${runtime.version} was not made ready on this machine.`)
}

/** What a user's environment may not say, for it would lead Ray elsewhere. */
const taken = new Set(["RAY_ADDRESS", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE", "RAY_TMPDIR"])

/** The environment of a Ray node: the user's, then what Ray needs here. */
export function rayEnvironment(
  launch: RayPodLaunch,
  ports: RayPorts,
  searchPath: string,
): Readonly<Record<string, string>> {
  const own = Object.entries(launch.env).filter(([name]) => !taken.has(name))
  return {
    // less memory: one arena, no threads or workers that nobody asked for
    MALLOC_ARENA_MAX: "2",
    OMP_NUM_THREADS: "1",
    RAY_enable_worker_prestart: "0",
    ...Object.fromEntries(own),
    PATH: `${placesOf(launch).bin}:${launch.env["PATH"] ?? searchPath}`,
    RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S: "0",
    DASHBOARD_METRIC_PORT: String(ports.dashboardMetrics),
    AUTOSCALER_METRIC_PORT: String(ports.autoscalerMetrics),
    ...(launch.token !== null && launch.runtime.hasTokens
      ? { RAY_AUTH_MODE: "token", RAY_AUTH_TOKEN: launch.token }
      : {}),
  }
}
