import { once } from "node:events"
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http"
import { createServer as createSecureServer } from "node:https"
import type { AddressInfo } from "node:net"
import type { FastifyInstance } from "fastify"
import type { KeyBinding, Principal } from "../../domain/identity/index.ts"
import type { Ids } from "../../kit/ids.ts"
import { createClientErrorHandler } from "./client-errors.ts"
import { connectionOptions, limitConnections } from "./connections.ts"
import { assured, type From } from "./credentials.ts"
import type { Family } from "./family.ts"

/** What a second listener answers for. */
export interface BoundListenerOptions {
  /** Words every error there. */
  readonly family: Family
  /** Beginnings of the paths that it answers, or whole ones; everything else is nothing there. */
  readonly paths: readonly string[]
  /** Whom requests without a credential act as. */
  readonly act: KeyBinding
  /** Key and certificate as PEM: HTTPS. */
  readonly tls?: { readonly key: string | Buffer; readonly cert: string | Buffer }
  /** More connections at once are closed as they come. */
  readonly mostConnections?: number
}

/**
 * A second listener of the application, for clients that cannot send a credential (DESIGN 7): the same hooks, routes
 * and limits; only who a request without a credential is from differs.
 */
export interface BoundListener {
  readonly family: Family
  /** Whether the request came by it. */
  has(request: IncomingMessage): boolean
  isServed(url: string): boolean
  /** @throws AppError `unauthenticated` when its key holds no more */
  principalOf(from: From): Principal
  /** Makes its server, closed with the application, which must not have begun to listen. Once. */
  attach(app: FastifyInstance, ids: Ids): void
  /**
   * Listens; the application must be ready.
   * @returns the port
   * @throws what `listen` of Node fails with, `EADDRINUSE` and its like
   */
  listen(address: { readonly host: string; readonly port: number }): Promise<number>
}

export function createBoundListener(options: BoundListenerOptions): BoundListener {
  const { family, paths, act } = options
  const requests = new WeakSet<IncomingMessage>()
  let server: Server | undefined
  return {
    family,
    has: (request) => requests.has(request),
    isServed(url) {
      const path = url.split("?", 1)[0] ?? ""
      return paths.some((served) => (served.endsWith("/") ? path.startsWith(served) : path === served))
    },
    principalOf: (from) => assured(act(from)),
    attach(app, ids) {
      server = serverOf(options, ids, (request, response) => {
        requests.add(request)
        app.routing(request, response)
      })
      closeWith(app, server)
    },
    async listen({ host, port }) {
      if (!server) throw new Error("A second listener belongs to an application.")
      server.listen(port, host)
      // rejects with the fault where there is one
      await once(server, "listening")
      return (server.address() as AddressInfo).port
    },
  }
}

function serverOf(
  { family, tls, mostConnections }: BoundListenerOptions,
  ids: Ids,
  answer: RequestListener,
): Server {
  const server = tls
    ? createSecureServer({ ...connectionOptions, ...tls }, answer)
    : createServer(connectionOptions, answer)
  limitConnections(server, mostConnections)
  // A connection that could not be accepted ends nothing but itself; whoever listens is told by `once`.
  server.on("error", () => {})
  server.on(
    "clientError",
    createClientErrorHandler(() => family, ids),
  )
  return server
}

/** No new connections once the application closes; those that are left go when its answers are out. */
function closeWith(app: FastifyInstance, server: Server): void {
  const closed = Promise.withResolvers<void>()
  app.addHook("preClose", (done) => {
    server.close(() => closed.resolve())
    done()
  })
  app.addHook("onClose", async () => {
    server.closeAllConnections()
    await closed.promise
  })
}
