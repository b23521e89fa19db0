import {
  busyError,
  credentialTexts,
  decodeLogin,
  encodeLogin,
  frameError,
  frameTexts,
  ruleError,
} from "@berth/contract/services"
import { AppError } from "../../kit/errors.ts"
import type { ErrorAnswer } from "../plugins/family.ts"
import type { Services } from "../services.ts"
import type { SignedIn } from "./family.ts"
import { statusOf } from "./json.ts"

type From = Parameters<Services["directory"]["local"]>[0]

/** Signing in as clients of ZenML do: a password, or an API key for which a token is given (zenml-services.md 5.1). */
export async function formSignIn(
  { identity, tokens, clock }: Services,
  body: Uint8Array,
  from: From,
  failed: (error: AppError) => AppError,
): Promise<SignedIn | ErrorAnswer> {
  const read = decodeLogin(Buffer.from(body).toString("utf8"))
  if (!read.ok) return { status: 400, body: read.body }
  const { value } = read
  try {
    const { token, expiresAtMs } =
      value.grant === "password"
        ? await byPassword(identity, value, from)
        : await tokens.exchangeKey(value.key, from)
    const maxAgeSeconds = Math.max(1, Math.floor((expiresAtMs - clock.nowMs()) / 1000))
    return {
      token,
      maxAgeSeconds,
      body: encodeLogin({ accessToken: token, expiresInSeconds: maxAgeSeconds }),
    }
  } catch (thrown) {
    return refusal(failed(AppError.from(thrown)), value.grant)
  }
}

async function byPassword(
  identity: Services["identity"],
  { username, password }: { readonly username: string; readonly password: string },
  from: From,
) {
  const { key, token } = await identity.signIn(username, password, from)
  return { token, expiresAtMs: key.expiresAtMs ?? Infinity }
}

function refusal(error: AppError, grant: "password" | "api key"): ErrorAnswer {
  const { code, retryAfterMs } = error
  if (code === "too_many") {
    const seconds = Math.ceil((retryAfterMs ?? 1000) / 1000)
    return { status: 429, body: busyError, headers: { "retry-after": String(seconds) } }
  }
  // A key whose record is broken, or of somebody who is frozen, gives nobody to act as either.
  if (code !== "unauthenticated" && code !== "invalid" && code !== "forbidden") throw error
  const text = grant === "password" ? credentialTexts.badPassword : credentialTexts.badApiKey
  return {
    status: 401,
    body: ruleError("CredentialsNotValid", text),
    headers: { "www-authenticate": "Bearer" },
  }
}

/** A request that never came to its handler. */
export function formErrorAnswer(error: AppError): ErrorAnswer {
  if (error.detail === "method") return { status: 405, body: frameError(frameTexts.methodNotAllowed) }
  return { status: statusOf(error), body: frameError(error.message) }
}
