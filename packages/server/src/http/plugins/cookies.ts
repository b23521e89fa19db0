import type { IncomingHttpHeaders } from "node:http"
import { parseCookie, stringifySetCookie } from "cookie"

/** Of clients that sign in with JSON, and those that do with a form: their own names for it, with what is the server's. */
export const sessionCookies = { json: "Token", form: "zenml-server-" } as const

/** Other servers of the machine may have cookies of the same names: a key, or a token that one was exchanged for. */
const ourForm = /^(?:berth_|[\w-]+\.[\w-]+\.[\w-]+$)/

/** A longer header is no browser's that has our cookie alone. */
const longestHeader = 8192

/**
 * The token of a session that a browser keeps; undefined when there is none, also an empty one.
 * @param headers of a request
 */
export function cookieToken({ cookie }: IncomingHttpHeaders): string | undefined {
  if (cookie === undefined || cookie.length > longestHeader) return undefined
  const cookies = parseCookie(cookie)
  for (const [name, value] of Object.entries(cookies))
    if ((name === sessionCookies.json || name.startsWith(sessionCookies.form)) && ourForm.test(value ?? ""))
      return value
  return undefined
}

/**
 * What sets the cookie of a session; with "" what takes it away. Scripts cannot read it, other sites' pages send it only
 * when somebody follows a link.
 * @param maxAgeSeconds until it goes by itself
 */
export function setSessionCookie(
  name: string,
  token: string,
  { maxAgeSeconds, isSecure }: { readonly maxAgeSeconds: number; readonly isSecure: boolean },
): string {
  return stringifySetCookie({
    name,
    value: token,
    httpOnly: true,
    sameSite: "lax",
    secure: isSecure,
    path: "/",
    maxAge: maxAgeSeconds,
  })
}
