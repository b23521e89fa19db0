import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { aMachine } from "../../workspaces/platform-suite.ts"
import type { Board } from "../board/board-types.ts"
import type { GpuRequestService } from "../commands.ts"
import { aWish, hourMs, openGpuWorld, type GpuWorld } from "../gpu-world-suite.ts"

let world: GpuWorld
let board: Board
beforeEach(async () => {
  world = await openGpuWorld()
  board = world.board
  for (const id of ["red", "blue", "green"]) {
    if (id === "green") await world.workspace(id)
    await world.workspaces.update(world.owner, id, { policy: { mostGpuRequests: null } })
  }
})
afterEach(() => world.close())

const refused = (code: string, facts: object = {}): Error =>
  expect.objectContaining({ code, ...facts }) as Error
type Wanted = Parameters<GpuRequestService["estimate"]>[1]
const ask = (change: Partial<Wanted> = {}, who = world.owner) => {
  const { name: _, ...wish } = aWish()
  return world.requests.estimate(who, { ...wish, ...change })
}
/** Made, and given what the plan has for it now. */
async function run(change: Parameters<typeof aWish>[0] = {}) {
  const made = await world.requests.create(world.owner, aWish(change))
  const { provisions } = board.plan(world.clock.nowMs())
  const own = provisions.find((provision) => provision.requestId === made.id)
  const names = world.inventory.list().filter((node) => own?.nodeIds.includes(node.id))
  return own ? world.provision(made, ...names.map((node) => node.name)) : made
}

describe("an estimate", () => {
  it("says that it fits now, and where", async () => {
    expect(await ask({ nodes: 2 })).toEqual({
      outcome: "now",
      startMs: world.clock.nowMs(),
      waitMs: 0,
      likelyStartMs: world.clock.nowMs(),
      clusterId: "local",
      nodes: ["n1", "n2"],
      reason: null,
      sentence: "It would start at once on n1, n2 in cluster local.",
      nearest: null,
      alternatives: [],
    })
  })

  it("changes nothing", async () => {
    const before = await world.everything()
    const print = board.fingerprint()
    await ask({ nodes: 3 })
    await ask({ nodes: 30 })
    expect(await world.everything()).toEqual(before)
    expect(board.fingerprint()).toBe(print)
  })

  it("says about how long it waits", async () => {
    await run({ nodes: 3, durationMs: 2 * hourMs, workspaceId: "blue" })
    await world.clock.advance(hourMs / 2)
    const answer = await ask({ nodes: 3 })
    expect(answer).toMatchObject({ outcome: "later", waitMs: 1.5 * hourMs, nodes: ["n1", "n2", "n3"] })
    expect(answer.sentence).toBe(
      "It would start in about 1 h 30 min, at 2030-01-01T02:00:00Z, on n1, n2, n3 in cluster local.",
    )
  })

  it("is what comes true for a request that is made in the same moment", async () => {
    await run({ nodes: 2, workspaceId: "blue" })
    await run({ nodes: 3, workspaceId: "blue" })
    const { startMs } = await ask({ nodes: 2 })
    const made = await run({ nodes: 2 })
    expect((await world.requests.get(world.owner, made.shownId)).slot?.startMs).toBe(startMs)
  })

  it("says that it cannot be met because of what, and what is nearest", async () => {
    const answer = await ask({ memoryGibPerGpu: 100, nodes: 2 })
    expect(answer).toMatchObject({
      outcome: "never",
      startMs: null,
      waitMs: null,
      clusterId: null,
      nodes: [],
      reason: { code: "cannot_be_met" },
      nearest: { clusterId: "local", gpuModel: "NVIDIA-H100-80GB-HBM3", memoryGibPerGpu: 80, nodes: 2 },
    })
    expect(answer.sentence).toMatch(
      /100 GiB.*Nearest to it: 2 nodes of h100-2 with 1 x NVIDIA-H100-80GB-HBM3/,
    )
  })

  it("says of nodes that are not well that they are, and not that there are none", async () => {
    const [n1, n2, n3] = ["n1", "n2", "n3"].map((name) => aMachine(name))
    const sick = { healthy: false, healthMessage: "GPU 0 is lost." }
    if (n1 && n2 && n3) await world.inventory.seen("local", [{ ...n1, ...sick }, n2, n3])
    const answer = await ask({ nodes: 3 })
    expect(answer).toMatchObject({ outcome: "never", reason: { code: "nodes_unhealthy" }, nearest: null })
    expect(answer.alternatives[0]).toMatchObject({ nodes: 2, waitMs: 0 })
  })

  it.each<[string, Partial<Wanted>]>([
    ["gpusPerNode", { gpusPerNode: 0 }],
    ["nodes", { nodes: 101 }],
    ["durationMs", { durationMs: Number.NaN }],
    ["priority", { priority: 301 }],
    ["clusters", { clusters: [] }],
  ])("refuses a bad %s: %j", async (member, change) => {
    await expect(ask(change)).rejects.toThrow(
      refused("invalid", { issues: [expect.objectContaining({ path: [member] })] }),
    )
  })

  it("is for everybody with a role in the workspace", async () => {
    const viewer = await world.member("vic", "red", "viewer")
    const stranger = await world.member("sue", "blue", "owner")
    expect((await ask({}, viewer)).outcome).toBe("now")
    await expect(ask({}, stranger)).rejects.toThrow(refused("not_found", { resource: "workspace" }))
    await expect(ask({ clusters: ["mars"] })).rejects.toThrow(refused("not_found", { resource: "cluster" }))
  })

  it("is not given for a workspace that is being deleted", async () => {
    world.live.set("red", 1)
    await world.workspaces.remove(world.owner, "red", { force: true })
    await expect(ask()).rejects.toThrow(refused("conflict", { detail: "deleting" }))
  })

  it("names those in the way only to those who may see them", async () => {
    await run({ nodes: 3, workspaceId: "blue" })
    await world.workspaces.update(world.owner, "green", { policy: { mostGpuRequests: 1 } })
    const vic = await world.member("vic", "red", "viewer")
    expect(JSON.stringify(await ask({}, vic))).not.toMatch(/blue|gpr/)
  })
})

describe("alternatives", () => {
  const shapes = async (change: Partial<Wanted>) =>
    (await ask(change)).alternatives.map((one) => [
      one.gpuModel,
      one.gpusPerNode,
      one.nodes,
      one.durationMs / hourMs,
      one.waitMs / hourMs,
    ])
  const h100 = "NVIDIA-H100-80GB-HBM3"

  it("are none where it starts at once", async () => {
    await run({ workspaceId: "blue" })
    expect((await ask({ nodes: 2 })).alternatives).toEqual([])
  })

  it("are as many nodes as are free now, and not fewer of them that start no sooner", async () => {
    await run({ workspaceId: "blue", durationMs: 4 * hourMs })
    expect(await shapes({ nodes: 3 })).toEqual([[h100, 1, 2, 1, 0]])
    expect((await ask({ nodes: 3 })).alternatives[0]?.sentence).toBe(
      "With 2 nodes instead of 3 it would start at once.",
    )
  })

  it("are soonest first, also those that have to wait", async () => {
    await run({ workspaceId: "blue", nodes: 1, durationMs: 2 * hourMs })
    await run({ workspaceId: "green", nodes: 1, durationMs: 4 * hourMs })
    expect(await shapes({ nodes: 3 })).toEqual([
      [h100, 1, 1, 1, 0],
      [h100, 1, 2, 1, 2],
    ])
    expect((await ask({ nodes: 3 })).alternatives[1]?.sentence).toBe(
      "With 2 nodes instead of 3 it would start in about 2 h.",
    )
  })

  it("are other GPUs of the workspace's clusters with no less memory", async () => {
    const t4 = { gpuModel: "Tesla-T4", instanceType: "t4-1g" }
    const machines = ["n1", "n2", "n3"].map((name) => aMachine(name))
    await world.inventory.seen("local", [...machines, aMachine("t1", t4)])
    await run({ workspaceId: "blue", nodes: 3, instanceType: "h100-2" })
    const other = await shapes({ instanceType: "h100-2", memoryGibPerGpu: 80 })
    expect(other).toEqual([["Tesla-T4", 1, 1, 1, 0]])
    expect(await shapes({ instanceType: "h100-2", memoryGibPerGpu: 81 })).toEqual([])
  })

  it("are other clusters of the workspace, never those of others", async () => {
    await world.inventory.seen("lab", [aMachine("l1")])
    await run({ workspaceId: "blue", nodes: 3 })
    expect(await shapes({})).toEqual([])
    await world.workspaces.update(world.owner, "red", { clusters: ["local", "lab"] })
    const { alternatives } = await ask({ clusters: ["local"] })
    expect(alternatives).toMatchObject([{ clusterId: "lab", waitMs: 0 }])
    expect(alternatives[0]?.sentence).toBe(`With ${h100} of h100-2 in cluster lab it would start at once.`)
  })

  it("are fewer GPUs on each node where no node has so many", async () => {
    expect(await shapes({ gpusPerNode: 4 })).toEqual([[h100, 2, 1, 1, 0]])
  })

  it("are the longest time that fits before somebody's slot", async () => {
    await run({ workspaceId: "blue", nodes: 2, durationMs: 90 * 60_000 })
    await run({ workspaceId: "green", nodes: 3, durationMs: hourMs })
    const { waitMs, alternatives } = await ask({ durationMs: 2 * hourMs })
    expect(waitMs).toBe(2.5 * hourMs)
    expect(alternatives[0]).toMatchObject({ durationMs: 1.5 * hourMs, waitMs: 0, nodes: 1 })
    expect(alternatives[0]?.sentence).toBe("With 1 h 30 min instead of 2 h it would start at once.")
    expect((await ask({ durationMs: 1.5 * hourMs })).outcome).toBe("now")
    expect((await ask({ durationMs: 1.5 * hourMs + 1 })).outcome).toBe("later")
  })

  it("are five at most, each of which comes true when it is asked for", async () => {
    const machines = ["n1", "n2", "n3"].map((name) => aMachine(name))
    const others = Array.from({ length: 7 }, (_, n) => aMachine(`m${n}`, { instanceType: `type-${n}` }))
    await world.inventory.seen("local", [...machines, ...others])
    await run({ workspaceId: "blue", nodes: 3, instanceType: "h100-2", durationMs: 5 * hourMs })
    const { alternatives } = await ask({ instanceType: "h100-2" })
    expect(alternatives.map(({ instanceType }) => instanceType)).toEqual(
      [0, 1, 2, 3, 4].map((n) => `type-${n}`),
    )
    for (const { gpusPerNode, nodes, durationMs, instanceType, gpuModel, startMs } of alternatives) {
      const again = await ask({ gpusPerNode, nodes, durationMs, instanceType, gpuModel })
      expect(again.startMs).toBe(startMs)
    }
  })
})
