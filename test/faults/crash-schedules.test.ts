import { describe, expect, it } from "vitest"
import type { OnStep } from "../support/life.ts"
import { createTestPlane, type TestPlane } from "../support/plane.ts"

const minuteMs = 60_000
const startMs = Date.UTC(2030, 0, 1)

/** Dies at this step, counted over all lives from when it is armed; 0 = never. */
function crashingAt(step: number) {
  const seen: string[] = []
  let isArmed = false
  const onStep: OnStep = (name, kill) => {
    if (!isArmed) return
    seen.push(name)
    if (seen.length === step) kill()
  }
  return { onStep, seen, arm: (is: boolean) => void (isArmed = is) }
}

/** Lets time pass; a server that dies in it comes back at once. */
async function pass(p: TestPlane, untilMs: number, onStep: OnStep): Promise<void> {
  while (p.clock.nowMs() < untilMs) {
    await p.advance(Math.min(5000, untilMs - p.clock.nowMs()))
    while (p.life.isDead) await p.restart(onStep)
  }
}

/** Two schedules meet in their second minute; the server dies once around it. */
async function runAround(step: number): Promise<readonly string[]> {
  const crashing = crashingAt(step)
  const p = await createTestPlane({ onStep: crashing.onStep })
  try {
    const mia = await p.member("mia", { default: "owner" })
    const ids: string[] = []
    for (const [schedule, entryPoint] of [
      ["* * * * *", "sleep 5"],
      ["*/2 * * * *", "sleep 5; exit 1"],
    ] as const) {
      const cronJobs = [{ schedule, action: "start" }]
      ids.push((await p.submit({ cronJobs, entryPoint, resource: { gpu: "" } }, mia)).id)
    }
    await pass(p, startMs + 2 * minuteMs - 1000, crashing.onStep)
    crashing.arm(true)
    await pass(p, startMs + 2 * minuteMs + 20_000, crashing.onStep)
    crashing.arm(false)
    await pass(p, startMs + 4 * minuteMs + 30_000, crashing.onStep)
    await assertOnceEach(p, ids[0] ?? "", [1, 2, 3, 4], "Succeeded")
    await assertOnceEach(p, ids[1] ?? "", [2, 4], "Failed")
    await p.assertSound()
  } finally {
    await p.close()
  }
  return crashing.seen
}

async function assertOnceEach(p: TestPlane, id: string, minutes: readonly number[], phase: string) {
  const fired = (await p.events(id)).filter(({ type }) => type.startsWith("schedule."))
  expect(fired.map(({ type, data }) => [type, data["atMs"]])).toEqual(
    minutes.map((minute) => ["schedule.fired", startMs + minute * minuteMs]),
  )
  const { items } = await p.store.workloads.list(
    p.store.committed,
    { workspaceIds: null },
    { sort: "createdAtMs", order: "asc", offset: 0, limit: 100 },
  )
  const made = []
  for (const { key } of items) {
    const workload = await p.store.workloads.byKey(p.store.committed, key)
    if (workload?.spec.madeBy === id) made.push(workload)
  }
  expect(made.map((one) => one.id)).toEqual(fired.map(({ data }) => data["workload"]))
  expect(made.map((one) => [one.phase, one.dispatchCount])).toEqual(minutes.map(() => [phase, 1]))
}

describe("a server that dies while schedules make their workloads", () => {
  it("at any step makes each of them once", async () => {
    const steps = await runAround(0)
    expect(new Set(steps).size).toBeGreaterThan(4)
    for (let at = 1; at <= steps.length; at++)
      await runAround(at).catch((error: unknown) => {
        throw new Error(`Died at step ${at} of ${steps.length}, ${steps[at - 1]}: ${String(error)}`, {
          cause: error,
        })
      })
  })
})
