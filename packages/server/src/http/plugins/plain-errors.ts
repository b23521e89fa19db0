import type { ErrorBody } from "@berth/contract/berth"
import { type AppError, type ErrorCode, type Issue } from "../../kit/errors.ts"
import type { ErrorAnswer, RequestPlace } from "./family.ts"

const statuses: Readonly<Record<ErrorCode, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  already_exists: 409,
  conflict: 409,
  stale: 409,
  too_large: 413,
  too_many: 429,
  insufficient: 422,
  unavailable: 503,
  unimplemented: 501,
  timeout: 504,
  internal: 500,
}

/** An error as `/berth/v1` words it; also for paths that belong to no family. */
export function plainErrorAnswer(error: AppError, place: RequestPlace): ErrorAnswer {
  const body: ErrorBody = {
    code: error.code,
    message: error.message,
    details: error.issues.map((issue) => ({ path: pathText(issue), message: issue.message })),
    requestId: place.requestId,
  }
  return { status: statusOf(error), body }
}

function statusOf(error: AppError): number {
  if (error.code === "not_found" && error.detail === "method") return 405
  if (error.code === "not_found" && error.detail === "cursor_gone") return 410
  return statuses[error.code]
}

/** `["policy", "scopes", 0]` → `policy.scopes[0]`. */
function pathText(issue: Issue): string {
  let text = ""
  for (const step of issue.path) {
    if (typeof step === "number") text += `[${step}]`
    else text += text === "" ? step : `.${step}`
  }
  return text
}
