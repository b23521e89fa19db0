import { afterEach, describe, expect, it } from "vitest"
import { BerthError, isUnreachable } from "./errors.ts"
import { createTransport, path, renderQuery } from "./http.ts"
import type { TestServer } from "./test-server.ts"
import { sendJson, startTestServer } from "./test-server.ts"

let server: TestServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

const get = (at: string) => ({ method: "GET", path: at }) as const

async function failure(promise: Promise<unknown>): Promise<BerthError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(BerthError)
  return error as BerthError
}

describe("requests", () => {
  it("carry the token, JSON, and who asks", async () => {
    let body = ""
    server = await startTestServer((request, response) => {
      request.on("data", (chunk: Buffer) => (body += chunk.toString()))
      request.on("end", () => sendJson(response, 200, { ok: true }))
    })
    const http = createTransport({ baseUrl: `${server.url}/prefix/`, token: "berth_x", userAgent: "test" })
    expect(
      await http.json({ method: "POST", path: "/a", query: { b: "c d", e: ["f", "g"] }, body: { h: "é" } }),
    ).toEqual({
      ok: true,
    })
    expect(server.calls).toEqual(["POST /prefix/a?b=c+d&e=f%2Cg"])
    expect(server.headers[0]).toMatchObject({
      authorization: "Bearer berth_x",
      "content-type": "application/json",
      "user-agent": "test",
    })
    expect(JSON.parse(body)).toEqual({ h: "é" })
  })

  it("carry neither body nor token where there is none", async () => {
    server = await startTestServer((_request, response) => sendJson(response, 200, undefined))
    const http = createTransport({ baseUrl: server.url })
    expect(await http.json({ method: "POST", path: "/a" })).toBeUndefined()
    expect(server.headers[0]).not.toHaveProperty("authorization")
    expect(server.headers[0]).not.toHaveProperty("content-type")
  })

  it("escape ids, so that none reaches another path", () => {
    expect(path`/nodes/${"a/b?c#d%"}/cordon`).toBe("/nodes/a%2Fb%3Fc%23d%25/cordon")
    for (const id of ["", ".", ".."]) expect(() => path`/nodes/${id}`).toThrow(BerthError)
  })

  it("leave out what is not set", () => {
    expect(renderQuery({ a: undefined, b: null, c: 0, d: false, e: "" })).toBe("?c=0&d=false&e=")
    expect(renderQuery({})).toBe("")
  })

  it.each(["ftp://x", "foo", "http://user:pw@x", ""])("refuse the base URL %j", (baseUrl) => {
    expect(() => createTransport({ baseUrl })).toThrow(expect.objectContaining({ code: "invalid" }))
  })
})

it.each(["berth_x\n", "berth_ x", "berth_\u0000", "käse"])(
  "a token that is none (%j) is not shown",
  (token) => {
    const make = () => createTransport({ baseUrl: "http://127.0.0.1:1", token })
    expect(make).toThrow(
      expect.objectContaining({ code: "invalid", message: expect.not.stringContaining(token) }),
    )
  },
)

describe("answers", () => {
  const errors = [
    [
      404,
      { code: "not_found", message: "No.", details: [], requestId: "r1" },
      { code: "not_found", message: "No.", requestId: "r1" },
    ],
    [
      404,
      { errorCode: "Primus.01001", errorMessage: "Workload x not found." },
      { code: "Primus.01001", message: "Workload x not found.", requestId: "from-header" },
    ],
    [
      400,
      { code: "invalid", message: "Bad.", details: [{ path: "a", message: "b" }, 7] },
      { details: [{ path: "a", message: "b" }] },
    ],
    [502, "<html><h1>Bad Gateway</h1></html>", { code: "http_502", message: "The server answered 502." }],
    [500, "", { code: "http_500", message: "The server answered 500." }],
    [500, "plain words\nsecond line", { message: "plain words" }],
    [400, "[1]", { code: "http_400" }],
    [400, "null", { code: "http_400" }],
  ] as const
  it.each(errors)("of %d with %j are one kind of error", async (status, body, wanted) => {
    server = await startTestServer((_request, response) => {
      response.writeHead(status, { "x-request-id": "from-header" })
      response.end(typeof body === "string" ? body : JSON.stringify(body))
    })
    const http = createTransport({ baseUrl: server.url, token: "berth_secret" })
    const error = await failure(http.json(get("/")))
    expect(error).toMatchObject({ status, ...wanted })
    expect(JSON.stringify(error) + String(error.stack)).not.toContain("berth_secret")
  })

  it("say when to come back", async () => {
    server = await startTestServer((_request, response) =>
      sendJson(response, 429, {}, { "retry-after": "3" }),
    )
    expect(await failure(createTransport({ baseUrl: server.url }).json(get("/")))).toMatchObject({
      retryAfterMs: 3000,
    })
  })

  it("that are no JSON are said to be from something else", async () => {
    server = await startTestServer((_request, response) => response.end("<html>hello</html>"))
    const error = await failure(createTransport({ baseUrl: server.url }).json(get("/")))
    expect(error).toMatchObject({ status: 0, code: "broken" })
  })

  it("that announce more than fits are not read", async () => {
    server = await startTestServer((_request, response) => {
      response.writeHead(200, { "content-length": String(2 ** 31) })
      response.write("x")
    })
    expect(await failure(createTransport({ baseUrl: server.url }).json(get("/")))).toMatchObject({
      code: "broken",
    })
  })
})

describe("connections that fail", () => {
  it("are tried again for a GET, at most so often", async () => {
    server = await startTestServer((request, response, before) => {
      if (before < 2) request.socket.destroy()
      else sendJson(response, 200, { before })
    })
    expect(await createTransport({ baseUrl: server.url, retries: 2 }).json(get("/"))).toEqual({ before: 2 })
    const again = createTransport({ baseUrl: server.url, retries: 0 })
    expect(await again.json(get("/"))).toEqual({ before: 3 })
  })

  it("are never tried again for what changes something", async () => {
    server = await startTestServer((request) => request.socket.destroy())
    const http = createTransport({ baseUrl: server.url, retries: 5 })
    for (const method of ["POST", "PUT", "PATCH", "DELETE"] as const)
      expect(await failure(http.json({ method, path: "/" }))).toMatchObject({
        status: 0,
        code: "unreachable",
      })
    expect(server.calls).toHaveLength(4)
  })

  it("name the address and what is wrong with it", async () => {
    server = await startTestServer(() => undefined)
    const { url } = server
    await server.close()
    const error = await failure(createTransport({ baseUrl: url, retries: 0 }).json(get("/")))
    expect(error.message).toBe(`${url} cannot be reached: nothing listens there.`)
    expect(isUnreachable(error)).toBe(true)
  })

  it("end at the deadline, whether the headers or the body do not come", async () => {
    server = await startTestServer((request, response) => {
      if (request.url === "/body") {
        response.writeHead(200, { "content-type": "application/json" })
        response.write("{")
      }
    })
    const http = createTransport({ baseUrl: server.url, timeoutMs: 60 })
    for (const at of ["/headers", "/body"])
      expect(await failure(http.json(get(at)))).toMatchObject({ status: 0, code: "timeout" })
  })

  it("end with the caller's own reason when the caller gives up", async () => {
    server = await startTestServer(() => undefined)
    const abort = new AbortController()
    const call = createTransport({ baseUrl: server.url }).json({ ...get("/"), signal: abort.signal })
    const reason = new Error("enough")
    abort.abort(reason)
    await expect(call).rejects.toBe(reason)
  })
})
