import type { IncomingHttpHeaders } from "node:http"
import type { RayForward, RayForwarded } from "../domain/ray/index.ts"
import type { Clock } from "../kit/clock.ts"
import { AppError } from "../kit/errors.ts"
import { streamRay } from "./ray-stream.ts"

export interface RayForwardOptions {
  readonly clock: Clock
  /** Without a slash at the end. */
  readonly dashboardUrl: string
  /** The cluster's own. */
  readonly credentials: Readonly<Record<string, string>>
}

/** A profile of a worker takes Ray as long as was asked for. */
const idleMs = 60_000

/** Of one connection, not to be handed on (RFC 9110 7.6.1), and those by which a caller speaks for itself. */
const ownHeaders = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "host",
  "authorization",
  "cookie",
])
/** Answers that would plant something at the place of the proxy. */
const keptBack = new Set([
  "set-cookie",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
  "trailer",
])

/** Any request to Ray's own HTTP API, with the cluster's credentials in the place of the caller's. */
export async function forwardToRay(
  { clock, dashboardUrl, credentials }: RayForwardOptions,
  { method, path, headers, body }: RayForward,
  signal: AbortSignal,
): Promise<RayForwarded> {
  if (!path.startsWith("/")) throw new AppError("invalid", "The path does not begin with /.")
  const lowered = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const)
  // Without a body its length would be waited for.
  const isHanded = (name: string) => !ownHeaders.has(name) && (body !== null || name !== "content-length")
  const handed = Object.fromEntries(lowered.filter(([name]) => isHanded(name)))
  const tunnel = wantsTunnel(lowered) ? { connection: "upgrade", upgrade: "websocket" } : {}
  // put together as text: nothing in the path can name another host
  const url = dashboardUrl + path
  const answer = await streamRay(
    clock,
    { method, url, headers: { ...handed, ...tunnel, ...credentials }, body, idleMs },
    signal,
  )
  return { status: answer.status, headers: shown(answer.headers, dashboardUrl), body: answer.body }
}

function wantsTunnel(headers: readonly (readonly [string, string])[]): boolean {
  return headers.some(([name, value]) => name === "upgrade" && value.toLowerCase() === "websocket")
}

function shown(headers: IncomingHttpHeaders, dashboardUrl: string): Record<string, string> {
  const entries = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || keptBack.has(name) ? [] : [[name, String(value)] as const],
  )
  const kept = Object.fromEntries(entries)
  const { location } = kept
  // Its own address means nothing to who asked by the proxy.
  if (location?.startsWith(`${dashboardUrl}/`)) kept["location"] = location.slice(dashboardUrl.length)
  return kept
}
