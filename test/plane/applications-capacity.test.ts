import { describe, expect, it } from "vitest"
import type { WorkloadDetail } from "../../packages/server/src/domain/workloads/index.ts"
import { type ApplicationKind, applicationKinds, ready, serving, whole } from "../support/applications.ts"
import { aNode, type Submission, type TestPlane } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()

const onGpus = (kind: ApplicationKind, replica: number, gpu: number, rest: Submission = {}): Submission =>
  serving(kind, replica, { ...rest, resource: { gpu: String(gpu), ...rest.resource } })
const job = (gpu: number, rest: Submission = {}): Submission => ({
  entryPoint: "sleep 60",
  ...rest,
  resource: { gpu: String(gpu), ...rest.resource },
})
const two = () => [aNode("n1", 4), aNode("n2", 4)]
const nodesOf = (view: WorkloadDetail) => view.replicas.map((one) => one.place?.nodeName ?? "")
const freeGpus = (p: TestPlane) => p.plane.capacity.nodes().map((node) => p.plane.capacity.free(node.id).gpus)

describe.each(applicationKinds)("a %s, for its capacity,", (kind) => {
  it("is admitted with all of its replicas or not at all, others around it or not", async () => {
    const p = await plane({ nodes: two() })
    const before = await p.submit(job(3))
    await p.reaches(before.id, "Running")
    const { id } = await p.submit(onGpus(kind, 3, 2))
    const behind = await p.submit(job(1))
    await p.advance(2000)
    const waiting = await p.view(id)
    expect(waiting).toMatchObject({
      position: 1,
      replicas: [],
      workload: { phase: "Pending", dispatchCount: 0 },
    })
    expect(waiting.reasons[0]?.code).toBe("quota_short")
    expect((await p.view(behind.id)).workload.phase).toBe("Pending")
    await p.reaches(before.id, "Succeeded")
    await p.reaches(id, whole(3))
    expect((await p.view(behind.id)).workload.dispatchCount).toBe(1)
  })

  it("grows by as many as fit; the rest wait singly, with a reason and a place, while it goes on", async () => {
    const p = await plane({ nodes: [aNode("n1", 4)] })
    const { id } = await p.submit(onGpus(kind, 2, 1))
    await p.reaches(id, "Running")
    const other = await p.submit(job(1))
    await p.reaches(other.id, "Running")
    await p.plane.workloads.patch(p.owner, id, { replica: 4 })
    await p.until(async () => ready(await p.view(id)) === 3, 30_000)
    const waiting = await p.view(id)
    expect(waiting.workload).toMatchObject({ phase: "Updating", rollout: { generation: 2, observed: 1 } })
    expect(waiting.replicas.map((one) => one.state)).toEqual(["running", "running", "running", "queued"])
    expect(waiting.reasons[0]).toMatchObject({ code: "quota_short", resource: "gpu" })
    expect(waiting.position).toBe(1)
    const why = await p.plane.queue.list(p.owner, "default", { limit: 10, after: null })
    expect(why.items).toMatchObject([{ position: 1, claim: { pods: 1, owner: { shownId: id } } }])
    await p.reaches(other.id, "Succeeded")
    const after = await p.reaches(id, whole(4))
    expect(after).toMatchObject({ position: 0, reasons: [] })
  })

  it("moves off a node that is drained, and is whole again elsewhere", async () => {
    const p = await plane({ nodes: two() })
    const { id } = await p.submit(onGpus(kind, 4, 1))
    const before = await p.reaches(id, "Running")
    const from = nodesOf(before)[0] ?? ""
    await p.plane.inventory.drain(p.owner, null, from)
    const after = await p.reaches(id, (view) => whole(4)(view) && !nodesOf(view).includes(from))
    if (kind === "StatefulSet")
      expect(after.replicas.map((one) => one.podId)).toEqual([0, 1, 2, 3].map((n) => `${id}-${n}`))
    expect(after.workload.conditions.map((one) => one.type)).toContain("AdminFailover")
    expect((await p.events(id)).map((one) => one.type)).toContain("workload.preempted")
  })

  it("waits for room where the only node is drained, says why, and comes back to it", async () => {
    const p = await plane({ nodes: [aNode("n1", 4)] })
    const { id } = await p.submit(onGpus(kind, 2, 1))
    await p.reaches(id, "Running")
    await p.plane.inventory.drain(p.owner, null, "n1")
    await p.reaches(id, "NotReady")
    await p.advance(60_000)
    const waiting = await p.view(id)
    expect(waiting.replicas.map((one) => one.state)).toEqual(["queued", "queued"])
    expect(waiting.workload.phase).toBe("NotReady")
    expect(["cordoned", "draining"]).toContain(waiting.reasons[0]?.code)
    expect(p.world.live()).toEqual([])
    await p.plane.inventory.uncordon(p.owner, null, "n1")
    await p.reaches(id, whole(2))
  })

  it.each(["removed", "rebooted"] as const)("outlives a node that is %s", async (how) => {
    const p = await plane({ nodes: two() })
    const { id } = await p.submit(onGpus(kind, 4, 1))
    const before = await p.reaches(id, "Running")
    const lost = nodesOf(before)[0] ?? ""
    if (how === "removed") p.world.removeNode(lost)
    else p.world.reboot(lost)
    await p.until(async () => ready(await p.view(id)) < 4)
    const after = await p.reaches(id, whole(4))
    if (how === "removed") expect(nodesOf(after)).not.toContain(lost)
    if (kind === "StatefulSet")
      expect(after.replicas.map((one) => one.podId)).toEqual([0, 1, 2, 3].map((n) => `${id}-${n}`))
    // not its own fault: no restart is counted
    expect(after.replicas.map((one) => one.restarts)).toEqual([0, 0, 0, 0])
  })

  it("goes on on a node that is cordoned or unhealthy, and replaces what ends there in its place", async () => {
    const p = await plane({ nodes: [aNode("n1", 4)] })
    const { id } = await p.submit(onGpus(kind, 2, 1))
    const before = await p.reaches(id, "Running")
    await p.plane.inventory.cordon(p.owner, null, "n1")
    p.world.setNode(aNode("n1", 4, { healthy: false, healthMessage: "too hot" }))
    await p.advance(30_000)
    expect((await p.view(id)).workload.phase).toBe("Running")
    p.world.end(before.attempts[0]?.id ?? never(), 1)
    await p.reaches(id, "NotReady")
    await p.reaches(id, whole(2))
    await p.plane.workloads.patch(p.owner, id, { replica: 3 })
    await p.advance(5000)
    expect((await p.view(id)).replicas.map((one) => one.state)).toEqual(["running", "running", "queued"])
  })

  it("gives replicas to a job of higher priority, and has them back after it", async () => {
    const p = await plane({ nodes: two() })
    await p.plane.workspaces.update(p.owner, "default", { policy: { enablePreempt: true } })
    const { id } = await p.submit(onGpus(kind, 4, 2))
    await p.reaches(id, whole(4))
    const urgent = await p.submit(job(4, { priority: 1, entryPoint: "sleep 30" }))
    await p.reaches(urgent.id, "Running")
    const during = await p.view(id)
    expect(ready(during)).toBe(2)
    expect(during.workload.phase).toBe("NotReady")
    expect(during.reasons[0]?.code).toMatch(/quota_short|no_node_fits|blocked_by/)
    await p.reaches(urgent.id, "Succeeded")
    await p.reaches(id, whole(4))
  })

  it("is not preempted any more once its priority was raised", async () => {
    const p = await plane({ nodes: [aNode("n1", 4)] })
    await p.plane.workspaces.update(p.owner, "default", { policy: { enablePreempt: true } })
    const { id } = await p.submit(onGpus(kind, 2, 2))
    await p.reaches(id, whole(2))
    await p.plane.workloads.patch(p.owner, id, { priority: 1 })
    const urgent = await p.submit(job(2, { priority: 1 }))
    await p.advance(30_000)
    expect((await p.view(urgent.id)).workload.phase).toBe("Pending")
    expect((await p.view(id)).workload.phase).toBe("Running")
    await p.plane.workloads.patch(p.owner, id, { priority: 0 })
    await p.reaches(urgent.id, "Running")
  })

  it("waits with a replacement while the queue is paused", async () => {
    const p = await plane({ nodes: two() })
    const { id } = await p.submit(onGpus(kind, 2, 3))
    await p.reaches(id, whole(2))
    await p.plane.queue.pause(p.owner, "default")
    p.world.reboot(nodesOf(await p.view(id))[1] ?? "")
    await p.reaches(id, "NotReady")
    await p.advance(30_000)
    expect((await p.view(id)).reasons[0]?.code).toBe("queue_paused")
    await p.plane.queue.resume(p.owner, "default")
    await p.reaches(id, whole(2))
  })

  it("ends with its workspace, and leaves nothing", async () => {
    const p = await plane({ nodes: two(), lends: true })
    const team = { id: "team", description: "", clusters: null, policy: {} }
    await p.plane.workspaces.create(p.owner, team)
    const { id } = await p.submit(onGpus(kind, 2, 0, { workspaceId: "team", resource: { gpu: "" } }))
    await p.reaches(id, whole(2))
    await p.plane.workloads.patch(p.owner, id, { replica: 8 })
    await p.settle()
    const { key } = (await p.view(id)).workload
    await p.plane.workspaces.remove(p.owner, "team", { force: true })
    await p.advance(60_000)
    expect(p.world.live()).toEqual([])
    for (const node of p.plane.capacity.nodes()) expect(p.plane.capacity.free(node.id)).toEqual(node.capacity)
    expect(await p.store.replicas.ofWorkload(p.store.committed, key)).toEqual([])
    expect(await p.store.workspaces.byId(p.store.committed, "team")).toBeUndefined()
  })

  it("takes a bigger size pod by pod as room comes, never below what it may miss", async () => {
    const p = await plane({ nodes: [aNode("n1", 4)] })
    const { id } = await p.submit(onGpus(kind, 2, 1))
    await p.reaches(id, whole(2))
    const other = await p.submit(job(2, { entryPoint: "sleep 40" }))
    await p.reaches(other.id, "Running")
    await p.plane.workloads.patch(p.owner, id, { gpu: "2" })
    await p.advance(20_000)
    const waiting = await p.view(id)
    expect(waiting.workload.phase).toBe("Updating")
    expect(ready(waiting)).toBe(1)
    expect(waiting.reasons[0]).toMatchObject({ code: "quota_short", needed: 2, free: 1 })
    await p.reaches(other.id, "Succeeded")
    const after = await p.reaches(id, whole(2))
    expect(after.replicas.map((one) => one.size.gpus)).toEqual([2, 2])
    expect(freeGpus(p)).toEqual([0])
  })

  it("gives back what a smaller size leaves free", async () => {
    const p = await plane({ nodes: [aNode("n1", 8)] })
    const { id } = await p.submit(onGpus(kind, 2, 4))
    await p.reaches(id, whole(2))
    await p.plane.workloads.patch(p.owner, id, { gpu: "1" })
    const after = await p.reaches(id, (view) => whole(2)(view) && view.workload.rollout?.observed === 2)
    expect(after.replicas.map((one) => one.size.gpus)).toEqual([1, 1])
    expect(freeGpus(p)).toEqual([6])
  })

  it("is changed whole while it waits: count, size and image", async () => {
    const p = await plane({ nodes: [aNode("n1", 4)] })
    const first = await p.submit(job(4, { entryPoint: "sleep 5" }))
    await p.reaches(first.id, "Running")
    const { id } = await p.submit(onGpus(kind, 2, 2))
    await p.settle()
    await p.plane.workloads.patch(p.owner, id, { replica: 3, gpu: "1", image: "other", priority: 1 })
    await expect(p.plane.workloads.patch(p.owner, id, { replica: 0 })).rejects.toMatchObject({
      code: "invalid",
    })
    const after = await p.reaches(id, whole(3))
    expect(after.workload).toMatchObject({
      rollout: { generation: 1, observed: 1, revision: 1 },
      priority: 1,
    })
    expect(freeGpus(p)).toEqual([1])
  })
})

function never(): never {
  throw new Error("There is none.")
}
