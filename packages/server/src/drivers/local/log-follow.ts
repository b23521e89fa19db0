import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import type { LogFollowItem, LogQuery } from "../../domain/workloads/index.ts"
import { findStart } from "./log-read.ts"
import type { Tail, TailStep } from "./log-tails.ts"
import type { LogSource } from "./log-types.ts"

/** A reader that keeps an item longer than this while the log runs away from it is slow. */
const slowMs = 1000

export interface FollowOptions {
  readonly clock: Clock
  readonly tail: Tail
  readonly query: LogQuery
  readonly source: LogSource
  /** Aborts when the caller or the server stops. */
  readonly signal: AbortSignal
  readonly backlogBytes: number
}

/**
 * The lines of one follower, pulled from the file at its own pace: nothing is kept in memory for a slow one.
 * @yields the tail, then lines as they come, at last one `end`
 */
export async function* followTail(options: FollowOptions): AsyncGenerator<LogFollowItem, void> {
  const { clock, tail, source, signal } = options
  const bell = createBell(options)
  const place: Place = { at: undefined, wasCaughtUp: false, heldMs: 0 }
  try {
    while (!signal.aborted) {
      const generation = tail.generation
      const end = source.ended() // before the look at the file: what was written before the end is then seen
      const step = await nextStep(options, place, end !== null)
      if (signal.aborted) return
      if (step && step.chunk.lines.length > 0) {
        await tail.turn(step.bytes)
        if (signal.aborted) return
        const givenMono = clock.monotonicMs()
        yield { kind: "lines", chunk: step.chunk }
        place.heldMs = clock.monotonicMs() - givenMono
        continue
      }
      if (end || step?.isRemoved) return yield endItem(source)
      await bell.next(generation)
      place.heldMs = 0
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    bell.close()
    tail.leave()
  }
}

interface Place {
  /** undefined while there is no file. */
  at: number | undefined
  /** It has been at the end: from then on it may be too slow. */
  wasCaughtUp: boolean
  /** How long the reader kept the last item. */
  heldMs: number
}

/** Reads on from the follower's place and moves it. */
async function nextStep(
  options: FollowOptions,
  place: Place,
  isEnded: boolean,
): Promise<(TailStep & { readonly bytes: number }) | undefined> {
  place.at ??= await startOf(options, isEnded)
  const { at } = place
  const step = at === undefined ? undefined : await options.tail.step(at, isEnded)
  if (!step || at === undefined) return undefined
  const isSlow = place.wasCaughtUp && place.heldMs > slowMs
  if (isSlow && step.size - at > options.backlogBytes) throw tooSlow(at)
  place.wasCaughtUp ||= step.chunk.lines.length === 0 || step.chunk.nextOffset >= step.size
  place.at = step.chunk.nextOffset
  return { ...step, bytes: step.chunk.nextOffset - at }
}

async function startOf({ tail, query }: FollowOptions, isEnded: boolean): Promise<number | undefined> {
  const now = await tail.facts()
  return now && findStart(now.handle, now.facts, query, isEnded)
}

function endItem(source: LogSource): LogFollowItem {
  const end = source.ended()
  return { kind: "end", exitCode: end?.exitCode ?? null, cause: end?.cause ?? null }
}

function tooSlow(nextOffset: number): AppError {
  return new AppError("too_many", "The log grows faster than it is read; read on from where this stopped.", {
    resource: "log",
    detail: "slow_reader",
    facts: { nextOffset },
  })
}

/** Waits for whatever may bring news: the file, the pod's end, the signal. */
function createBell({ tail, source, signal }: FollowOptions) {
  let ring: (() => void) | undefined
  let hasRung = false
  const onNews = () => {
    hasRung = true
    ring?.()
  }
  const stops = [tail.onChange(() => ring?.()), source.onEnded(onNews)]
  signal.addEventListener("abort", onNews)
  return {
    /** Resolves at once when something changed since `generation` or the pod ended since the last wait. */
    async next(generation: number): Promise<void> {
      if (!hasRung && tail.generation === generation && !signal.aborted)
        await new Promise<void>((resolve) => {
          ring = resolve
        })
      ring = undefined
      hasRung = false
    },
    close() {
      for (const stop of stops) stop()
      signal.removeEventListener("abort", onNews)
    },
  }
}
