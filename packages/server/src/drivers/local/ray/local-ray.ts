import { statfs } from "node:fs/promises"
import { join } from "node:path"
import type {
  RayBackend,
  RayPodId,
  RayPodLaunch,
  RayPodObservation,
  RayPodStarted,
} from "../../../domain/ray/index.ts"
import type { AttemptId, AttemptLaunch, PodMount } from "../../../domain/workloads/index.ts"
import type { Clock } from "../../../kit/clock.ts"
import { AppError } from "../../../kit/errors.ts"
import type { JsonObject } from "../../../kit/json.ts"
import type { Log } from "../../../kit/log.ts"
import { createRayDashboard } from "../../ray-dashboard.ts"
import { isStored } from "../attempt-files.ts"
import { createLocalDriver, type LocalPods } from "../local-driver.ts"
import type { LocalMachine } from "../local-machine.ts"
import type { LogFiles } from "../log-types.ts"
import { launcherScript } from "./launcher.ts"
import { ignoredParams, placesOf, rayArguments, rayEnvironment } from "./ray-command.ts"
import { addressOf, blocksIn, checkBlock, portsOf, type RayPorts } from "./ray-ports.ts"
import { createRayRuntimes, type RayRuntimesOptions } from "./runtimes.ts"
import { makeTempDir, removeTempDir, tempDirOf } from "./temp-dirs.ts"
import { mountsOf, type VolumesOptions } from "./volumes.ts"

export interface LocalRayOptions {
  readonly clusterId: string
  /** The server's data directory; everything of Ray is in `ray/` below it. */
  readonly dataDir: string
  readonly clock: Clock
  readonly log: Log
  /** Of this backend alone; closed by whoever made it. */
  readonly logs: LogFiles
  /** Shared with the local drivers of the server. */
  readonly machine: LocalMachine
  /** First and last port that its Ray nodes may have; no other backend of the machine has one of them. Default 10000–19999. */
  readonly ports?: readonly [number, number]
  /** Paths of this machine that clusters of people who are not server owners may mount. Default none. */
  readonly hostPathAllow?: readonly string[]
  /** Where Ray's sockets are: its path must be short. Default /tmp. */
  readonly tempRoot?: string
  /** Where Pythons are looked for, and what Ray's jobs find their programs in. */
  readonly searchPath: string
  readonly runtimes: Pick<
    RayRuntimesOptions,
    "environment" | "interpreters" | "allowInstall" | "allowUnauthenticated"
  > & {
    /** Where Ray versions are kept. Default `ray/runtimes` in the data directory. */
    readonly home?: string
  }
  /** Between two looks at processes whose end no event tells. Default 5,000 ms. */
  readonly slowLookMs?: number
}

/** A backend of Ray on this machine, with what the server wants to know of its processes. */
export interface LocalRay extends RayBackend {
  readonly pods: LocalPods
}

const defaultPorts = [10_000, 19_999] as const
const sharedMemory = "/dev/shm"

/** Ray nodes as processes of this machine: each an attempt of one pod. */
export function createLocalRay(options: LocalRayOptions): LocalRay {
  const { clusterId, clock, log, logs, machine, slowLookMs } = options
  const range = options.ports ?? defaultPorts
  const tempRoot = options.tempRoot ?? "/tmp"
  const dataDir = join(options.dataDir, "ray")
  const path = options.searchPath
  const driver = createLocalDriver({
    clusterId,
    dataDir,
    clock,
    log,
    logs,
    machine,
    path,
    ...(slowLookMs === undefined ? {} : { slowLookMs }),
  })
  const runtimes = createRayRuntimes({
    home: join(dataDir, "runtimes"),
    clock,
    log,
    searchPath: path,
    ...options.runtimes,
  })

  const underWay = new Map<RayPodId, Promise<unknown>>()
  const tempDir = (id: RayPodId) => tempDirOf(tempRoot, options.dataDir, id)

  /** One at a time for a pod: the second of two would find the first one's ports taken. */
  async function ensure(launch: RayPodLaunch, signal: AbortSignal): Promise<RayPodStarted> {
    for (let before = underWay.get(launch.id); before; before = underWay.get(launch.id))
      await before.catch(() => undefined)
    signal.throwIfAborted()
    const starting = start(launch, signal)
    underWay.set(launch.id, starting)
    try {
      return await starting
    } finally {
      underWay.delete(launch.id)
    }
  }

  async function start(launch: RayPodLaunch, signal: AbortSignal): Promise<RayPodStarted> {
    const ports = portsOf(range[0], blockOf(launch))
    // what was started has its ports and folder
    const known = await driver.recover(asAttempt(launch.id), null)
    const account = await machine.accounts.accountFor(launch.workspaceId, launch.asServerOwner)
    const mounts = known ? [] : await mountsOf(launch, account, volumesOptions(launch))
    if (!known) {
      await checkBlock(ports)
      await makeTempDir(tempDir(launch.id), account)
    }
    const handle = await driver.ensure(await attemptOf(launch, ports, mounts), signal)
    const address = launch.head ? null : addressOf(ports, launch.serves)
    return { handle, address, ignoredParams: ignoredParams(launch.rayStartParams) }
  }

  /** Of some versions a worker uses its head's temp directory, whose name it does not know: the root of all is kept. */
  function volumesOptions(launch: RayPodLaunch): VolumesOptions {
    const needed = [options.dataDir, placesOf(launch).bin, join(tempRoot, "br-")]
    return { claims: join(dataDir, "volumes"), needed, hostPathAllow: options.hostPathAllow ?? [] }
  }

  function blockOf({ portBlock, name }: RayPodLaunch): number {
    if (portBlock !== null && portBlock < blocksIn(range)) return portBlock
    throw new AppError("internal", `The Ray node ${name} was given no block of ports of this machine.`)
  }

  async function attemptOf(
    launch: RayPodLaunch,
    ports: RayPorts,
    mounts: readonly PodMount[],
  ): Promise<AttemptLaunch> {
    const { bavail, bsize } = await statfs(sharedMemory)
    const place = { ports, tempDir: tempDir(launch.id), sharedMemoryBytes: bavail * bsize }
    const { python, bin } = placesOf(launch)
    const command = [join(bin, "ray"), ...rayArguments(launch, place)]
    return {
      id: asAttempt(launch.id),
      workloadId: launch.rayCluster,
      workspaceId: launch.workspaceId,
      run: 1,
      // its pods do not meet: each has its own place
      kind: "Deployment",
      asServerOwner: launch.asServerOwner,
      entryPoint: launcherScript(python, command),
      env: rayEnvironment(launch, ports, path),
      pods: [
        {
          podId: launch.name,
          index: 0,
          nodeName: launch.nodeName,
          gpuIndexes: launch.gpuIndexes,
          size: launch.size,
          containerName: launch.head ? "ray-worker" : "ray-head",
          // the whole block was looked at
          ports: [],
          probes: null,
          mounts,
        },
      ],
    }
  }

  return {
    clusterId,
    portBlocks: blocksIn(range),
    pods: driver,
    prepare: (want, report, signal) => runtimes.prepare(want, report, signal),
    ensure,
    inspect: async (_id, handle) => observationOf(await driver.inspect(handle)),
    recover: (id, handle) => driver.recover(asAttempt(id), handle),
    stop: (_id, handle, reason, graceMs) => driver.stop(handle, reason, graceMs),
    async forget(id, handle) {
      await driver.forget(asAttempt(id), handle, true)
      await removeTempDir(tempDir(id))
    },
    onChange: (listener) => driver.onChange((id) => listener(id as string as RayPodId)),
    readLog: (_id, handle, maxBytes) => readLog(handle, maxBytes),
    dashboard(address, token) {
      const port = Number(new URL(address.serveUrl).port)
      const host = "127.0.0.1"
      const serveOptions = { http_options: { host, port }, grpc_options: { port: port + 1 } }
      return createRayDashboard({ clock, address, token, serveOptions })
    },
    marked: () => driver.marked?.() ?? Promise.resolve([]),
    leftovers: async () => ((await driver.leftovers?.()) ?? []).map((id) => id as string as RayPodId),
    close: () => driver.close(),
  }

  async function readLog(handle: JsonObject, maxBytes: number): Promise<string> {
    const podId = isStored(handle)?.pods[0]?.podId ?? ""
    const query = { tailLines: null, sinceMs: null, fromOffset: null, maxBytes }
    const { lines } = await driver.readLog(handle, podId, query)
    return lines.map((line) => `${line}\n`).join("")
  }
}

function asAttempt(id: RayPodId): AttemptId {
  return id as string as AttemptId
}

function observationOf(
  seen: Awaited<ReturnType<ReturnType<typeof createLocalDriver>["inspect"]>>,
): RayPodObservation {
  const [pod] = seen.pods
  return {
    state: pod?.state ?? "lost",
    startedAtMs: pod?.startedAtMs ?? null,
    exitCode: pod?.exitCode ?? null,
    cause: pod?.cause ?? null,
    message: pod?.message ?? "",
    isGone: seen.isGone,
  }
}
