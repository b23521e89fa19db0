import fc from "fast-check"
import { expect } from "vitest"
import type { NewRayCluster, NewRayJob, NewRayService } from "../../packages/server/src/domain/ray/index.ts"
import {
  anAskedSpec,
  aSize,
  aWantedCluster,
  aWorkerGroup,
} from "../../packages/server/src/domain/ray/ray-suite.ts"
import type { DashboardMood } from "../../packages/server/src/drivers/fake/fake-ray-head.ts"
import type { FakeRayScript } from "../../packages/server/src/drivers/fake/fake-ray-script.ts"
import { crashingAt, unlessDead } from "./crash-scenario.ts"
import { aNode, createTestPlane, type TestPlane } from "../support/plane.ts"

const namespace = "default"
const stepMs = 500
/** Longer than anything of a scenario takes with its retries, graces and deadlines. */
const restMs = 400_000

export type RayKind = "clusters" | "jobs" | "services"

/** What a client knows of `jobs/one`: the answer that made or deleted it came, or the last one was lost. */
type Told = Map<string, "there" | "gone" | "unknown">

/** What clients, time and machines do; the server may die at any step of it. */
export type Act = (p: TestPlane, told: Told) => Promise<unknown>

/** An act that a failing property prints by its text. */
function said(text: string, act: Act): Act {
  return Object.assign(act, { [fc.toStringMethod]: () => text })
}

/** A head, and so many workers without which it is not ready. */
export function aSpec(workers: number): ReturnType<typeof anAskedSpec> {
  return anAskedSpec({
    workers: [{ ...aWorkerGroup, replicas: workers, minReplicas: workers, maxReplicas: 5 }],
  })
}

/** What says nothing is not printed. */
function shortened(_key: string, value: unknown): unknown {
  const isEmpty = value === null || (typeof value === "object" && Object.keys(value).length === 0)
  return value === "" || value === 0 || isEmpty ? undefined : value
}

function making(
  kind: RayKind,
  { name, ...wanted }: { readonly name: string },
  make: (p: TestPlane) => Promise<unknown>,
): Act {
  const of = `${kind}/${name}`
  return said(`make ${of} ${JSON.stringify(wanted, shortened)}`, async (p, told) => {
    const before = told.get(of)
    if (before !== "there") told.set(of, "unknown")
    const made = await unlessDead(p, unless("already_exists", make(p)))
    if (made !== undefined) told.set(of, "there")
  })
}

export function makeCluster(name: string, change: Partial<NewRayCluster> = {}): Act {
  const wanted = aWantedCluster({ namespace, name, spec: aSpec(2), ...change })
  return making("clusters", wanted, (p) => p.plane.ray.clusters.create(p.owner, wanted))
}

export function makeJob(name: string, change: Partial<NewRayJob> = {}): Act {
  const wanted: NewRayJob = {
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
    spec: aSpec(1),
    ttlSecondsAfterFinished: 5,
    activeDeadlineSeconds: 0,
    submitter: null,
    ...change,
  }
  return making("jobs", wanted, (p) => p.plane.ray.jobs.create(p.owner, wanted))
}

/** What a job says that runs on a cluster which is there. */
export function onCluster(name: string): Partial<NewRayJob> {
  return { clusterSelector: { "ray.io/cluster": name }, spec: null, shutdownAfterJobFinishes: false }
}

function wantedService(name: string, change: Partial<NewRayService>): NewRayService {
  return {
    namespace,
    name,
    user: "ada",
    rayVersion: "2.60.0",
    serveConfig: "applications:\n  - name: fruit\n    import_path: fruit.app\n    route_prefix: /fruit\n",
    serviceUnhealthySeconds: 0,
    deploymentUnhealthySeconds: 0,
    spec: aSpec(1),
    ...change,
  }
}

export function makeService(name: string, change: Partial<NewRayService> = {}): Act {
  const wanted = wantedService(name, change)
  return making("services", wanted, (p) => p.plane.ray.services.create(p.owner, wanted))
}

/** Nothing where it is not there: its making was lost, or it is gone. */
export function changeService(name: string, change: Partial<NewRayService>): Act {
  return said(`change services/${name} ${JSON.stringify(change)}`, (p) => {
    const asked = p.plane.ray.services.update(p.owner, wantedService(name, change))
    return unlessDead(p, unless("not_found", asked))
  })
}

export function remove(kind: RayKind, name: string): Act {
  const of = `${kind}/${name}`
  return said(`remove ${of}`, async (p, told) => {
    if (told.get(of) === "there") told.set(of, "unknown")
    const asked = p.plane.ray[kind].delete(p.owner, { namespace, name }).then(() => true)
    if (await unlessDead(p, unless("not_found", asked))) told.set(of, "gone")
  })
}

async function unless<T>(code: string, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (thrown) {
    if ((thrown as { readonly code?: string }).code !== code) throw thrown
    return undefined
  }
}

/** Time, as long as the server lives. */
export function pass(seconds: number): Act {
  return said(`pass ${seconds} s`, async (p) => {
    for (let left = seconds * 1000; left > 0 && !p.life.isDead; left -= stepMs) await p.advance(stepMs)
  })
}

const isHead = ({ head }: { readonly head: object | null }) => head === null

/** The first head that runs, or the first worker, ends by itself. */
export function lose(which: "head" | "worker"): Act {
  return said(`lose a ${which}`, async (p) => {
    const found = p.ray.live().find((launch) => isHead(launch) === (which === "head"))
    if (found) p.ray.end(found.id, null)
  })
}

/** How the dashboards of all heads that run now answer from now on. */
export function dashboards(mood: DashboardMood): Act {
  return said(`dashboards are ${mood}`, async (p) => {
    for (const { id } of p.ray.live().filter(isHead)) p.ray.setDashboard(id, mood)
  })
}

export interface RayScenario {
  readonly acts: readonly Act[]
  readonly script?: FakeRayScript
}

/**
 * Runs it with a server that dies at these steps and comes back; then all is deleted, and has to be over and given
 * back. @returns the steps that it could have died at, what clients were told, and how often each entry point was begun
 */
export async function runRayScenario({ acts, script = {} }: RayScenario, crashes: ReadonlySet<number>) {
  const crashing = crashingAt(crashes)
  const p = await createTestPlane({ nodes: [aNode("n1"), aNode("c1", 0)], onStep: crashing.onStep })
  const begun = new Map<string, number>()
  p.ray.use({
    install: () => ({ delayMs: 1500 }),
    pod: () => ({ upAfterMs: 1000 }),
    ...script,
    job(submit, launch) {
      begun.set(submit.submissionId, (begun.get(submit.submissionId) ?? 0) + 1)
      return script.job?.(submit, launch) ?? { runMs: 4000 }
    },
  })
  const told: Told = new Map()
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
    await dashboards("up")(p, told)
    await deleteAll(p)
    await assertOver(p, timersAtRest)
  } finally {
    await p.close()
  }
  return { steps: crashing.seen, told, begun }
}

/** Nothing that was made is lost; nothing that was deleted is there, but for jobs that say so. */
async function assertTold(p: TestPlane, told: Told): Promise<void> {
  const { ray, committed } = p.store
  const rowOf = async (kind: RayKind, name: string) => {
    const row = await ray[kind].byName(committed, namespace, name)
    return row && "deletingAtMs" in row && row.deletingAtMs !== null ? undefined : row
  }
  for (const [of, is] of told) {
    const [kind, name] = of.split("/") as [RayKind, string]
    if (is !== "unknown") expect([of, (await rowOf(kind, name)) !== undefined]).toEqual([of, is === "there"])
  }
}

/** All that can be seen: what has ended too. */
async function allNames(p: TestPlane): Promise<Readonly<Record<RayKind, readonly string[]>>> {
  const { clusters, jobs, services } = p.plane.ray
  const everything = { limit: null, after: null }
  return {
    services: (await services.page(p.owner, null, everything)).items.map((one) => one.service.name),
    jobs: (await jobs.page(p.owner, null, everything)).items.map(({ name }) => name),
    clusters: (await clusters.page(p.owner, null, everything)).items
      .filter(({ cluster }) => cluster.parent === null)
      .map(({ cluster }) => cluster.name),
  }
}

async function deleteAll(p: TestPlane): Promise<void> {
  const names = await allNames(p)
  for (const kind of ["services", "jobs", "clusters"] as const)
    for (const name of names[kind]) await remove(kind, name)(p, new Map())
  await p.advance(restMs)
}

async function assertOver(p: TestPlane, timersAtRest: number): Promise<void> {
  await p.assertSound()
  expect(await allNames(p)).toEqual({ services: [], jobs: [], clusters: [] })
  const { ray, claims, committed } = p.store
  expect(p.ray.live().map((launch) => launch.name)).toEqual([])
  expect((await ray.clusters.live(committed)).map((one) => [one.name, one.state])).toEqual([])
  expect(await ray.pods.live(committed)).toEqual([])
  expect((await claims.live(committed)).map(({ owner, state }) => [owner.shownId, state])).toEqual([])
  for (const node of p.plane.capacity.nodes()) expect(p.plane.capacity.free(node.id)).toEqual(node.capacity)
  expect(p.plane.timers.size).toBeLessThanOrEqual(timersAtRest)
}

/** It dies at each step in turn, or at every so manieth. @returns what a run without any crash gives */
export async function dieInRay(scenario: RayScenario, every: number) {
  const whole = await runRayScenario(scenario, new Set())
  for (let at = 1; at <= whole.steps.length; at += every) {
    const when = `Died at step ${at} of ${whole.steps.length}, ${whole.steps[at - 1]}`
    const run = runRayScenario(scenario, new Set([at])).catch((error: unknown) => {
      throw new Error(`${when}: ${String(error)}`, { cause: error })
    })
    const { begun } = await run
    expect(begun.size, `${when}: submissions`).toBeLessThanOrEqual(whole.begun.size)
    for (const times of begun.values()) expect(times, when).toBe(1)
  }
  return whole
}
