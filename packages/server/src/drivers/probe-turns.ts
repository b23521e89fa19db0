/** Lets only so many run at once; the others wait in order. */
export interface Turns {
  take<T>(work: () => Promise<T>): Promise<T>
}

export function createTurns(atOnce: number): Turns {
  const waiting: (() => void)[] = []
  let running = 0

  /** Its place goes to the first that waits, so that nobody comes in between. */
  function done(): void {
    const next = waiting.shift()
    if (next) next()
    else running--
  }

  return {
    async take(work) {
      if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve))
      else running++
      try {
        return await work()
      } finally {
        done()
      }
    },
  }
}
