import type { Store } from "../domain/journal/index.ts"
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
  readonly drivers: readonly Pick<PodDriver, "marked">[]
  readonly rows: Pick<WorkloadStore, "attempt" | "liveAttempts">
  /** Ray nodes that are not gone: their processes bear the same mark. */
  readonly liveRayPods: () => Promise<readonly { readonly id: string }[]>
  readonly store: Pick<Store, "committed">
  readonly log: Log
}): Strays {
  const { drivers, rows, store, log } = options
  let last: readonly string[] = []

  async function look(): Promise<readonly string[]> {
    const seen = (await Promise.all(drivers.map(async (driver) => (await driver.marked?.()) ?? []))).flat()
    // after the look: what was started meanwhile is in the rows
    const attempts = await rows.liveAttempts(store.committed)
    const live = new Set<string>([...attempts, ...(await options.liveRayPods())].map(({ id }) => id))
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
    return (await rows.attempt(store.committed, id as AttemptId)) !== undefined
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
