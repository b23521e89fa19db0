import { AppError } from "../../kit/errors.ts"
import { jsonOf } from "../plugins/bodies.ts"
import type { ErrorAnswer } from "../plugins/family.ts"
import type { Services } from "../services.ts"
import type { SignedIn } from "./family.ts"

type From = Parameters<Services["directory"]["local"]>[0]

/** Signing in as clients of Primus-SaFE do (reference/workloads.md 1.5). */
export async function jsonSignIn(
  { identity }: Services,
  body: Uint8Array,
  from: From,
  failed: (error: AppError) => AppError,
): Promise<SignedIn | ErrorAnswer> {
  try {
    const { name, password } = credentialsOf(body)
    const { key, token, user } = await identity.signIn(name, password, from)
    const expiresAtMs = key.expiresAtMs ?? key.createdAtMs
    const answer = {
      id: user.id,
      name: user.name,
      email: user.email ?? "",
      type: "default",
      expire: Math.floor(expiresAtMs / 1000),
      token,
    }
    const maxAgeSeconds = Math.max(1, Math.floor((expiresAtMs - key.createdAtMs) / 1000))
    return { token, maxAgeSeconds, body: JSON.stringify(answer) }
  } catch (thrown) {
    return jsonErrorAnswer(failed(AppError.from(thrown)))
  }
}

function credentialsOf(body: Uint8Array): { readonly name: string; readonly password: string } {
  const read = body.length === 0 ? null : jsonOf(body)
  const fields = (typeof read === "object" && read !== null ? read : {}) as Readonly<Record<string, unknown>>
  const { username, name = username, password } = fields
  if (typeof name === "string" && name !== "" && typeof password === "string") return { name, password }
  throw new AppError("invalid", "The user name or the password is missing.", {
    issues: [{ path: ["name"], message: "the user name or the password is empty" }],
  })
}

/** Each code's status and upstream's code; everything else is a fault of the server. */
const words: Readonly<Partial<Record<AppError["code"], readonly [status: number, code: string]>>> = {
  invalid: [400, "Primus.00002"],
  unauthenticated: [401, "Primus.00009"],
  forbidden: [403, "Primus.00003"],
  not_found: [404, "Primus.00005"],
  too_large: [413, "Primus.00006"],
  too_many: [429, "Primus.00008"],
  unavailable: [503, "Primus.03001"],
  timeout: [504, "Primus.00001"],
}

/** As 400–599. */
export function statusOf({ code }: AppError): number {
  return words[code]?.[0] ?? 500
}

function jsonErrorAnswer(error: AppError): ErrorAnswer {
  const [status, errorCode] = words[error.code] ?? [500, "Primus.00001"]
  return { status, body: { errorCode, errorMessage: textOf(error) }, headers: headersOf(error) }
}

function textOf(error: AppError): string {
  if (error.code === "unauthenticated") return "the password is incorrect"
  if (error.code === "invalid") return `Bad request. ${error.issues[0]?.message ?? error.message}`
  return error.resource === "route" ? `${error.subject ?? ""} not found` : error.message
}

function headersOf({ retryAfterMs }: AppError): Readonly<Record<string, string>> {
  return retryAfterMs === undefined ? {} : { "retry-after": String(Math.ceil(retryAfterMs / 1000)) }
}
