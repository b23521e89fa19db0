import { AppError, type Issue } from "../../kit/errors.ts"

/** What Ajv says about one place, as far as it is used here. */
interface AjvFault {
  readonly instancePath: string
  readonly keyword: string
  readonly message?: string
  readonly params: Readonly<Record<string, unknown>>
}

/** What Fastify puts on its errors. */
interface ForeignError {
  readonly code?: unknown
  readonly statusCode?: unknown
  readonly validation?: readonly AjvFault[]
}

/** More than these are not listed: the first ones are enough to act on, and a hostile body could have thousands. */
const mostIssues = 50

/**
 * Turns whatever reached the error handler into an AppError: the one place where errors of Fastify, Ajv and Node are
 * translated.
 * @param bodyLimit of the family, for the fact `limitBytes`
 */
export function appErrorFrom(thrown: unknown, bodyLimit: number): AppError {
  if (thrown instanceof AppError) return thrown
  if (!(thrown instanceof Error)) return AppError.from(thrown)
  const { code, statusCode, validation } = thrown as ForeignError
  if (validation) return invalidBody(validation)
  switch (code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return tooLarge(bodyLimit, thrown)
    case "FST_ERR_BAD_URL":
      return new AppError("invalid", "The path is not a valid URL.", { detail: "bad_url", cause: thrown })
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return new AppError("invalid", "The body is not as long as Content-Length says.", { cause: thrown })
    case "ECONNRESET":
      return new AppError("invalid", "The client went away.", { detail: "aborted", cause: thrown })
    default:
      return typeof statusCode === "number" && statusCode >= 400 && statusCode < 500
        ? new AppError("invalid", "The request is malformed.", { cause: thrown })
        : AppError.from(thrown)
  }
}

/** @param limitBytes what the family takes */
export function tooLarge(limitBytes: number, cause?: unknown): AppError {
  return new AppError("too_large", `The body is larger than ${limitBytes} bytes.`, {
    facts: { limitBytes },
    cause,
  })
}

function invalidBody(faults: readonly AjvFault[]): AppError {
  const byPlace = new Map<string, Issue>()
  for (const fault of faults) {
    // The alternatives of a union each say their own; that none matched adds nothing.
    if (fault.keyword === "anyOf" || byPlace.size >= mostIssues) continue
    const issue = issueOf(fault)
    const place = JSON.stringify(issue.path)
    const before = byPlace.get(place)
    if (!before) byPlace.set(place, issue)
    else if (!before.message.includes(issue.message))
      byPlace.set(place, { path: before.path, message: `${before.message} or ${issue.message}` })
  }
  const issues = [...byPlace.values()]
  return new AppError("invalid", "The body does not have the right form.", { issues })
}

function issueOf(fault: AjvFault): Issue {
  const path = pointerSteps(fault.instancePath)
  const { params } = fault
  switch (fault.keyword) {
    case "additionalProperties":
      return { path: [...path, String(params["additionalProperty"])], message: "is not known" }
    case "required":
      return { path: [...path, String(params["missingProperty"])], message: "is required" }
    case "enum": {
      const allowed = Array.isArray(params["allowedValues"]) ? params["allowedValues"] : []
      return { path, message: `must be one of ${allowed.join(", ")}` }
    }
    case "minLength":
      return { path, message: `must have at least ${String(params["limit"])} characters` }
    case "maxLength":
      return { path, message: `must have at most ${String(params["limit"])} characters` }
    default:
      return { path, message: fault.message ?? "is not valid" }
  }
}

/** JSON pointer → steps, array indexes as numbers. */
function pointerSteps(pointer: string): (string | number)[] {
  if (pointer === "") return []
  return pointer
    .slice(1)
    .split("/")
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((step) => (/^\d{1,9}$/.test(step) ? Number(step) : step))
}
