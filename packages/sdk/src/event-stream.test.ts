import type { ServerResponse } from "node:http"
import { afterEach, describe, expect, it } from "vitest"
import { createBerthClient } from "./client.ts"
import type { ServerSentEvent, StreamOptions } from "./event-stream.ts"
import { followEvents } from "./event-stream.ts"
import { createTransport } from "./http.ts"
import { collect } from "./paging.ts"
import type { TestServer } from "./test-server.ts"
import { sendJson, startTestServer } from "./test-server.ts"

let server: TestServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

const begin = (response: ServerResponse) => response.writeHead(200, { "content-type": "text/event-stream" })
const event = (id: number, data = `d${id}`, name = "item") => `event: ${name}\nid: ${id}\ndata: ${data}\n\n`

async function read(
  at: TestServer,
  options: StreamOptions = {},
  most = Infinity,
): Promise<ServerSentEvent[]> {
  const http = createTransport({ baseUrl: at.url, retries: 0 })
  const found: ServerSentEvent[] = []
  const isLast = (one: ServerSentEvent) => one.event === "end"
  for await (const one of followEvents(http, { method: "GET", path: "/" }, isLast, options)) {
    found.push(one)
    if (found.length >= most) break
  }
  return found
}
const ids = (events: readonly ServerSentEvent[]) => events.map((one) => one.id)

describe("followEvents", () => {
  it("puts events together from pieces cut anywhere, also inside a character", async () => {
    const bytes = Buffer.from(`: hello\n\n${event(1, "é日本🚀")}${event(2, '{"a":1}')}${event(3, "", "end")}`)
    server = await startTestServer((_request, response) => {
      begin(response)
      let at = 0
      const send = () => {
        if (at >= bytes.length) return void response.end()
        response.write(bytes.subarray(at, ++at))
        setImmediate(send)
      }
      send()
    })
    const events = await read(server)
    expect(events.map((one) => one.data)).toEqual(["é日本🚀", '{"a":1}', ""])
    expect(ids(events)).toEqual(["1", "2", "3"])
  })

  it("resumes after the last event when the connection breaks, without losing or repeating one", async () => {
    server = await startTestServer((request, response) => {
      begin(response)
      const from = Number(request.headers["last-event-id"] ?? 0)
      if (from >= 6) return void response.end(event(7, "", "end"))
      // two whole events and half of a third
      response.write(event(from + 1) + event(from + 2) + event(from + 3).slice(0, 12))
      setTimeout(() => request.socket.destroy(), 10)
    })
    expect(ids(await read(server))).toEqual(["1", "2", "3", "4", "5", "6", "7"])
    expect(server.headers.map((one) => one["last-event-id"])).toEqual([undefined, "2", "4", "6"])
  })

  it("takes a clean end without the last event for a break", async () => {
    server = await startTestServer((_request, response, before) => {
      begin(response)
      response.end(before === 0 ? event(1) : event(2, "", "end"))
    })
    expect(ids(await read(server))).toEqual(["1", "2"])
  })

  it("begins after the event it is told", async () => {
    server = await startTestServer((_request, response) => {
      begin(response)
      response.end(event(9, "", "end"))
    })
    await read(server, { lastEventId: "8" })
    expect(server.headers[0]?.["last-event-id"]).toBe("8")
  })

  it.each([400, 401, 403, 404, 410, 429, 500])("does not try again after %d", async (status) => {
    server = await startTestServer((_request, response) =>
      sendJson(response, status, { code: "x", message: "No." }),
    )
    await expect(read(server)).rejects.toMatchObject({ status, message: "No." })
    expect(server.calls).toHaveLength(1)
  })

  it("waits for a server that starts", async () => {
    server = await startTestServer((_request, response, before) => {
      if (before < 1) return sendJson(response, 503, { message: "not ready" })
      begin(response)
      response.end(event(1, "", "end"))
    })
    const seen: unknown[] = []
    expect(ids(await read(server, { onReconnect: (error) => seen.push(error) }))).toEqual(["1"])
    expect(seen).toEqual([expect.objectContaining({ status: 503 })])
  })

  it("gives up on a server that stays away", async () => {
    server = await startTestServer((request) => request.socket.destroy())
    await expect(read(server, { reconnectForMs: 0 })).rejects.toMatchObject({ code: "unreachable" })
  })

  it("comes back when the stream falls silent, but not while heartbeats come", async () => {
    server = await startTestServer((_request, response, before) => {
      begin(response)
      if (before > 0) return void response.end(event(2, "", "end"))
      let beats = 0
      const beat = setInterval(() => {
        response.write(beats++ < 8 ? ": beat\n\n" : beats === 9 ? event(1) : "")
        if (beats > 9) clearInterval(beat)
      }, 30)
    })
    expect(ids(await read(server, { idleMs: 150 }))).toEqual(["1", "2"])
    expect(server.headers.map((one) => one["last-event-id"])).toEqual([undefined, "1"])
  })

  it("refuses an answer that is no stream", async () => {
    server = await startTestServer((_request, response) => response.end("hello"))
    await expect(read(server)).rejects.toMatchObject({ code: "broken" })
  })

  it("ends with the signal's reason, and the connection with it", async () => {
    const closed = Promise.withResolvers<void>()
    server = await startTestServer((request, response) => {
      begin(response)
      response.write(event(1))
      request.socket.on("close", () => closed.resolve())
    })
    const abort = new AbortController()
    const reason = new Error("enough")
    const http = createTransport({ baseUrl: server.url })
    const options = { signal: abort.signal }
    const stream = followEvents(http, { method: "GET", path: "/" }, () => false, options)
    expect((await stream.next()).value).toMatchObject({ id: "1" })
    const next = stream.next()
    abort.abort(reason)
    await expect(next).rejects.toBe(reason)
    await closed.promise
  })

  it("closes the connection of a reader that leaves", async () => {
    const closed = Promise.withResolvers<void>()
    server = await startTestServer((request, response) => {
      begin(response)
      response.write(event(1) + event(2))
      request.socket.on("close", () => closed.resolve())
    })
    expect(ids(await read(server, {}, 1))).toEqual(["1"])
    await closed.promise
  })
})

describe("a pod's log", () => {
  it("is lines, then how it ended; events of a newer server are passed over", async () => {
    server = await startTestServer((_request, response) => {
      begin(response)
      response.write(event(6, JSON.stringify({ lines: ["a", "b"], droppedBytes: 3 }), "lines"))
      response.write(event(6, "{}", "novelty"))
      response.end(event(6, JSON.stringify({ exitCode: 137, cause: "out_of_memory" }), "end"))
    })
    const client = createBerthClient({ baseUrl: server.url })
    const items = []
    for await (const item of client.streams.followLog("w/1", "p", { tail: 5, run: 2 })) items.push(item)
    expect(items).toEqual([
      { kind: "lines", lines: ["a", "b"], droppedBytes: 3 },
      { kind: "end", exitCode: 137, cause: "out_of_memory" },
    ])
    expect(server.calls).toEqual(["GET /berth/v1/pods/w%2F1/p/log?tail=5&run=2"])
  })

  it("that is not JSON is a fault, not a crash", async () => {
    server = await startTestServer((_request, response) => {
      begin(response)
      response.end(event(1, "{", "end"))
    })
    const stream = createBerthClient({ baseUrl: server.url }).streams.followLog("w", "p")
    await expect(stream.next()).rejects.toMatchObject({ code: "broken" })
  })
})

describe("collect", () => {
  const pages = (sizes: readonly number[]) => async (page: { limit: number; cursor?: string }) => {
    const at = Number(page.cursor ?? 0)
    const items = Array.from({ length: Math.min(sizes[at] ?? 0, page.limit) }, (_, index) => `${at}.${index}`)
    return { items, nextCursor: at + 1 < sizes.length ? String(at + 1) : null }
  }

  it("reads page after page to the end", async () => {
    expect(await collect(pages([2, 1, 2]))).toEqual(["0.0", "0.1", "1.0", "2.0", "2.1"])
    expect(await collect(pages([]))).toEqual([])
  })

  it("ends at its bound, and at a page that is empty", async () => {
    expect(await collect(pages([2, 2, 2]), 3)).toHaveLength(3)
    expect(await collect(pages([2, 0, 2]))).toHaveLength(2)
  })
})

describe("the client of the Workload API", () => {
  it("calls the documented routes with the documented bodies", async () => {
    const bodies: unknown[] = []
    server = await startTestServer((request, response) => {
      let body = ""
      request.on("data", (chunk: Buffer) => (body += chunk.toString()))
      request.on("end", () => {
        bodies.push(body === "" ? undefined : JSON.parse(body))
        sendJson(response, 200, request.url?.endsWith("/clone") ? { workloadIds: ["b"] } : undefined)
      })
    })
    const { workloads } = createBerthClient({ baseUrl: server.url })
    await workloads.list({ phase: ["Running", "Failed"], limit: 5 })
    await workloads.get("a")
    await workloads.patch("a", { priority: 1 })
    await workloads.stop("a")
    await workloads.remove("a")
    expect(await workloads.stopMany(["a", "b"])).toEqual({ failed: [] })
    await workloads.removeMany(["a"])
    expect(await workloads.clone(["a"])).toEqual({ workloadIds: ["b"] })
    await workloads.podLog("a", "p", { tailLines: 3 })
    await workloads.podContainers("a", "p")
    const root = "/api/v1/workloads"
    expect(server.calls).toEqual([
      `GET ${root}?phase=Running%2CFailed&limit=5`,
      `GET ${root}/a`,
      `PATCH ${root}/a`,
      `POST ${root}/a/stop`,
      `DELETE ${root}/a`,
      `POST ${root}/stop`,
      `POST ${root}/delete`,
      `POST ${root}/clone`,
      `GET ${root}/a/pods/p/logs?tailLines=3`,
      `GET ${root}/a/pods/p/containers`,
    ])
    expect(bodies).toEqual([
      undefined,
      undefined,
      { priority: 1 },
      undefined,
      undefined,
      { workloadIds: ["a", "b"] },
      { workloadIds: ["a"] },
      { workloadIds: ["a"] },
      undefined,
      undefined,
    ])
  })
})
