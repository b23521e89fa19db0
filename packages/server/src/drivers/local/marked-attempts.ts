import { setImmediate as nextTurn } from "node:timers/promises"
import type { MarkedAttempt } from "../../domain/workloads/index.ts"
import { podMarkOf, podPlaceOf, scanProcesses } from "./processes.ts"

/** Environments read in one turn of the event loop: about a millisecond. */
const readPerTurn = 48

/**
 * Every attempt whose mark a living process of this machine bears, of whichever data directory: one look at the
 * process table, a slice of it in each turn of the event loop.
 */
export async function markedAttempts(podsDir: string): Promise<readonly MarkedAttempt[]> {
  const found = new Map<string, { leaders: Set<number>; isHere: boolean }>()
  let read = 0
  for (const process of await scanProcesses()) {
    if (++read % readPerTurn === 0) await nextTurn()
    const mark = podMarkOf(process.pid)
    if (!mark) continue
    const known = found.get(mark.attemptId) ?? { leaders: new Set(), isHere: false }
    known.leaders.add(process.session)
    known.isHere ||= podPlaceOf(process.pid)?.startsWith(`${podsDir}/`) ?? false
    found.set(mark.attemptId, known)
  }
  return [...found].map(([id, { leaders, isHere }]) => ({
    id,
    sessions: [...leaders].toSorted((a, b) => a - b),
    isHere,
  }))
}
