import type { FastifyInstance } from "fastify"
import { AppError } from "../../kit/errors.ts"

/** A media type as Fastify takes it without complaint. */
const mediaType = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/

/**
 * Makes every body of the scope arrive as a Buffer of at most `bodyLimit` bytes, an empty one as undefined, whatever
 * its content type says (clients of the published APIs send JSON as form data, as text and as nothing at all).
 */
export function takeBuffers(scope: FastifyInstance, bodyLimit: number): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser("*", { parseAs: "buffer", bodyLimit }, (_request, body, done) => {
    done(null, body.length === 0 ? undefined : body)
  })
  scope.addHook("onRequest", (request, _reply, done) => {
    const { headers } = request
    const type = headers["content-type"]
    // Fastify answers 415 to a type that it cannot parse before any parser is asked.
    if (type !== undefined && type !== "application/json") {
      const media = (type.split(";", 1)[0] ?? "").trim().toLowerCase()
      headers["content-type"] = mediaType.test(media) ? media : "application/octet-stream"
    }
    done()
  })
}

const utf8 = new TextDecoder("utf-8", { fatal: true })

/**
 * The JSON value of a body taken by `takeBuffers`; undefined for none.
 * @throws AppError `invalid` for bytes that are not UTF-8 or not JSON; its message repeats nothing of the body
 */
export function jsonOf(body: unknown): unknown {
  if (body === undefined) return undefined
  if (!(body instanceof Uint8Array)) throw new AppError("internal", "A body was not taken as bytes.")
  try {
    return JSON.parse(utf8.decode(body)) as unknown
  } catch {
    // No cause: the parser's message quotes the body, which may hold a secret.
    throw new AppError("invalid", "The body is not valid JSON.", {
      issues: [{ path: [], message: "is not valid JSON" }],
    })
  }
}
