import { once } from "node:events"
import { createServer as createHttpServer, type RequestListener } from "node:http"
import { createServer, type AddressInfo, type Server, type Socket } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { createVirtualClock, systemClock, type Clock } from "../../kit/clock.ts"
import { askHttp, requestTarget, type HttpAnswer } from "./http-probe.ts"

const servers: { readonly server: Server; readonly sockets: Set<Socket> }[] = []
afterEach(() => {
  for (const { server, sockets } of servers.splice(0)) {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
})

async function listen(server: Server): Promise<{ readonly port: number; readonly sockets: Set<Socket> }> {
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
    socket.on("error", () => undefined)
  })
  servers.push({ server, sockets })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return { port: (server.address() as AddressInfo).port, sockets }
}

const http = (listener: RequestListener) => listen(createHttpServer(listener))
const raw = (onConnection: (socket: Socket) => void) => listen(createServer(onConnection))

/** What is answered, once the socket is closed. */
function ask(port: number, path = "/", clock: Clock = systemClock): Promise<HttpAnswer | undefined> {
  return new Promise((resolve) => {
    let said: HttpAnswer | undefined
    askHttp(
      clock,
      { ip: "127.0.0.1", port, path, deadlineMs: 5000 },
      { answered: (answer) => (said = answer), over: () => resolve(said) },
    )
  })
}

describe("a probe", () => {
  it.each([200, 204, 301, 302, 307, 399])(
    "takes status %i as a success and follows nothing",
    async (status) => {
      let asked = 0
      const { port } = await http((_request, reply) => {
        asked++
        reply.writeHead(status, { location: "/elsewhere" }).end()
      })
      expect(await ask(port)).toEqual({ is: "success" })
      expect(asked).toBe(1)
    },
  )

  it.each([400, 404, 500, 503])("takes status %i as a failure", async (status) => {
    const { port } = await http((_request, reply) => void reply.writeHead(status).end())
    expect(await ask(port)).toEqual({ is: "failure", said: `its answer was status ${status}` })
  })

  it("asks for the path as it was given, with its query, and closes the connection", async () => {
    const asked: unknown[] = []
    const { port } = await http((request, reply) => {
      asked.push([request.method, request.url, request.headers.connection])
      reply.end()
    })
    await ask(port, "health check/ü?deep=1#part")
    expect(asked).toEqual([["GET", "/health%20check/%C3%BC?deep=1", "close"]])
  })

  it("goes by the status of an answer whose body never ends or is too long, and reads no more of it", async () => {
    let written = 0
    const { port, sockets } = await http((_request, reply) => {
      const more = () => {
        if (reply.destroyed) return
        written += 1000
        reply.write("x".repeat(1000), () => setImmediate(more))
      }
      more()
    })
    expect(await ask(port)).toEqual({ is: "success" })
    for (const socket of sockets) await once(socket, "close")
    expect(written).toBeGreaterThan(10_000)
  })

  it.each([
    [
      "closes the connection without an answer",
      (socket: Socket) => socket.destroy(),
      "closed the connection",
    ],
    ["resets the connection", (socket: Socket) => socket.resetAndDestroy(), "closed the connection"],
    ["speaks another protocol", (socket: Socket) => socket.end("SSH-2.0-x\r\n"), "not HTTP"],
    [
      "sends headers without end",
      (socket: Socket) => void socket.write(`HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(10_000)}`),
      "not HTTP",
    ],
  ])("fails when the program %s", async (_name, behave, said) => {
    const { port } = await raw(behave)
    expect(await ask(port)).toEqual({ is: "failure", said: expect.stringContaining(said) as unknown })
  })

  it("fails when nobody listens", async () => {
    const { port } = await raw(() => undefined)
    servers.splice(0).forEach(({ server }) => server.close())
    expect(await ask(port)).toEqual({ is: "failure", said: "it refused the connection" })
  })

  it("fails at its deadline when the program does not answer, and lets go of it", async () => {
    const clock = createVirtualClock()
    const { port, sockets } = await raw(() => undefined)
    const answer = ask(port, "/", clock)
    await once(servers[0]?.server ?? createServer(), "connection")
    await clock.advance(5000)
    expect(await answer).toEqual({ is: "failure", said: "no answer came within 5 s" })
    for (const socket of sockets) await once(socket.resume(), "close")
    expect(clock.nextAlarmInMs()).toBeUndefined()
  })

  it("says nothing any more once it is ended", async () => {
    const { port } = await raw(() => undefined)
    const said: HttpAnswer[] = []
    await new Promise<void>((resolve) => {
      const end = askHttp(
        systemClock,
        { ip: "127.0.0.1", port, path: "/", deadlineMs: 5000 },
        { answered: (answer) => said.push(answer), over: resolve },
      )
      servers[0]?.server.once("connection", end)
    })
    expect(said).toEqual([])
  })
})

it.each([
  ["", "/"],
  ["ready", "/ready"],
  ["//other/x", "//other/x"],
  ["/a?b=c&d=%20", "/a?b=c&d=%20"],
  ["/a\r\nX: y", "/a%0D%0AX:%20y"],
  ["/\ud800", "/%EF%BF%BD"],
])("asks for %j as %j", (path, target) => {
  expect(requestTarget(path)).toBe(target)
})
