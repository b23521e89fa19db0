import type { WorkloadsError } from "@berth/contract/workloads"
import type { AppError, ErrorCode } from "../../kit/errors.ts"
import type { ErrorAnswer } from "../plugins/family.ts"

/** Largest request body of the family in bytes. */
export const bodyLimitBytes = 2 * 1024 * 1024

/** An error in this API's words, for an answer of its own or for one entry of a batch. */
export interface WordedError {
  readonly status: number
  readonly body: WorkloadsError
}

type Wording = (error: AppError) => WordedError

/** How each code is answered: every one, or this does not compile. */
const wordings: Readonly<Record<ErrorCode, Wording>> = {
  invalid: (error) => worded(400, "Primus.00002", `Bad request. ${issueText(error)}`),
  unauthenticated: (error) => worded(401, "Primus.00009", unauthenticatedText(error)),
  forbidden: (error) =>
    worded(
      403,
      "Primus.00003",
      error.detail === "frozen" ? "The user is restricted. type: 1" : error.message,
    ),
  not_found: (error) => (missingThings[error.resource ?? ""] ?? missingAnything)(error),
  already_exists: (error) => worded(409, "Primus.00004", error.message),
  conflict: wordConflict,
  stale: (error) => worded(409, "Primus.00010", error.message),
  too_large: (error) => worded(413, "Primus.00006", tooLargeText(error)),
  // The table has no code for 429; "quota" comes closest to a rate, queue or stream limit.
  too_many: (error) => worded(429, "Primus.00008", error.message),
  insufficient: (error) => worded(503, "Primus.00008", error.message),
  // "Not ready": the only other code of the table that stands for 503.
  unavailable: (error) => worded(503, "Primus.03001", error.message),
  unimplemented: (error) => worded(501, "Primus.00007", error.message),
  timeout: (error) => worded(504, "Primus.00001", `Internal error. ${error.message}`),
  internal: (error) => worded(500, "Primus.00001", `Internal error. ${error.message}`),
}

const missingThings: Readonly<Record<string, Wording>> = {
  workload: (error) => missing("Primus.01001", error, (name) => `Workload ${name} not found.`),
  workspace: (error) => missing("Primus.02001", error, (name) => `Workspace ${name} not found.`),
  pod: (error) => missing("Primus.00005", error, (name) => `pods "${name}" not found`),
  node: (error) => missing("Primus.03002", error, () => error.message),
  route: (error) => missing("Primus.00005", error, (name) => `${name} not found`),
}

function missingAnything(error: AppError): WordedError {
  return worded(404, "Primus.00005", error.message)
}

/** Turns an error into this API's status, code and sentence. Never shows a cause. */
export function wordError(error: AppError): WordedError {
  return wordings[error.code](error)
}

/** The same as an answer. */
export function workloadsErrorAnswer(error: AppError): ErrorAnswer {
  return wordError(error)
}

function worded(status: number, errorCode: string, errorMessage: string): WordedError {
  return { status, body: { errorCode, errorMessage } }
}

function issueText(error: AppError): string {
  const messages = error.issues.map((issue) => issue.message)
  const [first] = messages
  if (first === undefined) return error.message
  return messages.length === 1 ? first : `[${messages.join(", ")}]`
}

function missing(code: string, error: AppError, sentence: (name: string) => string): WordedError {
  return worded(404, code, error.subject === undefined ? error.message : sentence(error.subject))
}

function wordConflict(error: AppError): WordedError {
  // Upstream refuses what a dispatched job cannot change as forbidden, not as a conflict.
  if (error.detail === "scheduled") return worded(403, "Primus.00003", error.message)
  return worded(409, "Primus.00012", error.message)
}

function unauthenticatedText(error: AppError): string {
  if (error.detail === "missing") return "token not present"
  if (error.detail === "invalid" || error.detail === "not_bearer")
    return "The user's token is invalid, please login first"
  return error.message
}

function tooLargeText(error: AppError): string {
  const limit = error.facts["limitBytes"] ?? bodyLimitBytes
  return `Request entity is too large: the max length is ${limit} bytes`
}
