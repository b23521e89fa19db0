import { describe, expect, it } from "vitest"
import type { RayClusterKey, RayJob } from "../types.ts"
import type { JobSight } from "./job-steps.ts"
import { isRayJobOver, nextJobStep } from "./job-steps.ts"
import { aClusterOfJob, aRayJob, infoOf } from "./test-job.ts"

const nowMs = 100_000
const key = "rcl_1" as RayClusterKey
const selector = { clusterSelector: { "ray.io/cluster": "shared" }, clusterName: "shared" }
const sent = { clusterKey: key, clusterName: "count-abcde", submissionId: "count-12345", startedAtMs: 90_000 }
const running = { ...sent, status: "RUNNING", phase: "Running", message: "It is RUNNING." } as const

function step(row: Partial<RayJob>, sight: Partial<Omit<JobSight, "job">> = {}) {
  return nextJobStep({
    job: aRayJob(row),
    cluster: undefined,
    info: undefined,
    problem: null,
    nowMs,
    ...sight,
  })
}
const cluster = aClusterOfJob()
const write = (changes: Partial<RayJob>) => ({ do: "write", changes })

describe("before it is submitted", () => {
  it("makes its own cluster", () => {
    expect(step({})).toEqual({ do: "make_cluster" })
  })

  it("is refused for what can never be run, before anything is made", () => {
    expect(step({}, { problem: "The runtimeEnv is no YAML." })).toEqual(
      write({ phase: "ValidationFailed", message: "The runtimeEnv is no YAML.", finishedAtMs: nowMs }),
    )
  })

  it("waits with a message for the selected cluster, writing it once", () => {
    const message = "There is no Ray cluster shared yet."
    expect(step(selector)).toEqual(write({ phase: "Waiting", message }))
    expect(step({ ...selector, phase: "Waiting", message })).toEqual({ do: "wait", atMs: null })
  })

  it("is not sent to a server owner's cluster by anybody else", () => {
    const message = "The job may not run on the Ray cluster count-abcde: it runs as the server's account."
    expect(step({ ...selector, asServerOwner: false }, { cluster })).toEqual(
      write({ phase: "Failed", message, finishedAtMs: nowMs }),
    )
    const others = aClusterOfJob({ asServerOwner: false })
    for (const asServerOwner of [true, false])
      expect(step({ ...selector, asServerOwner }, { cluster: others })).toMatchObject(
        write({ phase: "Initializing" }),
      )
  })

  it("says what its cluster waits for", () => {
    const starting = aClusterOfJob({ state: "waiting", message: "No GPU is free." })
    expect(step({ clusterKey: key }, { cluster: starting })).toEqual(
      write({ phase: "Initializing", message: "No GPU is free." }),
    )
  })

  it("begins its time, chooses its id, sends it: in this order, one at a time", () => {
    const begun = { phase: "Initializing", message: "", startedAtMs: nowMs } as const
    expect(step({ clusterKey: key }, { cluster })).toEqual(write(begun))
    expect(step({ clusterKey: key, ...begun }, { cluster })).toEqual({ do: "choose_id" })
    expect(step({ ...sent, phase: "Initializing" }, { cluster, info: null })).toEqual({ do: "submit" })
  })

  it("sends nothing while Ray does not answer", () => {
    expect(step(sent, { cluster })).toEqual({ do: "wait", atMs: nowMs + 1000 })
  })
})

describe("while it runs", () => {
  it("follows Ray's status and message, and asks again", () => {
    expect(step({ ...sent, phase: "Initializing" }, { cluster, info: infoOf("RUNNING") })).toEqual(
      write({ phase: "Running", status: "RUNNING", message: "It is RUNNING." }),
    )
    expect(step(running, { cluster, info: infoOf("RUNNING") })).toEqual({ do: "wait", atMs: nowMs + 1000 })
  })

  it.each([
    [90_000, 1000],
    [70_000, 3000],
    [0, 5000],
  ])("that began at %i is asked for after %i ms", (startedAtMs, pollMs) => {
    const sight = { cluster, info: infoOf("RUNNING") }
    expect(step({ ...running, startedAtMs }, sight)).toEqual({ do: "wait", atMs: nowMs + pollMs })
  })

  it.each([
    ["SUCCEEDED", "Complete"],
    ["STOPPED", "Complete"],
    ["FAILED", "Failed"],
  ] as const)("ends with Ray's %s as %s, also if its cluster is suspended by then", (status, phase) => {
    const info = infoOf(status, { endTimeMs: 99_000 })
    const ended = write({ status, phase, message: info.message, endedAtMs: 99_000, finishedAtMs: nowMs })
    expect(step(running, { cluster, info })).toEqual(ended)
    expect(step(running, { cluster: aClusterOfJob({ suspended: true }), info })).toEqual(ended)
  })

  it.each([
    ["its cluster is gone", undefined, undefined],
    ["its cluster is ending", aClusterOfJob({ state: "ending" }), undefined],
    ["its cluster failed", aClusterOfJob({ state: "failed" }), undefined],
    ["its head is started again", aClusterOfJob({ state: "starting" }), undefined],
    ["another head knows nothing of it", cluster, null],
  ])("fails when %s", (_what, cluster, info) => {
    expect(step(running, { cluster, info })).toMatchObject({
      changes: { status: "FAILED", phase: "Failed", endedAtMs: nowMs, finishedAtMs: nowMs },
    })
  })

  it("is suspended with its cluster though that has a place again by now, also one that is not ready", () => {
    const changes = { phase: "Suspended", message: "", status: "", submissionId: "" } as const
    const again = aClusterOfJob({ suspensions: 1 })
    expect(step(running, { cluster: again })).toEqual(write(changes))
    expect(step(running, { cluster: { ...again, state: "starting" } })).toEqual(write(changes))
    expect(step({ ...running, ...changes }, { cluster: again })).toEqual({ do: "choose_id" })
  })

  it("that had not begun when its selected cluster was replaced is sent to the new one", () => {
    const other = aClusterOfJob({ key: "rcl_2" as RayClusterKey })
    expect(step({ ...sent, ...selector }, { cluster: other })).toEqual({ do: "choose_id" })
  })

  it("is suspended with its cluster, and begins anew under another id", () => {
    const suspended = aClusterOfJob({ state: "waiting", suspended: true, message: "Its reservation ended." })
    const changes = {
      phase: "Suspended",
      message: "Its reservation ended.",
      status: "",
      submissionId: "",
    } as const
    expect(step(running, { cluster: suspended })).toEqual(write(changes))
    expect(step({ ...running, ...changes }, { cluster: suspended })).toEqual({ do: "wait", atMs: null })
    expect(step({ ...running, ...changes }, { cluster })).toEqual({ do: "choose_id" })
  })
})

describe("its deadline", () => {
  const bounded = { ...running, activeDeadlineSeconds: 10 }

  it("fails it at that instant, not before, and is what is waited for at most", () => {
    const sight = { cluster, info: infoOf("RUNNING") }
    expect(step(bounded, { ...sight, nowMs: 99_999 })).toEqual({ do: "wait", atMs: 100_000 })
    expect(step(bounded, sight)).toMatchObject({ changes: { phase: "Failed", finishedAtMs: nowMs } })
  })

  it("does not fail what has ended", () => {
    expect(step(bounded, { cluster, info: infoOf("SUCCEEDED") })).toMatchObject({
      changes: { phase: "Complete" },
    })
  })

  it("has the submission stopped, and takes over how it ended", () => {
    const failed = { ...bounded, phase: "Failed", finishedAtMs: nowMs } as const
    expect(step(failed, { cluster, info: infoOf("RUNNING") })).toEqual({ do: "stop", thenAtMs: nowMs + 1000 })
    expect(step(failed, { cluster, info: infoOf("STOPPED", { endTimeMs: 100_500 }) })).toEqual(
      write({ status: "STOPPED", endedAtMs: 100_500 }),
    )
  })

  it("has it stopped as soon as Ray answers", () => {
    const failed = { ...bounded, phase: "Failed", finishedAtMs: nowMs } as const
    expect(step(failed, { cluster })).toEqual({ do: "wait", atMs: nowMs + 1000 })
  })

  it.each([
    ["Ray does not know it", { cluster, info: null }],
    ["its cluster is gone", {}],
    ["its head is lost", { cluster: aClusterOfJob({ state: "waiting" }) }],
    ["its cluster was suspended since", { cluster: aClusterOfJob({ suspensions: 1 }) }],
    ["it was told for long enough", { cluster, info: infoOf("PENDING"), nowMs: nowMs + 1_200_000 }],
  ])("counts it as stopped when %s", (_what, sight) => {
    const failed = { ...bounded, phase: "Failed", finishedAtMs: nowMs } as const
    expect(step(failed, sight)).toMatchObject({ do: "write", changes: { status: "STOPPED" } })
    expect(step({ ...failed, status: "STOPPED" }, sight)).toEqual({ do: "wait", atMs: null })
  })

  it("forgets the id of what was never sent", () => {
    const failed = { ...bounded, status: "", phase: "Failed", finishedAtMs: nowMs } as const
    expect(step(failed, { cluster, info: null })).toEqual(write({ submissionId: "" }))
  })

  it("has what nothing is free for stopped less often after a while: no stop reaches it before it runs", () => {
    const failed = { ...bounded, phase: "Failed", finishedAtMs: nowMs } as const
    const late = { cluster, info: infoOf("PENDING"), nowMs: nowMs + 15_000 }
    expect(step(failed, late)).toEqual({ do: "stop", thenAtMs: nowMs + 45_000 })
    expect(step({ ...failed, shutdownAfterJobFinishes: true }, late)).toMatchObject({
      changes: { status: "STOPPED" },
    })
  })
})

describe("after its end", () => {
  const ended = { ...running, status: "SUCCEEDED", phase: "Complete", finishedAtMs: nowMs } as const

  it("keeps its cluster unless it is asked to end it", () => {
    expect(step(ended, { cluster })).toEqual({ do: "wait", atMs: null })
  })

  it("ends its own cluster once its time is over, once", () => {
    const asked = { ...ended, shutdownAfterJobFinishes: true, ttlSecondsAfterFinished: 60 }
    expect(step(asked, { cluster })).toEqual({ do: "wait", atMs: 160_000 })
    expect(step(asked, { cluster, nowMs: 160_000 })).toEqual({ do: "end_cluster" })
    expect(step({ ...asked, clusterShutDown: true }, { cluster, nowMs: 160_000 })).toEqual({
      do: "wait",
      atMs: null,
    })
  })

  it("ends none that is gone or was never made, and is over", () => {
    const asked = { ...ended, shutdownAfterJobFinishes: true, ttlSecondsAfterFinished: 60 }
    expect(step(asked)).toEqual({ do: "end_cluster" })
    expect(isRayJobOver(aRayJob({ ...asked, clusterShutDown: true }))).toBe(true)
    expect(isRayJobOver(aRayJob({ ...asked, clusterKey: null }))).toBe(true)
    expect(isRayJobOver(aRayJob({ ...asked, deletingAtMs: nowMs }))).toBe(false)
  })

  it("never ends a selected cluster", () => {
    const asked = { ...ended, ...selector, shutdownAfterJobFinishes: true }
    expect(step(asked, { cluster })).toEqual({ do: "wait", atMs: null })
  })
})

describe("deleted", () => {
  const deleted = { ...running, deletingAtMs: nowMs }

  it("goes when its own cluster has gone", () => {
    expect(step(deleted, { cluster })).toEqual({ do: "end_cluster" })
    expect(step(deleted, { cluster: aClusterOfJob({ state: "ending" }) })).toEqual({ do: "wait", atMs: null })
    expect(step(deleted, { cluster: aClusterOfJob({ state: "gone" }) })).toEqual({ do: "delete" })
    expect(step(deleted)).toEqual({ do: "delete" })
  })

  it("stops its submission on a selected cluster, which stays", () => {
    const selected = { ...deleted, ...selector }
    expect(step(selected, { cluster, info: infoOf("RUNNING") })).toEqual({
      do: "stop",
      thenAtMs: nowMs + 1000,
    })
    expect(step(selected, { cluster, info: infoOf("STOPPED") })).toEqual({ do: "delete" })
    expect(step(selected, { cluster, info: null })).toEqual({ do: "delete" })
  })

  it("goes although its submission cannot be stopped, or Ray does not answer", () => {
    const selected = { ...deleted, ...selector }
    const late = { cluster, nowMs: nowMs + 1_200_000 }
    expect(step(selected, { cluster })).toEqual({ do: "wait", atMs: nowMs + 1000 })
    expect(step(selected, late)).toEqual({ do: "delete" })
    expect(step(selected, { ...late, info: infoOf("PENDING") })).toEqual({ do: "delete" })
  })
})
