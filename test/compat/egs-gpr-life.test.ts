import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { Gpr } from "@berth/contract/egs"
import { declareNodes, parseSimulate } from "../../packages/server/src/drivers/local/simulate.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"
import { curl, refusal, success, turnedAway, type Curl } from "./egs-call.ts"

/* The document's calls one after the other, on the whole server with two nodes of one T4 each. */

const simulated = parseSimulate("2x1xT4@n1-standard-8,cluster=worker-1")
if (!simulated.ok) throw new Error(simulated.message)
const nodes = declareNodes([simulated.value], "boot-1")

let server: BerthServer
let workspaces = 0
/** A new one for each test, so that none waits for another's. */
let workspace: string
beforeAll(async () => {
  server = await startBerthServer({ clusters: ["worker-1", "worker-2"], nodes })
})
afterAll(() => server.close())
beforeEach(async () => {
  workspace = `job-workspace${++workspaces}`
  const data = { workspaceName: workspace, clusters: ["worker-1"], namespaces: [], username: "John Doe" }
  const { status, text } = await ask({ path: "/slice-workspace", data })
  if (status !== 200) throw new Error(text)
  return async () => {
    await ask({ request: "DELETE", path: "/slice-workspace", data: { workspaceName: workspace } })
  }
})

const ask = (wanted: Curl) => curl(server, wanted)
const minuteMs = 60_000

/** As the document prints it, for this test's workspace. */
const printed = (change: object = {}) => ({
  gprName: "gpr1",
  sliceName: workspace,
  clusterName: "worker-1",
  numberOfGPUs: 1,
  instanceType: "n1-standard-8",
  exitDuration: "0d0h5m",
  numberOfGPUNodes: 1,
  priority: 201,
  memoryPerGPU: 15,
  gpuShape: "Tesla-T4",
  ...change,
})

async function create(change: object = {}): Promise<string> {
  const answer = await ask({ path: "/gpr", data: printed(change) })
  expect([answer.status, answer.text]).toEqual([200, answer.text])
  const { gprId } = (answer.json as { data: { gprId: string } }).data
  expect(gprId).toMatch(/^gpr-[0-9a-f]{8}-[0-9a-f]{4}$/)
  return gprId
}

async function get(gprId: string): Promise<Gpr> {
  const answer = await ask({ path: `/gpr?gprId=${gprId}` })
  expect([answer.status, answer.text]).toEqual([200, answer.text])
  return (answer.json as { data: Gpr }).data
}

/** Once it is so. */
function reaches(gprId: string, state: string): Promise<Gpr> {
  return server.until(async () => {
    const gpr = await get(gprId)
    return gpr.status.provisioningStatus === state ? gpr : undefined
  })
}

const change = (gprId: string, what: object, token = server.token) =>
  ask({ request: "PUT", path: "/gpr", data: { gprId, ...what }, token })
const remove = (gprId: string, token = server.token) =>
  ask({ request: "DELETE", path: "/gpr", data: { gprId }, token })
const list = async (): Promise<readonly Gpr[]> => {
  const { json } = await ask({ path: `/gpr/list?sliceName=${workspace}` })
  return (json as { data: { items: Gpr[] } }).data.items
}

const cannotDelete = (state: string) =>
  refusal({
    status: 500,
    short: "Cannot delete",
    doing: "Error while deleting GPR",
    said: `Cannot delete GPR in ${state} state`,
  }).replace('"errorKey":"","message":"Cannot delete"', '"errorKey":"","message":"UNKNOWN"')
const cannotRelease = (state: string) =>
  refusal({
    status: 500,
    short: "Unable to Early Release",
    doing: "Error while updating a GPR",
    said: `Cannot update early release of GPR in ${state} state`,
  })
const cannotUpdate = (state: string) =>
  refusal({
    status: 500,
    short: "Unable to Update",
    doing: "Error while updating a GPR",
    said: `Cannot update GPR in ${state} state`,
  })
const seconds = (text: string) => Date.parse(text) / 1000

describe("a GPU request", () => {
  it("gets its nodes, keeps the next one of its workspace waiting, and is given back", async () => {
    const first = await create()
    const running = await reaches(first, "Provisioned")
    expect(running.status).toMatchObject({
      numGpusAllocated: 1,
      internalState: "Reserved",
      completionTimestamp: "",
    })
    expect(running.status.nodes).toHaveLength(1)
    expect(running.estimatedWaitTime).toBe("0h0m0s")

    const second = await create({ gprName: "gpr2" })
    const waiting = await get(second)
    expect(waiting.status).toMatchObject({ provisioningStatus: "Queued", nodes: null, numGpusAllocated: 0 })
    expect(seconds(waiting.estimatedStartTime) - seconds(running.status.startTimestamp)).toBe(300)
    expect(waiting.estimatedWaitTime).toMatch(/^0h[45]m\d+s$/)
    expect((await list()).map(({ gprId }) => gprId)).toEqual([first, second].toSorted())

    expect((await remove(first)).text).toBe(cannotDelete("Successful"))
    expect((await change(first, { priority: 101 })).text).toBe(cannotUpdate("Successful"))
    expect((await change(second, { earlyRelease: true })).text).toBe(cannotRelease("Queued"))
    expect((await change(second, { priority: 101, gprName: "later" })).text).toBe(success("{}"))
    expect(await get(second)).toMatchObject({ priority: 101, gprName: "later" })

    expect((await change(first, { earlyRelease: true })).text).toBe(success("{}"))
    const over = await get(first)
    expect(over).toMatchObject({
      earlyRelease: true,
      status: { provisioningStatus: "EarlyReleased", internalState: "Released", numGpusAllocated: 0 },
    })
    expect(over.status.completionTimestamp).not.toBe("")
    await reaches(second, "Provisioned")
    expect((await change(first, { earlyRelease: true })).text).toBe(cannotRelease("EarlyReleased"))
    expect((await change(first, { gprName: "x" })).text).toBe(cannotUpdate("EarlyReleased"))
    expect((await remove(first)).text).toBe(cannotDelete("EarlyReleased"))
    expect((await change(first, { earlyRelease: false })).text).toBe(success("{}"))
  })

  it("is complete when its time is up", async () => {
    const id = await create({ exitDuration: "5m" })
    await reaches(id, "Provisioned")
    await server.clock.advance(6 * minuteMs)
    const over = await reaches(id, "Complete")
    expect(over).toMatchObject({ exitDuration: "0h5m0s", earlyRelease: false })
    expect(seconds(over.status.completionTimestamp) - seconds(over.status.startTimestamp)).toBe(300)
    expect((await remove(id)).text).toBe(cannotDelete("Complete"))
    expect((await change(id, { earlyRelease: true })).text).toBe(cannotRelease("Complete"))
  })

  it("is gone when it was taken out of the queue", async () => {
    const first = await create()
    await reaches(first, "Provisioned")
    const second = await create()
    expect((await remove(second)).text).toBe(success("{}"))
    expect((await list()).map(({ gprId }) => gprId)).toEqual([first])
    for (const answer of [
      await remove(second),
      await change(second, { priority: 1 }),
      await ask({ path: `/gpr?gprId=${second}` }),
    ])
      expect([answer.status, answer.text]).toEqual([404, expect.stringContaining(second)])
  })

  it("waits without an estimate where no node will ever do, and blocks nobody", async () => {
    const never = await create({ memoryPerGPU: 22, priority: 300 })
    const unknown = await create({ instanceType: "n1-standard-9000" })
    for (const id of [never, unknown])
      expect(await get(id)).toMatchObject({
        estimatedStartTime: "",
        estimatedWaitTime: "",
        status: { provisioningStatus: "Queued" },
      })
    await reaches(await create(), "Provisioned")
  })

  it("is asked for in the model's short name, in any case", async () => {
    const id = await create({ gpuShape: "tesla-t4" })
    expect(await reaches(id, "Provisioned")).toMatchObject({ gpuShape: "tesla-t4" })
  })

  it("made with another in the same instant has an id of its own", async () => {
    const ids = await Promise.all([create(), create(), create()])
    expect(new Set(ids).size).toBe(3)
  })

  it("that is deleted twice at once, or deleted and given back, answers each by its state", async () => {
    const running = await create()
    await reaches(running, "Provisioned")
    const queued = await create()
    const twice = await Promise.all([remove(queued), remove(queued)])
    expect(twice.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 404])
    const raced = await Promise.all([change(running, { earlyRelease: true }), remove(running)])
    expect(raced.map(({ status }) => status)).toEqual([200, 500])
  })
})

describe("a request that breaks a rule", () => {
  const waitTime = "Error while fetching GPR wait time"
  const notFound = (said: string) =>
    refusal({ status: 404, short: "Not Found", doing: waitTime, said, reason: "NotFound" })
  const badRequest = (said: string) =>
    refusal({ status: 422, short: "Bad Request", doing: waitTime, said }).replace(
      '"errorKey":"","message":"Bad Request"',
      '"errorKey":"","message":""',
    )

  it.each<[string, object, string]>([
    [
      "workspace",
      { sliceName: "nobody" },
      notFound('sliceconfigs.controller.kubeslice.io "nobody" not found'),
    ],
    [
      "cluster",
      { clusterName: "worker-9" },
      notFound('clusters.controller.kubeslice.io "worker-9" not found'),
    ],
    [
      "duration",
      { exitDuration: "366d" },
      badRequest('"exitDuration" must be less than or equal to 8760h0m0s'),
    ],
    [
      "idle time-out",
      { idleTimeOutDuration: "31m" },
      badRequest('"idleTimeOutDuration" must be less than or equal to 0h30m0s'),
    ],
    [
      "number of GPUs",
      { numberOfGPUs: 101 },
      badRequest('"numberOfGPUs" must be a whole number from 1 to 100'),
    ],
    [
      "number of nodes",
      { numberOfGPUNodes: 101 },
      badRequest('"numberOfGPUNodes" must be a whole number from 1 to 100'),
    ],
  ])("%s", async (_, wrong, text) => {
    expect((await ask({ path: "/gpr", data: printed(wrong) })).text).toBe(text)
    expect(await list()).toEqual([])
  })

  it("cluster of another workspace", async () => {
    const { status, text } = await ask({ path: "/gpr", data: printed({ clusterName: "worker-2" }) })
    expect([status, text]).toEqual([422, expect.stringContaining("worker-2")])
  })

  it("the 101st that waits", async () => {
    for (let made = 0; made < 100; made++) await create({ memoryPerGPU: 99 })
    const answer = await ask({ path: "/gpr", data: printed() })
    expect(answer.status).toBe(429)
    expect(await list()).toHaveLength(100)
  })

  it("by somebody without the right, or without a role", async () => {
    const viewer = await server.member(`viewer-${workspace}`, { [workspace]: "viewer" })
    const stranger = await server.member(`stranger-${workspace}`, {})
    const id = await create()
    const forbidden = (said: string) => turnedAway(403, "FORBIDDEN", said)
    for (const answer of [
      await ask({ path: "/gpr", data: printed(), token: viewer }),
      await change(id, { priority: 1 }, viewer),
      await remove(id, viewer),
    ]) {
      const { message } = answer.json as { message: string }
      expect(answer.text).toBe(forbidden(message))
    }
    expect((await ask({ path: `/gpr?gprId=${id}`, token: viewer })).status).toBe(200)
    expect((await ask({ path: "/gpr/waittime", data: printed(), token: viewer })).status).toBe(200)
    const unknown = refusal({
      status: 404,
      short: "Slice Workspace Not Found",
      doing: `Error in listing GPR's for slice ${workspace}`,
      said: `sliceconfigs.controller.kubeslice.io "${workspace}" not found`,
      reason: "NotFound",
    })
    expect((await ask({ path: `/gpr/list?sliceName=${workspace}`, token: stranger })).text).toBe(unknown)
    expect((await ask({ path: `/gpr?gprId=${id}`, token: stranger })).status).toBe(404)
    expect((await remove(id, stranger)).status).toBe(404)
  })
})

describe("a question about a wait", () => {
  const waitOf = async (change: object) => {
    const { gprName: _, priority: __, ...wish } = printed(change)
    const { json, status } = await ask({ path: "/gpr/waittime", data: wish })
    expect(status).toBe(200)
    return (json as { data: { estimatedWaitTime: string; items: object[] } }).data
  }

  it("is answered for now, for later and for never, and changes nothing", async () => {
    expect(await waitOf({})).toMatchObject({ estimatedWaitTime: "0h0m0s", gpuShape: "Tesla-T4" })
    expect(await waitOf({ memoryPerGPU: 22 })).toMatchObject({
      estimatedWaitTime: "",
      estimatedStartTime: "",
    })
    expect(await list()).toEqual([])
    await reaches(await create({ exitDuration: "1h" }), "Provisioned")
    expect((await waitOf({})).estimatedWaitTime).toMatch(/^(1h0m0s|0h59m\d+s)$/)
  })

  it("names the nodes' kind where any will do", async () => {
    const any = { enableAutoGpuSelection: true, instanceType: "", gpuShape: "" }
    expect(await waitOf(any)).toMatchObject({ instanceType: "n1-standard-8", gpuShape: "Tesla-T4" })
  })
})

describe("templates and bindings", () => {
  const template = (name: string, change: object = {}) => ({
    name,
    clusterName: "worker-1",
    numberOfGPUs: 1,
    numberOfGPUNodes: 1,
    memoryPerGpu: 15,
    gpuShape: "Tesla-T4",
    instanceType: "n1-standard-8",
    exitDuration: "1h",
    ...change,
  })
  const bound = (name: string) => ({
    workspaceName: workspace,
    clusters: [{ clusterName: "worker-1", defaultTemplateName: name }],
  })
  const statusOf = async (wanted: Curl) => (await ask(wanted)).status

  it("are made, bound, kept while they are bound, and go", async () => {
    const path = "/gpr-template"
    expect((await ask({ path, data: template("t4") })).text).toBe(success('{"gprTemplateName":"t4"}'))
    expect(await statusOf({ path, data: template("t4") })).toBe(409)
    expect(await statusOf({ request: "PUT", path, data: template("t4", { priority: 7 }) })).toBe(200)
    const { json } = await ask({ path: `${path}?gprTemplateName=t4` })
    expect(json).toMatchObject({ data: { name: "t4", priority: 7, exitDuration: "1h0m0s" } })
    expect(await statusOf({ path, data: template("Not A Name") })).toBe(422)
    expect(await statusOf({ path, data: template("t5", { clusterName: "worker-9" }) })).toBe(404)

    const binding = `${path}-binding`
    expect(await statusOf({ path: binding, data: bound("nothing") })).toBe(404)
    expect(await statusOf({ path: binding, data: bound("t4") })).toBe(200)
    expect(await statusOf({ path: binding, data: bound("t4") })).toBe(409)
    expect(await statusOf({ request: "DELETE", path, data: { gprTemplateName: "t4" } })).toBe(409)
    expect(await statusOf({ request: "GET", path: `${binding}?gprTemplateBindingName=${workspace}` })).toBe(
      200,
    )
    const gone = { gprTemplateBindingName: workspace }
    expect(await statusOf({ request: "DELETE", path: binding, data: gone })).toBe(200)
    expect(await statusOf({ request: "DELETE", path: binding, data: gone })).toBe(404)
    expect(await statusOf({ request: "DELETE", path, data: { gprTemplateName: "t4" } })).toBe(200)
    expect(await statusOf({ path: `${path}?gprTemplateName=t4` })).toBe(404)
  })

  it("of a workspace are its Editors' to change, and nobody else's", async () => {
    const editor = await server.member(`editor-${workspace}`, { [workspace]: "editor" })
    const viewer = await server.member(`reader-${workspace}`, { [workspace]: "viewer" })
    const data = template(`of-${workspace}`, { workspaceName: workspace })
    expect(await statusOf({ path: "/gpr-template", data, token: viewer })).toBe(403)
    expect(await statusOf({ path: "/gpr-template", data, token: editor })).toBe(200)
    expect(await statusOf({ request: "PUT", path: "/gpr-template", data, token: viewer })).toBe(403)
    expect(await statusOf({ path: `/gpr-template?gprTemplateName=of-${workspace}`, token: viewer })).toBe(200)
  })
})
