import type {
  RayBackend,
  RayDashboard,
  RayHeadAddress,
  RayPodId,
  RayPodLaunch,
  RayPodObservation,
  RayRuntime,
  RayRuntimeWanted,
  RaySubmit,
  SubmissionInfo,
} from "../domain/ray/index.ts"
import type { JsonObject } from "../kit/json.ts"

/** What a job's entry point does, told to each backend in its own way. */
export type EntrypointBehaviour =
  /** Writes the line, then ends with the code. */
  | { readonly does: "exit"; readonly code: number; readonly line?: string }
  /** Runs until it is stopped. */
  | { readonly does: "run" }

/** A Ray backend with its machine, on which several lives of a server may follow each other. */
export interface RayWorld {
  /** The backend of the present life. */
  readonly backend: RayBackend
  /** Ends the life without a word, as kill -9 would, and begins the next one on the same machine. */
  restart(): Promise<void>
  /** A version that can be had. */
  readonly wanted: RayRuntimeWanted
  /** How often its runtime was really made, in all lives. */
  installs(): Promise<number>
  /** Has every install fail, each in the same way, from now on, or not any more. @returns the error's detail */
  failInstalls(fail: boolean): Promise<string>
  /** What its backend wants of a launch beside what the suite says: a node's name, a port block. */
  launchParts(block: number): Partial<RayPodLaunch>
  /** Another program has a port of that block; resolves to what ends it. */
  occupy(block: number): Promise<() => Promise<void>>
  /** Ends all processes of a pod at once, as the kernel would: nothing is left to tell of it. */
  kill(launch: RayPodLaunch): Promise<void>
  /** How often the pod's processes were really started, in all lives. */
  starts(launch: RayPodLaunch): Promise<number>
  entrypoint(behaviour: EntrypointBehaviour): string
  /** A state of Serve with one application of that name, that comes to RUNNING. */
  serveConfig(application: string): JsonObject
  /** Lets the world go on: resolves after a change, or a short time of the backend's clock. */
  goOn(): Promise<void>
  /** The wall clock of the backend. */
  nowMs(): number
  /** Ends all that runs and removes what was made. */
  close(): Promise<void>
}

/** A signal that never aborts. */
export const never = new AbortController().signal

/** Rounds of `goOn` after which a test gives up. */
const mostRounds = 3000

/** Goes on until `find` gives something. */
export async function until<T>(
  world: RayWorld,
  what: string,
  find: () => Promise<T | undefined | false>,
): Promise<T> {
  for (let round = 0; round < mostRounds; round++) {
    const found = await find()
    if (found !== undefined && found !== false) return found
    await world.goOn()
  }
  throw new Error(`It did not come to it: ${what}.`)
}

/** Lets the world go on until the work is done. */
export async function untilSettled<T>(world: RayWorld, work: Promise<T>): Promise<T> {
  let isDone = false
  const watched = work.finally(() => (isDone = true))
  watched.catch(() => undefined)
  await until(world, "a call ends", async () => isDone)
  return watched
}

let serial = 0

/** A pod with an id of its own; a head unless the address of one is given. */
export async function launchOf(
  world: RayWorld,
  overrides: Partial<RayPodLaunch> = {},
): Promise<RayPodLaunch> {
  const mine = ++serial
  const runtime: RayRuntime =
    overrides.runtime ??
    (await untilSettled(
      world,
      world.backend.prepare(world.wanted, () => undefined, never),
    ))
  const head = overrides.head ?? null
  return {
    id: `rpd_${process.pid}x${mine}` as RayPodId,
    name: `cluster-${head ? "worker" : "head"}-${mine}`,
    namespace: "team-a",
    rayCluster: "cluster",
    workspaceId: "team-a",
    workspaceKey: "01K",
    asServerOwner: true,
    runtime,
    group: head ? "workers" : "head",
    head,
    nodeName: "node-0",
    gpuIndexes: [],
    size: { cpuMilli: 1000, memoryBytes: 1_000_000_000, gpus: 0, ephemeralBytes: 0 },
    customResources: {},
    rayStartParams: {},
    env: {},
    volumes: [],
    portBlock: null,
    token: runtime.hasTokens ? "a-token-of-the-suite" : null,
    serves: true,
    ...world.launchParts(mine % 50),
    ...overrides,
  }
}

export async function untilState(
  world: RayWorld,
  launch: RayPodLaunch,
  handle: JsonObject,
  state: RayPodObservation["state"],
): Promise<RayPodObservation> {
  return until(world, `the pod is ${state}`, async () => {
    const seen = await world.backend.inspect(launch.id, handle)
    return seen.state === state && seen
  })
}

export async function untilGone(
  world: RayWorld,
  launch: RayPodLaunch,
  handle: JsonObject,
): Promise<RayPodObservation> {
  return until(world, "the pod is gone", async () => {
    const seen = await world.backend.inspect(launch.id, handle)
    return seen.isGone && seen
  })
}

export interface ReadyHead {
  readonly launch: RayPodLaunch
  readonly handle: JsonObject
  readonly address: RayHeadAddress
  readonly dashboard: RayDashboard
}

/** Starts a head and goes on until it takes jobs. */
export async function readyHead(world: RayWorld, overrides: Partial<RayPodLaunch> = {}): Promise<ReadyHead> {
  const launch = await launchOf(world, overrides)
  const { handle, address } = await world.backend.ensure(launch, never)
  if (!address) throw new Error("a head has no address")
  const dashboard = world.backend.dashboard(address, launch.token)
  await until(world, "the head takes jobs", async () => (await dashboard.health(never)).isReady)
  return { launch, handle, address, dashboard }
}

export function submitOf(entrypoint: string, overrides: Partial<RaySubmit> = {}): RaySubmit {
  return {
    entrypoint,
    submissionId: `suite-${process.pid}-${++serial}`,
    metadata: {},
    runtimeEnv: null,
    numCpus: 0,
    numGpus: 0,
    resources: null,
    ...overrides,
  }
}

export async function untilStatus(
  world: RayWorld,
  dashboard: RayDashboard,
  id: string,
  status: string,
): Promise<SubmissionInfo> {
  return until(world, `the submission is ${status}`, async () => {
    const info = await dashboard.job(id, never)
    return info?.status === status && info
  })
}
