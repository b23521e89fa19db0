import type { Clock } from "../../kit/clock.ts"
import type { AttemptHandle, AttemptLaunch, PodDriver } from "./driver.ts"
import type { AttemptId } from "./types.ts"

/** Starts of attempts that the driver works on, each at most once at a time. */
export interface Starts {
  /**
   * Asks the driver to start it and waits a moment. A start that takes longer goes on by itself, so that a
   * driver that hangs keeps nobody else from being looked at; `onLate` is called when it is over.
   * @returns the handle; null when it is still under way or was given up
   * @throws what the driver threw in time
   */
  begin(
    launch: AttemptLaunch,
    driver: PodDriver,
    onLate: (error?: unknown) => void,
  ): Promise<AttemptHandle | null>
  /** Gives a start up: it is not wanted any more. */
  giveUp(id: AttemptId): void
  /** Resolves when no start of it is under way; rejects with the signal. */
  over(id: AttemptId, signal: AbortSignal): Promise<void>
  /** Gives all up. Idempotent. */
  close(): void
}

interface Start {
  readonly abort: AbortController
  isUnwanted: boolean
  readonly done: Promise<AttemptHandle | null>
}

/** How long a look waits for a start. */
const patienceMs = 1_000
/** A start of a large gang takes long; one that takes longer is tried again. */
const longestStartMs = 60_000

const late = Symbol("late")

export function createStarts(clock: Clock): Starts {
  const starts = new Map<AttemptId, Start>()

  function start(launch: AttemptLaunch, driver: PodDriver): Start {
    const abort = new AbortController()
    const cancel = clock.alarm(longestStartMs, () =>
      abort.abort(new Error(`the start took over ${longestStartMs} ms`)),
    )
    const ensured = async () => {
      try {
        return await driver.ensure(launch, abort.signal)
      } catch (error) {
        if (begun.isUnwanted) return null
        throw error
      } finally {
        cancel()
        starts.delete(launch.id)
      }
    }
    // its first step must find it in the map
    const begun: Start = { abort, isUnwanted: false, done: Promise.resolve().then(ensured) }
    starts.set(launch.id, begun)
    return begun
  }

  function giveUp(id: AttemptId): void {
    const begun = starts.get(id)
    if (!begun) return
    begun.isUnwanted = true
    begun.abort.abort(new Error("the attempt is to end"))
  }

  return {
    async begin(launch, driver, onLate) {
      if (starts.has(launch.id)) return null
      const { done } = start(launch, driver)
      const waited = Promise.withResolvers<typeof late>()
      const cancel = clock.alarm(patienceMs, () => waited.resolve(late))
      const first = await Promise.race([done, waited.promise]).finally(cancel)
      if (first !== late) return first
      done.then(() => onLate(), onLate)
      return null
    },
    giveUp,
    async over(id, signal) {
      const begun = starts.get(id)
      if (!begun) return
      const aborted = Promise.withResolvers<never>()
      const onAbort = () => aborted.reject(signal.reason as Error)
      signal.addEventListener("abort", onAbort, { once: true })
      if (signal.aborted) onAbort()
      const settled = begun.done.then(
        () => undefined,
        () => undefined,
      )
      await Promise.race([settled, aborted.promise]).finally(() =>
        signal.removeEventListener("abort", onAbort),
      )
    },
    close() {
      for (const id of starts.keys()) giveUp(id)
    },
  }
}
