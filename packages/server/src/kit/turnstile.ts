import type { Clock } from "./clock.ts"

/** Lets the event loop come round between pieces of work that are short each and may be many at once. */
export interface Turnstile {
  /** Resolves at once while the turn of the event loop has time left, else in a later turn; in order. */
  pass(): Promise<void>
}

/**
 * One for all work of a kind. What waits is bounded by how many ask.
 * @param budget how long those who pass may hold one turn up together; without it one passes in each turn
 */
export function createTurnstile(budget?: { readonly clock: Clock; readonly ms: number }): Turnstile {
  const waiting: (() => void)[] = []
  /** Undefined when nobody has passed in this turn. */
  let turnBeganMono: number | undefined
  let isTurning = false

  function hasTime(): boolean {
    if (!budget) return false
    const nowMono = budget.clock.monotonicMs()
    turnBeganMono ??= nowMono
    return nowMono - turnBeganMono < budget.ms
  }
  function turn() {
    turnBeganMono = undefined
    const next = waiting.shift()
    isTurning = next !== undefined
    if (!next) return
    setImmediate(turn)
    turnBeganMono = budget?.clock.monotonicMs()
    next()
  }
  function turnLater() {
    if (isTurning) return
    isTurning = true
    setImmediate(turn)
  }
  return {
    pass() {
      const isAtOnce = waiting.length === 0 && hasTime()
      turnLater()
      if (isAtOnce) return Promise.resolve()
      return new Promise((resolve) => {
        waiting.push(resolve)
      })
    },
  }
}
