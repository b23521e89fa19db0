/** How much of something is let through: so many a second in the long run, `burst` of them at once. */
export interface RateLimit {
  /** Greater than 0. */
  readonly perSecond: number
  /** At least 1. */
  readonly burst: number
}

/** Lets so much through for each of many names. It holds no timer and reads no clock. */
export interface RateLimiter {
  /**
   * Takes one for the name.
   * @param nowMono of the monotonic clock
   * @returns 0 when it is let through; else after how many milliseconds one will be (and nothing was taken)
   */
  take(name: string, nowMono: number): number
  /** Takes back what one `take` took. */
  giveBack(name: string): void
  /** Names that are remembered: those that took something of late. */
  readonly size: number
}

/** Sums of fractions of a millisecond come out a little off. */
const roundingMs = 1e-6
/** For each call that much is looked at of what may be forgotten: more than a call adds, so that it shrinks. */
const looksPerCall = 2

/**
 * The generic cell rate algorithm: a name is one number, the instant at which everything it took is paid back.
 * @param mostNames remembered at once; above it the name that took nothing for longest is forgotten, and begins anew
 */
export function createRateLimiter(limit: RateLimit, mostNames: number): RateLimiter {
  const eachMs = 1000 / limit.perSecond
  const slackMs = (limit.burst - 1) * eachMs
  // in the order of the last taking
  const paidBackMono = new Map<string, number>()

  function forget(nowMono: number): void {
    let looks = 0
    for (const [name, atMono] of paidBackMono) {
      if (looks++ >= looksPerCall || (atMono > nowMono && paidBackMono.size <= mostNames)) return
      paidBackMono.delete(name)
    }
  }

  return {
    take(name, nowMono) {
      const debtMs = Math.max(0, (paidBackMono.get(name) ?? 0) - nowMono)
      if (debtMs > slackMs + roundingMs) return debtMs - slackMs
      paidBackMono.delete(name)
      paidBackMono.set(name, nowMono + debtMs + eachMs)
      forget(nowMono)
      return 0
    },
    giveBack(name) {
      const atMono = paidBackMono.get(name)
      if (atMono !== undefined) paidBackMono.set(name, atMono - eachMs)
    },
    get size() {
      return paidBackMono.size
    },
  }
}
