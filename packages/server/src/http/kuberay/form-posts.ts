import { routeOf } from "./routing.ts"

/** A request as it came. */
interface Posted {
  readonly method: string
  readonly url: string
  /** `Content-Type` as it was sent. */
  readonly contentType: string | undefined
  /** `X-HTTP-Method-Override`. */
  readonly override: string | undefined
  readonly body: unknown
}
/** What it asks for. */
interface Asked {
  readonly method: string
  readonly url: string
}

/**
 * What a POST of a form asks for (reference/kuberay-v1.md 1.2): the method that it names, or GET where the path has no
 * POST; its values then stand beside those of the query. With anything behind the media type it is no form.
 */
export function askedBy({ method, url, contentType, override, body }: Posted): Asked {
  if (method !== "POST" || contentType !== "application/x-www-form-urlencoded") return { method, url }
  const named = override === undefined || override === "" ? undefined : override.toUpperCase()
  const wanted = named ?? (routeOf("POST", url).kind === "method" ? "GET" : "POST")
  return wanted === "GET" ? { method: wanted, url: withForm(url, body) } : { method: wanted, url }
}

function withForm(url: string, body: unknown): string {
  if (!(body instanceof Uint8Array)) return url
  return `${url}${url.includes("?") ? "&" : "?"}${Buffer.from(body).toString("utf8")}`
}
