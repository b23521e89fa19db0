import { once } from "node:events"
import { connect, type AddressInfo } from "node:net"
import fastify, { type FastifyRequest } from "fastify"
import { describe, expect, it } from "vitest"
import { createVirtualClock } from "../../kit/clock.ts"
import { createStreams } from "./streams.ts"

it("a client that went away before its stream was opened holds none", async () => {
  const streams = createStreams({ clock: createVirtualClock(), most: 2 })
  const app = fastify()
  const opened = Promise.withResolvers<boolean>()
  app.get("/", async (request, reply) => {
    client.resetAndDestroy()
    // as an answer of the database that came too late
    await once(reply.raw, "close")
    const asked = { headers: request.headers, principal: { userId: "usr_1" } } as unknown as FastifyRequest
    const stream = streams.open(asked, reply, { contentType: "text/event-stream", onHeartbeat: () => "" })
    opened.resolve(stream.signal.aborted)
  })
  await app.listen({ host: "127.0.0.1", port: 0 })
  const client = connect((app.server.address() as AddressInfo).port, "127.0.0.1")
  try {
    client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    expect(await opened.promise).toBe(true)
    expect(streams.count).toBe(0)
  } finally {
    await app.close()
  }
})

describe("what is held", () => {
  const asked = { headers: {}, principal: { userId: "usr_1" } } as unknown as FastifyRequest
  const counted = () => {
    const clock = createVirtualClock()
    return { clock, streams: createStreams({ clock, most: 2 }) }
  }

  it("counts until it is released, and refuses what is too many", () => {
    const { streams } = counted()
    const held = { mayGoOn: () => true, end: () => {} }
    const release = streams.hold(asked, held)
    streams.hold(asked, held)
    expect(() => streams.hold(asked, held)).toThrow(expect.objectContaining({ code: "too_many" }))
    release()
    release()
    expect(streams.count).toBe(1)
  })

  it("ends with the first heartbeat at which the right is gone", async () => {
    const { clock, streams } = counted()
    const ended: string[] = []
    let may = true
    streams.hold(asked, { mayGoOn: () => may, end: () => ended.push("right") })
    const release = streams.hold(asked, { mayGoOn: () => may, end: () => ended.push("released") })
    await clock.advance(60_000)
    expect(ended).toEqual([])
    may = false
    release()
    await clock.advance(15_000)
    expect(ended).toEqual(["right"])
  })

  it("ends when the server closes, after which nothing is held", () => {
    const { streams } = counted()
    const ended: string[] = []
    streams.hold(asked, { mayGoOn: () => true, end: () => ended.push("closed") })
    streams.close()
    expect(ended).toEqual(["closed"])
    expect(() => streams.hold(asked, { mayGoOn: () => true, end: () => {} })).toThrow(
      expect.objectContaining({ code: "unavailable" }),
    )
  })
})
