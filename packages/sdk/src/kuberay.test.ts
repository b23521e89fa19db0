import { kuberayRoutes, type KuberayRouteName } from "@berth/contract/kuberay"
import { afterEach, describe, expect, it } from "vitest"
import { createBerthClient } from "./client.ts"
import type { TestServer } from "./test-server.ts"
import { sendJson, startTestServer } from "./test-server.ts"

let server: TestServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

async function answering(status: number, body: unknown) {
  server = await startTestServer((_request, response) => sendJson(response, status, body))
  return createBerthClient({ baseUrl: server.url, token: "berth_x", retries: 0 }).kuberay
}

const names = Object.keys(kuberayRoutes) as KuberayRouteName[]

it.each(names)("%s goes by the route of the contract", async (name) => {
  const client = await answering(200, {})
  const call: (request: object) => Promise<unknown> = client[name]
  await call({ namespace: "x", name: "x", clustername: "x", submissionid: "x" })
  const { method, path } = kuberayRoutes[name]
  expect(server?.calls).toEqual([`${method} ${path.replaceAll(/:\w+/g, "x")}`])
  expect(server?.headers[0]).toMatchObject({ authorization: "Bearer berth_x" })
})

describe("answers", () => {
  it("are messages", async () => {
    const client = await answering(200, {
      name: "c",
      createdAt: "2030-01-01T00:00:00Z",
      clusterState: "ready",
    })
    const cluster = await client.getCluster({ namespace: "n", name: "c" })
    expect(cluster).toMatchObject({ name: "c", clusterState: "ready", createdAt: { seconds: 1893456000n } })
  })

  it("that are none are broken", async () => {
    const client = await answering(200, { name: 1 })
    await expect(client.getCluster({ namespace: "n", name: "c" })).rejects.toMatchObject({
      status: 0,
      code: "broken",
    })
  })
})

describe("errors", () => {
  it.each([
    [404, 5, "not_found"],
    [409, 6, "already_exists"],
    [400, 9, "failed_precondition"],
    [418, 99, "http_418"],
  ])("with %i and code %i are `%s`", async (status, code, word) => {
    const client = await answering(status, { code, message: "Cluster foo not found" })
    await expect(client.getCluster({ namespace: "n", name: "foo" })).rejects.toMatchObject({
      status,
      code: word,
      message: "Cluster foo not found",
    })
  })

  it("come before a call for a name that would be another path", async () => {
    const client = await answering(200, {})
    await expect(client.getCluster({ namespace: "n", name: ".." })).rejects.toMatchObject({ code: "invalid" })
    expect(server?.calls).toEqual([])
  })
})
