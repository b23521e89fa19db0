import { berthRoutes } from "@berth/contract/berth"
import { describe, expect, it } from "vitest"
import { server, expectError, useBerth } from "./berth-calls.ts"

useBerth()

describe("bad requests", () => {
  it("names each fault of a body", async () => {
    const { json } = await expectError("POST", "/berth/v1/workspaces", 400, {
      json: {
        description: 7,
        policy: { queuePolicy: "lifo", stopGraceSeconds: 601, color: "red" },
        extra: 1,
      },
    })
    expect(json.details.map((d: { path: string }) => d.path).toSorted()).toEqual([
      "description",
      "extra",
      "id",
      "policy.color",
      "policy.queuePolicy",
      "policy.stopGraceSeconds",
    ])
    expect(json.details.find((d: { path: string }) => d.path === "policy.queuePolicy").message).toBe(
      "must be one of fifo, balance",
    )
  })

  it("does not coerce", async () => {
    expect.hasAssertions()
    for (const policy of [
      { stopGraceSeconds: "5" },
      { enablePreempt: 1 },
      { stopGraceSeconds: true },
      null,
      "x",
    ])
      await expectError("PATCH", "/berth/v1/workspaces/team", 400, { json: { policy } })
  })

  it("refuses bodies that are not JSON, not UTF-8, not objects, whatever they call themselves", async () => {
    expect.hasAssertions()
    for (const raw of ["{", "[]", "null", '"x"', "{} {}", '{"id":"a","__proto__":{}}', "\ufffe"])
      for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded", "???", ""])
        await expectError("POST", "/berth/v1/workspaces", 400, { raw, headers: { "content-type": type } })
  })

  it("refuses a body of null where an empty one would do", async () => {
    const stops = server.stops.length
    for (const path of ["/berth/v1/queue/pause", "/berth/v1/queue/resume", "/berth/v1/server/stop"])
      await expectError("POST", path, 400, { raw: "null" })
    expect(server.stops).toHaveLength(stops)
  })

  it("names what is missing when the body is empty", async () => {
    const { json } = await expectError("POST", "/berth/v1/users", 400)
    expect(json.details).toEqual([{ path: "name", message: "is required" }])
  })

  it("refuses a large body with 413", async () => {
    const raw = JSON.stringify({ id: "a", description: "x".repeat(70_000) })
    const { json } = await expectError("POST", "/berth/v1/workspaces", 413, { raw })
    expect(json.code).toBe("too_large")
  })

  it("refuses queries it does not know, twice-given and malformed ones", async () => {
    expect.hasAssertions()
    for (const query of [
      "limit=0",
      "limit=1001",
      "limit=ten",
      "limit=1e2",
      "limit=-5",
      "limit=5&limit=6",
      "lmit=5",
      "cursor=%00",
      "cursor=***",
      "__proto__=1",
    ])
      await expectError("GET", `/berth/v1/nodes?${query}`, 400)
    await expectError("DELETE", "/berth/v1/workspaces/team?force=maybe", 400)
  })

  it("finds nothing under ids with control characters, dots and slashes", async () => {
    for (const id of ["%00", "..%2f..%2fetc", "a%0d%0aX-Injected:%201", "%e2%80%ae", "x".repeat(3000)])
      for (const path of [
        `workspaces/${id}`,
        `explain/workload/${id}`,
        `pods/${id}/${id}/log`,
        `nodes/${id}`,
      ]) {
        const answer = await expectError("GET", `/berth/v1/${path}`, 404)
        expect(answer.headers.get("x-injected")).toBeNull()
      }
    await expectError("GET", "/berth/v1/workspaces/%zz", 400)
  })

  it("answers 405 with Allow for a wrong method, 404 for an unknown path", async () => {
    const answer = await expectError("DELETE", "/berth/v1/queue/pause", 405)
    expect(answer.headers.get("allow")).toBe("POST")
    await expectError("PUT", "/berth/v1/workspaces", 405)
    // Fastify wants a content type for it before it looks for a route.
    await expectError("QUERY", "/berth/v1/workspaces", 405)
    await expectError("GET", "/berth/v1/planets", 404)
    await expectError("POST", "/berth/v1/planets", 404, { raw: "{" })
    await expectError("GET", "/berth", 404)
    await expectError("GET", "/", 404)
  })

  it("words what is unknown below /api/v1 as the Workload API does", async () => {
    for (const [method, path] of [
      ["GET", "/api/v1/planets?x=1"],
      ["POST", "/api/v1"],
      ["DELETE", "/api/v1/workloads"],
    ] as const) {
      const answer = await server.call(method, path)
      expect([answer.status, answer.json]).toEqual([
        404,
        { errorCode: "Primus.00005", errorMessage: `${path} not found` },
      ])
    }
    const bad = await server.call("GET", "/api/v1/workloads/%zz")
    expect([bad.status, bad.json.errorCode]).toEqual([400, "Primus.00002"])
    const anonymous = await server.call("GET", "/api/v1/planets", { token: "" })
    expect([anonymous.status, anonymous.json.errorCode]).toEqual([401, "Primus.00009"])
    const large = await server.call("POST", "/api/v1/workloads", { raw: "x".repeat(2 * 1024 * 1024 + 1) })
    expect([large.status, large.json.errorCode]).toEqual([413, "Primus.00006"])
  })

  it("answers HEAD like GET without a body, but opens no stream for it", async () => {
    const head = await server.call("HEAD", "/berth/v1/nodes")
    expect([head.status, head.text]).toEqual([200, ""])
    expect((await server.call("HEAD", "/berth/v1/events")).status).toBe(405)
  })
})

it("every route of the table answers 401 without a token and with one that does not hold", async () => {
  expect.hasAssertions()
  for (const route of Object.values(berthRoutes)) {
    const path = route.path.replaceAll(/:\w+/g, "x")
    for (const token of ["", "berth_wrong", "x".repeat(5000)])
      await expectError(route.method, path, 401, { token })
    for (const authorization of ["Basic b3duZXI6eA==", "Bearer", "Bearer a b", "bearer "])
      await expectError(route.method, path, 401, { token: "", headers: { authorization } })
  }
})
