import { expect } from "vitest"
import {
  isApplication,
  isTerminal,
  type Attempt,
  type PatchWorkload,
  type Workload,
} from "../../packages/server/src/domain/workloads/index.ts"
import { AppError } from "../../packages/server/src/kit/errors.ts"
import type { OnStep } from "../support/life.ts"
import { aNode, createTestPlane, type Submission, type TestPlane } from "../support/plane.ts"

/** What clients and time do; the server may die at any step of it. */
export type Action =
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
  | { readonly kind: "change"; readonly name: string; readonly change: PatchWorkload }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "reboot" | "drain" | "uncordon"; readonly node: string }

/** What clients were told, and what was seen to be over. */
interface Promised {
  readonly ids: Map<string, string>
  readonly deleted: Set<string>
  readonly ended: Map<string, string>
}

/** In which time passes: whatever dies does within one. */
export const stepMs = 500
/** Longer than anything of a scenario takes with its retries, graces and TTLs. */
const restMs = 400_000

/** Dies at these steps (1 = the first after it was armed), each counted over all lives. */
export function crashingAt(steps: ReadonlySet<number>) {
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
export async function unlessDead<T>(p: TestPlane, work: Promise<T>): Promise<T | undefined> {
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

/** Until it was answered, as a client that tries again; what was done unheard is as good. */
export async function insist(
  p: TestPlane,
  restart: () => Promise<void>,
  work: () => Promise<unknown>,
): Promise<void> {
  for (;;) {
    const answer = work().then(
      () => "done",
      (thrown: unknown) => {
        if (AppError.from(thrown).code === "already_exists" || AppError.from(thrown).code === "not_found")
          return "done"
        throw thrown
      },
    )
    const isDone = (await unlessDead(p, answer)) !== undefined
    await restart()
    if (isDone) return
  }
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
  if (action.kind === "change") {
    // it has ended, or the size of a job that was placed stays
    const patched = workloads.patch(p.owner, id, action.change).catch((error: { code: string }) => {
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

/**
 * Runs them with a server that dies at these steps and comes back; then all has to be over and given back.
 * @returns the steps that it could have died at, in order
 */
export async function runScenario(actions: readonly Action[], crashes: ReadonlySet<number>) {
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
  for (const { id, kind, spec } of await p.store.workloads.live(p.store.committed))
    if (isApplication(kind) || Buffer.from(spec.entryPoint, "base64").includes("infinity"))
      await p.plane.workloads.stop(p.owner, id)
}

/** A job's attempts are counted; each pod of an application counts its own starts. */
function assertRuns(workload: Workload, attempts: readonly Attempt[]): void {
  if (isApplication(workload.kind)) {
    expect(workload.dispatchCount).toBeLessThanOrEqual(1)
    if (attempts.length > 0) expect(workload.dispatchCount).toBe(1)
    return
  }
  expect(attempts.map(({ run }) => run)).toEqual(attempts.map((_one, at) => at + 1))
  expect(workload.dispatchCount).toBe(attempts.length)
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
    assertRuns(workload, attempts)
    for (const attempt of attempts) {
      expect(attempt.state, `attempt ${attempt.run} of ${name}`).toBe("gone")
      expect(world.inside.has(attempt.id), `attempt ${attempt.run} of ${name} is kept by the driver`).toBe(
        false,
      )
    }
  }
  expect(world.live()).toEqual([])
  expect(await store.workloads.live(from)).toEqual([])
  expect(await store.replicas.all(from)).toEqual([])
  expect(await store.claims.live(from)).toEqual([])
  expect(await store.endpoints.all(from)).toEqual([])
  expect([...p.network.services]).toEqual([])
  for (const node of plane.capacity.nodes()) {
    expect(plane.capacity.free(node.id)).toEqual(node.capacity)
    expect(node.stuck).toBe(false)
  }
  expect(plane.timers.size).toBe(timersAtRest)
}

/** A job, or with `kind` another workload, that is hidden soon after its end. */
export const job = (entryPoint: string, gpu: number, rest: Submission = {}): Submission => ({
  entryPoint,
  ttlSecondsAfterFinished: 20,
  ...rest,
  resource: { gpu: gpu === 0 ? "" : String(gpu), ...rest.resource },
})

/** The scenario dies at each step of it in turn, or at every so manieth. @returns how many it has */
export async function dieAtEveryStep(actions: readonly Action[], every = 1): Promise<number> {
  const { steps, promised } = await runScenario(actions, new Set())
  expect(promised.ids.size).toBe(actions.filter((action) => action.kind === "submit").length)
  expect(new Set(steps).size).toBeGreaterThan(8)
  for (let at = 1; at <= steps.length; at += every)
    await runScenario(actions, new Set([at])).catch((error: unknown) => {
      throw new Error(`Died at step ${at} of ${steps.length}, ${steps[at - 1]}: ${String(error)}`, {
        cause: error,
      })
    })
  return steps.length
}
