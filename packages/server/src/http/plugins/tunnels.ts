import { ServerResponse, type IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import type { FastifyInstance } from "fastify"
import type { Family } from "./family.ts"

/** The connection of a client that asked for a WebSocket, as far as it was read. */
export interface Tunnel {
  readonly socket: Duplex
  /** What came right behind the request. */
  readonly head: Buffer
}

const tunnels = new WeakMap<IncomingMessage, Tunnel>()

/** The connection of a request that may become a tunnel; undefined for every other request. */
export function tunnelOf(raw: IncomingMessage): Tunnel | undefined {
  return tunnels.get(raw)
}

/** Which requests lose HTTP's framing: those for a WebSocket where a family takes them. Others go on as if unasked. */
export function createTunnelChoice(families: readonly Family[]): (raw: IncomingMessage) => boolean {
  return ({ method, url = "", headers }) => {
    if (method !== "GET" || headers.upgrade?.toLowerCase() !== "websocket") return false
    const path = url.split("?", 1)[0] ?? ""
    return families.some((family) => family.takesTunnels?.(path) === true)
  }
}

/**
 * Sends requests for tunnels through the application as any other: its checks, its routes, its log line. The route
 * answers as usual, after which the connection ends, or sends 101 and then uses `tunnelOf`.
 */
export function routeTunnels(app: FastifyInstance): void {
  app.server.on("upgrade", (raw: IncomingMessage, socket: Duplex, head: Buffer) => {
    // a client that resets the connection: whoever uses it sees it end
    socket.on("error", () => {})
    const answer = new ServerResponse(raw)
    answer.shouldKeepAlive = false
    answer.assignSocket(raw.socket)
    // not left to the client: nothing else bounds how long it stays open
    answer.once("finish", () => raw.socket.destroySoon())
    tunnels.set(raw, { socket, head })
    app.routing(raw, answer)
  })
}
