import type { FastifyRequest } from "fastify"
import { AppError } from "../../kit/errors.ts"
import type { Directory, Principal } from "../../domain/identity/index.ts"

/** Longer ones cannot be tokens of ours: nothing is hashed for them. */
const longestToken = 4096

/** What a request brings to show who it is from. */
type Credential =
  | { readonly kind: "none" }
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "unusable" }

/**
 * Reads `Authorization: Bearer <token>` or `Authorization: <token>`; nothing else is a credential (no cookies, no
 * query parameter).
 */
function credentialOf(header: string | undefined): Credential {
  const text = header?.trim() ?? ""
  if (text === "") return { kind: "none" }
  const token = /^bearer(?:\s+(\S*))?$/i.exec(text) ? (/^bearer\s+(\S+)$/i.exec(text)?.[1] ?? "") : text
  if (token === "" || /\s/.test(token) || token.length > longestToken) return { kind: "unusable" }
  return { kind: "token", token }
}

/**
 * Gives the function that says who a request is from.
 * Without a credential that is the Owner `local` under `noAuth`; a credential that is sent is checked always.
 * @throws AppError `unauthenticated`, detail `missing` or `invalid`
 */
export function createAuthentication(options: {
  readonly directory: Directory
  readonly noAuth: boolean
}): (request: FastifyRequest) => Principal {
  const { directory, noAuth } = options
  return (request) => {
    const from = { address: request.ip, requestId: request.id }
    const credential = credentialOf(request.headers.authorization)
    if (credential.kind === "none") {
      if (noAuth) return directory.local(from)
      throw new AppError("unauthenticated", "This needs a token: Authorization: Bearer <token>.", {
        detail: "missing",
      })
    }
    const principal = credential.kind === "token" ? directory.authenticate(credential.token, from) : undefined
    if (principal) return principal
    throw new AppError("unauthenticated", "The token is unknown, expired or revoked.", { detail: "invalid" })
  }
}
