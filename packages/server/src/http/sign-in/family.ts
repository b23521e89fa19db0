import type { FastifyReply, FastifyRequest } from "fastify"
import type { AppError } from "../../kit/errors.ts"
import { cookieToken, sessionCookies, setSessionCookie } from "../plugins/cookies.ts"
import { isCrossSite, isForeign } from "../plugins/hosts.ts"
import type { ErrorAnswer, Family } from "../plugins/family.ts"
import { lastingId } from "../plugins/server-ids.ts"
import type { Services } from "../services.ts"
import { formErrorAnswer, formSignIn } from "./form.ts"
import { jsonSignIn } from "./json.ts"

/** Who came in, in the words of the API that was asked. */
export interface SignedIn {
  readonly body: string
  readonly token: string
  readonly maxAgeSeconds: number
}

/**
 * Signing in and out (DESIGN 1): one path for the clients of two APIs. JSON is answered as Primus-SaFE's server does,
 * everything else as ZenML's does a form.
 */
export const signInFamily: Family = {
  name: "sign-in",
  prefixes: ["/api/v1/login", "/api/v1/logout"],
  bodyLimit: 64 * 1024,
  register(app, services) {
    app.post("/api/v1/login", { config: { operation: "login", isOpen: true } }, (request, reply) =>
      signIn(services, request, reply),
    )
    const config = { operation: "logout", isOpen: true }
    app.get("/api/v1/logout", { config, exposeHeadRoute: false }, (request, reply) =>
      signOut(services, request, reply),
    )
    app.post("/api/v1/logout", { config }, (request, reply) => signOut(services, request, reply))
  },
  // Whatever never came to its handler is answered as if it had been a form.
  errorAnswer: formErrorAnswer,
}

async function signIn(
  services: Services,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const isForm = !/json/i.test(request.headers["content-type"] ?? "")
  const come = isForm ? formSignIn : jsonSignIn
  const from = { address: request.ip, requestId: request.id }
  const outcome = await come(services, bodyOf(request), from, (error) => request.signInFailed(error))
  if ("status" in outcome) return answer(reply, outcome)
  const { token, body, maxAgeSeconds } = outcome
  const name = isForm ? formCookie(services) : sessionCookies.json
  // another site's page may not make its visitor somebody else
  if (!isForeign(request.headers))
    reply.header("set-cookie", setSessionCookie(name, token, { maxAgeSeconds, isSecure: isSecure(request) }))
  return reply.header("cache-control", "no-store").type("application/json").send(Buffer.from(body))
}

/** Whoever is signed in by a session is not afterwards; everybody else loses the cookie only. */
async function signOut(
  services: Services,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { headers, method } = request
  reply.type("application/json")
  // Another site's page must not do it. A link that somebody typed or kept says "none".
  const isOthers = method === "GET" ? isCrossSite(headers) : isForeign(headers)
  if (isOthers) return reply.send(Buffer.from("null"))
  const bearer = /^bearer\s+(\S+)$/i.exec(headers.authorization ?? "")?.[1]
  const token = cookieToken(headers) ?? bearer
  const from = { address: request.ip, requestId: request.id }
  const principal = token === undefined ? undefined : heldBy(services, token, from)
  if (principal) await services.identity.signOut(principal)
  const gone = { maxAgeSeconds: 0, isSecure: isSecure(request) }
  reply.header("set-cookie", [
    setSessionCookie(sessionCookies.json, "", gone),
    setSessionCookie(formCookie(services), "", gone),
  ])
  return reply.send(Buffer.from("null"))
}

/** Somebody who is frozen is signed out as well as anybody. */
function heldBy({ directory }: Services, token: string, from: Parameters<Services["directory"]["local"]>[0]) {
  try {
    return directory.authenticate(token, from)
  } catch {
    return undefined
  }
}

function formCookie({ workspaces }: Services): string {
  return sessionCookies.form + lastingId(workspaces, "server")
}

function isSecure(request: FastifyRequest): boolean {
  return request.protocol === "https"
}

function bodyOf({ body }: FastifyRequest): Uint8Array {
  return body instanceof Uint8Array ? body : new Uint8Array()
}

function answer(reply: FastifyReply, { status, body, headers }: ErrorAnswer): FastifyReply {
  if (headers) reply.headers(headers)
  return reply
    .code(status)
    .type("application/json")
    .send(Buffer.from(JSON.stringify(body)))
}

declare module "fastify" {
  interface FastifyRequest {
    /** Counts a failed attempt of the address, and notes it for the audit. @returns the error to answer with */
    signInFailed(error: AppError): AppError
  }
}
