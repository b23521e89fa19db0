import type {
  RayBackend,
  RayPodId,
  RayPodLaunch,
  RayRuntime,
  RayRuntimeWanted,
} from "../../domain/ray/index.ts"
import type { Clock } from "../../kit/clock.ts"
import { sleep } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import { createFakeRayDashboard } from "./fake-ray-dashboard.ts"
import type { FakeRayScript } from "./fake-ray-script.ts"
import type { FakeRayWorld } from "./fake-ray-world.ts"
import { createFakeRayWorld } from "./fake-ray-world.ts"

export interface FakeRayOptions {
  readonly clusterId: string
  readonly clock: Clock
  /** Default 100. */
  readonly portBlocks?: number
  readonly script?: FakeRayScript
  /** Where its processes are; default one of its own. Given, `script` is not used. */
  readonly world?: FakeRayWorld
}

/** Parameters that are not passed on, as the local backend's. */
const ownParams = new Set(["port", "dashboard-host", "node-ip-address", "num-gpus"])

/** A backend whose Ray clusters are numbers on a clock: for tests of the control plane. */
export function createFakeRay(options: FakeRayOptions): RayBackend & { readonly world: FakeRayWorld } {
  const { clusterId, clock, portBlocks = 100 } = options
  const world = options.world ?? createFakeRayWorld(options)
  const { inside } = world
  const closing = new AbortController()
  const stopListening = new Set<() => void>()
  const install = createInstaller(world, closing.signal)

  return {
    clusterId,
    portBlocks,
    world,
    async prepare(want, report, signal) {
      signal.throwIfAborted()
      const version = versionOf(want)
      if (!inside.isInstalled(version)) {
        report(`Ray ${version} is being installed.`)
        await orAborted(install(want, version), signal)
      }
      return runtimeOf(version)
    },
    async ensure(launch, signal) {
      signal.throwIfAborted()
      if (!inside.has(launch.id)) await begin(launch, AbortSignal.any([signal, closing.signal]))
      const ignoredParams = Object.keys(launch.rayStartParams).filter((name) => ownParams.has(name))
      return { handle: { pod: launch.id }, address: inside.address(launch.id), ignoredParams }
    },
    async inspect(id) {
      return inside.observe(id) ?? nothing
    },
    async recover(id) {
      return inside.has(id) || inside.isPrepared(id) ? { pod: id } : null
    },
    async stop(id, _handle, reason, graceMs) {
      inside.stop(id, reason, graceMs)
    },
    async forget(id) {
      inside.forget(id)
    },
    onChange(listener) {
      const stop = inside.onChange(listener)
      stopListening.add(stop)
      return stop
    },
    async readLog(id, _handle, maxBytes) {
      return endOf(inside.log(id), id, maxBytes)
    },
    dashboard: ({ dashboardUrl }, token) =>
      createFakeRayDashboard(clock, () => inside.headAt(dashboardUrl), token),
    async close() {
      for (const stop of stopListening) stop()
      closing.abort(new AppError("unavailable", "The server is shutting down."))
    },
  }

  async function begin(launch: RayPodLaunch, signal: AbortSignal) {
    const fate = inside.fate(launch)
    if (fate === "hang") await never(signal)
    if (fate === "unavailable") throw new AppError("unavailable", "Nothing can be started now.")
    if (fate === "port_in_use")
      throw new AppError("unavailable", `A port of block ${launch.portBlock} is in use.`, { detail: fate })
    if (fate === "volume" || fate === "account")
      throw new AppError("invalid", `The ${fate} cannot be had.`, { detail: fate })
    inside.start(launch)
  }
}

const nothing = {
  state: "lost",
  startedAtMs: null,
  exitCode: null,
  cause: null,
  message: "Nothing is known of it.",
  isGone: true,
} as const

/** Installs a version once for all that want it at the same time; a caller that gives up does not end it. */
function createInstaller({ clock, inside }: FakeRayWorld, closing: AbortSignal) {
  const running = new Map<string, Promise<void>>()
  async function run(want: RayRuntimeWanted, version: string) {
    const { delayMs = 0, fails } = inside.install(want)
    if (delayMs > 0) await sleep(clock, delayMs, closing)
    if (fails) throw new AppError("unavailable", fails.message, fails)
    inside.installed(version)
  }
  return (want: RayRuntimeWanted, version: string): Promise<void> => {
    const now = running.get(version) ?? run(want, version).finally(() => running.delete(version))
    running.set(version, now)
    return now
  }
}

function versionOf({ version, image }: RayRuntimeWanted): string {
  const found = version || /:(\d+\.\d+\.\d+)/.exec(image)?.[1]
  if (found) return found
  throw new AppError("unavailable", "Neither a version of Ray nor an image that names one was given.", {
    detail: "no_version",
  })
}

/** Ray wants tokens from 2.52 on. */
function runtimeOf(version: string): RayRuntime {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  return { version, hasTokens: major > 2 || minor >= 52, details: { fake: version } }
}

/** @throws AppError `not_found` when nothing is kept */
function endOf(log: string | undefined, id: RayPodId, maxBytes: number): string {
  if (log === undefined)
    throw new AppError("not_found", `Nothing is kept of ${id}.`, { resource: "pod", name: id })
  const bytes = Buffer.from(log)
  return bytes.subarray(Math.max(0, bytes.length - maxBytes)).toString()
}

/** Rejects with the signal's reason. */
function never(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = () => reject(signal.reason as Error)
    if (signal.aborted) abort()
    signal.addEventListener("abort", abort, { once: true })
  })
}

async function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const gaveUp = new AbortController()
  try {
    await Promise.race([work, never(AbortSignal.any([signal, gaveUp.signal]))])
  } finally {
    gaveUp.abort()
  }
}
