/**
 * Time, handed in. `nowMs` is the wall clock (epoch milliseconds, may jump), `monotonicMs` only grows and
 * is for lengths. Domain and control code get a Clock or a `nowMs` argument and never read one themselves.
 */
export interface Clock {
  nowMs(): number
  monotonicMs(): number
  /**
   * Calls `fire` once after `delayMs` (0 to 2^31 - 1) of this clock's time; returns how to cancel.
   * `keepAlive` (default false) keeps the process up while it waits.
   */
  alarm(delayMs: number, fire: () => void, keepAlive?: boolean): () => void
}

/** Resolves after `ms` of the clock's time; rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const onAbort = () => {
      cancel()
      reject(signal?.reason as Error)
    }
    const cancel = clock.alarm(ms, () => {
      signal?.removeEventListener("abort", onAbort)
      resolve()
    })
    signal?.addEventListener("abort", onAbort, { once: true })
  })
}

const longestAlarmMs = 2 ** 31 - 1

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  alarm(delayMs, fire, keepAlive = false) {
    const timer = setTimeout(fire, Math.min(Math.max(0, delayMs), longestAlarmMs))
    if (!keepAlive) timer.unref()
    return () => clearTimeout(timer)
  },
}

interface Alarm {
  readonly dueMono: number
  readonly seq: number
  readonly fire: () => void
}

/** A clock that moves only when told: for tests and simulations. */
export interface VirtualClock extends Clock {
  /**
   * Moves both clocks forward, firing alarms in order of their due time; between two alarms, and at the
   * end, pending promises and immediates are let run so that what an alarm started can settle.
   */
  advance(ms: number): Promise<void>
  /** Moves the wall clock alone, forwards or backwards, as NTP or a person would. */
  jumpWall(ms: number): void
  /** Milliseconds until the next alarm; undefined when none is set. */
  nextAlarmInMs(): number | undefined
}

export function createVirtualClock(startMs = Date.UTC(2030, 0, 1)): VirtualClock {
  let wallOffset = startMs
  let mono = 0
  let seq = 0
  const alarms = new Set<Alarm>()
  const earliest = () => {
    let first: Alarm | undefined
    for (const a of alarms)
      if (!first || a.dueMono < first.dueMono || (a.dueMono === first.dueMono && a.seq < first.seq)) first = a
    return first
  }
  return {
    nowMs: () => wallOffset + mono,
    monotonicMs: () => mono,
    alarm(delayMs, fire) {
      const alarm: Alarm = { dueMono: mono + Math.max(0, delayMs), seq: seq++, fire }
      alarms.add(alarm)
      return () => alarms.delete(alarm)
    },
    async advance(ms) {
      const end = mono + ms
      await settle()
      for (;;) {
        const next = earliest()
        if (!next || next.dueMono > end) break
        alarms.delete(next)
        mono = Math.max(mono, next.dueMono)
        next.fire()
        await settle()
      }
      mono = end
      await settle()
    },
    jumpWall(ms) {
      wallOffset += ms
    },
    nextAlarmInMs: () => {
      const next = earliest()
      return next && Math.max(0, next.dueMono - mono)
    },
  }
}

/** Lets everything that is ready run: microtasks, and a few turns of the event loop for batched commits. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}
