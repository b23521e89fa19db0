import { AppError } from "../../kit/errors.ts"
import type { Clock } from "../../kit/clock.ts"
import type { Store } from "../journal/index.ts"
import type { AttemptHandle, AttemptLaunch, AttemptObservation, PodDriver } from "./driver.ts"
import { createStarts } from "./starts.ts"
import type { Attempt, AttemptId } from "./types.ts"
import { attemptChanged } from "./types.ts"

/** What is done to attempts by their drivers: started, looked at, told to end, forgotten. Owns no rule. */
export interface AttemptHands {
  /** @throws AppError `unavailable` when its cluster has no driver */
  driverOf(attempt: Pick<Attempt, "clusterId">): PodDriver
  /**
   * Has the driver start it. A start that takes long goes on by itself; `onLate` is called once it is over, with
   * how long to wait before the next look.
   * @param key under which `trouble` gives the driver's word when it fails
   * @returns the handle; null: not yet, or not any more
   * @throws what the driver threw
   */
  ensure(
    launch: AttemptLaunch,
    driver: PodDriver,
    key: string,
    onLate: (retryMs: number) => void,
  ): Promise<AttemptHandle | null>
  /** The driver's word on an attempt that it was given, in this life of the server or in an earlier one. */
  look(attempt: Attempt, driver: PodDriver): Promise<AttemptObservation>
  /** Tells the driver, once in this life of the server, to end it, and looks what is left. Rejects with the signal. */
  end(
    attempt: Attempt,
    driver: PodDriver,
    signal: AbortSignal,
  ): Promise<{ readonly handle: AttemptHandle | null; readonly seen: AttemptObservation }>
  /** Removes its working folders; one that cannot be removed is left after some tries, each of which throws. */
  forget(id: AttemptId, handle: AttemptHandle | null, driver: PodDriver): Promise<void>
  /**
   * Removes what is kept of attempts that are listed no more: nobody can ask for their logs. What cannot be removed is
   * left to the retention of logs.
   */
  forgetLogs(attempts: readonly Pick<Attempt, "id" | "clusterId">[]): Promise<void>
  /** It is gone: nothing of it is kept in memory. */
  left(id: AttemptId, key: string): void
  /** Why the driver does not start what is kept under the key, or under `key/…`; undefined when it does. */
  trouble(key: string): AppError | undefined
  /** Gives up the starts that are under way. Idempotent. */
  close(): void
}

const nothingLeft: AttemptObservation = { pods: [], isGone: true }

/** After a start that took long and failed. */
const retryLateMs = 1_000

/** Tries at removing the folders of an attempt; the workqueue waits longer between each. */
const forgetTries = 5

export function createAttemptHands(options: {
  readonly store: Pick<Store, "subscribe">
  readonly clock: Clock
  readonly drivers: ReadonlyMap<string, PodDriver>
}): AttemptHands {
  /** Attempts whose driver was told to stop in this life of the server. */
  const told = new Set<AttemptId>()
  /** Attempts that the driver started or took over in this life of the server. */
  const adopted = new Set<AttemptId>()
  const troubles = new Map<string, AppError>()
  /** How often the folders of an attempt could not be removed. */
  const unforgotten = new Map<AttemptId, number>()
  const starts = createStarts(options.clock)
  options.store.subscribe(attemptChanged, ({ id, state }) => {
    if (state === "ending") starts.giveUp(id)
  })

  async function ensure(
    launch: AttemptLaunch,
    driver: PodDriver,
    key: string,
    onLate: (retryMs: number) => void,
  ): Promise<AttemptHandle | null> {
    const failed = (error: unknown) => troubles.set(key, AppError.from(error))
    const late = (error?: unknown) => {
      if (error !== undefined) failed(error)
      // the driver is asked again: what it has started by now it starts no second time
      onLate(error === undefined ? 0 : retryLateMs)
    }
    try {
      const handle = await starts.begin(launch, driver, late)
      if (handle === null) return null
      adopted.add(launch.id)
      troubles.delete(key)
      return handle
    } catch (error) {
      failed(error)
      throw error
    }
  }

  async function look(attempt: Attempt, driver: PodDriver): Promise<AttemptObservation> {
    if (!adopted.has(attempt.id)) {
      // first sight after a restart: the driver takes over what runs; what it has never heard of is lost
      const handle = await driver.recover(attempt.id, attempt.handle)
      adopted.add(attempt.id)
      if (handle === null) return lostObservation(attempt)
    }
    if (attempt.handle === null)
      throw new AppError("internal", `Attempt ${attempt.id} is ${attempt.state} without a handle.`)
    return driver.inspect(attempt.handle)
  }

  async function end(attempt: Attempt, driver: PodDriver, signal: AbortSignal) {
    // what is just being started would outlive the look for what is left
    await starts.over(attempt.id, signal)
    // a crash between the start and its record leaves processes that only the driver knows of
    const isKnown = attempt.handle !== null && adopted.has(attempt.id)
    const handle = isKnown ? attempt.handle : await driver.recover(attempt.id, attempt.handle)
    adopted.add(attempt.id)
    if (handle === null) return { handle, seen: nothingLeft }
    if (!told.has(attempt.id)) {
      const reason = { cause: attempt.cause ?? "stopped", message: attempt.stopMessage }
      await driver.stop(handle, reason, attempt.graceMs)
      told.add(attempt.id)
    }
    return { handle, seen: await driver.inspect(handle) }
  }

  async function forget(id: AttemptId, handle: AttemptHandle | null, driver: PodDriver): Promise<void> {
    try {
      await driver.forget(id, handle, false)
      unforgotten.delete(id)
    } catch (error) {
      const tries = (unforgotten.get(id) ?? 0) + 1
      unforgotten.set(id, tries)
      if (tries < forgetTries) throw error
      unforgotten.delete(id)
    }
  }

  return {
    driverOf(attempt) {
      const driver = options.drivers.get(attempt.clusterId)
      if (driver) return driver
      throw new AppError("unavailable", `There is no driver for the cluster ${attempt.clusterId}.`)
    },
    ensure,
    look,
    end,
    forget,
    async forgetLogs(attempts) {
      for (const { id, clusterId } of attempts)
        await options.drivers
          .get(clusterId)
          ?.forget(id, null, true)
          .catch(() => undefined)
    },
    left(id, key) {
      told.delete(id)
      adopted.delete(id)
      troubles.delete(key)
    },
    trouble(key) {
      const own = troubles.get(key)
      if (own) return own
      for (const [other, trouble] of troubles) if (other.startsWith(`${key}/`)) return trouble
      return undefined
    },
    close: starts.close,
  }
}

/** What a backup says of another place's processes is as if their node was lost: no failure of the work itself. */
function lostObservation(attempt: Attempt): AttemptObservation {
  const isRestored = attempt.handle?.["isRestored"] === true
  const pods = attempt.pods.map((pod) => ({
    podId: pod.podId,
    state: "lost" as const,
    startedAtMs: pod.startedAtMs,
    endedAtMs: null,
    exitCode: null,
    cause: isRestored ? ("node_lost" as const) : ("lost" as const),
    message: isRestored
      ? "it was running when the backup was made that the database was restored from"
      : "nothing is known of it any more",
    podIp: pod.podIp,
    hostIp: pod.hostIp,
    ready: false,
    outputAtMs: null,
  }))
  return { pods, isGone: true }
}
