import { describe, expect, it } from "vitest"
import { AppError } from "../kit/errors.ts"
import { token, testFamily, makeApp, auth, useApps } from "./app-suite.ts"

useApps()

describe("before the server is ready", () => {
  it("only the probes answer; everything else is 503 in the family's words", async () => {
    let isReady = false
    const { app } = await makeApp({}, { isReady: () => isReady })
    const refused = await app.inject({ url: "/test/who", headers: auth })
    expect([refused.statusCode, refused.json(), refused.headers["retry-after"]]).toEqual([
      503,
      { oops: "unavailable" },
      "1",
    ])
    expect((await app.inject("/healthz")).statusCode).toBe(200)
    const ready = await app.inject("/readyz")
    expect([ready.statusCode, ready.json()]).toEqual([
      503,
      { status: "unavailable", message: "The server is still recovering." },
    ])
    isReady = true
    expect((await app.inject({ url: "/test/who", headers: auth })).statusCode).toBe(200)
    expect((await app.inject("/readyz")).statusCode).toBe(200)
  })
})

describe("requests", () => {
  it("have an id: the client's when it is sane, else a new one, in every answer", async () => {
    const { app } = await makeApp()
    const idOf = async (url: string, sent?: string) =>
      (
        await app.inject({
          url,
          headers: { ...auth, ...(sent === undefined ? {} : { "x-request-id": sent }) },
        })
      ).headers["x-request-id"]
    for (const url of ["/test/who", "/test/nothing", "/test/crash", "/nothing", "/test/%zz", "/healthz"]) {
      expect(await idOf(url, "abc-1_2.3")).toBe("abc-1_2.3")
      for (const bad of ["", "a b", "x".repeat(129), "a\u00e9", "a;b"])
        expect(await idOf(url, bad)).toMatch(/^req_\w{26}$/)
      expect(await idOf(url)).not.toBe(await idOf(url))
    }
  })

  it("bring any body of any type as bytes, an empty one as nothing", async () => {
    const { app } = await makeApp()
    const echo = async (payload: string | undefined, type: string | undefined) =>
      (
        await app.inject({
          method: "POST",
          url: "/test/echo",
          headers: { ...auth, ...(type === undefined ? {} : { "content-type": type }) },
          ...(payload === undefined ? {} : { payload }),
        })
      ).json()
    for (const type of [
      "application/json",
      "text/plain",
      "application/x-www-form-urlencoded",
      "a/b; c=d",
      "junk",
      "",
      undefined,
    ]) {
      expect(await echo("{broken", type)).toEqual({ body: "{broken" })
      expect(await echo("", type)).toEqual({ body: "undefined" })
      expect(await echo(undefined, type)).toEqual({ body: "undefined" })
    }
    const large = await app.inject({
      method: "POST",
      url: "/test/echo",
      headers: auth,
      payload: "x".repeat(101),
    })
    expect([large.statusCode, large.json()]).toEqual([413, { oops: "too_large" }])
  })

  it("are neither validated nor their answers changed by a family's schemas", async () => {
    const { app } = await makeApp()
    const answer = await app.inject({
      method: "POST",
      url: "/test/schema",
      headers: auth,
      payload: '{"n":"x"}',
    })
    expect([answer.statusCode, answer.json()]).toEqual([200, { n: null, more: "kept" }])
  })

  it("that fail inside say nothing of it to the client, and are logged once as an error", async () => {
    const { app, lines } = await makeApp()
    const answer = await app.inject({ url: "/test/crash?q=hidden", headers: auth })
    expect([answer.statusCode, answer.body]).toEqual([500, '{"oops":"internal"}'])
    const logged = lines.filter((line) => line["msg"] === "request")
    expect(logged).toHaveLength(1)
    expect(logged[0]).toMatchObject({
      level: 50,
      family: "test",
      operation: "GET /test/crash",
      method: "GET",
      path: "/test/crash",
      status: 500,
      errorCode: "internal",
      userId: "usr_keyed",
    })
    expect(JSON.stringify(logged[0]?.["err"])).toContain("a secret")
  })

  it("leave one line and one measurement each, without credentials and query", async () => {
    const { app, lines, done } = await makeApp()
    await app.inject({ url: "/test/who?password=x", headers: { ...auth, "x-request-id": "r1" } })
    await app.inject({ url: "/test/unknown/a", headers: auth })
    await app.inject({ url: "/test/unknown/b", headers: auth })
    await app.inject("/healthz")
    const logged = lines.filter((line) => line["msg"] === "request")
    expect(logged.map((line) => [line["level"], line["operation"], line["status"]])).toEqual([
      [30, "test.who", 200],
      [30, "unknown", 404],
      [30, "unknown", 404],
      [20, "probe.health", 200],
    ])
    expect(logged[0]).toMatchObject({ requestId: "r1", path: "/test/who", userId: "usr_keyed" })
    expect(JSON.stringify(lines)).not.toContain(token)
    expect(JSON.stringify(lines)).not.toContain("password")
    expect(new Set(done.map((one) => one.operation))).toEqual(
      new Set(["test.who", "unknown", "probe.health"]),
    )
  })

  it("that take too long are answered with an error", async () => {
    const { app } = await makeApp({ requestDeadlineMs: 20 })
    const answer = await app.inject({ url: "/test/never", headers: auth })
    expect([answer.statusCode, answer.json()]).toEqual([504, { oops: "timeout" }])
  })

  it("of a route with a deadline of its own have that one", async () => {
    const family = testFamily((app) => {
      app.get("/test/slow", { config: { deadlineMs: 60_000 } }, async ({ headers }) => {
        // by its answer the server's deadline is over
        await app.inject({ url: "/test/never", headers })
        return { slow: true }
      })
    })
    const { app } = await makeApp({ requestDeadlineMs: 20 }, { family })
    const answer = await app.inject({ url: "/test/slow", headers: auth })
    expect([answer.statusCode, answer.json()]).toEqual([200, { slow: true }])
  })

  it("with bad escapes, unknown paths and wrong methods are worded by the family of the path", async () => {
    const { app } = await makeApp()
    const ask = async (method: "GET" | "POST" | "DELETE", url: string) => {
      const answer = await app.inject({ method, url, headers: auth })
      return [answer.statusCode, answer.json(), answer.headers["allow"]]
    }
    expect(await ask("GET", "/test/things/%zz")).toEqual([400, { oops: "invalid" }, undefined])
    expect(await ask("GET", "/test/nothing")).toEqual([404, { oops: "not_found" }, undefined])
    expect(await ask("POST", "/test/who?x=1")).toEqual([405, { oops: "not_found" }, "GET, HEAD"])
    expect(await ask("DELETE", "/test/things/a")).toEqual([405, { oops: "not_found" }, "GET, HEAD"])
    expect(await ask("GET", "/testing")).toEqual([
      404,
      expect.objectContaining({ code: "not_found" }),
      undefined,
    ])
    expect(await ask("GET", `/test/things/${"x".repeat(4096)}`)).toEqual([
      200,
      { id: "x".repeat(4096) },
      undefined,
    ])
    const long = await ask("GET", `/test/things/${"x".repeat(4097)}`)
    expect([400, 404, 414]).toContain(long[0])
    expect(long[1]).toHaveProperty("oops")
  })
})

it("an AppError of a handler reaches the client in the family's words with its headers", async () => {
  const family = testFamily((app) => {
    app.get("/test/busy", () => {
      throw new AppError("too_many", "Too many.", { retryAfterMs: 1500 })
    })
  })
  const { app } = await makeApp({}, { family })
  const answer = await app.inject({ url: "/test/busy", headers: auth })
  expect([answer.statusCode, answer.json(), answer.headers["retry-after"]]).toEqual([
    429,
    { oops: "too_many" },
    "2",
  ])
})
