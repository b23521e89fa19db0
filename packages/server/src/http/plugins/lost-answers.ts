import type { FastifyRequest } from "fastify"
import type { KeptAnswer, LostAnswer, Subject, SubjectKind } from "../../domain/journal/index.ts"
import { AppError } from "../../kit/errors.ts"

/**
 * How a POST is answered that was carried out, and whose answer was lost with the server (DESIGN 5): anew, of what its
 * first event is about, after rights were checked again.
 */
export type RemadeAnswer =
  /** It is done again: that does no harm, and gives the answer. */
  | { readonly isRepeatable: true }
  | {
      readonly kind: SubjectKind
      /** @returns null: it cannot be told any more. */
      readonly remake: (id: string, request: FastifyRequest) => Promise<KeptAnswer | null> | KeptAnswer
    }

declare module "fastify" {
  interface FastifyContextConfig {
    /** Default: nobody knows the answer; a 409 says that it was carried out. */
    readonly remade?: RemadeAnswer
  }
}

export const repeatable: RemadeAnswer = { isRepeatable: true }

/** The answer is made of the id alone. @param body of an answer, as it is sent */
export function remadeOfId(
  kind: SubjectKind,
  body: (id: string) => string,
  contentType = "application/json; charset=utf-8",
): RemadeAnswer {
  return { kind, remake: (id) => ({ status: 200, contentType, body: body(id) }) }
}

interface ReadOptions {
  /** Of the POST. Default 200. */
  readonly status?: number
  /** What of the answer of the GET is the POST's. Default: all. */
  readonly pick?: (read: never) => object
}

/** The answer is that of the GET of what was made, by the same caller. */
export function remadeByReading(
  kind: SubjectKind,
  path: (id: string) => string,
  { status = 200, pick }: ReadOptions = {},
): RemadeAnswer {
  async function remake(id: string, request: FastifyRequest): Promise<KeptAnswer | null> {
    const { authorization, cookie, host } = request.headers
    const sent = { authorization, cookie, host }
    const headers = Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== undefined))
    const read = await request.server.inject({
      method: "GET",
      url: path(id),
      headers: headers as Record<string, string>,
      remoteAddress: request.ip,
    })
    if (read.statusCode !== 200) return null
    const contentType = read.headers["content-type"] ?? "application/json"
    const body = pick ? JSON.stringify(pick(read.json())) : read.body
    return { status, contentType, body }
  }
  return { kind, remake }
}

/** Makes a lost answer anew, and keeps it for whoever asks next. @throws AppError `conflict` detail `answer_lost` */
export async function remakeAnswer(lost: LostAnswer, request: FastifyRequest): Promise<KeptAnswer> {
  const made = await remade(lost.about, request)
  if (made === null) throw answerLost()
  await lost.keep(made)
  return made
}

async function remade(about: Subject | null, request: FastifyRequest): Promise<KeptAnswer | null> {
  const way = request.routeOptions.config.remade
  if (!way || !("kind" in way) || about?.kind !== way.kind) return null
  return way.remake(about.id, request)
}

function answerLost(): AppError {
  return new AppError(
    "conflict",
    "The request with this Idempotency-Key was carried out, but its answer was lost: look what is there.",
    { detail: "answer_lost" },
  )
}
