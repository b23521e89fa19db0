import { afterAll, beforeAll, expect, it } from "vitest"
import { startBerthServer, type BerthServer } from "./berth-server.ts"
import { strictClient } from "./egs-strict-client.ts"
import { scriptedGpus } from "./gpu-script.ts"

let server: BerthServer
beforeAll(async () => {
  server = await startBerthServer({ clusters: ["worker-1"], services: scriptedGpus() })
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
  expect(await client.inventory()).toMatchObject({ managed: expect.any(Array), unmanaged: [] })
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
  const wish = {
    gprName: "created-by-client",
    sliceName: "default",
    clusterName: "worker-1",
    numberOfGPUs: 1,
    numberOfGPUNodes: 1,
    instanceType: "gpu-8",
    gpuShape: "H100",
    memoryPerGpu: 80,
    exitDuration: "0d0h30m",
    priority: 1,
  }
  const [first, second] = [await client.requestGpu(wish), await client.requestGpu(wish)]
  await client.changeGpuRequest(second, { priority: 201 })
  await client.changeGpuRequest(second, { gprName: "renamed" })
  expect(await client.gpuRequest(second)).toMatchObject({ gprName: "renamed", priority: 201 })
  expect(await client.gpuRequests("default")).toHaveLength(2)
  expect(await client.releaseGpu(first)).toEqual({})
  expect(await client.cancelGpuRequest(second)).toEqual({})
  await expect(client.cancelGpuRequest("gpr-ffffffff-ffff")).rejects.toThrow(kind("GpuAlreadyProvisioned"))
  await expect(client.releaseGpu("gpr-ffffffff-ffff")).rejects.toThrow(kind("GpuAlreadyReleased"))
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
