import { once } from "node:events"
import { createHash, randomBytes } from "node:crypto"
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http"
import { connect, type AddressInfo, type Socket } from "node:net"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { createRayDashboard } from "../../packages/server/src/drivers/ray-dashboard.ts"
import { systemClock } from "../../packages/server/src/kit/clock.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"
import { makeRayCluster, makeTemplate, untilRayCluster } from "./ray-script.ts"

/* The way to a cluster's dashboard, over sockets on both sides. */

const at = "/berth/v1/ray/clusters/default/a/dashboard"

const echo: (request: IncomingMessage, reply: ServerResponse) => void = (request, reply) => {
  let text = ""
  request.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
  request.on("end", () => reply.setHeader("content-type", "text/html").end(text))
}

/** Ray's own HTTP API as far as it matters here: says what it was asked, and opens WebSockets that repeat. */
class Dashboard {
  readonly asked: { readonly line: string; readonly headers: IncomingMessage["headers"] }[] = []
  readonly #server: Server
  readonly sockets = new Set<Socket>()
  answer = echo

  constructor() {
    this.#server = createServer((request, reply) => {
      this.asked.push({ line: `${request.method} ${request.url}`, headers: request.headers })
      this.answer(request, reply)
    })
    this.#server.on("connection", (socket: Socket) => {
      this.sockets.add(socket)
      socket.once("close", () => this.sockets.delete(socket))
    })
    this.#server.on("upgrade", (request: IncomingMessage, socket: Socket): void => {
      this.asked.push({ line: `${request.method} ${request.url}`, headers: request.headers })
      if (request.url === "/none") {
        socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone")
        return
      }
      const accept = createHash("sha1")
        .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest("base64")
      const head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
      socket.write(`${head.join("\r\n")}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\nhello`)
      socket.on("error", () => {})
      socket.pipe(socket)
    })
  }
  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1")
    await once(this.#server, "listening")
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }
  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, "close")
  }
}

let dashboard: Dashboard
let url: string
let server: BerthServer
let viewer: string
let editor: string

/** With one cluster, `a`, whose dashboard this is. */
async function start(options: { readonly noAuth?: boolean } = {}): Promise<BerthServer> {
  const started = await startBerthServer({
    ...options,
    rayBackend: (fake) => ({
      ...fake,
      dashboard(address, token) {
        const real = { ...address, dashboardUrl: url }
        const { forward } = createRayDashboard({ clock: systemClock, address: real, token, serveOptions: {} })
        return { ...fake.dashboard(address, token), forward }
      },
    }),
  })
  await makeTemplate(started)
  const token = await started.member("makes", { default: "editor" })
  await makeRayCluster(started, "a", { token })
  await untilRayCluster(started, "a")
  return started
}

beforeAll(async () => {
  dashboard = new Dashboard()
  url = await dashboard.listen()
  server = await start()
  viewer = await server.member("reads", { default: "viewer" })
  editor = await server.member("writes", { default: "editor" })
})
beforeEach(() => {
  dashboard.asked.length = 0
  dashboard.answer = echo
})
afterAll(async () => {
  await server.close()
  await dashboard.close()
})

/** Sends the bytes; resolves with what came until the other end closed. */
async function exchange(
  head: string,
  then: (socket: Socket) => void = () => {},
  port = server.port,
): Promise<string> {
  const socket = connect(port, "127.0.0.1")
  let text = ""
  socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk))
  socket.write(head)
  then(socket)
  await once(socket, "close")
  return text
}

function upgradeHead(path: string, more: readonly string[] = [], token = server.token): string {
  const key = randomBytes(16).toString("base64")
  return [
    `GET ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${key}`,
    ...(token === "" ? [] : [`Authorization: Bearer ${token}`]),
    ...more,
    "",
    "",
  ].join("\r\n")
}

describe("a request to a dashboard", () => {
  it("goes through with its query, body and type, and the cluster's token instead of the caller's", async () => {
    const answer = await server.call("PUT", `${at}/api/serve/applications/?a=%2Fb`, {
      token: editor,
      raw: `{"a":1}`,
      headers: { "content-type": "application/json; charset=utf-8", cookie: "a=b", "x-api-key": "k" },
    })
    expect([answer.status, answer.text]).toEqual([200, `{"a":1}`])
    const [{ line, headers } = { line: "", headers: {} }] = dashboard.asked
    expect(line).toBe("PUT /api/serve/applications/?a=%2Fb")
    expect(headers["content-type"]).toBe("application/json; charset=utf-8")
    expect(headers.authorization).toMatch(/^Bearer [0-9a-f]{64}$/)
    expect([headers.cookie, headers["x-api-key"]]).toEqual([undefined, undefined])
    expect(answer.headers.get("content-security-policy")).toBe("sandbox allow-scripts")
    expect(answer.headers.get("x-request-id")).toMatch(/./)
  })

  it("is sent on for an editor, and is nothing to who has no role", async () => {
    const stranger = await server.member("other", {})
    await server.call("PATCH", "/berth/v1/workspaces/default", { json: { policy: { openToAll: false } } })
    const asks = async (method: string, token: string) =>
      (await server.call(method, `${at}/x`, { token, ...(method === "GET" ? {} : { raw: "x" }) })).status
    expect([await asks("GET", viewer), await asks("POST", viewer)]).toEqual([403, 403])
    expect([await asks("GET", editor), await asks("DELETE", editor)]).toEqual([200, 200])
    expect([await asks("GET", stranger), await asks("POST", stranger)]).toEqual([404, 404])
    expect(await asks("GET", "")).toBe(401)
    expect(dashboard.asked.map(({ line }) => line)).toEqual(["GET /x", "DELETE /x"])
  })

  const log = "/api/jobs/raysubmit_1/logs"
  it.each(["/", "/static/js/main.js", "/nodes?view=summary", "/api/version", log, `${log}/tail`])(
    "of a Viewer is sent on where no variables are shown: %s",
    async (path) => {
      expect((await server.call("GET", at + path, { token: viewer })).status).toBe(200)
      expect(dashboard.asked.map(({ line }) => line)).toEqual([`GET ${path}`])
    },
  )

  it.each([
    "/api/jobs/",
    "/api/jobs/raysubmit_1",
    "/api/jobs/raysubmit_1/",
    "/api/serve/applications/",
    "/api/v0/actors?detail=1",
    "/api/v0/logs/file?filename=dashboard.log",
    "/logical/actors",
    "/nodes/abc",
    "/memory_profile?pid=1",
    "/static/../api/jobs/",
    "/static/..%2fapi/jobs/",
    "//api/jobs/",
    "/api/jobs/?/logs",
    "/api/jobs/../../api/jobs//logs",
    "/api/jobs/../logs",
    "/api/jobs/./logs",
    "/api/jobs/%2e%2e/logs",
    "/api/jobs/#/logs",
    "/metrics",
  ])("of a Viewer is refused where variables may be shown: %s", async (path) => {
    const bearer = `Authorization: Bearer ${viewer}`
    const line = `GET ${at}${path} HTTP/1.1`
    const head = [line, "Host: 127.0.0.1", "Connection: close", bearer, "", ""].join("\r\n")
    expect(await exchange(head)).toMatch(/^HTTP\/1\.1 40[03] /)
    expect(await exchange(upgradeHead(at + path, [], viewer))).toMatch(/^HTTP\/1\.1 40[03] /)
    expect(dashboard.asked).toEqual([])
  })

  it("is sent on as often as it comes, also with an Idempotency-Key", async () => {
    for (const raw of ["one", "two"]) {
      const answer = await server.call("POST", `${at}/x`, { raw, headers: { "idempotency-key": "k" } })
      expect([answer.status, answer.text]).toEqual([200, raw])
    }
  })

  it("is a server owner's alone where it changes something on their cluster", async () => {
    await makeRayCluster(server, "owned")
    await untilRayCluster(server, "owned")
    const asks = async (method: string, token: string) =>
      (await server.call(method, `${at.replace("/a/", "/owned/")}/x`, { token })).status
    expect([await asks("GET", editor), await asks("DELETE", editor)]).toEqual([200, 403])
    expect(await asks("DELETE", server.token)).toBe(200)
    expect(dashboard.asked.map(({ line }) => line)).toEqual(["GET /x", "DELETE /x"])
  })

  it("finds no cluster, or one that is not ready", async () => {
    const unknown = await server.call("GET", at.replace("/a/", "/none/") + "/x")
    expect([unknown.status, unknown.json.code]).toEqual([404, "not_found"])
    await server.call("POST", "/berth/v1/queue/pause", { json: {} })
    await makeRayCluster(server, "b")
    const waits = await server.call("GET", at.replace("/a/", "/b/") + "/x")
    expect([waits.status, waits.json.code]).toEqual([409, "conflict"])
    await server.call("POST", "/berth/v1/queue/resume", { json: {} })
  })

  it("of the place without a slash is sent to the one with it", async () => {
    const answer = await fetch(server.url + at, {
      headers: { authorization: `Bearer ${viewer}` },
      redirect: "manual",
    })
    expect([answer.status, answer.headers.get("location")]).toEqual([307, `${at}/`])
  })

  it("has redirects led to where the dashboard is, and gets no cookie", async () => {
    dashboard.answer = (_, reply) => reply.writeHead(302, { location: "/login", "set-cookie": "a=b" }).end()
    const answer = await fetch(`${server.url}${at}/x`, {
      headers: { authorization: `Bearer ${editor}` },
      redirect: "manual",
    })
    expect([answer.status, answer.headers.get("location")]).toEqual([302, `${at}/login`])
    expect(answer.headers.get("set-cookie")).toBeNull()
  })

  it("of another site's page is refused", async () => {
    const headers = { "sec-fetch-site": "cross-site" }
    expect((await server.call("GET", `${at}/x`, { headers })).status).toBe(403)
    expect(dashboard.asked).toEqual([])
  })

  it("has HEAD answered without a body", async () => {
    dashboard.answer = (_, reply) => reply.setHeader("x-a", "b").end("not sent")
    const answer = await server.call("HEAD", `${at}/x`)
    expect([answer.status, answer.headers.get("x-a"), answer.text]).toEqual([200, "b", ""])
  })

  it("fails as unavailable when nothing answers there", async () => {
    const there = url
    url = "http://127.0.0.1:1"
    const answer = await server.call("GET", `${at}/x`)
    url = there
    expect([answer.status, answer.json.code]).toEqual([503, "unavailable"])
  })
})

describe("a stream to or from a dashboard", () => {
  const open = (method: string, headers: Readonly<Record<string, string | number>> = {}) =>
    httpRequest({
      port: server.port,
      host: "127.0.0.1",
      method,
      path: `${at}/api/packages/gcs/x.zip`,
      headers: { authorization: `Bearer ${server.token}`, ...headers },
    })

  it("goes through while it comes, both ways", async () => {
    dashboard.answer = (request, reply) => request.pipe(reply)
    const sent = open("PUT")
    const answered = once(sent, "response") as Promise<[IncomingMessage]>
    sent.write("one")
    const [answer] = await answered
    const [first] = (await once(answer, "data")) as [Buffer]
    expect(first.toString()).toBe("one")
    sent.end("two")
    expect((await answer.toArray()).join("")).toBe("two")
  })

  it("ends at the dashboard when the client goes", async () => {
    const gone = Promise.withResolvers<void>()
    dashboard.answer = (_, reply) => {
      reply.write("begun")
      reply.once("close", () => gone.resolve())
    }
    const sent = open("GET")
    sent.on("error", () => {})
    sent.end()
    const [answer] = (await once(sent, "response")) as [IncomingMessage]
    answer.on("error", () => {})
    await once(answer, "data")
    sent.destroy()
    await expect(gone.promise).resolves.toBeUndefined()
  })

  it("ends at the dashboard when the client goes before there is an answer", async () => {
    const asked = Promise.withResolvers<void>()
    const gone = Promise.withResolvers<void>()
    dashboard.answer = (_, reply) => {
      reply.once("close", () => gone.resolve())
      asked.resolve()
    }
    const sent = open("POST", { "content-length": 10 })
    sent.on("error", () => {})
    sent.write("half")
    await asked.promise
    sent.destroy()
    await expect(gone.promise).resolves.toBeUndefined()
  })

  it("breaks off for the client where the dashboard breaks off", async () => {
    dashboard.answer = (_, reply) => {
      reply.writeHead(200, { "content-length": 10 })
      reply.write("half", () => reply.destroy())
    }
    const sent = open("GET").end()
    const [answer] = (await once(sent, "response")) as [IncomingMessage]
    await expect(answer.toArray()).rejects.toThrow("aborted")
  })

  it("is cut when nothing has moved for long", async () => {
    dashboard.answer = (_, reply) => void reply.write("begun")
    const sent = open("GET").end()
    const [answer] = (await once(sent, "response")) as [IncomingMessage]
    await once(answer, "data")
    const broken = once(answer, "error")
    await server.clock.advance(301_000)
    expect(await broken).toMatchObject([{ code: "ECONNRESET" }])
  })

  it("is refused where it is said to be larger than Ray takes", async () => {
    const sent = open("PUT", { "content-length": 513 * 1024 * 1024 })
    sent.on("error", () => {})
    sent.flushHeaders()
    const [answer] = (await once(sent, "response")) as [IncomingMessage]
    expect(answer.statusCode).toBe(413)
    sent.destroy()
    expect(dashboard.asked).toEqual([])
  })

  it("may take longer than other requests", async () => {
    const asked = Promise.withResolvers<() => void>()
    dashboard.answer = (_, reply) => asked.resolve(() => reply.end("late"))
    const sent = open("GET").end()
    const answered = once(sent, "response") as Promise<[IncomingMessage]>
    const finish = await asked.promise
    await server.clock.advance(50_000)
    finish()
    const [answer] = await answered
    expect((await answer.toArray()).join("")).toBe("late")
  })
})

describe("a WebSocket of a dashboard", () => {
  const path = `${at}/api/jobs/one/logs/tail`

  it("goes through both ways, and ends with either end", async () => {
    const text = await exchange(upgradeHead(path), (socket) => {
      let seen = ""
      socket.on("data", (chunk: string) => {
        seen += chunk
        if (seen.endsWith("hello")) socket.write("ping")
        if (seen.endsWith("ping")) socket.end()
      })
    })
    expect(text).toMatch(/^HTTP\/1\.1 101 /)
    expect(text).toMatch(/sec-websocket-accept: \S+\r\n/i)
    expect(text).toMatch(/\r\n\r\nhelloping$/)
    expect(dashboard.asked[0]?.headers.authorization).toMatch(/^Bearer [0-9a-f]{64}$/)
    await server.until(() => server.streams.count === 0 || undefined)
  })

  it("has its refusal passed on, and the connection ended", async () => {
    expect(await exchange(upgradeHead(`${at}/none`))).toMatch(/^HTTP\/1\.1 404 [^]*none$/)
  })

  it.each<[string, () => string, RegExp]>([
    ["without a token", () => upgradeHead(path, [], ""), /^HTTP\/1\.1 401 /],
    ["of no cluster", () => upgradeHead(path.replace("/a/", "/none/")), /^HTTP\/1\.1 404 /],
    ["for another host", () => upgradeHead(path).replace("127.0.0.1", "evil.example"), /^HTTP\/1\.1 403 /],
    [
      "from another site's page",
      () => upgradeHead(path, ["Origin: http://evil.example"]),
      /^HTTP\/1\.1 403 /,
    ],
  ])("%s is refused", async (_, head, status) => {
    expect(await exchange(head())).toMatch(status)
    expect(dashboard.asked).toEqual([])
  })

  it("ends when the caller's right ends", async () => {
    const token = await server.member("leaves", { default: "viewer" })
    const closed = exchange(upgradeHead(path, [], token), (socket) => {
      socket.once("data", () => {
        void server
          .call("PATCH", "/berth/v1/users/leaves", { json: { frozen: true } })
          .then(() => server.clock.advance(15_000))
      })
    })
    expect(await closed).toMatch(/^HTTP\/1\.1 101 /)
  })

  it("ends when the server closes", async () => {
    const own = await start()
    const begun = Promise.withResolvers<void>()
    const head = upgradeHead(path, [], own.token)
    const closed = exchange(head, (socket) => socket.once("data", () => begun.resolve()), own.port)
    await begun.promise
    expect(own.streams.count).toBe(1)
    await own.closeApp()
    expect(await closed).toMatch(/^HTTP\/1\.1 101 /)
    await own.close()
  })

  it("is asked for in vain elsewhere: the request is as any other", async () => {
    const head = upgradeHead("/berth/v1/me").replace("Connection: Upgrade", "Connection: Upgrade, close")
    expect(await exchange(head)).toMatch(/^HTTP\/1\.1 200 /)
  })
})

describe("without authentication", () => {
  let open: BerthServer
  beforeAll(async () => {
    open = await start({ noAuth: true })
  })
  afterAll(() => open.close())

  it("pages keep their origin: there is nothing that they could not do anyway", async () => {
    const answer = await open.call("GET", `${at}/`)
    expect([answer.status, answer.headers.get("content-security-policy")]).toEqual([200, null])
  })

  it("a WebSocket of another site's page is refused", async () => {
    const head = upgradeHead(`${at}/tail`, ["Origin: http://evil.example"], "")
    expect(await exchange(head, () => {}, open.port)).toMatch(/^HTTP\/1\.1 403 /)
  })
})
