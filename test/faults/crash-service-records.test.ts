import { expect, it } from "vitest"
import type {
  JsonText,
  ServiceId,
  ServiceRecord,
  ServiceState,
} from "../../packages/server/src/domain/services/index.ts"
import { newServiceRecord, statusOf } from "../../packages/server/src/domain/services/record-samples.ts"
import { serving } from "../support/applications.ts"
import { createTestPlane, owner, type TestPlane } from "../support/plane.ts"
import { crashingAt, insist } from "./crash-scenario.ts"

/** A life of records has some hundred steps: all of them where time is no matter. */
const every = Number(process.env["BERTH_CRASH_EVERY"] ?? (process.env["CI_FULL"] === "1" ? 1 : 11))
// oxlint-disable-next-line no-console -- what was left out is said
if (every > 1)
  console.log(
    `crash test of service records: every ${every}th step; all of them with CI_FULL=1 or BERTH_CRASH_EVERY=1`,
  )

const urlOf = (name: string) => `http://${name}.test/health`
const service = { protocol: "TCP", port: 8000, targetPort: 8000, serviceType: "ClusterIP" }
/** What the server is not to forget: records by names, which it does not hold unique. */
type Names = "churn" | "parked" | "short" | "serve" | "job"

/** The register as people see it. */
async function names(p: TestPlane): Promise<readonly string[]> {
  const { first } = await p.plane.serviceRecords.list(owner, {
    workspaceId: "default",
    scopeUserId: null,
    match: "all",
    conditions: [],
    sort: { column: "created", descending: false },
    offset: 0,
    limit: 100,
    isDetailed: false,
    users: [],
  })
  return first.map(({ summary }) => summary.name)
}

const configOf = (name: Names) => `{"name": "${name}"}` as JsonText

/** By reads that are at hand: lists have threads of their own, for which no virtual time waits. */
async function recordOf(p: TestPlane, name: Names): Promise<ServiceRecord | undefined> {
  const { records: rows } = p.store.services
  const id = await rows.bySameConfig(p.store.committed, configOf(name))
  if (id) return rows.byId(p.store.committed, id)
  return (await rows.joined(p.store.committed)).find((record) => record.name === name)
}

async function idOf(p: TestPlane, name: Names): Promise<ServiceId> {
  const record = await recordOf(p, name)
  expect(record, name).toBeDefined()
  return record?.id as ServiceId
}

/** The history goes on by one, tells nothing twice, and ends with what the watch says. */
async function assertHistory(p: TestPlane, name: Names): Promise<readonly string[]> {
  const { watch, history } = await p.plane.serviceWatches.get(owner, await idOf(p, name))
  const told = history.toReversed()
  expect(told.map(({ seq }) => seq)).toEqual(told.map((_one, at) => at + 1))
  const words = told.map(({ verdict, detail }) => `${verdict} ${detail}`)
  words.forEach((word, at) => expect(word, `${name}: ${words.join(", ")}`).not.toBe(words[at - 1]))
  expect(watch.verdict).toBe(told.at(-1)?.verdict ?? "unknown")
  expect(watch.sinceMs).toBe(told.at(-1)?.atMs ?? null)
  return told.map(({ verdict }) => verdict)
}

/** Every event of a state begins where the one before it ended. */
async function assertEvents(p: TestPlane, name: Names): Promise<void> {
  const id = await idOf(p, name)
  const events = await p.store.journal.latestEvents(p.store.committed, { kind: "service-record", id }, 200)
  let before: unknown
  for (const { type, data } of events.toReversed()) {
    const told = data as { readonly state?: unknown; readonly from?: unknown; readonly to?: unknown }
    if (type === "service-record.state_changed") {
      expect(told.from, name).toBe(before)
      before = told.to
    } else if (type.startsWith("service-record.")) before = told.state
  }
  expect(before, name).toBe((await recordOf(p, name))?.state)
}

/** The workloads are there before anything dies: their own deaths have tests of their own. */
async function begin(p: TestPlane) {
  const { id: app } = await p.submit(serving("Deployment", 1, { service }))
  const { id: job } = await p.submit({ entryPoint: "sleep 20; exit 1", service, ttlSecondsAfterFinished: 10 })
  await p.reaches(app, "Running")
  return { app, job }
}

/** Records are made, watched, changed, joined and deleted; the server dies at one of its steps. */
async function runLife(crashAt: number | null): Promise<readonly string[]> {
  const crashing = crashingAt(new Set(crashAt === null ? [] : [crashAt]))
  const p = await createTestPlane({ onStep: crashing.onStep })
  const restart = async () => {
    while (p.life.isDead) await p.restart(crashing.onStep)
  }
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 1_000) {
      await p.advance(Math.min(left, 1_000))
      await restart()
    }
  }
  const becomes = async (name: Names, state: ServiceState) => {
    for (let looks = 0; (await recordOf(p, name))?.state !== state; looks++) {
      expect(looks, `${name} is not ${state}`).toBeLessThan(60)
      await pass(1_000)
    }
  }
  const does = (work: () => Promise<unknown>) => insist(p, restart, work)
  const create = (name: Names) =>
    does(() =>
      p.plane.serviceRecords.create(
        owner,
        newServiceRecord({ name, config: configOf(name), healthCheckUrl: urlOf(name) }),
      ),
    )
  const watch = (name: Names) =>
    does(async () =>
      p.plane.serviceWatches.put(owner, await idOf(p, name), { intervalSeconds: 5, failureThreshold: 2 }),
    )
  const join = (name: Names, workload: string) =>
    does(() =>
      p.plane.serviceJoins.register(owner, {
        kind: "workload",
        name: workload,
        recordName: name,
        watch: { intervalSeconds: 5 },
      }),
    )
  const tell = (name: Names, state: "inactive" | "pending_startup") =>
    does(async () => p.plane.serviceRecords.update(owner, await idOf(p, name), { status: statusOf(state) }))
  try {
    const { app, job } = await begin(p)
    crashing.arm(true)
    for (const name of ["churn", "parked", "short"] as const) {
      await create(name)
      await watch(name)
    }
    await join("serve", app)
    await join("job", job)
    for (const name of ["churn", "parked", "short", "serve", "job"] as const) await becomes(name, "active")
    await tell("parked", "inactive")
    p.prober.answer(urlOf("churn"), 503)
    await becomes("churn", "error")
    await does(async () => {
      const short = await recordOf(p, "short")
      if (short) await p.plane.serviceRecords.delete(owner, short.id)
    })
    const { attempts } = await p.view(app)
    for (const { id, state } of attempts) if (state === "running") p.world.end(id, 137)
    await pass(4_000)
    await becomes("serve", "active")
    p.prober.answer(urlOf("churn"), 200)
    await tell("parked", "pending_startup")
    for (const name of ["churn", "parked"] as const) await becomes(name, "active")
    await becomes("job", "error")
    await does(() => p.plane.workloads.stop(owner, app))
    await becomes("serve", "inactive")
    await does(async () => p.plane.serviceWatches.delete(owner, await idOf(p, "parked")))
    crashing.arm(false)
    await p.advance(60_000)
    await assertAll(p)
  } finally {
    await p.close()
  }
  return crashing.seen
}

async function assertAll(p: TestPlane): Promise<void> {
  await p.assertSound()
  expect((await names(p)).toSorted()).toEqual(["churn", "job", "parked", "serve"])
  for (const name of ["churn", "parked", "serve", "job"] as const) await assertEvents(p, name)
  expect(await recordOf(p, "churn")).toMatchObject({ state: "active" })
  expect(await recordOf(p, "parked")).toMatchObject({ state: "active" })
  expect(await recordOf(p, "serve")).toMatchObject({ state: "inactive", healthCheckUrl: null })
  expect(await recordOf(p, "job")).toMatchObject({ state: "error", healthCheckUrl: null })
  expect(await assertHistory(p, "churn")).toEqual(["up", "down", "up"])
  const serve = await assertHistory(p, "serve")
  expect(serve.filter((verdict) => verdict === "over")).toHaveLength(1)
  expect(serve.join(" ")).toMatch(/^(up down )*(up )?over$/)
  expect(await assertHistory(p, "job")).toEqual(["up", "over"])
  const unwatched = p.plane.serviceWatches.get(owner, await idOf(p, "parked"))
  await expect(unwatched).rejects.toMatchObject({ code: "not_found", resource: "service-watch" })
  // and it is watched on
  const asked = { churn: p.prober.asked(urlOf("churn")), parked: p.prober.asked(urlOf("parked")) }
  p.prober.answer(urlOf("churn"), 500)
  await p.until(async () => (await recordOf(p, "churn"))?.state === "error", 20_000)
  expect(p.prober.asked(urlOf("churn"))).toBeGreaterThan(asked.churn)
  expect(p.prober.asked(urlOf("parked"))).toBe(asked.parked)
}

it(
  "whenever the server dies, records are what clients were told, watches go on, and nothing is told twice",
  { timeout: 3_600_000 },
  async () => {
    const steps = await runLife(null)
    expect(steps).toContain("probe <")
    for (let step = 1; step <= steps.length; step += every)
      await runLife(step).catch((error: unknown) => {
        throw new Error(`Died at step ${step} of ${steps.length}, ${steps[step - 1]}: ${String(error)}`, {
          cause: error,
        })
      })
  },
)
