/** One COMMIT on its way. */
export interface CommitTicket {
  /** It stands: `tell` is called once every COMMIT that was sent before is known to stand or not. */
  committed(tell: () => void): void
  /** It does not stand; nobody waits for it any longer. */
  undone(): void
}

/** Tells of commits in the order in which they were sent, although they are answered in any order. */
export interface CommitOrder {
  /** Call it right before COMMIT is sent. */
  enter(): CommitTicket
}

interface Entry {
  tell: (() => void) | undefined
}

/**
 * Whoever saw the rows of a transaction began after it was committed, and sent its own COMMIT later than that one:
 * told in the order of sending, memory that follows the topics never goes back. One that nobody knows the
 * outcome of holds up those behind it.
 */
export function createCommitOrder(): CommitOrder {
  const entries: Entry[] = []

  function flush() {
    for (let first = entries[0]; first?.tell; first = entries[0]) {
      entries.shift()
      first.tell()
    }
  }
  return {
    enter() {
      const entry: Entry = { tell: undefined }
      entries.push(entry)
      return {
        committed(tell) {
          entry.tell = tell
          flush()
        },
        undone() {
          const at = entries.indexOf(entry)
          if (at >= 0) entries.splice(at, 1)
          flush()
        },
      }
    },
  }
}
