/**
 * The closed list of what can go wrong for a caller. A family's `errors.ts` maps each code to its own
 * status and words; nothing else decides a status. Codes are never reused for another meaning.
 */
export type ErrorCode =
  | "invalid" // the request breaks a rule; `issues` names each place
  | "unauthenticated" // no credential, or one that does not hold
  | "forbidden" // known, but not allowed
  | "not_found"
  | "already_exists"
  | "conflict" // the state does not allow it now; the same call may never succeed
  | "stale" // a version moved under the caller; read again and retry
  | "too_large"
  | "too_many" // a rate, queue or stream limit; retry later
  | "insufficient" // the declared inventory can never hold it
  | "unavailable" // not ready, store full, driver down; retry later
  | "unimplemented"
  | "timeout"
  | "internal"

/** One fault of a request: where it is (`["resource", "cpu"]`), and a sentence without the place. */
export interface Issue {
  readonly path: readonly (string | number)[]
  readonly message: string
}

export interface AppErrorFacts {
  /** What kind of thing the error is about: `workload`, `workspace`, `node`, `user`, `key`, `pod`, … */
  readonly resource?: string
  /** The name or id the caller used for it. */
  readonly name?: string
  readonly issues?: readonly Issue[]
  /** A finer, stable distinction inside a code, e.g. `store_full` in `unavailable`. */
  readonly detail?: string
  /** When a retry makes sense, in milliseconds from now. */
  readonly retryAfterMs?: number
  /** Further typed facts for the family's wording; never a secret. */
  readonly facts?: Readonly<Record<string, string | number | boolean | null>>
  /** Kept for the log, never shown to the caller. */
  readonly cause?: unknown
}

/** The one error class below the HTTP layer. `message` is a sentence for the caller. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly resource: string | undefined
  readonly subject: string | undefined
  readonly issues: readonly Issue[]
  readonly detail: string | undefined
  readonly retryAfterMs: number | undefined
  readonly facts: Readonly<Record<string, string | number | boolean | null>>

  constructor(code: ErrorCode, message: string, facts: AppErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = "AppError"
    this.code = code
    this.resource = facts.resource
    this.subject = facts.name
    this.issues = facts.issues ?? []
    this.detail = facts.detail
    this.retryAfterMs = facts.retryAfterMs
    this.facts = facts.facts ?? {}
  }

  /** Wraps whatever was thrown; an AppError is returned as it is, anything else becomes `internal`. */
  static from(thrown: unknown): AppError {
    if (thrown instanceof AppError) return thrown
    return new AppError("internal", "Something went wrong inside the server.", { cause: thrown })
  }
}
