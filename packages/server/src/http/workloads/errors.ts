import type { WorkloadsError } from "@berth/contract/workloads"
import type { AppError } from "../../kit/errors.ts"
import { assertNever } from "../../kit/errors.ts"
import type { ErrorAnswer } from "../plugins/family.ts"

/** Largest request body of the family in bytes. */
export const bodyLimitBytes = 2 * 1024 * 1024

/** An error in this API's words, for an answer of its own or for one entry of a batch. */
export interface WordedError {
  readonly status: number
  readonly body: WorkloadsError
}

/** Turns an error into this API's status, code and sentence. Never shows a cause. */
export function wordError(error: AppError): WordedError {
  switch (error.code) {
    case "invalid":
      return worded(400, "Primus.00002", `Bad request. ${issueText(error)}`)
    case "unauthenticated":
      return worded(401, "Primus.00009", unauthenticatedText(error))
    case "forbidden":
      return worded(403, "Primus.00003", error.message)
    case "not_found":
      return wordNotFound(error)
    case "already_exists":
      return worded(409, "Primus.00004", error.message)
    case "conflict":
      return wordConflict(error)
    case "stale":
      return worded(409, "Primus.00010", error.message)
    case "too_large":
      return worded(413, "Primus.00006", tooLargeText(error))
    // The table has no code for 429; "quota" comes closest to a rate, queue or stream limit.
    case "too_many":
      return worded(429, "Primus.00008", error.message)
    case "insufficient":
      return worded(503, "Primus.00008", error.message)
    // "Not ready": the only other code of the table that stands for 503.
    case "unavailable":
      return worded(503, "Primus.03001", error.message)
    case "unimplemented":
      return worded(501, "Primus.00007", error.message)
    case "timeout":
      return worded(504, "Primus.00001", `Internal error. ${error.message}`)
    case "internal":
      return worded(500, "Primus.00001", `Internal error. ${error.message}`)
    default:
      return assertNever(error.code)
  }
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

function wordNotFound(error: AppError): WordedError {
  const name = error.subject
  switch (error.resource) {
    case "workload":
      return worded(404, "Primus.01001", name === undefined ? error.message : `Workload ${name} not found.`)
    case "workspace":
      return worded(404, "Primus.02001", name === undefined ? error.message : `Workspace ${name} not found.`)
    case "pod":
      return worded(404, "Primus.00005", name === undefined ? error.message : `pods "${name}" not found`)
    case "node":
      return worded(404, "Primus.03002", error.message)
    case "route":
      return worded(404, "Primus.00005", `${name ?? ""} not found`)
    default:
      return worded(404, "Primus.00005", error.message)
  }
}

function wordConflict(error: AppError): WordedError {
  // Upstream refuses what a dispatched job cannot change as forbidden, not as a conflict.
  if (error.detail === "scheduled") return worded(403, "Primus.00003", error.message)
  return worded(409, "Primus.00012", error.message)
}

function unauthenticatedText(error: AppError): string {
  if (error.detail === "missing") return "token not present"
  if (error.detail === "invalid") return "The user's token is invalid, please login first"
  return error.message
}

function tooLargeText(error: AppError): string {
  const limit = error.facts["limitBytes"] ?? bodyLimitBytes
  return `Request entity is too large: the max length is ${limit} bytes`
}
