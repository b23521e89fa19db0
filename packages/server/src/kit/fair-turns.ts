/** Lets only so many run at once; groups of those who wait have turns about, however many there are of each. */
export interface FairTurns {
  /**
   * @param group whose turn it takes
   * @throws the refusal, when it or somebody of a greater group has to make room; what is refused was not begun
   */
  take<T>(group: string, work: () => Promise<T>): Promise<T>
}

interface Waiting {
  readonly go: () => void
  readonly refuse: () => void
}

/**
 * @param refusal of who does not fit in: the last of the greatest group
 */
export function createFairTurns(
  { atOnce, mostWaiting }: { readonly atOnce: number; readonly mostWaiting: number },
  refusal: () => Error,
): FairTurns {
  // the group whose turn is next comes first
  const groups = new Map<string, Waiting[]>()
  let waitingCount = 0
  let running = 0

  function wait(group: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const queue = groups.get(group) ?? []
      groups.set(group, queue)
      queue.push({ go: resolve, refuse: () => reject(refusal()) })
      if (++waitingCount > mostWaiting) refuseOne()
    })
  }

  function refuseOne(): void {
    const [group, queue] = [...groups].reduce((most, one) => (one[1].length >= most[1].length ? one : most))
    queue.pop()?.refuse()
    waitingCount--
    if (queue.length === 0) groups.delete(group)
  }

  /** Its place goes to the next, so that nobody comes in between. */
  function done(): void {
    const [next] = groups
    if (!next) return void running--
    const [group, queue] = next
    groups.delete(group)
    queue.shift()?.go()
    waitingCount--
    if (queue.length > 0) groups.set(group, queue)
  }

  return {
    async take(group, work) {
      if (running >= atOnce) await wait(group)
      else running++
      try {
        return await work()
      } finally {
        done()
      }
    },
  }
}
