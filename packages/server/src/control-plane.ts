import { randomBytes } from "node:crypto"
import { createPodCounts } from "./control/pod-counts.ts"
import { createGpuControl } from "./control/gpu-control.ts"
import type { GpuStart } from "./control/gpu-figures.ts"
import { createHousekeeping } from "./control/housekeeping.ts"
import { forgetLeftovers } from "./control/leftovers.ts"
import { createPlanners } from "./planners.ts"
import { createRayPlane, type RayPlane } from "./ray-plane.ts"
import { createStrays } from "./control/strays.ts"
import { createServicesPlane } from "./services-plane.ts"
import { createServiceControl } from "./control/service-control.ts"
import { createSchedulerLoop } from "./control/scheduler-loop.ts"
import { createWorkloadControl } from "./control/workload-control.ts"
import {
  createGpuRequests,
  createGpuSettings,
  createUpkeepWrites,
  defaultLimits,
  gpuBindingChanged,
  gpuRequestChanged,
  nodeHoldChanged,
  type GpuRequestLimits,
  type GpuRequestStore,
  type GpuSettingsStore,
} from "./domain/gpu-requests/index.ts"
import {
  createDirectory,
  createIdentity,
  createSigningKeys,
  createTokens,
  type IdentityStore,
  type SigningKeyStore,
} from "./domain/identity/index.ts"
import {
  createInventory,
  nodeChanged,
  type Cluster,
  type InventoryStore,
  type NodeSource,
} from "./domain/inventory/index.ts"
import {
  createIdempotency,
  createRefusals,
  systemActor,
  type IdempotencyStore,
  type JournalReads,
  type Reads,
  type Store,
} from "./domain/journal/index.ts"
import type { RayBackend, RayStore } from "./domain/ray/index.ts"
import { claimChanged, createQueue, queueControlChanged, type ClaimStore } from "./domain/queue/index.ts"
import type { Prober, ServiceStore } from "./domain/services/index.ts"
import {
  createEndpoints,
  createRoutes,
  createRunner,
  createWorkloads,
  withEndpointsEnded,
  type EndpointStore,
  type PodDriver,
  type ServiceNetwork,
  type ReplicaStore,
  type Runner,
  type WorkloadStore,
} from "./domain/workloads/index.ts"
import {
  createWorkspaceIndex,
  createWorkspaces,
  workspaceChanged,
  type WorkspaceStore,
} from "./domain/workspaces/index.ts"
import type { Clock } from "./kit/clock.ts"
import type { Ids } from "./kit/ids.ts"
import type { Log } from "./kit/log.ts"
import { createTimers } from "./kit/timers.ts"
import { createPasswordHasher } from "./kit/password.ts"
import { createVault, vaultKeyBytes, type Vault } from "./kit/vault.ts"
import { makeRsaSigningKey } from "./kit/jwt.ts"

/** The rows of every slice. */
export interface Rows {
  readonly journal: JournalReads
  readonly idempotency: IdempotencyStore
  readonly identity: IdentityStore
  readonly signingKeys: SigningKeyStore
  readonly inventory: InventoryStore
  readonly workspaces: WorkspaceStore
  readonly claims: ClaimStore
  readonly workloads: WorkloadStore
  readonly replicas: ReplicaStore
  readonly endpoints: EndpointStore
  readonly gpuRequests: GpuRequestStore
  readonly gpuSettings: GpuSettingsStore
  readonly ray: RayStore
  readonly services: ServiceStore
}

export interface ControlPlaneOptions {
  readonly store: Store
  readonly rows: Rows
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
  readonly clusters: readonly Cluster[]
  readonly drivers: readonly PodDriver[]
  /** What services are listened for with, by cluster; none = they have addresses, but nothing answers there. */
  readonly networks?: ReadonlyMap<string, ServiceNetwork>
  /** What runs Ray, at most one for each cluster; none = Ray clusters wait. */
  readonly rayBackends?: readonly RayBackend[]
  /** Paths of the machines that Ray clusters of people who are not server owners may mount. Default none. */
  readonly hostPathAllow?: readonly string[]
  /** What addresses of watched records are asked with; none = they are not. */
  readonly prober?: Prober
  readonly sources: readonly NodeSource[]
  readonly noAuth: boolean
  /** Seals what is secret in the rows. Default: one that opens nothing after this process. */
  readonly vault?: Vault
  readonly gpuLimits?: GpuRequestLimits
  /** `stopGraceSeconds` that new workspaces start with. */
  readonly stopGraceSeconds?: number
  /** More periodic work (log retention). */
  readonly chores?: readonly {
    readonly name: string
    readonly everyMs: number
    readonly isDueAtStart?: boolean
    readonly run: () => Promise<void>
  }[]
  readonly onTurn?: Parameters<typeof createSchedulerLoop>[0]["onTurn"]
  readonly onGpuTurn?: Parameters<typeof createSchedulerLoop>[0]["onGpuTurn"]
  readonly onGpuStart?: (start: GpuStart) => void
}

export type ControlPlane = Awaited<ReturnType<typeof createControlPlane>>

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** DESIGN 5: how long what is over is kept. */
const keepEventsMs = 7 * dayMs
const keepAuditMs = 180 * dayMs
const keepWorkloadsMs = 90 * dayMs
const keptEvents = 1_000_000
const pruneStep = 500
/** Often enough for 1,600 events a second, day and night: that many steps of `prune` remove. */
const pruneEveryMs = 5 * 60_000

/**
 * The whole control plane over a store and its drivers, on any clock: loaded from the rows, not yet started.
 * `start` recovers what runs and only then plans (DESIGN 3, Boot).
 */
export async function createControlPlane(options: ControlPlaneOptions) {
  const { clock, ids, log } = options
  const idempotency = createIdempotency({ store: options.store, rows: options.rows.idempotency, clock })
  const { store } = idempotency
  const rows = {
    ...options.rows,
    workloads: withEndpointsEnded(options.rows.workloads, options.rows.endpoints),
  }
  const timers = createTimers(clock)
  const drivers = new Map(options.drivers.map((driver) => [driver.clusterId, driver]))
  const clusterIds = options.clusters.map((cluster) => cluster.id)

  const limits = options.gpuLimits ?? defaultLimits
  const planners = createPlanners({
    store,
    rows,
    limits,
    workspaces: { find: (id) => workspaceIndex.find(id), list: () => workspaceIndex.list() },
    nodes: () => inventory.list(),
    ...(options.onGpuStart ? { onGpuStart: options.onGpuStart } : {}),
  })
  const { board, capacity, settings, likely, figures: gpuFigures } = planners
  const workspaceIndex = createWorkspaceIndex()
  const directory = createDirectory({ clock, ...workspaceIndex })
  const inventory = createInventory({
    store,
    rows: rows.inventory,
    clock,
    ids,
    clusters: options.clusters,
    hasWorkspace: async (from, id) => (await rows.workspaces.byId(from, id))?.state === "active",
  })

  // what is kept in memory follows the commits from here on, before anything is loaded
  workspaceIndex.follow(store)
  directory.follow(store)
  inventory.follow(store)
  planners.follow()

  const isDeleting = (id: string) => workspaceIndex.find(id)?.state === "deleting"
  const workspaceRow = (from: Reads, id: string) => rows.workspaces.byId(from, id)
  const pods = createPodCounts(store)
  const graceSecondsOf = (workspaceId: string) =>
    workspaceIndex.find(workspaceId)?.policy.stopGraceSeconds ?? 30
  const runner: { current: Runner | undefined } = { current: undefined }
  const theRunner = (): Runner => {
    if (!runner.current) throw new Error("The runner is not there yet.")
    return runner.current
  }
  const rayPlane: { current: RayPlane | undefined } = { current: undefined }
  const theRayOwner = () => {
    if (!rayPlane.current) throw new Error("The owner of Ray's claims is not there yet.")
    return rayPlane.current.owner
  }
  const vault = options.vault ?? createVault(randomBytes(vaultKeyBytes))
  const rayBackends = options.rayBackends ?? []
  const refusals = createRefusals(store)
  const strays = createStrays({
    drivers: [...options.drivers, ...rayBackends],
    rows: rows.workloads,
    rayPods: rows.ray.pods,
    store,
    log,
  })
  const queue = createQueue({
    store,
    strays: () => strays.look(),
    rows: rows.claims,
    capacity,
    clock,
    journal: rows.journal,
    workspaces: { find: (id: string) => workspaceIndex.find(id), rows: rows.workspaces },
    nodeAt: (from, id) => rows.inventory.node(from, id),
    requests: rows.gpuRequests,
    reservations: capacity.reservations,
    likelyStartMs: likely.startMs,
    ids,
    limits,
    automaticTemplate: (workspaceId, clusters) =>
      clusters.flatMap((cluster) => settings.automaticTemplate(workspaceId, cluster) ?? [])[0],
    owners: {
      workload: {
        bound: (tx, claim, nowMs) => theRunner().owner.bound(tx, claim, nowMs),
        evicted: (tx, claim, cause, by, nowMs) => theRunner().owner.evicted(tx, claim, cause, by, nowMs),
      },
      "ray-cluster": {
        bound: (tx, claim, nowMs) => theRayOwner().bound(tx, claim, nowMs),
        evicted: (tx, claim, cause, by, nowMs) => theRayOwner().evicted(tx, claim, cause, by, nowMs),
      },
    },
  })
  const control = createWorkloadControl({
    store,
    rows: rows.workloads,
    replicas: rows.replicas,
    runner: theRunner,
    drivers: options.drivers,
    clock,
    timers,
    log,
    isDeleting,
  })
  runner.current = createRunner({
    store,
    rows: rows.workloads,
    replicas: rows.replicas,
    endpoints: rows.endpoints,
    moves: queue,
    clock,
    ids,
    drivers,
    nodeAt: (nodeId) => inventory.byId(nodeId),
    graceSecondsOf,
    isDeleting,
    lookAtNodes: (clusterId) => housekeeping.fingerprint(clusterId),
    capacity,
    workspace: (id) => workspaceIndex.find(id),
    workspaceRow,
    principalOf: (userId) => directory.actingFor(userId),
    lookAt: control.lookAt,
  })

  const ray = createRayPlane({
    store,
    rows: rows.ray,
    clock,
    timers,
    ids,
    log,
    vault,
    backends: rayBackends,
    hostPathAllow: options.hostPathAllow ?? [],
    queue,
    capacity,
    workspaces: workspaceIndex,
    workspaceRow,
    nodeAt: (nodeId) => inventory.byId(nodeId),
    graceSecondsOf,
    isDeleting,
  })
  rayPlane.current = ray

  const identity = createIdentity({
    store,
    rows: rows.identity,
    directory,
    clock,
    ids,
    randomBytes: (size) => randomBytes(size),
    passwords: createPasswordHasher(),
    noAuth: options.noAuth,
  })
  const signingKeys = createSigningKeys({
    store,
    rows: rows.signingKeys,
    clock,
    vault,
    makeKey: makeRsaSigningKey,
  })
  const tokens = createTokens({ directory, signingKeys, clock })
  const workspaces = createWorkspaces({
    store,
    rows: rows.workspaces,
    identityRows: rows.identity,
    inventoryRows: rows.inventory,
    index: workspaceIndex,
    directory,
    clock,
    ids,
    clusters: clusterIds,
    ...(options.stopGraceSeconds === undefined ? {} : { stopGraceSeconds: options.stopGraceSeconds }),
    clearStep: (tx, workspaceId) => rows.services.deleteIn(tx, workspaceId, pruneStep),
    liveWork: async (from, workspaceId) =>
      // schedules have no claim, what has just ended has no life but a claim: nearly everything has both
      Math.max(await rows.claims.liveIn(from, workspaceId), await rows.workloads.liveIn(from, workspaceId)) +
      (await rows.gpuRequests.liveIn(from, workspaceId)) +
      (await ray.liveIn(from, workspaceId)),
  })
  const workloads = createWorkloads({
    store,
    rows: rows.workloads,
    endpoints: rows.endpoints,
    replicas: rows.replicas,
    moves: queue,
    capacity,
    clock,
    ids,
    drivers,
    workspace: (id) => workspaceIndex.find(id),
    workspaceRow,
    trouble: theRunner().trouble,
  })

  const isPublished = (workspaceId: string) => workspaceIndex.find(workspaceId)?.policy.publishServices
  const routes = createRoutes()
  const services = createServiceControl({
    store,
    routes,
    commands: () => endpoints,
    networks: options.networks ?? new Map(),
    isPublished: (workspaceId) => isPublished(workspaceId) === true,
    clock,
    timers,
    log,
  })
  const endpoints = createEndpoints({
    store,
    rows: rows.endpoints,
    workloads: rows.workloads,
    routes,
    clock,
    detail: (principal, id) => workloads.get(principal, id),
    state: (key) => services.state(key),
    isPublished,
  })

  const registers = createServicesPlane({
    store,
    rows,
    prober: options.prober,
    workloads,
    rayServices: ray.objects.services,
    readyPods: (key) => routes.get(key)?.backends.length ?? 0,
    users: () => directory.users(),
    workspaceRow,
    ids,
    clock,
    timers,
    log,
  })

  const gpuRequests = createGpuRequests({
    store,
    rows: rows.gpuRequests,
    board,
    likely,
    settings,
    journal: rows.journal,
    clock,
    ids,
    limits,
    clusters: clusterIds,
    workspace: (id) => workspaceIndex.find(id),
    workspaceRow,
    nodes: () => inventory.list(),
    gpusInUse: (nodeId) =>
      capacity
        .holders(nodeId)
        .flatMap((claim) => claim.placements)
        .reduce((sum, one) => sum + (one.nodeId === nodeId ? one.gpuIndexes.length : 0), 0),
    holds: queue,
  })
  const gpuSettings = createGpuSettings({
    store,
    rows: rows.gpuSettings,
    index: settings,
    clock,
    limits,
    clusters: clusterIds,
    workspace: (id) => workspaceIndex.find(id),
    workspaceRow,
  })
  const gpuControl = createGpuControl({
    store,
    board,
    capacity,
    queue,
    writes: createUpkeepWrites({ store, rows: rows.gpuRequests, journal: rows.journal, board, clock }),
    limits,
    graceSecondsOf,
    isDeleting,
    onReadings: (listener) => inventory.onReadings(listener),
    clock,
    timers,
    log,
  })
  const loop = createSchedulerLoop({
    capacity,
    board,
    queue,
    clock,
    timers,
    log,
    ...(options.onTurn ? { onTurn: options.onTurn } : {}),
    ...(options.onGpuTurn ? { onGpuTurn: options.onGpuTurn } : {}),
  })
  const planned = [claimChanged, nodeChanged, workspaceChanged, queueControlChanged]
  for (const change of [...planned, gpuRequestChanged, gpuBindingChanged, nodeHoldChanged])
    store.subscribe<unknown>(change, () => loop.wake())

  const housekeeping = createHousekeeping({
    store,
    capacity,
    clock,
    timers,
    log,
    setStuck: (nodeId, stuck) => inventory.setStuck(nodeId, stuck),
    drained: (nodeId) => inventory.drained(nodeId),
    evictFrom: (nodeId) => queue.evictFrom(systemActor("housekeeping"), nodeId),
    isDeleting,
    deletingWorkspaces: () =>
      workspaceIndex
        .list()
        .filter((workspace) => workspace.state === "deleting")
        .map((workspace) => workspace.id),
    workspaceFreed: async (id) => void (await workspaces.finishDeletion(id)),
    sources: options.sources,
    seen: (clusterId, facts) => inventory.seen(clusterId, facts),
    unseen: (clusterId, message) => inventory.unseen(clusterId, message),
    chores: [
      { name: "prune", everyMs: pruneEveryMs, run: prune },
      { name: "key-use", everyMs: 60_000, run: writeKeyUse },
      {
        name: "sessions",
        everyMs: 600_000,
        run: async () => void (await identity.endExpiredSessions(pruneStep)),
      },
      { name: "signing-keys", everyMs: hourMs, run: () => signingKeys.rotate() },
      {
        name: "leftovers",
        everyMs: dayMs,
        isDueAtStart: true,
        run: () =>
          forgetLeftovers({
            drivers: options.drivers,
            rayBackends,
            rows: rows.workloads,
            rayPods: rows.ray.pods,
            store,
            log,
          }),
      },
      { name: "refusals", everyMs: 60_000, run: () => refusals.flush(clock.nowMs()) },
      { name: "strays", everyMs: 60_000, run: () => strays.lookAgain() },
      ...(options.chores ?? []),
    ],
  })

  /** What is over for long enough goes, in small steps so that writers never wait long. */
  async function prune(): Promise<void> {
    const nowMs = clock.nowMs()
    const keep = {
      eventsAfterMs: nowMs - keepEventsMs,
      auditAfterMs: nowMs - keepAuditMs,
      maxEvents: keptEvents,
    }
    for (let step = 0; step < 1000; step++)
      if ((await store.tx((tx) => rows.journal.prune(tx, keep, pruneStep))) === 0) break
    for (let step = 0; step < 1000; step++) if ((await idempotency.prune(pruneStep)) === 0) break
    for (let step = 0; step < 1000; step++) {
      const gone = await store.tx((tx) => rows.workloads.prune(tx, nowMs - keepWorkloadsMs, pruneStep))
      if (gone.length === 0) break
    }
    for (let step = 0; step < 1000; step++)
      if ((await store.tx((tx) => rows.gpuRequests.prune(tx, nowMs - keepWorkloadsMs, pruneStep))) === 0)
        break
    for (let step = 0; step < 1000; step++)
      if ((await store.tx((tx) => rows.ray.prune(tx, nowMs - keepWorkloadsMs, pruneStep))) === 0) break
  }

  async function writeKeyUse(): Promise<void> {
    const used = directory.drainTouches()
    if (used.length > 0) await store.tx((tx) => rows.identity.touchKeys(tx, used))
  }

  let isReady = false
  let readiness = "The server is starting."

  await load()

  async function load(): Promise<void> {
    const from = store.committed
    workspaceIndex.load(await rows.workspaces.workspaces(from))
    directory.load(
      await rows.identity.users(from),
      await rows.identity.keys(from),
      await rows.identity.memberships(from),
    )
    signingKeys.load(await rows.signingKeys.signingKeys(from))
    const nodes = await rows.inventory.nodes(from)
    inventory.load(nodes)
    const attempts = await rows.workloads.liveAttempts(from)
    for (const attempt of attempts) pods.apply(attempt)
    await ray.load(from)
    for (const workspace of workspaceIndex.list()) capacity.workspaceChanged(workspace, false)
    for (const node of nodes) capacity.nodeChanged(node)
    for (const claim of await rows.claims.live(from)) capacity.claimChanged(claim)
    await planners.load(nodes, await rows.claims.control(from))
    for (const workload of await rows.workloads.live(from)) routes.workloadChanged(workload)
    for (const endpoint of await rows.endpoints.all(from)) routes.endpointChanged(endpoint, false)
    for (const replica of await rows.replicas.all(from)) routes.replicaChanged(replica, false)
    for (const attempt of attempts) routes.attemptChanged(attempt)
  }

  return {
    capacity,
    board,
    gpuRequests,
    gpuSettings,
    directory,
    identity,
    tokens,
    inventory,
    workspaces,
    workspaceNames: () => workspaceIndex.list().map((workspace) => workspace.id),
    // until their services are built
    queue,
    workloads,
    endpoints,
    services,
    ray: ray.objects,
    idempotency,
    serviceRecords: registers.serviceRecords,
    serviceRegisters: registers.serviceRegisters,
    serviceWatches: registers.serviceWatches,
    serviceJoins: registers.serviceJoins,
    control,
    rayControl: ray.control,
    rayLife: ray.life,
    standDownRay: ray.standDown,
    gpuControl,
    timers,
    readiness: () => ({ isReady, message: readiness }),
    /** No new admissions from here on; what runs is looked after until `stop`. */
    pausePlanning: () => loop.stop(),
    podsByPhase: () => pods.counts(),
    rayReading: ray.reading,
    gpuReading: () => gpuFigures.reading(clock.nowMs()),
    /** Requests that were refused are counted here. */
    refusals,
    /** Sentences that somebody should act on. */
    warnings: () => [...signingKeys.warnings(), ...strays.sentences()],

    /** Built-ins, the first look at the machines, recovery; then planning begins. */
    async start(): Promise<void> {
      await workspaces.bootstrap(clusterIds)
      readiness = "The machines are being looked at."
      await housekeeping.fingerprint()
      readiness = "What runs is being taken over."
      await endpoints.giveMissing()
      const recovered = { ...(await control.recover()), ...(await ray.control.recover()) }
      readiness = "The services are being opened."
      await services.open()
      await queue.adoptNodes()
      housekeeping.start()
      gpuControl.start()
      await registers.start()
      loop.start()
      isReady = true
      readiness = "The server is ready."
      log.info(recovered, "ready")
      void strays.look().catch((err: unknown) => log.warn({ err }, "processes could not be looked at"))
    },

    /** No more planning and no more looks; what runs goes on. Idempotent. */
    async stop(): Promise<void> {
      isReady = false
      readiness = "The server is shutting down."
      housekeeping.stop()
      await loop.stop()
      await registers.stop()
      await services.stop()
      await gpuControl.stop()
      await ray.control.stop()
      await control.stop()
      await writeKeyUse().catch((err: unknown) => log.warn({ err }, "the last uses of keys were not written"))
      await refusals
        .flush(clock.nowMs())
        .catch((err: unknown) => log.warn({ err }, "the last refused requests were not written"))
      timers.close()
    },
  }
}
