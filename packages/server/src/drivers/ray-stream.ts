import { request, type ClientRequest, type IncomingHttpHeaders } from "node:http"
import type { Duplex } from "node:stream"
import type { Clock } from "../kit/clock.ts"
import { AppError } from "../kit/errors.ts"
import { asUnreachable } from "./ray-http.ts"

/** One request to a Ray process whose body and answer stream. */
export interface RayStreamCall {
  readonly method: string
  readonly url: string
  /** With `upgrade` it becomes a tunnel where Ray agrees: body and answer are then the bytes of both directions. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: AsyncIterable<Uint8Array> | null
  /** Longest time in which nothing of the body is taken, and for the answer to begin after it. */
  readonly idleMs: number
}

export interface RayStreamAnswer {
  /** 101: the tunnel is open. */
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: AsyncIterable<Uint8Array>
}

/**
 * Sends it; resolves when the answer begins. Body and answer end with the signal, also after that.
 * @throws AppError `unavailable` (detail `unreachable`), `timeout`; what the body throws; the signal's reason
 */
export async function streamRay(
  clock: Clock,
  call: RayStreamCall,
  signal: AbortSignal,
): Promise<RayStreamAnswer> {
  const idle = createIdleLimit(clock, call.idleMs)
  try {
    return await begin(call, AbortSignal.any([signal, idle.signal]), idle.moved)
  } catch (error) {
    signal.throwIfAborted()
    if (idle.signal.aborted)
      throw new AppError("timeout", `Ray's dashboard did not answer within ${call.idleMs / 1000} s.`)
    throw asUnreachable(error)
  } finally {
    idle.end()
  }
}

/** Aborts when nothing moves for so long. */
function createIdleLimit(clock: Clock, idleMs: number) {
  const over = new AbortController()
  let isOn = true
  let cancel = clock.alarm(idleMs, () => over.abort())
  return {
    signal: over.signal,
    moved() {
      cancel()
      if (isOn) cancel = clock.alarm(idleMs, () => over.abort())
    },
    end() {
      isOn = false
      cancel()
    },
  }
}

function begin(call: RayStreamCall, signal: AbortSignal, moved: () => void): Promise<RayStreamAnswer> {
  return new Promise((resolve, reject) => {
    const { method, body } = call
    const isTunnel = call.headers["upgrade"] !== undefined
    // a connection of its own each time: a head that was started anew has the same address
    const sent = request(call.url, { method, headers: framed(call), agent: false, signal })
    sent.on("error", reject)
    sent.on("response", (answer) => {
      resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: answer })
    })
    if (isTunnel)
      sent.on("upgrade", (answer, socket: Duplex, head: Buffer) => {
        resolve({ status: 101, headers: answer.headers, body: openTunnel(socket, head, body, signal) })
      })
    if (body === null || isTunnel) sent.end()
    else void pump(body, sent, moved).catch((error: unknown) => sent.destroy(asError(error)))
  })
}

/** Node frames the body of a DELETE only when told to. */
function framed({ headers, body }: RayStreamCall): Record<string, string> {
  const isUnframed =
    body !== null && headers["content-length"] === undefined && headers["upgrade"] === undefined
  return isUnframed ? { ...headers, "transfer-encoding": "chunked" } : { ...headers }
}

function openTunnel(
  socket: Duplex,
  head: Buffer,
  body: AsyncIterable<Uint8Array> | null,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const abort = () => socket.destroy()
  socket.once("close", () => signal.removeEventListener("abort", abort))
  // whoever reads is told; without a reader nobody need be
  socket.on("error", () => {})
  signal.addEventListener("abort", abort, { once: true })
  if (signal.aborted) abort()
  if (head.length > 0) socket.unshift(head)
  if (body) void pump(body, socket, () => {}).catch(abort)
  return socket
}

/** Waits for what was written to be taken. A receiver that is gone ends the source. */
async function pump(
  source: AsyncIterable<Uint8Array>,
  into: ClientRequest | Duplex,
  moved: () => void,
): Promise<void> {
  for await (const chunk of source) {
    if (into.destroyed) return
    if (!into.write(chunk))
      await new Promise<void>((resolve) => {
        into.once("drain", resolve)
        into.once("close", resolve)
      })
    moved()
  }
  into.end()
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
