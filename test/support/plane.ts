import { rmSync } from "node:fs"
import { join } from "node:path"
import { createControlPlane, type ControlPlane } from "../../packages/server/src/control-plane.ts"
import type { GpuRequestLimits } from "../../packages/server/src/domain/gpu-requests/index.ts"
import type { Principal, Role } from "../../packages/server/src/domain/identity/index.ts"
import {
  nodeChanged,
  noReadings,
  type Node,
  type NodeFacts,
} from "../../packages/server/src/domain/inventory/index.ts"
import { systemActor, type StoredEvent } from "../../packages/server/src/domain/journal/index.ts"
import { rebuild } from "../../packages/server/src/domain/queue/index.ts"
import type {
  Attempt,
  CreateWorkload,
  Replica,
  Workload,
  WorkloadDetail,
} from "../../packages/server/src/domain/workloads/index.ts"
import type { UserId } from "../../packages/server/src/domain/identity/index.ts"
import { createFakeDriver } from "../../packages/server/src/drivers/fake/fake-driver.ts"
import { createFakeNetwork, type FakeNetwork } from "../../packages/server/src/drivers/fake/fake-network.ts"
import { createFakeProber, type FakeProber } from "../../packages/server/src/drivers/fake/fake-prober.ts"
import { createFakeRay } from "../../packages/server/src/drivers/fake/fake-ray.ts"
import {
  createFakeRayWorld,
  type FakeRayWorld,
} from "../../packages/server/src/drivers/fake/fake-ray-world.ts"
import { entryPointScript } from "../../packages/server/src/drivers/fake/fake-script.ts"
import {
  createFakeWorld,
  type FakeScript,
  type FakeWorld,
} from "../../packages/server/src/drivers/fake/fake-world.ts"
import { createVirtualClock, type VirtualClock } from "../../packages/server/src/kit/clock.ts"
import { createVault, vaultKeyBytes } from "../../packages/server/src/kit/vault.ts"
import { createIds } from "../../packages/server/src/kit/ids.ts"
import { silentLog, type Log } from "../../packages/server/src/kit/log.ts"
import { openStore, type OpenStore } from "../../packages/server/src/store/index.ts"
import { createGpuWatch, faultsOfGpus, type GpuWatch } from "./gpu-faults.ts"
import { createReplicaWatch, type ReplicaWatch } from "./replica-moves.ts"
import { fastDirectory, newDatabase } from "./new-database.ts"
import { faultsOfRay } from "./ray-faults.ts"
import { createLife, type Life, type OnStep } from "./life.ts"
import { faultsOfServices } from "./service-faults.ts"

export interface TestPlaneOptions {
  /** Default: one node `n1` with 8 GPUs. */
  readonly nodes?: readonly NodeFacts[]
  /** Machines of a second cluster, `other`. Default: there is none. */
  readonly otherNodes?: readonly NodeFacts[]
  /** Default: what the entry point says (`sleep 5; exit 1`). */
  readonly script?: FakeScript
  readonly onStep?: OnStep
  /** Whether the store refuses to write now, as with a full disk. Default never. */
  readonly refuse?: () => boolean
  readonly log?: Log
  /**
   * Whether nodes with GPUs are lent by GPU requests. Default false: they are assigned to `default`, so that work
   * there finds them without any.
   */
  readonly lends?: boolean
  /** Default: as the server has them. */
  readonly gpuLimits?: GpuRequestLimits
}

/** What a test says about a workload; the rest is a job of one pod with one GPU that sleeps 10 s. */
export type Submission = Partial<Omit<CreateWorkload, "resource">> & {
  readonly resource?: Partial<CreateWorkload["resource"]>
}

/** A whole control plane in virtual time: real store, fake processes, deterministic ids; it can crash and come back. */
export interface TestPlane {
  readonly clock: VirtualClock
  readonly world: FakeWorld
  /** The machine on which Ray runs. */
  readonly ray: FakeRayWorld
  /** Where services are listened for; what other programs hold there stays over a crash. */
  readonly network: FakeNetwork
  /** What answers outside. */
  readonly prober: FakeProber
  readonly owner: Principal
  /** Of the present life. */
  readonly plane: ControlPlane
  readonly store: OpenStore
  readonly life: Life
  submit(command?: Submission, principal?: Principal): Promise<Workload>
  view(id: string, principal?: Principal): Promise<WorkloadDetail>
  /** Types of what happened to a workload, oldest first, of its last 200 events. */
  events(id: string): Promise<readonly StoredEvent[]>
  /** Lets what is under way settle; no time passes. */
  settle(): Promise<void>
  /** Lets time pass, from alarm to alarm, everything settled in between. */
  advance(ms: number): Promise<void>
  /** Lets time pass until it is so; throws after `withinMs` (default ten minutes). */
  until(isSo: () => boolean | Promise<boolean>, withinMs?: number): Promise<void>
  /** Lets time pass until the workload's view is as asked; gives it. */
  reaches(id: string, isSo: Workload["phase"] | ((view: WorkloadDetail) => boolean)): Promise<WorkloadDetail>
  /** A principal with a role in each of these workspaces. */
  member(name: string, roles: Readonly<Record<string, Role>>): Promise<Principal>
  /** The server is gone without a word; processes live on. Idempotent. */
  crash(): Promise<void>
  /** A new server over the same file and the same machines. */
  restart(onStep?: OnStep): Promise<void>
  /** What must hold whenever things have settled; throws an error that says what does not. */
  assertSound(): Promise<void>
  close(): Promise<void>
}

const cluster = "local"
const gib = 2 ** 30
/** Event loop turns without any activity after which nothing is under way. */
const quietTurns = 6
/** A driver call that hangs never settles: then time has to pass. */
const mostTurns = 200

/** A machine of the fake world; facts may be given. */
export function aNode(name: string, gpus = 8, facts: Partial<NodeFacts> = {}): NodeFacts {
  const amounts = { cpuMilli: 64_000, memoryBytes: 512 * gib, gpus, ephemeralBytes: 1000 * gib }
  return {
    name,
    hostIp: `10.0.0.${name.replaceAll(/\D/g, "") || "1"}`,
    instanceType: `gpu-${gpus}`,
    gpuModel: gpus > 0 ? "NVIDIA-H100-80GB-HBM3" : null,
    gpus: Array.from({ length: gpus }, (_, index) => ({
      index,
      uuid: `GPU-${name}-${index}`,
      memoryBytes: 80 * gib,
      usedOutside: false,
      ...noReadings,
    })),
    physical: amounts,
    capacity: amounts,
    labels: {},
    taints: [],
    simulated: false,
    bootId: "boot-1",
    healthy: true,
    healthMessage: "",
    ...facts,
  }
}

/** The server's owner, without a key. */
export const owner: Principal = {
  userId: "usr_owner" as UserId,
  userName: "olga",
  keyId: null,
  serverRole: "owner",
  roleIn: () => "owner",
  workspaces: () => null,
  actor: systemActor("test"),
}

/** The whole of a request. */
export function commandOf({ resource, ...rest }: Submission = {}): CreateWorkload {
  return {
    displayName: "train",
    description: "",
    workspaceId: "default",
    kind: "",
    version: "",
    image: "any",
    entryPoint: "sleep 10",
    isSupervised: false,
    priority: 0,
    timeout: null,
    maxRetry: 0,
    ttlSecondsAfterFinished: null,
    customerLabels: {},
    specifiedNodes: [],
    env: {},
    liveness: null,
    readiness: null,
    service: null,
    dependencies: [],
    cronJobs: [],
    isTolerateAll: false,
    ...rest,
    resource: {
      replica: 1,
      cpu: "1",
      gpu: "1",
      memory: "1Gi",
      ephemeralStorage: "",
      sharedMemory: "",
      ...resource,
    },
  }
}

/** The same numbers at every run. */
function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** One server's life over the file and the world. */
async function startLife(given: {
  readonly path: string
  readonly clock: VirtualClock
  readonly world: FakeWorld
  readonly ray: FakeRayWorld
  readonly other: { readonly world: FakeWorld; readonly ray: FakeRayWorld } | undefined
  readonly network: FakeNetwork
  readonly prober: FakeProber
  readonly replicaWatch: ReplicaWatch
  readonly gpuWatch: GpuWatch
  readonly random: () => number
  readonly log: Log
  readonly onStep: OnStep | undefined
  readonly refuse: (() => boolean) | undefined
  readonly gpuLimits: GpuRequestLimits | undefined
}) {
  const { clock, world, log } = given
  const store = openStore({ path: given.path, clock, log })
  given.replicaWatch.watch(store)
  given.gpuWatch.watch(store)
  const life = createLife(clock, given.onStep, given.refuse)
  const driver = createFakeDriver({ clusterId: cluster, clock, world })
  const places = [
    { id: cluster, driver, ray: given.ray },
    ...(given.other ? [otherPlace(given.other, clock)] : []),
  ]
  const gated = places.map((place) => life.driver(place.driver))
  const plane = await createControlPlane({
    store: life.store(store),
    rows: store,
    clock: life.clock,
    ids: createIds(() => clock.nowMs(), given.random),
    log,
    clusters: places.map(({ id }) => ({ id, driver: "fake" })),
    drivers: gated,
    rayBackends: places.map(({ id, ray }) =>
      life.rayBackend(createFakeRay({ clusterId: id, clock, world: ray })),
    ),
    vault: createVault(new Uint8Array(vaultKeyBytes).fill(7)),
    networks: new Map([[cluster, given.network]]),
    prober: life.prober(given.prober),
    sources: gated,
    noAuth: false,
    ...(given.gpuLimits ? { gpuLimits: given.gpuLimits } : {}),
  })
  return { store, life, driver, plane }
}

function otherPlace(
  { world, ray }: { readonly world: FakeWorld; readonly ray: FakeRayWorld },
  clock: VirtualClock,
) {
  const id = "other"
  return { id, driver: createFakeDriver({ clusterId: id, clock, world }), ray }
}

type Begun = Awaited<ReturnType<typeof startLife>>

/** Every node with GPUs is the built-in workspace's, those that come later too. */
async function assignNodes({ plane, store, life }: Begun): Promise<void> {
  const assign = async (node: Node) => {
    if (node.gpus.length > 0 && node.workspaceId === null && node.version === 1 && !life.isDead)
      await plane.inventory.assign(owner, node.clusterId, node.name, "default")
  }
  store.subscribe(nodeChanged, (node) => void assign(node).catch(() => undefined))
  for (const node of plane.inventory.list()) await assign(node).catch(() => undefined)
}

export async function createTestPlane(options: TestPlaneOptions = {}): Promise<TestPlane> {
  const directory = fastDirectory("berth-plane-")
  const path = newDatabase(join(directory, "berth.db"))
  const clock = createVirtualClock()
  const nodes = options.nodes ?? [aNode("n1")]
  const world = createFakeWorld({ clock, nodes, script: options.script ?? entryPointScript })
  const ray = createFakeRayWorld({ clock })
  const network = createFakeNetwork()
  const prober = createFakeProber(clock)
  const random = seededRandom(7)
  const log = options.log ?? silentLog
  const replicaWatch = createReplicaWatch()
  const gpuWatch = createGpuWatch(clock)
  const { refuse, gpuLimits } = options
  const other = options.otherNodes && {
    world: createFakeWorld({ clock, nodes: options.otherNodes, script: options.script ?? entryPointScript }),
    ray: createFakeRayWorld({ clock }),
  }
  const outside = { path, clock, world, ray, other, network, prober, replicaWatch, gpuWatch, random, log }
  const begin = (onStep?: OnStep) => startLife({ ...outside, onStep, refuse, gpuLimits })
  let now = await begin(options.onStep)
  let isClosed = false

  async function settle(): Promise<void> {
    let quiet = 0
    let seen = -1
    for (let turn = 0; turn < mostTurns && quiet < quietTurns; turn++) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      const isQuiet = now.life.activity === seen && (now.life.inFlight === 0 || now.life.isDead)
      quiet = isQuiet ? quiet + 1 : 0
      seen = now.life.activity
    }
  }

  async function advance(ms: number): Promise<void> {
    const endMono = clock.monotonicMs() + ms
    await settle()
    while (clock.monotonicMs() < endMono) {
      const left = endMono - clock.monotonicMs()
      await clock.advance(Math.min(left, clock.nextAlarmInMs() ?? left))
      await settle()
    }
  }

  async function until(isSo: () => boolean | Promise<boolean>, withinMs = 600_000): Promise<void> {
    const endMono = clock.monotonicMs() + withinMs
    await settle()
    while (!(await isSo())) {
      const left = endMono - clock.monotonicMs()
      if (left <= 0) throw new Error(`It was not so within ${withinMs} ms.`)
      await clock.advance(Math.min(left, clock.nextAlarmInMs() ?? left))
      await settle()
    }
  }

  const view: TestPlane["view"] = (id, principal = owner) => now.plane.workloads.get(principal, id)

  async function crash(): Promise<void> {
    now.life.kill()
    network.lose()
    await now.driver.close()
    await now.store.close()
  }

  async function startPlane(): Promise<void> {
    const started = now.plane.start()
    started.catch(() => undefined)
    let isStarted = false
    void started.finally(() => (isStarted = true)).catch(() => undefined)
    // recovery may wait for a driver that hangs: time has to pass
    await until(() => isStarted || now.life.isDead)
    if (!now.life.isDead) await started
    await settle()
    if (!options.lends) await assignNodes(now)
    await settle()
  }

  const self: TestPlane = {
    clock,
    world,
    ray,
    network,
    prober,
    owner,
    get plane() {
      return now.plane
    },
    get store() {
      return now.store
    },
    get life() {
      return now.life
    },
    submit: (command, principal = owner) => now.plane.workloads.create(principal, commandOf(command)),
    view,
    async events(id) {
      const subject = { kind: "workload", id } as const
      return (await now.store.journal.latestEvents(now.store.committed, subject, 200)).toReversed()
    },
    settle,
    advance,
    until,
    async reaches(id, isSo) {
      const holds = typeof isSo === "function" ? isSo : (one: WorkloadDetail) => one.workload.phase === isSo
      await until(async () => holds(await view(id)))
      return view(id)
    },
    async member(name, roles) {
      const user = await now.plane.identity.createUser(owner, { name, email: null, serverRole: null })
      for (const [workspace, role] of Object.entries(roles))
        await now.plane.workspaces.setMember(owner, workspace, user.id, role)
      const key = { name, userId: user.id, role: null, workspaceId: null, expiresAtMs: null }
      const { token } = await now.plane.identity.createKey(owner, key)
      const principal = now.plane.directory.authenticate(token, { address: null, requestId: null })
      if (!principal) throw new Error("A new key does not hold.")
      return principal
    },
    crash,
    async restart(onStep) {
      await crash()
      now = await begin(onStep)
      await startPlane()
    },
    assertSound: () => assertSound(self, [...replicaWatch.faults, ...gpuWatch.faults]),
    async close() {
      if (isClosed) return
      isClosed = true
      if (!now.life.isDead) {
        const stopped = now.plane.stop()
        await settle()
        now.life.kill()
        void stopped.catch(() => undefined)
      }
      await crash()
      rmSync(directory, { recursive: true, force: true })
    },
  }
  await startPlane()
  return self
}

async function assertSound(
  { clock, world, ray, network, store, plane }: TestPlane,
  wrongMoves: readonly string[],
): Promise<void> {
  const faults: string[] = [...world.violations, ...ray.violations, ...wrongMoves]
  const from = store.committed
  const rebuilt = rebuild(
    await store.claims.live(from),
    await store.inventory.nodes(from),
    await store.workspaces.workspaces(from),
    await store.claims.control(from),
    await store.gpuRequests.holds(from),
  )
  if (rebuilt.fingerprint() !== plane.capacity.fingerprint())
    faults.push("the capacity in memory differs from a rebuild")
  for (const id of plane.capacity.queuedWorkspaces())
    plane.capacity.queue(id).forEach((claim, at) => {
      if (plane.capacity.position(claim.id) !== at + 1) faults.push(`the position of ${claim.id} is wrong`)
    })
  const attempts = await store.workloads.liveAttempts(from)
  faults.push(...(await faultsOf(store, attempts)))
  faults.push(...(await faultsOfGpus(store, plane, clock.nowMs())))
  faults.push(...(await faultsOfServices(store, network)))
  faults.push(...(await faultsOfRay(store, ray)))
  if (faults.length > 0) throw new Error(faults.join("\n"))
}

/** Rows of workloads, attempts and claims that do not fit each other. */
async function faultsOf(store: OpenStore, attempts: readonly Attempt[]): Promise<string[]> {
  const from = store.committed
  const faults: string[] = []
  const claims = new Map((await store.claims.live(from)).map((claim) => [claim.id, claim]))
  const replicas = await store.replicas.all(from)
  const ofReplica = new Map(replicas.map((replica) => [replica.claimId, replica]))
  for (const attempt of attempts) {
    const state = claims.get(attempt.claimId)?.state
    const replica = ofReplica.get(attempt.claimId)
    // a replica's pod may end and its capacity stay
    const isLeaving = replica ? replica.state === "leaving" : attempt.state === "ending"
    if (state !== (isLeaving ? "releasing" : "bound"))
      faults.push(`${attempt.id} is ${attempt.state}, its claim ${state ?? "gone"}`)
    if (replica && (replica.attemptId !== attempt.id || replica.state === "placed"))
      faults.push(`${attempt.id} lives beside ${replica.podId}`)
  }
  const owned = new Set(attempts.map((attempt) => attempt.claimId))
  for (const claim of claims.values())
    if (
      claim.owner.kind === "workload" &&
      claim.state !== "wanted" &&
      !owned.has(claim.id) &&
      ofReplica.get(claim.id)?.state !== "placed"
    )
      faults.push(`${claim.id} is ${claim.state} without an attempt`)
  for (const replica of replicas) faults.push(...faultsOfReplica(replica, claims.get(replica.claimId)?.state))
  for (const workload of await store.workloads.live(from)) {
    const needsClaim = workload.rollout === null && workload.schedule === null
    const hasClaim = workload.claimId !== null && claims.has(workload.claimId)
    if (needsClaim !== hasClaim)
      faults.push(`${workload.id} is ${workload.phase} ${hasClaim ? "with" : "without"} a claim`)
  }
  return faults
}

const claimStatesOf: Readonly<Record<Replica["state"], string>> = {
  queued: "wanted",
  placed: "bound",
  running: "bound",
  leaving: "releasing",
}

function faultsOfReplica(replica: Replica, claim: string | undefined): string[] {
  const { podId, state } = replica
  const faults: string[] = []
  if (claim !== claimStatesOf[state]) faults.push(`${podId} is ${state}, its claim ${claim ?? "gone"}`)
  if ((replica.place === null) !== (state === "queued"))
    faults.push(`${podId} is ${state}, and its place is wrong`)
  if (replica.readySinceMs !== null && state !== "running") faults.push(`${podId} is ${state} and ready`)
  return faults
}
