import { createHash } from "node:crypto"
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify"
import type { Principal } from "../../domain/identity/index.ts"
import type { Idempotency, KeptAnswer, LostAnswer, RunningRequest } from "../../domain/journal/index.ts"
import { AppError } from "../../kit/errors.ts"
import type { Services } from "../services.ts"
import { remakeAnswer } from "./lost-answers.ts"

const header = "idempotency-key"
/** Visible ASCII: what a client makes up is a UUID or the like. */
const keyForm = /^[\x21-\x7e]{1,255}$/

declare module "fastify" {
  interface FastifyContextConfig {
    /** Its answer holds a secret: it is never kept, and sent again it is done again. Default false. */
    readonly isSecret?: boolean
  }
  interface FastifyRequest {
    heldIdempotency: RunningRequest | undefined
  }
}

/**
 * Carries out a POST with an `Idempotency-Key` once, however often it comes, and answers the others as the first
 * one was answered, with `Idempotent-Replayed: true`; where that answer was lost with the server, it is made anew
 * (lost-answers.ts; DESIGN 5). Answers go by user and by how far the key reaches, so that one that is bound gets none
 * of what it may not see. Add it after what authenticates, in a family's scope.
 * @param replaysAnyBody the family's clients may send another body under the same key
 */
export function addIdempotency(
  scope: FastifyInstance,
  { idempotency, directory }: Pick<Services, "idempotency" | "directory">,
  replaysAnyBody: boolean,
): void {
  scope.addHook("preHandler", (request, reply, done) => {
    const key = keyOf(request)
    if (key === undefined) return done()
    const reach = reachOf(directory, request.principal)
    void carryOut(() => begin(idempotency, request, { key, reach, replaysAnyBody }), request, reply, done)
  })
  scope.addHook("onSend", async (request, reply, payload) => {
    const running = request.heldIdempotency
    if (!running) return payload
    request.heldIdempotency = undefined
    await running.end(answerOf(reply, payload))
    return payload
  })
}

/** Goes on with the request inside its scope, answers it as before, or refuses it. */
async function carryOut(
  start: () => Promise<KeptAnswer | RunningRequest | LostAnswer>,
  request: FastifyRequest,
  reply: FastifyReply,
  done: (error?: Error) => void,
): Promise<void> {
  let outcome: KeptAnswer | RunningRequest
  try {
    const begun = await start()
    outcome = "about" in begun ? await remakeAnswer(begun, request) : begun
  } catch (error) {
    return done(AppError.from(error))
  }
  if ("status" in outcome) return void replay(reply, outcome)
  request.heldIdempotency = outcome
  outcome.run(done)
}

/** Nothing for a key that reaches as far as its user. */
function reachOf(directory: Services["directory"], { keyId }: Principal): string {
  const { role = null, workspaceId = null } = (keyId !== null && directory.key(keyId)) || {}
  return role === null && workspaceId === null ? "" : ` by ${role ?? "any"} in ${workspaceId ?? "any"}`
}

function keyOf(request: FastifyRequest): string | undefined {
  const value = request.headers[header]
  const { isSecret, isOpen } = request.routeOptions.config
  if (value === undefined || request.method !== "POST" || isSecret === true || isOpen === true)
    return undefined
  return Array.isArray(value) ? value.join() : value
}

async function begin(
  idempotency: Pick<Idempotency, "begin">,
  request: FastifyRequest,
  sent: { readonly key: string; readonly reach: string; readonly replaysAnyBody: boolean },
): Promise<KeptAnswer | RunningRequest | LostAnswer> {
  const { key, reach, replaysAnyBody } = sent
  if (!keyForm.test(key))
    throw new AppError("invalid", "The Idempotency-Key must be 1 to 255 visible ASCII characters.", {
      issues: [{ path: ["Idempotency-Key"], message: "must be 1 to 255 visible ASCII characters" }],
    })
  const { body, method, principal } = request
  const bytes = body instanceof Uint8Array ? body : JSON.stringify(body ?? null)
  const bodyHash = createHash("sha256").update(bytes).digest("hex")
  const route = `${method} ${request.raw.url ?? ""}${reach}`
  const way = request.routeOptions.config.remade
  const isRepeatable = way !== undefined && "isRepeatable" in way
  return idempotency.begin(
    { userId: principal.userId, route, key, bodyHash },
    { replaysAnyBody, isRepeatable },
  )
}

function replay(reply: FastifyReply, { status, contentType, body }: KeptAnswer): FastifyReply {
  return reply.code(status).header("idempotent-replayed", "true").type(contentType).send(Buffer.from(body))
}

/** null: nothing that can be kept. */
function answerOf(reply: FastifyReply, payload: unknown): KeptAnswer | null {
  const status = reply.statusCode
  if (status >= 400) return null
  const contentType = String(reply.getHeader("content-type") ?? "application/json; charset=utf-8")
  if (payload === undefined || payload === null) return { status, contentType, body: "" }
  if (typeof payload === "string") return { status, contentType, body: payload }
  return payload instanceof Uint8Array
    ? { status, contentType, body: Buffer.from(payload).toString("utf8") }
    : null
}
