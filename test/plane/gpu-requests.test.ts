import { describe, expect, it } from "vitest"
import type { CreateGpuRequest, GpuRequest } from "../../packages/server/src/domain/gpu-requests/index.ts"
import type { ClaimId } from "../../packages/server/src/domain/queue/index.ts"
import { systemActor } from "../../packages/server/src/domain/journal/index.ts"
import { aNode, type TestPlane, type TestPlaneOptions } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()
const minuteMs = 60_000
const hourMs = 60 * minuteMs

async function start(options: TestPlaneOptions = {}, workspaces: readonly string[] = ["red", "blue"]) {
  const p = await plane({ lends: true, ...options })
  for (const id of workspaces)
    await p.plane.workspaces.create(p.owner, { id, description: "", clusters: null, policy: {} })
  return p
}

function wanted(workspaceId: string, change: Partial<CreateGpuRequest> = {}): CreateGpuRequest {
  return {
    name: "request",
    workspaceId,
    clusters: null,
    instanceType: null,
    gpuModel: null,
    memoryGibPerGpu: null,
    gpusPerNode: 8,
    nodes: 1,
    priority: 101,
    durationMs: hourMs,
    idleTimeoutMs: null,
    requeueOnFailure: false,
    enableEviction: false,
    multiNode: false,
    ...change,
  }
}

async function ask(p: TestPlane, workspaceId: string, change: Partial<CreateGpuRequest> = {}) {
  const { shownId } = await p.plane.gpuRequests.create(p.owner, wanted(workspaceId, change))
  await p.settle()
  return shownId
}

const requestOf = async (p: TestPlane, id: string): Promise<GpuRequest> =>
  (await p.plane.gpuRequests.get(p.owner, id)).request
const stateOf = async (p: TestPlane, id: string) => (await requestOf(p, id)).state

async function whyOf(p: TestPlane, id: string) {
  const { workload } = await p.view(id)
  return p.plane.queue.explain(p.owner, workload.claimId, { kind: "workload", id }, workload.phase)
}

async function typesOf(p: TestPlane, id: string): Promise<string[]> {
  const subject = { kind: "gpu-request", id } as const
  const events = await p.store.journal.latestEvents(p.store.committed, subject, 100)
  return events.toReversed().map((event) => event.type.replace("gpu-request.", ""))
}

describe("a GPU request", () => {
  it("gets free nodes at once, has them for its time, and gives them back at its end", async () => {
    const p = await start()
    const id = await ask(p, "red")
    const request = await requestOf(p, id)
    expect(request).toMatchObject({ state: "provisioned", endsAtMs: p.clock.nowMs() + hourMs })
    expect(request.nodes.map((node) => node.name)).toEqual(["n1"])
    await p.advance(hourMs - 1)
    expect(await stateOf(p, id)).toBe("provisioned")
    await p.advance(1)
    expect(await requestOf(p, id)).toMatchObject({ state: "complete", cause: "duration" })
    expect(await p.store.gpuRequests.holds(p.store.committed)).toEqual([])
    expect(await typesOf(p, id)).toEqual([
      "created",
      "provisioned",
      "expiring",
      "draining",
      "completed",
      "node-freed",
    ])
  })

  it("waits for the node of another with an estimate that comes true to the millisecond", async () => {
    const p = await start()
    const first = await ask(p, "red")
    await p.advance(10 * minuteMs)
    const second = await ask(p, "blue")
    const view = await p.plane.gpuRequests.get(p.owner, second)
    const { endsAtMs } = await requestOf(p, first)
    expect(view.slot?.startMs).toBe(endsAtMs)
    expect(view.reasons).toMatchObject([{ code: "quota_short", untilMs: endsAtMs }])
    await p.advance(50 * minuteMs)
    expect(await requestOf(p, second)).toMatchObject({ state: "provisioned", startedAtMs: endsAtMs })
    expect((await requestOf(p, second)).promised).toMatchObject({ startMs: endsAtMs })
  })

  it("begins when it was planned to, though that is written a moment later", async () => {
    const p = await start()
    await p.plane.pausePlanning()
    const id = await ask(p, "red")
    const plannedAtMs = p.clock.nowMs()
    const plan = p.plane.board.plan(plannedAtMs)
    await p.advance(40)
    expect(await p.plane.queue.commitProvisions(plan)).toEqual({ provisioned: 1, lost: 0 })
    const request = await requestOf(p, id)
    expect(request).toMatchObject({ startedAtMs: plannedAtMs, endsAtMs: plannedAtMs + hourMs })
    expect(await p.store.gpuRequests.holds(p.store.committed)).toMatchObject([{ sinceMs: plannedAtMs }])
  })

  it("whose plan takes seconds to be written loses nothing of its time", async () => {
    const p = await start()
    await p.plane.pausePlanning()
    const id = await ask(p, "red")
    const plan = p.plane.board.plan(p.clock.nowMs())
    await p.advance(3001)
    await p.plane.queue.commitProvisions(plan)
    expect(await requestOf(p, id)).toMatchObject({ startedAtMs: p.clock.nowMs() })
  })

  it("waits for work on a node that was its workspace's own, names the node, and gets it when that is over", async () => {
    const p = await start()
    await p.plane.inventory.assign(p.owner, null, "n1", "red")
    const job = await p.submit({ workspaceId: "red", resource: { gpu: "1" }, entryPoint: "sleep 600" })
    await p.reaches(job.id, "Running")
    await p.plane.inventory.assign(p.owner, null, "n1", null)
    const id = await ask(p, "blue")
    const view = await p.plane.gpuRequests.get(p.owner, id)
    expect(view).toMatchObject({ slot: null, reasons: [{ code: "quota_short", nodes: ["n1"] }] })
    expect(view.reasons).toMatchObject([{ requestIds: [], needed: 1, free: 0, untilMs: null }])
    await p.advance(599_000)
    expect(await stateOf(p, id)).toBe("queued")
    await p.reaches(job.id, "Succeeded")
    await p.settle()
    expect(await requestOf(p, id)).toMatchObject({ state: "provisioned", startedAtMs: p.clock.nowMs() })
  })

  it("keeps the nodes it was promised in the moment in which another gives them up", async () => {
    const p = await start({ nodes: [aNode("n1"), aNode("n2"), aNode("n3", 4)] })
    await p.plane.workspaces.update(p.owner, "blue", { policy: { mostGpuRequests: 2 } })
    await ask(p, "blue", { gpusPerNode: 1, durationMs: 3 * minuteMs })
    await ask(p, "red", { gpusPerNode: 1, durationMs: minuteMs })
    await p.advance(40_000)
    const leaving = await ask(p, "blue", { gpusPerNode: 1, durationMs: 2 * minuteMs })
    await ask(p, "default", { gpusPerNode: 1, durationMs: 3 * minuteMs })
    const next = await ask(p, "red", { gpusPerNode: 1, durationMs: minuteMs })
    await ask(p, "blue", { gpusPerNode: 8, durationMs: minuteMs })
    const { endsAtMs } = await requestOf(p, leaving)
    expect((await p.plane.gpuRequests.get(p.owner, next)).slot?.startMs).toBe(endsAtMs)
    await p.advance(2 * minuteMs)
    expect(await requestOf(p, next)).toMatchObject({ state: "provisioned", startedAtMs: endsAtMs })
  })

  it("runs the work of its workspace, and ends it with its grace before its own end", async () => {
    const p = await start({ script: { pod: () => ({ runMs: null, stopMs: 5000 }) } })
    const id = await ask(p, "red")
    const job = await p.submit({ workspaceId: "red", resource: { gpu: "8" } })
    await p.reaches(job.id, "Running")
    await p.advance(hourMs - 30_000)
    expect(await stateOf(p, id)).toBe("provisioned")
    await p.advance(29_000)
    expect((await p.view(job.id)).workload).toMatchObject({ phase: "Pending", preemptions: 1, failures: 0 })
    expect(p.world.live()).toEqual([])
    await p.advance(1000)
    expect(await stateOf(p, id)).toBe("complete")
    expect(await p.store.gpuRequests.holds(p.store.committed)).toEqual([])
    const why = await whyOf(p, job.id)
    expect(why.reasons.map((reason) => reason.code)).toEqual(["no_reservation"])
  })

  it("that is extended while its work leaves for its end takes work again until the new one", async () => {
    const p = await start({ script: { pod: () => ({ runMs: null, stopMs: 5000 }) } })
    const id = await ask(p, "red")
    const job = await p.submit({ workspaceId: "red", resource: { gpu: "8" } })
    await p.reaches(job.id, "Running")
    await p.advance(hourMs - 29_000)
    expect((await p.view(job.id)).workload.phase).toBe("Pending")
    const { endsAtMs } = await p.plane.gpuRequests.extend(p.owner, id, hourMs)
    await p.reaches(job.id, "Running")
    const waiting = await ask(p, "blue")
    expect((await p.plane.gpuRequests.get(p.owner, waiting)).slot?.startMs).toBe(endsAtMs)
    await p.advance(hourMs - 29_000)
    expect(await stateOf(p, id)).toBe("provisioned")
  })

  it("lets a lost node go when its work has left it, and keeps the one in its place", async () => {
    const p = await start({
      nodes: [aNode("n1"), aNode("n2")],
      script: { pod: () => ({ runMs: null, stopMs: 5000 }) },
    })
    const id = await ask(p, "red")
    const job = await p.submit({ workspaceId: "red", resource: { gpu: "8" } })
    await p.reaches(job.id, "Running")
    p.world.setNodeHealth("n1", false, "the GPU fell off the bus")
    await p.advance(100_000)
    expect((await requestOf(p, id)).nodes.map((node) => node.name)).toEqual(["n2"])
    const holds = await p.store.gpuRequests.holds(p.store.committed)
    expect(holds.map(({ state }) => state)).toEqual(["held"])
    p.world.setNodeHealth("n1", true)
    await p.advance(20_000)
    expect(await stateOf(p, await ask(p, "blue"))).toBe("provisioned")
  })

  it("hands its node on when the last process of its work has gone, not before", async () => {
    const p = await start({ script: { pod: () => ({ runMs: null, stopMs: 20_000 }) } })
    const first = await ask(p, "red")
    const job = await p.submit({ workspaceId: "red", resource: { gpu: "1" } })
    await p.reaches(job.id, "Running")
    const second = await ask(p, "blue")
    const waiting = await p.submit({ workspaceId: "blue", resource: { gpu: "8" } })
    const why = await whyOf(p, waiting.id)
    expect(why.reasons[0]).toMatchObject({ code: "reservation_pending", gpuRequests: [second] })
    await p.plane.gpuRequests.release(p.owner, first)
    await p.advance(19_999)
    expect([await stateOf(p, first), await stateOf(p, second)]).toEqual(["early_released", "queued"])
    await p.advance(1)
    expect(await stateOf(p, second)).toBe("provisioned")
    await p.reaches(waiting.id, "Running")
  })

  it("sets the node aside when processes outlive the drain, and hands it on when they are gone", async () => {
    const p = await start({ script: { pod: () => ({ runMs: null, ignoresTerm: true, lingerMs: 100_000 }) } })
    const first = await ask(p, "red")
    const job = await p.submit({ workspaceId: "red", resource: { gpu: "1" } })
    await p.reaches(job.id, "Running")
    const second = await ask(p, "blue")
    await p.plane.gpuRequests.release(p.owner, first)
    await p.advance(61_000)
    expect(p.plane.capacity.node("n1", "local")?.stuck).toBe(true)
    expect(await stateOf(p, second)).toBe("queued")
    const [reason] = (await p.plane.gpuRequests.get(p.owner, second)).reasons
    expect(reason?.code).toBe("nodes_unhealthy")
    await p.advance(300_000)
    expect(await stateOf(p, second)).toBe("provisioned")
  })

  it("ends when nobody uses it for its idle time-out, counted anew after each use", async () => {
    const p = await start()
    const id = await ask(p, "red", { idleTimeoutMs: 10 * minuteMs })
    await p.advance(9 * minuteMs)
    const job = await p.submit({ workspaceId: "red", entryPoint: "sleep 300" })
    await p.reaches(job.id, "Succeeded")
    await p.advance(10 * minuteMs - 1000)
    expect(await stateOf(p, id)).toBe("provisioned")
    await p.restart()
    await p.advance(2000)
    expect(await requestOf(p, id)).toMatchObject({ state: "timed_out", cause: "idle" })
  })

  it("gets a healthy node in the place of a lost one, or ends with the reason, or waits again", async () => {
    const nodes = [aNode("n1"), aNode("n2")]
    const p = await start({ nodes }, ["red", "blue"])
    const id = await ask(p, "red", { requeueOnFailure: true, durationMs: hourMs })
    const failing = await ask(p, "blue")
    expect((await requestOf(p, id)).nodes.map((node) => node.name)).toEqual(["n1"])
    p.world.setNodeHealth("n1", false, "the GPU fell off the bus")
    await p.advance(80_000)
    expect(await requestOf(p, id)).toMatchObject({ state: "queued", retries: 1 })
    const left = (await requestOf(p, id)).remainingMs ?? 0
    expect(left).toBeGreaterThan(hourMs - 90_000)
    p.world.setNodeHealth("n2", false, "no answer")
    await p.advance(80_000)
    expect(await requestOf(p, failing)).toMatchObject({ state: "error", cause: "node_lost" })
    expect((await requestOf(p, failing)).failureReason).toContain("n2")
    p.world.setNodeHealth("n1", true, "")
    await p.advance(80_000)
    expect(await requestOf(p, id)).toMatchObject({ state: "provisioned" })
    expect(((await requestOf(p, id)).endsAtMs ?? 0) - ((await requestOf(p, id)).startedAtMs ?? 0)).toBe(left)
    p.world.setNodeHealth("n2", true, "")
    await p.advance(60_000)
    p.world.setNodeHealth("n1", false, "gone again")
    await p.advance(80_000)
    expect((await requestOf(p, id)).nodes.map((node) => node.name)).toEqual(["n2"])
    expect(await stateOf(p, id)).toBe("provisioned")
  })

  it("ends with its workspace, which goes when its nodes are free", async () => {
    const p = await start({ script: { pod: () => ({ runMs: null, stopMs: 5000 }) } })
    const first = await ask(p, "red")
    const second = await ask(p, "red")
    const job = await p.submit({ workspaceId: "red", resource: { gpu: "1" } })
    await p.reaches(job.id, "Running")
    await p.plane.workspaces.remove(p.owner, "red", { force: true })
    await p.advance(1000)
    const rows = p.store.gpuRequests
    expect((await rows.byShownId(p.store.committed, first))?.state).toBe("early_released")
    expect((await rows.byShownId(p.store.committed, second))?.state).toBe("cancelled")
    expect(p.plane.workspaces.find("red")?.state).toBe("deleting")
    await p.advance(60_000)
    expect(p.plane.workspaces.find("red")).toBeUndefined()
    expect(await rows.holds(p.store.committed)).toEqual([])
  })

  it("keeps its clock over a restart, and ends what was overdue", async () => {
    const p = await start()
    const id = await ask(p, "red")
    const waiting = await ask(p, "blue", { durationMs: 2 * hourMs })
    await p.advance(hourMs / 2)
    await p.restart()
    await p.advance(hourMs / 2)
    expect([await stateOf(p, id), await stateOf(p, waiting)]).toEqual(["complete", "provisioned"])
    await p.crash()
    await p.clock.advance(3 * hourMs)
    await p.restart()
    await p.settle()
    expect(await stateOf(p, waiting)).toBe("complete")
    expect((await typesOf(p, waiting)).filter((type) => type === "expiring").length).toBeLessThanOrEqual(1)
  })
})

describe("an automatic GPU request", () => {
  it("is filed for work in `default`, shared by work that fits, and ends with it", async () => {
    const p = await start({ nodes: [aNode("n1"), aNode("n2")] }, [])
    const a = await p.submit({ entryPoint: "sleep 100", resource: { gpu: "4" } })
    const b = await p.submit({ entryPoint: "sleep 200", resource: { gpu: "4" } })
    await p.reaches(a.id, "Running")
    await p.reaches(b.id, "Running")
    const live = p.plane.board.live()
    expect(live.map((request) => [request.name, request.state])).toEqual([[`auto-${a.id}`, "provisioned"]])
    await p.reaches(a.id, "Succeeded")
    expect(p.plane.board.live()).toHaveLength(1)
    await p.reaches(b.id, "Succeeded")
    await p.advance(1000)
    expect(p.plane.board.live()).toEqual([])
    expect(await p.store.gpuRequests.holds(p.store.committed)).toEqual([])
  })

  it("waits behind others, says so, follows the priority of its work, and goes when that is stopped", async () => {
    const p = await start({}, ["red"])
    const hold = await ask(p, "red")
    const job = await p.submit({ resource: { gpu: "8" }, timeout: 600 })
    await p.settle()
    const why = await whyOf(p, job.id)
    const [filed] = p.plane.board.queuedIn("default")
    expect(filed).toMatchObject({ name: `auto-${job.id}`, priority: 1 })
    expect(why.reasons[0]).toMatchObject({
      code: "reservation_pending",
      gpuRequests: [filed?.shownId],
      untilMs: (await requestOf(p, hold)).endsAtMs,
    })
    await p.plane.workloads.patch(p.owner, job.id, { priority: 2 })
    await p.settle()
    expect(p.plane.board.queuedIn("default")[0]).toMatchObject({ priority: 201 })
    await p.plane.workloads.stop(p.owner, job.id)
    await p.settle()
    expect(p.plane.board.queuedIn("default")).toEqual([])
  })

  it("goes on step by step while nobody waits, and ends when somebody does", async () => {
    const p = await start({ script: { pod: () => ({ runMs: null, stopMs: 1000 }) } }, ["red"])
    const job = await p.submit({ resource: { gpu: "8" } })
    await p.reaches(job.id, "Running")
    const [auto] = p.plane.board.live()
    if (!auto) throw new Error("Nothing was filed.")
    const stepMs = 24 * hourMs
    expect((await requestOf(p, auto.shownId)).endsAtMs).toBe((auto.startedAtMs ?? 0) + stepMs)
    await p.advance(3 * stepMs)
    expect(await stateOf(p, auto.shownId)).toBe("provisioned")
    const promised = (await requestOf(p, auto.shownId)).endsAtMs ?? 0
    const waiting = await ask(p, "red")
    expect((await p.plane.gpuRequests.get(p.owner, waiting)).slot?.startMs).toBe(promised)
    await p.advance(promised - p.clock.nowMs())
    expect(await requestOf(p, waiting)).toMatchObject({ state: "provisioned", startedAtMs: promised })
    expect((await p.view(job.id)).workload.phase).toBe("Pending")
    expect(await typesOf(p, auto.shownId)).toContain("not-extended")
  })

  it("ends when its work has left its nodes for those of another that was filed for it", async () => {
    const p = await start({ nodes: [aNode("n1"), aNode("n2")] }, [])
    const job = await p.submit({ entryPoint: "sleep 1000", resource: { gpu: "8" } })
    await p.reaches(job.id, "Running")
    const [first] = p.plane.board.live()
    await p.plane.inventory.drain(p.owner, null, "n1")
    await p.advance(1000)
    await p.reaches(job.id, "Running")
    expect(p.plane.board.live().map(({ nodes }) => nodes.map((node) => node.name))).toEqual([["n2"]])
    expect(await requestOf(p, first?.shownId ?? "")).toMatchObject({ state: "complete", cause: "work_over" })
  })

  it.for(["placed first", "ended first"] as const)(
    "does not end under work that is being placed on its nodes (%s)",
    async (order) => {
      const p = await start({}, [])
      const job = await p.submit({ entryPoint: "sleep 1000", resource: { gpu: "1" } })
      await p.reaches(job.id, "Running")
      const [auto] = p.plane.board.live()
      if (!auto) throw new Error("Nothing was filed.")
      await p.plane.pausePlanning()
      const next = await p.submit({ entryPoint: "sleep 1000", resource: { gpu: "1" } })
      const plan = p.plane.capacity.plan(p.clock.nowMs())
      expect(plan.admissions).toHaveLength(1)
      const place = () => p.plane.queue.commitPlan(plan)
      const end = () =>
        p.plane.queue.endUnused(
          auto.id,
          auto.nodes.map(({ nodeId }) => nodeId),
          { isUnused: () => true, actor: systemActor("test") },
        )
      const steps = order === "placed first" ? [place, end] : [end, place]
      await Promise.all(steps.map((step) => step()))
      const claimId = (await p.view(next.id)).workload.claimId as ClaimId
      const outcome = [await stateOf(p, auto.shownId), p.plane.capacity.claim(claimId)?.state]
      // both give way: what is placed is planned once more, and the end is looked at by what that moves
      expect(outcome).toEqual(["provisioned", "wanted"])
      await p.plane.queue.commitPlan(p.plane.capacity.plan(p.clock.nowMs()))
      expect(p.plane.capacity.claim(claimId)?.state).toBe("bound")
      await p.settle()
    },
  )

  it("that a user takes back is not filed again for a minute", async () => {
    const p = await start({ script: { pod: () => ({ runMs: null, stopMs: 1000 }) } }, [])
    const job = await p.submit({ resource: { gpu: "8" } })
    await p.reaches(job.id, "Running")
    const [auto] = p.plane.board.live()
    await p.plane.gpuRequests.release(p.owner, auto?.shownId ?? "")
    await p.advance(59_000)
    expect((await p.view(job.id)).workload.phase).toBe("Pending")
    const why = await whyOf(p, job.id)
    expect(why.reasons[0]).toMatchObject({ code: "reservation_pending" })
    await p.advance(2000)
    await p.reaches(job.id, "Running")
  })

  it("that a user takes out of the queue is not filed again for a minute", async () => {
    const p = await start({}, ["red"])
    const hold = await ask(p, "red")
    await p.submit({ resource: { gpu: "8" } })
    await p.settle()
    const [filed] = p.plane.board.queuedIn("default")
    await p.plane.gpuRequests.cancel(p.owner, filed?.shownId ?? "")
    await p.advance(59_000)
    expect(p.plane.board.queuedIn("default")).toEqual([])
    await p.advance(2000)
    expect(p.plane.board.queuedIn("default")).toMatchObject([{ name: filed?.name }])
    await p.plane.gpuRequests.release(p.owner, hold)
  })

  it("is filed by a template that a binding names, also for work that waits already", async () => {
    const p = await start({ nodes: [aNode("n1"), aNode("n2", 4)] }, ["red"])
    const job = await p.submit({ workspaceId: "red", resource: { gpu: "2" }, entryPoint: "sleep 100" })
    await p.settle()
    expect((await whyOf(p, job.id)).reasons[0]?.code).toBe("no_reservation")
    const template = await p.plane.gpuSettings.createTemplate(p.owner, {
      name: "big",
      workspaceId: null,
      clusterName: "local",
      gpusPerNode: 8,
      nodes: 1,
      memoryGibPerGpu: null,
      gpuModel: "H100",
      instanceType: "",
      durationMs: 2 * hourMs,
      priority: 150,
      enforceIdleTimeout: false,
      idleTimeoutMs: null,
      enableEviction: false,
      requeueOnFailure: false,
    })
    await p.plane.gpuSettings.createBinding(p.owner, {
      workspaceId: "red",
      clusters: [{ clusterName: "local", defaultTemplate: template.name, templates: [] }],
      enableAutomatic: true,
    })
    await p.reaches(job.id, "Running")
    const [auto] = p.plane.board.live()
    expect(auto).toMatchObject({ name: `auto-${job.id}`, priority: 150, durationMs: 2 * hourMs })
    expect(auto?.nodes.map((node) => node.name)).toEqual(["n1"])
  })
})
