import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { AppError } from "../../kit/errors.ts"
import { clusterRow, jobRow } from "./test-rows.ts"
import { startKuberayServer } from "./test-server.ts"

let server: Awaited<ReturnType<typeof startKuberayServer>>
beforeAll(async () => {
  server = await startKuberayServer()
})
afterAll(() => server.close())
beforeEach(() => {
  server.script({})
})

const clusters = "/apis/v1/namespaces/ns/clusters"
const view = { cluster: clusterRow, events: [] }
const cluster = {
  name: "c1",
  namespace: "ns",
  user: "u",
  clusterSpec: { headGroupSpec: { computeTemplate: "t", rayStartParams: { a: "b" } } },
}

async function post(path: string, body: unknown) {
  return server.send({
    method: "POST",
    path,
    body: typeof body === "string" ? body : JSON.stringify(body),
  })
}

describe("answers", () => {
  it("are upstream's golden one, byte for byte but for the spaces that differ between its builds", async () => {
    server.script({ clusters: { create: () => Promise.resolve(view) } })
    const answer = await post(clusters, cluster)
    expect(answer.status).toBe(200)
    expect(answer.text).toBe(
      '{"name":"test-cluster","namespace":"ray-system","user":"3cpo","version":"2.46.0","clusterSpec":{"headGroupSpec":{"computeTemplate":"default-template","image":"rayproject/ray:2.46.0","serviceType":"NodePort","rayStartParams":{"dashboard-host":"0.0.0.0","metrics-export-port":"8080"},"environment":{}},"workerGroupSpec":[{"groupName":"small-wg","computeTemplate":"default-template","image":"rayproject/ray:2.46.0","replicas":1,"minReplicas":1,"maxReplicas":1,"rayStartParams":{"node-ip-address":"$MY_POD_IP"},"environment":{}}]},"annotations":{"ray.io/creation-timestamp":"2023-09-25 10:48:35.766 +0000 UTC"},"createdAt":"2023-09-25T10:48:35Z"}',
    )
    expect(answer.headers["content-type"]).toBe("application/json")
    expect(answer.headers["grpc-metadata-content-type"]).toBe("application/grpc")
    expect(server.calls).toMatchObject([["clusters.create", { namespace: "ns", name: "c1" }]])
  })

  it("of deleting and of an empty list are empty", async () => {
    server.script({
      clusters: { delete: () => Promise.resolve() },
      jobs: { page: () => Promise.resolve({ items: [], next: null }) },
    })
    expect((await server.send({ method: "DELETE", path: `${clusters}/c1` })).text).toBe("{}")
    expect((await server.send({ path: "/apis/v1/jobs" })).text).toBe("{}")
    expect(server.calls).toEqual([
      ["clusters.delete", { namespace: "ns", name: "c1" }],
      ["jobs.page", null, { limit: null, after: null }],
    ])
  })

  it("of an error are code and message alone, as JSON, without the header of a success", async () => {
    const missing = new AppError("not_found", "ours", { resource: "ray-cluster", name: "foo" })
    server.script({ clusters: { get: () => Promise.reject(missing) } })
    const answer = await server.send({ path: `${clusters}/foo` })
    expect(answer.status).toBe(404)
    expect(answer.text).toBe(
      '{"code":5,"message":"Cluster foo not found: Get cluster failed.: NotFoundError: Cluster foo not found: rayclusters.ray.io \\"foo\\" not found"}',
    )
    expect(answer.headers["content-type"]).toBe("application/json")
    expect(answer.headers).not.toHaveProperty("grpc-metadata-content-type")
  })

  it("pages are asked for by either spelling", async () => {
    const next = { namespace: "ns", name: "s1" }
    server.script({ services: { page: () => Promise.resolve({ items: [], next }) } })
    const first = await server.send({ path: "/apis/v1/services?pageSize=1&pageToken=" })
    const { nextPageToken } = first.json as { nextPageToken: string }
    expect(first.json).toEqual({ nextPageToken })
    await server.send({ path: `/apis/v1/services?page_size=2&page_token=${nextPageToken}&x=1` })
    expect(server.calls).toEqual([
      ["services.page", null, { limit: 1, after: null }],
      ["services.page", null, { limit: 2, after: next }],
    ])
  })

  it("parameters go through a path with percent signs", async () => {
    server.script({ jobs: { get: () => Promise.resolve(jobRow) } })
    const answer = await server.send({ path: "/apis/v1/namespaces/n%2Fjobs/j%20b" })
    expect(answer.status).toBe(200)
    expect(server.calls).toEqual([["jobs.get", { namespace: "n", name: "j b" }]])
  })
})

describe("forms", () => {
  const form = "application/x-www-form-urlencoded"
  const sent = (path: string, body: string, headers: Readonly<Record<string, string>>) =>
    server.send({ method: "POST", path, body, headers })

  it("are read as the query of a GET where a path has no POST", async () => {
    server.script({ jobs: { page: () => Promise.resolve({ items: [], next: null }) } })
    const answer = await sent("/apis/v1/jobs?x=1", "limit=3", { "content-type": form })
    expect(answer.text).toBe("{}")
    expect(server.calls).toEqual([["jobs.page", null, { limit: 3, after: null }]])
    const twice = await sent("/apis/v1/jobs?limit=1", "limit=3", { "content-type": form })
    expect(twice.json).toEqual({ code: 3, message: 'too many values for field "limit": 1, 3' })
  })

  it("name another method, in any case", async () => {
    server.script({ clusters: { delete: () => Promise.resolve() } })
    const headers = { "content-type": form, "x-http-method-override": "delete" }
    expect((await sent(`${clusters}/c1`, "a=b", headers)).text).toBe("{}")
    expect(server.calls).toEqual([["clusters.delete", { namespace: "ns", name: "c1" }]])
  })

  it("are none with a character set, and JSON where a path has a POST", async () => {
    const charset = await sent("/apis/v1/jobs", "limit=3", { "content-type": `${form}; charset=utf-8` })
    expect(charset.status).toBe(501)
    const override = await sent(`${clusters}/c1`, "{}", { "x-http-method-override": "DELETE" })
    expect(override.status).toBe(501)
    const json = await sent(clusters, "limit=3", { "content-type": form })
    expect(json.json).toEqual({ code: 3, message: "invalid character 'l' looking for beginning of value" })
    expect(server.calls).toEqual([])
  })
})

describe("refusals before an operation", () => {
  it.each([
    ["GET", "/apis/v1/clusters/", 404, '{"code":5,"message":"Not Found"}'],
    ["POST", "/apis/v1/image_templates", 404, '{"code":5,"message":"Not Found"}'],
    ["PUT", `${clusters}/c1`, 501, '{"code":12,"message":"Method Not Allowed"}'],
    ["OPTIONS", clusters, 501, '{"code":12,"message":"Method Not Allowed"}'],
    ["TRACE", clusters, 501, '{"code":12,"message":"Method Not Allowed"}'],
    ["HEAD", clusters, 501, ""],
  ])("%s %s is %i", async (method, path, status, text) => {
    const answer = await server.send({ method, path })
    expect({ status: answer.status, text: answer.text }).toEqual({ status, text })
    expect(answer.headers).not.toHaveProperty("allow")
  })

  it("a path that is not clean is sent to the clean one", async () => {
    const got = await server.send({ path: "/apis/v1/namespaces//clusters/x?limit=1&a=b" })
    expect(got.status).toBe(307)
    expect(got.headers["location"]).toBe("/apis/v1/namespaces/clusters/x?limit=1&a=b")
    expect(got.headers["content-type"]).toBe("text/html; charset=utf-8")
    const posted = await post("/apis/v1/namespaces/./clusters", "{}")
    expect(posted.status).toBe(307)
    expect(posted.text).toBe("")
    expect(posted.headers).not.toHaveProperty("content-type")
  })

  it.each([
    ["abc", "invalid character 'a' looking for beginning of value"],
    ['{"name":', "unexpected EOF"],
    ["[1]", "proto: syntax error (line 1:1): unexpected token ["],
  ])("the body %s", async (body, message) => {
    const answer = await post(clusters, body)
    expect(answer.status).toBe(400)
    expect(answer.json).toEqual({ code: 3, message })
  })

  it.each([
    ["", "The namespace in the request is different from the namespace in the cluster definition."],
    [{ ...cluster, name: "" }, "Cluster name is empty. Please specify a valid value."],
    [{ ...cluster, user: "" }, "User who create the cluster is empty. Please specify a valid value."],
    [{ ...cluster, clusterSpec: null }, "A ClusterSpec object is required. Please specify one."],
  ])("the cluster %j", async (body, said) => {
    const answer = await post(clusters, body)
    expect(answer.status).toBe(400)
    expect(answer.json).toEqual({
      code: 3,
      message: `${said}: Validate create cluster request failed.: Invalid input error: ${said}`,
    })
    expect(server.calls).toEqual([])
  })

  it.each([
    ["limit=abc", 'parsing field "limit": strconv.ParseInt: parsing "abc": invalid syntax'],
    ["limit=1&limit=2", 'too many values for field "limit": 1, 2'],
  ])("the query %s", async (query, message) => {
    const answer = await server.send({ path: `${clusters}?${query}` })
    expect(answer.status).toBe(400)
    expect(answer.json).toEqual({ code: 3, message })
    expect(server.calls).toEqual([])
  })

  it("an empty name in the path", async () => {
    const said = "Cluster name is empty. Please specify a valid value."
    const answer = await server.send({ path: `${clusters}/` })
    expect(answer.json).toEqual({ code: 3, message: `${said}: Invalid input error: ${said}` })
  })

  it("a body above the limit, and none at it", async () => {
    const large = await post(clusters, " ".repeat(2 * 1024 * 1024 + 1))
    expect(large.status).toBe(413)
    expect(large.json).toMatchObject({ code: 8 })
    expect(Object.keys(large.json as object)).toEqual(["code", "message"])
    const most = await post(clusters, JSON.stringify(cluster).padEnd(2 * 1024 * 1024))
    expect(most.json).toMatchObject({ code: 13 })
  })

  it("no token, a wrong one, and one without Bearer", async () => {
    const path = `${clusters}/c1`
    const none = await server.send({ path, headers: { authorization: "" } })
    expect(none.status).toBe(401)
    expect(none.json).toMatchObject({ code: 16 })
    expect(Object.keys(none.json as object)).toEqual(["code", "message"])
    const wrong = await server.send({ path, headers: { authorization: "Bearer x" } })
    expect(wrong.status).toBe(401)
    server.script({ clusters: { get: () => Promise.resolve(view) } })
    const bare = await server.send({ path, headers: { authorization: "test-token" } })
    expect(bare.status).toBe(200)
  })

  it("a deadline of the caller's own", async () => {
    server.script({ clusters: { get: () => new Promise(() => {}) } })
    const path = `${clusters}/c1`
    const late = await server.send({ path, headers: { "grpc-timeout": "1m" } })
    expect(late.status).toBe(504)
    expect(late.json).toEqual({ code: 4, message: "context deadline exceeded" })
    const bad = await server.send({ path, headers: { "grpc-timeout": "abc" } })
    expect(bad.json).toEqual({ code: 3, message: "invalid grpc-timeout: abc" })
  })
})
