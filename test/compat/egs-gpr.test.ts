import { request as httpRequest } from "node:http"
import * as fc from "fast-check"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { GpuRequestView } from "../../packages/server/src/domain/gpu-requests/index.ts"
import { AppError, type AppErrorFacts, type ErrorCode } from "../../packages/server/src/kit/errors.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"
import { curl, refusal, success, turnedAway, type Curl } from "./egs-call.ts"
import { scriptedServices, type Script } from "./egs-gpr-script.ts"
import { sampleRequest } from "./gpu-script.ts"

/* How GPU requests are put on the wire; their rules are tested with the real plane. */

const { state, services } = scriptedServices()
let server: BerthServer
let upstream: BerthServer
beforeAll(async () => {
  server = await startBerthServer({ services })
  upstream = await startBerthServer({ services, egs: { dialect: "upstream", inventoryBySlice: "union" } })
})
afterAll(async () => {
  await server.close()
  await upstream.close()
})
beforeEach(() => {
  state.script = {}
  state.calls.length = 0
})

const ask = (wanted: Curl) => curl(server, wanted)
const fails = (code: ErrorCode, facts: AppErrorFacts) => () =>
  Promise.reject(new AppError(code, "A sentence.", facts))

/** As the document prints it. */
const printedCreate = `{
    "gprName":"gr1",
    "sliceName":"workspaceName",
    "clusterName":"worker-1",
    "numberOfGPUs":1,
    "instanceType":"n1-standard-8",
    "exitDuration":"0d0h5m",
    "numberOfGPUNodes": 1,
    "priority":201,
    "memoryPerGPU":15,
    "gpuShape":"Tesla-T4"
}`
const asked = {
  name: "gr1",
  workspaceId: "workspaceName",
  clusters: ["worker-1"],
  instanceType: "n1-standard-8",
  gpuModel: "Tesla-T4",
  memoryGibPerGpu: 15,
  gpusPerNode: 1,
  nodes: 1,
  priority: 201,
  durationMs: 300_000,
  idleTimeoutMs: null,
  requeueOnFailure: true,
  enableEviction: false,
  multiNode: false,
}
const createBody = JSON.parse(printedCreate) as Record<string, unknown>
const creates = { create: () => Promise.resolve(sampleRequest()) } satisfies Script
const view: GpuRequestView = {
  request: sampleRequest(),
  slot: null,
  likelyStartMs: null,
  reasons: [],
  cost: null,
}
/** The sample above, as a strict client reads it. */
const shown =
  '{"gprId":"gpr-00000001-0001","sliceName":"default","clusterName":"local","numberOfGPUs":8,"numberOfGPUNodes":1,' +
  '"instanceType":"gpu-8","memoryPerGPU":80,"priority":150,"gpuSharingMode":"Virtual Machine","estimatedStartTime":"",' +
  '"estimatedWaitTime":"","exitDuration":"4h0m0s","earlyRelease":false,"gprName":"pretrain","gpuShape":"H100","multiNode":false,' +
  '"dedicatedNodes":false,"enableRDMA":false,"enableSecondaryNetwork":false,"status":{"provisioningStatus":"Queued","failureReason":"",' +
  '"numGpusAllocated":0,"startTimestamp":"","completionTimestamp":"","cost":"","nodes":null,"internalState":"Queued","retryCount":1,' +
  '"delayedCount":0},"enforceIdleTimeOut":true,"idleTimeOutDuration":"0h20m0s"}'

describe("the document's own calls", () => {
  it("create a GPU request", async () => {
    state.script = creates
    const answer = await ask({ path: "/gpr", data: printedCreate })
    expect(answer.text).toBe(success('{"gprId":"gpr-00000001-0001"}'))
    expect(answer.headers).toMatchObject({
      "content-type": "application/json",
      "x-request-id": expect.stringMatching(/^req_/),
    })
    expect(state.calls).toEqual([["create", asked]])
  })

  it("change its priority", async () => {
    state.script = { change: () => Promise.resolve() }
    const data = '{\n    "gprId":"gprId",\n    "priority": 101\n}'
    expect((await ask({ request: "PUT", path: "/gpr", data })).text).toBe(success("{}"))
    expect(state.calls).toEqual([["change", "gprId", { priority: 101 }]])
  })

  it("change all of it, and give it back", async () => {
    state.script = { change: () => Promise.resolve() }
    const data = { gprId: "gpr-e4e38fc5-4742", priority: 101, earlyRelease: false, gprName: "gpr1" }
    await ask({ request: "PUT", path: "/gpr", data })
    await ask({ request: "PUT", path: "/gpr", data: { gprId: "gpr-e4e38fc5-4742", earlyRelease: true } })
    expect(state.calls).toEqual([
      ["change", "gpr-e4e38fc5-4742", { priority: 101, name: "gpr1" }],
      ["change", "gpr-e4e38fc5-4742", { release: true }],
    ])
  })

  it("take it out of the queue", async () => {
    state.script = { cancel: () => Promise.resolve() }
    const answer = await ask({ request: "DELETE", path: "/gpr", data: { gprId: "gpr-e4e38fc5-4742" } })
    expect(answer.text).toBe(success("{}"))
    expect(state.calls).toEqual([["cancel", "gpr-e4e38fc5-4742"]])
  })

  it("list those of a workspace", async () => {
    state.script = { listIn: () => Promise.resolve([view]) }
    expect((await ask({ path: "/gpr/list?sliceName=workspace1" })).text).toBe(success(`{"items":[${shown}]}`))
    expect(state.calls).toEqual([["listIn", "workspace1"]])
    state.script = { listIn: () => Promise.resolve([]) }
    expect((await ask({ path: "/gpr/list?sliceName=workspace1" })).text).toBe(success('{"items":[]}'))
  })

  it("get one, which is the data itself", async () => {
    state.script = { get: () => Promise.resolve(view) }
    const answer = await ask({ path: "/gpr?gprId=gpr-00000001-0001" })
    expect(answer.text).toBe(success(shown))
    expect(answer.headers).not.toHaveProperty("x-berth-likely-start")
  })

  it("get one that is likely to start sooner than is promised: a header says when", async () => {
    state.script = { get: () => Promise.resolve({ ...view, likelyStartMs: Date.UTC(2030, 0, 1, 1) }) }
    const answer = await ask({ path: "/gpr?gprId=gpr-00000001-0001" })
    expect(answer.text).toBe(success(shown))
    expect(answer.headers["x-berth-likely-start"]).toBe("2030-01-01T01:00:00Z")
  })
})

describe("habits of clients", () => {
  it.each([undefined, "application/json", "text/plain", "multipart/form-data; boundary=x", "nonsense"])(
    "JSON is read whatever its content type: %s",
    async (type) => {
      state.script = creates
      const headers = type === undefined ? {} : { "content-type": type }
      expect((await ask({ path: "/gpr", data: printedCreate, headers })).status).toBe(200)
    },
  )

  it("a body of GET is read, and what the query says wins", async () => {
    state.script = { get: () => Promise.resolve(view), templates: () => Promise.resolve([]) }
    expect((await ask({ request: "GET", path: "/gpr", data: { gprId: "a" } })).status).toBe(200)
    expect((await ask({ request: "GET", path: "/gpr?gprId=b&gprId=c", data: { gprId: "a" } })).status).toBe(
      200,
    )
    const list = await ask({ request: "GET", path: "/gpr-template/list", data: "{}" })
    expect(list.text).toBe(success('{"items":[]}'))
    expect(state.calls).toEqual([["get", "a"], ["get", "b"], ["templates"]])
  })

  it("a body of GET without a length is read too", async () => {
    state.script = { get: () => Promise.resolve(view) }
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { authorization: `Bearer ${server.token}`, "transfer-encoding": "chunked" }
      const { port } = server
      const sent = httpRequest({ port, host: "127.0.0.1", method: "GET", path: "/api/v1/gpr", headers })
      sent.on("response", (answer) => resolve(answer.resume().statusCode)).on("error", reject)
      sent.write('{"gprId":')
      sent.end('"a"}')
    })
    expect(status).toBe(200)
    expect(state.calls).toEqual([["get", "a"]])
  })

  it("a DELETE that lost its body on the way may say it in the query", async () => {
    state.script = { cancel: () => Promise.resolve() }
    expect((await ask({ request: "DELETE", path: "/gpr?gprId=gpr-1" })).status).toBe(200)
    expect(state.calls).toEqual([["cancel", "gpr-1"]])
  })

  it("a POST does not take its body from the query", async () => {
    const query = new URLSearchParams(createBody as Record<string, string>)
    expect((await ask({ request: "POST", path: `/gpr?${query.toString()}` })).status).toBe(422)
  })

  it.each<[string, object, object]>([
    [
      "what later clients send",
      {
        requestName: "gr1",
        gprName: undefined,
        memoryPerGPU: undefined,
        memoryPerGpu: 15,
        clusterName: "",
        preferredClusters: null,
        enableEviction: null,
        requeueOnFailure: null,
        idleTimeOutDuration: "",
        enforceIdleTimeOut: false,
      },
      { clusters: null },
    ],
    ["a numeric priority as text", { priority: "201" }, {}],
    [
      "any GPU in any cluster",
      { enableAutoGpuSelection: true, enableAutoClusterSelection: true, instanceType: "", gpuShape: "" },
      { clusters: null, instanceType: null, gpuModel: null },
    ],
    ["an idle time-out", { idleTimeOutDuration: "0d0h20m" }, { idleTimeoutMs: 1_200_000 }],
  ])("%s", async (_, change, expected) => {
    state.script = creates
    expect((await ask({ path: "/gpr", data: { ...createBody, ...change } })).status).toBe(200)
    expect(state.calls).toEqual([["create", { ...asked, ...expected }]])
  })

  it("a HEAD is answered like its GET without the body", async () => {
    state.script = { get: () => Promise.resolve(view) }
    const answer = await ask({ request: "HEAD", path: "/gpr?gprId=a" })
    expect([answer.status, answer.text, answer.headers["content-type"]]).toEqual([
      200,
      "",
      "application/json",
    ])
    expect(Number(answer.headers["content-length"])).toBe(Buffer.byteLength(success(shown)))
  })
})

describe("a refusal", () => {
  const waitTime = "Error while fetching GPR wait time"
  const stateFault = (detail: string, what: string): AppErrorFacts => ({
    resource: "gpu-request",
    name: "gpr-1",
    detail,
    facts: { state: detail, what },
  })
  const updating = "Error while updating a GPR"
  const missingGpr = 'gpuprovisioningrequests.gpr.kubeslice.io "gpr-1" not found'

  it.each<[string, Curl, Script, string]>([
    [
      "of an empty duration, as the document prints it",
      { path: "/gpr", data: { ...createBody, exitDuration: "" } },
      {},
      '{"statusCode":422,"status":"Error","message":"Bad Request","data":null,"error":{"errorKey":"","message":"","data":' +
        String.raw`"{\"error\":{\"Message\":\"Error while fetching GPR wait time\",\"Status\":422,\"DetailedError\":{\"Errormessage\":\"\\\"exitDuration\\\" is not allowed to be empty\",\"Reason\":\"\",\"Details\":\"\"},\"StatusCode\":422,\"ReferenceDocumentation\":\"NA\"}}"}}`,
    ],
    [
      "to delete what has nodes, as the document prints it",
      { request: "DELETE", path: "/gpr", data: { gprId: "gpr-1" } },
      { cancel: fails("conflict", stateFault("provisioned", "delete")) },
      '{"statusCode":500,"status":"Error","message":"Cannot delete","data":null,"error":{"errorKey":"","message":"UNKNOWN","data":' +
        String.raw`"{\"error\":{\"Message\":\"Error while deleting GPR\",\"Status\":500,\"DetailedError\":{\"Errormessage\":\"Cannot delete GPR in Successful state\",\"Reason\":\"\",\"Details\":\"\"},\"StatusCode\":500,\"ReferenceDocumentation\":\"NA\"}}"}}`,
    ],
    [
      "to give back what waits, as the document prints it",
      { request: "PUT", path: "/gpr", data: { gprId: "gpr-1", earlyRelease: true } },
      { change: fails("conflict", stateFault("queued", "early_release")) },
      '{"statusCode":500,"status":"Error","message":"Unable to Early Release","data":null,"error":{"errorKey":"","message":"Unable to Early Release","data":' +
        String.raw`"{\"error\":{\"Message\":\"Error while updating a GPR\",\"Status\":500,\"DetailedError\":{\"Errormessage\":\"Cannot update early release of GPR in Queued state\",\"Reason\":\"\",\"Details\":\"\"},\"StatusCode\":500,\"ReferenceDocumentation\":\"NA\"}}"}}`,
    ],
    [
      "to list for an unknown workspace, as the document prints it",
      { path: "/gpr/list?sliceName=evening-x" },
      { listIn: fails("not_found", { resource: "workspace", name: "evening-x" }) },
      '{"statusCode":404,"status":"Error","message":"Slice Workspace Not Found","data":null,"error":{"errorKey":"","message":"Slice Workspace Not Found","data":' +
        String.raw`"{\"error\":{\"Message\":\"Error in listing GPR's for slice evening-x\",\"Status\":404,\"DetailedError\":{\"Errormessage\":\"sliceconfigs.controller.kubeslice.io \\\"evening-x\\\" not found\",\"Reason\":\"NotFound\",\"Details\":\"\"},\"StatusCode\":404,\"ReferenceDocumentation\":\"NA\"}}"}}`,
    ],
    [
      "of a name that is too long",
      { request: "PUT", path: "/gpr", data: { gprId: "gpr-1", gprName: "x".repeat(254) } },
      {},
      refusal({
        status: 422,
        short: "Bad Request",
        doing: updating,
        said: '"gprName" length must be less than or equal to 253 characters long',
      }),
    ],
    [
      "to rename what has nodes",
      { request: "PUT", path: "/gpr", data: { gprId: "gpr-1", gprName: "b" } },
      { change: fails("conflict", stateFault("provisioned", "update")) },
      refusal({
        status: 500,
        short: "Unable to Update",
        doing: updating,
        said: "Cannot update GPR in Successful state",
      }),
    ],
    [
      "to give back what is over",
      { request: "PUT", path: "/gpr", data: { gprId: "gpr-1", earlyRelease: true } },
      { change: fails("conflict", stateFault("complete", "early_release")) },
      refusal({
        status: 500,
        short: "Unable to Early Release",
        doing: updating,
        said: "Cannot update early release of GPR in Complete state",
      }),
    ],
    [
      "to change what is not there",
      { request: "PUT", path: "/gpr", data: { gprId: "gpr-1" } },
      {},
      refusal({ status: 404, short: "Not Found", doing: updating, said: missingGpr, reason: "NotFound" }),
    ],
    [
      "to delete what was deleted",
      { request: "DELETE", path: "/gpr", data: { gprId: "gpr-1" } },
      { cancel: fails("conflict", stateFault("cancelled", "delete")) },
      refusal({
        status: 404,
        short: "Not Found",
        doing: "Error while deleting GPR",
        said: missingGpr,
        reason: "NotFound",
      }),
    ],
    [
      "to show what was deleted",
      { path: "/gpr?gprId=gpr-1" },
      { get: () => Promise.resolve({ ...view, request: sampleRequest({ state: "cancelled" }) }) },
      refusal({
        status: 404,
        short: "Not Found",
        doing: "Error while fetching GPRs",
        said: missingGpr,
        reason: "NotFound",
      }),
    ],
    [
      "to list for nobody",
      { path: "/gpr/list" },
      {},
      refusal({
        status: 422,
        short: "Bad Request",
        doing: "Error in listing GPR's",
        said: '"sliceName" is required',
      }),
    ],
    [
      "to list for an empty name",
      { path: "/gpr/list?sliceName=" },
      {},
      refusal({
        status: 422,
        short: "Bad Request",
        doing: "Error in listing GPR's",
        said: '"sliceName" is not allowed to be empty',
      }),
    ],
    [
      "to create for an unknown workspace",
      { path: "/gpr", data: createBody },
      { create: fails("not_found", { resource: "workspace", name: "x" }) },
      refusal({
        status: 404,
        short: "Not Found",
        doing: waitTime,
        said: 'sliceconfigs.controller.kubeslice.io "x" not found',
        reason: "NotFound",
      }),
    ],
    [
      "to create on an unknown cluster",
      { path: "/gpr", data: createBody },
      { create: fails("not_found", { resource: "cluster", name: "x" }) },
      refusal({
        status: 404,
        short: "Not Found",
        doing: waitTime,
        said: 'clusters.controller.kubeslice.io "x" not found',
        reason: "NotFound",
      }),
    ],
    [
      "to create while the workspace is being deleted",
      { path: "/gpr", data: createBody },
      { create: fails("conflict", { resource: "workspace", name: "x", detail: "deleting" }) },
      refusal({ status: 409, short: "Conflict", doing: waitTime, said: "A sentence.", reason: "Conflict" }),
    ],
    [
      "of one more than may be queued",
      { path: "/gpr", data: createBody },
      { create: fails("too_many", { resource: "workspace", name: "x", detail: "queue_full" }) },
      refusal({ status: 429, short: "Too Many Requests", doing: waitTime, said: "A sentence." }),
    ],
    [
      "of a second binding",
      {
        path: "/gpr-template-binding",
        data: { workspaceName: "team", clusters: [{ clusterName: "a", defaultTemplateName: "t" }] },
      },
      { createBinding: fails("already_exists", { resource: "gpu-template-binding", name: "team" }) },
      refusal({
        status: 409,
        short: "Already Exists",
        doing: "Error while creating GPR template binding",
        said: 'gprtemplatebindings.gpr.kubeslice.io "team" already exists',
        reason: "AlreadyExists",
      }),
    ],
    [
      "to delete a template that is in use",
      { request: "DELETE", path: "/gpr-template", data: { gprTemplateName: "t" } },
      { deleteTemplate: fails("conflict", { resource: "gpu-template", name: "t", detail: "bound" }) },
      refusal({
        status: 409,
        short: "Conflict",
        doing: "Error while deleting GPR template",
        said: "A sentence.",
        reason: "Conflict",
      }),
    ],
  ])("%s", async (_, wanted, script, text) => {
    state.script = script
    const answer = await ask(wanted)
    expect(answer.text).toBe(text)
    expect(answer.headers["content-type"]).toBe("application/json")
    const inUpstreamsWords = text.replace(
      /"status":"Error","message":"[^"]*","data":null,"error":\{"errorKey":"","message":"[^"]*"/,
      '"status":"UNKNOWN","message":"UNKNOWN","data":null,"error":{"errorKey":"UNKNOWN","message":"UNKNOWN"',
    )
    expect(inUpstreamsWords).not.toBe(text)
    expect((await curl(upstream, { token: upstream.token, ...wanted })).text).toBe(inUpstreamsWords)
  })

  it("tells when a retry makes sense", async () => {
    state.script = { create: fails("too_many", { detail: "queue_full", retryAfterMs: 1500 }) }
    expect((await ask({ path: "/gpr", data: createBody })).headers["retry-after"]).toBe("2")
  })

  it("hides what went wrong inside", async () => {
    state.script = { create: () => Promise.reject(new TypeError("secret")) }
    const { text } = await ask({ path: "/gpr", data: createBody })
    expect(text).toBe(turnedAway(500, "INTERNAL_SERVER_ERROR", "Something went wrong inside the server."))
  })
})

describe("what is turned away", () => {
  const badJson = turnedAway(400, "BAD_REQUEST", "The body is not valid JSON.")
  const unauthenticated = turnedAway(401, "UNAUTHENTICATED", "Unauthenticated")
  const tooLarge = turnedAway(413, "PAYLOAD_TOO_LARGE", "The body is larger than 262144 bytes.")
  const nowhere = (path: string) => turnedAway(404, "NOT_FOUND", `/api/v1${path} not found`)
  const huge = `{"x":"${"y".repeat(8 * 2 ** 20)}"}`

  it.each<[string, Curl, string]>([
    ["without a token", { path: "/gpr", data: printedCreate, token: "" }, unauthenticated],
    ["with a token that nobody has", { path: "/gpr/list?sliceName=a", token: "x.y.z" }, unauthenticated],
    ["with half a body", { path: "/gpr", data: '{"gprName":' }, badJson],
    ["with form data", { path: "/gpr", data: "gprName=gr1&sliceName=a" }, badJson],
    ["with half a body of GET", { request: "GET", path: "/gpr", data: "{" }, badJson],
    ["with a body that is too large", { path: "/gpr", data: huge }, tooLarge],
    ["with a body of GET that is too large", { request: "GET", path: "/gpr", data: huge }, tooLarge],
    ["at an unknown path", { path: "/gpr/unknown" }, nowhere("/gpr/unknown")],
    ["at the path with a slash", { path: "/gpr/" }, nowhere("/gpr/")],
    ["with a method that the path has not", { request: "PATCH", path: "/gpr", data: "{}" }, nowhere("/gpr")],
    [
      "at a path of the API that is not built",
      { path: "/gpr-template-binding/x" },
      nowhere("/gpr-template-binding/x"),
    ],
  ])("%s", async (_, wanted, text) => {
    const answer = await ask(wanted)
    expect(answer.text).toBe(text)
    expect(answer.headers["content-type"]).toBe("application/json")
    expect(state.calls).toEqual([])
  })

  it("is worded by another API where the path is nobody's", async () => {
    const answer = await ask({ path: "/workload-placement" })
    expect(answer.json).toEqual({
      errorCode: "Primus.00005",
      errorMessage: "/api/v1/workload-placement not found",
    })
  })
})

describe("any body", () => {
  const odd = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      "",
      0,
      -1,
      Number.MAX_VALUE,
      true,
      [],
      {},
      "1d",
      "0",
      "\u0000",
      "9".repeat(50),
      "__proto__",
    ),
    fc.jsonValue(),
  )
  const body = fc.record(
    Object.fromEntries(
      [...Object.keys(createBody), "gprId", "earlyRelease", "clusters"].map((key) => [key, odd]),
    ),
    { requiredKeys: [] },
  )

  it("is answered in the API's own shape, and reaches the domain only when it is whole", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("POST /gpr", "PUT /gpr", "DELETE /gpr", "POST /gpr/waittime", "POST /gpr-template"),
        fc.oneof(body, fc.jsonValue()),
        async (place, data) => {
          const [request = "", path = ""] = place.split(" ")
          state.calls.length = 0
          const { status, json } = await ask({ request, path, data: JSON.stringify(data) })
          expect([404, 422]).toContain(status)
          expect(Object.keys(json as object)).toEqual(["statusCode", "status", "message", "data", "error"])
          expect(state.calls.length).toBe(status === 404 ? 1 : 0)
        },
      ),
      { numRuns: 150 },
    )
  })
})

describe("a question about a wait", () => {
  it("shows what any kind of node would be", async () => {
    const { numberOfGPUs, numberOfGPUNodes, exitDuration } = createBody
    const { name: _, ...wish } = asked
    const data = {
      sliceName: "default",
      numberOfGPUs,
      numberOfGPUNodes,
      exitDuration,
      enableAutoGpuSelection: true,
    }
    state.script = {
      estimate: () =>
        Promise.resolve({
          outcome: "now",
          startMs: Date.UTC(2030, 0, 1),
          waitMs: 0,
          likelyStartMs: Date.UTC(2030, 0, 1),
          clusterId: "local",
          nodes: ["node-a"],
          reason: null,
          sentence: "Now.",
          nearest: null,
          alternatives: [],
        }),
    }
    const wait =
      '"clusterName":"local","instanceType":"gpu-8","gpuShape":"NVIDIA-H100-80GB-HBM3","memoryPerGpu":0,"numberOfGPUs":1,"numberOfGPUNodes":1,' +
      '"exitDuration":"0h5m0s","estimatedWaitTime":"0h0m0s","estimatedStartTime":"2030-01-01T00:00:00Z"'
    expect((await ask({ path: "/gpr/waittime", data })).text).toBe(success(`{${wait},"items":[{${wait}}]}`))
    const usual = { clusters: null, instanceType: null, gpuModel: null, memoryGibPerGpu: null, priority: 101 }
    expect(state.calls).toEqual([["estimate", { ...wish, ...usual, workspaceId: "default" }]])
  })
})
