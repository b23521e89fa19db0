import type { TSchema } from "typebox"

/**
 * What a row of a family's route table may say beyond its method, path and schemas; all of it for documents.
 * What every route shares (the refusals that any request can get, 404 where the path names a thing, 409 and 413
 * where something is changed) is added by the generator.
 */
export interface RouteNotes {
  /** More than the summary says: what happens, what is told apart, what is idempotent. Markdown. */
  readonly description?: string
  /** Statuses it refuses with beyond those that its method and path bring with them. */
  readonly refusals?: readonly number[]
  /** Parameters of the path whose meaning differs from the family's, by name. */
  readonly params?: Readonly<Record<string, string>>
  /** A body that works. */
  readonly example?: unknown
  /** Of the body, when it is not JSON. */
  readonly bodyMedia?: string
  /** Answers in other media types, by media type. */
  readonly media?: Readonly<Record<string, MediaNotes>>
  /** Other statuses than success that it answers in a form of its own; Null = no body. */
  readonly others?: Readonly<Record<number, TSchema>>
  /** Answered without a token. */
  readonly isOpen?: boolean
}

/** An answer that is not JSON. */
export interface MediaNotes {
  readonly description: string
  /** Of `text/event-stream`: the JSON of each event's `data` by the event's name. */
  readonly events?: Readonly<Record<string, TSchema>>
}

/** A status that any route of a family may refuse with. */
export interface Refusal {
  readonly description: string
  /** A body as the server words it. */
  readonly example: unknown
}
