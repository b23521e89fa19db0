import type { EndCause } from "../../domain/queue/index.ts"
import type { PodLaunch, PodObservation } from "../../domain/workloads/index.ts"

/** What one pod does, on the clock of its world. Everything left out is the quick and well-behaved case. */
export interface FakeProgram {
  /** Until its process starts. Default 0. */
  readonly startDelayMs?: number
  /** From its start to its end; null runs until it is stopped. Default null. */
  readonly runMs?: number | null
  /** Default 0. */
  readonly exitCode?: number
  /** It ends without an exit code: `lost`. */
  readonly vanishes?: boolean
  /** The driver's own word on its end, e.g. `out_of_memory`. */
  readonly cause?: EndCause
  readonly message?: string
  /** TERM does nothing; KILL after the grace ends it with 137. */
  readonly ignoresTerm?: boolean
  /** How long it takes to end after TERM, at least 1. Default 1. */
  readonly stopMs?: number
  /** Its code after TERM. Default 143. */
  readonly termExitCode?: number
  /** On TERM it prints the cause and message it was given before it ends. */
  readonly printsReason?: boolean
  /** Processes of it stay this long after its end: the attempt is not gone before. Default 0. */
  readonly lingerMs?: number
  /** Neither TERM nor KILL ends it: a process stuck in the kernel. */
  readonly isStuck?: boolean
  /** What it prints, by time since its start, ascending. */
  readonly lines?: readonly { readonly afterMs: number; readonly text: string }[]
  /**
   * From an application's start until it may be sent connections; null = never. Default: at once where it has a
   * readiness probe, else a second. Jobs are ready as soon as they run.
   */
  readonly readyAfterMs?: number | null
}

/** Why pods are stopped, as the driver is told. */
export interface StopReason {
  readonly cause: EndCause
  readonly message: string
}

/** How a pod ended or will end. */
interface PodEnd {
  readonly atMono: number
  readonly exitCode: number
  readonly isLost: boolean
  readonly cause: EndCause | null
  readonly message: string
}

/** A pod of the fake world. Its state is computed from the instants, so that nothing has to run to reach it. */
export interface FakePod {
  readonly launch: PodLaunch
  readonly program: FakeProgram
  readonly podIp: string
  /** Infinity when it never starts. */
  startMono: number
  /** undefined: it runs until something ends it. */
  end: PodEnd | undefined
  goneMono: number
  /** Of the first stop that it was alive for. */
  stopReason: StopReason | undefined
  /** By hand, instead of what its program says. */
  readyByHand: boolean | undefined
}

/** An application without a readiness probe is ready once it has been alive this long. */
const aliveMs = 1000

export function startPod(launch: PodLaunch, program: FakeProgram, podIp: string, nowMono: number): FakePod {
  const startMono = nowMono + (program.startDelayMs ?? 0)
  const pod: FakePod = {
    launch,
    program,
    podIp,
    startMono,
    end: undefined,
    goneMono: Infinity,
    stopReason: undefined,
    readyByHand: undefined,
  }
  if (program.runMs !== undefined && program.runMs !== null) {
    const isLost = program.vanishes ?? false
    endPod(pod, {
      atMono: startMono + program.runMs,
      exitCode: isLost ? 137 : (program.exitCode ?? 0),
      isLost,
      cause: program.cause ?? (isLost ? "lost" : null),
      message: program.message ?? (isLost ? "It is gone and left no exit code." : ""),
    })
  }
  return pod
}

/** Ends it then, unless it has ended or will have by then. */
export function endPod(pod: FakePod, end: PodEnd): void {
  if (pod.end && pod.end.atMono <= end.atMono) return
  if (end.atMono < pod.startMono) pod.startMono = Infinity
  pod.end = end
  pod.goneMono = end.atMono + (pod.program.lingerMs ?? 0)
}

/** TERM now, KILL after the grace. What has not started never starts; the first reason stands. */
export function stopPod(pod: FakePod, reason: StopReason, nowMono: number, graceMs: number): void {
  const { program } = pod
  if (pod.end && pod.end.atMono <= nowMono) return
  pod.stopReason ??= reason
  const { cause, message } = pod.stopReason
  if (nowMono < pod.startMono) {
    pod.startMono = Infinity
    pod.end = undefined
    endPod(pod, { atMono: nowMono + 1, exitCode: 143, isLost: false, cause, message })
  } else if (program.isStuck) {
    pod.end = undefined
    pod.goneMono = Infinity
  } else {
    const stopMs = program.ignoresTerm ? Infinity : Math.max(1, program.stopMs ?? 1)
    const exitCode = stopMs > graceMs ? 137 : (program.termExitCode ?? 143)
    // No process is gone in the moment of the signal: it is told of first.
    const atMono = nowMono + Math.max(1, Math.min(stopMs, graceMs))
    endPod(pod, { atMono, exitCode, isLost: false, cause, message })
  }
}

/** The next instant after `mono` at which something about it changes; Infinity for never. */
export function nextMoveMono(pod: FakePod, mono: number): number {
  let next = Infinity
  for (const at of [pod.startMono, readyMono(pod), pod.end?.atMono ?? Infinity, pod.goneMono])
    if (at > mono && at < next) next = at
  return next
}

export function isPodGone(pod: FakePod, mono: number): boolean {
  return pod.goneMono <= mono
}

/** When it becomes ready if nothing comes between; Infinity for never. */
function readyMono({ launch, program, startMono }: FakePod): number {
  if (!launch.probes) return startMono
  const afterMs =
    program.readyAfterMs === undefined ? (launch.probes.readiness ? 0 : aliveMs) : program.readyAfterMs
  return afterMs === null ? Infinity : startMono + afterMs
}

function isReady(pod: FakePod, mono: number): boolean {
  if (pod.startMono > mono || (pod.end && pod.end.atMono <= mono)) return false
  if (!pod.launch.probes) return true
  return !pod.stopReason && (pod.readyByHand ?? readyMono(pod) <= mono)
}

/**
 * @param lastOutputMono when it last wrote; undefined for never
 * @param wallOffsetMs added to the monotonic clock it gives the wall clock
 */
export function observePod(
  pod: FakePod,
  mono: number,
  wallOffsetMs: number,
  lastOutputMono?: number,
): PodObservation {
  const hasStarted = pod.startMono <= mono
  const end = pod.end && pod.end.atMono <= mono ? pod.end : undefined
  return {
    podId: pod.launch.podId,
    state: end ? (end.isLost ? "lost" : "exited") : hasStarted ? "running" : "waiting",
    startedAtMs: hasStarted ? Math.round(pod.startMono + wallOffsetMs) : null,
    endedAtMs: end ? Math.round(end.atMono + wallOffsetMs) : null,
    exitCode: end ? end.exitCode : null,
    cause: end ? end.cause : null,
    message: end ? end.message : "",
    podIp: pod.podIp,
    hostIp: "127.0.0.1",
    ready: isReady(pod, mono),
    outputAtMs: lastOutputMono === undefined ? null : Math.round(lastOutputMono + wallOffsetMs),
  }
}
