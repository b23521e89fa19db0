import type { BandAccuracy, EstimateErrors } from "../commands.ts"
import { bandOf, priorityBands } from "../states.ts"
import type { Outcome } from "../types.ts"

/** Errors are compared with waits only where there was one worth the name. */
const shortestWaitMs = 60_000

/** How good the estimates were, by priority band, low first. Pure. */
export function accuracyOf(outcomes: readonly Outcome[]): readonly BandAccuracy[] {
  return priorityBands.map((band) => {
    const own = outcomes.filter((outcome) => bandOf(outcome.priority) === band)
    const likely = own.flatMap(({ likelyStartMs, ...outcome }) =>
      likelyStartMs === null ? [] : { ...outcome, likelyStartMs, promisedStartMs: likelyStartMs },
    )
    return { band, ...errorsOf(own), likely: errorsOf(likely) }
  })
}

function errorsOf(outcomes: readonly Outcome[]): EstimateErrors {
  const errors = outcomes.map(errorSeconds)
  const relative = outcomes.filter((outcome) => waitMs(outcome) >= shortestWaitMs).map(relativeError)
  return {
    started: outcomes.length,
    medianErrorSeconds: quantile(errors, 0.5),
    p90AbsoluteErrorSeconds: quantile(errors.map(Math.abs), 0.9),
    medianRelativeError: quantile(relative, 0.5),
    p90RelativeError: quantile(relative, 0.9),
  }
}

/** The value below or at which so great a part of them lies (nearest rank); null of none. */
function quantile(values: readonly number[], part: number): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? null
}

function errorSeconds({ startedAtMs, promisedStartMs }: Outcome): number {
  return (startedAtMs - promisedStartMs) / 1000
}

function waitMs({ startedAtMs, createdAtMs }: Outcome): number {
  return startedAtMs - createdAtMs
}

function relativeError(outcome: Outcome): number {
  return Math.abs(errorSeconds(outcome) * 1000) / waitMs(outcome)
}
