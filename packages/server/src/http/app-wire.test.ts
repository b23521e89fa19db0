import { once } from "node:events"
import { connect, type AddressInfo } from "node:net"
import { describe, expect, it } from "vitest"
import { type AppConfig } from "./app.ts"
import type { Family } from "./plugins/family.ts"
import { token, testFamily, makeApp, auth, useApps } from "./app-suite.ts"

useApps()

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
