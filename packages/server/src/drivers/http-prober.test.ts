import { createServer, type RequestListener } from "node:http"
import { createServer as createTcp, type AddressInfo, type Server, type Socket } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { systemClock } from "../kit/clock.ts"
import { createAddressRules } from "./probe-rules.ts"
import { createHttpProber } from "./http-prober.ts"

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on("connection", (socket) => {
    sockets.add(socket)
    socket.on("error", () => undefined)
  })
  closers.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port))
  })
}
const serve = (listener: RequestListener) => listening(createServer(listener))

/** Here the name `model.test` is this machine, and allowed; everything else is as the rules have it. */
function prober(
  resolve: (host: string) => Promise<readonly string[]> = () => Promise.resolve(["127.0.0.1"]),
) {
  const rules = createAddressRules(["model.test"])
  const made = createHttpProber({ clock: systemClock, rules, resolve })
  return (url: string, timeoutMs = 20_000) => made.probe(url, timeoutMs, new AbortController().signal)
}

describe("a probe", () => {
  it("is up by any 2xx and by nothing else, and tells nothing of the body", async () => {
    for (const status of [200, 204, 299, 304, 404, 503]) {
      const port = await serve((_, reply) => reply.writeHead(status).end(status === 204 ? "" : "secret"))
      const found = await prober()(`http://model.test:${port}/health?a=b`)
      expect(found).toEqual({ ok: status < 300, detail: `It answered ${status}.` })
    }
  })

  it("asks as the address says: path, query and host", async () => {
    let seen = ""
    const port = await serve((request, reply) => {
      seen = `${request.method} ${request.url} ${request.headers.host}`
      reply.end()
    })
    await prober()(`http://model.test:${port}/health?a=b`)
    expect(seen).toBe(`GET /health?a=b model.test:${port}`)
  })

  it("ends in time where nobody answers, where the answer drips, and where the name does not resolve", async () => {
    const silent = await listening(createTcp())
    expect(await prober()(`http://model.test:${silent}/`, 100)).toEqual({
      ok: false,
      detail: "It took longer than 0.1 s.",
    })
    const dripping = await serve((_, reply) => {
      const timer = setInterval(() => reply.write("."), 5)
      reply.on("close", () => clearInterval(timer))
    })
    expect(await prober()(`http://model.test:${dripping}/`, 100)).toMatchObject({ ok: false })
    const hung = await prober(() => new Promise(() => undefined))("http://model.test/", 50)
    expect(hung).toEqual({ ok: false, detail: "It took longer than 0.05 s." })
  })

  it("reads a little of a body without end, and refuses headers without end", async () => {
    let sent = 0
    const endless = await serve((_, reply) => {
      const chunk = Buffer.alloc(65_536)
      const more = () => {
        while (!reply.destroyed && sent < 2 ** 31 && reply.write(chunk)) sent += chunk.length
      }
      reply.on("drain", more)
      more()
    })
    expect(await prober()(`http://model.test:${endless}/`)).toEqual({ ok: true, detail: "It answered 200." })
    expect(sent).toBeLessThan(64 * 2 ** 20)
    const wordy = await serve((_, reply) => {
      reply.setHeader("x-long", "a".repeat(40_000)).end()
    })
    expect(await prober()(`http://model.test:${wordy}/`)).toEqual({
      ok: false,
      detail: "Its headers are longer than 16 KiB.",
    })
  })

  it("follows three redirects and no fourth, and checks where each leads", async () => {
    let inside = 0
    const target = await serve((_, reply) => {
      inside++
      reply.end()
    })
    const port = await serve((request, reply) => {
      const left = Number(request.url?.slice(1))
      const to = Number.isNaN(left) ? decodeURIComponent(request.url?.slice(2) ?? "") : `/${left - 1}`
      if (left === 0) reply.end()
      else reply.writeHead(302, { location: to }).end()
    })
    const base = `http://model.test:${port}`
    expect(await prober()(`${base}/3`)).toMatchObject({ ok: true })
    expect(await prober()(`${base}/4`)).toEqual({ ok: false, detail: "It redirects more than 3 times." })
    const hosts = ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "localhost", "0.0.0.0"]
    for (const host of hosts) {
      const resolve = (name: string) =>
        Promise.resolve([name === "model.test" || name === "localhost" ? "127.0.0.1" : name])
      const found = await prober(resolve)(`${base}/?${encodeURIComponent(`http://${host}:${target}/`)}`)
      expect(found, host).toMatchObject({ ok: false, detail: expect.stringContaining("may be probed") })
    }
    expect(inside).toBe(0)
    const file = await prober()(`${base}/?${encodeURIComponent("file:///etc/passwd")}`)
    expect(file.detail).toBe("Its address is neither http nor https.")
  })

  it("connects to the address that it checked, whatever the name says the next time", async () => {
    let asked = 0
    let inside = 0
    const port = await serve((_, reply) => {
      inside++
      reply.end()
    })
    const changing = () => Promise.resolve([asked++ === 0 ? "192.0.2.1" : "127.0.0.1"])
    // the first answer is refused, the second one is never asked for
    expect(await prober(changing)(`http://other.test:${port}/`)).toMatchObject({ ok: false })
    expect({ asked, inside }).toEqual({ asked: 1, inside: 0 })
  })

  it.each([
    ["ftp://model.test/", "Its address is neither http nor https."],
    ["nothing", "Its address is no URL."],
    ["http://model.test:70000/", "Its address is no URL."],
    ["http://model.test:0/", "Its address has no port that can be connected to."],
    ["http://user:word@model.test/", "Its address has credentials in it."],
  ])("never asks %s", async (url, detail) => {
    expect(await prober()(url)).toEqual({ ok: false, detail })
  })

  it("says what kept it from an answer, in words of its own", async () => {
    const server = createTcp()
    const port = await listening(server)
    await new Promise((resolve) => server.close(resolve))
    expect((await prober()(`http://model.test:${port}/`)).detail).toBe("The connection was refused.")
    const other = await listening(createTcp((socket) => socket.end("secret words\r\n\r\n")))
    expect((await prober()(`http://model.test:${other}/`)).detail).toBe("It does not answer as HTTP does.")
    expect((await prober(() => Promise.reject(new Error("no")))(`http://model.test/`)).detail).toBe(
      "Its host is not known.",
    )
  })
})
