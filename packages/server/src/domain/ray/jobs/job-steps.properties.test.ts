import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { propertyRuns } from "../../../kit/property-runs.ts"
import type { RayCluster, RayClusterState, RayJob } from "../types.ts"
import type { JobStep } from "./job-steps.ts"
import { hasOwnCluster, isFinal, isWhereSent, nextJobStep } from "./job-steps.ts"
import { aClusterOfJob, aRayJob, infoOf } from "./test-job.ts"

const { runs, ...seeded } = propertyRuns(1000)

/** What happens to a job's cluster and its server, between looks. */
type Event =
  | { readonly kind: "state"; readonly state: RayClusterState }
  | { readonly kind: "suspend" }
  | { readonly kind: "delete" | "deaf" | "hears" | "look" | "crash" }
  /** Looks until a planned wait, then lets that much time pass. */
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "ends"; readonly as: "SUCCEEDED" | "FAILED" }

interface World {
  job: RayJob | undefined
  cluster: RayCluster | undefined
  /** What the head that runs now knows: id → status. */
  head: Map<string, string>
  answers: boolean
  nowMs: number
  ids: number
  readonly faults: string[]
}

const statesOf: readonly RayClusterState[] = ["waiting", "installing", "starting", "ready", "failed"]
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("state" as const), state: fc.constantFrom(...statesOf) }),
  },
  { weight: 6, arbitrary: fc.constantFrom<Event>({ kind: "state", state: "ready" }, { kind: "look" }) },
  { weight: 1, arbitrary: fc.constantFrom<Event>({ kind: "suspend" }, { kind: "delete" }, { kind: "deaf" }) },
  { weight: 4, arbitrary: fc.constantFrom<Event>({ kind: "hears" }, { kind: "crash" }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(20_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("ends" as const),
      as: fc.constantFrom("SUCCEEDED" as const, "FAILED" as const),
    }),
  },
)

const wanted = fc.record({
  isSelected: fc.boolean(),
  shutdownAfterJobFinishes: fc.boolean(),
  ttlSecondsAfterFinished: fc.nat(5),
  activeDeadlineSeconds: fc.constantFrom(0, 0, 5),
})

describe("whatever happens to a job", () => {
  it("never runs twice at once or unasked, never leaves its end, and comes to one", () => {
    fc.assert(
      fc.property(wanted, fc.array(event, { maxLength: 40 }), ({ isSelected, ...spec }, events) => {
        const clusterSelector: RayJob["clusterSelector"] = isSelected ? { "ray.io/cluster": "shared" } : {}
        const world = begin(aRayJob({ ...spec, clusterSelector, clusterName: isSelected ? "shared" : "" }))
        for (const each of events) happen(world, each)
        calm(world)
        expect(world.faults).toEqual([])
        const { job, cluster } = world
        if (job) expect(isFinal(job.phase)).toBe(true)
        const mustGo = !isSelected && (job === undefined || job.shutdownAfterJobFinishes)
        if (mustGo) expect([undefined, "gone"]).toContain(cluster?.state)
        if (isSelected) expect(cluster?.state).not.toBe("gone")
      }),
      { numRuns: runs, ...seeded },
    )
  })
})

function begin(job: RayJob): World {
  const isSelected = !hasOwnCluster(job)
  return {
    job,
    cluster: isSelected ? aClusterOfJob({ state: "starting" }) : undefined,
    head: new Map(),
    answers: true,
    nowMs: 1_000_000,
    ids: 0,
    faults: [],
  }
}

function happen(world: World, event: Event) {
  const { cluster, job } = world
  const canMove =
    cluster && cluster.state !== "ending" && cluster.state !== "gone" && cluster.state !== "failed"
  switch (event.kind) {
    case "state":
    case "suspend":
      if (!canMove) return
      world.cluster =
        event.kind === "suspend"
          ? { ...cluster, state: "waiting", suspended: true, suspensions: cluster.suspensions + 1 }
          : { ...cluster, state: event.state, suspended: cluster.suspended && event.state === "waiting" }
      if (world.cluster.state !== "ready") world.head = new Map()
      return
    case "delete":
      if (job) world.job = { ...job, deletingAtMs: job.deletingAtMs ?? world.nowMs }
      return
    case "deaf":
    case "hears":
      world.answers = event.kind === "hears"
      return
    case "ends":
      for (const [id, status] of world.head) if (status === "RUNNING") world.head.set(id, event.as)
      return
    case "look":
      look(world, false)
      return
    case "crash":
      look(world, true)
      return
    case "pass":
      untilItWaits(world)
      world.nowMs += event.ms
      return
  }
}

/** One look, and its step; `crashes` = the server ends after what it did outside, before it wrote that. */
function look(world: World, crashes: boolean): JobStep | undefined {
  const { job, cluster, nowMs } = world
  if (!job) return undefined
  const isAsked = cluster?.state === "ready" && isWhereSent(job, cluster) && world.answers
  const status = world.head.get(job.submissionId)
  const info = isAsked ? (status === undefined ? null : infoOf(status)) : undefined
  const step = nextJobStep({ job, cluster, info, problem: null, nowMs })
  take(world, job, step, crashes)
  check(world, job)
  return step
}

function take(world: World, job: RayJob, step: JobStep, crashes: boolean) {
  const { cluster } = world
  if (step.do === "submit") submit(world, job)
  if (step.do === "stop" && world.head.get(job.submissionId) === "RUNNING")
    world.head.set(job.submissionId, "STOPPED")
  if (crashes) return
  if (step.do === "make_cluster") {
    if (cluster) world.faults.push("a second cluster is made")
    world.cluster = aClusterOfJob({ state: "waiting" })
    world.job = { ...job, clusterKey: world.cluster.key, clusterName: world.cluster.name }
  }
  if (step.do === "write") world.job = { ...job, ...step.changes }
  if (step.do === "choose_id" && cluster) {
    const submissionId = `count-${++world.ids}`
    world.job = { ...job, submissionId, clusterKey: cluster.key, suspensions: cluster.suspensions }
  }
  if (step.do === "delete") {
    const isRunning =
      cluster?.state === "ready" && world.answers && world.head.get(job.submissionId) === "RUNNING"
    if (isRunning) world.faults.push("it is deleted and runs on")
    world.job = undefined
  }
  if (step.do !== "end_cluster") return
  if (!hasOwnCluster(job)) world.faults.push("a selected cluster is ended")
  if (cluster) world.cluster = { ...cluster, state: "gone" }
  world.head = new Map()
  world.job = { ...job, clusterShutDown: true }
}

function submit(world: World, job: RayJob) {
  const id = job.submissionId
  if (id === "") world.faults.push("something is sent without an id")
  if (world.cluster?.state !== "ready" || !world.answers) world.faults.push("it is sent to nobody")
  if ([...world.head.values()].includes("RUNNING")) world.faults.push("it runs twice at once")
  if (job.status !== "") world.faults.push("it is run again unasked")
  world.head.set(id, "RUNNING")
}

function check(world: World, before: RayJob) {
  const { job, faults } = world
  if (!job) {
    if (before.deletingAtMs === null) faults.push("it is deleted unasked")
    return
  }
  if (isFinal(before.phase) && job.phase !== before.phase) faults.push(`it left ${before.phase}`)
  if (isFinal(job.phase) !== (job.finishedAtMs !== null)) faults.push("its end has no time")
}

/** Looks until a wait: it must come to one. */
function untilItWaits(world: World): JobStep | undefined {
  for (let round = 0; round < 12; round++) {
    const step = look(world, false)
    if (!step || step.do === "wait" || step.do === "stop") return step
  }
  world.faults.push("it does not come to rest")
  return undefined
}

/** From now on all goes well: the cluster gets ready, Ray answers, the job ends by itself. */
function calm(world: World) {
  world.answers = true
  for (let round = 0; round < 60; round++) {
    const step = untilItWaits(world)
    happen(world, { kind: "state", state: "ready" })
    const ended = round > 2 ? ({ kind: "ends", as: "SUCCEEDED" } as const) : ({ kind: "look" } as const)
    happen(world, ended)
    const atMs = step?.do === "wait" ? step.atMs : step?.do === "stop" ? step.thenAtMs : null
    if (atMs !== null && atMs <= world.nowMs) world.faults.push("it waits for what is over")
    world.nowMs = Math.max(world.nowMs, atMs ?? 0)
  }
}
