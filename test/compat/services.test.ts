import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startBerthServer, type BerthServer } from "./berth-server.ts"

let server: BerthServer
beforeAll(async () => {
  server = await startBerthServer()
})
afterAll(() => server.close())

const nodePort = (port?: number) => ({
  service: { port: 80, targetPort: 8080, serviceType: "NodePort", ...(port && { nodePort: port }) },
})
const create = (body: object) => server.call("POST", "/api/v1/workloads", { json: { ...job, ...body } })
const job = {
  displayName: "web",
  workspaceId: "default",
  image: "any",
  entryPoint: Buffer.from("sleep infinity").toString("base64"),
  resource: { replica: 1, cpu: "1", memory: "1Gi" },
}

describe("GET /api/v1/workloads/{id}/service", () => {
  it("gives the addresses in the form of the API's own server", async () => {
    const id = await server.submit(nodePort(30_100))
    const { status, json } = await server.call("GET", `/api/v1/workloads/${id}/service`)
    expect(status).toBe(200)
    expect(json).toEqual({
      port: { protocol: "TCP", port: 80, nodePort: 30_100, targetPort: 8080 },
      externalDomain: "http://127.0.0.1:30100/",
      internalDomain: `${json.clusterIp}:80`,
      clusterIp: expect.stringMatching(/^127\.65\.\d+\.\d+$/),
      type: "NodePort",
    })
  })

  it("has nothing of a node port for a service that has none", async () => {
    const id = await server.submit({ service: { port: 80, targetPort: 80, serviceType: "ClusterIP" } })
    const { json } = await server.call("GET", `/api/v1/workloads/${id}/service`)
    expect(json).toMatchObject({ externalDomain: "", type: "ClusterIP" })
    expect(json.port).toEqual({ protocol: "TCP", port: 80, targetPort: 80 })
  })

  it("says that there is none for a workload without one, also when it is over", async () => {
    const none = [404, { errorCode: "Primus.00005", errorMessage: "service does not have any ports" }]
    const without = await server.submit()
    const ended = await server.submit(nodePort())
    await server.call("POST", `/api/v1/workloads/${ended}/stop`)
    for (const id of [without, ended]) {
      const { status, json } = await server.call("GET", `/api/v1/workloads/${id}/service`)
      expect([status, json]).toEqual(none)
    }
  })

  it("is for those who may read the workload", async () => {
    const id = await server.submit(nodePort())
    const viewer = await server.member("service-viewer", { default: "viewer" })
    expect((await server.call("GET", `/api/v1/workloads/${id}/service`, { token: viewer })).status).toBe(200)
    const missing = await server.call("GET", "/api/v1/workloads/nothing-x7kqd/service")
    expect([missing.status, missing.json.errorCode]).toEqual([404, "Primus.01001"])
  })
})

describe("a node port", () => {
  it("that was chosen is shown by the workload, as long as it lives", async () => {
    const id = await server.submit(nodePort())
    const { json } = await server.call("GET", `/api/v1/workloads/${id}`)
    expect(json.service).toMatchObject({
      port: 80,
      targetPort: 8080,
      protocol: "TCP",
      serviceType: "NodePort",
    })
    expect(json.service.nodePort).toBeGreaterThanOrEqual(30_000)
    await server.call("POST", `/api/v1/workloads/${id}/stop`)
    const after = await server.call("GET", `/api/v1/workloads/${id}`)
    expect(after.json.service.nodePort).toBeUndefined()
  })

  it("that another live workload has is refused, of two requests at once one; a clone of its holder too", async () => {
    const answers = await Promise.all([create(nodePort(30_200)), create(nodePort(30_200))])
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409])
    const refused = answers.find(({ status }) => status === 409)
    const words = { errorCode: "Primus.00004", errorMessage: "the nodePort 30200 is already used" }
    expect(refused?.json).toEqual(words)
    const holder = answers.find(({ status }) => status === 200)
    const workloadIds = [holder?.json.workloadId]
    const clone = await server.call("POST", "/api/v1/workloads/clone", { json: { workloadIds } })
    expect([clone.status, clone.json]).toEqual([409, words])
  })

  it.each([80, 29_999, 32_768, 65_536])("outside of its range is refused: %i", async (port) => {
    const { status, json } = await create(nodePort(port))
    expect([status, json]).toEqual([
      400,
      {
        errorCode: "Primus.00002",
        errorMessage: `Bad request. The service/node port(${port}) is invalid and needs to be between 30000 and 32767`,
      },
    ])
  })
})

describe("GET /berth/v1/endpoints", () => {
  const list = async (query = "", token?: string) =>
    server.call("GET", `/berth/v1/endpoints${query}`, token === undefined ? {} : { token })

  it("gives each service with its addresses and what answers there", async () => {
    server.network.take(30_300)
    const id = await server.submit(nodePort(30_300))
    const endpoint = await server.until(async () => {
      const { json } = await list("?workspace=default&limit=1")
      return json.items[0].message === "" ? undefined : json.items[0]
    })
    expect(endpoint).toEqual({
      workloadId: id,
      workspaceId: "default",
      kind: "PyTorchJob",
      protocol: "TCP",
      type: "NodePort",
      address: expect.stringMatching(/^127\.65\.\d+\.\d+:80$/),
      nodeAddress: "127.0.0.1:30300",
      targetPort: 8080,
      readyPods: expect.any(Number),
      pods: 1,
      listening: false,
      message: "127.0.0.1:30300 is in use by another program.",
    })
  })

  it("gives the one of a workload, or none", async () => {
    const id = await server.submit(nodePort())
    const { json } = await list(`?workload=${id}`)
    expect(json.items.map((one: { workloadId: string }) => one.workloadId)).toEqual([id])
    expect((await list(`?workload=${await server.submit()}`)).json.items).toEqual([])
  })

  it("goes by pages, newest first, and shows what the caller may see", async () => {
    const made = []
    for (let n = 0; n < 3; n++) made.unshift(await server.submit(nodePort()))
    const first = await list("?limit=2")
    expect(first.json.items.map((one: { workloadId: string }) => one.workloadId)).toEqual(made.slice(0, 2))
    const second = await list(`?limit=1&cursor=${first.json.nextCursor}`)
    expect(second.json.items[0].workloadId).toBe(made[2])
    await server.call("POST", "/berth/v1/workspaces", { json: { id: "closed" } })
    const other = await server.member("endpoint-other", { closed: "viewer" })
    const mine = await list("?workspace=closed", other)
    expect(mine.json).toEqual({ items: [], nextCursor: null })
  })

  it("refuses a workspace that is not there and a query that is not known", async () => {
    expect((await list("?workspace=nowhere")).status).toBe(404)
    expect((await list("?space=default")).status).toBe(400)
    expect((await list("?cursor=%21")).status).toBe(400)
  })
})

it("a workspace publishes its services when a server owner says so, not when its own owner does", async () => {
  await server.call("POST", "/berth/v1/workspaces", { json: { id: "public" } })
  const ann = await server.member("publisher", { public: "owner" })
  const set = (publishServices: boolean, token?: string) =>
    server.call("PATCH", "/berth/v1/workspaces/public", {
      json: { policy: { publishServices } },
      ...(token !== undefined && { token }),
    })
  const refused = await set(true, ann)
  expect([refused.status, refused.json.code]).toEqual([403, "forbidden"])
  expect((await set(true)).json.policy).toMatchObject({ publishServices: true, openToAll: false })
  expect((await set(false, ann)).status).toBe(403)
  expect((await set(true, ann)).status).toBe(200)
})
