import type { FastifyRequest } from "fastify"
import { AppError } from "../../kit/errors.ts"
import {
  isTokenLike,
  type Directory,
  type Principal,
  type TokenClaims,
  type Tokens,
} from "../../domain/identity/index.ts"

/** Longer ones cannot be tokens of ours: nothing is hashed for them. */
const longestToken = 4096

/** What a request brings to show who it is from. */
type Credential =
  | { readonly kind: "none" }
  | { readonly kind: "key"; readonly key: string }
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "unusable" }

declare module "fastify" {
  interface FastifyRequest {
    /** What the token that the request came with says; undefined where it came with a key. */
    heldClaims: TokenClaims | undefined
  }
}

/** Says who requests are from. */
export interface Authentication {
  /**
   * Without a credential that is the Owner `local` under `noAuth`; a credential that is sent is checked always: an
   * API key, or a token that one was exchanged for. A promise only for a token that was not seen before.
   * @throws AppError `unauthenticated`, detail `missing` or `invalid`, also as a rejection
   */
  authenticate(request: FastifyRequest): Principal | Promise<Principal>
  /**
   * Looks again, for a request that `authenticate` has let in.
   * @throws AppError as `authenticate`
   */
  again(request: FastifyRequest): Principal
}

/**
 * Reads `Authorization: Bearer <token>` or `Authorization: <token>`; nothing else is a credential (no cookies, no
 * query parameter).
 */
function credentialOf(header: string | undefined): Credential {
  const text = header?.trim() ?? ""
  if (text === "") return { kind: "none" }
  const sent = /^bearer(?:\s+(\S*))?$/i.exec(text) ? (/^bearer\s+(\S+)$/i.exec(text)?.[1] ?? "") : text
  if (sent === "" || /\s/.test(sent) || sent.length > longestToken) return { kind: "unusable" }
  return isTokenLike(sent) ? { kind: "token", token: sent } : { kind: "key", key: sent }
}

/** Authentication by keys, tokens and, under `noAuth`, by being on this machine. */
export function createAuthentication(options: {
  readonly directory: Directory
  readonly tokens: Tokens
  readonly noAuth: boolean
}): Authentication {
  const { directory, tokens, noAuth } = options

  function byClaims(request: FastifyRequest, claims: TokenClaims | undefined): Principal {
    request.heldClaims = claims
    return assured(claims && tokens.principalOf(claims, fromOf(request)))
  }
  function withoutCredential(request: FastifyRequest): Principal {
    if (noAuth) return directory.local(fromOf(request))
    throw new AppError("unauthenticated", "This needs a token: Authorization: Bearer <token>.", {
      detail: "missing",
    })
  }
  function authenticate(request: FastifyRequest): Principal | Promise<Principal> {
    const credential = credentialOf(request.headers.authorization)
    switch (credential.kind) {
      case "none":
        return withoutCredential(request)
      case "key":
        return assured(directory.authenticate(credential.key, fromOf(request)))
      case "unusable":
        return assured(undefined)
      case "token": {
        const claims = tokens.read(credential.token)
        return claims instanceof Promise
          ? claims.then((read) => byClaims(request, read))
          : byClaims(request, claims)
      }
    }
  }
  return {
    authenticate,
    again(request) {
      if (request.heldClaims) return byClaims(request, request.heldClaims)
      const principal = authenticate(request)
      // cannot be: what came with a token has its claims
      return principal instanceof Promise ? assured(undefined) : principal
    },
  }
}

function fromOf(request: FastifyRequest) {
  return { address: request.ip, requestId: request.id }
}

/** The same words whatever is wrong with the credential. */
function assured(principal: Principal | undefined): Principal {
  if (principal) return principal
  throw new AppError("unauthenticated", "The token is unknown, expired or revoked.", { detail: "invalid" })
}
