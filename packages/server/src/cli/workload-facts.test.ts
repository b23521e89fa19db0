import type { WorkloadDetail, WorkloadPod } from "@berth/contract/workloads"
import { describe, expect, it } from "vitest"
import type { RankEnd } from "./workload-facts.ts"
import { endSentence, podsByRank, workloadExitCode } from "./workload-facts.ts"

function pod(rank: number, exitCode: number | null, message = ""): WorkloadPod {
  const containers = exitCode === null ? [] : [{ name: "pytorch", exitCode, ...(message ? { message } : {}) }]
  return { podId: `w-${rank}`, rank: String(rank), containers }
}

function detail(phase: string, pods: WorkloadPod[] = [], dispatchCount = 1): WorkloadDetail {
  const known: Partial<WorkloadDetail> = { workloadId: "w", phase, pods, dispatchCount, runtime: "5s" }
  return known as WorkloadDetail
}

const end = (rank: number, exitCode: number | null, cause: string | null): RankEnd => ({
  rank,
  exitCode,
  cause,
})

describe("the exit code of a workload", () => {
  it("is 0 for success, whatever the pods say", () => {
    expect(workloadExitCode(detail("Succeeded", [pod(0, 0)]), [end(0, 0, "succeeded")])).toBe(0)
  })

  it("is that of the rank that failed by itself, not of those that were ended with it", () => {
    const pods = [pod(0, 143), pod(1, 5)]
    expect(workloadExitCode(detail("Failed", pods), [end(0, 143, "stopped"), end(1, 5, "failed")])).toBe(5)
    expect(workloadExitCode(detail("Failed", pods), [])).toBe(5)
    expect(workloadExitCode(detail("Failed", [pod(0, 143), pod(1, 137)]), [])).toBe(143)
    expect(workloadExitCode(detail("Failed"), [end(0, 137, "out_of_memory")])).toBe(137)
  })

  it("is 124 when the time was over, 143 when it was stopped", () => {
    expect(workloadExitCode(detail("Stopped", [pod(0, 143)]), [end(0, 143, "timed_out")])).toBe(124)
    expect(workloadExitCode(detail("Stopped", [pod(0, 0)]), [end(0, 0, "stopped")])).toBe(143)
    expect(workloadExitCode(detail("Stopped"), [])).toBe(143)
  })

  it("is 1 when nothing more is known, never 0 for a failure", () => {
    expect(workloadExitCode(detail("Failed"), [])).toBe(1)
    expect(workloadExitCode(detail("Failed", [pod(0, 0)]), [end(0, 0, "failed")])).toBe(1)
    expect(workloadExitCode(detail("Failed"), [end(0, null, null)])).toBe(1)
  })
})

it("puts pods in the order of their ranks, not of their names", () => {
  expect(podsByRank([pod(10, null), pod(2, null), pod(0, null)]).map((one) => one.rank)).toEqual([0, 2, 10])
  expect(podsByRank([{ podId: "a", containers: [] }]).map((one) => one.rank)).toEqual([0])
})

it("says how a workload ended", () => {
  expect(endSentence(detail("Succeeded", [pod(0, 0)]))).toBe("w succeeded, runtime 5s.")
  expect(endSentence(detail("Failed", [pod(0, 3, "Error")], 3))).toBe(
    "w failed after 3 attempts, runtime 5s: ended with 3 (Error).",
  )
  expect(endSentence(detail("Failed", [pod(1, 7), pod(0, 0)]))).toBe(
    "w failed, runtime 5s: rank 1 ended with 7.",
  )
})
