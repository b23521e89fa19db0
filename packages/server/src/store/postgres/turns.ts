/** Lets many work beside each other, or one alone. */
export interface Turns {
  /** Resolves when it may begin; call what it gives at the end. */
  enter(isAlone: boolean): Promise<() => void>
}

interface Waiter {
  readonly isAlone: boolean
  readonly begin: () => void
}

/** Who wants to be alone waits for those at work only: whoever comes later waits for it. First come, first served. */
export function createTurns(): Turns {
  const waiting: Waiter[] = []
  let atWork = 0
  let isTaken = false

  function next() {
    for (let first = waiting[0]; first; first = waiting[0]) {
      if (isTaken || (first.isAlone && atWork > 0)) return
      waiting.shift()
      isTaken = first.isAlone
      atWork++
      first.begin()
    }
  }
  return {
    enter: (isAlone) =>
      new Promise((resolve) => {
        const leave = () => {
          atWork--
          if (isAlone) isTaken = false
          next()
        }
        waiting.push({ isAlone, begin: () => resolve(leave) })
        next()
      }),
  }
}
