import { spawn } from "node:child_process"
import { once } from "node:events"
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net"
import { text } from "node:stream/consumers"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Backend } from "../../domain/workloads/index.ts"
import { systemClock } from "../../kit/clock.ts"
import { silentLog } from "../../kit/log.ts"
import { createLocalNetwork, type LocalNetwork } from "./service-network.ts"

let network: LocalNetwork
let ends: (() => void)[]
/** Where the service of a test answers: an address that no other test has. */
let host: string
let serial = 0

beforeEach(() => {
  ends = []
  const own = process.pid * 100 + ++serial
  host = `127.66.${(own >> 8) & 255}.${own & 255 || 1}`
  network = createLocalNetwork({ clock: systemClock, log: silentLog })
})
afterEach(async () => {
  await network.closeAll()
  for (const end of ends) end()
})

/** A program that others connect to; `end` closes it and all its connections. */
async function program(onConnection: (socket: Socket) => void, ip = "127.0.0.1", port = 0) {
  const sockets = new Set<Socket>()
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on("error", () => undefined)
    socket.on("close", () => sockets.delete(socket))
    onConnection(socket)
  })
  server.listen(port, ip)
  await once(server, "listening")
  const end = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  ends.push(end)
  return { backend: { ip, port: (server.address() as AddressInfo).port }, sockets, end }
}

/** A program that says its name and hangs up. */
const named = (name: string) => program((socket) => socket.end(name))
const echo = () => program((socket) => socket.pipe(socket))

async function serve(...backends: readonly Backend[]) {
  expect(await network.open("svc", [{ host, port: 8000 }])).toEqual([null])
  network.route("svc", backends)
}

function client(): Socket {
  const socket = connect({ host, port: 8000, allowHalfOpen: true })
  socket.on("error", () => undefined)
  ends.push(() => socket.destroy())
  return socket
}

/** All that a new connection is told; "" for one that is closed at once. */
async function ask(): Promise<string> {
  const socket = client()
  const all = text(socket).catch(() => "broken")
  socket.end()
  return all
}

function closeOf(socket: Socket): Promise<"broken" | "ended"> {
  return new Promise((resolve) => {
    socket.once("close", (hadError: boolean) => resolve(hadError ? "broken" : "ended"))
    socket.resume()
  })
}

async function eventually(isSo: () => boolean): Promise<void> {
  for (let round = 0; round < 2000 && !isSo(); round++)
    await new Promise<void>((resolve) => systemClock.alarm(5, resolve, true))
  expect(isSo()).toBe(true)
}

/** A program that is stopped and whose queue of connections is full: it neither takes one nor refuses. */
async function stuck(): Promise<Backend> {
  const listens = `const server = require("node:net").createServer()
    server.listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => console.log(server.address().port))`
  const child = spawn(process.execPath, ["-e", listens], { stdio: ["ignore", "pipe", "ignore"] })
  ends.push(() => child.kill("SIGKILL"))
  const port = Number(String((await once(child.stdout, "data"))[0]))
  child.kill("SIGSTOP")
  for (let at = 0; at < 8; at++) {
    const socket = connect({ host: "127.0.0.1", port }).on("error", () => undefined)
    ends.push(() => socket.destroy())
  }
  return { ip: "127.0.0.1", port }
}

/** A port of this machine that refuses. */
async function refusing(): Promise<Backend> {
  const { backend, end } = await echo()
  end()
  return backend
}

describe("a service", () => {
  it("sends connections to its backends in turn", async () => {
    const all = await Promise.all(["a", "b", "c"].map(named))
    await serve(...all.map(({ backend }) => backend))
    const said: string[] = []
    for (let at = 0; at < 6; at++) said.push(await ask())
    expect(said).toEqual(["a", "b", "c", "a", "b", "c"])
  })

  it("tries the next backend when one refuses, and leaves out one that is taken away", async () => {
    const [a, b] = await Promise.all(["a", "b"].map(named))
    if (!a || !b) throw new Error("two programs were started")
    await serve(await refusing(), a.backend, await refusing(), b.backend)
    const said = await Promise.all(Array.from({ length: 8 }, ask))
    expect([...new Set(said)].sort()).toEqual(["a", "b"])
    a.end()
    expect(await Promise.all(Array.from({ length: 4 }, ask))).toEqual(["b", "b", "b", "b"])
    network.route("svc", [a.backend])
    expect(await ask()).toBe("")
    expect(network.counts.unanswered).toBe(1)
  })

  it("tries the next backend when one does not answer in time", async () => {
    const { backend } = await named("b")
    await serve(await stuck(), backend)
    expect(await ask()).toBe("b")
  })

  it("closes connections at once where there is no backend, or none takes them", async () => {
    await serve()
    expect(await ask()).toBe("")
    network.route("svc", [await refusing(), await refusing()])
    expect(await ask()).toBe("")
    expect(network.counts).toMatchObject({ accepted: 2, unanswered: 2, refused: 0 })
    await eventually(() => network.counts.connections === 0)
  })

  it("keeps open connections when the backends change", async () => {
    const { backend } = await echo()
    await serve(backend)
    const socket = client()
    socket.write("one")
    expect(String((await once(socket, "data"))[0])).toBe("one")
    network.route("svc", [])
    socket.write("two")
    expect(String((await once(socket, "data"))[0])).toBe("two")
    expect(await ask()).toBe("")
  })

  it("passes on the end of either side, and not the other's before it comes", async () => {
    const answersAtEnd = await program((socket) => {
      void text(socket).then((all) => socket.end(all.toUpperCase()))
    })
    await serve(answersAtEnd.backend)
    const socket = client()
    socket.end("a question")
    expect(await text(socket)).toBe("A QUESTION")

    const endsFirst = await program((socket) => {
      socket.end("said all")
      void text(socket).then((all) => heard.push(all))
    })
    const heard: string[] = []
    network.route("svc", [endsFirst.backend])
    const talker = client()
    expect(await text(talker)).toBe("said all")
    talker.end("still talking")
    await eventually(() => heard[0] === "still talking")
    await eventually(() => network.counts.connections === 0)
  })

  it("gives all bytes to a reader that is slow, without holding them itself", async () => {
    const size = 48 * 1024 * 1024
    let written = 0
    const { backend } = await program((socket) => {
      const more = () => {
        while (written < size) {
          written += 65_536
          if (!socket.write(Buffer.alloc(65_536, 7))) return void socket.once("drain", more)
        }
        socket.end()
      }
      more()
    })
    await serve(backend)
    const socket = client()
    await once(socket, "connect")
    let stalledAt = -1
    await eventually(() => {
      const isStalled = written > 0 && written === stalledAt
      stalledAt = written
      return isStalled
    })
    expect(written).toBeLessThan(size)
    let read = 0
    for await (const chunk of socket) read += (chunk as Buffer).length
    expect(read).toBe(size)
  })

  it("carries two hundred connections at once", async () => {
    const [a, b] = await Promise.all([echo(), echo()])
    await serve(a.backend, b.backend)
    const sockets = Array.from({ length: 200 }, client)
    for (const [at, socket] of sockets.entries()) socket.write(`I am ${at}`)
    const said = await Promise.all(sockets.map(async (socket) => String((await once(socket, "data"))[0])))
    expect(said).toEqual(sockets.map((_, at) => `I am ${at}`))
    expect([a.sockets.size, b.sockets.size]).toEqual([100, 100])
    expect(network.connectionsOf("svc")).toBe(200)
    for (const socket of sockets) socket.end()
    await eventually(() => network.counts.connections === 0)
    expect(network.counts).toMatchObject({ accepted: 200, refused: 0, unanswered: 0, bytesIn: 1490 })
  })

  it("breaks the other side when one breaks", async () => {
    const { backend, sockets } = await program((socket) => socket.write("begin"))
    await serve(backend)
    const broken = client()
    await once(broken, "data")
    const closed = closeOf(broken)
    for (const socket of sockets) socket.resetAndDestroy()
    expect(await closed).toBe("broken")

    const left = client()
    await once(left, "data")
    left.resetAndDestroy()
    await eventually(() => sockets.size === 0)
    await eventually(() => network.counts.connections === 0)
  })

  it("closes at once what is over its bounds, and takes more when others have left", async () => {
    const { backend } = await echo()
    network = createLocalNetwork({ clock: systemClock, log: silentLog, mostOfService: 2, mostInAll: 3 })
    await serve(backend)
    await network.open("other", [{ host, port: 8001 }])
    network.route("other", [backend])
    const two = [client(), client()]
    await eventually(() => network.counts.connections === 2)
    expect(["", "broken"]).toContain(await ask())
    expect(network.counts).toMatchObject({ connections: 2, refused: 1 })
    const others = [0, 1].map(() => connect({ host, port: 8001 }).on("error", () => undefined))
    for (const socket of others) ends.push(() => socket.destroy())
    await eventually(() => network.counts.refused === 2)
    two[0]?.end()
    await eventually(() => network.counts.connections === 2)
    const again = client()
    again.end("room")
    expect(await text(again)).toBe("room")
  })
})

describe("connections of many services", () => {
  it("leave room for those that have few, however many one of them takes", async () => {
    const { backend } = await echo()
    network = createLocalNetwork({ clock: systemClock, log: silentLog, mostInAll: 20 })
    await serve(backend)
    await network.open("other", [{ host, port: 8001 }])
    network.route("other", [backend])
    const flood = Array.from({ length: 20 }, () => client().on("error", () => undefined))
    await eventually(() => network.counts.refused === 5)
    expect(network.connectionsOf("svc")).toBe(15)
    for (let at = 0; at < 6; at++) {
      const socket = connect({ host, port: 8001 }).on("error", () => undefined)
      ends.push(() => socket.destroy())
    }
    await eventually(() => network.counts.refused === 7)
    expect(network.connectionsOf("other")).toBe(4)
    for (const socket of flood) socket.destroy()
  })
})

describe("listening", () => {
  it("says why it cannot, and can once the address is free", async () => {
    const other = await program(() => undefined, host, 8000)
    const addresses = [
      { host, port: 8000 },
      { host, port: 8001 },
      { host: "192.0.2.1", port: 8000 },
    ]
    const taken = `${host}:8000 is in use by another program.`
    const nowhere = "192.0.2.1 is not an address of this machine."
    expect(await network.open("svc", addresses)).toEqual([taken, null, nowhere])
    expect(await network.open("second", [{ host, port: 8001 }])).toEqual([
      `${host}:8001 is in use by another program.`,
    ])
    other.end()
    expect(await network.open("svc", addresses)).toEqual([null, null, nowhere])
    expect(network.counts.listeners).toBe(2)
  })

  it("is the same when it is asked for twice, also at once, and moves when another address is", async () => {
    const { backend } = await named("a")
    const here = [{ host, port: 8000 }]
    const both = [network.open("svc", here), network.open("svc", [...here, ...here])]
    expect(await Promise.all(both)).toEqual([[null], [null, null]])
    network.route("svc", [backend])
    expect(await ask()).toBe("a")
    expect(await network.open("svc", [{ host, port: 9000 }])).toEqual([null])
    expect(network.counts.listeners).toBe(1)
    expect((await once(connect({ host, port: 8000 }), "error"))[0]).toMatchObject({ code: "ECONNREFUSED" })
  })

  it("ends with its connections when it is closed, also while it is being opened", async () => {
    const { backend, sockets } = await echo()
    await serve(backend)
    const socket = client()
    socket.write("x")
    await once(socket, "data")
    const closed = closeOf(socket)
    await network.close("svc")
    await network.close("svc")
    expect(await closed).toBe("broken")
    await eventually(() => sockets.size === 0 && network.counts.connections === 0)
    expect(network.counts.listeners).toBe(0)

    const opening = network.open("svc", [{ host, port: 8000 }])
    await network.close("svc")
    expect(await opening).toEqual(["The service was closed meanwhile."])
    expect(await network.open("svc", [{ host, port: 8000 }])).toEqual([null])
    network.route("unknown", [backend])
  })

  it("lets go of clients whose backend is being dialled", async () => {
    await serve(await stuck())
    const socket = client()
    await eventually(() => network.counts.connections === 1)
    const closed = closeOf(socket)
    await network.close("svc")
    expect(await closed).toBe("broken")
    await eventually(() => network.counts.connections === 0)
  })
})
