import type { AppError, ErrorCode } from "../../kit/errors.ts"

/** What every error of this API is, over HTTP and gRPC: exactly these two, never another member. */
export interface RpcStatus {
  /** A gRPC status code. */
  readonly code: number
  readonly message: string
}

export const rpcCodes = {
  invalidArgument: 3,
  notFound: 5,
  permissionDenied: 7,
  deadlineExceeded: 4,
  alreadyExists: 6,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const

const codes: Readonly<Record<ErrorCode, number>> = {
  invalid: rpcCodes.invalidArgument,
  unauthenticated: rpcCodes.unauthenticated,
  forbidden: rpcCodes.permissionDenied,
  not_found: rpcCodes.notFound,
  already_exists: rpcCodes.alreadyExists,
  conflict: rpcCodes.aborted,
  stale: rpcCodes.aborted,
  too_large: rpcCodes.resourceExhausted,
  too_many: rpcCodes.resourceExhausted,
  insufficient: rpcCodes.failedPrecondition,
  unavailable: rpcCodes.unavailable,
  unimplemented: rpcCodes.unimplemented,
  timeout: rpcCodes.deadlineExceeded,
  internal: rpcCodes.internal,
}

const httpStatuses: Readonly<Record<number, number>> = {
  3: 400,
  4: 504,
  5: 404,
  6: 409,
  7: 403,
  8: 429,
  9: 400,
  10: 409,
  12: 501,
  13: 500,
  14: 503,
  16: 401,
}

/** An error as this API says it. The words of an operation are in it already (faults.ts). */
export function statusOf(error: AppError): RpcStatus {
  if (error.code === "not_found" && error.resource === "route")
    return error.detail === "method"
      ? { code: rpcCodes.unimplemented, message: "Method Not Allowed" }
      : { code: rpcCodes.notFound, message: "Not Found" }
  if (error.code === "conflict" && error.detail === "not_ready")
    return { code: rpcCodes.failedPrecondition, message: error.message }
  return { code: codes[error.code], message: error.message }
}

/** The HTTP status of the same error. */
export function httpStatusOf(error: AppError): number {
  return error.code === "too_large" ? 413 : (httpStatuses[statusOf(error).code] ?? 500)
}
