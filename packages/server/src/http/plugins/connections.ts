import type { Server } from "node:http"

/** To receive head and body of a request: slow senders hold no connection for ever. */
const receiveDeadlineMs = 60_000
const keepAliveMs = 72_000
/** Larger heads are refused with 431. */
const longestHeadBytes = 16_384
const defaultMostConnections = 8192

/** How a server of HTTP is made, whoever makes it. */
export const connectionOptions = {
  requestTimeout: receiveDeadlineMs,
  keepAliveTimeout: keepAliveMs,
  maxHeaderSize: longestHeadBytes,
} as const

/** @param most connections at once; more are closed as they come. Default 8,192. */
export function limitConnections(server: Pick<Server, "maxConnections">, most?: number): void {
  server.maxConnections = most ?? defaultMostConnections
}
