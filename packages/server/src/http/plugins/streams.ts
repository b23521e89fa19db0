import type { ServerResponse } from "node:http"
import type { FastifyReply, FastifyRequest } from "fastify"
import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import { isCrossSite } from "./hosts.ts"

/** One answer that stays open. Everything on it may be called after it is over, and then does nothing. */
export interface OpenStream {
  /** Aborted when the client is gone, was cut, or the server closes. */
  readonly signal: AbortSignal
  /**
   * Writes and waits until the client has taken what was written before; a client that takes nothing for
   * `slowestReadMs` is cut. False = the stream is over.
   */
  write(text: string | Uint8Array): Promise<boolean>
  /** Ends the answer as it should end. */
  end(): void
  /** Breaks the connection, so that the client sees that something is missing. */
  cut(): void
}

export interface StreamOptions {
  readonly contentType: string
  /**
   * Called every `heartbeatMs`. Gives the text to send (a comment), "" for none, or undefined when the stream must
   * end: the caller has no right to it any more.
   */
  readonly onHeartbeat: () => string | undefined
}

/** Something else that stays open and is counted among the streams. */
export interface HeldStream {
  /** Asked every `heartbeatMs`: whether the caller still has a right to it. */
  readonly mayGoOn: () => boolean
  /** Ends it: the right is gone, or the server closes. Idempotent. */
  readonly end: () => void
}

/** All open streams of the server: log followers, event followers, and tunnels. */
export interface Streams {
  /**
   * Takes over the reply and sends its head.
   * @throws AppError `too_many` when as many are open as may be, or the caller has many and the last few are for others, `unavailable` while closing, `forbidden` to another
   *   site's page; nothing has been sent then
   */
  open(request: FastifyRequest, reply: FastifyReply, options: StreamOptions): OpenStream
  /**
   * Counts something that the caller keeps open. @returns to be called when it is over; idempotent
   * @throws AppError as `open`
   */
  hold(request: FastifyRequest, held: HeldStream): () => void
  readonly count: number
  readonly most: number
  /** Ends all and takes no more. Idempotent. */
  close(): void
}

const heartbeatMs = 15_000
const slowestReadMs = 30_000
/** More than this waiting for a client means that it does not read: it is cut at once. */
const mostBacklogBytes = 1024 * 1024

/** The last eighth is for users who have fewer than this: nobody takes everybody's logs away. */
const fewOfUser = 4

/**
 * @param options.most open at once, 1 or more
 * @param options.onCount told of each change of the count
 */
export function createStreams(options: {
  readonly clock: Clock
  readonly most: number
  readonly onCount?: (count: number) => void
}): Streams {
  const { clock, most } = options
  const open = new Set<{ end(): void }>()
  /** Users by how many of them they have. */
  const held = new Map<string, number>()
  let isClosed = false

  function count(userId: string, by: number): void {
    const now = (held.get(userId) ?? 0) + by
    if (now === 0) held.delete(userId)
    else held.set(userId, now)
  }

  function refuseBeyond(userId: string): void {
    const mine = held.get(userId) ?? 0
    if (open.size >= (mine < fewOfUser ? most : most - Math.floor(most / 8)))
      throw new AppError(
        "too_many",
        open.size >= most
          ? `All ${most} streams of the server are in use.`
          : `You have ${mine} of the server's ${most} streams, and the last ones are for others.`,
        { detail: "streams", retryAfterMs: 5000 },
      )
  }

  /** @throws AppError when the caller can have none now */
  function admit(request: FastifyRequest): string {
    if (isCrossSite(request.headers))
      throw new AppError("forbidden", "A page of another site may not do this.", { detail: "origin" })
    if (isClosed) throw new AppError("unavailable", "The server is shutting down.", { retryAfterMs: 1000 })
    const { userId } = request.principal
    refuseBeyond(userId)
    return userId
  }

  /** @returns that it is over */
  function add(stream: { end(): void }, userId: string): () => void {
    open.add(stream)
    count(userId, 1)
    options.onCount?.(open.size)
    return () => {
      if (!open.delete(stream)) return
      count(userId, -1)
      options.onCount?.(open.size)
    }
  }

  return {
    get count() {
      return open.size
    },
    most,
    open(request, reply, stream) {
      const userId = admit(request)
      const opened = begin(clock, reply, stream)
      if (opened.signal.aborted) return opened
      opened.signal.addEventListener("abort", add(opened, userId))
      return opened
    },
    hold(request, held) {
      const over = add({ end: () => held.end() }, admit(request))
      const beat = () => {
        if (held.mayGoOn()) cancel = clock.alarm(heartbeatMs, beat)
        else held.end()
      }
      let cancel = clock.alarm(heartbeatMs, beat)
      return () => {
        cancel()
        over()
      }
    },
    close() {
      isClosed = true
      for (const stream of open) stream.end()
    },
  }
}

function begin(clock: Clock, reply: FastifyReply, options: StreamOptions): OpenStream {
  const { raw } = reply
  const over = new AbortController()
  sendHead(reply, options.contentType)
  let cancelHeartbeat = () => {}

  const finish = (how: "end" | "destroy") => {
    if (over.signal.aborted) return
    if (how === "end") raw.end()
    else raw.destroy()
    over.abort(new AppError("unavailable", "The stream is over."))
  }
  const beat = () => {
    const text = options.onHeartbeat()
    if (text === undefined) return finish("end")
    if (text !== "" && !raw.writableNeedDrain) raw.write(text)
    cancelHeartbeat = clock.alarm(heartbeatMs, beat)
  }
  cancelHeartbeat = clock.alarm(heartbeatMs, beat)
  over.signal.addEventListener("abort", () => cancelHeartbeat())
  raw.once("close", () => finish("destroy"))
  // An error of the socket is followed by close.
  raw.on("error", () => {})
  // the client may have gone while its request was looked into: nobody says so a second time
  if (raw.destroyed) finish("destroy")

  return {
    signal: over.signal,
    async write(text) {
      if (over.signal.aborted) return false
      const hasRoom = raw.write(text)
      if (raw.writableLength > mostBacklogBytes) finish("destroy")
      else if (!hasRoom && !(await drained(clock, raw, over.signal))) finish("destroy")
      return !over.signal.aborted
    },
    end: () => finish("end"),
    cut: () => finish("destroy"),
  }
}

function sendHead(reply: FastifyReply, contentType: string): void {
  reply.hijack()
  const headers: Record<string, string | number | string[]> = {
    ...definedHeaders(reply),
    "content-type": contentType,
    "cache-control": "no-store",
    // A proxy that buffers would hold lines back.
    "x-accel-buffering": "no",
  }
  reply.raw.writeHead(200, headers)
  reply.raw.flushHeaders()
}

function definedHeaders(reply: FastifyReply): Record<string, string | number | string[]> {
  const headers: Record<string, string | number | string[]> = {}
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) headers[name] = value
  return headers
}

/** Whether the client took what was written; false when the stream ended or nothing was taken in time. */
function drained(clock: Clock, raw: ServerResponse, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isDrained: boolean) => {
      cancelAlarm()
      raw.removeListener("drain", onDrain)
      signal.removeEventListener("abort", onAbort)
      resolve(isDrained)
    }
    const onDrain = () => settle(true)
    const onAbort = () => settle(false)
    const cancelAlarm = clock.alarm(slowestReadMs, () => settle(false))
    raw.once("drain", onDrain)
    signal.addEventListener("abort", onAbort)
  })
}

/** One event of `text/event-stream`. `data` is one line (JSON); `event` absent = `message`. */
export function sseEvent(event: {
  readonly id?: string
  readonly event?: string
  readonly data: unknown
}): string {
  const id = event.id === undefined ? "" : `id: ${event.id}\n`
  const name = event.event === undefined ? "" : `event: ${event.event}\n`
  return `${id}${name}data: ${JSON.stringify(event.data)}\n\n`
}

/** Whether the client asks for an event stream. */
export function wantsEventStream(request: FastifyRequest): boolean {
  return request.headers.accept?.toLowerCase().includes("text/event-stream") ?? false
}

/** Comment lines: keep the connection open through proxies, and find out that a client is gone. */
export const sseHeartbeat = ": keep-alive\n\n"
