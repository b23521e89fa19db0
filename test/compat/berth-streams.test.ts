import { get as httpGet, type ClientRequest, type IncomingMessage } from "node:http"
import { connect } from "node:net"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { checkExchange, checkStreamEvent } from "../../packages/server/src/http/test-exchange.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"

let server: BerthServer
const open: ClientRequest[] = []

beforeEach(async () => {
  server = await startBerthServer({ mostStreams: 3 })
})
afterEach(async () => {
  for (const request of open.splice(0)) request.destroy()
  await server.close()
})

interface SseEvent {
  readonly id: string | undefined
  readonly event: string
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into any shape
  readonly data: any
}

/** A reader of an event stream. */
interface Follower {
  readonly status: number
  readonly headers: IncomingMessage["headers"]
  /** All that came, comments too. */
  text(): string
  events(): readonly SseEvent[]
  readonly isOver: () => boolean
  /** Whether the end was a proper one. */
  readonly isComplete: () => boolean
  pause(): void
  resume(): void
  destroy(): void
}

function follow(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Follower> {
  return new Promise((resolve, reject) => {
    const request = httpGet(
      server.url + path,
      {
        headers: { authorization: `Bearer ${server.token}`, accept: "text/event-stream", ...headers },
        agent: false,
      },
      (answer) => {
        let text = ""
        let isOver = false
        const status = answer.statusCode ?? 0
        const contentType = answer.headers["content-type"] ?? ""
        if (status === 200) checkExchange({ method: "GET", url: path, status, contentType, text: "" })
        answer.setEncoding("utf8")
        answer.on("data", (piece: string) => (text += piece))
        answer.on("close", () => (isOver = true))
        answer.on("error", () => {})
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          text: () => text,
          events() {
            const events = parse(text)
            for (const { event, data } of events) checkStreamEvent(path, event, data)
            return events
          },
          isOver: () => isOver,
          isComplete: () => answer.complete,
          pause: () => answer.pause(),
          resume: () => answer.resume(),
          destroy: () => request.destroy(),
        })
      },
    )
    request.on("error", reject)
    open.push(request)
  })
}

function parse(text: string): SseEvent[] {
  return text
    .split("\n\n")
    .slice(0, -1)
    .flatMap((block) => {
      const fields = new Map(
        block.split("\n").map((line) => [line.split(": ", 1)[0], line.replace(/^\w+: /, "")]),
      )
      const data = fields.get("data")
      if (data === undefined) return []
      return [{ id: fields.get("id"), event: fields.get("event") ?? "message", data: JSON.parse(data) }]
    })
}

/** Lets time and the network go on until it is so. */
async function until(isSo: () => boolean): Promise<void> {
  await server.until(() => (isSo() ? true : undefined))
}

async function runningJob(): Promise<{ readonly id: string; readonly pod: string; readonly log: string }> {
  const id = await server.submit()
  await server.until(() => (server.world.live().length > 0 ? true : undefined))
  const pod = `${id}-master-0`
  return { id, pod, log: `/berth/v1/pods/${id}/${pod}/log` }
}

function attempt() {
  const [id] = server.world.live()
  if (id === undefined) throw new Error("Nothing runs.")
  return id
}

async function makeUser(name: string): Promise<void> {
  const { status } = await server.call("POST", "/berth/v1/users", { json: { name } })
  expect(status).toBe(201)
}

describe("the event stream", () => {
  it("sends what happens from now on, as CloudEvents, in order", async () => {
    const stream = await follow("/berth/v1/events")
    expect(stream.status).toBe(200)
    expect(stream.headers["content-type"]).toBe("text/event-stream; charset=utf-8")
    expect(stream.headers["cache-control"]).toBe("no-store")
    expect(stream.headers["x-request-id"]).toMatch(/^req_/)
    await makeUser("one")
    await makeUser("two")
    await until(() => stream.events().length === 2)
    const [one, two] = stream.events()
    expect(one).toMatchObject({
      event: "message",
      data: { specversion: "1.0", type: "user.created", actorname: "owner" },
    })
    expect(one?.id).toBe(one?.data.id)
    expect(two?.data.data.name).toBe("two")
  })

  it("resumes after Last-Event-ID without a gap or a repetition", async () => {
    const first = await follow("/berth/v1/events?type=user.created")
    await makeUser("one")
    await until(() => first.events().length === 1)
    first.destroy()
    await makeUser("two")
    await makeUser("three")
    const again = await follow("/berth/v1/events?type=user.created", {
      "last-event-id": first.events()[0]?.id ?? "",
    })
    await until(() => again.events().length >= 2)
    await makeUser("four")
    await until(() => again.events().length >= 3)
    expect(again.events().map((event) => event.data.data.name)).toEqual(["two", "three", "four"])
  })

  it("loses nothing while hundreds are written at once", async () => {
    const stream = await follow("/berth/v1/events?type=user.created")
    const names = Array.from({ length: 250 }, (_, index) => `user-${index}`)
    await Promise.all(names.map(makeUser))
    await until(() => stream.events().length >= names.length)
    const seen = stream.events().map((event) => event.data.data.name as string)
    expect(seen.toSorted()).toEqual(names.toSorted())
  })

  it("answers 410 for a cursor older than what is kept, 400 for one that never was", async () => {
    await makeUser("one")
    const { json } = await server.call("GET", "/berth/v1/events?limit=1")
    await makeUser("two")
    const nowMs = server.clock.nowMs()
    await server.store.tx((tx) =>
      server.store.journal.prune(tx, { eventsAfterMs: nowMs + 1, auditAfterMs: 0, maxEvents: 1000 }, 1000),
    )
    await makeUser("three")
    const cursor = json.items[0].id as string
    for (const headers of [{ accept: "text/event-stream" }, {}]) {
      const gone = await server.call("GET", "/berth/v1/events", {
        headers: { ...headers, "last-event-id": cursor },
      })
      expect([gone.status, gone.json.code]).toEqual([410, "not_found"])
      const never = await server.call("GET", "/berth/v1/events", {
        headers: { ...headers, "last-event-id": "x" },
      })
      expect(never.status).toBe(400)
    }
  })

  it("sends heartbeats, and with them an id past what the reader may not see", async () => {
    const token = await server.member("reader", {})
    const stream = await follow("/berth/v1/events", { authorization: `Bearer ${token}` })
    await makeUser("hidden")
    const newest = String(await server.store.journal.lastSeq(server.store.committed))
    await until(() => stream.text().includes(`id: ${newest}\n\n`))
    expect(stream.events()).toEqual([])
  })

  it("ends when the key is revoked", async () => {
    const { json } = await server.call("POST", "/berth/v1/keys", { json: { name: "brief" } })
    const stream = await follow("/berth/v1/events", { authorization: `Bearer ${json.token}` })
    await server.call("DELETE", `/berth/v1/keys/${json.key.id}`)
    await makeUser("after")
    await until(() => stream.isOver())
    expect(stream.text()).not.toContain('"after"')
    expect(server.streams.count).toBe(0)
  })

  it("shows a new member what happens in the workspace from then on", async () => {
    const token = await server.member("joins", {})
    await server.call("POST", "/berth/v1/workspaces", { json: { id: "team" } })
    const stream = await follow("/berth/v1/events", { authorization: `Bearer ${token}` })
    await server.call("PATCH", "/berth/v1/workspaces/team", { json: { description: "before" } })
    await server.clock.advance(200)
    await server.call("PUT", "/berth/v1/workspaces/team/members/joins", { json: { role: "viewer" } })
    await server.call("PATCH", "/berth/v1/workspaces/team", { json: { description: "after" } })
    await until(() => stream.events().some((event) => event.data.type === "workspace.updated"))
    for (const event of stream.events()) expect(event.data.workspace).toBe("team")
  })
})

describe("a pod's log", () => {
  it("follows lines with resumable offsets until the end with code and cause", async () => {
    const { pod, log } = await runningJob()
    server.world.print(attempt(), pod, "first\nsecond")
    const stream = await follow(log)
    await until(() => stream.events().length > 0)
    server.world.print(attempt(), pod, "zürich\r50%")
    await until(() => stream.events().flatMap((event) => event.data.lines ?? []).length === 3)
    server.world.end(attempt(), 3)
    await until(() => stream.isOver())
    const events = stream.events()
    expect(events.flatMap((event) => event.data.lines ?? [])).toEqual(["first", "second", "zürich\r50%"])
    expect(events.at(-1)).toMatchObject({ event: "end", data: { exitCode: 3, cause: "failed" } })
    const offsets = events.filter((event) => event.event === "lines").map((event) => Number(event.id))
    expect(offsets.at(-1)).toBe(Buffer.byteLength("first\nsecond\nzürich\r50%\n"))

    const again = await follow(log, { "last-event-id": String(Buffer.byteLength("first\n")) })
    await until(() => again.isOver())
    expect(again.events().flatMap((event) => event.data.lines ?? [])).toEqual(["second", "zürich\r50%"])
    expect(again.isComplete()).toBe(true)
  })

  it("gives a reader no further line once its key is revoked", async () => {
    const { pod, log } = await runningJob()
    const { json } = await server.call("POST", "/berth/v1/keys", { json: { name: "brief" } })
    const reader = await follow(log, { authorization: `Bearer ${json.token}` })
    server.world.print(attempt(), pod, "while it held")
    await until(() => reader.text().includes("while it held"))
    await server.call("DELETE", `/berth/v1/keys/${json.key.id}`)
    server.world.print(attempt(), pod, "too late")
    await until(() => reader.isOver())
    expect(reader.events().at(-1)).toMatchObject({ event: "error", data: { code: "unauthenticated" } })
    expect(reader.text()).not.toContain("too late")
  })

  it("ends with the next heartbeat once its user is frozen", async () => {
    const { log } = await runningJob()
    const token = await server.member("leaves", { default: "viewer" })
    const reader = await follow(log, { authorization: `Bearer ${token}` })
    await server.call("PATCH", "/berth/v1/users/leaves", { json: { frozen: true } })
    await server.clock.advance(15_000)
    await until(() => reader.isOver())
    expect(server.streams.count).toBe(0)
  })

  it("is plain text without an Accept for events: tail, since, follow", async () => {
    const { pod, log } = await runningJob()
    server.world.print(attempt(), pod, "old")
    await server.clock.advance(60_000)
    server.world.print(attempt(), pod, "new\nnewest")
    const plain = await server.call("GET", log)
    expect(plain.headers.get("content-type")).toBe("text/plain; charset=utf-8")
    expect(plain.text).toBe("old\nnew\nnewest\n")
    expect((await server.call("GET", `${log}?tail=1`)).text).toBe("newest\n")
    expect((await server.call("GET", `${log}?tail=0`)).text).toBe("")
    expect((await server.call("GET", `${log}?since=30`)).text).toBe("new\nnewest\n")
    const since = new Date(server.clock.nowMs() - 30_000).toISOString()
    expect((await server.call("GET", `${log}?since=${since}`)).text).toBe("new\nnewest\n")
    const following = await follow(`${log}?follow=true&tail=1`, { accept: "text/plain" })
    server.world.print(attempt(), pod, "last")
    server.world.end(attempt(), 0)
    await until(() => following.isOver())
    expect(following.text()).toBe("newest\nlast\n")
  })

  it("comes whole when it is larger than one piece", async () => {
    const { pod, log } = await runningJob()
    const text = Array.from({ length: 20_000 }, (_, line) => `line ${line} ${"x".repeat(40)}\n`).join("")
    server.world.print(attempt(), pod, text.slice(0, -1))
    expect((await server.call("GET", log)).text).toBe(text)
    const stream = await follow(`${log}?follow=false`)
    await until(() => stream.isOver())
    expect(stream.events().flatMap((event) => event.data.lines ?? []).length).toBe(20_000)
    expect(stream.events().at(-1)).toMatchObject({ event: "end", data: { exitCode: null, cause: null } })
  })

  it("refuses what is not there or malformed before it begins", async () => {
    const { id, pod, log } = await runningJob()
    const other = await server.member("other", {})
    await server.call("POST", "/berth/v1/workspaces", { json: { id: "closed" } })
    for (const [path, status] of [
      [`/berth/v1/pods/${id}/nothing/log`, 404],
      [`/berth/v1/pods/nothing/${pod}/log`, 404],
      [`${log}?container=nope`, 400],
      [`${log}?run=9`, 404],
      [`${log}?run=0`, 400],
      [`${log}?tail=-1`, 400],
      [`${log}?tail=100001`, 400],
      [`${log}?since=yesterday`, 400],
      [`${log}?follow=perhaps`, 400],
    ] as const)
      for (const accept of ["text/event-stream", "*/*"]) {
        const answer = await server.call("GET", path, { headers: { accept } })
        expect([path, answer.status]).toEqual([path, status])
        expect(answer.json.requestId).toBeTruthy()
      }
    const offset = { accept: "text/event-stream", "last-event-id": "-5" }
    expect((await server.call("GET", log, { headers: offset })).status).toBe(400)
    expect((await server.call("GET", log, { token: other })).status).toBe(200)
    expect(server.streams.count).toBe(0)
  })
})

describe("streams in general", () => {
  it("are not all for one user, who is told so", async () => {
    await server.close()
    server = await startBerthServer({ mostStreams: 16 })
    const other = await server.member("other", {})
    for (let at = 0; at < 14; at++) expect((await follow("/berth/v1/events")).status).toBe(200)
    const accept = "text/event-stream"
    const refused = await server.call("GET", "/berth/v1/events", { headers: { accept } })
    expect([refused.status, refused.json.code]).toEqual([429, "too_many"])
    expect(refused.json.message).toBe(
      "You have 14 of the server's 16 streams, and the last ones are for others.",
    )
    const authorization = `Bearer ${other}`
    for (let at = 0; at < 2; at++)
      expect((await follow("/berth/v1/events", { authorization })).status).toBe(200)
    const full = await server.call("GET", "/berth/v1/events", { headers: { accept }, token: other })
    expect(full.json.message).toBe("All 16 streams of the server are in use.")
  })

  it("are limited in number; the next is refused with 429 until one is free", async () => {
    const { log } = await runningJob()
    const held = [await follow("/berth/v1/events"), await follow("/berth/v1/events"), await follow(log)]
    const refused = await server.call("GET", log, { headers: { accept: "text/event-stream" } })
    expect([refused.status, refused.json.code, refused.headers.get("retry-after")]).toEqual([
      429,
      "too_many",
      "5",
    ])
    const plain = await server.call("GET", "/berth/v1/events")
    expect(plain.status).toBe(200)
    held[0]?.destroy()
    await until(() => server.streams.count === 2)
    expect((await follow("/berth/v1/events")).status).toBe(200)
  })

  it("cut a reader that takes nothing, and leave others alone", async () => {
    const { pod, log } = await runningJob()
    const slow = await follow(log)
    slow.pause()
    const other = await follow("/berth/v1/events")
    const piece = `${"x".repeat(1000)}\n`.repeat(200)
    for (let round = 0; round < 200 && server.streams.count === 2; round++) {
      server.world.print(attempt(), pod, piece)
      await server.clock.advance(500)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => server.streams.count === 1)
    await makeUser("still-here")
    await until(() => other.events().length > 0)
    slow.resume()
    await until(() => slow.isOver())
    expect(slow.isComplete()).toBe(false)
  })

  it("end properly when the server closes, and so does what is being answered", async () => {
    const { log } = await runningJob()
    const streams = [await follow("/berth/v1/events"), await follow(log)]
    await server.closeApp()
    await until(() => streams.every((stream) => stream.isOver()))
    for (const stream of streams) expect(stream.isComplete()).toBe(true)
  })

  it("notice a client that is gone without a word", async () => {
    const socket = connect(server.port, "127.0.0.1")
    socket.write(
      `GET /berth/v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nAuthorization: ${server.token}\r\n\r\n`,
    )
    await until(() => server.streams.count === 1)
    socket.resetAndDestroy()
    await until(() => server.streams.count === 0)
    expect(server.streams.count).toBe(0)
  })

  it("are not opened for another site's page", async () => {
    const headers = { accept: "text/event-stream", "sec-fetch-site": "cross-site" }
    expect((await follow("/berth/v1/events", headers)).status).toBe(403)
  })
})
