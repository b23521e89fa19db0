import type {
  AttemptHandle,
  AttemptId,
  AttemptLaunch,
  AttemptObservation,
  LogQuery,
  PodDriver,
  PodLaunch,
} from "../domain/workloads/index.ts"

/** What a pod does, told to each driver in its own way (a script, a programme of the fake). */
export type PodBehaviour =
  /** Writes the lines, then ends. */
  | { readonly does: "exit"; readonly code: number; readonly lines?: readonly string[] }
  /** Writes the lines, then runs until it is told to end; TERM ends it as it ends a program without a handler. */
  | { readonly does: "run"; readonly lines?: readonly string[] }
  /** On TERM it writes the cause from its stop reason file as a line, then exits with the code. */
  | { readonly does: "exitOnTerm"; readonly code: number }
  /** Runs on after TERM. */
  | { readonly does: "ignoreTerm" }
  /** Ends itself by a signal. */
  | { readonly does: "signalItself"; readonly signal: number }
  /** Writes the lines and no newline, then ends. */
  | { readonly does: "exitUnfinished"; readonly text: string }
  /** What runs it disappears without an exit code. */
  | { readonly does: "vanish" }
  /** Writes `up`, then answers HTTP on its own address and this port, at first so, until it is told to end. */
  | { readonly does: "serve"; readonly port: number; readonly answers: Answer }

/** How a pod that serves answers: with 200, with 503, or never. */
export type Answer = "good" | "bad" | "never"

/** A driver with its machine, on which several lives of a server may follow each other. */
export interface DriverWorld {
  /** The driver of the present life. */
  readonly driver: PodDriver
  /** Ends the life without a word, as kill -9 would, and begins the next one on the same machine. */
  restart(): Promise<void>
  /** Has the pods of an attempt behave so; by index, the last one for all further ones. */
  behave(launch: AttemptLaunch, behaviours: readonly PodBehaviour[]): AttemptLaunch
  /** Has a pod that serves answer so from now on. */
  answer(launch: AttemptLaunch, index: number, answer: Answer): void
  /** A port that nobody has. */
  freePort(): Promise<number>
  /** Another program listens on all addresses and a port of the launch; resolves to what ends it. */
  occupy(launch: AttemptLaunch, port: number): Promise<() => Promise<void>>
  /** Lets the world go on: resolves after a change, or a short time of the driver's clock. */
  goOn(): Promise<void>
  /** How often a pod's command was really started, in all lives. */
  starts(launch: AttemptLaunch, index: number): Promise<number>
  /** The wall clock of the driver. */
  nowMs(): number
  /** Ends all that runs and removes what was made. */
  close(): Promise<void>
}

/** Rounds of `goOn` after which a test gives up: half a minute of a real clock. */
export const mostRounds = 1500

/** Asks for all lines of a log. */
export const wholeLog: LogQuery = {
  tailLines: null,
  sinceMs: null,
  fromOffset: null,
  maxBytes: 1_048_576,
}

/** Goes on until `find` gives something; fails with the last observation when it never does. */
export async function until<T>(
  world: DriverWorld,
  handle: AttemptHandle,
  find: (seen: AttemptObservation) => T | undefined | false | null,
): Promise<T> {
  let seen: AttemptObservation | undefined
  for (let round = 0; round < mostRounds; round++) {
    seen = await world.driver.inspect(handle)
    const found = find(seen)
    if (found !== undefined && found !== false && found !== null) return found
    await world.goOn()
  }
  throw new Error(`It did not come to it; the last observation is ${JSON.stringify(seen)}.`)
}

/** Goes on until the attempt is gone; gives the last observation. */
export function untilGone(world: DriverWorld, handle: AttemptHandle): Promise<AttemptObservation> {
  return until(world, handle, (seen) => (seen.isGone ? seen : undefined))
}

/** Goes on until all pods are running. */
export function untilRunning(world: DriverWorld, handle: AttemptHandle): Promise<AttemptObservation> {
  return until(world, handle, (seen) =>
    seen.pods.every((pod) => pod.state === "running") ? seen : undefined,
  )
}

/** Goes on until the log of a pod holds a line that contains the text; gives all lines. */
export async function untilLogged(
  world: DriverWorld,
  handle: AttemptHandle,
  podId: string,
  text: string,
): Promise<readonly string[]> {
  let lines: readonly string[] = []
  for (let round = 0; round < mostRounds; round++) {
    lines = (await world.driver.readLog(handle, podId, wholeLog).catch(() => undefined))?.lines ?? []
    if (lines.some((line) => line.includes(text))) return lines
    await world.goOn()
  }
  throw new Error(`"${text}" was never logged; the log is ${JSON.stringify(lines)}.`)
}

/** A signal that never aborts. */
export const never = new AbortController().signal

let nextAttempt = 0

/** An attempt of `pods` pods with an id of its own. */
export function launchOf(pods = 1, overrides: Partial<AttemptLaunch> = {}): AttemptLaunch {
  const serial = ++nextAttempt
  const workloadId = overrides.workloadId ?? `train-${serial}`
  return {
    id: `att_${process.pid}x${serial}` as AttemptId,
    workloadId,
    workspaceId: "team-a",
    run: 1,
    kind: "PyTorchJob",
    asServerOwner: true,
    entryPoint: "exit 0",
    env: {},
    pods: Array.from({ length: pods }, (_, index): PodLaunch => {
      return {
        podId: index === 0 ? `${workloadId}-master-0` : `${workloadId}-worker-${index - 1}`,
        index,
        nodeName: "node-0",
        gpuIndexes: [],
        size: { cpuMilli: 100, memoryBytes: 0, gpus: 0, ephemeralBytes: 0 },
        containerName: "pytorch",
        ports: [],
        probes: null,
      }
    }),
    ...overrides,
  }
}

/** An application's attempt of one pod, with an id of its own. */
export function applicationOf(pod: Partial<PodLaunch>): AttemptLaunch {
  const launch = launchOf(1, { kind: "Deployment" })
  const probes = { liveness: null, readiness: null }
  return { ...launch, pods: launch.pods.map((each) => ({ ...each, probes, ...pod })) }
}
