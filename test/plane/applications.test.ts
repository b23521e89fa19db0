import { describe, expect, it } from "vitest"
import type { WorkloadDetail } from "../../packages/server/src/domain/workloads/index.ts"
import { ready, serving } from "../support/applications.ts"
import { aNode, owner, type Submission } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()

const two = (rest: Submission = {}): Submission =>
  serving("Deployment", 2, { ...rest, resource: { gpu: "1", ...rest.resource } })
const podIds = (view: WorkloadDetail) => view.replicas.map((replica) => replica.podId)

describe("a Deployment", () => {
  it("is admitted as a whole, and runs once all of its pods are ready", async () => {
    const p = await plane()
    const { id } = await p.submit(two())
    const view = await p.reaches(id, "Running")
    expect(ready(view)).toBe(2)
    expect(view.workload).toMatchObject({
      dispatchCount: 1,
      claimId: null,
      rollout: { generation: 1, observed: 1 },
    })
    expect(view.workload.conditions.map((one) => one.type)).toEqual([
      "AdminScheduled",
      "AdminDispatched",
      ...(view.workload.conditions.some((one) => one.type === "K8sUpdating") ? ["K8sUpdating"] : []),
      "K8sRunning",
    ])
  })

  it("waits as a whole where only a part of it fits", async () => {
    const p = await plane()
    const { id } = await p.submit(two({ resource: { gpu: "8" } })).catch(() => ({ id: "" }))
    expect(id).toBe("")
    const first = await p.submit({ resource: { gpu: "7" }, entryPoint: "sleep 60" })
    await p.reaches(first.id, "Running")
    const second = await p.submit(two({ resource: { gpu: "2" } }))
    await p.advance(1000)
    expect((await p.view(second.id)).replicas).toEqual([])
    await p.reaches(second.id, "Running")
  })

  it("restarts a pod that ends in its place, later and later", async () => {
    const p = await plane({ script: { pod: () => ({ runMs: 5000, exitCode: 1 }) } })
    const { id } = await p.submit(two({ resource: { replica: 1 } }))
    await p.reaches(id, "Running")
    await p.reaches(id, (view) => (view.replicas[0]?.restarts ?? 0) === 4)
    const { replicas } = await p.view(id)
    expect(replicas[0]).toMatchObject({ starts: 4, crashes: 4 })
    expect((replicas[0]?.startAtMs ?? 0) - p.clock.nowMs()).toBeLessThanOrEqual(8000)
  })

  it("says that it is not ready when a pod is lost, and has it again by itself", async () => {
    const p = await plane()
    const { id } = await p.submit(two())
    const before = await p.reaches(id, "Running")
    p.world.end(before.attempts[0]?.id ?? ("" as never), 137)
    await p.reaches(id, "NotReady")
    const after = await p.reaches(id, "Running")
    expect(podIds(after)).toEqual(podIds(before))
    expect(after.workload.conditions.map((one) => one.type)).toContain("K8sFailed")
  })

  it("is updated pod by pod, never with fewer ready than it may miss", async () => {
    const p = await plane({ nodes: [aNode("n1", 8)] })
    const { id } = await p.submit(two({ resource: { replica: 4 } }))
    const before = await p.reaches(id, "Running")
    await p.plane.workloads.patch(owner, id, { image: "another" })
    let least = 4
    await p.until(async () => {
      const view = await p.view(id)
      least = Math.min(least, ready(view))
      return view.workload.phase === "Running" && view.workload.rollout?.observed === 2
    })
    expect(least).toBe(3)
    const after = await p.view(id)
    expect(after.replicas.map((replica) => replica.revision)).toEqual([2, 2, 2, 2])
    expect(podIds(after).filter((podId) => podIds(before).includes(podId))).toEqual([])
  })

  it("is Updating from the answer to the request on that changes it, and not for a change that is there", async () => {
    const p = await plane()
    const { id } = await p.submit(two())
    const patched = async (change: object) => {
      await p.plane.workloads.patch(owner, id, change)
      return (await p.view(id)).workload.phase
    }
    await p.reaches(id, "Running")
    expect(await patched({ image: "another" })).toBe("Updating")
    await p.reaches(id, "Running")
    expect(await patched({ image: "another" })).toBe("Running")
    expect(await patched({ replica: 0 })).toBe("Updating")
    await p.reaches(id, "Running")
    expect(await patched({ image: "a third" })).toBe("Running")
    expect(await patched({ replica: 1 })).toBe("Updating")
    await p.reaches(id, "Running")
  })

  it("grows, shrinks, goes down to nothing and comes back", async () => {
    const p = await plane()
    const { id } = await p.submit(two())
    await p.reaches(id, "Running")
    for (const replica of [5, 1, 0, 3]) {
      await p.plane.workloads.patch(owner, id, { replica })
      await p.reaches(id, (view) => view.replicas.length === replica && view.workload.phase === "Running")
    }
    expect(ready(await p.view(id))).toBe(3)
  })

  it("keeps its old pods when an update never gets ready, and goes on with the next one", async () => {
    const p = await plane({
      script: { pod: (launch) => (launch.env["BAD"] ? { runMs: 0, exitCode: 1 } : { runMs: null }) },
    })
    const { id } = await p.submit(two())
    await p.reaches(id, "Running")
    await p.plane.workloads.patch(owner, id, { env: { BAD: "1" } })
    await p.advance(600_000)
    const stuck = await p.view(id)
    expect(stuck.workload.phase).toBe("Updating")
    expect(new Set(stuck.replicas.map((replica) => replica.revision))).toEqual(new Set([1, 2]))
    expect(ready(stuck)).toBe(1)
    await p.plane.workloads.patch(owner, id, { env: { GOOD: "1" } })
    const after = await p.reaches(id, "Running")
    expect(after.replicas.map((replica) => replica.revision)).toEqual([3, 3])
  })

  it("is stopped, and gives all of its capacity back", async () => {
    const p = await plane()
    const { id } = await p.submit(two())
    await p.reaches(id, "Running")
    await p.plane.workloads.stop(owner, id)
    const view = await p.reaches(id, (one) => one.workload.phase === "Stopped" && one.replicas.length === 0)
    expect(view.workload.conditions.at(-1)?.type).toBe("AdminStopped")
    expect(p.world.live()).toEqual([])
    expect(p.plane.capacity.free(p.plane.capacity.nodes()[0]?.id ?? "").gpus).toBe(8)
  })

  it("is the same after a crash at any time of its life", async () => {
    const p = await plane()
    const { id } = await p.submit(two())
    await p.reaches(id, "Running")
    const before = await p.view(id)
    await p.crash()
    await p.restart()
    const after = await p.reaches(id, "Running")
    expect(podIds(after)).toEqual(podIds(before))
    expect(after.replicas.map((replica) => replica.starts)).toEqual([1, 1])
  })
})

describe("a StatefulSet", () => {
  it("starts its pods one after the other, under names that stay", async () => {
    const p = await plane({ script: { pod: () => ({ runMs: null, startMs: 2000 }) as never } })
    const { id } = await p.submit(two({ kind: "StatefulSet", resource: { replica: 3 } }))
    const seen: string[] = []
    await p.until(async () => {
      const view = await p.view(id)
      for (const replica of view.replicas)
        if (replica.state === "running" && !seen.includes(replica.podId)) seen.push(replica.podId)
      return view.workload.phase === "Running"
    })
    expect(seen).toEqual([`${id}-0`, `${id}-1`, `${id}-2`])
  })
})
