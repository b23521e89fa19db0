import type { FastifyRequest } from "fastify"
import type { Refusal } from "../../domain/journal/index.ts"
import type { AppError } from "../../kit/errors.ts"
import { failedSignInsDetail } from "../../domain/identity/index.ts"
import { operationOf, type RequestTrace } from "./access-log.ts"

/** What the audit looks at of a request, whatever brought it. */
export interface AnsweredRequest {
  readonly actor: Refusal["actor"]
  readonly address: string
  readonly operation: string
  /** Of HTTP. */
  readonly status: number
  readonly isRead: boolean
  readonly failure: AppError | null
}

/**
 * What of an answered request goes into the audit as refused: missing rights and credentials whatever was asked for,
 * and every other refusal of a change by somebody who is known. undefined for all else. Nothing that the caller
 * wrote is in it: no path, no body, no token.
 */
export function refusalOfAnswered(request: AnsweredRequest): Refusal | undefined {
  const { actor, address, operation, status, isRead, failure } = request
  if (!failure || status < 400 || status >= 500) return undefined
  if (!isAboutRights(failure) && (isRead || actor === null)) return undefined
  const { code, detail } = failure
  return { actor, address, operation, status, code, detail }
}

/** `refusalOfAnswered` for requests of HTTP; undefined too where there is no route. */
export function refusalOf(request: FastifyRequest, trace: RequestTrace, status: number): Refusal | undefined {
  if (request.routeOptions.url === undefined) return undefined
  return refusalOfAnswered({
    actor: request.heldPrincipal?.actor ?? null,
    address: request.ip,
    operation: operationOf(request),
    status,
    isRead: request.method === "GET" || request.method === "HEAD",
    failure: trace.failure,
  })
}

function isAboutRights({ code, detail }: AppError): boolean {
  return code === "unauthenticated" || code === "forbidden" || detail === failedSignInsDetail
}
