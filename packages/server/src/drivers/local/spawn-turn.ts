import { systemClock } from "../../kit/clock.ts"
import { createTurnstile } from "../../kit/turnstile.ts"

// One each for the process, as the event loop is one.
const starts = createTurnstile()
const looks = createTurnstile({ clock: systemClock, ms: 5 })

/**
 * To be awaited before a process is started: a fork holds the event loop for milliseconds, and a thousand pods that start
 * or are cleared away at once would hold it for seconds.
 */
export function spawnTurn(): Promise<void> {
  return starts.pass()
}

/** To be awaited before each of many pods is looked at or signalled: that is a few system calls each. */
export function podTurn(): Promise<void> {
  return looks.pass()
}
