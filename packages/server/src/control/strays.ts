import type { Store } from "../domain/journal/index.ts"
import type { RayBackend, RayPodId, RayStore } from "../domain/ray/index.ts"
import type { AttemptId, MarkedAttempt, PodDriver, WorkloadStore } from "../domain/workloads/index.ts"
import type { Log } from "../kit/log.ts"

/** Processes that bear the mark of an attempt which the database does not have running: those of one that was set aside. */
export interface Strays {
  /** A sentence for each attempt, found now. */
  look(): Promise<readonly string[]>
  /** The same, where there were some at the last look. */
  lookAgain(): Promise<void>
  /** What the last look found. */
  sentences(): readonly string[]
}

export function createStrays(options: {
  /** Each tells of all that bear a mark, and knows its own place. */
  readonly drivers: readonly (Pick<PodDriver, "marked"> | Pick<RayBackend, "marked">)[]
  readonly rows: Pick<WorkloadStore, "attempt" | "liveAttempts">
  /** Ray nodes: their processes bear the same mark. */
  readonly rayPods: Pick<RayStore["pods"], "byId" | "live">
  readonly store: Pick<Store, "committed">
  readonly log: Log
}): Strays {
  const { drivers, rows, store, log } = options
  let last: readonly string[] = []

  async function look(): Promise<readonly string[]> {
    const seen = (await Promise.all(drivers.map(async (driver) => (await driver.marked?.()) ?? []))).flat()
    // after the look: what was started meanwhile is in the rows
    const attempts = await rows.liveAttempts(store.committed)
    const rayPods = await options.rayPods.live(store.committed)
    const live = new Set<string>([...attempts, ...rayPods].map(({ id }) => id))
    const strays = new Map<string, string>()
    for (const one of seen) {
      if (live.has(one.id) || strays.has(one.id)) continue
      const isHere = seen.some((other) => other.id === one.id && other.isHere)
      // others are a neighbour's, with a database of its own
      if (isHere || (await isKnown(one))) strays.set(one.id, sentenceFor(one, isHere))
    }
    last = [...strays.values()]
    if (strays.size > 0)
      log.warn(
        { attemptIds: [...strays.keys()].slice(0, 20) },
        "processes run that the database knows nothing of",
      )
    return last
  }

  async function isKnown({ id }: MarkedAttempt): Promise<boolean> {
    const from = store.committed
    if (await rows.attempt(from, id as AttemptId)) return true
    return (await options.rayPods.byId(from, id as RayPodId)) !== undefined
  }

  return {
    look,
    async lookAgain() {
      if (last.length > 0) await look()
    },
    sentences: () => last,
  }
}

function sentenceFor({ id, sessions }: MarkedAttempt, isHere: boolean): string {
  const whose = isHere ? "which this database does not have running" : "of another data directory"
  const end = sessions.map((session) => `-${session}`).join(" ")
  return `Processes of attempt ${id}, ${whose}, run here, and what they use counts as free: \`kill -- ${end}\` ends them.`
}
