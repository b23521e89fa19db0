import { detailedErrorText, type EgsError } from "@berth/contract/egs"
import type { AppError, ErrorCode } from "../../kit/errors.ts"
import type { ErrorAnswer, RequestPlace } from "../plugins/family.ts"
import { gprWords } from "./gpr-words.ts"
import { conflict, exists, invalid, missing, type OperationWords, type Refused } from "./words.ts"
import { workspaceWords } from "./workspace-words.ts"

/** Whose words: the document's, or those that its server was seen to send (reference/egs.md 1.1, 2.3). */
export const dialects = ["seed", "upstream"] as const
export type EgsDialect = (typeof dialects)[number]

/** The media type of every answer. */
export const contentType = "application/json"

const operations: Readonly<Record<string, OperationWords>> = { ...gprWords, ...workspaceWords }

/** Words an error in the given dialect. Never shows a cause. */
export function createErrorAnswer(
  dialect: EgsDialect,
): (error: AppError, place: RequestPlace) => ErrorAnswer {
  return (error, place) => {
    const operation = operations[operationKey(place)]
    const refused = operation && refusedBy(operation, error)
    const body = operation && refused ? detailed(operation, refused, error, dialect) : plain(error)
    return { status: body.statusCode, body, headers: { "content-type": contentType } }
  }
}

function operationKey({ method, url }: RequestPlace): string {
  return `${method === "HEAD" ? "GET" : method} ${url.split("?", 1)[0] ?? ""}`
}

/** undefined = turned away before it was looked into. */
function refusedBy(operation: OperationWords, error: AppError): Refused | undefined {
  return operation.refuse?.(error) ?? wordings[error.code].refuse?.(error, operation)
}

function detailed(
  operation: OperationWords,
  refused: Refused,
  error: AppError,
  dialect: EgsDialect,
): EgsError {
  const { status, short, errorText = short, said, reason, details } = refused
  const isSeed = dialect === "seed"
  const data = detailedErrorText({
    message: operation.doing(error),
    status,
    errorMessage: said,
    reason,
    details,
    documentation: operation.documentation ?? "NA",
  })
  return {
    statusCode: status,
    status: isSeed ? "Error" : "UNKNOWN",
    message: isSeed ? short : "UNKNOWN",
    data: null,
    error: { errorKey: isSeed ? "" : "UNKNOWN", message: isSeed ? errorText : "UNKNOWN", data },
  }
}

/** How each code is worded: every one, or this does not compile. */
interface Wording {
  /** Status and word of what was turned away, or went wrong, before anything was looked into. */
  readonly status: number
  readonly word: string
  /** What was looked into; absent = such a code never is. */
  readonly refuse?: (error: AppError, operation: OperationWords) => Refused | undefined
}

const wordings: Readonly<Record<ErrorCode, Wording>> = {
  invalid: {
    status: 400,
    word: "BAD_REQUEST",
    refuse: (error, { invalidText }) => (error.issues.length === 0 ? undefined : invalid(error, invalidText)),
  },
  unauthenticated: { status: 401, word: "UNAUTHENTICATED" },
  forbidden: { status: 403, word: "FORBIDDEN" },
  not_found: {
    status: 404,
    word: "NOT_FOUND",
    refuse: (error, operation) =>
      error.resource === "route" ? undefined : missing(error, operation.missing),
  },
  already_exists: { status: 409, word: "CONFLICT", refuse: exists },
  conflict: { status: 409, word: "CONFLICT", refuse: conflict },
  stale: { status: 409, word: "CONFLICT", refuse: conflict },
  too_large: { status: 413, word: "PAYLOAD_TOO_LARGE" },
  too_many: { status: 429, word: "TOO_MANY_REQUESTS" },
  insufficient: { status: 422, word: "UNPROCESSABLE_ENTITY", refuse: (error) => invalid(error) },
  unavailable: { status: 503, word: "SERVICE_UNAVAILABLE" },
  unimplemented: { status: 501, word: "NOT_IMPLEMENTED" },
  timeout: { status: 504, word: "GATEWAY_TIMEOUT" },
  internal: { status: 500, word: "INTERNAL_SERVER_ERROR" },
}

function plain(error: AppError): EgsError {
  if (error.code === "invalid" && error.detail === "key_misconfigured")
    return plainBody(
      400,
      "UNHANDLED_REQUEST_ERROR",
      "Api Key Configuration is invalid. Request a new API-key or contact administrator",
    )
  const { status, word } = wordings[error.code]
  return plainBody(status, word, plainText(error))
}

function plainText(error: AppError): string {
  if (error.code === "unauthenticated")
    return error.detail === "expired" ? "Api Key has expired" : "Unauthenticated"
  if (error.resource === "route") return `${error.subject ?? ""} not found`
  return error.message
}

function plainBody(statusCode: number, word: string, message: string): EgsError {
  return { statusCode, status: word, message, error: { errorKey: word, message, data: null } }
}
