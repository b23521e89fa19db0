import { constants } from "node:os"
import type { EndCause } from "../../domain/queue/index.ts"
import type { AttemptId, AttemptObservation, PodObservation } from "../../domain/workloads/index.ts"
import {
  outputAtMs,
  type StoredAttempt,
  type StoredEnd,
  type StoredPod,
  type StoredStop,
} from "./attempt-files.ts"
import type { KnownWrapper } from "./belongings.ts"
import type { PodTruth } from "./pod-truth.ts"

/** How a pod ended. */
export interface PodEnd {
  readonly state: "exited" | "lost"
  readonly exitCode: number
  readonly cause: EndCause | null
  readonly message: string
  readonly startedAtMs: number | null
  readonly endedAtMs: number
}

/** A pod as the driver has it in memory. */
export interface PodRecord {
  readonly stored: StoredPod
  readonly folder: string
  /** `${attemptId}/${index}` */
  readonly key: string
  hasStarted: boolean
  startedAtMs: number | null
  wrapper: KnownWrapper | undefined
  /** The control group that its wrapper told it is in; undefined = none, or not told yet. */
  group: string | undefined
  /** A child of this process: its exit needs no looking. */
  isChild: boolean
  unwatch: (() => void) | undefined
  /** Of applications: connections may be sent to it. */
  isReady: boolean
  unwatchReadiness: (() => void) | undefined
  /** Set when the driver itself ends it. */
  endedBy: StoredEnd | undefined
  end: PodEnd | undefined
  /** Nothing of it is left that could write to its log. */
  isQuiet: boolean
  readonly onQuiet: Set<() => void>
}

/** An attempt as the driver has it in memory. */
export interface AttemptRecord {
  readonly id: AttemptId
  readonly stored: StoredAttempt
  readonly pods: readonly PodRecord[]
  stop: StoredStop | undefined
  /** When what is left is killed, in monotonic ms; undefined = not told to stop. */
  killAtMono: number | undefined
  cancelKill: (() => void) | undefined
  isGone: boolean
}

export function newPodRecord(stored: StoredPod, attemptId: string, folder: string): PodRecord {
  return {
    stored,
    folder,
    key: `${attemptId}/${stored.index}`,
    hasStarted: false,
    startedAtMs: null,
    wrapper: undefined,
    group: undefined,
    isChild: false,
    unwatch: undefined,
    isReady: false,
    unwatchReadiness: undefined,
    endedBy: undefined,
    end: undefined,
    isQuiet: false,
    onQuiet: new Set(),
  }
}

/** What the port calls an observation. Looks at the log files. */
export function observationOf(record: AttemptRecord): AttemptObservation {
  return { pods: record.pods.map(observePod), isGone: record.isGone }
}

function observePod(pod: PodRecord): PodObservation {
  const { podId, podIp, probes } = pod.stored
  const at = { podId, podIp, hostIp: "127.0.0.1", outputAtMs: outputAtMs(pod.folder) }
  const { end } = pod
  if (end)
    return {
      ...at,
      state: end.state,
      startedAtMs: end.startedAtMs,
      endedAtMs: end.endedAtMs,
      exitCode: end.exitCode,
      cause: end.cause,
      message: end.message,
      ready: false,
    }
  return {
    ...at,
    state: pod.hasStarted ? "running" : "waiting",
    startedAtMs: pod.startedAtMs,
    endedAtMs: null,
    exitCode: null,
    cause: null,
    message: "",
    ready: probes ? pod.isReady : pod.hasStarted,
  }
}

/** How a pod ended by what its folder says, who ended it, and whether it was told to stop. */
export function endOfPod(
  pod: PodRecord,
  truth: Extract<PodTruth, { is: "exited" | "lost" }>,
  stop: StoredStop | undefined,
  nowMs: number,
): PodEnd {
  const startedAtMs = pod.startedAtMs ?? truth.startedAtMs
  const told = pod.endedBy ?? (stop?.podIndexes.includes(pod.stored.index) ? stop : undefined)
  if (truth.is === "lost") {
    const { cause, message } = told ?? lossOf(truth.otherBoot)
    const endedAtMs = pod.endedBy?.atMs ?? nowMs
    return { state: "lost", exitCode: 137, cause, message, startedAtMs, endedAtMs }
  }
  const exitCode = told?.cause === "out_of_memory" ? 137 : truth.code
  const { cause, message } = told ?? { cause: null, message: signalSentence(truth.code) }
  return { state: "exited", exitCode, cause, message, startedAtMs, endedAtMs: truth.endedAtMs }
}

function lossOf(otherBoot: boolean): { readonly cause: EndCause; readonly message: string } {
  return otherBoot
    ? { cause: "node_lost", message: "The machine was started anew." }
    : { cause: "lost", message: "Its process is gone and left no exit code." }
}

function signalSentence(code: number): string {
  const signal = Object.entries(constants.signals).find(([, number]) => number === code - 128)
  return signal ? `The command was ended by ${signal[0]}.` : ""
}
