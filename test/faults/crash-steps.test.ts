import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { isTerminal } from "../../packages/server/src/domain/workloads/index.ts"
import type { OnStep } from "../support/life.ts"
import { aNode, createTestPlane, type Submission, type TestPlane } from "../support/plane.ts"

/** What clients and time do; the server may die at any step of it. */
type Action =
  | {
      readonly kind: "submit"
      readonly name: string
      readonly command: Submission
      /** Of an earlier submission. */
      readonly after?: string
      /** When it may start, at the earliest; cut to the minute. */
      readonly startInMs?: number
    }
  | { readonly kind: "stop" | "delete"; readonly name: string }
  | { readonly kind: "priority"; readonly name: string; readonly priority: number }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "reboot" | "drain" | "uncordon"; readonly node: string }

/** What clients were told, and what was seen to be over. */
interface Promised {
  readonly ids: Map<string, string>
  readonly deleted: Set<string>
  readonly ended: Map<string, string>
}

const stepMs = 500
/** Longer than anything of a scenario takes with its retries, graces and TTLs. */
const restMs = 400_000

/** Dies at these steps (1 = the first after it was armed), each counted over all lives. */
function crashingAt(steps: ReadonlySet<number>) {
  let isArmed = false
  let count = 0
  const seen: string[] = []
  const onStep: OnStep = (name, kill) => {
    if (!isArmed) return
    count++
    seen.push(name)
    if (steps.has(count)) kill()
  }
  return { onStep, seen, arm: (is: boolean) => void (isArmed = is) }
}

/** What it gives, or undefined when the server died before it was told. */
async function unlessDead<T>(p: TestPlane, work: Promise<T>): Promise<T | undefined> {
  let told: { readonly value: T } | undefined
  let failure: unknown
  work.then(
    (value) => (told = { value }),
    (error: unknown) => (failure = error),
  )
  const isOver = () => told !== undefined || failure !== undefined || p.life.isDead
  for (let turn = 0; turn < 50 && !isOver(); turn++) await p.settle()
  if (failure !== undefined) throw failure
  return told?.value
}

async function submit(
  p: TestPlane,
  { name, command, after, startInMs }: Extract<Action, { kind: "submit" }>,
  promised: Promised,
): Promise<void> {
  const dependency = after === undefined ? undefined : promised.ids.get(after)
  const startAt = startInMs === undefined ? [] : [new Date(p.clock.nowMs() + startInMs).toISOString()]
  const submitted = p.submit({
    ...command,
    dependencies: dependency === undefined ? [] : [dependency],
    cronJobs: startAt.map((schedule) => ({ schedule, action: "start" })),
  })
  // a dependency that was deleted is not known any more
  const made = await unlessDead(
    p,
    submitted.catch((error: { code: string }) => {
      if (error.code !== "invalid") throw error
    }),
  )
  if (made) promised.ids.set(name, made.id)
}

async function actOnNode(p: TestPlane, { kind, node }: Extract<Action, { node: string }>): Promise<void> {
  if (kind === "reboot") p.world.reboot(node)
  else await unlessDead(p, p.plane.inventory[kind](p.owner, null, node))
}

async function act(p: TestPlane, action: Action, promised: Promised): Promise<void> {
  if (action.kind === "pass") return pass(p, action.ms)
  if ("node" in action) return actOnNode(p, action)
  if (action.kind === "submit") return submit(p, action, promised)
  const id = promised.ids.get(action.name)
  if (id === undefined || promised.deleted.has(id)) return
  const { workloads } = p.plane
  if (action.kind === "priority") {
    const { priority } = action
    const patched = workloads.patch(p.owner, id, { priority }).catch((error: { code: string }) => {
      if (error.code !== "conflict") throw error
    })
    await unlessDead(p, patched)
    return
  }
  const asked = action.kind === "stop" ? workloads.stop(p.owner, id) : workloads.remove(p.owner, id)
  if (
    !(await unlessDead(
      p,
      asked.then(() => true),
    ))
  )
    return
  if (action.kind === "delete") promised.deleted.add(id)
  const workload = await p.store.workloads.byId(p.store.committed, id)
  expect(workload && isTerminal(workload.phase), `${action.kind} of ${id}`).toBe(true)
}

/** Time, as long as the server lives. */
async function pass(p: TestPlane, ms: number): Promise<void> {
  for (let left = ms; left > 0 && !p.life.isDead; left -= stepMs) await p.advance(Math.min(left, stepMs))
}

async function noteEnded(p: TestPlane, promised: Promised): Promise<void> {
  for (const id of promised.ids.values()) {
    const workload = await p.store.workloads.byId(p.store.committed, id)
    const before = promised.ended.get(id)
    if (before !== undefined) expect(workload?.phase, `${id} had ended`).toBe(before)
    if (workload && isTerminal(workload.phase)) promised.ended.set(id, workload.phase)
  }
}

async function runScenario(actions: readonly Action[], crashes: ReadonlySet<number>) {
  const crashing = crashingAt(crashes)
  const p = await createTestPlane({ nodes: [aNode("n1"), aNode("n2")], onStep: crashing.onStep })
  const promised: Promised = { ids: new Map(), deleted: new Set(), ended: new Map() }
  try {
    await p.plane.workspaces.update(p.owner, "default", {
      policy: { enablePreempt: true, stopGraceSeconds: 5 },
    })
    await p.settle()
    const timersAtRest = p.plane.timers.size
    crashing.arm(true)
    for (const action of [...actions, { kind: "pass", ms: 60_000 } as const]) {
      await act(p, action, promised)
      while (p.life.isDead) await p.restart(crashing.onStep)
      await noteEnded(p, promised)
    }
    crashing.arm(false)
    for (const node of ["n1", "n2"]) await p.plane.inventory.uncordon(p.owner, null, node)
    await stopEndless(p)
    await p.advance(restMs)
    await assertAllOver(p, promised, timersAtRest)
  } finally {
    await p.close()
  }
  return { steps: crashing.seen, promised }
}

/** What would run for ever: its submit or its stop was lost with the server before anybody was told. */
async function stopEndless(p: TestPlane): Promise<void> {
  for (const { id, spec } of await p.store.workloads.live(p.store.committed))
    if (Buffer.from(spec.entryPoint, "base64").includes("infinity")) await p.plane.workloads.stop(p.owner, id)
}

async function assertAllOver(p: TestPlane, promised: Promised, timersAtRest: number): Promise<void> {
  await p.assertSound()
  const { store, plane, world } = p
  const from = store.committed
  for (const [name, id] of promised.ids) {
    const workload = await store.workloads.byId(from, id)
    expect(workload, `the acknowledged ${name}`).toBeDefined()
    if (!workload) continue
    expect(isTerminal(workload.phase), `${name} is ${workload.phase}`).toBe(true)
    const before = promised.ended.get(id)
    if (before !== undefined) expect(workload.phase, `${name} had ended`).toBe(before)
    if (promised.deleted.has(id)) expect(workload.hidden, `${name} was deleted`).toBe(true)
    const attempts = await store.workloads.attempts(from, workload.key)
    expect(attempts.map(({ run }) => run)).toEqual(attempts.map((_one, at) => at + 1))
    expect(workload.dispatchCount).toBe(attempts.length)
    for (const attempt of attempts) {
      expect(attempt.state, `attempt ${attempt.run} of ${name}`).toBe("gone")
      expect(world.inside.has(attempt.id), `attempt ${attempt.run} of ${name} is kept by the driver`).toBe(
        false,
      )
    }
  }
  expect(world.live()).toEqual([])
  expect(await store.workloads.live(from)).toEqual([])
  expect(await store.claims.live(from)).toEqual([])
  expect(await store.endpoints.all(from)).toEqual([])
  expect([...p.network.services]).toEqual([])
  for (const node of plane.capacity.nodes()) {
    expect(plane.capacity.free(node.id)).toEqual(node.capacity)
    expect(node.stuck).toBe(false)
  }
  expect(plane.timers.size).toBe(timersAtRest)
}

const job = (entryPoint: string, gpu: number, rest: Submission = {}): Submission => ({
  entryPoint,
  ttlSecondsAfterFinished: 20,
  ...rest,
  resource: { gpu: gpu === 0 ? "" : String(gpu), ...rest.resource },
})

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
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("priority"), name, priority: fc.nat(1) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("reboot", "drain", "uncordon"),
      node: fc.constantFrom("n1", "n2"),
    }),
  },
)
const scenario = fc.array(action, { minLength: 3, maxLength: 14 })

describe("a server that dies", () => {
  it("at any step of a scenario comes back with everything it promised, and nothing is started twice or left over", async () => {
    const { steps, promised } = await runScenario(fixed, new Set())
    expect(promised.ids.size).toBe(5)
    expect(new Set(steps).size).toBeGreaterThan(8)
    for (let at = 1; at <= steps.length; at++)
      await runScenario(fixed, new Set([at])).catch((error: unknown) => {
        throw new Error(`Died at step ${at} of ${steps.length}, ${steps[at - 1]}: ${String(error)}`, {
          cause: error,
        })
      })
  })

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
