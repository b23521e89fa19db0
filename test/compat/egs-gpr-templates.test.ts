import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { GpuTemplate } from "../../packages/server/src/domain/gpu-requests/index.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"
import { curl, refusal, success, type Curl } from "./egs-call.ts"
import { scriptedServices } from "./egs-gpr-script.ts"

/* How templates and bindings are put on the wire. */

const { state, services } = scriptedServices()
let server: BerthServer
beforeAll(async () => {
  server = await startBerthServer({ services })
})
afterAll(() => server.close())
beforeEach(() => {
  state.script = {}
  state.calls.length = 0
})

const ask = (wanted: Curl) => curl(server, wanted)

describe("a template", () => {
  const wire =
    '{"name":"t4","clusterName":"worker-1","numberOfGPUs":1,"numberOfGPUNodes":1,"memoryPerGpu":15,"gpuShape":"Tesla-T4","instanceType":"n1-standard-8",' +
    '"exitDuration":"1h0m0s","priority":101,"enforceIdleTimeOut":false,"enableEviction":false,"requeueOnFailure":true,"idleTimeOutDuration":""}'
  const data = {
    name: "t4",
    clusterName: "worker-1",
    numberOfGPUs: 1,
    numberOfGPUNodes: 1,
    memoryPerGpu: 15,
    gpuShape: "Tesla-T4",
    instanceType: "n1-standard-8",
    exitDuration: "1h",
  }
  const template: GpuTemplate = {
    name: "t4",
    workspaceId: null,
    clusterName: "worker-1",
    gpusPerNode: 1,
    nodes: 1,
    memoryGibPerGpu: 15,
    gpuModel: "Tesla-T4",
    instanceType: "n1-standard-8",
    durationMs: 3_600_000,
    priority: 101,
    enforceIdleTimeout: false,
    idleTimeoutMs: null,
    enableEviction: false,
    requeueOnFailure: true,
    createdAtMs: 0,
    version: 1,
  }
  const { createdAtMs: _, version: __, ...written } = template

  it("is created, replaced, shown, listed and deleted", async () => {
    state.script = {
      createTemplate: () => Promise.resolve(template),
      updateTemplate: () => Promise.resolve(template),
      template: () => Promise.resolve(template),
      templates: () => Promise.resolve([template]),
      deleteTemplate: () => Promise.resolve(),
    }
    const texts = []
    for (const wanted of [
      { path: "/gpr-template", data },
      { request: "PUT", path: "/gpr-template", data },
      { request: "GET", path: "/gpr-template?gprTemplateName=t4", data: "{}" },
      { request: "GET", path: "/gpr-template/list", data: "{}" },
      { request: "DELETE", path: "/gpr-template", data: { gprTemplateName: "t4" } },
    ])
      texts.push((await ask(wanted)).text)
    expect(texts).toEqual([
      success('{"gprTemplateName":"t4"}'),
      success("{}"),
      success(wire),
      success(`{"items":[${wire}]}`),
      success("{}"),
    ])
    const { workspaceId: ___, ...replaced } = written
    expect(state.calls).toEqual([
      ["createTemplate", written],
      ["updateTemplate", replaced],
      ["template", "t4"],
      ["templates"],
      ["deleteTemplate", "t4"],
    ])
  })

  it("belongs to the workspace that the body names, or the only one of who asks", async () => {
    state.script = { createTemplate: () => Promise.resolve(template) }
    const editor = await server.member("drafts", { default: "editor" })
    await ask({ path: "/gpr-template", data, token: editor })
    await ask({ path: "/gpr-template", data: { ...data, workspaceName: "team" }, token: editor })
    expect(state.calls).toEqual([
      ["createTemplate", { ...written, workspaceId: "default" }],
      ["createTemplate", { ...written, workspaceId: "team" }],
    ])
  })

  it("must say whose it is where who asks has several workspaces", async () => {
    await server.call("POST", "/berth/v1/workspaces", { json: { id: "second" } })
    const both = await server.member("both", { default: "editor", second: "editor" })
    const { text } = await ask({ path: "/gpr-template", data, token: both })
    expect(text).toBe(
      refusal({
        status: 422,
        short: "Bad Request",
        doing: "Error while creating GPR template",
        said: '"workspaceName" is required',
      }),
    )
  })

  it("is bound to a workspace in strict members", async () => {
    const bound = {
      workspaceId: "team",
      clusters: [{ clusterName: "worker-1", defaultTemplate: "t4", templates: ["t4", "gone"] }],
      enableAutomatic: true,
      createdAtMs: 0,
      version: 1,
    }
    state.script = {
      templates: () => Promise.resolve([template]),
      createBinding: () => Promise.resolve(bound),
      updateBinding: () => Promise.resolve(bound),
      binding: () => Promise.resolve(bound),
      bindings: () => Promise.resolve([bound]),
      deleteBinding: () => Promise.resolve(),
    }
    const rows =
      '"clusters":[{"clusterName":"worker-1","defaultTemplateName":"t4","templates":["t4","gone"],"defaultTemplateStatus":"Available",' +
      '"templateStatus":{"t4":"Available","gone":"NotFound"}}],"enableAutoGPR":true}'
    const sent = {
      workspaceName: "team",
      clusters: [{ clusterName: "worker-1", defaultTemplateName: "t4", templates: ["gone"] }],
      enableAutoGPR: true,
    }
    const path = "/gpr-template-binding"
    const texts = []
    for (const wanted of [
      { path, data: sent },
      { request: "PUT", path, data: sent },
      { request: "GET", path: `${path}?gprTemplateBindingName=team`, data: "{}" },
      { request: "GET", path: `${path}/list`, data: "{}" },
      { request: "DELETE", path, data: { gprTemplateBindingName: "team" } },
    ])
      texts.push((await ask(wanted)).text)
    expect(texts).toEqual([
      success(`{"name":"team","namespace":"team",${rows}`),
      success(`{"name":"team","namespace":"team",${rows}`),
      success(`{"name":"team",${rows}`),
      success(`{"templateBindings":[{"name":"team",${rows}]}`),
      success("{}"),
    ])
    const { createdAtMs: ____, version: _____, ...command } = bound
    expect(state.calls.filter(([name]) => name !== "templates")).toEqual([
      ["createBinding", command],
      ["updateBinding", command],
      ["binding", "team"],
      ["bindings"],
      ["deleteBinding", "team"],
    ])
  })
})
