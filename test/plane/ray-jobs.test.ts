import { describe, expect, it } from "vitest"
import type { NewRayJob, RayJob } from "../../packages/server/src/domain/ray/index.ts"
import { AppError } from "../../packages/server/src/kit/errors.ts"
import type { TestPlane, TestPlaneOptions } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"
import {
  clusterOf,
  clusterReaches,
  jobOf,
  jobReaches,
  makeCluster,
  makeTemplate,
  type Programs,
  selectingJob,
  startRayPlane,
  theHead,
  wantedJob,
} from "../support/ray-jobs.ts"

const plane = usePlanes()
const at = { namespace: "default", name: "count" }

const start = (programs: Programs = {}, options: TestPlaneOptions = {}) =>
  startRayPlane(plane, programs, options)
const create = (p: TestPlane, change: Partial<NewRayJob> = {}) =>
  p.plane.ray.jobs.create(p.owner, wantedJob(change))
const select = (p: TestPlane, change: Partial<NewRayJob> = {}) =>
  p.plane.ray.jobs.create(p.owner, selectingJob(change))
const logOf = (p: TestPlane) => p.plane.ray.jobs.log(p.owner, at)
const remove = (p: TestPlane) => p.plane.ray.jobs.delete(p.owner, at)

async function isGone(p: TestPlane, { key }: RayJob): Promise<boolean> {
  return (await p.store.ray.jobs.byKey(p.store.committed, key)) === undefined
}

/** Nothing of Ray is left: no process, no claim. */
async function expectNothingRuns(p: TestPlane): Promise<void> {
  expect(p.ray.live()).toEqual([])
  expect(await p.store.claims.live(p.store.committed)).toEqual([])
  await p.assertSound()
}

/** How the submissions of the running head stand, by the names of their entry points. */
async function inRay(p: TestPlane, cluster: string): Promise<readonly string[]> {
  const infos = await p.plane.ray.submissions.list(p.owner, { namespace: "default", name: cluster })
  return infos.map(({ entrypoint, status }) => `${entrypoint} ${status}`)
}

describe("a job with a cluster of its own", () => {
  it("makes it, runs on it, and leaves it there", async () => {
    const p = await start({ count: { log: "1 2 3\n" } })
    const made = await create(p, { metadata: { team: "x" } })
    expect(made).toMatchObject({ phase: "", status: "", clusterName: "" })
    const job = await jobReaches(p, "Complete")
    expect(job).toMatchObject({ status: "SUCCEEDED", message: "Job finished successfully." })
    expect(job.clusterName).toMatch(/^count-[a-z0-9]{5}$/)
    expect(job.submissionId).toMatch(/^count-[a-z0-9]{5}$/)
    expect(job.startedAtMs).toBeLessThan(job.endedAtMs ?? 0)
    expect(await clusterOf(p, job.clusterName)).toMatchObject({
      state: "ready",
      annotations: { team: "x" },
      environment: null,
      user: "ada",
      parent: { kind: "job", key: job.key, name: "count" },
    })
    expect(await logOf(p)).toBe("1 2 3\n")
    await p.assertSound()
  })

  it("sends what was asked for", async () => {
    const p = await start()
    await create(p, {
      askedJobId: "my-id",
      metadata: { team: "x" },
      runtimeEnv: "env_vars:\n  A: b\npip: [x==1]\n",
      numCpus: 0.5,
      numGpus: -1,
      resources: '{"Custom": 1}',
    })
    await jobReaches(p, "Running")
    const { clusterName } = await jobOf(p)
    const info = await p.plane.ray.submissions.get(p.owner, { ...at, name: clusterName }, "my-id")
    expect(info).toMatchObject({
      metadata: { team: "x" },
      runtimeEnv: { env_vars: { A: "b" }, pip: ["x==1"] },
    })
  })

  it("fails with Ray's words, and its cluster ends some time after", async () => {
    const p = await start({ count: { outcome: "FAILED", message: "exit code 3", log: "oops\n" } })
    await create(p, { shutdownAfterJobFinishes: true, ttlSecondsAfterFinished: 60 })
    const job = await jobReaches(p, "Failed")
    expect(job).toMatchObject({ status: "FAILED", message: "exit code 3" })
    await p.advance(55_000)
    expect((await clusterOf(p, job.clusterName)).state).toBe("ready")
    await p.advance(60_000)
    await expectNothingRuns(p)
    expect(await jobOf(p)).toMatchObject({ phase: "Failed", clusterShutDown: true })
    expect(await logOf(p)).toBe("oops\n")
  })

  it.each([
    [
      "runtimeEnv",
      { runtimeEnv: "a: [b" },
      /^The RayJob spec is invalid: failed to unmarshal .*yaml: line 1/,
    ],
    ["runtimeEnv", { runtimeEnv: "- a" }, /cannot unmarshal array into Go value/],
    ["resources", { resources: '{"Custom": "many"}' }, /resources must be a JSON object/],
    ["resources", { resources: "Custom: 1" }, /resources must be a JSON object/],
    ["numCpus", { numCpus: Infinity }, /must be numbers/],
  ])("is refused for its %s before anything is made", async (_what, change, message) => {
    const p = await start()
    await create(p, change)
    await p.settle()
    const job = await jobOf(p)
    expect(job).toMatchObject({ phase: "ValidationFailed", clusterKey: null })
    expect(job.message).toMatch(message)
    await expectNothingRuns(p)
  })

  it("fails when its head is lost while it runs", async () => {
    const p = await start({ count: { runMs: null } })
    await create(p)
    await jobReaches(p, "Running")
    p.ray.end(theHead(p).id, null)
    const job = await jobReaches(p, "Failed")
    expect(job).toMatchObject({ status: "FAILED" })
    expect(job.message).toMatch(/was lost while the job ran/)
    await p.advance(60_000)
    expect((await jobOf(p)).phase).toBe("Failed")
    await p.assertSound()
  })

  it("waits for a head that is lost before it is sent", async () => {
    const p = await startRayPlane(plane, {}, { ray: { pod: () => ({ upAfterMs: 20_000 }) } })
    await create(p)
    await p.until(() => p.ray.live().length === 1)
    p.ray.end(theHead(p).id, 1)
    await p.until(() => p.ray.live().length === 0)
    expect((await jobReaches(p, "Complete")).status).toBe("SUCCEEDED")
    await p.assertSound()
  })

  it("fails with its cluster", async () => {
    const p = await start()
    p.ray.use({ install: () => ({ fails: { detail: "no_python", message: "There is no Python here." } }) })
    await create(p)
    expect((await jobReaches(p, "Failed")).message).toBe("There is no Python here.")
  })

  it("fails, with the log kept, when its cluster is deleted", async () => {
    const p = await start({ count: { runMs: null, log: "as far as that\n" } })
    await create(p)
    const { clusterName, clusterKey, submissionId } = await jobReaches(p, "Running")
    await p.plane.ray.clusters.delete(p.owner, { ...at, name: clusterName })
    expect((await jobReaches(p, "Failed")).message).toBe(`The Ray cluster ${clusterName} is gone.`)
    await p.advance(60_000)
    expect(await logOf(p)).toBe("as far as that\n")
    if (!clusterKey) throw new Error("It had no cluster.")
    const kept = await p.store.ray.submissions.get(p.store.committed, clusterKey, submissionId)
    expect(kept?.info).toMatchObject({
      status: "STOPPED",
      message: "Its Ray cluster was ended or lost its place.",
    })
    await expectNothingRuns(p)
  })

  it("fails at its deadline, and what ran is stopped before its cluster ends", async () => {
    const p = await start({ count: { runMs: null, log: "x\n" } })
    await create(p, { activeDeadlineSeconds: 30, shutdownAfterJobFinishes: true })
    const job = await jobReaches(p, "Failed")
    expect(job.message).toBe("It has passed its activeDeadlineSeconds (30 s).")
    expect((job.finishedAtMs ?? 0) - (job.startedAtMs ?? 0)).toBe(30_000)
    await p.advance(60_000)
    expect(await jobOf(p)).toMatchObject({ phase: "Failed", status: "STOPPED", clusterShutDown: true })
    expect(await logOf(p)).toBe("x\n")
    await expectNothingRuns(p)
  })

  it.each(["stop", "delete"] as const)("is complete when somebody has its submission %s", async (act) => {
    const p = await start({ count: { runMs: null, log: "so far\n" } })
    await create(p)
    const { clusterName, submissionId } = await jobReaches(p, "Running")
    await p.plane.ray.submissions[act](p.owner, { ...at, name: clusterName }, submissionId)
    expect(await jobReaches(p, "Complete")).toMatchObject({ status: "STOPPED" })
    await p.advance(30_000)
    expect(await inRay(p, clusterName)).toEqual(act === "stop" ? ["count STOPPED"] : [])
    expect(await jobOf(p)).toMatchObject({ phase: "Complete", status: "STOPPED" })
    expect(await logOf(p)).toBe(act === "stop" ? "so far\n" : "")
    await p.assertSound()
  })

  it("fails with Ray's words when that refuses it, without values of variables", async () => {
    const p = await start()
    p.ray.use({
      job: () => {
        throw new AppError("invalid", "Ray says no to sesame.", { detail: "refused", facts: { status: 400 } })
      },
    })
    await create(p, { runtimeEnv: "env_vars: {TOKEN: sesame}" })
    expect(await jobReaches(p, "Failed")).toMatchObject({ status: "FAILED", message: "Ray says no to ***." })
    await p.advance(60_000)
    expect(await jobOf(p)).toMatchObject({ status: "FAILED", phase: "Failed" })
  })

  it("is suspended with its cluster, and is run anew when that has its place again", async () => {
    const p = await startRayPlane(plane, { count: { runMs: 60_000, log: "so far\n" } }, { lends: true })
    await p.plane.ray.templates.delete(p.owner, { ...at, name: "small" })
    await makeTemplate(p, "default", 8)
    await create(p)
    const before = await jobReaches(p, "Running")
    await p.advance(10_000)
    const [auto] = p.plane.board.live()
    await p.plane.gpuRequests.release(p.owner, auto?.shownId ?? "")
    expect(await jobReaches(p, "Suspended")).toMatchObject({ status: "", submissionId: "" })
    const again = await jobReaches(p, "Running")
    expect(again.submissionId).not.toBe(before.submissionId)
    expect(again.clusterKey).toBe(before.clusterKey)
    const { key } = await clusterOf(p, before.clusterName)
    const kept = await p.store.ray.submissions.get(p.store.committed, key, before.submissionId)
    expect(kept).toMatchObject({ log: "so far\n", info: { status: "STOPPED" } })
    expect(await jobReaches(p, "Complete")).toMatchObject({ status: "SUCCEEDED" })
    await p.assertSound()
  })

  it("ends with its workspace, also when it has finished", async () => {
    const p = await start({ long: { runMs: null } })
    await p.plane.workspaces.create(p.owner, { id: "red", description: "", clusters: null, policy: {} })
    await makeTemplate(p, "red")
    const jobs = [
      await create(p, { namespace: "red" }),
      await create(p, { namespace: "red", name: "long", entrypoint: "long" }),
    ]
    await p.advance(30_000)
    await p.plane.workspaces.remove(p.owner, "red", { force: true })
    await p.until(() => !p.plane.workspaceNames().includes("red"))
    for (const job of jobs) expect(await isGone(p, job)).toBe(true)
    await expectNothingRuns(p)
  })
})

describe("a job that selects a cluster", () => {
  it("waits for it, claims nothing, and runs as soon as it is ready", async () => {
    const p = await start()
    await select(p)
    await p.settle()
    expect(await jobOf(p)).toMatchObject({
      phase: "Waiting",
      clusterName: "shared",
      message: "There is no Ray cluster shared yet.",
    })
    await p.advance(60_000)
    await makeCluster(p)
    const job = await jobReaches(p, "Complete")
    expect(job.clusterKey).toBe((await clusterOf(p)).key)
    expect(p.ray.live()).toHaveLength(1)
    await p.assertSound()
  })

  it("runs beside others on a cluster that is there, and never ends it", async () => {
    const p = await start({ count: { runMs: 5000 }, other: { runMs: 5000 } })
    await makeCluster(p)
    await clusterReaches(p, "ready")
    await select(p, { shutdownAfterJobFinishes: true })
    await select(p, { name: "other", entrypoint: "other" })
    await jobReaches(p, "Complete")
    await jobReaches(p, "Complete", "other")
    await p.advance(60_000)
    expect((await clusterOf(p)).state).toBe("ready")
    expect(await inRay(p, "shared")).toEqual(["count SUCCEEDED", "other SUCCEEDED"])
    await p.assertSound()
  })

  it("names no cluster, and is refused", async () => {
    const p = await start()
    await select(p, { clusterSelector: { team: "x" } })
    expect((await jobReaches(p, "ValidationFailed")).message).toMatch(/does not name a cluster/)
  })

  it("keeps away from a cluster of the same name in another namespace", async () => {
    const p = await start()
    await p.plane.workspaces.create(p.owner, { id: "red", description: "", clusters: null, policy: {} })
    await makeCluster(p)
    await clusterReaches(p, "ready")
    await select(p, { namespace: "red" })
    await p.advance(10_000)
    expect((await p.plane.ray.jobs.get(p.owner, { namespace: "red", name: "count" })).phase).toBe("Waiting")
  })

  it("fails when it is deleted under it, with its log kept", async () => {
    const p = await start({ count: { runMs: null, log: "so far\n" } })
    await makeCluster(p)
    await select(p)
    await jobReaches(p, "Running")
    await p.plane.ray.clusters.delete(p.owner, { ...at, name: "shared" })
    expect((await jobReaches(p, "Failed")).message).toBe("The Ray cluster shared is gone.")
    await p.advance(60_000)
    expect(await logOf(p)).toBe("so far\n")
    await makeCluster(p)
    await clusterReaches(p, "ready")
    expect((await jobOf(p)).phase).toBe("Failed")
  })

  it("has its submission stopped at its deadline, and when it is deleted", async () => {
    const p = await start({ count: { runMs: null }, other: { runMs: null } })
    await makeCluster(p)
    await select(p, { activeDeadlineSeconds: 10 })
    await jobReaches(p, "Failed")
    const other = await select(p, { name: "other", entrypoint: "other" })
    await jobReaches(p, "Running", "other")
    await p.plane.ray.jobs.delete(p.owner, { ...at, name: "other" })
    await p.until(() => isGone(p, other))
    expect(await inRay(p, "shared")).toEqual(["count STOPPED", "other STOPPED"])
    expect((await jobOf(p)).status).toBe("STOPPED")
  })

  it("is deleted although nothing was ever free for it, once Ray must have given it up", async () => {
    const p = await start({ count: { pendingMs: null } })
    await makeCluster(p)
    const job = await select(p)
    await jobReaches(p, "Running")
    await remove(p)
    await p.advance(60_000)
    expect(await isGone(p, job)).toBe(false)
    await p.until(() => isGone(p, job), 1_300_000)
  })

  it("is not sent under an id that another has", async () => {
    const p = await start({ count: { runMs: null } })
    await makeCluster(p)
    await clusterReaches(p, "ready")
    const entry = { ...wantedJob(), submissionId: "mine" }
    await p.plane.ray.submissions.submit(p.owner, { ...at, name: "shared" }, entry)
    await select(p, { askedJobId: "mine" })
    const job = await jobReaches(p, "Failed")
    expect(job.message).toBe("submission ID 'mine' already used, Please use a different submission_id")
    await remove(p)
    await p.until(() => isGone(p, job))
    expect(await inRay(p, "shared")).toEqual(["count RUNNING"])
  })

  it("goes on when Ray does not answer for a while", async () => {
    const p = await start({ count: { runMs: 30_000 } })
    await makeCluster(p)
    await select(p)
    await jobReaches(p, "Running")
    p.ray.setDashboard(theHead(p).id, "hangs")
    await p.advance(40_000)
    expect((await jobOf(p)).phase).toBe("Running")
    p.ray.setDashboard(theHead(p).id, "up")
    expect((await jobReaches(p, "Complete")).status).toBe("SUCCEEDED")
  })
})

it("a head that does not answer is asked now and then, not once for each of its jobs", async () => {
  let asked = 0
  const onStep = (step: string) => void (step === "ray job <" && asked++)
  const p = await start({ count: { runMs: null } }, { onStep })
  await makeCluster(p)
  const names = Array.from({ length: 10 }, (_, at) => `count-${at}`)
  for (const name of names) await select(p, { name })
  for (const name of names) await jobReaches(p, "Running", name)
  p.ray.setDashboard(theHead(p).id, "hangs")
  await p.advance(10_000)
  asked = 0
  await p.advance(30_000)
  expect(asked).toBeGreaterThan(2)
  expect(asked).toBeLessThan(30)
})

describe("deleted", () => {
  it.each<RayJob["phase"]>(["", "Initializing", "Running", "Complete"])(
    "at once after %s, a job goes with its cluster",
    async (phase) => {
      const p = await startRayPlane(
        plane,
        { count: { runMs: 10_000 } },
        { ray: { pod: () => ({ upAfterMs: 3000 }) } },
      )
      const job = await create(p)
      if (phase !== "") await jobReaches(p, phase)
      await remove(p)
      await expect(jobOf(p)).rejects.toMatchObject({ code: "not_found", resource: "ray-job" })
      await p.until(() => isGone(p, job))
      await p.advance(30_000)
      await expectNothingRuns(p)
    },
  )

  it("and made anew at once, it does not meet what was before", async () => {
    const p = await start({ count: { runMs: 10_000 } })
    const first = await create(p)
    const before = await jobReaches(p, "Running")
    await remove(p)
    const second = await create(p)
    expect(second.key).not.toBe(first.key)
    expect((await jobReaches(p, "Complete")).clusterName).not.toBe(before.clusterName)
    expect(p.ray.live()).toHaveLength(1)
    await p.assertSound()
  })
})

describe("a restart of the server", () => {
  const writes = Array.from({ length: 16 }, (_, at) => at + 1)
  const stops = [
    ...writes.flatMap((nth) => [["tx <", nth] as const, ["tx >", nth] as const]),
    ...["ray submit <", "ray submit >", "ray job <", "ray job >", "ray log <", "ray log >"].map(
      (step) => [step, 1] as const,
    ),
  ]
  it.each(stops)("at %s number %i runs a job once, to its end", async (step, nth) => {
    const p = await start()
    let runs = 0
    p.ray.use({ job: () => ({ runMs: 3000, log: `${++runs}\n` }) })
    await create(p, { shutdownAfterJobFinishes: true })
    let seen = 0
    await p.restart((name, kill) => {
      if (name === step && ++seen === nth) kill()
    })
    await p.advance(5000)
    expect(p.life.isDead).toBe(true)
    await p.restart()
    const job = await jobReaches(p, "Complete")
    expect(job.status).toBe("SUCCEEDED")
    await p.advance(60_000)
    expect(await logOf(p)).toBe("1\n")
    await expectNothingRuns(p)
  })

  it.each(writes.slice(0, 8))("at write %i of a deletion leaves nothing of it", async (nth) => {
    const p = await start({ count: { runMs: null } })
    const job = await create(p)
    await jobReaches(p, "Running")
    let seen = 0
    await p.restart((name, kill) => {
      if (name === "tx >" && ++seen === nth) kill()
    })
    // a server that dies meanwhile never answers
    if (!p.life.isDead) void remove(p).catch(() => undefined)
    await p.advance(10_000)
    await p.restart()
    if (await p.store.ray.jobs.byName(p.store.committed, "default", "count")) await remove(p)
    await p.until(() => isGone(p, job))
    await p.advance(30_000)
    expect(p.ray.live()).toEqual([])
    await expectNothingRuns(p)
  })

  it.each(["ray stop job <", "ray stop job >", "tx >"])("at %s, a deadline still stops it", async (step) => {
    const p = await start({ count: { runMs: null } })
    await makeCluster(p)
    await select(p, { activeDeadlineSeconds: 10 })
    await jobReaches(p, "Running")
    await p.restart((name, kill) => {
      if (name === step && p.clock.monotonicMs() > 10_000) kill()
    })
    await p.advance(15_000)
    expect(p.life.isDead).toBe(true)
    await p.restart()
    await p.advance(5000)
    expect(await jobOf(p)).toMatchObject({ phase: "Failed", status: "STOPPED" })
    expect(await inRay(p, "shared")).toEqual(["count STOPPED"])
  })
})
