import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { BatchOutcome } from "../../domain/workloads/index.ts"
import { AppError } from "../../kit/errors.ts"
import type { RawAnswer, RawRequest } from "../test-server.ts"
import { startWorkloadsServer } from "./test-server.ts"
import { testDetail, testWorkload } from "./test-views.ts"

let server: Awaited<ReturnType<typeof startWorkloadsServer>>
beforeAll(async () => {
  server = await startWorkloadsServer()
})
afterAll(() => server.close())
beforeEach(() => server.script({}))

const base = "/api/v1/workloads"
const ids = ["a-bcdfg", "b-bcdfg"]

function post(path: string, body: unknown): Promise<RawAnswer> {
  return server.send({ method: "POST", path: base + path, body: JSON.stringify(body) })
}

function refused(answer: RawAnswer): readonly unknown[] {
  const { errorCode, errorMessage, ...rest } = answer.json as Record<string, unknown>
  expect(rest).toEqual({})
  expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8")
  return [answer.status, errorCode, errorMessage]
}

function expectEmpty(answer: RawAnswer): void {
  expect([answer.status, answer.text, answer.headers["content-length"]]).toEqual([200, "", "0"])
}

describe("create", () => {
  it("passes on what was sent and answers with the id", async () => {
    server.script({ create: () => Promise.resolve(testWorkload()) })
    const answer = await post("", { displayName: "train", workspace: "team", resource: { cpu: "1" } })
    expect([answer.status, answer.json]).toEqual([200, { workloadId: "train-x7kqd" }])
    expect(server.calls).toEqual([
      ["create", expect.objectContaining({ displayName: "train", workspaceId: "team", priority: 0 })],
    ])
  })

  it.each(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense"])(
    "reads JSON whatever the content type (%s)",
    async (type) => {
      server.script({ create: () => Promise.resolve(testWorkload()) })
      const body = JSON.stringify({ displayName: "x" })
      const headers = { "content-type": type }
      expect((await server.send({ method: "POST", path: base, body, headers })).status).toBe(200)
    },
  )

  it("takes the last of keys that are given twice", async () => {
    server.script({ create: () => Promise.resolve(testWorkload()) })
    await server.send({ method: "POST", path: base, body: '{"displayName":"a","displayName":"b"}' })
    expect(server.calls[0]?.[1]).toMatchObject({ displayName: "b" })
  })

  it.each([
    ["", "unexpected end of JSON input"],
    ["   ", "unexpected end of JSON input"],
    ['{"displayName":', "unexpected end of JSON input"],
    ["displayName=train", "invalid character in JSON input"],
    ["[1]", "json: cannot unmarshal array into Go value of type types.CreateWorkloadRequest"],
    [
      '{"priority":"1","timeout":1e999}',
      "[json: cannot unmarshal string into Go struct field CreateWorkloadRequest.priority of type int, " +
        "json: cannot unmarshal number into Go struct field CreateWorkloadRequest.timeout of type int]",
    ],
    [`${'{"x":'.repeat(5000)}1${"}".repeat(5000)}`, "json: exceeded max depth"],
  ])("refuses a body that cannot be read (%#)", async (body, message) => {
    const answer = await server.send({ method: "POST", path: base, body })
    expect(refused(answer)).toEqual([400, "Primus.00002", `Bad request. ${message}`])
    expect(server.calls).toEqual([])
  })

  it("refuses a body over two mebibytes, told or streamed, and takes one just below", async () => {
    const limit = 2 * 1024 * 1024
    const tooLarge = [413, "Primus.00006", "Request entity is too large: the max length is 2097152 bytes"]
    const filled = (size: number) => `{"x":"${"y".repeat(size - 8)}"}`
    expect(refused(await server.send({ method: "POST", path: base, body: filled(limit + 1) }))).toEqual(
      tooLarge,
    )
    const chunked: RequestInit & { duplex: "half" } = {
      method: "POST",
      headers: { authorization: "Bearer test-token" },
      body: new Blob([filled(limit + 1)]).stream(),
      duplex: "half",
    }
    const response = await fetch(server.url + base, chunked)
    const { errorCode } = (await response.json()) as { errorCode: string }
    expect([response.status, errorCode]).toEqual(tooLarge.slice(0, 2))
    server.script({ create: () => Promise.resolve(testWorkload()) })
    expect((await server.send({ method: "POST", path: base, body: filled(limit) })).status).toBe(200)
  })

  it.each([
    ["invalid", 400, "Primus.00002", "Bad request. no"],
    ["insufficient", 503, "Primus.00008", "no"],
    ["forbidden", 403, "Primus.00003", "no"],
    ["unavailable", 503, "Primus.03001", "no"],
  ] as const)("answers what the domain refuses as %s", async (code, ...expected) => {
    server.script({ create: () => Promise.reject(new AppError(code, "no", { retryAfterMs: 1500 })) })
    const answer = await post("", {})
    expect(refused(answer)).toEqual(expected)
    expect(answer.headers["retry-after"]).toBe("2")
  })

  it("hides what went wrong inside", async () => {
    server.script({ create: () => Promise.reject(new TypeError("secret stack")) })
    expect(refused(await post("", {}))).toEqual([
      500,
      "Primus.00001",
      "Internal error. Something went wrong inside the server.",
    ])
  })
})

describe("list", () => {
  it("passes filters on, unescaped once", async () => {
    server.script({ list: () => Promise.resolve({ total: 0, items: [] }) })
    const query =
      "?description=50%2525+off&userName=%5F&phase=Failed%2CRunning&limit=3&limit=4&order=asc&sortBy=end_time"
    const answer = await server.send({ path: base + query })
    expect(answer.json).toEqual({ totalCount: 0, items: [] })
    expect(server.calls).toEqual([
      [
        "list",
        { workspaceIds: null, description: "50%25 off", userName: "_", phases: ["Failed", "Running"] },
        { sort: "endedAtMs", order: "asc", offset: 0, limit: 3 },
      ],
    ])
  })

  it("shows items as the detail shows them", async () => {
    const view = testDetail(testWorkload())
    server.script({
      list: () => Promise.resolve({ total: 5, items: [view] }),
      get: () => Promise.resolve(view),
    })
    const page = (await server.send({ path: base })).json as { items: object[]; totalCount: number }
    const detail = (await server.send({ path: `${base}/train-x7kqd` })).json as object
    expect(page.totalCount).toBe(5)
    expect(detail).toMatchObject(page.items[0] ?? {})
  })

  it.each([
    "?limit=-1",
    "?offset=x",
    "?order=sideways",
    "?since=now",
    `?workspaceId=${"x".repeat(65)}`,
    "?userId=%00",
  ])("refuses %s", async (query) => {
    expect(refused(await server.send({ path: base + query })).slice(0, 2)).toEqual([400, "Primus.00002"])
    expect(server.calls).toEqual([])
  })

  it.each(["?limit=%zz", "?%", "?=&&&", "?limit[]=1", "?__proto__=1&constructor=2"])(
    "survives the odd query %s",
    async (query) => {
      server.script({ list: () => Promise.resolve({ total: 0, items: [] }) })
      expect([200, 400]).toContain((await server.send({ path: base + query })).status)
    },
  )
})

describe("the routes of one workload", () => {
  it.each<[string, string, readonly unknown[]]>([
    ["DELETE", "/a-bcdfg", ["remove", "a-bcdfg"]],
    ["POST", "/a-bcdfg/stop", ["stop", "a-bcdfg", {}]],
    ["POST", "/a-bcdfg/stop?graceSeconds=5", ["stop", "a-bcdfg", { graceSeconds: 5 }]],
    ["PATCH", "/a-bcdfg", ["patch", "a-bcdfg", { priority: 2 }]],
  ])("%s %s answers with nothing at all", async (method, path, call) => {
    const done = () => Promise.resolve()
    server.script({ remove: done, stop: done, patch: done })
    const body = method === "PATCH" ? { body: '{"priority":2}' } : {}
    expectEmpty(await server.send({ method, path: base + path, ...body }))
    expect(server.calls).toEqual([call])
  })

  it("takes no notice of a body or a type where none is due", async () => {
    server.script({ stop: () => Promise.resolve(), remove: () => Promise.resolve() })
    const headers = { "content-type": "application/json" }
    expectEmpty(await server.send({ method: "POST", path: `${base}/a/stop`, headers }))
    expectEmpty(await server.send({ method: "POST", path: `${base}/a/stop`, headers, body: "not json" }))
    expectEmpty(await server.send({ method: "DELETE", path: `${base}/a`, headers, body: "{" }))
    expect(server.calls).toHaveLength(3)
  })

  it("refuses a change without a body, and one that cannot be read", async () => {
    const patch = (body?: string) =>
      server.send({ method: "PATCH", path: `${base}/a`, ...(body !== undefined && { body }) })
    expect(refused(await patch())[2]).toBe("Bad request. unexpected end of JSON input")
    expect(refused(await patch("[]"))[2]).toContain("array into Go value of type types.PatchWorkloadRequest")
    expect(refused(await patch('{"env":{"A":1}}'))[2]).toContain("PatchWorkloadRequest.env of type string")
    expect(server.calls).toEqual([])
  })

  it.each<RawRequest>([
    { path: `${base}/nope-bcdfg` },
    { method: "PATCH", path: `${base}/nope-bcdfg`, body: "{}" },
    { path: `${base}/nope-bcdfg/pods/p/logs` },
    { path: `${base}/nope-bcdfg/pods/p/containers` },
  ])("$path of an unknown id is not found", async (request) => {
    expect(refused(await server.send(request))).toEqual([
      404,
      "Primus.01001",
      "Workload nope-bcdfg not found.",
    ])
  })

  it.each([
    ["..%2F..%2Fetc%2Fpasswd", "../../etc/passwd"],
    ["..", ".."],
    ["%E2%82%AC", "€"],
    ["%20a%20", "a"],
    ["a%252Fb", "a%2Fb"],
    ["'%20or%201=1--", "' or 1=1--"],
    ["__proto__", "__proto__"],
    ["x".repeat(3000), "x".repeat(3000)],
  ])("looks the odd id %s up as it is", async (path, id) => {
    const answer = await server.send({ path: `${base}/${path}` })
    expect(refused(answer)).toEqual([404, "Primus.01001", `Workload ${id} not found.`])
    expect(server.calls).toEqual([["get", id]])
  })

  it.each(["a%00b", "a%0Ab", "%1B%5B2J", "%7F", "%C2%85"])(
    "refuses control characters in the id %s",
    async (id) => {
      for (const request of [
        { path: `${base}/${id}` },
        { method: "DELETE", path: `${base}/${id}` },
        { method: "POST", path: `${base}/${id}/stop` },
        { method: "PATCH", path: `${base}/${id}`, body: "{}" },
      ])
        expect(refused(await server.send(request))).toEqual([
          400,
          "Primus.00002",
          "Bad request. the workloadId must not contain control characters",
        ])
      expect(server.calls).toEqual([])
    },
  )

  it.each(["%ff", "%zz", "%", "a%2"])("refuses the path %s, which is not a URL", async (id) => {
    const [status, code] = refused(await server.send({ path: `${base}/${id}` }))
    expect([status, code]).toEqual([400, "Primus.00002"])
  })
})

describe("batches", () => {
  const failure = { id: "b-bcdfg", error: new AppError("forbidden", "The user is not allowed") }
  const outcome = (done: readonly string[], failed: BatchOutcome["failed"] = []): BatchOutcome => ({
    done: done.map((id) => ({ id, newId: `${id}2` })),
    failed,
  })

  it.each(["/delete", "/stop"])("%s answers with nothing when all succeeded", async (path) => {
    const run = () => Promise.resolve(outcome(ids))
    server.script({ removeMany: run, stopMany: run })
    expectEmpty(await post(path, { workloadIds: ids }))
    expect(server.calls).toEqual([[path === "/stop" ? "stopMany" : "removeMany", ids]])
  })

  it.each(["/delete", "/stop"])("%s adds what failed when some did", async (path) => {
    const run = () => Promise.resolve(outcome(["a-bcdfg"], [failure]))
    server.script({ removeMany: run, stopMany: run })
    const answer = await post(path, { workloadIds: ids })
    expect([answer.status, answer.json]).toEqual([
      200,
      {
        failed: [
          { workloadId: "b-bcdfg", errorCode: "Primus.00003", errorMessage: "The user is not allowed" },
        ],
      },
    ])
  })

  it("clone answers with the new ids", async () => {
    server.script({ cloneMany: () => Promise.resolve(outcome(ids)) })
    expect((await post("/clone", { workloadIds: ids })).json).toEqual({
      workloadIds: ["a-bcdfg2", "b-bcdfg2"],
    })
    server.script({ cloneMany: () => Promise.resolve(outcome(["a-bcdfg"], [failure])) })
    expect((await post("/clone", { workloadIds: ids })).json).toMatchObject({
      workloadIds: ["a-bcdfg2"],
      failed: [{ workloadId: "b-bcdfg" }],
    })
  })

  it.each(["/delete", "/stop", "/clone"])(
    "%s answers with the first error when nothing succeeded",
    async (path) => {
      const missing = new AppError("not_found", "x", { resource: "workload", name: "a-bcdfg" })
      const run = () => Promise.resolve(outcome([], [{ id: "a-bcdfg", error: missing }, failure]))
      server.script({ removeMany: run, stopMany: run, cloneMany: run })
      expect(refused(await post(path, { workloadIds: ids }))).toEqual([
        404,
        "Primus.01001",
        "Workload a-bcdfg not found.",
      ])
    },
  )

  it.each(["/delete", "/stop", "/clone"])("%s refuses a batch without ids", async (path) => {
    const empty = [400, "Primus.00002", "Bad request. the workloadIds is empty"]
    expect(refused(await server.send({ method: "POST", path: base + path }))).toEqual(empty)
    for (const body of [{}, null, { workloadIds: [] }, { workloadIds: null }, { workloadids: ["a"] }])
      expect(refused(await post(path, body))).toEqual(empty)
    expect(server.calls).toEqual([])
  })

  it("refuses more than a thousand ids, and ids that are none", async () => {
    const many = Array.from({ length: 1001 }, (_, at) => `w-${at}`)
    expect(refused(await post("/stop", { workloadIds: many }))[2]).toBe(
      "Bad request. the workloadIds has 1001 ids, the maximum is 1000",
    )
    expect(refused(await post("/stop", { workloadIds: [1] }))[2]).toContain(
      "BatchWorkloadsRequest.workloadIds of type string",
    )
    expect(refused(await post("/stop", { workloadIds: ["a\u0000"] }))[2]).toContain("control characters")
  })

  it("are not mistaken for workloads of that name", async () => {
    await server.send({ path: `${base}/delete` })
    await server.send({ method: "DELETE", path: `${base}/clone` })
    expect(server.calls.map((call) => call.slice(0, 2))).toEqual([
      ["get", "delete"],
      ["remove", "clone"],
    ])
  })
})

describe("pods", () => {
  const found = testDetail(testWorkload())
  const chunk = { lines: ["one", "two"], nextOffset: 8, droppedBytes: 0 }

  it("gives the lines of a log and, after the last newline, one empty element", async () => {
    server.script({ get: () => Promise.resolve(found), readLog: () => Promise.resolve(chunk) })
    const answer = await server.send({
      path: `${base}/train-x7kqd/pods/p-0/logs?tailLines=5&container=pytorch`,
    })
    expect(answer.json).toEqual({
      workloadId: "train-x7kqd",
      podId: "p-0",
      namespace: "team",
      logs: ["one", "two", ""],
    })
    const query = { tailLines: 5, sinceMs: null, fromOffset: null, maxBytes: 8 * 1024 * 1024 }
    expect(server.calls[1]).toEqual(["readLog", "train-x7kqd", "p-0", { container: "pytorch", query }])
  })

  it("gives one empty element for an empty log", async () => {
    const empty = { ...chunk, lines: [] }
    server.script({ get: () => Promise.resolve(found), readLog: () => Promise.resolve(empty) })
    expect((await server.send({ path: `${base}/a/pods/p/logs` })).json).toMatchObject({ logs: [""] })
  })

  it("takes sinceSeconds for an age, however large, and run for an attempt", async () => {
    server.script({ get: () => Promise.resolve(found), readLog: () => Promise.resolve(chunk) })
    await server.send({ path: `${base}/a/pods/p/logs?sinceSeconds=9223372036854775807&run=2` })
    expect(server.calls[1]?.[3]).toMatchObject({ run: 2, query: { sinceMs: 0, tailLines: 1000 } })
    const before = Date.now() - 60_000
    server.script({ get: () => Promise.resolve(found), readLog: () => Promise.resolve(chunk) })
    await server.send({ path: `${base}/a/pods/p/logs?sinceSeconds=60` })
    const since = (server.calls[1]?.[3] as { query: { sinceMs: number } } | undefined)?.query.sinceMs
    expect(since).toBeGreaterThanOrEqual(before)
    expect(since).toBeLessThanOrEqual(Date.now() - 60_000)
  })

  it("refuses a bad query before anything is looked up", async () => {
    const path = `${base}/a/pods/p/logs?tailLines=-1`
    expect(refused(await server.send({ path }))[2]).toBe(
      "Bad request. invalid query: Key: 'GetPodLogRequest.TailLines' Error:Field validation for 'TailLines' failed on the 'min' tag",
    )
    expect(server.calls).toEqual([])
  })

  it("names containers and shells", async () => {
    server.script({ containers: () => Promise.resolve(["pytorch"]) })
    expect((await server.send({ path: `${base}/a/pods/p/containers` })).json).toEqual({
      containers: [{ name: "pytorch" }],
      shells: ["bash", "sh", "zsh"],
    })
  })

  it.each(["..%2F..%2Fsecret", "..", "x".repeat(500)])("looks the odd pod %s up as it is", async (pod) => {
    const name = decodeURIComponent(pod)
    const missing = () => Promise.reject(new AppError("not_found", "x", { resource: "pod", name }))
    server.script({ get: () => Promise.resolve(found), readLog: missing, containers: missing })
    for (const what of ["logs", "containers"])
      expect(refused(await server.send({ path: `${base}/a/pods/${pod}/${what}` }))).toEqual([
        404,
        "Primus.00005",
        `pods "${name}" not found`,
      ])
  })

  it("refuses control characters in a pod's name", async () => {
    const answer = await server.send({ path: `${base}/a/pods/%0a/containers` })
    expect(refused(answer)[2]).toBe("Bad request. the podId must not contain control characters")
  })
})

describe("everything else below /api/v1", () => {
  it.each([
    ["GET", "/api/v1/nothing?x=1"],
    ["POST", "/api/v1"],
    ["PUT", `${base}/a`],
    ["POST", `${base}/a`],
    ["PATCH", base],
    ["DELETE", `${base}/a/pods/p/logs`],
    ["GET", `${base}/a/pods/p`],
    ["GET", `${base}/`],
    ["DELETE", `${base}/`],
    ["DELETE", `${base}/%20`],
    ["POST", `${base}//stop`],
    ["GET", `${base}/a/pods//logs`],
    ["POST", `${base}/a/stop/`],
  ])("%s %s is not found, by its own name", async (method, path) => {
    expect(refused(await server.send({ method, path }))).toEqual([404, "Primus.00005", `${path} not found`])
  })

  it.each([
    [{ authorization: "" }, "token not present"],
    [{ authorization: "Bearer wrong" }, "The user's token is invalid, please login first"],
    [{ authorization: "Basic dGVzdA==" }, "The user's token is invalid, please login first"],
  ])("needs a credential that holds: %j", async (headers, message) => {
    for (const path of [base, `${base}/a`, "/api/v1/nothing"])
      expect(refused(await server.send({ path, headers }))).toEqual([401, "Primus.00009", message])
    expect(server.calls).toEqual([])
  })

  it("refuses a foreign host in this API's words", async () => {
    const [status, code] = refused(await server.send({ path: base, headers: { host: "evil.example" } }))
    expect([status, code]).toEqual([403, "Primus.00003"])
  })

  it("answers HEAD like GET without the body", async () => {
    server.script({ list: () => Promise.resolve({ total: 0, items: [] }) })
    const answer = await server.send({ method: "HEAD", path: base })
    expect([answer.status, answer.text]).toEqual([200, ""])
  })
})
