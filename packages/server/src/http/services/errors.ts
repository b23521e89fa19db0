import {
  busyError,
  credentialTexts,
  frameError,
  frameTexts,
  keyError,
  noProject,
  noService,
  notPermitted,
  refusalBody,
  ruleError,
  sameConfig,
  unexpectedError,
  type ServiceError,
  type ServiceErrorName,
  type ServiceHandlerName,
  type ServiceRead,
  type ServiceRefusal,
} from "@berth/contract/services"
import { AppError, type ErrorCode } from "../../kit/errors.ts"
import type { ErrorAnswer, RequestPlace } from "../plugins/family.ts"

/** A refusal whose words are found already: only the operation knew them. */
export class WordedError extends AppError {
  readonly status: number
  readonly body: ServiceError

  constructor(code: ErrorCode, status: number, body: ServiceError) {
    super(code, "The request was refused.", { detail: "worded" })
    this.status = status
    this.body = body
  }
}

/** Refuses what a decoder does not take. */
export function refused(handler: ServiceHandlerName, refusal: ServiceRefusal): WordedError {
  const { status, body } = refusalBody(handler, refusal)
  return new WordedError("invalid", status, body)
}

/** @throws WordedError when it was not taken */
export function valueOf<T>(handler: ServiceHandlerName, read: ServiceRead<T>): T {
  if (read.ok) return read.value
  throw refused(handler, read.refusal)
}

/** A status and a body of this API. */
interface Worded {
  readonly status: number
  readonly body: ServiceError | typeof busyError
}
type Wording = (error: AppError, place: RequestPlace) => Worded

/** How each code is answered: every one, or this does not compile. */
const wordings: Readonly<Record<ErrorCode, Wording>> = {
  invalid: ({ message }) => ({ status: 400, body: frameError(message) }),
  unauthenticated: (error) => ({ status: 401, body: unauthenticatedBody(error) }),
  forbidden: (error, place) => ({ status: 403, body: forbiddenBody(error, place) }),
  not_found: (error, place) =>
    error.resource === "route" ? nowhere(place) : { status: 404, body: missingBody(error) },
  already_exists: (error) => ({
    status: 409,
    body:
      error.resource === "service-record"
        ? sameConfig(error.subject ?? "")
        : ruleError("EntityExistsError", error.message),
  }),
  conflict: (error) => ruled(409, "IllegalOperationError", error),
  stale: (error) => ruled(409, "IllegalOperationError", error),
  too_large: () => ({ status: 413, body: frameError(frameTexts.tooLarge) }),
  too_many: () => ({ status: 429, body: busyError }),
  insufficient: (error) => ruled(422, "ValueError", error),
  unavailable: (error) => ruled(503, "RuntimeError", error),
  unimplemented: (error) => ruled(501, "NotImplementedError", error),
  timeout: (error) => ruled(504, "RuntimeError", error),
  internal: (_error, { requestId }) => ({ status: 500, body: unexpectedError(requestId) }),
}

/** Words an error in one of the three forms of this API. Never shows a cause. */
export function servicesErrorAnswer(error: AppError, place: RequestPlace): ErrorAnswer {
  const { status, body } = error instanceof WordedError ? error : wordings[error.code](error, place)
  return { status, body, headers: { "content-type": "application/json" } }
}

function ruled(status: number, name: ServiceErrorName, { message }: AppError): Worded {
  return { status, body: ruleError(name, message) }
}

/** A method that a path does not have, and on a path that is not known any but GET. */
function nowhere({ method }: RequestPlace): Worded {
  return method === "GET"
    ? { status: 404, body: frameError(frameTexts.notFound) }
    : { status: 405, body: frameError(frameTexts.methodNotAllowed) }
}

function unauthenticatedBody({ detail, message }: AppError): ServiceError {
  if (detail === "missing" || detail === "not_bearer") return frameError(frameTexts.notAuthenticated)
  return ruleError("CredentialsNotValid", detail === "invalid" ? credentialTexts.badToken : message)
}

const actions: Readonly<Record<string, Parameters<typeof notPermitted>[0]>> = {
  GET: "READ",
  POST: "CREATE",
  PUT: "UPDATE",
  DELETE: "DELETE",
}

function forbiddenBody({ facts, message }: AppError, { method }: RequestPlace): ServiceError {
  const { operation } = facts
  const action = actions[method]
  return action !== undefined && typeof operation === "string" && operation.startsWith("service.")
    ? notPermitted(action, "service")
    : ruleError("IllegalOperationError", message)
}

function missingBody({ resource, subject = "", message }: AppError): ServiceError {
  if (resource === "service-record") return noService(subject)
  return resource === "workspace" ? noProject(subject, false) : keyError(message)
}
