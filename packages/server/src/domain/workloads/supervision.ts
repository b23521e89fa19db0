import type { Clock } from "../../kit/clock.ts"
import type { Issue } from "../../kit/errors.ts"
import type { AttemptObservation } from "./driver.ts"
import { countFailure, mayRetry, toldToEnd, withCondition } from "./lifecycle.ts"
import { isApplication, isTerminal } from "./states.ts"
import type { Attempt, AttemptId, Workload, WorkloadSpec } from "./types.ts"

/** Its value in a workload's own environment holds, and is what the pods see. */
export const hangCheckVariable = "HANG_CHECK_INTERVAL"

/** Seconds of silence of all pods' logs after which a supervised run counts as hung (reference/workloads.md 3.5). */
const usualSeconds = 1200
const longestSeconds = 86_400
/** Drivers know outputs to the second: one that was written at its end must not be taken for its start. */
const roundingMs = 1000

/** The interval that holds for a workload, in seconds, 1 to 86,400. What is not such a number counts for nothing. */
export function hangCheckSeconds({ env }: Pick<WorkloadSpec, "env">): number {
  return readSeconds(env[hangCheckVariable]) ?? usualSeconds
}

function readSeconds(text: string | undefined): number | null {
  if (text === undefined || !/^\d{1,5}$/.test(text)) return null
  const seconds = Number(text)
  return seconds >= 1 && seconds <= longestSeconds ? seconds : null
}

/** Whether silence ends it: jobs that ask for it. */
function isWatched({ kind, spec }: Pick<Workload, "kind" | "spec">): boolean {
  return spec.isSupervised && !isApplication(kind)
}

/** A supervised workload with an interval that nobody could keep is refused, not run by another one. */
export function hangCheckIssues(isSupervised: boolean, env: Readonly<Record<string, string>>): Issue[] {
  const text = env[hangCheckVariable]
  if (!isSupervised || text === undefined || readSeconds(text) !== null) return []
  const message = `the env ${hangCheckVariable} must be a whole number of seconds from 1 to ${longestSeconds}`
  return [{ path: ["env", hangCheckVariable], message }]
}

/** What was last seen of a run's output. */
export interface Quiet {
  /** Signs of life of the pods, outputs and ends, by the wall clock: another set is a new sign. */
  readonly signs: string
  /** Since when it is quiet, by the monotonic clock. */
  readonly sinceMono: number
  /** When it was looked at, and how far the wall clock was ahead of the monotonic one. */
  readonly seenMono: number
  readonly wallOffsetMs: number
}

interface Now {
  readonly wallMs: number
  readonly mono: number
}

/**
 * How long a run has been quiet, as far as looks tell. A machine that slept or a clock that was set does not make it
 * quiet: between two looks the monotonic clock counts, the wall clock alone only at the first one after a restart.
 */
export function quietOf(
  before: Quiet | undefined,
  attempt: Pick<Attempt, "startedAtMs">,
  pods: AttemptObservation["pods"],
  now: Now,
): Quiet {
  const instants = [attempt.startedAtMs, ...pods.flatMap((pod) => [pod.outputAtMs, pod.endedAtMs])]
  const known = instants.filter((atMs) => atMs !== null)
  const looked = { signs: known.join(), seenMono: now.mono, wallOffsetMs: now.wallMs - now.mono }
  if (!before) return { ...looked, sinceMono: now.mono - Math.max(0, now.wallMs - Math.max(...known)) }
  if (before.signs === looked.signs) return { ...looked, sinceMono: before.sinceMono }
  // it came after the last look, by whichever setting of the clock; where neither fits, it may just have come
  const since = [looked.wallOffsetMs, before.wallOffsetMs]
    .flatMap((offsetMs) => known.map((atMs) => atMs - offsetMs))
    .filter((mono) => mono >= before.seenMono - roundingMs && mono <= now.mono)
  return { ...looked, sinceMono: Math.max(before.sinceMono, ...(since.length > 0 ? since : [now.mono])) }
}

/** Watches the output of supervised runs. Keeps an entry for each that runs; all else is in what drivers see. */
export interface Supervision {
  /** Takes note of an observation. @returns how long it has been quiet, in seconds, when that is too long; else null */
  look(workload: Workload, attempt: Attempt, seen: AttemptObservation): number | null
  /** When to look again at the latest; null when it is not watched. */
  nextLookMs(workload: Workload, attempt: Attempt): number | null
  /** It is over. */
  left(id: AttemptId): void
}

export function createSupervision(clock: Clock): Supervision {
  const quiets = new Map<AttemptId, Quiet>()
  const limitMs = ({ spec }: Workload) => hangCheckSeconds(spec) * 1000 + roundingMs
  const now = (): Now => ({ wallMs: clock.nowMs(), mono: clock.monotonicMs() })

  return {
    look(workload, attempt, seen) {
      if (!isWatched(workload) || attempt.state !== "running") return null
      const quiet = quietOf(quiets.get(attempt.id), attempt, seen.pods, now())
      quiets.set(attempt.id, quiet)
      const quietMs = quiet.seenMono - quiet.sinceMono
      return quietMs >= limitMs(workload) ? Math.floor((quietMs - roundingMs) / 1000) : null
    },
    nextLookMs(workload, attempt) {
      if (!isWatched(workload) || attempt.state !== "running") return null
      // one that has just started has not been looked at since
      const quiet = quiets.get(attempt.id) ?? quietOf(undefined, attempt, [], now())
      quiets.set(attempt.id, quiet)
      const quietMs = clock.monotonicMs() - quiet.sinceMono
      return clock.nowMs() + Math.max(0, Math.ceil(limitMs(workload) - quietMs))
    },
    left: (id) => void quiets.delete(id),
  }
}

/** No pod of the run has written anything for too long: it is told to end, which counts as a failure like any other. */
export function hung(
  workload: Workload,
  attempt: Attempt,
  quietSeconds: number,
  nowMs: number,
): { readonly workload: Workload; readonly attempt: Attempt } {
  const message = `no pod has written to its log for ${quietSeconds} seconds`
  const ending = toldToEnd(attempt, "hang", message, attempt.graceMs, nowMs)
  if (isTerminal(workload.phase)) return { workload, attempt: ending }
  const { run } = attempt
  const counted = countFailure(workload, "hang")
  const failure = `the workload has failed: hang, ${message}, details: []`
  const conditions = withCondition(counted.conditions, "K8sFailed", run, failure, nowMs)
  if (!mayRetry(counted, "hang"))
    return {
      attempt: ending,
      workload: { ...counted, conditions, phase: "Failed", cause: "hang", endedAtMs: nowMs },
    }
  const failover = `the workload is doing the failover: ${message}`
  return {
    attempt: ending,
    workload: { ...counted, conditions: withCondition(conditions, "AdminFailover", run, failover, nowMs) },
  }
}
