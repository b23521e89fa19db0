import { describe, expect, it } from "vitest"
import type { WorkspacePolicy } from "../../packages/server/src/domain/workspaces/index.ts"
import type { FakeScript } from "../../packages/server/src/drivers/fake/fake-world.ts"
import { aNode, type Submission, type TestPlane } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()

const whole = (rest: Submission = {}): Submission => ({ ...rest, resource: { gpu: "8", ...rest.resource } })
const policy = (p: TestPlane, change: Partial<WorkspacePolicy>) =>
  p.plane.workspaces.update(p.owner, "default", { policy: change })
const order = (p: TestPlane) => p.plane.capacity.queue("default").map((claim) => claim.owner.shownId)
const phase = async (p: TestPlane, id: string) => (await p.view(id)).workload.phase
const codes = async (p: TestPlane, id: string) => (await p.view(id)).reasons.map(({ code }) => code)

describe("preemption", () => {
  const stopping: FakeScript = { pod: () => ({ runMs: 60_000, stopMs: 3000, printsReason: true }) }

  it("gives the place of lower work to higher, tells the victim by whom, and does not charge it", async () => {
    const p = await plane({ script: stopping })
    await policy(p, { enablePreempt: true })
    const low = await p.submit(whole())
    await p.reaches(low.id, "Running")
    await p.advance(5000)
    const high = await p.submit(whole({ priority: 1 }))
    await p.settle()
    const waiting = await p.view(high.id)
    expect(waiting.reasons[0]).toMatchObject({ code: "waiting_for_victims", nodes: ["n1"] })
    expect(waiting.waitingFor.ids).toEqual([low.id])
    expect(await phase(p, low.id)).toBe("Pending")
    await p.reaches(high.id, "Running")
    const victim = await p.view(low.id)
    expect(victim.workload).toMatchObject({ phase: "Pending", preemptions: 1, failures: 0, dispatchCount: 1 })
    const message = `the workload is preempted by ${high.id} (priority 1 > 0)`
    expect(victim.workload.conditions.map(({ type }) => type)).toContain("AdminFailover")
    expect(victim.workload.conditions.find(({ type }) => type === "AdminFailover")?.message).toBe(message)
    expect(victim.attempts[0]).toMatchObject({ state: "gone", cause: "preempted", stopMessage: message })
    const query = { tailLines: null, sinceMs: null, fromOffset: null, maxBytes: 1000 }
    const log = await p.plane.workloads.readLog(p.owner, low.id, `${low.id}-master-0`, {
      container: "",
      query,
    })
    expect(log.lines).toEqual([`preempted: ${message}`])
    expect(victim.position).toBe(1)
    const told = (await p.events(low.id)).find(({ type }) => type === "workload.preempted")
    expect(told?.data).toMatchObject({ by: high.id })
    await p.reaches(low.id, "Succeeded")
  })

  it("puts the victim back where its creation puts it, not at the head", async () => {
    const p = await plane({ script: stopping })
    await policy(p, { enablePreempt: true })
    const first = await p.submit(whole())
    await p.reaches(first.id, "Running")
    await p.advance(1000)
    const second = await p.submit(whole())
    await p.submit(whole({ priority: 1 }))
    await p.advance(5000)
    expect(order(p)).toEqual([first.id, second.id])
    await p.plane.workloads.patch(p.owner, second.id, { priority: 1 })
    expect(order(p)).toEqual([second.id, first.id])
  })

  it("leaves equals alone, and everybody where the policy is off", async () => {
    const p = await plane({ script: stopping })
    const low = await p.submit(whole())
    await p.reaches(low.id, "Running")
    const high = await p.submit(whole({ priority: 1 }))
    await p.advance(10_000)
    expect(await phase(p, low.id)).toBe("Running")
    await policy(p, { enablePreempt: true })
    await p.advance(10_000)
    expect(await phase(p, high.id)).toBe("Running")
    const equal = await p.submit(whole({ priority: 1 }))
    await p.advance(10_000)
    expect([await phase(p, high.id), await phase(p, equal.id)]).toEqual(["Running", "Pending"])
  })

  it("is not feared by running work whose priority was raised, and is by one whose priority was lowered", async () => {
    const p = await plane({ script: stopping })
    await policy(p, { enablePreempt: true })
    const running = await p.submit(whole())
    await p.reaches(running.id, "Running")
    await p.plane.workloads.patch(p.owner, running.id, { priority: 1 })
    const other = await p.submit(whole({ priority: 1 }))
    await p.advance(10_000)
    expect(await phase(p, running.id)).toBe("Running")
    await p.plane.workloads.patch(p.owner, running.id, { priority: 0 })
    await p.advance(10_000)
    expect([await phase(p, running.id), await phase(p, other.id)]).toEqual(["Pending", "Running"])
  })

  it("of a job that then is stopped does not bring it back", async () => {
    const p = await plane({ script: stopping })
    await policy(p, { enablePreempt: true })
    const low = await p.submit(whole())
    await p.reaches(low.id, "Running")
    await p.submit(whole({ priority: 1 }))
    await p.advance(500)
    await p.plane.workloads.stop(p.owner, low.id)
    await p.advance(120_000)
    expect((await p.view(low.id)).workload).toMatchObject({
      phase: "Stopped",
      claimId: null,
      dispatchCount: 1,
    })
    expect(order(p)).toEqual([])
  })

  it("whose preemptor is stopped meanwhile gives the place back to the victim", async () => {
    const p = await plane({ script: stopping })
    await policy(p, { enablePreempt: true })
    const low = await p.submit(whole())
    await p.reaches(low.id, "Running")
    const high = await p.submit(whole({ priority: 1 }))
    await p.advance(500)
    await p.plane.workloads.stop(p.owner, high.id)
    await p.advance(10_000)
    expect((await p.view(low.id)).workload).toMatchObject({ phase: "Running", dispatchCount: 2 })
  })

  it("happens once when the server dies after telling the victim", async () => {
    const p = await plane({ script: stopping })
    await policy(p, { enablePreempt: true })
    const low = await p.submit(whole())
    await p.reaches(low.id, "Running")
    const high = await p.submit(whole({ priority: 1 }))
    await p.settle()
    await p.restart()
    await p.reaches(high.id, "Succeeded")
    expect((await p.reaches(low.id, "Succeeded")).workload).toMatchObject({
      preemptions: 1,
      dispatchCount: 2,
    })
  })
})

describe("the order of a queue", () => {
  it("is by priority, then by creation; a patch of the priority moves the job", async () => {
    const p = await plane()
    await p.submit(whole({ entryPoint: "sleep 1000" }))
    await p.settle()
    const made = []
    for (const priority of [0, 1, 0]) {
      await p.advance(10)
      made.push((await p.submit(whole({ priority }))).id)
    }
    const [a = "", b = "", c = ""] = made
    expect(order(p)).toEqual([b, a, c])
    await p.plane.workloads.patch(p.owner, c, { priority: 2 })
    expect(order(p)).toEqual([c, b, a])
    expect(await Promise.all([a, b, c].map(async (id) => (await p.view(id)).position))).toEqual([3, 2, 1])
  })

  it("is headed by a job that failed over, also after a restart", async () => {
    const p = await plane()
    const retried = await p.submit(whole({ entryPoint: "sleep 1; exit 1", maxRetry: 3 }))
    await p.reaches(retried.id, (view) => view.attempts.length === 2)
    const eager = await p.submit(whole({ priority: 2, entryPoint: "sleep 20" }))
    await p.reaches(retried.id, (view) => view.reasons[0]?.code === "backoff")
    await p.restart()
    expect(await phase(p, eager.id)).toBe("Running")
    await p.submit(whole({ priority: 2 }))
    expect(order(p)[0]).toBe(retried.id)
    await p.reaches(eager.id, "Succeeded")
    expect((await p.view(retried.id)).workload.dispatchCount).toBe(3)
  })

  it("under fifo holds back smaller work behind one that is short of the same resource, but not of another", async () => {
    const p = await plane()
    await p.submit({ entryPoint: "sleep 100", resource: { gpu: "5" } })
    await p.settle()
    const big = await p.submit(whole())
    await p.advance(1)
    const small = await p.submit({ resource: { gpu: "1" } })
    const cpuOnly = await p.submit({ resource: { gpu: "" } })
    await p.advance(1000)
    expect((await p.view(big.id)).reasons).toMatchObject([
      { code: "quota_short", resource: "gpu", needed: 8, free: 3 },
    ])
    expect((await p.view(small.id)).reasons[0]).toMatchObject({ code: "blocked_by" })
    expect((await p.view(small.id)).waitingFor.ids).toEqual([big.id])
    expect(await phase(p, cpuOnly.id)).toBe("Running")
  })

  it("under balance lets smaller work pass, but not work of lower priority", async () => {
    const p = await plane()
    await policy(p, { queuePolicy: "balance" })
    await p.submit({ entryPoint: "sleep 100", resource: { gpu: "5" } })
    await p.settle()
    const big = await p.submit(whole({ priority: 1 }))
    await p.advance(1)
    const equal = await p.submit({ priority: 1, resource: { gpu: "1" } })
    const lower = await p.submit({ priority: 0, resource: { gpu: "1" } })
    await p.advance(1000)
    expect([await phase(p, big.id), await phase(p, equal.id), await phase(p, lower.id)]).toEqual([
      "Pending",
      "Running",
      "Pending",
    ])
    expect(await codes(p, lower.id)).toContain("blocked_by")
  })

  it("follows a change of the policy at once", async () => {
    const p = await plane()
    await p.submit({ entryPoint: "sleep 100", resource: { gpu: "5" } })
    await p.settle()
    await p.submit(whole())
    await p.advance(1)
    const small = await p.submit({ resource: { gpu: "1" } })
    await p.advance(1000)
    expect(await phase(p, small.id)).toBe("Pending")
    await policy(p, { queuePolicy: "balance" })
    await p.settle()
    expect(await phase(p, small.id)).toBe("Running")
  })

  it("changes with a patch of what is asked for", async () => {
    const p = await plane()
    await p.submit({ entryPoint: "sleep 100", resource: { gpu: "5" } })
    await p.settle()
    const { id } = await p.submit(whole())
    await p.advance(1000)
    expect(await phase(p, id)).toBe("Pending")
    await p.plane.workloads.patch(p.owner, id, { gpu: "3" })
    await p.settle()
    expect(await phase(p, id)).toBe("Running")
    await expect(p.plane.workloads.patch(p.owner, id, { gpu: "1" })).rejects.toMatchObject({
      code: "conflict",
      detail: "scheduled",
    })
  })
})

describe("a queue that is paused", () => {
  it("starts nothing and lets run what runs, until it is resumed; so do all queues", async () => {
    const p = await plane()
    const running = await p.submit({ entryPoint: "sleep 30" })
    await p.reaches(running.id, "Running")
    for (const workspace of ["default", null]) {
      await p.plane.queue.pause(p.owner, workspace)
      const { id } = await p.submit({ entryPoint: "sleep 1" })
      await p.advance(2000)
      expect(await p.view(id)).toMatchObject({ workload: { phase: "Pending" }, position: 1 })
      expect((await codes(p, id))[0]).toBe("queue_paused")
      await p.restart()
      expect((await codes(p, id))[0]).toBe("queue_paused")
      await p.plane.queue.resume(p.owner, workspace)
      await p.reaches(id, "Succeeded")
    }
    await p.reaches(running.id, "Succeeded")
  })

  it("does not hold back other workspaces", async () => {
    const p = await plane()
    await p.plane.workspaces.create(p.owner, { id: "team", description: "", clusters: null, policy: {} })
    await p.plane.inventory.assign(p.owner, null, "n1", "team")
    await p.plane.queue.pause(p.owner, "default")
    const { id } = await p.submit({ workspaceId: "team" })
    await p.settle()
    expect(await phase(p, id)).toBe("Running")
  })

  it("does not keep its jobs from being retried later", async () => {
    const p = await plane()
    const { id } = await p.submit({ entryPoint: "sleep 1; exit 1", maxRetry: 1 })
    await p.reaches(id, "Running")
    await p.plane.queue.pause(p.owner, "default")
    await p.advance(20_000)
    expect((await p.view(id)).workload).toMatchObject({ phase: "Pending", dispatchCount: 1 })
    await p.plane.queue.resume(p.owner, "default")
    expect((await p.reaches(id, "Failed")).workload.dispatchCount).toBe(2)
  })
})

describe("what nobody has", () => {
  it("on one node waits as no_node_fits where all nodes together would have it", async () => {
    const p = await plane({ nodes: [aNode("n1"), aNode("n2")] })
    await p.submit({ entryPoint: "sleep 50", resource: { gpu: "5", replica: 2 } })
    await p.settle()
    const { id } = await p.submit({ resource: { gpu: "4" } })
    await p.advance(1000)
    expect(await codes(p, id)).toEqual(["no_node_fits"])
    await p.reaches(id, "Succeeded")
  })

  it("is refused where no node declares it, and waits where only labels do not match", async () => {
    const p = await plane({ nodes: [aNode("n1"), aNode("n2", 0)] })
    await expect(p.submit({ resource: { gpu: "9" } })).rejects.toMatchObject({ code: "insufficient" })
    const { id } = await p.submit({ customerLabels: { zone: "moon" } })
    await p.advance(1000)
    expect(await codes(p, id)).toEqual(["no_node_matches"])
    p.world.setNode(aNode("n1", 8, { labels: { zone: "moon" } }))
    expect((await p.reaches(id, "Running")).attempts[0]?.pods[0]?.nodeName).toBe("n1")
  })
})
