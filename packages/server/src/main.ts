import { rmSync } from "node:fs"
import { join, resolve } from "node:path"
import type { Config } from "./config.ts"
import { readEnvironment } from "./config-environment.ts"
import { createControlPlane, type ControlPlane } from "./control-plane.ts"
import type { Gpu, Node } from "./domain/inventory/index.ts"
import { systemActor } from "./domain/journal/index.ts"
import type { Principal, UserId } from "./domain/identity/index.ts"
import { createAddressRules } from "./drivers/probe-rules.ts"
import { createResolver } from "./drivers/probe-addresses.ts"
import { createHttpProber } from "./drivers/http-prober.ts"
import { probeTrust } from "./drivers/probe-trust.ts"
import { localPaths } from "./drivers/local/attempt-files.ts"
import { createLocalClusters, type LocalClusters } from "./local-clusters.ts"
import { createBackups } from "./backups/create-backups.ts"
import { createStreams } from "./http/plugins/streams.ts"
import type { Services } from "./http/services.ts"
import { sleep, systemClock } from "./kit/clock.ts"
import type { AppError } from "./kit/errors.ts"
import { createIds } from "./kit/ids.ts"
import type { Log } from "./kit/log.ts"
import { gpuLimitsOf } from "./gpu-limits.ts"
import { createVault } from "./kit/vault.ts"
import { writePrivately } from "./kit/write-privately.ts"
import { startListeners } from "./listeners.ts"
import { openDatabase } from "./open-database.ts"
import { ensureOwnerKey } from "./owner-key.ts"
import { lockDataDirectory, type OpenStore } from "./store/index.ts"
import { createTelemetry, type GpuReading, type Telemetry } from "./telemetry/telemetry.ts"
import { openSecretKey } from "./secret-key.ts"
import { version } from "./version.ts"

export interface StartOptions {
  readonly log: Log
}

/** A server that answers. */
export interface RunningServer {
  /** Where it answers: scheme, host and port, without a slash at the end. */
  readonly url: string
  /** Further addresses: what is there, and where. */
  readonly others: readonly { readonly what: string; readonly address: string }[]
  /** The owner's token, 0600. */
  readonly ownerKeyFile: string
  /** Sentences that somebody should know: not root, no GPUs found, … */
  readonly warnings: readonly string[]
  /** Attempts whose processes are not known to be gone. */
  podsRunning(): number
  /** Resolves when what ran was taken over and planning has begun; rejects when that fails. */
  readonly ready: Promise<void>
  /**
   * Stops answering, finishes what was accepted and gives the data directory free. Pods stay, unless `pods`:
   * then they are stopped first (their workloads become Stopped). Idempotent.
   */
  stop(options: { readonly pods: boolean }): Promise<{ readonly podsLeft: number }>
  /** Resolves when it has stopped; rejects where it ended by itself, for it could not go on. */
  readonly closed: Promise<void>
}

const streamLimit = 256
/** Beyond the longest grace: killing by session, exit files, the last look. */
const podsGoneSlackMs = 40_000
/** For noting that the pods are gone. */
const noteSlackMs = 10_000

/**
 * Starts a server on a data directory: lock, database, listener, then recovery and planning (DESIGN 3, Boot).
 * It answers `/healthz` from here on; everything else once `ready`.
 * @throws AppError with detail `data_dir_locked`, `data_dir_unwritable`, `newer_database`, `corrupt_database`,
 *   `foreign_data_dir`, `address_in_use`, `address_unusable`, `tls_unreadable`, `bound_key`, `secret_key_unreadable`, and on PostgreSQL `database_locked`, `database_unreachable` or `unsuitable_database`; nothing is left behind then
 */
export async function startServer(config: Config, options: StartOptions): Promise<RunningServer> {
  const undo: (() => Promise<void> | void)[] = []
  try {
    return await build(config, options, undo)
  } catch (error) {
    for (const step of undo.toReversed()) await step()
    throw error
  }
}

async function build(
  config: Config,
  { log }: StartOptions,
  undo: (() => Promise<void> | void)[],
): Promise<RunningServer> {
  const clock = systemClock
  const ids = createIds(() => clock.nowMs())
  const dataDir = resolve(config.data)
  const lock = lockDataDirectory(dataDir)
  undo.push(() => lock.release())
  const telemetry = createTelemetry()
  undo.push(() => telemetry.close())
  const store = await openDatabase(config, {
    dataDir,
    onSuperseded: (error) => life.fail(error),
    clock,
    log,
    onCommit: (commit) => telemetry.commitDone(commit),
  })
  undo.push(() => store.close())

  const clusters = createLocalClusters(config, {
    dataDir,
    clock,
    log,
    environment: readEnvironment(),
    onRetained: telemetry.logsRetained,
    nodeOf: (clusterId, name) => plane.capacity.node(name, clusterId),
  })
  undo.push(() => clusters.close())
  const secretKey = openSecretKey(join(dataDir, "secret.key"), clock.nowMs())
  const plane = await createControlPlane({
    store,
    rows: store,
    clock,
    ids,
    log,
    clusters: clusters.clusters,
    drivers: clusters.drivers,
    rayBackends: clusters.rayBackends,
    hostPathAllow: config.local.hostPathAllow,
    networks: new Map(clusters.clusters.map((cluster) => [cluster.id, clusters.network])),
    prober: createHttpProber({
      clock,
      rules: createAddressRules(config.services.probeAllow),
      resolve: createResolver(clock),
      trust: probeTrust(config.services.probeCa),
    }),
    sources: clusters.sources,
    noAuth: config.noAuth,
    vault: createVault(secretKey.bytes),
    gpuLimits: gpuLimitsOf(config.gpuRequests),
    stopGraceSeconds: config.stopGraceSeconds,
    chores: [{ name: "logs", everyMs: 600_000, isDueAtStart: true, run: () => clusters.retainLogs() }],
    onTurn: (turn) => telemetry.planCommitted(turn),
    onGpuTurn: (turn) => telemetry.gpuPlanCommitted(turn),
    onGpuStart: (start) => telemetry.gpuRequestStarted(start),
  })
  undo.push(() => plane.stop())
  observePlane(telemetry, plane, clusters, clock.nowMs.bind(clock))
  const ownerKeyFile = join(dataDir, "owner.key")
  const ownerWarnings = await ensureOwnerKey(plane, {
    path: ownerKeyFile,
    as: (id, name) => serverPrincipal(id, name),
    nowMs: clock.nowMs(),
  })
  const keyWarnings = [...ownerWarnings, ...secretKey.warnings, ...plane.warnings()]

  const streams = createStreams({ clock, most: streamLimit, onCount: telemetry.streamsOpen })
  const life = createLife({ plane, clusters, store, telemetry, lock, log, dataDir })
  const backups = createBackups({
    store,
    clock,
    serverVersion: version,
    accountsFile: localPaths(dataDir).accounts,
  })
  const services = servicesOf({ plane, store, ids, backups, shutdown: life.shutdown })
  const listeners = await startListeners({
    config,
    services,
    directory: plane.directory,
    log,
    streams,
    meter: telemetry,
    metrics: telemetry,
    onRefused: (refusal) => plane.refusals.note(refusal, clock.nowMs()),
    warnings: () => [...secretKey.warnings, ...clusters.warnings(), ...plane.warnings()],
  })
  undo.push(() => listeners.close())
  life.setListeners(listeners)
  const { url } = listeners
  writePrivately(join(dataDir, "run.json"), JSON.stringify({ url, pid: process.pid, version }))
  undo.push(() => rmSync(join(dataDir, "run.json"), { force: true }))

  const ready = plane.start().then(listeners.readinessChanged)
  // whoever waits for it is told; nobody waiting must not end the process
  ready.catch((err: unknown) => log.error({ err }, "the server could not begin its work"))
  return {
    url,
    others: listeners.others,
    ownerKeyFile,
    get warnings() {
      return [...keyWarnings, ...clusters.warnings()]
    },
    podsRunning: () => clusters.liveAttempts(),
    ready,
    stop: life.stop,
    closed: life.closed,
  }
}

/** Ending, once, in order: no new requests, no new plans, (pods,) the store, the lock. */
function createLife(parts: {
  readonly plane: ControlPlane
  readonly clusters: LocalClusters
  readonly store: OpenStore
  readonly telemetry: Telemetry
  readonly lock: { release(): void }
  readonly log: Log
  readonly dataDir: string
}) {
  const { plane, clusters, store, log } = parts
  const closed = Promise.withResolvers<void>()
  let listeners: { close(): Promise<void> } | undefined
  let failure: AppError | undefined
  let stopping: Promise<{ readonly podsLeft: number }> | undefined

  async function end(pods: boolean): Promise<{ readonly podsLeft: number }> {
    try {
      if (pods) await stopPods(parts)
      await listeners?.close()
      await plane.stop()
      const podsLeft = clusters.liveAttempts()
      await clusters.close()
      await store.close()
      parts.telemetry.close()
      rmSync(join(parts.dataDir, "run.json"), { force: true })
      parts.lock.release()
      log.info({ podsLeft }, "stopped")
      return { podsLeft }
    } finally {
      if (failure) closed.reject(failure)
      else closed.resolve()
    }
  }

  const stop = (options: { readonly pods: boolean }) => (stopping ??= end(options.pods))
  // whoever waits is told; nobody waiting must not end the process
  closed.promise.catch(() => undefined)
  return {
    closed: closed.promise,
    /** It cannot go on: pods stay, and `closed` rejects. */
    fail(why: AppError): void {
      log.error({ err: why }, "the server ends")
      failure ??= why
      stop({ pods: false }).catch((err: unknown) =>
        log.error({ err }, "the server did not stop as it should"),
      )
    },
    setListeners: (started: { close(): Promise<void> }) => void (listeners = started),
    stop,
    /** The HTTP form: the answer goes out first. */
    shutdown(options: { readonly pods: boolean }): Promise<{ readonly podsLeft: number }> {
      const podsLeft = options.pods ? 0 : clusters.liveAttempts()
      setImmediate(() => {
        stop(options).catch((err: unknown) => log.error({ err }, "the server did not stop as it should"))
      })
      return Promise.resolve({ podsLeft })
    },
  }
}

/** Stops every workload that has pods; what only waits stays queued. Ray clusters wait for the next server. */
async function stopPods(parts: {
  readonly plane: ControlPlane
  readonly clusters: LocalClusters
  readonly store: OpenStore
  readonly log: Log
}): Promise<void> {
  const { plane, clusters, store } = parts
  await plane.pausePlanning()
  const principal = serverPrincipal("shutdown" as UserId, "the server's shutdown")
  let longestGraceMs = await plane.standDownRay()
  for (const attempt of await store.workloads.liveAttempts(store.committed)) {
    longestGraceMs = Math.max(longestGraceMs, attempt.graceMs)
    const workload = await store.workloads.byKey(store.committed, attempt.workloadKey)
    if (workload) await plane.workloads.stop(principal, workload.id)
  }
  const deadline = systemClock.monotonicMs() + longestGraceMs + podsGoneSlackMs
  while (clusters.liveAttempts() > 0 && systemClock.monotonicMs() < deadline) await clusters.changed(1000)
  await plane.control.idle()
  // a Ray object that cannot be brought in line is tried again for ever
  await Promise.race([plane.rayControl.idle(), sleep(systemClock, noteSlackMs)])
}

/** What the server does by itself with an owner's rights. */
function serverPrincipal(userId: UserId, userName: string): Principal {
  return {
    userId,
    userName,
    keyId: null,
    serverRole: "owner",
    roleIn: () => "owner",
    workspaces: () => null,
    actor: systemActor("server"),
  }
}

function servicesOf(parts: {
  readonly plane: ControlPlane
  readonly store: OpenStore
  readonly ids: Services["ids"]
  readonly backups: Services["backups"]
  readonly shutdown: Services["shutdown"]
}): Services {
  const { plane, store } = parts
  return {
    clock: systemClock,
    ids: parts.ids,
    directory: plane.directory,
    identity: plane.identity,
    tokens: plane.tokens,
    inventory: plane.inventory,
    workspaces: plane.workspaces,
    gpuRequests: plane.gpuRequests,
    gpuSettings: plane.gpuSettings,
    gpuReading: plane.gpuReading,
    queue: plane.queue,
    capacity: plane.capacity,
    workloads: plane.workloads,
    endpoints: plane.endpoints,
    ray: plane.ray,
    idempotency: plane.idempotency,
    serviceRecords: plane.serviceRecords,
    serviceRegisters: plane.serviceRegisters,
    serviceEntries: plane.serviceEntries,
    serviceWatches: plane.serviceWatches,
    serviceJoins: plane.serviceJoins,
    journal: store.journal,
    store,
    readiness() {
      const message = store.trouble()
      return message === undefined ? plane.readiness() : { isReady: false, message }
    },
    shutdown: parts.shutdown,
    backups: parts.backups,
    version,
  }
}

function observePlane(
  telemetry: Telemetry,
  plane: ControlPlane,
  { network }: LocalClusters,
  nowMs: () => number,
): void {
  telemetry.observe({
    services: () => ({
      ...network.counts,
      byWorkspace: plane.services.keys().map(({ key, workspaceId }) => ({
        workspaceId,
        connections: network.connectionsOf(key),
      })),
    }),
    queues: () =>
      plane.workspaceNames().map((workspaceId) => {
        const queue = plane.capacity.queue(workspaceId)
        const oldest = queue.reduce((least, claim) => Math.min(least, claim.queuedAtMs), nowMs())
        return { workspaceId, depth: queue.length, oldestAgeMs: nowMs() - oldest }
      }),
    pods: () => plane.podsByPhase(),
    gpuRequests: () => plane.gpuReading(),
    ray: () => plane.rayReading(),
    // declared GPUs have nothing to tell
    gpus: () =>
      plane.inventory
        .list()
        .filter((node) => !node.simulated)
        .flatMap((node) => node.gpus.map((gpu) => toGpuReading(node, gpu))),
  })
}

function toGpuReading(node: Node, gpu: Gpu): GpuReading {
  const { index, utilisationPercent, temperatureC, powerW, fault } = gpu
  const of = { cluster: node.clusterId, node: node.name, index }
  return { ...of, utilisationPercent, temperatureC, powerW, isFaulty: fault !== "" }
}
