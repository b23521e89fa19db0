import { randomBytes } from "node:crypto"
import type { ControlPlaneOptions } from "./control-plane-options.ts"
import { createHousekeeping } from "./control/housekeeping.ts"
import { forgetLeftovers } from "./control/leftovers.ts"
import { pruneEveryMs, pruneOver, pruneStep } from "./control/retention.ts"
import { createSchedulerLoop } from "./control/scheduler-loop.ts"
import { createStrays } from "./control/strays.ts"
import {
  defaultLimits,
  gpuBindingChanged,
  gpuRequestChanged,
  nodeHoldChanged,
} from "./domain/gpu-requests/index.ts"
import { createDirectory } from "./domain/identity/index.ts"
import { createInventory, nodeChanged } from "./domain/inventory/index.ts"
import { createIdempotency, createRefusals, systemActor, type Reads } from "./domain/journal/index.ts"
import { claimChanged, createQueue, queueControlChanged } from "./domain/queue/index.ts"
import { withEndpointsEnded } from "./domain/workloads/index.ts"
import { createWorkspaceIndex, createWorkspaces, workspaceChanged } from "./domain/workspaces/index.ts"
import { createGpuPlane } from "./gpu-plane.ts"
import { createIdentityPlane } from "./identity-plane.ts"
import { createLate } from "./kit/late.ts"
import { createTimers } from "./kit/timers.ts"
import { createVault, vaultKeyBytes } from "./kit/vault.ts"
import { createPlanners } from "./planners.ts"
import { createRayPlane, type RayPlane } from "./ray-plane.ts"
import { createServicesPlane } from "./services-plane.ts"
import { createWorkloadsPlane, type WorkloadsPlane } from "./workloads-plane.ts"

export type ControlPlane = Awaited<ReturnType<typeof createControlPlane>>

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
  const graceSecondsOf = (workspaceId: string) =>
    workspaceIndex.find(workspaceId)?.policy.stopGraceSeconds ?? 30
  const rayPlane = createLate<RayPlane>("What owns Ray's claims")
  const workloadsPlane = createLate<WorkloadsPlane>("What owns the claims of workloads")
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
        bound: (tx, claim, nowMs) => workloadsPlane.get().owner.bound(tx, claim, nowMs),
        evicted: (tx, claim, cause, by, nowMs) =>
          workloadsPlane.get().owner.evicted(tx, claim, cause, by, nowMs),
      },
      "ray-cluster": {
        bound: (tx, claim, nowMs) => rayPlane.get().owner.bound(tx, claim, nowMs),
        evicted: (tx, claim, cause, by, nowMs) => rayPlane.get().owner.evicted(tx, claim, cause, by, nowMs),
      },
    },
  })
  const workloads = createWorkloadsPlane({
    store,
    rows,
    drivers: options.drivers,
    networks: options.networks ?? new Map(),
    queue,
    capacity,
    nodeAt: (nodeId) => inventory.byId(nodeId),
    workspace: (id) => workspaceIndex.find(id),
    workspaceRow,
    graceSecondsOf,
    isDeleting,
    lookAtNodes: (clusterId) => housekeeping.fingerprint(clusterId),
    principalOf: (userId) => directory.actingFor(userId),
    clock,
    timers,
    ids,
    log,
  })
  workloadsPlane.give(workloads)
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
  rayPlane.give(ray)

  const { noAuth, passwordCost } = options
  const people = createIdentityPlane({ store, rows, directory, noAuth, passwordCost, vault, clock, ids })
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
  const registers = createServicesPlane({
    store,
    rows,
    prober: options.prober,
    workloads: workloads.workloads,
    rayServices: ray.objects.services,
    readyPods: workloads.readyPods,
    users: () => directory.users(),
    workspaceRow,
    ids,
    clock,
    timers,
    log,
  })

  const gpus = createGpuPlane({
    store,
    rows,
    planners,
    queue,
    inventory,
    limits,
    clusters: clusterIds,
    workspace: (id) => workspaceIndex.find(id),
    workspaceRow,
    graceSecondsOf,
    isDeleting,
    clock,
    timers,
    ids,
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
      {
        name: "prune",
        everyMs: pruneEveryMs,
        run: () => pruneOver({ store, rows, idempotency, clock }),
      },
      ...people.chores,
      {
        name: "leftovers",
        everyMs: 86_400_000,
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

  let isReady = false
  let readiness = "The server is starting."

  await load()

  async function load(): Promise<void> {
    const from = store.committed
    workspaceIndex.load(await rows.workspaces.workspaces(from))
    await people.load(from)
    const nodes = await rows.inventory.nodes(from)
    inventory.load(nodes)
    await ray.load(from)
    for (const workspace of workspaceIndex.list()) capacity.workspaceChanged(workspace, false)
    for (const node of nodes) capacity.nodeChanged(node)
    for (const claim of await rows.claims.live(from)) capacity.claimChanged(claim)
    await planners.load(nodes, await rows.claims.control(from))
    await workloads.load(from)
  }

  return {
    capacity,
    board,
    gpuRequests: gpus.requests,
    gpuSettings: gpus.settings,
    directory,
    identity: people.identity,
    tokens: people.tokens,
    inventory,
    workspaces,
    workspaceNames: () => workspaceIndex.list().map((workspace) => workspace.id),
    queue,
    workloads: workloads.workloads,
    endpoints: workloads.endpoints,
    services: workloads.services,
    ray: ray.objects,
    idempotency,
    serviceRecords: registers.serviceRecords,
    serviceRegisters: registers.serviceRegisters,
    serviceEntries: registers.serviceEntries,
    serviceWatches: registers.serviceWatches,
    serviceJoins: registers.serviceJoins,
    control: workloads.control,
    rayControl: ray.control,
    rayLife: ray.life,
    standDownRay: ray.standDown,
    gpuControl: gpus.control,
    timers,
    readiness: () => ({ isReady, message: readiness }),
    /** No new admissions from here on; what runs is looked after until `stop`. */
    pausePlanning: () => loop.stop(),
    podsByPhase: workloads.podsByPhase,
    rayReading: ray.reading,
    gpuReading: () => gpuFigures.reading(clock.nowMs()),
    /** Requests that were refused are counted here. */
    refusals,
    /** Sentences that somebody should act on. */
    warnings: () => [...people.warnings(), ...strays.sentences()],

    /** Built-ins, the first look at the machines, recovery; then planning begins. */
    async start(): Promise<void> {
      await workspaces.bootstrap(clusterIds)
      readiness = "The machines are being looked at."
      await housekeeping.fingerprint()
      readiness = "What runs is being taken over."
      await workloads.endpoints.giveMissing()
      const recovered = { ...(await workloads.control.recover()), ...(await ray.control.recover()) }
      readiness = "The services are being opened."
      await workloads.services.open()
      await queue.adoptNodes()
      housekeeping.start()
      gpus.control.start()
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
      await workloads.services.stop()
      await gpus.control.stop()
      await ray.control.stop()
      await workloads.control.stop()
      await people
        .writeKeyUse()
        .catch((err: unknown) => log.warn({ err }, "the last uses of keys were not written"))
      await refusals
        .flush(clock.nowMs())
        .catch((err: unknown) => log.warn({ err }, "the last refused requests were not written"))
      timers.close()
    },
  }
}
