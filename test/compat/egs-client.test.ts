import { afterAll, beforeAll, expect, it } from "vitest"
import { startBerthServer, type BerthServer } from "./berth-server.ts"
import { strictClient } from "./egs-strict-client.ts"

let server: BerthServer
beforeAll(async () => {
  server = await startBerthServer({ clusters: ["worker-1"] })
})
afterAll(() => server.close())

const kind = (name: string) => expect.objectContaining({ kind: name })

it("a strict client goes through workspaces", async () => {
  const client = strictClient(server, server.token)
  expect(await client.createWorkspace("flow", ["worker-1"], ["ns-1"])).toEqual({ workspaceName: "flow" })
  await expect(client.createWorkspace("flow", ["worker-1"], [])).rejects.toThrow(
    kind("WorkspaceAlreadyExists"),
  )
  await expect(client.createWorkspace("other", ["mars"], [])).rejects.toThrow(kind("BadParameters"))
  expect((await client.workspaces()).map((one) => [one["name"], one["namespaces"]])).toEqual([
    ["default", null],
    ["flow", [{ namespace: "ns-1", clusters: ["worker-1"] }]],
  ])
  await expect(client.kubeConfig("flow")).rejects.toThrow(kind("UnhandledException"))
  const { managed, unmanaged } = await client.inventory()
  expect(managed.map((node) => node["gpuNodeState"])).toEqual(["NODE_AVAILABLE", "NODE_AVAILABLE"])
  expect(unmanaged).toEqual([])
  expect(await client.workspaceInventory("flow")).toEqual([])
  expect(await client.deleteWorkspace("flow")).toEqual({})
  expect((await client.workspaces()).map((one) => one["name"])).toEqual(["default"])
  await expect(client.deleteWorkspace("flow")).rejects.toThrow(kind("UnhandledException"))
})

it("a strict client goes through keys", async () => {
  const owner = strictClient(server, server.token)
  const wish = { userName: "admin", description: "", validity: "2999-12-31", workspaceName: "" }
  const reader = strictClient(server, await owner.createApiKey({ name: "reader", role: "Viewer", ...wish }))
  expect((await reader.workspaces()).length).toBeGreaterThan(0)
  await expect(reader.createWorkspace("x", ["worker-1"], [])).rejects.toThrow(kind("Unauthorized"))
  await expect(reader.apiKeys()).rejects.toThrow(kind("Unauthorized"))
  const row = (await owner.apiKeys()).find((one) => one["name"] === "reader")
  expect(await owner.deleteApiKey(String(row?.["apiKey"]))).toEqual({})
  await expect(owner.deleteApiKey("key_gone")).rejects.toThrow(kind("NotFound"))
  await expect(reader.workspaces()).rejects.toThrow(kind("ApiKeyNotFound"))
})

it("a strict client goes through GPU requests", async () => {
  const client = strictClient(server, server.token)
  await client.createWorkspace("gpus", ["worker-1"], [])
  const wish = {
    gprName: "created-by-client",
    sliceName: "gpus",
    clusterName: "worker-1",
    numberOfGPUs: 1,
    numberOfGPUNodes: 1,
    instanceType: "gpu-8",
    gpuShape: "H100",
    memoryPerGpu: 80,
    exitDuration: "0d0h30m",
    priority: 1,
  }
  const stateOf = async (gprId: string) =>
    ((await client.gpuRequest(gprId))["status"] as { provisioningStatus: string }).provisioningStatus
  const becomes = (gprId: string, state: string) =>
    server.until(async () => ((await stateOf(gprId)) === state ? true : undefined))
  const first = await client.requestGpu(wish)
  await becomes(first, "Provisioned")
  const [second, third] = [await client.requestGpu(wish), await client.requestGpu(wish)]
  expect([await stateOf(second), await stateOf(third)]).toEqual(["Queued", "Queued"])
  await client.changeGpuRequest(third, { priority: 201 })
  await client.changeGpuRequest(third, { gprName: "renamed" })
  expect(await client.gpuRequest(third)).toMatchObject({ gprName: "renamed", priority: 201 })
  await expect(client.changeGpuRequest(first, { priority: 7 })).rejects.toThrow(kind("GpuAlreadyProvisioned"))
  await expect(client.cancelGpuRequest(first)).rejects.toThrow(kind("GpuAlreadyProvisioned"))
  await expect(client.releaseGpu(second)).rejects.toThrow(kind("GpuAlreadyReleased"))
  const [held] = await client.workspaceInventory("gpus")
  expect(held).toMatchObject({ clusterName: "worker-1", totalGpuNodes: 1, gpuPerNode: 8, memoryPerGpu: 80 })
  const { managed } = await client.inventory()
  expect(managed.flatMap((node) => node["allocation"])).toMatchObject([{ gprName: first, sliceName: "gpus" }])
  expect(await client.releaseGpu(first)).toEqual({})
  await expect(client.releaseGpu(first)).rejects.toThrow(kind("GpuAlreadyReleased"))
  // the higher priority goes first
  await becomes(third, "Provisioned")
  expect(await client.cancelGpuRequest(second)).toEqual({})
  const ids = (await client.gpuRequests("gpus")).map((gpr) => gpr["gprId"])
  expect(ids).toEqual([first, third].toSorted())
  expect(await stateOf(first)).toBe("EarlyReleased")
  await client.deleteWorkspace("gpus")
})

it("a strict client goes through templates and bindings", async () => {
  const client = strictClient(server, server.token)
  const template = {
    name: "one-node",
    clusterName: "worker-1",
    numberOfGPUs: 8,
    numberOfGPUNodes: 1,
    memoryPerGpu: 80,
    gpuShape: "H100",
    instanceType: "gpu-8",
    exitDuration: "1h",
    priority: 101,
    enforceIdleTimeOut: false,
    enableEviction: null,
    requeueOnFailure: null,
  }
  expect(await client.createTemplate(template)).toEqual({ gprTemplateName: "one-node" })
  expect((await client.templates()).map((one) => one["name"])).toContain("one-node")
  const clusters = [{ clusterName: "worker-1", defaultTemplateName: "one-node", templates: ["one-node"] }]
  const binding = { workspaceName: "default", clusters, enableAutoGPR: true }
  expect(await client.createBinding(binding)).toMatchObject({ name: "default", enableAutoGPR: true })
  expect(await client.binding("default")).toMatchObject({ clusters: [{ defaultTemplateName: "one-node" }] })
  expect(await client.bindings()).toHaveLength(1)
  expect(await client.deleteBinding("default")).toEqual({})
  expect(await client.deleteTemplate("one-node")).toEqual({})
})
