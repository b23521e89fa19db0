import { once } from "node:events"
import { connect, type AddressInfo } from "node:net"
import fastify, { type FastifyRequest } from "fastify"
import { expect, it } from "vitest"
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
