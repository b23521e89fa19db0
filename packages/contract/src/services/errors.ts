import { issuesText, type ServiceHandlerName, type ServiceRefusal } from "./issues.ts"
import { reprOf } from "./python/repr.ts"

/** The kinds of refusal that clients tell apart by name. */
export type ServiceErrorName =
  | "CredentialsNotValid"
  | "EntityExistsError"
  | "IllegalOperationError"
  | "KeyError"
  | "NotImplementedError"
  | "RuntimeError"
  | "ValueError"

/** A refusal of the rules: a kind and a sentence. */
export interface RuleError {
  readonly detail: readonly [ServiceErrorName, string]
}
/** A refusal of a path, a query or a body that is not of its form. */
export type FormError = readonly ["ValueError", string]
/** A refusal before the request was looked into. */
export interface FrameError {
  readonly detail: string
}
/** The body of any refusal. */
export type ServiceError = RuleError | FormError | FrameError

export function ruleError(name: ServiceErrorName, message: string): RuleError {
  return { detail: [name, message] }
}

/** What was not found; the sentence stands in quotes, as Python prints the error of that name. */
export function keyError(message: string): RuleError {
  return ruleError("KeyError", reprOf(message))
}

export function frameError(message: string): FrameError {
  return { detail: message }
}

/** Status and body of a decoder's refusal. */
export function refusalBody(
  handler: ServiceHandlerName,
  refusal: ServiceRefusal,
): { readonly status: 400 | 422; readonly body: ServiceError } {
  switch (refusal.kind) {
    case "issues":
      return { status: 422, body: ["ValueError", issuesText(handler, refusal.issues)] }
    case "unreadable":
      return { status: 400, body: frameError(frameTexts.unreadable) }
    case "error":
      return { status: refusal.status, body: ruleError("ValueError", refusal.message) }
  }
}

/** Refusals before a request is looked into. */
export const frameTexts = {
  notAuthenticated: "Not authenticated",
  notFound: "Not Found",
  methodNotAllowed: "Method Not Allowed",
  noUploads: "File uploads are not allowed on this endpoint.",
  tooLarge: "Request Entity Too Large",
  unreadable: "There was an error parsing the body",
  unexpected: "An unexpected error occurred.",
  noUsername: "Invalid request: username is required.",
  noApiKey: "API key is required.",
} as const

/** The body of 429. */
export const busyError = { error: "Server too busy. Please try again later." } as const

/** The body of a fault of the server. */
export function unexpectedError(requestId: string): FrameError & { readonly request_id: string } {
  return { ...frameError(frameTexts.unexpected), request_id: requestId }
}

/** Refusals of tokens, passwords and keys. */
export const credentialTexts = {
  badToken: "Authentication error: error decoding access token: Invalid JWT token: Not enough segments.",
  badPassword: "Authentication error: invalid username or password",
  badApiKey: "Authentication error: error decoding API key",
} as const

/** A grant of POST /login that is not served. */
export function unsupportedGrant(grant: string): FrameError {
  return frameError(`Unsupported grant type: ${grant}`)
}

/** @param id as in the path, lower case with hyphens */
export function noService(id: string): RuleError {
  return keyError(`Unable to get service with ID '${id}': No service with this ID found`)
}

export function noStack(id: string): RuleError {
  return keyError(`Unable to get stack with ID '${id}': No stack with this ID found`)
}

/** @param isId whether what was asked for is a UUID */
export function noProject(nameOrId: string, isId: boolean): RuleError {
  const why = isId
    ? "No project with this ID found."
    : `'${nameOrId}' is not a valid  UUID and no project with this name exists.`
  return keyError(`Unable to get project with name or ID '${nameOrId}': ${why}`)
}

/** No project was named, and there is no default one. */
export function noProjectScope(): RuleError {
  return ruleError("ValueError", "Project scope missing from the filter")
}

/** @param kind what the service refers to */
export function noReference(
  kind: "pipeline run" | "model version",
  id: string,
  by: { readonly created: string } | { readonly updatedIn: string },
): RuleError {
  const [what, project] =
    "created" in by ? ["service being created", by.created] : ["service schema being updated", by.updatedIn]
  return keyError(
    `The ${kind} with ID ${id} referenced by the ${what} was not found in the '${project}' project`,
  )
}

export function sameConfig(name: string): RuleError {
  return ruleError(
    "EntityExistsError",
    `Unable to create service '${name}' with the given configuration: A service with the same configuration already exists.`,
  )
}

/** A page after the last. */
export function noPage(page: bigint, size: number, total: number, pages: number): RuleError {
  return ruleError(
    "ValueError",
    `Invalid page ${page}. The requested page size is ${size} and there are a total of ${total} items for this query. The maximum page value therefore is ${pages}.`,
  )
}

/** @param action `CREATE`, `READ`, `UPDATE` or `DELETE` */
export function notPermitted(action: "CREATE" | "READ" | "UPDATE" | "DELETE", resource: string): RuleError {
  return ruleError("IllegalOperationError", `Insufficient permissions to ${action} resource '${resource}'.`)
}
