/** Lets the event loop come round between pieces of work that are short each and may be many at once. */
export interface Turnstile {
  /** Resolves in a turn of the event loop in which nobody else passes; in order. */
  pass(): Promise<void>
}

/** One for all work of a kind. What waits is bounded by how many ask. */
export function createTurnstile(): Turnstile {
  const waiting: (() => void)[] = []
  let isTurning = false

  function turn() {
    const next = waiting.shift()
    isTurning = next !== undefined
    if (!next) return
    setImmediate(turn)
    next()
  }
  return {
    pass() {
      return new Promise((resolve) => {
        waiting.push(resolve)
        if (isTurning) return
        isTurning = true
        setImmediate(turn)
      })
    },
  }
}
