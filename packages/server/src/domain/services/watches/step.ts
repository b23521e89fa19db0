import type { ServiceRecord, ServiceState } from "../types.ts"
import type { ProbeResult, WatchSettings, WatchVerdict } from "./types.ts"

/** What was found in a row. */
export interface WatchCount {
  readonly verdict: WatchVerdict
  /** In a row, up to the last probe; one of the two is 0. */
  readonly successes: number
  readonly failures: number
}

export const nothingCounted: WatchCount = { verdict: "unknown", successes: 0, failures: 0 }

/**
 * The count after one more probe. The verdict is another one only once its threshold of probes in a row was met;
 * it never becomes unknown.
 */
export function countProbe(
  before: WatchCount,
  { ok }: Pick<ProbeResult, "ok">,
  { failureThreshold, successThreshold }: Pick<WatchSettings, "failureThreshold" | "successThreshold">,
): WatchCount {
  const successes = ok ? Math.min(before.successes + 1, successThreshold) : 0
  const failures = ok ? 0 : Math.min(before.failures + 1, failureThreshold)
  if (successes >= successThreshold) return { verdict: "up", successes, failures }
  if (failures >= failureThreshold) return { verdict: "down", successes, failures }
  return { verdict: before.verdict, successes, failures }
}

/** States in which nobody is expected to answer: the owner's word, which no probe overrules. */
const ownersWords: ReadonlySet<ServiceState> = new Set(["inactive", "pending_shutdown", "scaled_to_zero"])

/** Whether what is found may be written into the record. */
export function mayBeOverruled({ state }: Pick<ServiceRecord, "state">): boolean {
  return state === null || !ownersWords.has(state)
}

/**
 * What the record's state ought to be; its own one where nothing is known, where its owner has said so, and where it
 * is that of something which it follows.
 */
export function stateToShow(
  record: Pick<ServiceRecord, "state" | "joined">,
  verdict: WatchVerdict,
): ServiceRecord["state"] {
  if (record.joined || verdict === "unknown" || !mayBeOverruled(record)) return record.state
  return verdict === "up" ? "active" : "error"
}

/** Milliseconds to the next probe: a tenth of the interval more or less, so that many made at once fall apart. */
export function nextProbeInMs({ intervalSeconds }: Pick<WatchSettings, "intervalSeconds">, random: number) {
  return Math.round(intervalSeconds * 1000 * (0.9 + 0.2 * random))
}
