import { describe, expect, it } from "vitest"
import type { NewRayCluster, NewRayJob, NewRayService } from "../../packages/server/src/domain/ray/index.ts"
import {
  anAskedSpec,
  aSize,
  aWantedCluster,
  aWorkerGroup,
} from "../../packages/server/src/domain/ray/ray-suite.ts"
import type { FakeRayScript } from "../../packages/server/src/drivers/fake/fake-ray-script.ts"
import { crashingAt, unlessDead } from "./crash-scenario.ts"
import { aNode, createTestPlane, type TestPlane } from "../support/plane.ts"

const namespace = "default"
const stepMs = 500
/** Longer than anything of a scenario takes with its retries, graces and deadlines. */
const restMs = 400_000

/** Lives of Ray objects have hundreds of steps: all of them where time is no matter. */
const every = process.env["CI_FULL"] === "1" ? 1 : 11
// oxlint-disable-next-line no-console -- what was left out is said
if (every > 1) console.log(`crash test of Ray: every ${every}th step; all of them with CI_FULL=1`)

type Kind = "clusters" | "jobs" | "services"

/** What clients were told: `jobs/one` was made, or deleted. Of what they asked to be deleted the answer may be lost. */
interface Told {
  readonly made: Set<string>
  readonly asked: Set<string>
  readonly deleted: Set<string>
}

const noneTold = (): Told => ({ made: new Set(), asked: new Set(), deleted: new Set() })

/** What clients, time and machines do; the server may die at any step of it. */
type Act = (p: TestPlane, told: Told) => Promise<unknown>

const head = { ...anAskedSpec().head }
const spec = (workers: number) =>
  anAskedSpec({
    head,
    workers: [{ ...aWorkerGroup, replicas: workers, minReplicas: workers, maxReplicas: 5 }],
  })

function tellMade(kind: Kind, name: string, make: (p: TestPlane) => Promise<unknown>): Act {
  return async (p, told) => {
    const made = await unlessDead(p, make(p))
    if (made !== undefined) told.made.add(`${kind}/${name}`)
  }
}

const cluster = (name: string, change: Partial<NewRayCluster> = {}): Act =>
  tellMade("clusters", name, (p) =>
    p.plane.ray.clusters.create(p.owner, aWantedCluster({ namespace, name, spec: spec(2), ...change })),
  )

const job = (name: string, change: Partial<NewRayJob> = {}): Act =>
  tellMade("jobs", name, (p) =>
    p.plane.ray.jobs.create(p.owner, {
      namespace,
      name,
      user: "ada",
      rayVersion: "2.60.0",
      entrypoint: `python ${name}.py`,
      metadata: {},
      runtimeEnv: "",
      numCpus: 0,
      numGpus: 0,
      resources: "",
      askedJobId: "",
      shutdownAfterJobFinishes: true,
      clusterSelector: {},
      spec: spec(1),
      ttlSecondsAfterFinished: 5,
      activeDeadlineSeconds: 0,
      submitter: null,
      ...change,
    }),
  )

function wantedService(name: string, change: Partial<NewRayService> = {}): NewRayService {
  return {
    namespace,
    name,
    user: "ada",
    rayVersion: "2.60.0",
    serveConfig: "applications:\n  - name: fruit\n    import_path: fruit.app\n    route_prefix: /fruit\n",
    serviceUnhealthySeconds: 0,
    deploymentUnhealthySeconds: 0,
    spec: spec(1),
    ...change,
  }
}
const service = (name: string): Act =>
  tellMade("services", name, (p) => p.plane.ray.services.create(p.owner, wantedService(name)))

/** Nothing where the answer that told of it was lost and it is not there, or is there no more. */
const change = (name: string, wanted: Partial<NewRayService>): Act => {
  return (p) =>
    unlessDead(p, unlessMissing(p.plane.ray.services.update(p.owner, wantedService(name, wanted))))
}

const remove = (kind: Kind, name: string): Act => {
  return async (p, told) => {
    told.asked.add(`${kind}/${name}`)
    const deleted = unlessMissing(p.plane.ray[kind].delete(p.owner, { namespace, name }).then(() => true))
    if (await unlessDead(p, deleted)) told.deleted.add(`${kind}/${name}`)
  }
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (thrown) {
    if ((thrown as { readonly code?: string }).code !== "not_found") throw thrown
    return undefined
  }
}

/** Time, as long as the server lives. */
const pass = (seconds: number): Act => {
  return async (p) => {
    for (let left = seconds * 1000; left > 0 && !p.life.isDead; left -= stepMs) await p.advance(stepMs)
  }
}

/** The head of a cluster ends by itself, where it runs. */
const loseHead: Act = async (p) => {
  const [found] = p.ray.live().filter((launch) => launch.head === null)
  if (found) p.ray.end(found.id, null)
}

interface Scenario {
  readonly acts: readonly Act[]
  readonly script?: FakeRayScript
  /** How often an entry point may be begun: once for each head that it may lose. Default 1. */
  readonly mostSubmits?: number
}

/** Runs it with a server that dies at the step; then all is deleted, and has to be over and given back. */
async function runScenario({ acts, script = {}, mostSubmits = 1 }: Scenario, step: number) {
  const crashing = crashingAt(new Set([step]))
  const p = await createTestPlane({ nodes: [aNode("n1"), aNode("c1", 0)], onStep: crashing.onStep })
  const submits = new Map<string, number>()
  p.ray.use({
    install: () => ({ delayMs: 1500 }),
    pod: () => ({ upAfterMs: 1000 }),
    ...script,
    job(submit, launch) {
      submits.set(submit.entrypoint, (submits.get(submit.entrypoint) ?? 0) + 1)
      return script.job?.(submit, launch) ?? { runMs: 4000 }
    },
  })
  const told = noneTold()
  try {
    await p.plane.ray.templates.create(p.owner, { namespace, name: "small", ...aSize })
    await p.settle()
    const timersAtRest = p.plane.timers.size
    crashing.arm(true)
    for (const act of acts) {
      await act(p, told)
      while (p.life.isDead) await p.restart(crashing.onStep)
      await p.assertSound()
      await assertTold(p, told)
    }
    crashing.arm(false)
    await deleteAll(p)
    await assertOver(p, timersAtRest)
    for (const [entrypoint, times] of submits)
      expect(times, `${entrypoint} was begun`).toBeLessThanOrEqual(mostSubmits)
  } finally {
    await p.close()
  }
  return { steps: crashing.seen, told, submits }
}

/** What was told is so: nothing that was made is lost, nothing that was deleted is seen. */
async function assertTold(p: TestPlane, told: Told): Promise<void> {
  const everything = { limit: null, after: null }
  const { clusters, jobs, services } = p.plane.ray
  const seen = new Set([
    ...(await clusters.page(p.owner, null, everything)).items.map((one) => `clusters/${one.cluster.name}`),
    ...(await jobs.page(p.owner, null, everything)).items.map(({ name }) => `jobs/${name}`),
    ...(await services.page(p.owner, null, everything)).items.map((one) => `services/${one.service.name}`),
  ])
  for (const name of told.made) if (!told.asked.has(name)) expect([...seen]).toContain(name)
  for (const name of told.deleted) expect([...seen]).not.toContain(name)
}

async function deleteAll(p: TestPlane): Promise<void> {
  const { ray } = p.store
  const from = p.store.committed
  for (const { name } of await ray.services.live(from)) await remove("services", name)(p, noneTold())
  for (const { name } of await ray.jobs.live(from)) await remove("jobs", name)(p, noneTold())
  for (const { name, parent } of await ray.clusters.live(from))
    if (parent === null) await remove("clusters", name)(p, noneTold())
  await p.advance(restMs)
}

async function assertOver(p: TestPlane, timersAtRest: number): Promise<void> {
  await p.assertSound()
  const from = p.store.committed
  const { ray } = p.store
  expect(p.ray.live()).toEqual([])
  expect((await ray.clusters.live(from)).map((one) => one.state)).toEqual([])
  expect(await ray.jobs.live(from)).toEqual([])
  expect(await ray.services.live(from)).toEqual([])
  expect(await ray.pods.live(from)).toEqual([])
  expect(await p.store.claims.live(from)).toEqual([])
  for (const node of p.plane.capacity.nodes()) expect(p.plane.capacity.free(node.id)).toEqual(node.capacity)
  expect(p.plane.timers.size).toBeLessThanOrEqual(timersAtRest)
}

/** It dies at each step in turn, or at every so manieth. @returns how many there are, and what an undisturbed run begins */
async function dieAtSteps(scenario: Scenario) {
  const whole = await runScenario(scenario, 0)
  for (let at = 1; at <= whole.steps.length; at += every)
    await runScenario(scenario, at).catch((error: unknown) => {
      throw new Error(
        `Died at step ${at} of ${whole.steps.length}, ${whole.steps[at - 1]}: ${String(error)}`,
        {
          cause: error,
        },
      )
    })
  return whole
}

describe("a server that dies at any step", { timeout: 600_000 }, () => {
  it("makes and deletes a cluster with its workers, once each", async () => {
    const { steps, told } = await dieAtSteps({
      acts: [cluster("one"), pass(6), remove("clusters", "one"), pass(3)],
    })
    expect(steps.length).toBeGreaterThan(40)
    expect(told.deleted).toEqual(told.made)
  })

  it("begins a cluster anew whose head was lost, with one head at a time", async () => {
    const { steps } = await dieAtSteps({ acts: [cluster("one"), pass(6), loseHead, pass(20)] })
    expect(steps.length).toBeGreaterThan(80)
  })

  it("runs a job on a cluster of its own, submitted once, and ends it", async () => {
    const { steps, submits } = await dieAtSteps({ acts: [job("one"), pass(20)] })
    expect(steps.length).toBeGreaterThan(60)
    expect([...submits]).toEqual([["python one.py", 1]])
  })

  it("runs a job on a selected cluster, and deletes one that runs", async () => {
    const selects = {
      clusterSelector: { "ray.io/cluster": "shared" },
      spec: null,
      shutdownAfterJobFinishes: false,
    }
    const { submits } = await dieAtSteps({
      acts: [
        cluster("shared"),
        job("one", selects),
        pass(12),
        job("two", selects),
        pass(3),
        remove("jobs", "two"),
        pass(6),
      ],
      script: { job: ({ entrypoint }) => ({ runMs: entrypoint.includes("two") ? null : 2000 }) },
    })
    expect([...submits.keys()]).toEqual(["python one.py", "python two.py"])
  })

  it("serves, adds a worker where it serves, and deletes all", async () => {
    const { steps } = await dieAtSteps({
      acts: [
        service("shop"),
        pass(12),
        change("shop", { spec: spec(2) }),
        pass(20),
        remove("services", "shop"),
        pass(3),
      ],
    })
    expect(steps.length).toBeGreaterThan(80)
  })
})
