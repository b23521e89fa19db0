import type { IncomingHttpHeaders } from "node:http"

/** What says who asks Berth, or by which way: the dashboard is asked by Berth alone. */
const own = new Set([
  "authorization",
  "cookie",
  "forwarded",
  "host",
  "proxy-authorization",
  "upgrade",
  "x-api-key",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
])

/** What would hold for all of Berth's place, or is Berth's own to say. */
const keptBack = new Set([
  "alt-svc",
  "clear-site-data",
  "content-security-policy",
  "content-security-policy-report-only",
  "date",
  "location",
  "server",
  "service-worker-allowed",
  "set-cookie",
  "strict-transport-security",
  "www-authenticate",
  "x-request-id",
])

/** Where a request goes: what of its path is Berth's, and what is the dashboard's. */
export interface ForwardPath {
  /** Without a slash at the end. */
  readonly prefix: string
  /** With the query, from `/`; undefined: not even the slash behind the prefix was there. */
  readonly path: string | undefined
}

/** `/berth/v1/ray/clusters/NAMESPACE/NAME/dashboard` has so many steps. */
const prefixSteps = 8

/** Splits what was asked for as it was sent: nothing is unescaped. @param url the path, or the whole URL as to a proxy */
export function forwardPathOf(url: string): ForwardPath {
  const text = url.replace(/^https?:\/\/[^/]*/i, "")
  const at = text.search(/[?#]/)
  const [path, query] = at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at)]
  const steps = path.split("/")
  const prefix = steps.slice(0, prefixSteps).join("/")
  if (steps.length <= prefixSteps) return { prefix, path: undefined }
  return { prefix, path: `/${steps.slice(prefixSteps).join("/")}${query}` }
}

/** A request's headers without what is between the client and Berth. @param contentType as it was sent */
export function handedHeaders(
  headers: IncomingHttpHeaders,
  contentType: string | undefined,
): Record<string, string> {
  const hops = new Set((headers.connection ?? "").toLowerCase().split(/\s*,\s*/))
  const kept = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || own.has(name) || hops.has(name) ? [] : [[name, String(value)] as const],
  )
  const type = contentType === undefined ? {} : { "content-type": contentType }
  return { ...Object.fromEntries(kept), ...type }
}

/**
 * An answer's headers as they may stand at Berth's place: no cookie, no word about other pages, redirects to where the
 * dashboard is here. One to another server is left out.
 * @param isSandboxed a page of it runs without an origin: it cannot use what the browser knows of Berth
 */
export function shownHeaders(
  headers: Readonly<Record<string, string>>,
  { prefix, isSandboxed }: { readonly prefix: string; readonly isSandboxed: boolean },
): Record<string, string> {
  const kept = Object.entries(headers).filter(
    ([name]) => !keptBack.has(name) && !name.startsWith("access-control-"),
  )
  const location = shownLocation(headers["location"], prefix)
  return {
    "cache-control": "no-store",
    ...Object.fromEntries(kept),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    ...(isSandboxed ? { "content-security-policy": "sandbox allow-scripts" } : {}),
    ...(location === undefined ? {} : { location }),
  }
}

function shownLocation(location: string | undefined, prefix: string): string | undefined {
  if (location === undefined || /^[\\/]{2}|^[a-z][a-z0-9+.-]*:/i.test(location)) return undefined
  return location.startsWith("/") ? prefix + location : location
}
