import type { Endpoint } from "../applications/types.ts"
import type { ListenAddress } from "../driver.ts"
import { udpSentence } from "./give-endpoint.ts"

/** How a service stands on this server. */
export interface ServiceState {
  /** Every address of it is listened on. */
  readonly listening: boolean
  /** Why not; empty when it is. */
  readonly message: string
  readonly readyPods: number
}

/**
 * What has to be listened on for a service: its cluster address, and its node port on this machine alone or, where the
 * workspace publishes its services, on every interface. Nothing for UDP.
 */
export function listenAddresses(endpoint: Endpoint, isPublished: boolean): readonly ListenAddress[] {
  if (endpoint.protocol === "UDP") return []
  const cluster = { host: endpoint.clusterIp, port: endpoint.port }
  if (endpoint.nodePort === null) return [cluster]
  return [cluster, { host: nodeHost(isPublished), port: endpoint.nodePort }]
}

/** Where node ports are: 127.0.0.1, or every interface. */
export function nodeHost(isPublished: boolean): string {
  return isPublished ? "0.0.0.0" : "127.0.0.1"
}

/** What somebody should know about a service before it was tried to listen for it; empty for TCP. */
export function standingMessage(endpoint: Endpoint): string {
  return endpoint.protocol === "UDP" ? `${udpSentence}.` : ""
}

/** Wait before an address that is taken is tried again: 1, 2, 4 … 60 s. `tries` counts those that failed, from 1. */
export function listenRetryMs(tries: number): number {
  return Math.min(60, 2 ** Math.min(6, Math.max(0, tries - 1))) * 1000
}

/** Tries at a chosen node port that was known already: others may know it by now, so it is given some time. */
const patientTries = 5
/** Other node ports that are tried for one service in one life of the server. */
const mostMoves = 8

/**
 * Whether a chosen node port that some other program has is given up for another one.
 * @param given.isKnown it may have been told to somebody: it was there before this life of the server, or did listen
 */
export function givesUpNodePort(given: {
  readonly isChosen: boolean
  readonly isKnown: boolean
  readonly tries: number
  readonly moves: number
}): boolean {
  if (!given.isChosen || given.moves >= mostMoves) return false
  return !given.isKnown || given.tries >= patientTries
}
