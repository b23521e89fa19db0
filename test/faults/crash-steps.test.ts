import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Action, dieAtEveryStep, job, runScenario, stepMs } from "./crash-scenario.ts"

const service = (serviceType: string) => ({ service: { port: 80, targetPort: 8080, serviceType } })

/** A retry, a preemption, a stop of something deaf, a dependency and a deletion. */
const fixed: readonly Action[] = [
  {
    kind: "submit",
    name: "retried",
    command: job("sleep 2; exit 1", 2, { maxRetry: 1, ...service("NodePort") }),
  },
  { kind: "submit", name: "victim", command: job("sleep 15", 4) },
  { kind: "pass", ms: 1000 },
  { kind: "submit", name: "urgent", command: job("sleep 4", 8, { priority: 1, resource: { replica: 2 } }) },
  { kind: "pass", ms: 1000 },
  { kind: "submit", name: "deaf", command: job("trap '' TERM; sleep infinity", 1, service("ClusterIP")) },
  { kind: "pass", ms: 8000 },
  { kind: "stop", name: "deaf" },
  { kind: "submit", name: "quick", command: job("sleep 1", 1) },
  { kind: "pass", ms: 4000 },
  { kind: "delete", name: "quick" },
]

const names = ["a", "b", "c", "d", "e"] as const
const name = fc.constantFrom(...names)
const submission = fc.record({
  entryPoint: fc.constantFrom(
    "exit 0",
    "sleep 3",
    "sleep 20",
    "sleep 2; exit 1",
    "exit 1",
    "trap '' TERM; sleep infinity",
    "sleep infinity",
  ),
  gpu: fc.constantFrom(0, 1, 4, 8),
  replica: fc.constantFrom(1, 1, 2),
  priority: fc.constantFrom(0, 0, 1),
  maxRetry: fc.nat(2),
  timeout: fc.constantFrom(null, null, 5, 20),
  ttlSecondsAfterFinished: fc.constantFrom(0, 20),
  service: fc.constantFrom(null, null, service("ClusterIP").service, service("NodePort").service),
})
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .record({
        name,
        wish: submission,
        after: fc.option(name, { nil: undefined }),
        startInMs: fc.constantFrom(undefined, undefined, undefined, 70_000),
      })
      .map(({ name: given, wish: { entryPoint, gpu, replica, ...rest }, after, startInMs }) => ({
        kind: "submit" as const,
        name: given,
        command: job(entryPoint, gpu, { ...rest, resource: { replica } }),
        ...(after === undefined ? {} : { after }),
        ...(startInMs === undefined ? {} : { startInMs }),
      })),
  },
  {
    weight: 4,
    arbitrary: fc
      .integer({ min: 1, max: 16 })
      .map((steps) => ({ kind: "pass" as const, ms: steps * stepMs })),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("stop", "delete"), name }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("change" as const),
      name,
      change: fc.record({ priority: fc.nat(1) }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("reboot", "drain", "uncordon"),
      node: fc.constantFrom("n1", "n2"),
    }),
  },
)
const scenario = fc.array(action, { minLength: 3, maxLength: 14 })

/** Hundreds of servers, one after the other. */
const everyStepDeadlineMs = 600_000

describe("a server that dies", () => {
  it(
    "at any step of a scenario comes back with everything it promised, and nothing is started twice or left over",
    async () => {
      expect(await dieAtEveryStep(fixed)).toBeGreaterThan(50)
    },
    everyStepDeadlineMs,
  )

  it("anywhere in anything that clients and machines do, also while it comes back, keeps its promises", async () => {
    await fc.assert(
      fc.asyncProperty(scenario, fc.uniqueArray(fc.nat(400), { maxLength: 4 }), async (actions, crashes) => {
        const { promised } = await runScenario(actions, new Set(crashes))
        expect(promised.ids.size).toBeLessThanOrEqual(names.length)
      }),
      { numRuns: Number(process.env["BERTH_CRASH_RUNS"] ?? 40), endOnFailure: true },
    )
  })
})
