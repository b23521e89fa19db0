import { pipeline } from "node:stream/promises"
import type { FastifyReply, FastifyRequest } from "fastify"
import type { RayForwarded } from "../../domain/ray/index.ts"
import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import type { Streams } from "../plugins/streams.ts"
import type { Tunnel } from "../plugins/tunnels.ts"
import { shownHeaders } from "./forward-headers.ts"

/** A request on its way to a dashboard. */
export interface Passage {
  readonly clock: Clock
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /** The dashboard's place here. */
  readonly prefix: string
  /** Pages of it run without an origin. */
  readonly isSandboxed: boolean
  /** Aborted when the client is gone; aborting ends what was begun. */
  readonly over: AbortController
  /** Whether the caller still has a role where the cluster is. */
  readonly mayGoOn: () => boolean
}

/** An answer, or its reader, that stands still for so long is cut. */
const idleMs = 300_000
/** For the client to close a WebSocket that has ended. */
const closeMs = 5_000

/** Sends what the dashboard answers, as it comes; what breaks off there breaks off here. */
export async function sendForwarded(passage: Passage, found: RayForwarded): Promise<void> {
  const { clock, request, reply, over, mayGoOn } = passage
  const head = headOf(passage, found)
  reply.hijack()
  const { raw } = reply
  const cut = () => over.abort(new AppError("timeout", "Nothing moved."))
  let cancelIdle = clock.alarm(idleMs, cut)
  async function* watched(chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      if (!mayGoOn()) throw new AppError("unauthenticated", "The token does not hold any more.")
      cancelIdle()
      cancelIdle = clock.alarm(idleMs, cut)
      yield chunk
    }
  }
  try {
    raw.writeHead(found.status, head)
    raw.flushHeaders()
    await pipeline(found.body, watched, raw, { signal: over.signal })
  } catch (err) {
    request.log.debug({ err, requestId: request.id }, "an answer of a Ray dashboard broke off")
    raw.destroy()
    // where nothing was read yet, nothing else ends what was begun
    over.abort(err)
  } finally {
    cancelIdle()
  }
}

/** Asks for a WebSocket. Where there is one its bytes go through, both ways, until either side or the right ends. */
export async function sendTunnel(
  passage: Passage,
  { socket, head }: Tunnel,
  streams: Streams,
  ask: (body: AsyncIterable<Uint8Array>, more: Readonly<Record<string, string>>) => Promise<RayForwarded>,
): Promise<void> {
  const { clock, request, reply, over, mayGoOn } = passage
  // Nobody would say a second time that the client is gone.
  if (over.signal.aborted) return
  const release = streams.hold(request, {
    mayGoOn,
    end: () => over.abort(new AppError("unavailable", "The stream is over.")),
  })
  reply.raw.once("close", release)
  if (head.length > 0) socket.unshift(head)
  const found = await ask(socket, { upgrade: "websocket" })
  if (found.status !== 101) return sendForwarded(passage, found)
  const agreed = { ...headOf(passage, found), connection: "upgrade", upgrade: "websocket" }
  reply.hijack()
  reply.raw.writeHead(101, agreed)
  reply.raw.flushHeaders()
  try {
    await pipeline(found.body, socket, { signal: over.signal })
    // The other end closes too, or is left.
    clock.alarm(closeMs, () => socket.destroy())
  } catch (err) {
    request.log.debug({ err, requestId: request.id }, "a WebSocket of a Ray dashboard broke off")
    socket.destroy()
  }
}

function headOf({ reply, prefix, isSandboxed }: Passage, { headers }: RayForwarded) {
  const own = Object.entries(reply.getHeaders()).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
  return { ...Object.fromEntries(own), ...shownHeaders(headers, { prefix, isSandboxed }) }
}
