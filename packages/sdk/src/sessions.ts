import { BerthError } from "./errors.ts"
import type { CallOptions, Transport } from "./http.ts"

/** Who signs in. */
export interface Credentials {
  /** The user's name. */
  readonly name: string
  /** Sent once, to the server that the client is of, and kept nowhere. */
  readonly password: string
}

/** A session that has begun. */
export interface SignedIn {
  /** A secret: the `token` of a client that acts as this user. */
  readonly token: string
  /** The user's name. */
  readonly userName: string
  /** When the session ends by itself: RFC 3339, UTC. */
  readonly expiresAt: string
}

/** `/api/v1/login` and `/logout`. */
export interface SessionsClient {
  /**
   * Begins a session; the client's own token has no part in it.
   * @throws BerthError 401 where name and password do not fit, also of a user who is frozen or has no password; 429
   *   where the address has failed too often
   */
  signIn(credentials: Credentials, options?: CallOptions): Promise<SignedIn>
  /** Ends the session whose token the client has, if it is one. Idempotent. */
  signOut(options?: CallOptions): Promise<void>
}

/** That part over a transport. */
export function createSessionsClient(http: Transport): SessionsClient {
  return {
    async signIn({ name, password }, options) {
      const body = { type: "default", name, password }
      return signedIn(await http.json({ method: "POST", path: "/api/v1/login", body, ...options }))
    },
    async signOut(options) {
      await http.json({ method: "POST", path: "/api/v1/logout", ...options })
    },
  }
}

function signedIn(answer: unknown): SignedIn {
  const { token, name, expire } = (answer ?? {}) as Readonly<Record<string, unknown>>
  if (typeof token === "string" && typeof name === "string" && typeof expire === "number")
    return { token, userName: name, expiresAt: new Date(expire * 1000).toISOString() }
  throw new BerthError("The answer holds no token: is this the URL of a Berth server?", {
    status: 0,
    code: "broken",
  })
}
