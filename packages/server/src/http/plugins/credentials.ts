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
   * @throws AppError `unauthenticated`, detail `missing`, `invalid` or `not_bearer`, also as a rejection
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
  | { readonly kind: "key" | "token"; readonly text: string; readonly fault: CredentialFault }
  | { readonly kind: "unusable"; readonly fault: CredentialFault }

/** Detail of the refusal of a credential that does not hold: a token, or something that is none by its form. */
export type CredentialFault = "invalid" | "not_bearer"

/** What stands in the header, or would if it were not in a cookie; never a query parameter. */
function credentialOf(header: string | undefined): Credential {
  const text = header?.trim() ?? ""
  if (text === "") return { kind: "none" }
  const bearer = /^bearer(?:\s+(.*))?$/i.exec(text)
  const sent = bearer ? (bearer[1] ?? "") : text
  const fault = bearer && sent !== "" ? "invalid" : "not_bearer"
  if (sent === "" || /\s/.test(sent) || sent.length > longestToken) return { kind: "unusable", fault }
  return { kind: isTokenLike(sent) ? "token" : "key", text: sent, fault }
}

/** Credentials by keys and tokens. */
export function createCredentials(parts: {
  readonly directory: Directory
  readonly tokens: Tokens
}): Credentials {
  const { directory, tokens } = parts

  function byClaims(claims: TokenClaims | undefined, from: From, fault?: CredentialFault): Proven {
    return { principal: assured(claims && tokens.principalOf(claims, from), fault), claims }
  }
  return {
    byClaims: (claims, from) => byClaims(claims, from),
    check(header, from, withoutCredential) {
      const credential = credentialOf(header)
      switch (credential.kind) {
        case "none":
          return { principal: withoutCredential(from), claims: undefined }
        case "key": {
          const { text, fault } = credential
          return { principal: assured(directory.authenticate(text, from), fault), claims: undefined }
        }
        case "unusable":
          return { principal: assured(undefined, credential.fault), claims: undefined }
        case "token": {
          const { text, fault } = credential
          const claims = tokens.read(text)
          return claims instanceof Promise
            ? claims.then((read) => byClaims(read, from, fault))
            : byClaims(claims, from, fault)
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
export function assured(principal: Principal | undefined, detail: CredentialFault = "invalid"): Principal {
  if (principal) return principal
  throw new AppError("unauthenticated", "The token is unknown, expired or revoked.", { detail })
}
