/** A number of things that may be under way at a time. */
export interface Slots {
  /**
   * Calls `begin` as soon as there is room, at once or later, with what gives the room back.
   * @returns how to wait no more; nothing once it has begun
   */
  take(begin: (release: () => void) => void): () => void
}

/** First come, first served. Who waits is bounded by who may ask: no caller may take twice at a time. */
export function createSlots(most: number): Slots {
  const waiting = new Set<(release: () => void) => void>()
  let used = 0

  function run(begin: (release: () => void) => void): void {
    used++
    let isReleased = false
    begin(() => {
      if (isReleased) return
      isReleased = true
      used--
      for (const next of waiting) {
        waiting.delete(next)
        return run(next)
      }
    })
  }

  return {
    take(begin) {
      if (used < most) {
        run(begin)
        return () => undefined
      }
      const entry = (release: () => void) => begin(release)
      waiting.add(entry)
      return () => void waiting.delete(entry)
    },
  }
}
