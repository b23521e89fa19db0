import { spawn } from "node:child_process"
import { once } from "node:events"
import { createServer, type RequestListener } from "node:http"
import {
  type AddressInfo,
  connect,
  createServer as createTcp,
  isIP,
  type Server,
  type Socket,
} from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { systemClock } from "../kit/clock.ts"
import { createAddressRules } from "./probe-rules.ts"
import { createHttpProber } from "./http-prober.ts"
import { probeTrust } from "./probe-trust.ts"

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

function listening(server: Server, host = "127.0.0.1"): Promise<number> {
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
    server.listen(0, host, () => resolve((server.address() as AddressInfo).port))
  })
}
const serve = (listener: RequestListener, host?: string) => listening(createServer(listener), host)

/** The port of a program that never takes a connection, with as many waiting as the machine lets wait. */
async function deafListener(): Promise<number> {
  const program = `const s = require("node:net").createServer()
    s.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
      console.log(s.address().port)
      process.kill(process.pid, "SIGSTOP")
    })`
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] })
  closers.push(() => child.kill("SIGKILL"))
  const [line] = (await once(child.stdout, "data")) as [Buffer]
  const port = Number(line)
  for (let waiting = 0; waiting < 2; waiting++) {
    const socket = connect(port, "127.0.0.1")
    closers.push(() => socket.destroy())
    socket.on("error", () => undefined)
    await once(socket, "connect")
  }
  return port
}

/** Here the name `model.test` is this machine, and allowed; everything else is as the rules have it. */
function prober(
  resolve: (host: string) => Promise<readonly string[]> = () => Promise.resolve(["127.0.0.1"]),
) {
  const rules = createAddressRules(["model.test"])
  const made = createHttpProber({ clock: systemClock, rules, resolve, trust: probeTrust(null) })
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

  it("ends in time where nobody takes the connection, and where the answer stops or drips after it began", async () => {
    const late = { ok: false, detail: "It took longer than 0.2 s." }
    const deaf = await deafListener()
    expect(await prober()(`http://model.test:${deaf}/`, 200)).toEqual(late)
    const closed: Promise<unknown>[] = []
    const begun = (text: string, drip = "") =>
      listening(
        createTcp((socket) => {
          closed.push(new Promise((resolve) => socket.on("close", resolve)))
          socket.resume()
          socket.write(text)
          const timer = setInterval(() => drip !== "" && socket.write(drip), 5)
          socket.on("close", () => clearInterval(timer))
        }),
      )
    const head = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n"
    for (const port of [
      await begun(`${head}\r\n`),
      await begun(`${head}x-long: `, "a"),
      await begun("", "H"),
    ])
      expect((await prober()(`http://model.test:${port}/`, 200)).ok).toBe(false)
    // none of them is left open
    await Promise.all(closed)
    expect(closed).toHaveLength(3)
  })

  it("is given up with all others of its signal, and leaves nothing open", async () => {
    const closed: Promise<unknown>[] = []
    const port = await listening(
      createTcp((socket) => {
        closed.push(new Promise((resolve) => socket.on("close", resolve)))
        socket.resume()
      }),
    )
    const ending = new AbortController()
    const rules = createAddressRules(["127.0.0.1"])
    const resolve = (host: string) => Promise.resolve([host])
    const made = createHttpProber({ clock: systemClock, rules, resolve, trust: probeTrust(null) })
    const probe = () => made.probe(`http://127.0.0.1:${port}/`, 20_000, ending.signal)
    const begun = Array.from({ length: 20 }, probe)
    while (closed.length < 20) await new Promise((done) => setImmediate(done))
    ending.abort()
    const givenUp = { ok: false, detail: "It was given up." }
    expect(await Promise.all(begun)).toEqual(begun.map(() => givenUp))
    expect(await probe()).toEqual(givenUp)
    await Promise.all(closed)
    expect(closed).toHaveLength(20)
  })

  it("reads a little of a body without end, and refuses headers without end", async () => {
    let sent = 0
    const ended = Promise.withResolvers<void>()
    const endless = await serve((_, reply) => {
      reply.on("close", () => ended.resolve())
      const chunk = Buffer.alloc(65_536)
      const more = () => {
        while (!reply.destroyed && sent < 2 ** 31 && reply.write(chunk)) sent += chunk.length
      }
      reply.on("drain", more)
      more()
    })
    expect(await prober()(`http://model.test:${endless}/`)).toEqual({ ok: true, detail: "It answered 200." })
    await ended.promise
    expect(sent).toBeLessThan(64 * 2 ** 20)
    const wordy = await serve((_, reply) => {
      reply.setHeader("x-long", "a".repeat(40_000)).end()
    })
    expect(await prober()(`http://model.test:${wordy}/`)).toEqual({
      ok: false,
      detail: "Its headers are longer than 16 KiB.",
    })
  })

  it.each([
    ["HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n".repeat(20), "It does not come to its answer."],
    ["HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", "It answered 101."],
    ["HTTP/1.1 abc OK\r\n\r\n", "It does not answer as HTTP does."],
    ["HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "It does not answer as HTTP does."],
    [
      "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
      "It does not answer as HTTP does.",
    ],
    ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "The connection was cut."],
    ["HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nab", "The connection was cut."],
    ["HTTP/1.1 200 OK\r\nx\0y: z\r\n\r\n", "It does not answer as HTTP does."],
    [`HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(10_000)}\r\n`, "Its headers are longer than 16 KiB."],
    ["\x16\x03\x01\x00", "It does not answer as HTTP does."],
    ["", "The connection was cut."],
  ])("is down by an answer that is none: %j", async (text, detail) => {
    const port = await listening(createTcp((socket) => socket.resume().end(text)))
    expect(await prober()(`http://model.test:${port}/`)).toEqual({ ok: false, detail })
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
    const hosts =
      "127.0.0.1 [::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] 2130706433 0x7f.1 0177.0.0.1 127.1 localhost " +
      "inside.test 0.0.0.0 [::] 169.254.169.254 [fe80::1] [fd00:ec2::254] [64:ff9b::7f00:1]"
    for (const host of hosts.split(" ")) {
      const resolve = (name: string) => Promise.resolve([isIP(name) === 0 ? "127.0.0.1" : name])
      const found = await prober(resolve)(`${base}/?${encodeURIComponent(`http://${host}:${target}/`)}`)
      expect(found, host).toMatchObject({ ok: false, detail: expect.stringContaining("may be probed") })
    }
    expect(inside).toBe(0)
    const file = await prober()(`${base}/?${encodeURIComponent("file:///etc/passwd")}`)
    expect(file.detail).toBe("Its address is neither http nor https.")
    const secret = await prober()(`${base}/?${encodeURIComponent(`http://user:word@model.test:${target}/`)}`)
    expect(secret).toEqual({ ok: false, detail: "Its address has credentials in it." })
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

  it("connects to the one of its addresses that is allowed, and looks the name up anew for each redirect", async () => {
    const seen: (string | undefined)[] = []
    const port = await serve((request, reply) => {
      seen.push(request.socket.localAddress)
      if (request.url === "/") reply.writeHead(302, { location: "/again" })
      reply.end()
    }, "0.0.0.0")
    const answers = [["127.0.0.3", "127.0.0.2"], ["127.0.0.3"]]
    const rules = createAddressRules(["127.0.0.2/32"])
    const resolve = () => Promise.resolve(answers.shift() ?? ["127.0.0.2"])
    const made = createHttpProber({ clock: systemClock, rules, resolve, trust: probeTrust(null) })
    const found = await made.probe(`http://changing.test:${port}/`, 20_000, new AbortController().signal)
    expect(found).toMatchObject({ ok: false, detail: expect.stringContaining("may be probed") })
    expect(seen).toEqual(["127.0.0.2"])
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
