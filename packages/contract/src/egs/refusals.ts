import type { Refusal } from "../common/index.ts"
import { detailedErrorText, type DetailedError, type EgsError } from "./envelope.ts"

type EgsRefusal = Refusal & { readonly example: EgsError }

/** Turned away before it was looked into. */
function plain(description: string, status: number, word: string, message: string): EgsRefusal {
  const error = { errorKey: word, message, data: null }
  return { description, example: { statusCode: status, status: word, message, error } }
}

/** Looked into and refused. */
function detailed(description: string, short: string, detail: Partial<DetailedError>): EgsRefusal {
  const full: DetailedError = {
    message: "",
    status: 500,
    errorMessage: "",
    reason: "",
    details: "",
    documentation: "NA",
    ...detail,
  }
  return {
    description,
    example: {
      statusCode: full.status,
      status: "Error",
      message: short,
      data: null,
      error: { errorKey: "", message: short, data: detailedErrorText(full) },
    },
  }
}

/** What every status that the EGS API refuses with means, and how it looks (reference/egs.md 1.4). */
export const refusals: Readonly<Record<number, EgsRefusal>> = {
  400: plain(
    "The body is not JSON, or the request is malformed.",
    400,
    "BAD_REQUEST",
    "The body is not valid JSON.",
  ),
  401: plain(
    "No token, or one that is unknown, expired or revoked.",
    401,
    "UNAUTHENTICATED",
    "Unauthenticated",
  ),
  403: plain("Known, but not allowed.", 403, "FORBIDDEN", "The user is not allowed to create GPU requests."),
  404: detailed("There is no such thing, or the caller may not know of it.", "Slice Workspace Not Found", {
    message: "Error in listing GPR's for slice evening-x",
    status: 404,
    errorMessage: 'sliceconfigs.controller.kubeslice.io "evening-x" not found',
    reason: "NotFound",
  }),
  409: detailed("It is there already, or it changed meanwhile.", "Already Exists", {
    message: "Error while creating GPR template",
    status: 409,
    errorMessage: 'gprtemplates.gpr.kubeslice.io "t4" already exists',
    reason: "AlreadyExists",
  }),
  413: plain(
    "The body is larger than 256 KiB.",
    413,
    "PAYLOAD_TOO_LARGE",
    "The body is larger than 262144 bytes.",
  ),
  422: detailed("The request breaks a rule; the first one that it breaks is named.", "Bad Request", {
    message: "Error while fetching GPR wait time",
    status: 422,
    errorMessage: '"exitDuration" is not allowed to be empty',
  }),
  429: plain(
    "The key asks too often, or the workspace has as many queued GPU requests as it may: see `Retry-After`.",
    429,
    "TOO_MANY_REQUESTS",
    "Too many requests.",
  ),
  500: detailed("Its state does not allow it; or a fault of the server.", "Cannot delete", {
    message: "Error while deleting GPR",
    errorMessage: "Cannot delete GPR in Successful state",
  }),
  501: plain("Not built yet.", 501, "NOT_IMPLEMENTED", "This is not possible yet."),
  503: plain(
    "Starting, shutting down, or its disk is full: see `Retry-After`.",
    503,
    "SERVICE_UNAVAILABLE",
    "The server is starting.",
  ),
  504: plain(
    "It took longer than 30 s and was given up.",
    504,
    "GATEWAY_TIMEOUT",
    "The request took too long and was given up.",
  ),
}
