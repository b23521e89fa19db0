import { once } from "node:events"
import { connect, type AddressInfo } from "node:net"
import { Writable } from "node:stream"
import type { FastifyInstance } from "fastify"
import { pino } from "pino"
import { afterEach, describe, expect, it } from "vitest"
import type { Directory, Principal, Tokens, UserId } from "../domain/identity/index.ts"
import { systemActor, type Refusal } from "../domain/journal/index.ts"
import { systemClock } from "../kit/clock.ts"
import { AppError } from "../kit/errors.ts"
import { createIds } from "../kit/ids.ts"
import { createApp, type AppConfig } from "./app.ts"
import type { Family } from "./plugins/family.ts"
import { plainErrorAnswer } from "./plugins/plain-errors.ts"
import { createStreams } from "./plugins/streams.ts"
import type { Services } from "./services.ts"

const token = "berth_the-secret-token"

function principal(name: string): Principal {
  return {
    userId: `usr_${name}` as UserId,
    userName: name,
    keyId: null,
    serverRole: "owner",
    roleIn: () => "owner",
    workspaces: () => null,
    actor: systemActor("test"),
  }
}

const directory: Directory = {
  authenticate: (sent) => (sent === token ? principal("keyed") : undefined),
  local: () => principal("local"),
  user: () => undefined,
  userByName: () => undefined,
  key: () => undefined,
}

/** `seen.` is known at once, `new.` after a look at its signature; both are the key's. */
const tokens: Tokens = {
  exchangeKey: () => Promise.reject(new Error("not here")),
  read(text) {
    const claims = { keyId: "key_1", generation: 1, notBeforeMs: 0, expiresAtMs: 1 }
    if (text === "seen.") return claims
    if (text === "broken.") return Promise.reject(new Error("a fault"))
    return text === "foreign." ? undefined : Promise.resolve(text === "new." ? claims : undefined)
  },
  principalOf: () => principal("tokened"),
  keySet: () => Promise.resolve({ keys: [] }),
}

/** A family that words errors in one line of text, to tell its words from others'. */
function testFamily(extra: (app: FastifyInstance) => void = () => {}): Family {
  return {
    name: "test",
    prefixes: ["/test"],
    bodyLimit: 100,
    register(app) {
      app.get("/test/who", { config: { operation: "test.who" } }, (request) => ({
        name: request.principal.userName,
      }))
      app.get("/test/things/:id", (request) => request.params)
      app.post("/test/echo", (request) => ({
        body: request.body instanceof Uint8Array ? Buffer.from(request.body).toString() : typeof request.body,
      }))
      app.post(
        "/test/schema",
        {
          schema: {
            body: { type: "object", required: ["n"] },
            response: { 200: { type: "object", properties: { n: { type: "number" } } } },
          },
        },
        () => ({ n: null, more: "kept" }),
      )
      app.get("/test/crash", () => {
        throw new Error(`a secret: ${token}`)
      })
      app.get("/test/never", () => new Promise(() => {}))
      extra(app)
    },
    errorAnswer: (error) => ({ status: plainErrorAnswer(error, place).status, body: { oops: error.code } }),
  }
}
const place = { method: "", url: "", requestId: "" }

interface Made {
  readonly app: FastifyInstance
  readonly lines: Record<string, unknown>[]
  readonly done: { operation: string; status: number; family: string }[]
}

const made: FastifyInstance[] = []
afterEach(async () => {
  for (const app of made.splice(0)) await app.close()
})

async function makeApp(
  config: Partial<AppConfig> = {},
  options: {
    readonly isReady?: () => boolean
    readonly family?: Family
    readonly onRefused?: (refusal: Refusal) => void
  } = {},
): Promise<Made> {
  const lines: Record<string, unknown>[] = []
  const done: { operation: string; status: number; family: string }[] = []
  const sink = new Writable({
    write(chunk: Buffer, _encoding, next) {
      lines.push(JSON.parse(chunk.toString()))
      next()
    },
  })
  const services = {
    clock: systemClock,
    ids: createIds(() => Date.now()),
    directory,
    tokens,
    readiness: () => ({ isReady: options.isReady?.() ?? true, message: "The server is still recovering." }),
    version: "test",
  } as unknown as Services
  const app = await createApp({
    services,
    log: pino({ level: "debug" }, sink),
    config: {
      noAuth: false,
      allowedHosts: [],
      behindProxy: false,
      openMetrics: false,
      listenIsLoopback: true,
      ...config,
    },
    families: [options.family ?? testFamily()],
    ...(options.onRefused ? { onRefused: options.onRefused } : {}),
    streams: createStreams({ clock: systemClock, most: 4 }),
    meter: { requestDone: (request) => done.push({ ...request }) },
    metrics: { contentType: "text/plain; version=0.0.4", text: () => Promise.resolve("figures 1\n") },
  })
  made.push(app)
  return { app, lines, done }
}

const auth = { authorization: `Bearer ${token}` }

describe("credentials", () => {
  it("are a Bearer token in any case or the bare token, and nothing else but a session's cookie", async () => {
    const { app } = await makeApp()
    for (const authorization of [
      `Bearer ${token}`,
      `bearer   ${token}`,
      `BEARER ${token} `,
      token,
      ` ${token}`,
    ]) {
      const answer = await app.inject({ url: "/test/who", headers: { authorization } })
      expect([authorization, answer.statusCode, answer.json()]).toEqual([
        authorization,
        200,
        { name: "keyed" },
      ])
    }
    for (const authorization of ["", "Bearer", `Basic ${token}`, `${token}x`, `Bearer ${token} ${token}`]) {
      const answer = await app.inject({ url: "/test/who", headers: { authorization } })
      expect([answer.statusCode, answer.json()]).toEqual([401, { oops: "unauthenticated" }])
      expect(answer.headers["www-authenticate"]).toBe("Bearer")
    }
    const elsewhere = await app.inject({
      url: `/test/who?token=${token}`,
      headers: { cookie: `session=${token}` },
    })
    expect(elsewhere.statusCode).toBe(401)
  })

  it("are a token too, whether it was seen before or has to be verified first", async () => {
    const { app, lines } = await makeApp()
    const ask = (token: string) =>
      app.inject({ url: "/test/who", headers: { authorization: `Bearer ${token}` } })
    for (const token of ["seen.", "new."]) expect((await ask(token)).json()).toEqual({ name: "tokened" })
    for (const token of ["foreign.", "other."]) {
      const answer = await ask(token)
      expect([answer.statusCode, answer.json()]).toEqual([401, { oops: "unauthenticated" }])
    }
    expect((await ask("broken.")).statusCode).toBe(500)
    expect(JSON.stringify(lines)).not.toMatch(/seen\.|new\.|foreign\.|other\./)
  })

  it("may be left out under --no-auth, but are checked when sent", async () => {
    const { app } = await makeApp({ noAuth: true })
    expect((await app.inject("/test/who")).json()).toEqual({ name: "local" })
    expect((await app.inject({ url: "/test/who", headers: auth })).json()).toEqual({ name: "keyed" })
    const wrong = await app.inject({ url: "/test/who", headers: { authorization: "Bearer wrong" } })
    expect(wrong.statusCode).toBe(401)
  })

  it("cannot be left out where others can reach the server", async () => {
    await expect(makeApp({ noAuth: true, listenIsLoopback: false })).rejects.toThrow("loopback")
  })

  it("are needed for unknown paths and for metrics, not for the probes", async () => {
    const { app } = await makeApp()
    expect((await app.inject("/test/nothing")).statusCode).toBe(401)
    expect((await app.inject("/nothing")).statusCode).toBe(401)
    expect((await app.inject("/metrics")).statusCode).toBe(401)
    expect((await app.inject({ url: "/metrics", headers: auth })).body).toBe("figures 1\n")
    expect((await app.inject("/healthz")).statusCode).toBe(200)
    const open = await makeApp({ openMetrics: true })
    expect((await open.app.inject("/metrics")).statusCode).toBe(200)
  })
})

describe("too many", () => {
  it("requests of a key are refused in the family's words with when to try again; probes are not counted", async () => {
    const { app, lines } = await makeApp({ keyLimit: { perSecond: 0.1, burst: 2 } })
    const ask = () => app.inject({ url: "/test/who", headers: auth })
    expect([await ask(), await ask()].map((answer) => answer.statusCode)).toEqual([200, 200])
    const third = await ask()
    expect([third.statusCode, third.json(), third.headers["retry-after"]]).toEqual([
      429,
      { oops: "too_many" },
      "10",
    ])
    expect(lines.at(-1)).toMatchObject({ status: 429, errorCode: "too_many", errorDetail: "rate" })
    expect(lines.at(-1)).toMatchObject({ userId: "usr_keyed" })
    for (let at = 0; at < 5; at++) expect((await app.inject("/healthz")).statusCode).toBe(200)
    expect((await app.inject({ url: "/test/nothing", headers: auth })).statusCode).toBe(429)
  })

  it("failed sign-ins of an address are, while a good credential from there still passes", async () => {
    const { app } = await makeApp({ failureLimit: { perSecond: 0.5, burst: 3 } })
    const sent = { authorization: "Bearer wrong" }
    const statuses: number[] = []
    for (let at = 0; at < 5; at++)
      statuses.push((await app.inject({ url: "/test/who", headers: sent })).statusCode)
    expect(statuses).toEqual([401, 401, 401, 429, 429])
    const limited = await app.inject("/test/who")
    expect([limited.statusCode, limited.json()]).toEqual([429, { oops: "too_many" }])
    expect(Number(limited.headers["retry-after"])).toBeGreaterThan(0)
    expect(limited.headers["www-authenticate"]).toBeUndefined()
    expect((await app.inject({ url: "/test/who", headers: auth })).statusCode).toBe(200)
    expect((await app.inject("/readyz")).statusCode).toBe(200)
    const other = await app.inject({ url: "/test/who", headers: sent, remoteAddress: "10.9.9.9" })
    expect(other.statusCode).toBe(401)
  })

  it("failed sign-ins stand in the audit also where they were answered with 429", async () => {
    const refusals: Refusal[] = []
    const { app } = await makeApp(
      { failureLimit: { perSecond: 0.5, burst: 1 } },
      { onRefused: (refusal) => refusals.push(refusal) },
    )
    for (let at = 0; at < 3; at++) await app.inject("/test/who")
    expect(refusals.map(({ status, detail }) => [status, detail])).toEqual([
      [401, "missing"],
      [429, "failed_sign_ins"],
      [429, "failed_sign_ins"],
    ])
  })
})

describe("the host", () => {
  it("must be a loopback name, or one that was allowed", async () => {
    const { app } = await makeApp({ allowedHosts: ["Berth.Example:8080", "10.1.2.3", "fe80::1"] })
    const status = async (host: string) =>
      (await app.inject({ url: "/test/who", headers: { ...auth, host } })).statusCode
    for (const host of [
      "localhost",
      "LOCALHOST:9",
      "127.0.0.1:8080",
      "127.8.9.10",
      "[::1]:8080",
      "berth.example",
      "berth.EXAMPLE.:1",
      "10.1.2.3:80",
      "[fe80::1]:80",
    ])
      expect([host, await status(host)]).toEqual([host, 200])
    for (const host of [
      "evil.example",
      "localhost.evil.example",
      "127.0.0.1.evil.example",
      "evil.example:8080",
      "10.1.2.4",
      "[::2]",
      "localhost@evil",
      "localhost/",
      "a b",
    ])
      expect([host, await status(host)]).toEqual([host, 403])
  })

  it("may be any address, but no other name, when the server listens everywhere", async () => {
    const { app } = await makeApp({ allowedHosts: ["0.0.0.0"], listenIsLoopback: false })
    const status = async (host: string) =>
      (await app.inject({ url: "/test/who", headers: { ...auth, host } })).statusCode
    expect([
      await status("192.0.2.7:8080"),
      await status("[2001:db8::1]"),
      await status("evil.example"),
    ]).toEqual([200, 200, 403])
  })

  it("is checked for the probes too", async () => {
    const { app } = await makeApp()
    expect((await app.inject({ url: "/healthz", headers: { host: "evil.example" } })).statusCode).toBe(403)
  })
})

describe("another site's page under --no-auth", () => {
  const post = async (app: FastifyInstance, headers: Record<string, string>) =>
    (await app.inject({ method: "POST", url: "/test/echo", headers: { host: "localhost:8080", ...headers } }))
      .statusCode

  it("may not change anything", async () => {
    const { app } = await makeApp({ noAuth: true })
    const own = "http://localhost:8080"
    expect(await post(app, {})).toBe(200)
    expect(await post(app, { origin: own })).toBe(200)
    expect(await post(app, { origin: own, "sec-fetch-site": "same-origin" })).toBe(200)
    for (const headers of [
      { origin: "http://evil.example" },
      { origin: "http://localhost:8081" },
      { origin: "http://localhost" },
      { origin: "null" },
      { origin: "" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { "sec-fetch-site": "none" },
      { origin: own, "sec-fetch-site": "cross-site" },
      { origin: "http://evil.example", ...auth },
    ])
      expect([headers, await post(app, headers)]).toEqual([headers, 403])
  })

  it("gets no leave by OPTIONS, and may still be linked from", async () => {
    const { app } = await makeApp({ noAuth: true })
    const preflight = await app.inject({
      method: "OPTIONS",
      url: "/test/echo",
      headers: { origin: "http://evil.example", "access-control-request-method": "POST" },
    })
    expect(preflight.statusCode).toBe(403)
    expect(preflight.headers["access-control-allow-origin"]).toBeUndefined()
    const link = await app.inject({ url: "/test/who", headers: { "sec-fetch-site": "cross-site" } })
    expect(link.statusCode).toBe(200)
  })

  it("is not looked at where a key is needed", async () => {
    const { app } = await makeApp()
    expect(await post(app, { origin: "http://evil.example", ...auth })).toBe(200)
  })
})

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

describe("on the wire", () => {
  async function listening(config: Partial<AppConfig> = {}, family?: Family) {
    const one = await makeApp(config, family ? { family } : {})
    await one.app.listen({ host: "127.0.0.1", port: 0 })
    return { ...one, port: (one.app.server.address() as AddressInfo).port }
  }

  /** Sends these bytes and gives all that comes until the server closes the connection. */
  async function exchange(port: number, bytes: string): Promise<string> {
    const socket = connect(port, "127.0.0.1")
    let text = ""
    socket.setEncoding("utf8")
    socket.on("data", (piece: string) => (text += piece))
    socket.on("error", () => {})
    socket.write(bytes)
    await once(socket, "close")
    return text
  }

  it("closes connections beyond the most at once, and takes new ones when others have gone", async () => {
    const { port } = await listening({ mostConnections: 2 })
    const answerTo = (bytes: string) => exchange(port, bytes).catch(() => "") // a reset is no answer either
    const idle = [connect(port, "127.0.0.1"), connect(port, "127.0.0.1")]
    await Promise.all(idle.map((socket) => once(socket, "connect")))
    const request = `GET /test/who HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${token}\r\nConnection: close\r\n\r\n`
    await expect(answerTo(request)).resolves.toBe("")
    for (const socket of idle) socket.destroy()
    await expect.poll(() => answerTo(request)).toMatch(/^HTTP\/1\.1 200 /)
  })

  it("words what is no HTTP, in the family of the path where one can be seen", async () => {
    const { port } = await listening()
    const nonsense = await exchange(port, "what is this\r\n\r\n")
    expect(nonsense).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
    expect(nonsense).toContain('"code":"invalid"')
    expect(nonsense).toMatch(/X-Request-Id: req_/)
    const broken = await exchange(port, "GET /test/who HTTP/1.1\r\nHost: localhost\r\nBad Header\r\n\r\n")
    expect(broken).toContain('{"oops":"invalid"}')
    const large = await exchange(
      port,
      `GET /test/who HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(20_000)}\r\n\r\n`,
    )
    expect(large).toMatch(/^HTTP\/1\.1 431 /)
    const smuggled = await exchange(
      port,
      "POST /test/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    )
    expect(smuggled).toMatch(/^HTTP\/1\.1 400 /)
    const hostless = await exchange(port, "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")
    expect(hostless).toMatch(/^HTTP\/1\.1 400 /)
    const old = await exchange(port, "GET /healthz HTTP/1.0\r\n\r\n")
    expect(old).toMatch(/^HTTP\/1\.1 403 /)
    const method = await exchange(
      port,
      `PROPFIND /test/who HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${token}\r\nConnection: close\r\n\r\n`,
    )
    expect(method).toMatch(/^HTTP\/1\.1 40[45] /)
    expect(method).toContain('{"oops":"not_found"}')
  })

  it("stops reading a body that is too large, also when it does not say so first", async () => {
    const { port } = await listening()
    const head = `POST /test/echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${token}\r\nTransfer-Encoding: chunked\r\n\r\n`
    const answer = await exchange(port, `${head}c8\r\n${"x".repeat(200)}\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(answer.toLowerCase()).toContain("connection: close")
  })

  it("finishes what is being answered when it closes, and refuses what comes after", async () => {
    const gate = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const family = testFamily((app) => {
      app.get("/test/slow", async () => {
        begun.resolve()
        await gate.promise
        return { done: true }
      })
    })
    const { app, port } = await listening({}, family)
    const request = (path: string) =>
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${token}\r\n\r\n`
    const slow = exchange(port, request("/test/slow"))
    await begun.promise
    // A second connection that is open already: what it asks while closing is refused.
    const late = connect(port, "127.0.0.1")
    let lateText = ""
    late.on("data", (piece: Buffer) => (lateText += piece.toString()))
    await once(late, "connect")
    const closed = app.close()
    late.write(request("/test/who"))
    await once(late, "data")
    expect(lateText).toMatch(/^HTTP\/1\.1 503 /)
    expect(lateText).toContain('{"oops":"unavailable"}')
    gate.resolve()
    expect(await slow).toContain('{"done":true}')
    await closed
    late.destroy()
  })

  it("counts and logs a client that went away before its answer", async () => {
    const begun = Promise.withResolvers<void>()
    const family = testFamily((app) => {
      app.get("/test/slow", () => {
        begun.resolve()
        return new Promise(() => {})
      })
    })
    const { app, port, lines } = await listening({}, family)
    const socket = connect(port, "127.0.0.1")
    socket.write(`GET /test/slow HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${token}\r\n\r\n`)
    await begun.promise
    socket.destroy()
    // Closing waits for what is being answered: this is not any more.
    await app.close()
    expect(lines.filter((line) => line["operation"] === "GET /test/slow")).toHaveLength(1)
  })

  it("believes a proxy's word on the address only where there is one", async () => {
    for (const behindProxy of [true, false]) {
      const { app, lines } = await makeApp({ behindProxy })
      await app.inject({
        url: "/test/who",
        headers: {
          ...auth,
          "x-forwarded-for": "203.0.113.9, 198.51.100.7",
          "x-forwarded-host": "evil.example",
        },
      })
      expect(lines.find((line) => line["msg"] === "request")?.["address"]).toBe(
        behindProxy ? "198.51.100.7" : "127.0.0.1",
      )
    }
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
