import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { EnsureFate } from "../../packages/server/src/drivers/fake/fake-ray-script.ts"
import {
  type Act,
  aSpec,
  changeService,
  dashboards,
  dieInRay,
  lose,
  makeCluster,
  makeJob,
  makeService,
  onCluster,
  pass,
  remove,
  runRayScenario,
} from "./ray-scenario.ts"

/** Lives of Ray objects have hundreds of steps: all of them where time is no matter. */
const every = Number(process.env["BERTH_CRASH_EVERY"] ?? (process.env["CI_FULL"] === "1" ? 11 : 31))
// oxlint-disable-next-line no-console -- what was left out is said
if (every > 1) console.log(`crash test of Ray: every ${every}th step; all of them with BERTH_CRASH_EVERY=1`)

const names = ["a", "b", "c"] as const
const name = fc.constantFrom(...names)

/** Whether it is to be a job on a cluster of its own, or on one of the three, which may be there. */
const job = fc
  .tuple(name, fc.option(name), fc.constantFrom(0, 0, 8), fc.boolean())
  .map(([given, on, activeDeadlineSeconds, shutdownAfterJobFinishes]) =>
    makeJob(given, {
      activeDeadlineSeconds,
      shutdownAfterJobFinishes,
      ...(on === null ? { spec: aSpec(0) } : onCluster(on)),
    }),
  )
const service = fc.tuple(name, fc.constantFrom(0, 1), fc.boolean()).map(([given, workers, isChange]) => {
  return (isChange ? changeService : makeService)(given, { spec: aSpec(workers) })
})
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(name, fc.nat(2)).map(([given, count]) => makeCluster(given, { spec: aSpec(count) })),
  },
  { weight: 4, arbitrary: job },
  { weight: 4, arbitrary: service },
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 12 }).map(pass) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom("clusters" as const, "jobs" as const, "services" as const), name)
      .map(([kind, given]) => remove(kind, given)),
  },
  { weight: 1, arbitrary: fc.constantFrom("head" as const, "worker" as const).map(lose) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("up" as const, "unreachable" as const, "hangs" as const).map(dashboards),
  },
)
const fates: fc.Arbitrary<readonly EnsureFate[]> = fc.array(
  fc.constantFrom<EnsureFate>("start", "start", "start", "unavailable", "port_in_use", "volume"),
  { maxLength: 12 },
)

describe("a server that dies at any step", { timeout: 900_000 }, () => {
  it("makes and deletes a cluster with its workers, once each", async () => {
    const acts = [makeCluster("one"), pass(6), remove("clusters", "one"), pass(3)]
    const { steps, told } = await dieInRay({ acts }, every)
    expect(steps.length).toBeGreaterThan(40)
    expect([...told]).toEqual([["clusters/one", "gone"]])
  })

  it("begins a cluster anew whose head was lost, with one head at a time", async () => {
    const acts = [makeCluster("one"), pass(6), lose("head"), pass(20)]
    const { steps } = await dieInRay({ acts }, every)
    expect(steps.length).toBeGreaterThan(80)
  })

  it("runs a job on a cluster of its own, submitted once, and ends it", async () => {
    const { steps, begun } = await dieInRay({ acts: [makeJob("one"), pass(20)] }, every)
    expect(steps.length).toBeGreaterThan(60)
    expect(begun.size).toBe(1)
  })

  it("runs a job on a selected cluster, and deletes one that runs", async () => {
    const { begun } = await dieInRay(
      {
        acts: [
          makeCluster("shared"),
          makeJob("one", onCluster("shared")),
          pass(12),
          makeJob("two", onCluster("shared")),
          pass(3),
          remove("jobs", "two"),
          pass(6),
        ],
        script: { job: ({ entrypoint }) => ({ runMs: entrypoint.includes("two") ? null : 2000 }) },
      },
      every,
    )
    expect(begun.size).toBe(2)
  })

  it("serves, switches to a new cluster, and deletes all", async () => {
    const serving = new Set<string>()
    const note: Act = async (p) => {
      for (const { activeClusterKey } of await p.store.ray.services.live(p.store.committed))
        if (activeClusterKey !== null) serving.add(activeClusterKey)
    }
    const acts = [
      makeService("shop"),
      pass(12),
      note,
      changeService("shop", { rayVersion: "2.59.0" }),
      pass(20),
      note,
      remove("services", "shop"),
      pass(3),
    ]
    await runRayScenario({ acts }, new Set())
    expect(serving.size).toBe(2)
    const { steps } = await dieInRay({ acts }, every)
    expect(steps.length).toBeGreaterThan(80)
  })

  it("anywhere in anything that happens to Ray's objects keeps its promises", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(act, { minLength: 3, maxLength: 14 }),
        fc.uniqueArray(fc.integer({ min: 1, max: 600 }), { maxLength: 4 }),
        fates,
        async (acts, crashes, ensured) => {
          const left = [...ensured]
          const script = { ensure: (): EnsureFate => left.shift() ?? "start" }
          const { begun } = await runRayScenario({ acts, script }, new Set(crashes))
          for (const [submission, times] of begun) expect([submission, times]).toEqual([submission, 1])
        },
      ),
      {
        numRuns: Number(process.env["BERTH_CRASH_RUNS"] ?? 30),
        endOnFailure: false,
        seed: -1959439320,
        path: "24",
      },
    )
  })
})
