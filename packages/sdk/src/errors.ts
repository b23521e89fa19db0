/** One fault of a request, as the server names it. */
export interface BerthErrorDetail {
  /** Where: `policy.scopes[0]`; "" = the whole. */
  readonly path: string
  /** What is wrong there. */
  readonly message: string
}

/** What an error is made from; see {@link BerthError}. */
export interface BerthErrorFacts {
  /** 0 = no answer. */
  readonly status: number
  /** The server's, or `unreachable`, `timeout`, `broken`, `invalid`. */
  readonly code: string
  /** Absent or null = unknown. */
  readonly requestId?: string | null
  /** Absent = none. */
  readonly details?: readonly BerthErrorDetail[]
  /** Absent or null = not said. */
  readonly retryAfterMs?: number | null
  /** What was caught. */
  readonly cause?: unknown
}

/**
 * The one error of the SDK. `status` is the HTTP status, 0 where no answer came: then `code` is
 * `unreachable` (no connection), `timeout` (the deadline passed) or `broken` (the answer could not be read).
 * Otherwise `code` is the server's own (`not_found`, `Primus.01001`, …) and `message` its sentence.
 * A call that was aborted by its signal rejects with the signal's reason, not with this.
 */
export class BerthError extends Error {
  /** HTTP status; 0 where no answer came. */
  readonly status: number
  /** A word to decide by: the server's, or one of the above. */
  readonly code: string
  /** Quote it when asking whoever runs the server. */
  readonly requestId: string | null
  /** Each fault of the request; empty where it is not about its form. */
  readonly details: readonly BerthErrorDetail[]
  /** When a retry makes sense, as the server says; null = it does not say. */
  readonly retryAfterMs: number | null

  constructor(message: string, facts: BerthErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = "BerthError"
    this.status = facts.status
    this.code = facts.code
    this.requestId = facts.requestId ?? null
    this.details = facts.details ?? []
    this.retryAfterMs = facts.retryAfterMs ?? null
  }
}

/** Whether the server could not be reached at all, so that the call surely or possibly did nothing. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof BerthError && error.status === 0
}

const longestMessage = 2000

/** Makes the error of an answer: understands the form of every family, and plain text from proxies. */
export function errorFromAnswer(status: number, headers: Headers, body: string): BerthError {
  const said = readErrorBody(body)
  const requestId = said.requestId ?? headers.get("x-request-id")
  return new BerthError((said.message || `The server answered ${status}.`).slice(0, longestMessage), {
    status,
    code: said.code || `http_${status}`,
    requestId,
    details: said.details,
    retryAfterMs: retryAfterMs(headers.get("retry-after")),
  })
}

interface Said {
  readonly code: string
  readonly message: string
  readonly requestId: string | null
  readonly details: readonly BerthErrorDetail[]
}

function readErrorBody(body: string): Said {
  const nothing: Said = { code: "", message: "", requestId: null, details: [] }
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    const isPage = /<html/i.test(body)
    return { ...nothing, message: isPage ? "" : body.trim().split("\n", 1).join("") }
  }
  if (typeof parsed !== "object" || parsed === null) return nothing
  if (Array.isArray(parsed)) return { ...nothing, ...readPythonError(parsed) }
  const fields = parsed as Readonly<Record<string, unknown>>
  if ("detail" in fields) return { ...nothing, ...readPythonError(fields["detail"]) }
  return {
    code: text(fields["code"]) || text(fields["errorCode"]) || grpcWord(fields["code"]),
    message: text(fields["message"]) || text(fields["errorMessage"]),
    requestId: text(fields["requestId"]) || null,
    details: Array.isArray(fields["details"]) ? fields["details"].flatMap(readDetail) : [],
  }
}

/** The services API: a sentence, or a Python exception's name with what it said. */
function readPythonError(detail: unknown): Pick<Said, "code" | "message"> {
  if (!Array.isArray(detail)) return { code: "", message: text(detail) }
  const said = text(detail[1])
  // A KeyError says its key as Python quotes it; problems of a request come each as a dictionary.
  const unquoted = /^"(.*)"$/s.exec(said)?.[1] ?? said
  const problems = [...unquoted.matchAll(/'msg': (?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g)]
  const message = problems.map(([, single, double]) => single ?? double).join("; ") || unquoted
  return { code: text(detail[0]), message }
}

function readDetail(detail: unknown): readonly BerthErrorDetail[] {
  if (typeof detail !== "object" || detail === null) return []
  const fields = detail as Readonly<Record<string, unknown>>
  return [{ path: text(fields["path"]), message: text(fields["message"]) }]
}

/** gRPC's codes from 1 on, which the KubeRay API says by their numbers. */
const grpcWords = [
  "cancelled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
] as const

const grpcWord = (code: unknown) => (typeof code === "number" ? (grpcWords[code - 1] ?? "") : "")

const text = (value: unknown) => (typeof value === "string" ? value : "")

/** Seconds of a Retry-After header in milliseconds, at most an hour; dates are not used by the server. */
function retryAfterMs(header: string | null): number | null {
  const seconds = header === null ? Number.NaN : Number(header)
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, 3600) * 1000 : null
}
