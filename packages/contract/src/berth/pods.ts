import { Type, type Static } from "typebox"
import { Exact, Nullable, flag, int, text } from "../common/index.ts"

/** What each of the log's bounds allows. */
export const logLimits = { tailMost: 100_000, runMost: 1_000_000 } as const

/**
 * With `Accept: text/event-stream` the answer is a stream of the events below, resumable by `Last-Event-ID`.
 * Otherwise it is text/plain: what is kept, and with `follow=true` also what comes, until the pod has ended.
 */
export const PodLogQuery = Exact({
  follow: Type.Optional(flag("Wait for more. Default: true for an event stream, else false.")),
  tail: Type.Optional(
    int("The last n lines; all that are kept when absent.", { minimum: 0, maximum: logLimits.tailMost }),
  ),
  since: Type.Optional(text("Lines from then on: seconds ago (`600`), or an RFC 3339 instant.")),
  run: Type.Optional(
    int("The N of `run_N_times`; the latest when absent.", { minimum: 1, maximum: logLimits.runMost }),
  ),
  container: Type.Optional(text("The main one when absent.")),
})
export type PodLogQuery = Static<typeof PodLogQuery>

/** `event: lines`, `id:` the byte offset to resume at. */
export const LogLinesEvent = Type.Object(
  {
    lines: Type.Array(Type.String(), { description: "Without their newline." }),
    droppedBytes: int("Bytes of the head that are no longer kept."),
  },
  { description: "`event: lines`; `id` is the byte offset to resume at." },
)
export type LogLinesEvent = Static<typeof LogLinesEvent>

/** `event: end`: the pod has ended and everything was sent (or nothing was to be followed: both null). */
export const LogEndEvent = Type.Object(
  {
    exitCode: Nullable(Type.Integer(), "The main container's; null = it was not followed to its end."),
    cause: Nullable(
      Type.String(),
      "`succeeded`, `failed`, `stopped`, `timed_out`, `preempted`, …; null likewise.",
    ),
  },
  { description: "`event: end`: everything was sent." },
)
export type LogEndEvent = Static<typeof LogEndEvent>
