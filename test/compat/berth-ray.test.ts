import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startBerthServer, type BerthServer, type CallOptions } from "./berth-server.ts"
import { makeRayCluster, makeRayJob, makeRayService, makeTemplate, untilRayCluster } from "./ray-script.ts"

/* Config maps, secrets, Ray clusters and their explanations by /berth/v1 over sockets, with the real plane. */

let server: BerthServer
/** In the workspace `team`; `other` has a role elsewhere only. */
let [editor, viewer, other] = ["", "", ""]
beforeAll(async () => {
  server = await startBerthServer()
  for (const id of ["team", "elsewhere"]) await server.call("POST", "/berth/v1/workspaces", { json: { id } })
  editor = await server.member("ed", { team: "editor" })
  viewer = await server.member("vi", { team: "viewer" })
  other = await server.member("ot", { elsewhere: "owner" })
  await makeTemplate(server, "team")
})
afterAll(() => server.close())

async function ok(method: string, path: string, options: CallOptions = {}) {
  const answer = await server.call(method, `/berth/v1/${path}`, options)
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
  return answer
}
const statusOf = async (method: string, path: string, options: CallOptions = {}) =>
  (await server.call(method, `/berth/v1/${path}`, options)).status
const put = (what: string, data: unknown, token = editor) =>
  server.call("PUT", `/berth/v1/${what}`, { token, json: { data } })

describe("a config map", () => {
  it("is made, replaced, listed without its values, and deleted", async () => {
    const made = (await put("configmaps/team/code", { "b.py": "1", "a.py": "é\n" })).json
    expect(made).toMatchObject({
      namespace: "team",
      name: "code",
      data: { "b.py": "1", "a.py": "é\n" },
      keys: ["a.py", "b.py"],
    })
    await server.clock.advance(1000)
    const again = (await put("configmaps/team/code", { "c.py": "" })).json
    expect(again).toMatchObject({ data: { "c.py": "" }, createdAt: made.createdAt })
    expect(again.updatedAt > made.updatedAt).toBe(true)
    expect((await ok("GET", "configmaps/team/code", { token: viewer })).json).toEqual(again)
    const { data: _, ...entry } = again
    expect((await ok("GET", "configmaps?namespace=team", { token: viewer })).json.items).toEqual([entry])
    await ok("DELETE", "configmaps/team/code", { token: editor })
    expect(await statusOf("GET", "configmaps/team/code", { token: editor })).toBe(404)
    expect(await statusOf("DELETE", "configmaps/team/code", { token: editor })).toBe(404)
  })

  it("may not have the name of a compute template", async () => {
    const { status, json } = await put("configmaps/team/small", {})
    expect([status, json.code]).toEqual([409, "already_exists"])
  })

  it("holds 1 MiB, which is larger as JSON, and no more", async () => {
    const newlines = "\n".repeat(1024 * 1024 - 1)
    expect((await put("configmaps/team/large", { a: newlines })).status).toBe(413)
    const text = "x".repeat(1024 * 1024 - 1)
    expect((await put("configmaps/team/large", { a: text })).status).toBe(200)
    const more = await put("configmaps/team/large", { a: `${text}x` })
    expect([more.status, more.json.details[0].path]).toEqual([400, "data"])
    expect((await ok("GET", "configmaps/team/large")).json.data.a).toHaveLength(1024 * 1024 - 1)
    await ok("DELETE", "configmaps/team/large")
  })
})

describe("a secret", () => {
  it("shows its keys and never its values: not in answers, events, audit records or rows", async () => {
    const value = "correct horse battery staple"
    const made = (await put("secrets/team/pass", { word: value })).json
    expect(made).toMatchObject({ name: "pass", keys: ["word"] })
    expect(made).not.toHaveProperty("data")
    const seen = [
      await ok("GET", "secrets/team/pass", { token: editor }),
      await ok("GET", "secrets", { token: editor }),
      await ok("GET", "events?subject=secret/team%2Fpass"),
      await ok("GET", "audit"),
    ]
    const [event] = seen[2]?.json.items ?? []
    expect(event).toMatchObject({ type: "secret.created", subject: "secret/team/pass", workspace: "team" })
    const record = seen[3]?.json.items.find(
      ({ operation }: { operation: string }) => operation === "secret.write",
    )
    expect(record).toMatchObject({ subject: { kind: "secret", id: "team/pass" }, data: { keys: 1 } })
    const kept = await server.store.ray.entries.get(server.store.committed, "secret", "team", "pass")
    for (const text of [...seen.map((answer) => answer.text), JSON.stringify(kept)])
      expect(text).not.toContain("battery")
    await ok("DELETE", "secrets/team/pass", { token: editor })
  })
})

describe.each(["configmaps", "secrets"])("%s", (what) => {
  beforeAll(async () => {
    for (const name of ["a", "b", "c"]) await put(`${what}/team/${name}`, { key: "value" })
  })

  it("are paged by namespace and name", async () => {
    const first = (await ok("GET", `${what}?limit=2&namespace=team`, { token: editor })).json
    const rest = (await ok("GET", `${what}?limit=2&cursor=${first.nextCursor}`, { token: editor })).json
    expect([...first.items, ...rest.items].map(({ name }) => name)).toEqual(["a", "b", "c"])
    expect(rest.nextCursor).toBeNull()
  })

  it("are changed by editors, and are nothing to who has no role", async () => {
    const cells = async (token: string) => [
      await statusOf("GET", `${what}/team/a`, { token }),
      await statusOf("PUT", `${what}/team/a`, { token, json: { data: {} } }),
      await statusOf("DELETE", `${what}/team/never`, { token }),
      (await ok("GET", `${what}?namespace=team`, { token }).catch(() => ({ json: { items: [] } }))).json.items
        .length,
    ]
    expect(await cells(editor)).toEqual([200, 200, 404, 3])
    expect(await cells(viewer)).toEqual(what === "secrets" ? [403, 403, 404, 0] : [200, 403, 404, 3])
    expect(await cells(other)).toEqual([404, 404, 404, 0])
  })

  it.each<[string, number, string, unknown]>([
    ["no data", 400, "x", {}],
    ["data that is no mapping", 400, "x", { data: ["a"] }],
    ["a value that is no text", 400, "x", { data: { a: 1 } }],
    ["a member that is not known", 400, "x", { data: {}, more: 1 }],
    ["a key that is a path", 400, "x", { data: { "../a": "" } }],
    ["a name in capitals", 400, "Bad", { data: {} }],
    ["a name that is a path", 400, "a%2Fb", { data: {} }],
  ])("with %s are refused, and nothing changes", async (_, status, name, json) => {
    const before = (await ok("GET", what)).json
    const answer = await server.call("PUT", `/berth/v1/${what}/team/${name}`, { json })
    expect([answer.status, answer.json.code]).toEqual([status, "invalid"])
    expect((await ok("GET", what)).json).toEqual(before)
  })

  it.each(["limit=0", "limit=x", "cursor=%21", "colour=red", "namespace=a&namespace=b"])(
    "are not listed with %s",
    async (query) => {
      expect(await statusOf("GET", `${what}?${query}`)).toBe(400)
    },
  )

  it("cannot be made in a namespace of nobody", async () => {
    const { status, json } = await put(`${what}/nobody/a`, {}, server.token)
    expect([status, json.code]).toEqual([404, "not_found"])
  })
})

describe("a Ray cluster", () => {
  beforeAll(async () => {
    await makeRayCluster(server, "one", { namespace: "team", workers: 2, token: editor })
    await untilRayCluster(server, "one", "ready", "team")
  })

  it("is shown with where its pods are and what it has to tell", async () => {
    const { json } = await ok("GET", "ray/clusters/team/one", { token: viewer })
    expect(json).toMatchObject({
      namespace: "team",
      workspaceId: "team",
      state: "ready",
      suspended: false,
      rayVersion: "2.60.0",
      environment: "DEV",
      user: "ada",
      userName: "ed",
      parent: null,
      headFailures: 0,
      retryAt: null,
    })
    expect(json.endpoints).toMatchObject({ dashboard: expect.stringMatching(/^\d+$/) })
    expect(json.pods.map(({ group, index }: { group: string; index: number }) => [group, index])).toEqual([
      ["head", 0],
      ["workers", 0],
      ["workers", 1],
    ])
    expect(json.pods[0]).toMatchObject({ state: "running", node: "node-a", exitCode: null, endedAt: null })
    expect(json.events.length).toBeGreaterThan(0)
  })

  it("is listed without pods, page by page", async () => {
    await makeRayCluster(server, "two", { namespace: "team", token: editor })
    const first = (await ok("GET", "ray/clusters?limit=1", { token: viewer })).json
    const rest = (await ok("GET", `ray/clusters?limit=1&cursor=${first.nextCursor}`, { token: viewer })).json
    expect([first.items[0].name, rest.items[0].name, rest.nextCursor]).toEqual(["one", "two", null])
    expect(first.items[0]).not.toHaveProperty("pods")
  })

  it("has the logs of its pods read, the end of them", async () => {
    const { pods } = (await ok("GET", "ray/clusters/team/one")).json
    const at = `ray/clusters/team/one/pods/${pods[0].name}/log`
    const answer = await ok("GET", at, { token: viewer })
    expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8")
    const end = await ok("GET", `${at}?maxBytes=3`, { token: viewer })
    expect(answer.text.endsWith(end.text)).toBe(true)
    for (const bad of ["maxBytes=0", "maxBytes=99999999", "maxBytes=1e3", "tail=1"])
      expect(await statusOf("GET", `${at}?${bad}`)).toBe(400)
    expect(await statusOf("GET", "ray/clusters/team/one/pods/not-there/log")).toBe(404)
    expect(await statusOf("GET", at, { token: other })).toBe(404)
  })

  it("is nothing to who has no role in its workspace", async () => {
    expect(await statusOf("GET", "ray/clusters/team/one", { token: other })).toBe(404)
    expect(await statusOf("GET", "explain/ray-cluster/team%2Fone", { token: other })).toBe(404)
    expect((await ok("GET", "ray/clusters?namespace=team", { token: other })).json.items).toEqual([])
    expect(await statusOf("GET", "ray/clusters/team/one", { token: "" })).toBe(401)
  })

  it.each(["limit=0", "cursor=%21", "cursor=YQ", "workspace=team"])(
    "is not listed with %s",
    async (query) => {
      expect(await statusOf("GET", `ray/clusters?${query}`)).toBe(400)
    },
  )

  it("is counted for the metrics", () => {
    const { clusters, pods } = server.plane.rayReading()
    expect(clusters).toContainEqual({ workspaceId: "team", state: "ready", count: expect.any(Number) })
    expect(pods["running"]).toBeGreaterThanOrEqual(3)
  })
})

describe("what waits", () => {
  beforeAll(() => server.call("POST", "/berth/v1/queue/pause", { json: { workspace: "team" } }))
  afterAll(() => server.call("POST", "/berth/v1/queue/resume", { json: { workspace: "team" } }))

  /** Its explanation, once there is a reason. */
  const reasonsOf = (kind: string, name: string) =>
    server.until(async () => {
      const { json } = await ok("GET", `explain/${kind}/team%2F${name}`, { token: viewer })
      return json.reasons.length > 0 ? json : undefined
    })

  it("of clusters is explained, with what happened", async () => {
    await makeRayCluster(server, "waits", { namespace: "team", token: editor })
    const found = await reasonsOf("ray-cluster", "waits")
    expect(found).toMatchObject({
      kind: "ray-cluster",
      id: "team/waits",
      workspaceId: "team",
      state: "waiting",
      clusterName: "waits",
      position: 1,
      reasons: [{ code: "queue_paused", sentence: expect.stringMatching(/\.$/) }],
    })
    expect(found.moves.at(-1)).toMatchObject({
      type: "ray-cluster.created",
      subject: "ray-cluster/team/waits",
    })
  })

  it("of jobs is explained by their cluster", async () => {
    await makeRayJob(server, "job", "team")
    const found = await reasonsOf("ray-job", "job")
    expect(found).toMatchObject({ kind: "ray-job", id: "team/job", reasons: [{ code: "queue_paused" }] })
    expect(found.clusterName).toMatch(/^job-/)
    expect(found.moves[0].subject).toBe("ray-job/team/job")
    const log = await ok("GET", "ray/jobs/team/job/log", { token: viewer })
    expect([log.headers.get("content-type"), log.text]).toEqual(["text/plain; charset=utf-8", ""])
    expect(await statusOf("GET", "ray/jobs/team/job/log", { token: other })).toBe(404)
  })

  it("of services is explained by the cluster that is to serve", async () => {
    await makeRayService(server, "serve", "team")
    const found = await reasonsOf("ray-service", "serve")
    expect(found).toMatchObject({
      kind: "ray-service",
      id: "team/serve",
      state: "starting",
      reasons: [{ code: "queue_paused" }],
    })
    expect(found.clusterName).toMatch(/^serve-/)
    expect(found.moves.at(-1)).toMatchObject({ type: "ray-service.created" })
    const { json } = await ok("GET", `ray/clusters/team/${found.clusterName}`, { token: viewer })
    expect(json).toMatchObject({ parent: { kind: "service", name: "serve" }, environment: null, pods: [{}] })
  })

  it.each(["ray-cluster/team%2Fnone", "ray-job/team%2Fnone", "ray-service/team%2Fnone"])(
    "is not found: %s",
    async (path) => {
      expect(await statusOf("GET", `explain/${path}`)).toBe(404)
    },
  )

  it.each(["ray-cluster/one", "ray-job/team%2Fjob%2Fmore", "ray-service/%2Fserve"])(
    "is named by namespace and name: %s is none",
    async (path) => {
      const { status, json } = await server.call("GET", `/berth/v1/explain/${path}`)
      expect([status, json.code]).toEqual([404, "not_found"])
    },
  )
})

describe("events", () => {
  it("of Ray objects are there for who has a role, and only for them", async () => {
    const subjects = async (token: string) =>
      (await ok("GET", "events?workspace=team&limit=1000", { token }).catch(() => undefined))?.json.items.map(
        ({ subject }: { subject: string }) => subject,
      )
    expect(await subjects(viewer)).toEqual(
      expect.arrayContaining(["ray-cluster/team/one", "ray-job/team/job", "config-map/team/a"]),
    )
    expect(await subjects(other)).toBeUndefined()
  })
})

describe("a server without Ray", () => {
  it("says so", async () => {
    const bare = await startBerthServer({ hasRay: false })
    try {
      for (const path of ["configmaps", "secrets/a/b", "ray/clusters", "explain/ray-job/a%2Fb"]) {
        const { status, json } = await bare.call("GET", `/berth/v1/${path}`)
        expect([status, json.message]).toEqual([404, "This server has no Ray."])
      }
    } finally {
      await bare.close()
    }
  })
})
