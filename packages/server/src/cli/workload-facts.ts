import type { WorkloadDetail, WorkloadPod } from "@berth/contract/workloads"
import { exitCodes } from "./exit-codes.ts"

const ended = new Set(["Succeeded", "Failed", "Stopped"])

/** Whether the phase is one that never changes again. */
export function hasEnded(phase: string): boolean {
  return ended.has(phase)
}

/** How the log of one rank ended, as the stream said it. */
export interface RankEnd {
  readonly rank: number
  readonly exitCode: number | null
  readonly cause: string | null
}

/** A pod's rank; its place in the list where it has none. */
export function rankOf(pod: WorkloadPod, index: number): number {
  const rank = Number(pod.rank)
  return pod.rank !== undefined && Number.isInteger(rank) ? rank : index
}

/** The pods in the order of their ranks. */
export function podsByRank(pods: readonly WorkloadPod[]): readonly { rank: number; pod: WorkloadPod }[] {
  return pods.map((pod, index) => ({ rank: rankOf(pod, index), pod })).sort((a, b) => a.rank - b.rank)
}

/** Codes that the others of a gang get when one of them failed and the rest was told to end. */
const byTermOrKill = new Set([137, 143])

/**
 * The exit code that stands for an ended workload: 0 for success; the code of the rank that failed by itself;
 * 124 out of time; 143 stopped; else 1.
 */
export function workloadExitCode(detail: WorkloadDetail, ends: readonly RankEnd[]): number {
  if (detail.phase === "Succeeded") return exitCodes.ok
  if (ends.some((end) => end.cause === "timed_out")) return exitCodes.timedOut
  if (detail.phase === "Stopped") return exitCodes.stopped
  const codes = failureCodes(detail, ends)
  return codes.find((code) => !byTermOrKill.has(code)) ?? codes[0] ?? exitCodes.failure
}

function failureCodes(detail: WorkloadDetail, ends: readonly RankEnd[]): readonly number[] {
  const culprits = ends.filter((end) => end.cause !== null && end.cause !== "stopped")
  const fromStreams = culprits.map((end) => end.exitCode ?? 0)
  const fromPods = podsByRank(detail.pods).flatMap(({ pod }) => pod.containers.map((one) => one.exitCode))
  return [...fromStreams, ...fromPods].filter((code) => code > 0 && code < 256)
}

/** A sentence about how it ended, with what is known of the pods. */
export function endSentence(detail: WorkloadDetail): string {
  const bad = podsByRank(detail.pods).flatMap(({ rank, pod }) =>
    pod.containers
      .filter((one) => one.exitCode !== 0)
      .map((one) => {
        const why = one.message || one.reason || ""
        const where = detail.pods.length > 1 ? `rank ${rank} ` : ""
        return `${where}ended with ${one.exitCode}${why ? ` (${why})` : ""}`
      }),
  )
  const [whyNot] = detail.dispatchCount === 0 ? detail.conditions.slice(-1) : []
  if (detail.phase !== "Succeeded" && whyNot !== undefined)
    return `${detail.workloadId} ${detail.phase.toLowerCase()} before it started: ${whyNot.message}.`
  const attempts = detail.dispatchCount > 1 ? ` after ${detail.dispatchCount} attempts` : ""
  const tail = detail.phase === "Succeeded" || bad.length === 0 ? "" : `: ${bad.slice(0, 4).join(", ")}`
  return `${detail.workloadId} ${detail.phase.toLowerCase()}${attempts}, runtime ${detail.runtime}${tail}.`
}
