import { subscribe, unsubscribe } from "node:diagnostics_channel"
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2"
import { Metadata } from "@grpc/grpc-js"
import type { Clock } from "../../../kit/clock.ts"
import { AppError } from "../../../kit/errors.ts"
import type { RequestFacts } from "../../plugins/access-log.ts"
import type { Caller, SurfaceCall } from "./callers.ts"
import { rpcServices } from "./definitions.ts"
import { rpcCodes } from "../status.ts"
import { family } from "./unary.ts"

export interface RefusedByTransportOptions {
  readonly clock: Clock
  readonly callerOf: (call: SurfaceCall) => Caller
  readonly writeLine: (facts: RequestFacts) => void
}

/** A stream of ours, as it came in. */
interface Begun {
  readonly startedMono: number
  readonly path: string
  readonly call: SurfaceCall
}

interface StreamMessage {
  readonly stream: ServerHttp2Stream
  readonly headers: IncomingHttpHeaders
}

/** Operations by the paths of their methods: what else is asked for is one value in logs and metrics. */
const operations: ReadonlyMap<string, string> = new Map(
  rpcServices().flatMap(({ name, operations: methods }) =>
    Object.entries(methods).map(([rpc, operation]) => [`/${name}/${rpc}`, `kuberay.${operation}`] as const),
  ),
)

/**
 * Writes a line for each call that the library of gRPC answers by itself, before any handler sees it: of a method that
 * there is not, with another content type, too large, not framed as gRPC is. It tells nobody of them; Node tells of
 * every answer of HTTP/2. Those of handlers carry a request id and have had their line.
 * @param port ours
 * @returns how to stop
 */
export function logRefusedByTransport(options: RefusedByTransportOptions, port: number): () => void {
  const { clock, callerOf, writeLine } = options
  const begun = new WeakMap<ServerHttp2Stream, Begun>()

  function begin(message: unknown): void {
    const { stream, headers } = message as StreamMessage
    const socket = stream.session?.socket
    if (socket?.localPort !== port) return
    const path = String(headers[":path"])
    const call: SurfaceCall = {
      metadata: Metadata.fromHttp2Headers(headers),
      getPeer: () => `${socket.remoteAddress}:${socket.remotePort}`,
      getHost: () => String(headers[":authority"]),
      getPath: () => path,
    }
    begun.set(stream, { startedMono: clock.monotonicMs(), path, call })
  }

  function finish(message: unknown): void {
    const { stream, headers } = message as StreamMessage
    const ours = begun.get(stream)
    const failure = ours && failureOf(headers)
    if (!failure) return
    writeLine({
      ...callerOf(ours.call),
      family,
      operation: operations.get(ours.path) ?? "unknown",
      method: "gRPC",
      path: ours.path,
      status: failure.status,
      durationMs: clock.monotonicMs() - ours.startedMono,
      userId: undefined,
      failure: failure.error,
      isQuiet: false,
    })
  }

  subscribe("http2.server.stream.start", begin)
  subscribe("http2.server.stream.finish", finish)
  return () => {
    unsubscribe("http2.server.stream.start", begin)
    unsubscribe("http2.server.stream.finish", finish)
  }
}

/** undefined: it went well, or a handler has said so. */
function failureOf(headers: IncomingHttpHeaders): { status: number; error: AppError } | undefined {
  const code = Number(headers["grpc-status"] ?? 0)
  const status = Number(headers[":status"])
  if (headers["x-request-id"] !== undefined || (code === 0 && status < 400)) return undefined
  // the call of a handler that ran out of time: it has its line when the handler is done
  if (code === rpcCodes.deadlineExceeded) return undefined
  if (code === rpcCodes.unimplemented) return { status: 404, error: failed("not_found", "method") }
  if (code === rpcCodes.resourceExhausted) return { status: 413, error: failed("too_large", "transport") }
  return { status: Math.max(status, 400), error: failed("invalid", "transport") }
}

function failed(code: "not_found" | "too_large" | "invalid", detail: string): AppError {
  return new AppError(code, "The call was refused.", { detail })
}
