import type { FastifyRequest } from "fastify"
import type { Refusal } from "../../domain/journal/index.ts"
import type { AppError } from "../../kit/errors.ts"
import { failedSignInsDetail } from "./limits.ts"
import { operationOf, type RequestTrace } from "./access-log.ts"

/**
 * What of an answered request goes into the audit as refused: missing rights and credentials whatever was asked for,
 * and every other refusal of a change by somebody who is known. undefined for all else. Nothing that the caller
 * wrote is in it: no path, no body, no token.
 */
export function refusalOf(request: FastifyRequest, trace: RequestTrace, status: number): Refusal | undefined {
  const { failure } = trace
  if (!failure || status < 400 || status >= 500 || request.routeOptions.url === undefined) return undefined
  const actor = request.heldPrincipal?.actor ?? null
  const isRead = request.method === "GET" || request.method === "HEAD"
  if (!isAboutRights(failure) && (isRead || actor === null)) return undefined
  const { code, detail } = failure
  return { actor, address: request.ip, operation: operationOf(request), status, code, detail }
}

function isAboutRights({ code, detail }: AppError): boolean {
  return code === "unauthenticated" || code === "forbidden" || detail === failedSignInsDetail
}
