import { isIP } from "node:net"
import type { IncomingHttpHeaders } from "node:http"
import { AppError } from "../../kit/errors.ts"

/**
 * Refuses requests whose Host nobody listens under (DESIGN 7): a page on a foreign name that resolves to this
 * address (DNS rebinding) would otherwise be same-origin with the server.
 * @param allowed names and addresses besides the loopback ones, case ignored, a port ignored; `0.0.0.0` or `::`
 *   (listening everywhere) allows every address, since rebinding needs a name
 * @throws AppError `forbidden` detail `host`
 */
export function createHostCheck(allowed: readonly string[]): (headers: IncomingHttpHeaders) => void {
  const names = new Set(["localhost", ...allowed.map((host) => hostName(host) ?? host.toLowerCase())])
  const anyAddress = names.has("0.0.0.0") || names.has("::")
  return (headers) => {
    const name = hostName(headers.host ?? "")
    if (name !== undefined && (names.has(name) || isLoopback(name) || (anyAddress && isIP(name) !== 0)))
      return
    throw new AppError(
      "forbidden",
      "This server does not answer for the host of the request; allow it with --allow-host.",
      { detail: "host" },
    )
  }
}

/**
 * Refuses what another site's page sends (DESIGN 7). A browser says where a request comes from by `Origin` or
 * `Sec-Fetch-Site`; curl and SDKs send neither and pass.
 * @throws AppError `forbidden` detail `origin` for a request other than GET and HEAD that is not same-origin
 */
export function checkOrigin(method: string, headers: IncomingHttpHeaders): void {
  if (method === "GET" || method === "HEAD") return
  if (isForeign(headers)) throw foreignOrigin()
}

/** Whether a browser says that what it sends is not from a page of this server. */
export function isForeign(headers: IncomingHttpHeaders): boolean {
  const site = headers["sec-fetch-site"]
  const origin = headers.origin
  if (site !== undefined && site !== "same-origin") return true
  return origin !== undefined && !isSameHost(origin, headers.host ?? "")
}

/** Whether a browser says that another site's page asks; such a page gets no stream that it could hold open. */
export function isCrossSite(headers: IncomingHttpHeaders): boolean {
  return headers["sec-fetch-site"] === "cross-site"
}

function foreignOrigin(): AppError {
  return new AppError("forbidden", "A page of another site may not do this.", { detail: "origin" })
}

/** The name or address of `host[:port]`, lower case, without brackets and the dot at the end; undefined when it is neither. */
function hostName(host: string): string | undefined {
  const bracketed = /^\[([0-9a-f:.]+)\](?::\d{0,5})?$/i.exec(host)
  if (bracketed) return bracketed[1]?.toLowerCase()
  if (isIP(host) === 6) return host.toLowerCase()
  const plain = /^([a-z0-9._-]{1,255}?)\.?(?::\d{0,5})?$/i.exec(host)
  return plain?.[1]?.toLowerCase()
}

function isLoopback(name: string): boolean {
  return name === "::1" || (isIP(name) === 4 && name.startsWith("127."))
}

function isSameHost(origin: string, host: string): boolean {
  const from = URL.parse(origin)
  // The scheme is the origin's: behind a proxy that ends TLS ours is another.
  return from !== null && from.host !== "" && from.host === URL.parse(`${from.protocol}//${host}`)?.host
}
