import { once } from "node:events"
import {
  createServer as createSocketServer,
  type AddressInfo,
  type Server as SocketServer,
  type Socket,
} from "node:net"
import { Server, ServerCredentials } from "@grpc/grpc-js"
import type { Refusal } from "../../../domain/journal/index.ts"
import type { Log } from "../../../kit/log.ts"
import type { RayObjects } from "../../../domain/ray/index.ts"
import { createRequestLog, type HttpMeter } from "../../plugins/access-log.ts"
import { limitConnections } from "../../plugins/connections.ts"
import type { Limits } from "../../plugins/limits.ts"
import type { Services } from "../../services.ts"
import { createRayCall } from "../calls.ts"
import { createCallers } from "./callers.ts"
import { rpcServices } from "./definitions.ts"
import { addHealth } from "./health.ts"
import { addReflection } from "./reflection.ts"
import { logRefusedByTransport } from "./refused-by-transport.ts"
import { createOpenStreams } from "./streams.ts"
import { unaryHandler } from "./unary.ts"

export interface GrpcOptions {
  readonly services: Services
  readonly ray: RayObjects
  readonly log: Log
  readonly meter: HttpMeter
  readonly limits: Limits
  readonly noAuth: boolean
  readonly allowedHosts: readonly string[]
  readonly behindProxy: boolean
  /** Reflection needs no credential, as the OpenAPI documents then need none. */
  readonly openDocuments: boolean
  readonly onRefused?: (refusal: Refusal) => void
  /** Key and certificate as PEM. */
  readonly tls?: { readonly key: string | Buffer; readonly cert: string | Buffer }
  /** A call that is not answered by then is given up. Default 30,000. */
  readonly deadlineMs?: number
  /** More connections at once are closed as they come. */
  readonly mostConnections?: number
}

/** The KubeRay API over gRPC. */
export interface GrpcServer {
  /**
   * @returns the port
   * @throws what `listen` of Node fails with
   */
  listen(address: { readonly host: string; readonly port: number }): Promise<number>
  /** Tells who watches its health that the server is ready, or is not. */
  readinessChanged(): void
  /** No new calls; ends when those that are being answered are, or after 5 s. Idempotent. */
  close(): Promise<void>
}

const defaultDeadlineMs = 30_000
const closeDeadlineMs = 5_000
/** Watched health and open reflection. */
const mostStreams = 256

const limitsOfTransport = {
  "grpc.max_receive_message_length": 4 * 1024 * 1024,
  // What the server has to say it may: a page without a limit has everything.
  "grpc.max_send_message_length": -1,
  "grpc.max_concurrent_streams": 1000,
  "grpc.keepalive_time_ms": 60_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.max_connection_idle_ms": 300_000,
}

/** Makes it, not listening yet. */
export function createGrpcServer(options: GrpcOptions): GrpcServer {
  let isClosing = false
  const server = new Server(limitsOfTransport)
  const { readinessChanged, endStreams, logRefused } = addServices(server, options, () => isClosing)
  let stopLogging = (): void => undefined
  const credentials = credentialsOf(options)
  const injector = server.createConnectionInjector(credentials)
  const sockets = new Set<Socket>()
  // A listener of our own: its faults have codes, and its connections a limit.
  const listener = createSocketServer((socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
    socket.setNoDelay(true)
    injector.injectConnection(socket)
  })
  limitConnections(listener, options.mostConnections)
  let closing: Promise<void> | undefined

  async function end(): Promise<void> {
    isClosing = true
    readinessChanged()
    endStreams()
    const unbound = unbind(listener)
    // Says goodbye on every connection; each ends with the last call on it. When it calls back they may still be there.
    server.tryShutdown(() => {})
    await within(unbound, closeDeadlineMs, options.services)
    server.forceShutdown()
    for (const socket of sockets) socket.destroy()
    await unbound
    stopLogging()
  }
  return {
    readinessChanged,
    async listen({ host, port }) {
      listener.listen(port, host)
      await once(listener, "listening")
      // A connection that could not be accepted ends nothing but itself.
      listener.on("error", () => {})
      const bound = (listener.address() as AddressInfo).port
      stopLogging = logRefused(bound)
      return bound
    },
    close: () => (closing ??= end()),
  }
}

function addServices(server: Server, options: GrpcOptions, isClosing: () => boolean) {
  const { services, limits, noAuth, allowedHosts, behindProxy, onRefused } = options
  const callers = createCallers({ services, limits, noAuth, allowedHosts, behindProxy, isClosing })
  const writeLine = createRequestLog(options)
  const { clock } = services
  const unary = {
    clock,
    call: createRayCall(options.ray),
    callers,
    limits,
    writeLine,
    deadlineMs: options.deadlineMs ?? defaultDeadlineMs,
    ...(onRefused ? { onRefused } : {}),
  }
  const rpcs = rpcServices()
  for (const { definition, operations } of rpcs) {
    const handlers = Object.entries(operations).map(([rpc, name]) => [rpc, unaryHandler(unary, name)])
    server.addService(definition, Object.fromEntries(handlers))
  }
  const streams = createOpenStreams(callers, limits, mostStreams)
  addReflection(server, streams, options.openDocuments)
  const isServing = () => !isClosing() && services.readiness().isReady
  const health = addHealth(
    server,
    streams,
    rpcs.map(({ name }) => name),
    isServing,
  )
  return {
    readinessChanged: health.refresh,
    endStreams: streams.close,
    logRefused: (port: number) =>
      logRefusedByTransport({ clock, callerOf: callers.callerOf, writeLine }, port),
  }
}

function credentialsOf({ tls }: GrpcOptions): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure()
  const pair = { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) }
  return ServerCredentials.createSsl(null, [pair])
}

/** Ends when the last connection is gone. */
async function unbind(listener: SocketServer): Promise<void> {
  if (!listener.listening) return
  const closed = once(listener, "close")
  listener.close()
  await closed
}

/** Waits for the work, but no longer than that. */
async function within(work: Promise<void>, ms: number, { clock }: Pick<Services, "clock">): Promise<void> {
  const over = Promise.withResolvers<void>()
  const cancel = clock.alarm(ms, over.resolve, true)
  await Promise.race([work, over.promise])
  cancel()
}
