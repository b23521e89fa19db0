import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { startBerthServer, type BerthServer } from "./berth-server.ts"

/* Watches, records that follow something, and registers by /berth/v1 over sockets, with the real plane. */

let server: BerthServer
let workload: string
beforeEach(async () => {
  server = await startBerthServer()
  workload = await server.submit({
    groupVersionKind: { kind: "Deployment", version: "v1" },
    service: { protocol: "TCP", port: 8000, targetPort: 8000, serviceType: "ClusterIP" },
  })
})
afterEach(() => server.close())

const register = (json: unknown, token?: string) =>
  server.call("POST", "/berth/v1/services", { json, ...(token === undefined ? {} : { token }) })

describe("a record that follows a Deployment", () => {
  it("is watched, and told of with its history", async () => {
    const { status, json } = await register({ join: { workload }, name: "churn", labels: { team: "a" } })
    expect({ status, json }).toMatchObject({ status: 201, json: { name: "churn", workspaceId: "default" } })
    const at = `/berth/v1/services/${json.id}/watch`
    const seen = await server.until(async () => {
      const answer = await server.call("GET", at)
      return answer.json.verdict === "up" && answer.json.history.length > 0 ? answer.json : undefined
    })
    expect(seen).toMatchObject({
      name: "churn",
      state: "active",
      joined: { kind: "workload", name: workload },
      intervalSeconds: 30,
      lastProbe: { ok: true },
      history: [{ verdict: "up" }],
    })
    const list = await server.call("GET", "/berth/v1/watches?workspace=default")
    expect(list.json).toMatchObject({ items: [{ serviceId: json.id }], nextCursor: null })
    expect((await server.call("DELETE", at)).status).toBe(204)
    expect(await server.call("GET", at)).toMatchObject({ status: 404 })
  })

  it.each([
    [{ join: {} }, 400],
    [{ join: { workload: "a", rayService: "b/c" } }, 400],
    [{ join: { workload: "none" } }, 404],
    [{ join: { rayService: "default/none" } }, 404],
    [{ join: { workload: "none" }, watch: { intervalSeconds: 1 } }, 400],
  ])("is refused %j", async (body, status) => {
    expect(await register(body)).toMatchObject({ status })
  })

  it("is there once", async () => {
    expect((await register({ join: { workload }, watch: null })).status).toBe(201)
    expect((await register({ join: { workload }, watch: null })).status).toBe(409)
  })
})

it("registers give pages, newest first", async () => {
  const made: string[] = []
  for (const modelName of ["a", "a", "b"]) {
    const { json } = await server.call("POST", "/berth/v1/model-versions", {
      json: { workspaceId: "default", modelName },
    })
    made.push(json.id)
  }
  const first = await server.call("GET", "/berth/v1/model-versions?limit=2")
  expect(first.json.items.map((item: { readonly number: number }) => item.number)).toEqual([1, 2])
  const rest = await server.call("GET", `/berth/v1/model-versions?limit=2&cursor=${first.json.nextCursor}`)
  expect(rest.json).toMatchObject({ items: [{ id: made[0], number: 1 }], nextCursor: null })
  expect((await server.call("GET", "/berth/v1/model-versions?cursor=x")).status).toBe(400)
  expect((await server.call("GET", `/berth/v1/runs/${made[0]}`)).status).toBe(404)
})
