import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Action, dieAtEveryStep, job, runScenario, stepMs } from "./crash-scenario.ts"

/** Lives of applications have hundreds of steps: all of them where time is no matter. */
const every = process.env["CI_FULL"] === "1" ? 1 : 7
// oxlint-disable-next-line no-console -- what was left out is said
if (every > 1) console.log(`crash test of applications: every ${every}th step; all of them with CI_FULL=1`)

/** A start, a restart, an update, more and fewer pods, another size, none at all, a stop. */
const lifeOf = (kind: "Deployment" | "StatefulSet"): readonly Action[] => [
  {
    kind: "submit",
    name: "serve",
    command: job("sleep infinity", 1, { kind, displayName: "serve", resource: { replica: 2 } }),
  },
  { kind: "pass", ms: 4000 },
  { kind: "change", name: "serve", change: { image: "b" } },
  { kind: "pass", ms: 4000 },
  { kind: "change", name: "serve", change: { entryPoint: "sleep 3; exit 1" } },
  { kind: "pass", ms: 9000 },
  { kind: "change", name: "serve", change: { entryPoint: "sleep infinity", replica: 3 } },
  { kind: "pass", ms: 5000 },
  { kind: "change", name: "serve", change: { gpu: "2", replica: 1 } },
  { kind: "pass", ms: 4000 },
  { kind: "stop", name: "serve" },
]

/** Others of higher priority, and nodes that are drained and reboot. */
const troubled: readonly Action[] = [
  {
    kind: "submit",
    name: "serve",
    command: job("sleep infinity", 4, { kind: "StatefulSet", resource: { replica: 3 } }),
  },
  { kind: "pass", ms: 4500 },
  { kind: "submit", name: "urgent", command: job("sleep 3", 8, { priority: 1 }) },
  { kind: "pass", ms: 6000 },
  { kind: "drain", node: "n1" },
  { kind: "pass", ms: 3000 },
  { kind: "reboot", node: "n2" },
  { kind: "uncordon", node: "n1" },
  { kind: "pass", ms: 6000 },
  { kind: "delete", name: "serve" },
]

const name = fc.constantFrom("a", "b", "c")
const entryPoint = fc.constantFrom(
  "sleep infinity",
  "sleep 2; exit 1",
  "exit 1",
  "trap '' TERM; sleep infinity",
)
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .record({
        name,
        kind: fc.constantFrom("Deployment", "StatefulSet", "Deployment", "PyTorchJob"),
        entryPoint,
        gpu: fc.constantFrom(0, 1, 4),
        replica: fc.integer({ min: 1, max: 3 }),
        priority: fc.nat(1),
        timeout: fc.constantFrom(null, null, 20),
        service: fc.constantFrom(null, { port: 80, targetPort: 8080, serviceType: "NodePort" }),
      })
      .map(({ name: given, entryPoint: text, gpu, replica, ...rest }) => ({
        kind: "submit" as const,
        name: given,
        command: job(text, gpu, { ...rest, resource: { replica } }),
      })),
  },
  {
    weight: 6,
    arbitrary: fc
      .oneof(
        fc.record({ replica: fc.integer({ min: 1, max: 4 }) }),
        fc.record({ entryPoint }),
        fc.record({ gpu: fc.constantFrom("1", "2", "4") }),
        fc.record({ priority: fc.nat(1) }),
        fc.record({ replica: fc.integer({ min: 1, max: 4 }), entryPoint }),
      )
      .chain((change) => name.map((given) => ({ kind: "change" as const, name: given, change }))),
  },
  {
    weight: 6,
    arbitrary: fc
      .integer({ min: 1, max: 16 })
      .map((steps) => ({ kind: "pass" as const, ms: steps * stepMs })),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("stop" as const, "delete" as const), name }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("reboot" as const, "drain" as const, "uncordon" as const),
      node: fc.constantFrom("n1", "n2"),
    }),
  },
)

describe("a server that dies", () => {
  it.each([
    ["in the life of a Deployment", lifeOf("Deployment")],
    ["in the life of a StatefulSet", lifeOf("StatefulSet")],
    ["while replicas lose their places", troubled],
  ])(
    "at any step %s starts nothing twice, and all is given back",
    { timeout: 600_000 / every },
    async (_when, actions) => {
      expect(await dieAtEveryStep(actions, every)).toBeGreaterThan(50)
    },
  )

  it("anywhere in anything that happens to applications and jobs keeps its promises", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { minLength: 3, maxLength: 16 }),
        fc.uniqueArray(fc.nat(500), { maxLength: 4 }),
        async (actions, crashes) => {
          const { promised } = await runScenario(actions, new Set(crashes))
          expect(promised.ids.size).toBeLessThanOrEqual(3)
        },
      ),
      { numRuns: Number(process.env["BERTH_CRASH_RUNS"] ?? 40), endOnFailure: true },
    )
  })
})
