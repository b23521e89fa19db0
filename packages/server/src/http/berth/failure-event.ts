import type { FastifyRequest } from "fastify"
import { AppError } from "../../kit/errors.ts"
import { plainErrorAnswer } from "../plugins/plain-errors.ts"
import { sseEvent } from "../plugins/streams.ts"

/** The `error` event of a stream that fails after its head was sent; the request's log line says it too. */
export function failureEvent(thrown: unknown, request: FastifyRequest): string {
  const error = noteFailure(thrown, request)
  const place = { method: request.method, url: request.url, requestId: request.id }
  return sseEvent({ event: "error", data: plainErrorAnswer(error, place).body })
}

/** Leaves the failure for the request's log line. */
export function noteFailure(thrown: unknown, request: FastifyRequest): AppError {
  const error = AppError.from(thrown)
  request.trace.failure = error
  return error
}
