import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { GpuNodeView, GpuRequestService } from "../../packages/server/src/domain/gpu-requests/index.ts"
import { noReadings, type Node, type NodeId } from "../../packages/server/src/domain/inventory/index.ts"
import { workspaceNotFound } from "../../packages/server/src/domain/identity/index.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"
import { curl, refusal, success } from "./egs-call.ts"
import { sampleRequest, scriptedGpus } from "./gpu-script.ts"

/** A machine of the document's, with one T4. */
function aNode(name: string, change: Partial<Node> = {}): Node {
  const amounts = { cpuMilli: 8000, memoryBytes: 2 ** 35, gpus: 1, ephemeralBytes: 2 ** 40 }
  const gpu = {
    index: 0,
    uuid: `GPU-${name}`,
    memoryBytes: 15_360 * 2 ** 20,
    usedOutside: false,
    ...noReadings,
  }
  return {
    id: `nod_${name}` as NodeId,
    clusterId: "worker-1",
    name,
    hostIp: "10.0.0.1",
    instanceType: "n1-standard-8",
    gpuModel: "Tesla-T4",
    gpus: [gpu],
    physical: amounts,
    capacity: amounts,
    labels: {},
    taints: [],
    simulated: true,
    bootId: "boot-1",
    healthy: true,
    healthMessage: "",
    cordoned: false,
    draining: false,
    workspaceId: null,
    stuck: false,
    firstSeenAtMs: 0,
    lastSeenAtMs: 0,
    removedAtMs: null,
    version: 1,
    ...change,
  }
}

const sinceMs = Date.UTC(2024, 11, 24, 7, 35, 3, 900)
const holder = sampleRequest({ shownId: "gpr-1bb22a0b-9388", workspaceId: "team" })
function heldView(node: Node, change: Partial<GpuNodeView> = {}): GpuNodeView {
  const hold = {
    nodeId: node.id,
    requestId: holder.id,
    workspaceId: "team",
    state: "held",
    sinceMs,
    drainDeadlineMs: null,
    untilMs: sinceMs + 3_600_000,
    automatic: false,
    version: 1,
  } as const
  return { node, managed: true, hold, holder, gpusInUse: 0, ...change }
}
const freeView = (node: Node, managed = true): GpuNodeView => ({
  node,
  managed,
  hold: null,
  holder: null,
  gpusInUse: 0,
})

let views: readonly GpuNodeView[] = []
const scripted: Partial<GpuRequestService> = {
  inventory: () => Promise.resolve(views),
  inventoryOf: (principal, id) =>
    principal.roleIn(id) === null ? Promise.reject(workspaceNotFound(id)) : Promise.resolve(views),
}

let server: BerthServer
let seedServer: BerthServer
beforeAll(async () => {
  const gpus = scriptedGpus()
  const services = { ...gpus, gpuRequests: { ...gpus.gpuRequests, ...scripted } }
  server = await startBerthServer({ services })
  const egs = { dialect: "seed", inventoryBySlice: "seed" } as const
  seedServer = await startBerthServer({ services, egs })
})
beforeEach(() => {
  views = []
})
afterAll(async () => {
  await server.close()
  await seedServer.close()
})

const ask = (path: string) => curl(server, { path })
async function listed() {
  const { text } = await ask("/inventory/list")
  return (JSON.parse(text) as { data: Record<string, Record<string, unknown>[]> }).data
}

describe("the inventory", () => {
  it("has each node in the members of the document, and of later clients", async () => {
    const name = "gke-dev-2-gke-cluste-dev-2-gke-cluste-9d71107a-hs19"
    views = [freeView(aNode(name, { labels: { "berth.dev/cloud-provider": "gcp" } }))]
    const shared = (memory: number) =>
      `"gpuNodeName":"${name}","gpuShape":"n1-standard-8","gpuModelName":"Tesla-T4","instanceType":"n1-standard-8","clusterName":"worker-1","memory":${memory},"gpuCount":1,"gpuTempThreshold":"","gpuPowerThreshold":"","cloudProvider":"gcp","region":"","nodeHealth":"Healthy","gpuNodeStatus":"NODE_AVAILABLE","gpuNodeState":"NODE_AVAILABLE"`
    const later = `,"cloud":"gcp","availableGPUs":1,"gpuSlicingProfile":[],"allocation":[]`
    const { status, text } = await ask("/inventory/list")
    expect([status, text]).toEqual([
      200,
      success(`{"items":[{${shared(15_360)}}],"managedNodes":[{${shared(15)}${later}}],"unmanagedNodes":[]}`),
    ])
  })

  it("says who has a node, and since when", async () => {
    views = [heldView(aNode("n-1"))]
    const { items, managedNodes } = await listed()
    expect(items?.[0]).toMatchObject({ gpuNodeStatus: "NODE_RESERVED", gpuNodeState: "NODE_RESERVED" })
    expect(managedNodes?.[0]).toMatchObject({ gpuNodeState: "NODE_RESERVED", availableGPUs: 0 })
    expect(JSON.stringify(managedNodes?.[0]?.["allocation"])).toBe(
      '[{"gprName":"gpr-1bb22a0b-9388","sliceName":"team","totalGPUsAllocated":1,"allocationTimeStamp":{"seconds":"1735025703","nanos":0}}]',
    )
  })

  it("names no holder that the caller may not see", async () => {
    views = [heldView(aNode("n-1"), { holder: null })]
    const { managedNodes } = await listed()
    expect(managedNodes?.[0]).toMatchObject({
      gpuNodeState: "NODE_RESERVED",
      allocation: [{ gprName: "", sliceName: "", totalGPUsAllocated: 1 }],
    })
  })

  it.each<[string, Partial<Node>]>([
    ["Healthy", {}],
    ["Unhealthy", { healthy: false }],
    ["Unhealthy", { stuck: true }],
    ["Unhealthy", { healthy: false, cordoned: true }],
    ["Unschedulable", { cordoned: true }],
    ["Unschedulable", { cordoned: true, draining: true }],
  ])("calls a node %s: %j", async (health, change) => {
    views = [freeView(aNode("n-1", change))]
    const { items, managedNodes } = await listed()
    expect(items?.[0]?.["nodeHealth"]).toBe(health)
    expect(managedNodes?.[0]).toMatchObject({
      nodeHealth: health,
      availableGPUs: health === "Healthy" ? 1 : 0,
    })
  })

  it("is by cluster and name, managed nodes apart from others", async () => {
    const place = (clusterId: string, name: string) => aNode(name, { clusterId })
    views = [
      freeView(place("worker-2", "a")),
      freeView(place("worker-1", "c"), false),
      freeView(place("worker-1", "b")),
      freeView(place("worker-1", "a")),
    ]
    const { items, managedNodes, unmanagedNodes } = await listed()
    const names = (nodes: typeof items) => nodes?.map((node) => [node["clusterName"], node["gpuNodeName"]])
    const managed = [
      ["worker-1", "a"],
      ["worker-1", "b"],
      ["worker-2", "a"],
    ]
    expect([names(items), names(managedNodes)]).toEqual([managed, managed])
    expect(names(unmanagedNodes)).toEqual([["worker-1", "c"]])
    expect(unmanagedNodes?.[0]).toMatchObject({ memory: 15, availableGPUs: 0 })
  })
})

describe("the inventory of a workspace", () => {
  const held = () => [heldView(aNode("n-2")), heldView(aNode("n-1"))]
  const seedMembers =
    '"nodeName":["n-1","n-2"],"instanceType":"n1-standard-8","memory":15360,"totalGpus":2,"gpuShape":"Tesla-T4"'

  it("is one item for each kind of node that it holds", async () => {
    views = held()
    const union = `,"memoryPerGpu":15,"gpuPerNode":1,"totalGpuNodes":2,"clusterName":"worker-1","gpuSlicingProfile":[]`
    expect((await ask("/inventory?sliceName=default")).text).toBe(
      success(`{"items":[{${seedMembers}${union}}]}`),
    )
    views = [...held(), heldView(aNode("big", { instanceType: "n1-standard-16" }))]
    const { json } = await ask("/inventory?sliceName=default")
    const { items } = (json as { data: { items: { nodeName: string[] }[] } }).data
    expect(items.map(({ nodeName }) => nodeName)).toEqual([["big"], ["n-1", "n-2"]])
  })

  it("has the document's five members alone where the configuration says so", async () => {
    views = held()
    const { text } = await curl(seedServer, { path: "/inventory?sliceName=default" })
    expect(text).toBe(success(`{"items":[{${seedMembers}}]}`))
  })

  it("is empty where nothing is held", async () => {
    expect((await ask("/inventory?sliceName=default")).text).toBe(success('{"items":[]}'))
  })

  it("of a workspace that is not there is a 404, and needs a name", async () => {
    const doing = "Error occurred while fetching the inventory details"
    const missing = await ask("/inventory?sliceName=workspace2")
    expect([missing.status, missing.text]).toEqual([
      404,
      refusal({
        status: 404,
        short: "Not Found",
        doing,
        said: 'sliceconfigs.controller.kubeslice.io "workspace2" not found',
        reason: "NotFound",
      }),
    ])
    for (const [query, said] of [
      ["", '"sliceName" is required'],
      ["?sliceName=", '"sliceName" is not allowed to be empty'],
    ]) {
      const { status, text } = await ask(`/inventory${query}`)
      const wanted = refusal({ status: 422, short: "Bad Request", doing, said: said ?? "" })
      expect([status, text]).toEqual([422, wanted])
    }
  })
})
