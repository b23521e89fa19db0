import type { Branded } from "../../kit/ids.ts"
import type { JsonObject } from "../../kit/json.ts"

/** Where a read looks: inside an open transaction, or at what is committed. Made by the store only. */
export interface Reads {
  readonly isReads: true
}

/**
 * An open write transaction (DESIGN 5). A closure given to `store.tx` awaits nothing but calls that take
 * this handle, may run twice, and takes time, ids and randomness from outside.
 */
export interface Tx extends Reads {
  readonly isTx: true
  /** Appends one event; readers see it after COMMIT. */
  emit(event: NewEvent): Promise<void>
  /** Appends one audit record. */
  audit(record: NewAuditRecord): Promise<void>
  /**
   * Hands `value` to the topic's subscribers after COMMIT and before any caller of the batch is answered;
   * dropped when the closure rolls back. Synchronous, costs no statement.
   */
  publish<T>(topic: Topic<T>, value: T): void
}

/** What a store may make use of. */
export interface TxOptions {
  /** It reads and writes so many rows that it would be in the way of most that run beside it. */
  readonly isLarge?: boolean
}

/** Writes. All mutations of all slices go through the one `tx`. */
export interface Store {
  /**
   * Runs `closure` in a transaction and resolves with its result once that is durable.
   * @throws whatever the closure threw (its writes are undone, others of the batch stand);
   *   AppError `unavailable` with detail `store_full`, `store_busy` or `store_failed` (retryable) when the batch could not be committed;
   *   AppError `internal` when the closure awaited something else, or when called inside a closure.
   */
  tx<T>(closure: (tx: Tx) => Promise<T>, options?: TxOptions): Promise<T>
  /** The committed state. Using it inside a `tx` closure is a programming error and throws. */
  readonly committed: Reads
  /** Called after each COMMIT, in commit order, synchronously. A subscriber never throws and never waits. */
  subscribe<T>(topic: Topic<T>, listener: (value: T) => void): () => void
}

/** A named, typed channel of in-memory notices that follow a commit. */
export interface Topic<T> {
  readonly name: string
  /** Never set: it carries the type. */
  readonly of?: T
}
export function topic<T>(name: string): Topic<T> {
  return { name }
}

/** Who does something: kept in audit records and in events. */
export interface Actor {
  /** `unknown`: a request that shows no credential that holds. */
  readonly kind: "user" | "key" | "system" | "unknown"
  /** User id, or the name of the part of the server (`scheduler`, `timers`). */
  readonly id: string
  readonly name: string
  readonly keyId: string | null
  /** Remote address, null inside the server. */
  readonly address: string | null
  readonly requestId: string | null
}

/** The server itself, in one of its parts. */
export function systemActor(part: string): Actor {
  return { kind: "system", id: part, name: part, keyId: null, address: null, requestId: null }
}

/** The kinds of things that events and audit records are about. */
export type SubjectKind =
  | "server"
  | "user"
  | "key"
  | "workspace"
  | "cluster"
  | "node"
  | "queue"
  | "gpu-request"
  | "gpu-template"
  | "prices"
  | "workload"
  | "pod"
  | "compute-template"
  | "config-map"
  | "secret"
  | "ray-cluster"
  | "ray-job"
  | "ray-service"
  | "ray-submission"
  | "service-record"
  | "pipeline-run"
  | "model-version"

export interface Subject {
  readonly kind: SubjectKind
  readonly id: string
}

export interface NewEvent {
  /** Dotted and past tense: `workload.created`, `workload.preempted`, `node.cordoned`. */
  readonly type: string
  readonly subject: Subject
  /** Readers need a role in it; null is for server owners only. */
  readonly workspace: string | null
  readonly actor: Actor
  readonly atMs: number
  /** Facts; never a secret, never an environment value. */
  readonly data: JsonObject
}

export type EventSeq = Branded<"EventSeq">

export interface StoredEvent extends NewEvent {
  /** Opaque, ordered by the store, resumable: the wire's event id. */
  readonly seq: EventSeq
}

export interface NewAuditRecord {
  /** The operation of the rights table, e.g. `workload.stop`. */
  readonly operation: string
  readonly subject: Subject
  readonly workspace: string | null
  readonly actor: Actor
  readonly outcome: "ok" | "refused"
  readonly atMs: number
  readonly data: JsonObject
}

export interface AuditRecord extends NewAuditRecord {
  readonly seq: string
}

/** One page of a list, newest first; `nextCursor` is null on the last. */
export interface Page<T> {
  readonly items: readonly T[]
  readonly nextCursor: string | null
}

export interface EventFilter {
  /** null = every workspace and the server's own. */
  readonly workspaces: readonly string[] | null
  readonly subject?: Subject
  readonly types?: readonly string[]
}

export interface JournalReads {
  /**
   * Events after `after` in commit order, oldest first, at most `limit`.
   * `after` null starts at the oldest kept.
   * @throws AppError `invalid` for a cursor that never was, `not_found` with detail `cursor_gone` for one older than what is kept.
   */
  eventsAfter(
    from: Reads,
    after: EventSeq | null,
    filter: EventFilter,
    limit: number,
  ): Promise<readonly StoredEvent[]>
  /**
   * Events before `before`, newest first, at most `limit`; null starts at the newest. Ends with the oldest kept.
   * @throws AppError `invalid` for a cursor that never was
   */
  eventsBefore(
    from: Reads,
    before: EventSeq | null,
    filter: EventFilter,
    limit: number,
  ): Promise<readonly StoredEvent[]>
  /** The newest `limit` events of a subject, newest first. */
  latestEvents(from: Reads, subject: Subject, limit: number): Promise<readonly StoredEvent[]>
  /** The newest event's cursor; null when there is none. */
  lastSeq(from: Reads): Promise<EventSeq | null>
  auditPage(
    from: Reads,
    filter: {
      readonly workspaces: readonly string[] | null
      readonly operation?: string
      readonly actorId?: string
      readonly outcome?: AuditRecord["outcome"]
    },
    limit: number,
    cursor: string | null,
  ): Promise<Page<AuditRecord>>
  /** Deletes events and audit records older than the instants, at most `limit` rows each; says how many went. */
  prune(
    tx: Tx,
    keep: { readonly eventsAfterMs: number; readonly auditAfterMs: number; readonly maxEvents: number },
    limit: number,
  ): Promise<number>
}

/** Published once per commit that appended events; followers then read on. */
export const eventsAppended = topic<{ readonly lastSeq: EventSeq }>("events-appended")
