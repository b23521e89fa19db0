import { describe, expect, it } from "vitest"
import {
  defaultLimits,
  type CreateGpuRequest,
  type GpuRequestState,
} from "../../packages/server/src/domain/gpu-requests/index.ts"
import { crashingAt, unlessDead } from "./crash-scenario.ts"
import { aNode, createTestPlane, type Submission, type TestPlane } from "../support/plane.ts"

const secondMs = 1000
const minuteMs = 60 * secondMs

/** What clients and machines do; the server may die at any step of it. */
type Act = (p: TestPlane, ids: Map<string, string>) => Promise<unknown>

const ask =
  (name: string, workspaceId: string, change: Partial<CreateGpuRequest> = {}): Act =>
  async (p, ids) => {
    const made = await unlessDead(
      p,
      p.plane.gpuRequests.create(p.owner, {
        name,
        workspaceId,
        clusters: null,
        instanceType: null,
        gpuModel: null,
        memoryGibPerGpu: null,
        gpusPerNode: 8,
        nodes: 1,
        priority: 101,
        durationMs: 2 * minuteMs,
        idleTimeoutMs: null,
        requeueOnFailure: false,
        enableEviction: false,
        multiNode: false,
        ...change,
      }),
    )
    if (made) ids.set(name, made.shownId)
  }
const submit =
  (name: string, workspaceId: string, entryPoint: string, rest: Submission = {}): Act =>
  async (p, ids) => {
    const made = await unlessDead(
      p,
      p.submit({ workspaceId, entryPoint, ttlSecondsAfterFinished: 20, resource: { gpu: "8" }, ...rest }),
    )
    if (made) ids.set(name, made.id)
  }
const pass =
  (seconds: number): Act =>
  async (p) => {
    for (let left = seconds; left > 0 && !p.life.isDead; left--) await p.advance(secondMs)
  }
/** What is asked for by id; nothing where the answer that told the id was lost. */
const withId =
  (name: string, work: (p: TestPlane, id: string) => Promise<unknown>): Act =>
  async (p, ids) => {
    const id = ids.get(name)
    if (id !== undefined) await unlessDead(p, work(p, id))
  }
/** It may be further, or not so far: another's answer was lost, or the server was away for a while. */
async function unlessRefused(work: Promise<unknown>): Promise<void> {
  await work.catch((error: { readonly code: string }) => {
    if (error.code !== "conflict") throw error
  })
}
const release = (name: string) =>
  withId(name, (p, id) => unlessRefused(p.plane.gpuRequests.release(p.owner, id)))

interface Scenario {
  readonly nodes: readonly string[]
  readonly acts: readonly Act[]
  /** How each request that was made known may end. */
  readonly ends: Readonly<Record<string, readonly GpuRequestState[]>>
}

/** Runs it with a server that dies at the step; then all has to be over, as it should, and given back. */
async function runScenario({ nodes, acts, ends }: Scenario, step: number): Promise<readonly string[]> {
  const crashing = crashingAt(new Set([step]))
  const p = await createTestPlane({
    lends: true,
    nodes: nodes.map((name) => aNode(name)),
    onStep: crashing.onStep,
    gpuLimits: { ...defaultLimits, automaticStepMs: 3 * minuteMs, warnBeforeEndMs: 30 * secondMs },
  })
  try {
    for (const id of ["red", "blue"])
      await p.plane.workspaces.create(p.owner, { id, description: "", clusters: null, policy: {} })
    await p.settle()
    const timersAtRest = p.plane.timers.size
    const ids = new Map<string, string>()
    crashing.arm(true)
    for (const act of acts) {
      await act(p, ids)
      while (p.life.isDead) await p.restart(crashing.onStep)
      await p.assertSound()
    }
    crashing.arm(false)
    await endAll(p)
    await assertOver(p, timersAtRest)
    for (const [name, states] of Object.entries(ends)) {
      const id = ids.get(name)
      const row = id === undefined ? undefined : await p.store.gpuRequests.byShownId(p.store.committed, id)
      if (id !== undefined) expect(states, `${name} is ${row?.state}`).toContain(row?.state)
    }
  } finally {
    await p.close()
  }
  return crashing.seen
}

/** Whatever would go on: its stop was lost with the server before anybody was told. */
async function endAll(p: TestPlane): Promise<void> {
  const { store, plane } = p
  for (const { id } of await store.workloads.live(store.committed)) await plane.workloads.stop(p.owner, id)
  // longer than anything of a scenario takes
  await p.advance(10 * minuteMs)
}

async function assertOver(p: TestPlane, timersAtRest: number): Promise<void> {
  await p.assertSound()
  const from = p.store.committed
  expect(p.plane.board.live()).toEqual([])
  expect(await p.store.gpuRequests.live(from)).toEqual([])
  expect(await p.store.gpuRequests.holds(from)).toEqual([])
  expect(await p.store.claims.live(from)).toEqual([])
  expect(p.world.live()).toEqual([])
  expect(p.plane.timers.size).toBeLessThanOrEqual(timersAtRest)
}

/** With more runs than usual at each, else at each third. */
const every = process.env["BERTH_CRASH_RUNS"] === undefined ? 3 : 1

async function dieAtSteps(scenario: Scenario): Promise<number> {
  const steps = await runScenario(scenario, 0)
  for (let at = 1; at <= steps.length; at += every)
    await runScenario(scenario, at).catch((error: unknown) => {
      throw new Error(`Died at step ${at} of ${steps.length}, ${steps[at - 1]}: ${String(error)}`, {
        cause: error,
      })
    })
  return steps.length
}

describe("a server that dies at any step", () => {
  it("hands nodes on from one GPU request to the next, by time and by release", async () => {
    const steps = await dieAtSteps({
      nodes: ["n1"],
      acts: [
        ask("first", "red"),
        submit("work", "red", "sleep infinity"),
        ask("second", "blue"),
        ask("third", "red", { priority: 50 }),
        pass(125),
        withId("work", (p, id) => p.plane.workloads.stop(p.owner, id)),
        release("second"),
        pass(5),
      ],
      ends: { first: ["complete"], second: ["early_released", "complete"], third: ["complete"] },
    })
    expect(steps).toBeGreaterThan(50)
  })

  it("swaps a lost node for a healthy one, and takes a request back into the queue", async () => {
    const steps = await dieAtSteps({
      nodes: ["n1", "n2"],
      acts: [
        ask("first", "red", { durationMs: 5 * minuteMs, requeueOnFailure: true }),
        submit("work", "red", "sleep infinity"),
        async (p) => p.world.setNodeHealth("n1", false, "no answer"),
        pass(85),
        async (p) => p.world.setNodeHealth("n2", false, "no answer"),
        pass(85),
        async (p) => p.world.setNodeHealth("n1", true),
        pass(20),
      ],
      ends: { first: ["complete"] },
    })
    expect(steps).toBeGreaterThan(30)
  })

  it("files requests for work, makes them longer, and ends them with it", async () => {
    const steps = await dieAtSteps({
      nodes: ["n1"],
      acts: [
        submit("long", "default", "sleep 400"),
        pass(200),
        ask("waiting", "red"),
        pass(30),
        withId("waiting", (p, id) =>
          unlessRefused(p.plane.gpuRequests.change(p.owner, id, { priority: 201 })),
        ),
        submit("next", "default", "sleep 5"),
        pass(200),
      ],
      ends: { waiting: ["complete", "provisioned"] },
    })
    expect(steps).toBeGreaterThan(30)
  })

  it("deletes a workspace with its requests and work", async () => {
    const steps = await dieAtSteps({
      nodes: ["n1"],
      acts: [
        ask("held", "red"),
        submit("work", "red", "sleep infinity"),
        ask("queued", "red"),
        ask("other", "blue"),
        (p) => unlessDead(p, p.plane.workspaces.remove(p.owner, "red", { force: true })),
        pass(40),
      ],
      ends: {
        held: ["early_released", "complete"],
        // the first was lost with the server: it had the nodes then
        queued: ["cancelled", "early_released", "complete"],
        other: ["complete"],
      },
    })
    expect(steps).toBeGreaterThan(20)
  })
})
