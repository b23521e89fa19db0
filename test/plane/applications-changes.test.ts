import { describe, expect, it } from "vitest"
import type { WorkloadDetail } from "../../packages/server/src/domain/workloads/index.ts"
import type { FakeScript } from "../../packages/server/src/drivers/fake/fake-world.ts"
import { type ApplicationKind, applicationKinds, ready, serving, whole } from "../support/applications.ts"
import { aNode, type TestPlane } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()

const reached = (view: WorkloadDetail) =>
  view.workload.rollout?.observed === view.workload.rollout?.generation
const slowEnd: FakeScript = { pod: () => ({ runMs: null, stopMs: 5000 }) }
const stateOfSet = (kind: ApplicationKind, id: string, replicas: number) =>
  kind === "StatefulSet" ? Array.from({ length: replicas }, (_, at) => `${id}-${at}`) : null

async function assertNothingLeft(p: TestPlane, id: string): Promise<void> {
  const { key } = (await p.store.workloads.byId(p.store.committed, id)) ?? never()
  expect(p.world.live()).toEqual([])
  expect(await p.store.replicas.ofWorkload(p.store.committed, key)).toEqual([])
  expect(await p.store.claims.live(p.store.committed)).toEqual([])
  for (const node of p.plane.capacity.nodes()) expect(p.plane.capacity.free(node.id)).toEqual(node.capacity)
}

describe.each(applicationKinds)("a %s that is changed", (kind) => {
  it("twice during a rollout ends at the last change, and never has fewer ready than it may miss", async () => {
    const p = await plane({ script: slowEnd })
    const { id } = await p.submit(serving(kind, 4))
    await p.reaches(id, whole(4))
    for (const image of ["b", "c", "d"]) {
      await p.plane.workloads.patch(p.owner, id, { image })
      await p.advance(3000)
    }
    let least = 4
    await p.until(async () => {
      const view = await p.view(id)
      least = Math.min(least, ready(view))
      return reached(view) && whole(4)(view)
    })
    const after = await p.view(id)
    expect(after.replicas.map((one) => one.revision)).toEqual([4, 4, 4, 4])
    expect(least).toBe(3)
    // revisions that nothing runs any more are forgotten
    for (const revision of [1, 2, 3])
      expect(await p.store.replicas.template(p.store.committed, after.workload.key, revision)).toBeUndefined()
  })

  it("again and again without ever being ready keeps what its pods are of, and nothing once it is stopped", async () => {
    const p = await plane({
      script: { pod: ({ env }) => ({ runMs: null, readyAfterMs: env["BAD"] === undefined ? 0 : null }) },
    })
    const { id } = await p.submit(serving(kind, 4))
    const { workload } = await p.reaches(id, whole(4))
    for (let change = 1; change <= 9; change++) {
      await p.plane.workloads.patch(p.owner, id, { env: { BAD: String(change) } })
      await p.advance(5000)
    }
    const keptOf = async () => {
      const numbers = Array.from({ length: 10 }, (_, index) => index + 1)
      const found = numbers.map((n) => p.store.replicas.template(p.store.committed, workload.key, n))
      return (await Promise.all(found)).flatMap((template, at) => (template ? [at + 1] : []))
    }
    const stuck = await p.view(id)
    const used = new Set(stuck.replicas.map((one) => one.revision))
    expect(used).toContain(1)
    // the last one but one may have lost its pods since it was kept
    expect((await keptOf()).filter((revision) => !used.has(revision) && revision < 9)).toEqual([])
    await p.plane.workloads.stop(p.owner, id)
    await p.advance(60_000)
    expect((await keptOf()).length).toBeLessThanOrEqual(1)
  })

  it("in number while it is updated has both in the end", async () => {
    const p = await plane({ script: slowEnd })
    const { id } = await p.submit(serving(kind, 4))
    await p.reaches(id, whole(4))
    await p.plane.workloads.patch(p.owner, id, { image: "b" })
    await p.advance(6000)
    await p.plane.workloads.patch(p.owner, id, { replica: 2 })
    await p.advance(2000)
    await p.plane.workloads.patch(p.owner, id, { image: "c" })
    await p.advance(2000)
    await p.plane.workloads.patch(p.owner, id, { replica: 5 })
    const after = await p.reaches(id, (view) => reached(view) && whole(5)(view))
    expect(new Set(after.replicas.map((one) => one.revision))).toEqual(new Set([3]))
    const names = stateOfSet(kind, id, 5)
    if (names) expect(after.replicas.map((one) => one.podId)).toEqual(names)
  })

  it.each([
    ["while it starts", {}, 0],
    ["during an update", { image: "b" }, 2500],
    ["while it grows", { replica: 6 }, 500],
    ["while it shrinks", { replica: 1 }, 2000],
    ["during a change of size", { cpu: "2" }, 2500],
  ] as const)("and stopped %s leaves nothing", async (_when, change, afterMs) => {
    const p = await plane({ script: slowEnd })
    const { id } = await p.submit(serving(kind, 4))
    if (afterMs > 0) {
      await p.reaches(id, whole(4))
      await p.plane.workloads.patch(p.owner, id, change)
    }
    await p.advance(afterMs)
    await p.plane.workloads.stop(p.owner, id)
    expect((await p.view(id)).workload).toMatchObject({ phase: "Stopped", cause: "stopped" })
    await p.advance(60_000)
    await assertNothingLeft(p, id)
    await expect(p.plane.workloads.patch(p.owner, id, { replica: 2 })).rejects.toMatchObject({
      code: "conflict",
      detail: "ended",
    })
  })

  it("to none and back serves again, under the old names where it keeps them", async () => {
    const p = await plane()
    const { id } = await p.submit(serving(kind, 3))
    await p.reaches(id, whole(3))
    await p.plane.workloads.patch(p.owner, id, { replica: 0 })
    await p.reaches(id, (view) => view.replicas.length === 0 && view.workload.phase === "Running")
    await p.advance(60_000)
    expect(p.world.live()).toEqual([])
    // an update of none is over at once
    await p.plane.workloads.patch(p.owner, id, { image: "b" })
    await p.settle()
    expect(reached(await p.view(id))).toBe(true)
    await p.plane.workloads.patch(p.owner, id, { replica: 3 })
    const after = await p.reaches(id, (view) => whole(3)(view))
    expect(after.replicas.map((one) => one.revision)).toEqual([2, 2, 2])
    const names = stateOfSet(kind, id, 3)
    if (names) expect(after.replicas.map((one) => one.podId)).toEqual(names)
  })

  it("to something that never starts is mended by the next change", async () => {
    const p = await plane({
      script: {
        pod: (launch) => (launch.entryPoint.includes("bad") ? { runMs: 0, exitCode: 1 } : { runMs: null }),
      },
    })
    const { id } = await p.submit(serving(kind, 3, { entryPoint: "bad" }))
    await p.advance(120_000)
    const stuck = await p.view(id)
    expect(stuck.workload.phase).toBe("Updating")
    expect(ready(stuck)).toBe(0)
    expect(stuck.reasons.map((one) => one.code)).toContain("backoff")
    await p.plane.workloads.patch(p.owner, id, { entryPoint: "sleep infinity" })
    await p.until(async () => whole(3)(await p.view(id)), 30_000)
  })

  it("while a pod that crashed is still ending starts the new one without the old one's back-off", async () => {
    const p = await plane({
      script: {
        pod: (launch) =>
          launch.entryPoint.includes("bad") ? { runMs: 0, exitCode: 1, lingerMs: 2000 } : { runMs: null },
      },
    })
    const { id } = await p.submit(serving(kind, 1, { entryPoint: "bad" }))
    const isEnding = (view: WorkloadDetail) =>
      view.attempts.length > 6 && view.attempts.at(-1)?.state === "ending"
    const before = await p.reaches(id, isEnding)
    expect(before.replicas[0]?.crashes).toBeGreaterThanOrEqual(6)
    await p.plane.workloads.patch(p.owner, id, { entryPoint: "sleep infinity" })
    await p.until(async () => whole(1)(await p.view(id)), 6000)
  })

  it("at its priority, description or timeout restarts nothing", async () => {
    const p = await plane()
    const { id } = await p.submit(serving(kind, 2))
    const before = await p.reaches(id, whole(2))
    await p.plane.workloads.patch(p.owner, id, { priority: 1, description: "d", maxRetry: 3, timeout: 900 })
    await p.advance(10_000)
    const after = await p.view(id)
    expect(after.replicas.map((one) => one.attemptId)).toEqual(before.replicas.map((one) => one.attemptId))
    expect(after.workload).toMatchObject({ priority: 1, phase: "Running", rollout: { generation: 1 } })
    const claims = await p.store.claims.live(p.store.committed)
    expect(claims.map((claim) => claim.priority)).toEqual([1, 1])
  })
})

describe.each(applicationKinds)("the end of a %s", (kind) => {
  it("comes with its timeout, which counts from its first pod", async () => {
    const p = await plane()
    const { id } = await p.submit(serving(kind, 2, { timeout: 30 }))
    await p.reaches(id, whole(2))
    await p.advance(40_000)
    const { workload } = await p.view(id)
    expect(workload).toMatchObject({ phase: "Stopped", cause: "timed_out" })
    expect(workload.conditions.at(-1)).toMatchObject({
      type: "AdminStopped",
      message: "the workload has timed out",
    })
    await assertNothingLeft(p, id)
  })

  it("by deletion hides it at once and ends its pods", async () => {
    const p = await plane({ script: slowEnd })
    const { id } = await p.submit(serving(kind, 2))
    await p.reaches(id, whole(2))
    await p.plane.workloads.remove(p.owner, id)
    await expect(p.view(id)).rejects.toMatchObject({ code: "not_found" })
    await p.advance(60_000)
    await assertNothingLeft(p, id)
  })

  it("with a grace of its own is as short as was said", async () => {
    const p = await plane({ script: { pod: () => ({ runMs: null, ignoresTerm: true }) } })
    const { id } = await p.submit(serving(kind, 2))
    await p.reaches(id, whole(2))
    await p.plane.workloads.stop(p.owner, id, { graceSeconds: 3 })
    await p.advance(2900)
    expect(p.world.live().length).toBe(2)
    await p.advance(200)
    await assertNothingLeft(p, id)
  })

  it("shows the pods that ran until then, and how they ended; their logs can be read", async () => {
    const p = await plane({
      script: { pod: () => ({ runMs: null, lines: [{ afterMs: 0, text: "hello" }] }) },
    })
    const { id } = await p.submit(serving(kind, 2))
    const before = await p.reaches(id, whole(2))
    await p.plane.workloads.stop(p.owner, id)
    await p.advance(10_000)
    const after = await p.view(id)
    expect(after.attempts.map((one) => one.pods[0]?.exitCode)).toEqual([143, 143])
    for (const { podId } of before.replicas) {
      const query = { tailLines: null, sinceMs: null, fromOffset: null, maxBytes: 1000 }
      const { lines } = await p.plane.workloads.readLog(p.owner, id, podId, { container: "", query })
      expect(lines).toEqual(["hello"])
    }
  })

  it("is waited for by nobody in vain: what depends on it is told why, and fails when it is stopped", async () => {
    const p = await plane()
    const { id } = await p.submit(serving(kind, 1))
    await p.reaches(id, whole(1))
    const dependent = await p.submit({ dependencies: [id] })
    await p.advance(5000)
    expect((await p.view(dependent.id)).reasons).toMatchObject([{ code: "dependency", on: [id] }])
    await p.plane.workloads.stop(p.owner, id)
    await p.settle()
    expect((await p.view(dependent.id)).workload).toMatchObject({
      phase: "Failed",
      cause: "dependency_failed",
    })
  })
})

describe.each(applicationKinds)("the start of a %s", (kind) => {
  it("waits for its dependency and for its time", async () => {
    const p = await plane()
    const first = await p.submit({ entryPoint: "sleep 5" })
    const at = { schedule: new Date(p.clock.nowMs() + 120_000).toISOString(), action: "start" }
    const { id } = await p.submit(serving(kind, 2, { dependencies: [first.id], cronJobs: [at] }))
    await p.advance(30_000)
    expect((await p.view(id)).reasons.map((one) => one.code)).toEqual(["waiting_for_time"])
    await p.reaches(id, whole(2))
  })

  it.each([
    ["unavailable", "driver_down"],
    ["port_in_use", "port_in_use"],
    ["hang", "starting"],
  ] as const)("says why the driver does not start it (%s), and goes on when it does", async (fate, code) => {
    let now: "start" | typeof fate = fate
    const p = await plane({ script: { ensure: () => now, pod: () => ({ runMs: null }) } })
    const { id } = await p.submit(serving(kind, 2))
    await p.advance(20_000)
    const stuck = await p.view(id)
    expect(stuck.workload.phase).toBe("Pending")
    expect(stuck.reasons[0]?.code).toBe(code)
    now = "start"
    // a start that hangs is given up with its deadline
    await p.until(async () => whole(2)(await p.view(id)), 1_300_000)
  })

  it("that the driver never makes costs a pod its place after ten minutes, again and again, and is said", async () => {
    const p = await plane({ nodes: [aNode("n1"), aNode("n2")], script: { ensure: () => "unavailable" } })
    const { id } = await p.submit(serving(kind, 1))
    await p.advance(650_000)
    const view = await p.view(id)
    expect(view.attempts.map((one) => one.cause)).toContain("start_deadline")
    expect(view.replicas[0]).toMatchObject({ restarts: 0 })
    expect((await p.events(id)).filter((one) => one.data["cause"] === "start_deadline").length).toBe(1)
    expect(p.world.startedAttempts).toBe(0)
    p.world.use({ pod: () => ({ runMs: null }) })
    await p.reaches(id, whole(1))
  })
})

function never(): never {
  throw new Error("There is none.")
}
