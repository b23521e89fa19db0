import { connect as connectHttp2 } from "node:http2"
import { connect } from "node:net"
import { once } from "node:events"
import { afterEach, describe, expect, it } from "vitest"
import type { Refusal } from "../../../domain/journal/index.ts"
import { createVirtualClock } from "../../../kit/clock.ts"
import { createIds } from "../../../kit/ids.ts"
import { silentLog } from "../../../kit/log.ts"
import { createLimits } from "../../plugins/limits.ts"
import type { Services } from "../../services.ts"
import { testToken } from "../../test-server.ts"
import { clusterRow, member, scriptedObjects, type Script } from "../test-rows.ts"
import { createGrpcServer, type GrpcOptions, type GrpcServer } from "./server.ts"
import { connectGrpc, type GrpcClient } from "./test-client.ts"

const view = { cluster: clusterRow, events: [] }
const named = { namespace: "ns", name: "c1" }

const ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function start(script: Script, change: Partial<GrpcOptions> = {}) {
  const clock = createVirtualClock()
  const principal = member("editor")
  let isReady = true
  const calls: unknown[][] = []
  const ray = scriptedObjects(() => script, calls)
  const lines: { operation: string; status: number; address: string }[] = []
  const refusals: Refusal[] = []
  const services = {
    clock,
    ids: createIds(() => clock.nowMs()),
    directory: {
      authenticate: (token: string) => (token === testToken ? principal : undefined),
      local: () => principal,
    },
    tokens: { read: () => undefined },
    readiness: () => ({ isReady, message: "The server is starting." }),
  } as unknown as Services
  const log = {
    ...silentLog,
    isLevelEnabled: () => true,
    info: (line: never) => lines.push(line),
    warn: (line: never) => lines.push(line),
  } as unknown as GrpcOptions["log"]
  const measured: { family: string; operation: string; status: number }[] = []
  const server: GrpcServer = createGrpcServer({
    services,
    ray,
    log,
    meter: { requestDone: (request) => measured.push(request) },
    limits: createLimits({ failureLimit: { perSecond: 1, burst: 2 } }, clock),
    noAuth: false,
    allowedHosts: [],
    behindProxy: false,
    openDocuments: true,
    onRefused: (refusal) => refusals.push(refusal),
    ...change,
  })
  const port = await server.listen({ host: "127.0.0.1", port: 0 })
  const client: GrpcClient = connectGrpc(`127.0.0.1:${port}`, testToken)
  ends.push(
    () => server.close(),
    () => client.close(),
  )
  return {
    clock,
    calls,
    server,
    client,
    port,
    lines,
    measured,
    refusals,
    setReady(ready: boolean) {
      isReady = ready
      server.readinessChanged()
    },
  }
}

/** A handler that tells when it was asked, and waits. */
function waiting() {
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<typeof view>()
  const get = () => {
    asked.resolve()
    return answer.promise
  }
  return { asked: asked.promise, answer, script: { clusters: { get } } as unknown as Script }
}

describe("a call", () => {
  it("is a line of the log, a figure, and its own id in the answer", async () => {
    const { client, lines, measured } = await start({ clusters: { get: () => Promise.resolve(view) } })
    const { metadata } = await client.call("getCluster", named, { metadata: { "x-request-id": "mine" } })
    expect(metadata).toMatchObject({ "x-request-id": "mine" })
    expect(lines).toMatchObject([
      {
        requestId: "mine",
        family: "kuberay-grpc",
        operation: "kuberay.getCluster",
        method: "gRPC",
        path: "/proto.ClusterService/GetCluster",
        status: 200,
        address: "127.0.0.1",
        userId: "usr_2",
      },
    ])
    expect(measured).toEqual([{ family: "kuberay-grpc", operation: "kuberay.getCluster", status: 200 }])
  })

  it("that fails inside says nothing of the inside", async () => {
    const { client, lines } = await start({
      clusters: { get: () => Promise.reject(new Error("secret path")) },
    })
    const { code, message } = await client.call("getCluster", named)
    expect([code, message]).toEqual([13, "Something went wrong inside the server."])
    expect(JSON.stringify(lines)).not.toContain("secret path")
  })

  it("ends with the deadline of its caller, for the server too", async () => {
    const { asked, script } = waiting()
    const { client, lines, server } = await start(script)
    const outcome = client.call("getCluster", named, { deadlineMs: 200 })
    await asked
    expect(await outcome).toMatchObject({ code: 4 })
    await server.close()
    expect(lines).toMatchObject([{ status: 504, errorCode: "timeout" }])
  })

  it("ends when its caller goes away", async () => {
    const { asked, script } = waiting()
    const { client, lines, server } = await start(script)
    const outcome = client.call("getCluster", named)
    await asked
    client.close()
    client.cancelAll()
    expect(await outcome).toMatchObject({ code: 1 })
    await server.close()
    expect(lines).toMatchObject([{ status: 504 }])
  })

  it("is given up after a while, without a deadline of its caller", async () => {
    const { asked, script } = waiting()
    const { client, clock } = await start(script)
    const outcome = client.call("getCluster", named)
    await asked
    await clock.advance(30_000)
    expect(await outcome).toMatchObject({ code: 4, message: "context deadline exceeded" })
  })

  it("with a wrong key too often has to wait, whoever it says to be behind a proxy", async () => {
    const { client, refusals } = await start({}, { behindProxy: true })
    const metadata = { "x-forwarded-for": "10.9.9.9, 10.0.0.7" }
    const codes: number[] = []
    for (let at = 0; at < 3; at++)
      codes.push((await client.call("getCluster", named, { authorization: "wrong", metadata })).code)
    expect(codes).toEqual([16, 16, 8])
    expect(refusals.map(({ address, status }) => [address, status])).toEqual([
      ["10.0.0.7", 401],
      ["10.0.0.7", 401],
      ["10.0.0.7", 429],
    ])
  })

  it("before the server is ready is told to come again", async () => {
    const { client, setReady } = await start({ clusters: { get: () => Promise.resolve(view) } })
    setReady(false)
    const outcome = await client.call("getCluster", named)
    expect(outcome).toMatchObject({ code: 14, message: "The server is starting." })
    expect(outcome.metadata).toMatchObject({ "grpc-retry-pushback-ms": "1000" })
    expect(await client.health()).toBe("NOT_SERVING")
  })

  it("of a page of another site is refused where no key is needed", async () => {
    const script = { clusters: { get: () => Promise.resolve(view) } }
    const { client } = await start(script, { noAuth: true })
    const none = { authorization: "" }
    expect(await client.call("getCluster", named, none)).toMatchObject({ code: 0 })
    const foreign = { ...none, metadata: { origin: "http://evil.example" } }
    expect(await client.call("getCluster", named, foreign)).toMatchObject({ code: 7 })
  })
})

describe("what the transport refuses by itself", () => {
  /** Sends a request of HTTP/2 as it is; its answer has come when this resolves. */
  async function send(port: number, headers: Readonly<Record<string, string>>): Promise<void> {
    const session = connectHttp2(`http://127.0.0.1:${port}`)
    const request = session.request({ ":method": "POST", ...headers })
    request.resume().end()
    await once(request, "close")
    session.close()
  }

  it("is a line of the log all the same", async () => {
    const { client, port, lines, measured } = await start({})
    const grpc = { "content-type": "application/grpc", "x-request-id": "mine" }
    await send(port, { ...grpc, ":path": "/proto.ClusterService/Nothing" })
    await send(port, { "content-type": "application/json", ":path": "/proto.ClusterService/GetCluster" })
    const tooLarge = await client.call("createCluster", {}, { bytes: new Uint8Array(5 * 2 ** 20) })
    expect(tooLarge.code).toBe(8)
    const common = { family: "kuberay-grpc", method: "gRPC", address: "127.0.0.1" }
    expect(lines).toMatchObject([
      {
        ...common,
        requestId: "mine",
        operation: "unknown",
        path: "/proto.ClusterService/Nothing",
        status: 404,
        errorCode: "not_found",
        errorDetail: "method",
      },
      { ...common, operation: "kuberay.getCluster", status: 415, errorCode: "invalid" },
      { ...common, operation: "kuberay.createCluster", status: 413, errorCode: "too_large" },
    ])
    expect(measured).toHaveLength(3)
  })

  it("is no line beside that of a handler, nor of what was answered", async () => {
    const { client, lines } = await start({ clusters: { get: () => Promise.resolve(view) } })
    await client.call("getCluster", named)
    await client.call("getCluster", named, { authorization: "wrong" })
    await client.health()
    expect(await client.reflect("v1", [{ listServices: "*" }])).toHaveLength(1)
    expect(lines.map(({ status }) => status)).toEqual([200, 401])
  })

  it("is not told of by a server that has ended, nor of another one", async () => {
    const [one, two] = [await start({}), await start({})]
    await one.server.close()
    await send(two.port, { "content-type": "text/plain", ":path": "/" })
    expect([one.lines.length, two.lines.length]).toEqual([0, 1])
  })
})

describe("health", () => {
  it("is watched", async () => {
    const { client, server, setReady } = await start({})
    const watch = client.watchHealth()
    expect(await watch.next()).toBe("SERVING")
    setReady(false)
    expect(await watch.next()).toBe("NOT_SERVING")
    setReady(true)
    expect(await watch.next()).toBe("SERVING")
    await server.close()
    expect(await watch.next()).toBe("NOT_SERVING")
    await watch.ended
  })
})

describe("the end", () => {
  it("lets what is being answered be answered, and takes nothing new", async () => {
    const { asked, answer, script } = waiting()
    const { client, server, port } = await start(script)
    const outcome = client.call("getCluster", named)
    await asked
    const closed = server.close()
    answer.resolve(view)
    expect(await outcome).toMatchObject({ code: 0 })
    await closed
    const late = connectGrpc(`127.0.0.1:${port}`, testToken)
    expect(await late.call("getCluster", named)).toMatchObject({ code: 14 })
    late.close()
  })

  it("waits for no longer than its deadline, nor for who only connected", async () => {
    const { asked, script } = waiting()
    const { client, server, clock, port } = await start(script)
    const idle = connect(port, "127.0.0.1")
    await once(idle, "connect")
    idle.on("error", () => {}).resume()
    const outcome = client.call("getCluster", named)
    await asked
    const closed = server.close()
    await clock.advance(5000)
    await closed
    expect(await outcome).not.toMatchObject({ code: 0 })
    if (!idle.closed) await once(idle, "close")
  })
})

it("an address that another program has is refused as by any listener", async () => {
  const { port, server } = await start({})
  await expect(server.listen({ host: "127.0.0.1", port })).rejects.toMatchObject({
    code: expect.stringMatching(/^E/),
  })
})

describe("reflection", () => {
  it("is open where the documents are", async () => {
    const { client } = await start({})
    const nobody = connectGrpc(client.address, "")
    ends.push(() => nobody.close())
    expect(await nobody.reflect("v1", [{ listServices: "*" }])).toHaveLength(1)
  })
})
