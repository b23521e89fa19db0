import { createTurnstile } from "../../kit/turnstile.ts"

/** One for the process, as the event loop is. */
const turnstile = createTurnstile()

/**
 * To be awaited before a process is started: a fork holds the event loop for milliseconds, and a thousand pods that start
 * or are cleared away at once would hold it for seconds.
 */
export function spawnTurn(): Promise<void> {
  return turnstile.pass()
}
