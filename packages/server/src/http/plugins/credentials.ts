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

/** Where a request came from, for the audit. */
export type From = Parameters<Directory["local"]>[0]

/** Who a credential stands for. */
export interface Proven {
  readonly principal: Principal
  /** What the token says; undefined for a key, and where nothing was sent. */
  readonly claims: TokenClaims | undefined
}

/** Says who a credential is of: an API key, or a token that one was exchanged for. */
export interface Credentials {
  /**
   * @param header `Authorization` as it was sent: `Bearer <token>`, or the token alone
   * @param withoutCredential who asks where nothing was sent. A credential that is sent is checked always.
   * @returns a promise only for a token that was not seen before
   * @throws AppError `unauthenticated`, detail `missing` or `invalid`, also as a rejection
   */
  check(
    header: string | undefined,
    from: From,
    withoutCredential: (from: From) => Principal,
  ): Proven | Promise<Proven>
  /** Whom a token that held stands for now. @throws AppError as `check` */
  byClaims(claims: TokenClaims, from: From): Proven
}

/** What a request brings to show who it is from. */
type Credential =
  | { readonly kind: "none" }
  | { readonly kind: "key"; readonly key: string }
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "unusable" }

/** What stands in the header, or would if it were not in a cookie; never a query parameter. */
function credentialOf(header: string | undefined): Credential {
  const text = header?.trim() ?? ""
  if (text === "") return { kind: "none" }
  const sent = /^bearer(?:\s+(\S*))?$/i.exec(text) ? (/^bearer\s+(\S+)$/i.exec(text)?.[1] ?? "") : text
  if (sent === "" || /\s/.test(sent) || sent.length > longestToken) return { kind: "unusable" }
  return isTokenLike(sent) ? { kind: "token", token: sent } : { kind: "key", key: sent }
}

/** Credentials by keys and tokens. */
export function createCredentials(parts: {
  readonly directory: Directory
  readonly tokens: Tokens
}): Credentials {
  const { directory, tokens } = parts

  function byClaims(claims: TokenClaims | undefined, from: From): Proven {
    return { principal: assured(claims && tokens.principalOf(claims, from)), claims }
  }
  return {
    byClaims,
    check(header, from, withoutCredential) {
      const credential = credentialOf(header)
      switch (credential.kind) {
        case "none":
          return { principal: withoutCredential(from), claims: undefined }
        case "key":
          return { principal: assured(directory.authenticate(credential.key, from)), claims: undefined }
        case "unusable":
          return { principal: assured(undefined), claims: undefined }
        case "token": {
          const claims = tokens.read(credential.token)
          return claims instanceof Promise
            ? claims.then((read) => byClaims(read, from))
            : byClaims(claims, from)
        }
      }
    },
  }
}

/** Whoever sends nothing: the Owner `local` under `noAuth`, else nobody. */
export function createAnonymous(directory: Directory, noAuth: boolean): (from: From) => Principal {
  return (from) => {
    if (noAuth) return directory.local(from)
    throw new AppError("unauthenticated", "This needs a token: Authorization: Bearer <token>.", {
      detail: "missing",
    })
  }
}

/** The same words whatever is wrong with the credential. */
export function assured(principal: Principal | undefined): Principal {
  if (principal) return principal
  throw new AppError("unauthenticated", "The token is unknown, expired or revoked.", { detail: "invalid" })
}
