import { describe, expect, it } from "vitest"
import { createFakeDriver } from "../../packages/server/src/drivers/fake/fake-driver.ts"
import type { AttemptId, Replica } from "../../packages/server/src/domain/workloads/index.ts"
import { applicationKinds, ready, serving, whole } from "../support/applications.ts"
import { aNode, owner, type TestPlane } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()

const attemptOf = (replica: Replica | undefined): AttemptId => {
  if (!replica?.attemptId) throw new Error("It was never started.")
  return replica.attemptId
}
const phases = async (p: TestPlane, id: string) =>
  (await p.view(id)).workload.conditions.map((one) => one.type).filter((type) => type.startsWith("K8s"))

describe.each(applicationKinds)("a pod of a %s", (kind) => {
  it("whose readiness comes and goes is never restarted for it; the phase follows", async () => {
    const p = await plane()
    const { id } = await p.submit(serving(kind, 2))
    const { replicas } = await p.reaches(id, whole(2))
    const [first] = replicas
    for (let times = 0; times < 3; times++) {
      p.world.setReady(attemptOf(first), first?.podId ?? "", false)
      await p.advance(1)
      expect((await p.view(id)).workload.phase).toBe("NotReady")
      p.world.setReady(attemptOf(first), first?.podId ?? "", true)
      await p.advance(1)
      expect((await p.view(id)).workload.phase).toBe("Running")
    }
    expect((await p.view(id)).replicas).toMatchObject([
      { starts: 1, restarts: 0 },
      { starts: 1, restarts: 0 },
    ])
    expect((await phases(p, id)).slice(-4)).toEqual(["K8sFailed", "K8sRunning", "K8sFailed", "K8sRunning"])
    expect((await p.view(id)).workload.conditions.length).toBeLessThanOrEqual(30)
  })

  it("that crashes again and again leaves no more logs than are listed", async () => {
    const made: AttemptId[] = []
    const p = await plane({
      script: {
        pod(launch) {
          if (!made.includes(launch.id)) made.push(launch.id)
          return { runMs: 0, exitCode: 1, lines: [{ afterMs: 0, text: "boom" }] }
        },
      },
    })
    const { id } = await p.submit(serving(kind, 1))
    await p.until(() => Promise.resolve(made.length > 110), 8_000_000)
    const listed = new Set((await p.view(id)).attempts.map((one) => one.id))
    expect(listed.size).toBeLessThanOrEqual(102)
    const podId = (await p.view(id)).replicas[0]?.podId ?? ""
    const driver = createFakeDriver({ clusterId: "local", clock: p.clock, world: p.world })
    const isKept = (attempt: AttemptId) =>
      driver
        .readLog({ attempt }, podId, { tailLines: null, sinceMs: null, fromOffset: null, maxBytes: 10 })
        .then(
          () => true,
          () => false,
        )
    const kept = await Promise.all(made.map(async (one) => ((await isKept(one)) ? [one] : [])))
    expect(kept.flat().filter((one) => !listed.has(one))).toEqual([])
    expect(kept.flat().length).toBeGreaterThan(90)
  })

  it("that fails its liveness probe is restarted in place, counted as such", async () => {
    const p = await plane()
    const { id } = await p.submit(serving(kind, 2))
    const { replicas } = await p.reaches(id, whole(2))
    const [first] = replicas
    p.world.endUnhealthy(attemptOf(first), first?.podId ?? "")
    await p.reaches(id, "NotReady")
    const after = await p.reaches(id, whole(2))
    expect(after.replicas[0]).toMatchObject({
      podId: first?.podId,
      place: first?.place,
      starts: 2,
      restarts: 1,
      livenessFailures: 1,
    })
    expect(after.replicas[1]).toMatchObject({ starts: 1, restarts: 0, livenessFailures: 0 })
    const ended = (await p.events(id)).filter((one) => one.type === "workload.pod_ended")
    expect(ended.map((one) => one.data["cause"])).toEqual(["unhealthy"])
  })

  it("that succeeds is started again all the same, and one that vanished too", async () => {
    const p = await plane()
    const { id } = await p.submit(serving(kind, 1))
    const first = await p.reaches(id, whole(1))
    p.world.end(attemptOf(first.replicas[0]), 0)
    await p.until(async () => ready(await p.view(id)) === 0)
    const second = await p.reaches(id, whole(1))
    p.world.end(attemptOf(second.replicas[0]), null)
    await p.until(async () => ready(await p.view(id)) === 0)
    const third = await p.reaches(id, whole(1))
    expect(third.replicas[0]).toMatchObject({ starts: 3, restarts: 2, podId: first.replicas[0]?.podId })
    expect(third.attempts.map((one) => one.cause)).toEqual(["succeeded", "lost", null])
  })

  it("begins its back-off anew after a long life", async () => {
    const p = await plane({ script: { pod: () => ({ runMs: 700_000, exitCode: 1 }) } })
    const { id } = await p.submit(serving(kind, 1))
    await p.until(async () => ((await p.view(id)).replicas[0]?.restarts ?? 0) === 3, 2_400_000)
    expect((await p.view(id)).replicas[0]).toMatchObject({ crashes: 1, restarts: 3 })
  })

  it("that ignores TERM keeps its capacity at a scale down until it is killed", async () => {
    const p = await plane({
      nodes: [aNode("n1", 2)],
      script: { pod: () => ({ runMs: null, ignoresTerm: true }) },
    })
    const { id } = await p.submit(serving(kind, 2, { resource: { gpu: "1" } }))
    await p.reaches(id, whole(2))
    await p.plane.workloads.patch(p.owner, id, { replica: 1 })
    const job = await p.submit({ resource: { gpu: "1" } })
    await p.advance(29_000)
    expect((await p.view(job.id)).workload.phase).toBe("Pending")
    expect(p.world.live().length).toBe(2)
    // it serves nobody any more, though it runs
    expect(ready(await p.view(id))).toBe(1)
    await p.reaches(job.id, "Running")
    expect((await p.view(id)).replicas.length).toBe(1)
  })

  it("that was replaced is still readable by its name and run", async () => {
    const p = await plane({
      script: { pod: (launch) => ({ runMs: null, lines: [{ afterMs: 0, text: `run ${launch.run}` }] }) },
    })
    const { id } = await p.submit(serving(kind, 1))
    const before = await p.reaches(id, whole(1))
    p.world.end(attemptOf(before.replicas[0]), 1)
    await p.until(async () => ready(await p.view(id)) === 0)
    await p.reaches(id, whole(1))
    await p.plane.workloads.patch(p.owner, id, { image: "b" })
    const after = await p.reaches(id, (view) => whole(1)(view) && view.workload.rollout?.observed === 2)
    const query = { tailLines: null, sinceMs: null, fromOffset: null, maxBytes: 1000 }
    const read = async (podId: string, run?: number) =>
      (await p.plane.workloads.readLog(p.owner, id, podId, { container: "", ...(run && { run }), query }))
        .lines
    const [old = "", now = ""] = [before, after].map((view) => view.replicas[0]?.podId)
    expect(await read(old, 1)).toEqual(["run 1"])
    expect(await read(old, 2)).toEqual(["run 2"])
    expect(await read(now)).toEqual(["run 3"])
    if (kind === "Deployment") expect(await read(old)).toEqual(["run 2"])
    await expect(read(now, 9)).rejects.toMatchObject({ code: "not_found" })
  })
})

describe("a StatefulSet", () => {
  it("that loses a pod in the middle has it back under its name; the others go on", async () => {
    const p = await plane({ nodes: [aNode("n1"), aNode("n2"), aNode("n3")] })
    const { id } = await p.submit(serving("StatefulSet", 3, { resource: { gpu: "5" } }))
    const before = await p.reaches(id, whole(3))
    p.world.removeNode(before.replicas[1]?.place?.nodeName ?? "")
    p.world.setNode(aNode("n4"))
    await p.until(async () => ready(await p.view(id)) === 2)
    const after = await p.reaches(id, whole(3))
    expect(after.replicas.map((one) => one.podId)).toEqual([`${id}-0`, `${id}-1`, `${id}-2`])
    expect(after.replicas[1]?.place?.nodeName).toBe("n4")
    expect(after.replicas.map((one) => one.starts)).toEqual([1, 2, 1])
  })

  it("ends its pods from the last to the first, each after the one before is gone", async () => {
    const p = await plane({ script: { pod: () => ({ runMs: null, stopMs: 3000 }) } })
    const { id } = await p.submit(serving("StatefulSet", 4))
    await p.reaches(id, whole(4))
    await p.plane.workloads.patch(p.owner, id, { replica: 1 })
    const seen: string[] = []
    await p.until(async () => {
      const { replicas } = await p.view(id)
      expect(replicas.filter((one) => one.state === "leaving").length).toBeLessThanOrEqual(1)
      for (const one of replicas) if (one.leaving && !seen.includes(one.podId)) seen.push(one.podId)
      return replicas.length === 1
    })
    expect(seen).toEqual([`${id}-3`, `${id}-2`, `${id}-1`])
  })

  it("starts none of its pods before those in front of it are ready", async () => {
    const p = await plane({ script: { pod: () => ({ runMs: null, readyAfterMs: 4000 }) } })
    const { id } = await p.submit(serving("StatefulSet", 3))
    await p.until(async () => {
      const view = await p.view(id)
      const running = view.replicas.filter((one) => one.state === "running")
      expect(running.filter((one) => one.readySinceMs === null).length).toBeLessThanOrEqual(1)
      return whole(3)(view)
    })
    expect(p.world.startedAttempts).toBe(3)
  })
})

describe.each(applicationKinds)("a large %s", (kind) => {
  it("costs transactions in proportion to its pods, not to their square", async () => {
    const cost = async (replica: number) => {
      const p = await plane({ nodes: [aNode("n1", 8), aNode("n2", 8)] })
      const small = { cpu: "0.1", memory: "1Mi" }
      const { id } = await p.submit(serving(kind, replica, { resource: small }))
      const { committed, workloads } = p.store
      await p.until(async () => (await workloads.byId(committed, id))?.phase === "Running", 2_000_000)
      expect(ready(await p.view(id))).toBe(replica)
      const started = p.life.transactions
      await p.plane.workloads.stop(p.owner, id)
      await p.advance(60_000)
      expect(p.world.live()).toEqual([])
      return { start: started / replica, stop: (p.life.transactions - started) / replica }
    }
    const few = await cost(15)
    const many = await cost(kind === "Deployment" ? 300 : 120)
    expect(many.start).toBeLessThan(few.start * 1.2 + 1)
    expect(many.stop).toBeLessThan(few.stop * 1.2 + 1)
    expect(many.start).toBeLessThan(10)
  })
})

describe("a pod whose processes outlive their end", () => {
  it("gives its place up, which sets the node aside until they are gone; then it starts elsewhere", async () => {
    const p = await plane({
      nodes: [aNode("n1", 1), aNode("n2", 1)],
      script: { pod: (launch) => ({ runMs: null, isStuck: launch.env["OLD"] === "1" }) },
    })
    const { id } = await p.submit(serving("Deployment", 1, { env: { OLD: "1" }, resource: { gpu: "1" } }))
    const before = await p.reaches(id, whole(1))
    const stuckOn = before.replicas[0]?.place?.nodeName
    await p.plane.workloads.patch(owner, id, { env: { OLD: "" } })
    await p.reaches(id, (view) => view.replicas[0]?.state === "leaving")
    await p.until(() => p.plane.capacity.nodes().some((node) => node.name === stuckOn && node.stuck))
    expect((await p.view(id)).workload.phase).toBe("Updating")
    p.world.release(attemptOf(before.replicas[0]))
    const after = await p.reaches(id, whole(1))
    expect(after.replicas[0]?.revision).toBe(2)
    expect(p.plane.capacity.nodes().every((node) => !node.stuck)).toBe(true)
  })
})
