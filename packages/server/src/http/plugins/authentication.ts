import type { FastifyRequest } from "fastify"
import type { Principal, TokenClaims } from "../../domain/identity/index.ts"
import { cookieToken } from "./cookies.ts"
import { checkOrigin } from "./hosts.ts"
import { assured, type Credentials, type From, type Proven } from "./credentials.ts"

declare module "fastify" {
  interface FastifyRequest {
    /** What the token that the request came with says; undefined where it came with a key. */
    heldClaims: TokenClaims | undefined
  }
}

/** Says who requests are from. */
export interface Authentication {
  /**
   * A credential that is sent is checked always. A promise only for a token that was not seen before.
   * @throws AppError `unauthenticated`, detail `missing`, `invalid` or `not_bearer`, also as a rejection
   */
  authenticate(request: FastifyRequest): Principal | Promise<Principal>
  /**
   * Looks again, for a request that `authenticate` has let in.
   * @throws AppError as `authenticate`
   */
  again(request: FastifyRequest): Principal
}

/**
 * Authentication of requests by their header.
 * @param withoutCredential who a request without one is from
 */
export function createAuthentication(
  credentials: Credentials,
  withoutCredential: (request: FastifyRequest, from: From) => Principal,
): Authentication {
  function authenticate(request: FastifyRequest): Principal | Promise<Principal> {
    const keep = ({ principal, claims }: Proven) => {
      request.heldClaims = claims
      return principal
    }
    const proven = credentials.check(credentialOf(request), fromOf(request), (from) =>
      withoutCredential(request, from),
    )
    return proven instanceof Promise ? proven.then(keep) : keep(proven)
  }
  return {
    authenticate,
    again(request) {
      if (request.heldClaims) return credentials.byClaims(request.heldClaims, fromOf(request)).principal
      const principal = authenticate(request)
      // cannot be: what came with a token has its claims
      return principal instanceof Promise ? assured(undefined) : principal
    },
  }
}

/**
 * The header, or the cookie of who signed in with a browser, which the services API looks at first
 * (reference/zenml-live.md, correction 19).
 * @throws AppError `forbidden` detail `origin` for a change that another site's page asks for by the cookie
 */
function credentialOf(request: FastifyRequest): string | undefined {
  const { headers, method, trace } = request
  const cookie = cookieToken(headers)
  const isFirst = trace.family === "services"
  if (cookie === undefined || (!isFirst && headers.authorization?.trim())) return headers.authorization
  checkOrigin(method, headers)
  return `Bearer ${cookie}`
}

function fromOf(request: FastifyRequest): From {
  return { address: request.ip, requestId: request.id }
}
