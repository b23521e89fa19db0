/** A transaction from before its BEGIN is sent until it is known how it ended. */
export interface RunningTransaction {
  /** Its id, in the order of events. */
  began(xid: number): void
  /** Whatever it wrote is there now, or never will be. Idempotent. */
  ended(): void
}

/** Which transactions run. All that write to the database are this server's own: see server-lock.ts. */
export interface RunningTransactions {
  begin(): RunningTransaction
  /**
   * Every transaction with a lower id has ended, and none will begin: it stays true for a reader who looks at the
   * database later.
   */
  readonly horizon: number
}

/**
 * Asking the database instead would also show the transactions of every other database on its server, and a long one
 * there would hold our events back.
 * @param newest the highest id that was given when nothing of ours ran
 */
export function createRunningTransactions(newest: number): RunningTransactions {
  /** The least that each can have. */
  const least = new Set<{ xid: number }>()
  let highest = newest
  return {
    begin() {
      // What will be given is above all that were.
      const one = { xid: highest + 1 }
      least.add(one)
      return {
        began(xid) {
          one.xid = xid
          highest = Math.max(highest, xid)
        },
        ended() {
          least.delete(one)
        },
      }
    },
    get horizon() {
      // Where nothing runs, too: of two that begin before a reader looks, the later one may be committed by then.
      let lowest = highest + 1
      for (const { xid } of least) lowest = Math.min(lowest, xid)
      return lowest
    },
  }
}
