import { describe, expect, it } from "vitest"
import { aNode, type TestPlane } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()

const phase = async (p: TestPlane, id: string) => (await p.view(id)).workload.phase
const node = (p: TestPlane, name: string) => p.plane.capacity.node(name, "local")
const two = () => [aNode("n1"), aNode("n2")]

describe("a driver", () => {
  it("that cannot work is tried again, and the job says so", async () => {
    const p = await plane()
    let isDown = true
    p.world.use({ ensure: () => (isDown ? "unavailable" : "start"), pod: () => ({ runMs: 1000 }) })
    const { id } = await p.submit()
    await p.advance(5000)
    expect(await p.view(id)).toMatchObject({
      workload: { phase: "Pending" },
      reasons: [{ code: "driver_down" }],
    })
    isDown = false
    const { workload } = await p.reaches(id, "Succeeded")
    expect(workload).toMatchObject({ dispatchCount: 1, failures: 0 })
  })

  it.each(["hang", "unavailable"] as const)(
    "that starts nothing for ten minutes (%s) costs the place; the second time it is a failure",
    async (fate) => {
      const p = await plane({ script: { ensure: () => fate } })
      const { id } = await p.submit()
      await p.until(async () => (await p.view(id)).workload.dispatchCount === 2, 720_000)
      const once = await p.view(id)
      expect(once.workload).toMatchObject({ failures: 0, startDeadlines: 1, phase: "Pending" })
      await p.until(async () => (await phase(p, id)) === "Failed", 800_000)
      await p.settle()
      const { workload, attempts } = await p.view(id)
      expect(workload).toMatchObject({ cause: "start_deadline", failures: 1, dispatchCount: 2 })
      expect(attempts.map((one) => one.cause)).toEqual(["start_deadline", "start_deadline"])
      expect(p.world.startedAttempts).toBe(0)
      await p.advance(1000)
      expect(p.plane.capacity.free(node(p, "n1")?.id ?? "").gpus).toBe(8)
    },
  )

  it("that starts but whose processes never come up is given up likewise, and they are ended", async () => {
    const p = await plane({ script: { pod: () => ({ startDelayMs: 10_000_000 }) } })
    const { id } = await p.submit()
    await p.until(async () => (await phase(p, id)) === "Failed", 1_300_000)
    await p.advance(1000)
    expect(p.world.live()).toEqual([])
    expect((await p.view(id)).workload).toMatchObject({
      dispatchCount: 2,
      startedAtMs: expect.any(Number) as number,
    })
  })

  it("that hangs does not keep other work from being started", async () => {
    const p = await plane({ nodes: [aNode("n1", 64)] })
    p.world.use({
      ensure: ({ workloadId }) => (workloadId.startsWith("bad") ? "hang" : "start"),
      pod: () => ({ runMs: 1000 }),
    })
    for (let at = 0; at < 40; at++) await p.submit({ displayName: "bad", resource: { cpu: "0.1" } })
    await p.advance(1000)
    const good = await p.submit({ displayName: "good", resource: { cpu: "0.1" } })
    await p.advance(90_000)
    expect(await phase(p, good.id)).toBe("Succeeded")
  })

  it("that cannot look makes its nodes unhealthy until it can; what runs goes on", async () => {
    const p = await plane()
    const { id } = await p.submit({ entryPoint: "sleep 200" })
    await p.reaches(id, "Running")
    p.world.setDown("the machines do not answer")
    await p.advance(20_000)
    const waiting = await p.submit()
    await p.advance(1000)
    expect((await p.view(waiting.id)).reasons[0]).toMatchObject({ code: "nodes_unhealthy" })
    p.world.setDown(null)
    await p.reaches(waiting.id, "Succeeded")
    expect(await phase(p, id)).toBe("Running")
  })
})

describe("a node", () => {
  it("with a sick GPU is given nothing until it is well, and what runs on it goes on", async () => {
    const p = await plane({ nodes: [aNode("n1")], script: { pod: () => ({ runMs: 600_000 }) } })
    const first = await p.submit()
    await p.reaches(first.id, "Running")
    p.world.setNodeHealth("n1", false, "GPU 3 is lost.")
    p.world.setUtilisation("n1", [0, 50])
    const told: unknown[] = []
    p.plane.inventory.onReadings((reading) => told.push(reading.maxUtilisationPercent))
    await p.advance(16_000)
    expect(told).toEqual([50])
    expect(node(p, "n1")).toMatchObject({ healthy: false, healthMessage: "GPU 3 is lost." })
    const second = await p.submit()
    await p.advance(1_000)
    expect(await p.view(second.id)).toMatchObject({
      workload: { phase: "Pending" },
      reasons: [{ code: "nodes_unhealthy" }],
    })
    expect(await phase(p, first.id)).toBe("Running")
    p.world.setNodeHealth("n1", true)
    await p.reaches(second.id, "Running")
  })

  it("that is lost takes its jobs along, which start elsewhere and are not charged", async () => {
    const p = await plane({ nodes: two() })
    const { id } = await p.submit({ entryPoint: "sleep 100", resource: { gpu: "8" } })
    const { attempts } = await p.reaches(id, "Running")
    const lost = attempts[0]?.pods[0]?.nodeName ?? ""
    p.world.removeNode(lost)
    await p.advance(1000)
    const after = await p.view(id)
    expect(after.workload).toMatchObject({ nodeLosses: 1, failures: 0, phase: "Running" })
    expect(after.attempts).toMatchObject([{ cause: "node_lost" }, { state: "running" }])
    const told = after.workload.conditions.find(({ type }) => type === "AdminFailover")
    expect(told?.message).toBe(`the node ${lost} was lost`)
    expect(node(p, lost)?.healthy).toBe(false)
    await p.reaches(id, "Succeeded")
    expect(after.attempts[1]?.pods[0]?.nodeName).not.toBe(lost)
  })

  it("that is booted anew while the server is down is noticed at its start", async () => {
    const p = await plane()
    const { id } = await p.submit({ entryPoint: "sleep 100" })
    await p.reaches(id, "Running")
    await p.crash()
    p.world.reboot("n1")
    await p.advance(1000)
    await p.restart()
    await p.advance(1000)
    expect((await p.view(id)).workload).toMatchObject({ nodeLosses: 1, failures: 0, dispatchCount: 2 })
  })

  it("that is lost with one rank of a gang ends the others on the nodes that are left", async () => {
    const p = await plane({ nodes: [...two(), aNode("n3")] })
    const { id } = await p.submit({ entryPoint: "sleep 100", resource: { gpu: "8", replica: 2 } })
    const { attempts } = await p.reaches(id, "Running")
    p.world.removeNode(attempts[0]?.pods[1]?.nodeName ?? "")
    await p.advance(1000)
    const after = await p.view(id)
    expect(after.workload).toMatchObject({ nodeLosses: 1, failures: 0, dispatchCount: 2 })
    expect(after.attempts[0]?.pods.map((pod) => pod.cause)).toEqual(["node_lost", "node_lost"])
  })

  it("that is cordoned takes nothing new and keeps what runs", async () => {
    const p = await plane()
    const running = await p.submit({ entryPoint: "sleep 20" })
    await p.reaches(running.id, "Running")
    await p.plane.inventory.cordon(p.owner, null, "n1")
    const waiting = await p.submit()
    await p.advance(10_000)
    expect([await phase(p, running.id), await phase(p, waiting.id)]).toEqual(["Running", "Pending"])
    expect((await p.view(waiting.id)).reasons[0]?.code).toBe("cordoned")
    await p.plane.inventory.uncordon(p.owner, null, "n1")
    await p.settle()
    expect(await phase(p, waiting.id)).toBe("Running")
  })

  it("that is drained gives its work to others, then no longer drains and stays cordoned", async () => {
    const p = await plane({ nodes: two(), script: { pod: () => ({ runMs: 60_000, stopMs: 4000 }) } })
    const { id } = await p.submit({ resource: { gpu: "8" } })
    const from = (await p.reaches(id, "Running")).attempts[0]?.pods[0]?.nodeName ?? ""
    await p.plane.inventory.drain(p.owner, null, from)
    await p.advance(1000)
    expect(node(p, from)).toMatchObject({ draining: true, cordoned: true })
    expect(await phase(p, id)).toBe("Pending")
    await p.advance(4000)
    const moved = await p.view(id)
    expect(moved.workload).toMatchObject({ phase: "Running", failures: 0, dispatchCount: 2 })
    expect(moved.attempts[1]?.pods[0]?.nodeName).not.toBe(from)
    expect(node(p, from)).toMatchObject({ draining: false, cordoned: true })
  })

  it("that is drained goes on draining after a restart", async () => {
    const p = await plane({ script: { pod: () => ({ runMs: 60_000, stopMs: 4000 }) } })
    const { id } = await p.submit()
    await p.reaches(id, "Running")
    const drained = p.plane.inventory.drain(p.owner, null, "n1")
    await drained
    await p.restart()
    await p.advance(10_000)
    expect(node(p, "n1")).toMatchObject({ draining: false, cordoned: true })
    expect((await p.view(id)).reasons[0]?.code).toBe("cordoned")
  })

  it("without work is drained at once", async () => {
    const p = await plane()
    await p.plane.inventory.drain(p.owner, null, "n1")
    await p.settle()
    expect(node(p, "n1")).toMatchObject({ draining: false, cordoned: true })
  })

  it("whose claims cannot be moved while the store is full is drained when it is not any more", async () => {
    let writes = Infinity
    const p = await plane({ refuse: () => writes-- <= 0 })
    const { id } = await p.submit({ entryPoint: "sleep 500" })
    await p.reaches(id, "Running")
    writes = 1
    await p.plane.inventory.drain(p.owner, null, "n1")
    await p.advance(30_000)
    expect(await phase(p, id)).toBe("Running")
    writes = Infinity
    await p.advance(40_000)
    expect(node(p, "n1")).toMatchObject({ draining: false, cordoned: true })
    expect(await phase(p, id)).toBe("Pending")
  })
})
