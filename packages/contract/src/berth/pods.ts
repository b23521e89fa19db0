import { Type, type Static } from "typebox"
import { Exact, Nullable } from "../common/index.ts"

/** What each of the log's bounds allows. */
export const logLimits = { tailMost: 100_000 } as const

/**
 * With `Accept: text/event-stream` the answer is a stream of the events below, resumable by `Last-Event-ID`.
 * Otherwise it is text/plain: what is kept, and with `follow=true` also what comes, until the pod has ended.
 */
export const PodLogQuery = Exact({
  /** Wait for more: true with an event stream when absent, else false. */
  follow: Type.Optional(Type.Boolean()),
  /** The last n lines, 0–100,000; all that are kept when absent. */
  tail: Type.Optional(Type.Integer({ minimum: 0, maximum: logLimits.tailMost })),
  /** Lines from then on: seconds ago, or an RFC 3339 instant. */
  since: Type.Optional(Type.String()),
  /** The N of `run_N_times`; the latest when absent. */
  run: Type.Optional(Type.Integer({ minimum: 1 })),
  /** The main one when absent. */
  container: Type.Optional(Type.String()),
})
export type PodLogQuery = Static<typeof PodLogQuery>

/** `event: lines`, `id:` the byte offset to resume at. */
export const LogLinesEvent = Type.Object({
  /** Without their newline. */
  lines: Type.Array(Type.String()),
  /** Bytes of the head that are no longer kept. */
  droppedBytes: Type.Integer(),
})
export type LogLinesEvent = Static<typeof LogLinesEvent>

/** `event: end`: the pod has ended and everything was sent (or nothing was to be followed: both null). */
export const LogEndEvent = Type.Object({
  exitCode: Nullable(Type.Integer()),
  /** `succeeded`, `failed`, `stopped`, `timed_out`, `preempted`, … */
  cause: Nullable(Type.String()),
})
export type LogEndEvent = Static<typeof LogEndEvent>
