import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { aMachine, openPlatform, type Platform } from "../workspaces/platform-suite.ts"
import type { Node } from "./types.ts"

let platform: Platform
beforeEach(async () => {
  platform = await openPlatform()
})
afterEach(() => platform.close())

const refused = (code: string, facts: object = {}) => expect.objectContaining({ code, ...facts })
const node = (name: string): Node => {
  const found = platform.inventory.list().find((one) => one.name === name)
  if (!found) throw new Error(`no node ${name}`)
  return found
}

describe("a look", () => {
  it("writes a node once, and afterwards nothing while only readings change", async () => {
    const { inventory, clock, store } = platform
    await inventory.seen("local", [aMachine("n1")])
    const [events, version, commits] = [await platform.events(), node("n1").version, platform.commits()]
    await clock.advance(1_000)
    const hot = aMachine("n1").gpus.map((gpu) => ({ ...gpu, temperatureC: 85 }))
    await inventory.seen("local", [aMachine("n1", { gpus: hot })])
    expect([await platform.events(), platform.commits()]).toEqual([events, commits])
    expect(node("n1")).toMatchObject({ version, lastSeenAtMs: clock.nowMs() })
    expect(node("n1").gpus.map((gpu) => gpu.temperatureC)).toEqual([85, 85])
    const [row] = await store.inventory.nodes(store.committed)
    expect(row?.gpus.map((gpu) => [gpu.temperatureC, gpu.powerW, gpu.utilisationPercent])).toEqual([
      [null, null, null],
      [null, null, null],
    ])
  })

  it("tells at every look how busy each node it saw was, whether or not anything was written", async () => {
    const { inventory, clock } = platform
    const told: unknown[] = []
    const stop = inventory.onReadings(({ nodeId, ...rest }) => told.push([node("n1").id === nodeId, rest]))
    await inventory.seen("local", [aMachine("n1")])
    await clock.advance(1_000)
    const busy = aMachine("n1").gpus.map((gpu, at) => ({ ...gpu, utilisationPercent: at * 60 }))
    await inventory.seen("local", [aMachine("n1", { gpus: busy })])
    await inventory.unseen("local", "no driver")
    const atMs = clock.nowMs()
    expect(told).toEqual([
      [true, { atMs: atMs - 1_000, maxUtilisationPercent: 0 }],
      [true, { atMs, maxUtilisationPercent: 60 }],
    ])
    await inventory.seen("local", [aMachine("n2")])
    expect(told[2]).toEqual([false, { atMs, maxUtilisationPercent: 0 }])
    stop()
    await inventory.seen("local", [aMachine("n1")])
    expect(told).toHaveLength(3)
  })

  it("keeps a node's id over a restart and gives the notices in the order of the versions", async () => {
    const { inventory } = platform
    await inventory.seen("local", [aMachine("n1")])
    const { id } = node("n1")
    await platform.reload()
    await inventory.seen("local", [aMachine("n1", { bootId: "boot-2" })])
    await inventory.cordon(platform.owner, null, "n1")
    expect(node("n1").id).toBe(id)
    expect(platform.nodeNotices.map((notice) => notice.version)).toEqual([1, 2, 3])
    expect((await platform.events()).slice(-3)).toEqual(["node.added", "node.rebooted", "node.cordoned"])
  })

  it("turns a real machine that is missing unhealthy once, and healthy when it is back", async () => {
    const { inventory } = platform
    await inventory.seen("local", [aMachine("n1"), aMachine("n2")])
    await inventory.seen("local", [aMachine("n1")])
    expect(node("n2")).toMatchObject({ healthy: false, removedAtMs: null })
    expect(node("n2").healthMessage).not.toBe("")
    const before = await platform.events()
    await inventory.seen("local", [aMachine("n1")])
    expect(await platform.events()).toEqual(before)
    await inventory.seen("local", [aMachine("n1"), aMachine("n2")])
    expect(node("n2")).toMatchObject({ healthy: true, healthMessage: "" })
  })

  it("removes a simulated node that is no longer declared; declared anew it is a new one", async () => {
    const { inventory } = platform
    const declared = aMachine("sim", { simulated: true })
    await inventory.seen("lab", [declared])
    const { id } = node("sim")
    await inventory.seen("lab", [])
    expect(inventory.list()).toEqual([])
    expect(platform.nodeNotices.at(-1)?.removedAtMs).toBe(platform.clock.nowMs())
    await expect(inventory.cordon(platform.owner, "lab", "sim")).rejects.toThrow(refused("not_found"))
    await inventory.seen("lab", [declared])
    expect(node("sim").id).not.toBe(id)
  })

  it("at one cluster leaves the nodes of another alone", async () => {
    const { inventory } = platform
    await inventory.seen("lab", [aMachine("x", { simulated: true })])
    await inventory.seen("local", [aMachine("n1")])
    await inventory.unseen("local", "gone")
    expect([node("x").healthy, node("n1").healthy]).toEqual([true, false])
  })

  it("twice at once adds each machine once", async () => {
    const { inventory } = platform
    await Promise.all([1, 2, 3].map(() => inventory.seen("local", [aMachine("n1"), aMachine("n2")])))
    expect(inventory.list().map((one) => one.name)).toEqual(["n1", "n2"])
    expect((await platform.events()).filter((type) => type === "node.added")).toHaveLength(2)
  })

  it("that fails says so in the cluster, marks its nodes once, and is forgotten with the next good one", async () => {
    const { inventory, owner } = platform
    const local = async () => (await inventory.clusters(owner))[0]
    expect((await local())?.driverMessage).not.toBe("")
    await inventory.seen("local", [aMachine("n1")])
    expect(await local()).toMatchObject({ id: "local", nodes: 1, healthyNodes: 1, driverMessage: "" })
    await inventory.unseen("local", "first " + "x".repeat(1_000))
    const before = await platform.events()
    await inventory.unseen("local", "second")
    expect(await platform.events()).toEqual(before)
    expect(await local()).toMatchObject({ healthyNodes: 0, driverMessage: "second" })
    expect(node("n1").healthMessage).toMatch(/^first x{494}$/)
    await inventory.seen("local", [aMachine("n1")])
    expect(await local()).toMatchObject({ healthyNodes: 1, driverMessage: "" })
  })

  it("racing a cordon loses neither", async () => {
    const { inventory, owner } = platform
    await inventory.seen("local", [aMachine("n1")])
    await Promise.all([
      inventory.seen("local", [aMachine("n1", { hostIp: "10.0.0.9" })]),
      inventory.cordon(owner, "local", "n1"),
      inventory.setStuck(node("n1").id, true),
    ])
    expect(node("n1")).toMatchObject({ hostIp: "10.0.0.9", cordoned: true, stuck: true, version: 4 })
  })
})

describe("decisions", () => {
  beforeEach(() => platform.inventory.seen("local", [aMachine("n1")]))

  it("cordon, drain, end of the drain: cordoned stays, each is written once", async () => {
    const { inventory, owner } = platform
    for (const _ of [1, 2])
      expect(await inventory.cordon(owner, null, "n1")).toMatchObject({ cordoned: true })
    for (const _ of [1, 2]) expect(await inventory.drain(owner, null, "n1")).toMatchObject({ draining: true })
    for (const _ of [1, 2]) await inventory.drained(node("n1").id)
    expect(node("n1")).toMatchObject({ cordoned: true, draining: false, version: 4 })
    for (const _ of [1, 2]) expect((await inventory.uncordon(owner, null, "n1")).cordoned).toBe(false)
    expect((await platform.events()).slice(-4)).toEqual([
      "node.cordoned",
      "node.draining",
      "node.drained",
      "node.uncordoned",
    ])
  })

  it("uncordoning calls a drain off", async () => {
    const { inventory, owner } = platform
    await inventory.drain(owner, null, "n1")
    expect(await inventory.uncordon(owner, null, "n1")).toMatchObject({ cordoned: false, draining: false })
    await inventory.drained(node("n1").id)
    expect(node("n1").version).toBe(3)
  })

  it("stuck is set and cleared once, and of a node that is gone nothing happens", async () => {
    const { inventory } = platform
    for (const stuck of [true, true, false, false]) await inventory.setStuck(node("n1").id, stuck)
    await inventory.setStuck("nod_gone", true)
    await inventory.drained("nod_gone")
    expect((await platform.events()).slice(-2)).toEqual(["node.stuck", "node.unstuck"])
  })

  it("assign to a workspace that is there and take it back", async () => {
    const { inventory, owner } = platform
    await platform.workspace("team")
    expect((await inventory.assign(owner, null, "n1", "team")).workspaceId).toBe("team")
    expect(await inventory.nodes(owner, { workspaceId: "team" })).toHaveLength(1)
    await expect(inventory.assign(owner, null, "n1", "nowhere")).rejects.toThrow(
      refused("not_found", { resource: "workspace" }),
    )
    expect(node("n1").workspaceId).toBe("team")
    expect((await inventory.assign(owner, null, "n1", null)).workspaceId).toBeNull()
  })

  it("are the server Owner's alone", async () => {
    const { inventory } = platform
    for (const somebody of [await platform.person("vera", "viewer"), await platform.person("ann")])
      for (const act of [
        () => inventory.cordon(somebody, null, "n1"),
        () => inventory.uncordon(somebody, null, "n1"),
        () => inventory.drain(somebody, null, "n1"),
        () => inventory.assign(somebody, null, "n1", null),
      ])
        await expect(act()).rejects.toThrow(refused("forbidden"))
  })
})

describe("names", () => {
  it("that two clusters have need the cluster", async () => {
    const { inventory, owner } = platform
    await inventory.seen("local", [aMachine("n1")])
    await inventory.seen("lab", [aMachine("n1")])
    await expect(inventory.node(owner, null, "n1")).rejects.toThrow(
      refused("invalid", { message: "Node n1 is in several clusters (local, lab); name one of them." }),
    )
    expect((await inventory.cordon(owner, "lab", "n1")).clusterId).toBe("lab")
    expect((await inventory.node(owner, "local", "n1")).cordoned).toBe(false)
    await expect(inventory.node(owner, "mars", "n1")).rejects.toThrow(
      refused("not_found", { resource: "node" }),
    )
    expect((await inventory.nodes(owner, {})).map((one) => one.clusterId)).toEqual(["lab", "local"])
    expect(await inventory.nodes(owner, { clusterId: "lab" })).toHaveLength(1)
  })

  it("of workspaces that do not exist for the reader are not told", async () => {
    const { inventory, owner } = platform
    await platform.workspace("team")
    const ann = await platform.person("ann")
    await inventory.seen("local", [aMachine("n1")])
    await inventory.assign(owner, null, "n1", "team")
    expect((await inventory.node(ann, null, "n1")).workspaceId).toBeNull()
    expect((await inventory.nodes(ann, {})).map((one) => one.workspaceId)).toEqual([null])
    await expect(inventory.nodes(ann, { workspaceId: "team" })).rejects.toThrow(refused("not_found"))
    await platform.workspaces.setMember(owner, "team", ann.userId, "viewer")
    expect((await inventory.node(ann, null, "n1")).workspaceId).toBe("team")
  })
})
