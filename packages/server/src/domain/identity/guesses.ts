import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import { networkOf } from "../../kit/network-of.ts"
import { createRateLimiter, type RateLimit } from "../../kit/rate-limiter.ts"

/** Detail of the `too_many` that stands for a failed sign-in. */
export const failedSignInsDetail = "failed_sign_ins"

/** Wrong passwords of a name from an address: people mistype a few times, programs guess for hours. */
const limit: RateLimit = { perSecond: 1 / 6, burst: 10 }
/** Names at addresses that are remembered at once: a megabyte or two. */
const mostNames = 10_000
/** No user has a longer one. */
const longestName = 64

/** Whose password is tried, and from where; null: from inside. */
interface Guess {
  readonly name: string
  readonly address: string | null
}

/** Holds wrong passwords of each name from each address to a rate. Others may sign in as that user meanwhile. */
export interface Guesses {
  /**
   * @param isRight not asked where too many were wrong before; one that throws does not count
   * @throws AppError `unauthenticated` for a wrong one, `too_many` (detail `failed_sign_ins`) whether it is right or not
   */
  count(guess: Guess, isRight: () => Promise<boolean>): Promise<void>
}

export function createGuesses(clock: Clock): Guesses {
  const limiter = createRateLimiter(limit, mostNames)
  const underWay = new Map<string, { count: number; next: PromiseWithResolvers<void> }>()

  /** Taken before the answer is known, for many may come at once; what is under way may be right and give back. */
  async function begin(name: string): Promise<void> {
    for (;;) {
      const tries = underWay.get(name)
      const retryAfterMs = limiter.take(name, clock.monotonicMs())
      if (retryAfterMs > 0 && !tries) throw tooMany(retryAfterMs)
      if (retryAfterMs === 0) {
        if (tries) tries.count++
        else underWay.set(name, { count: 1, next: Promise.withResolvers() })
        return
      }
      await tries?.next.promise
    }
  }

  function end(name: string, isWrong: boolean): void {
    if (!isWrong) limiter.giveBack(name)
    const tries = underWay.get(name)
    if (!tries) return
    if (--tries.count === 0) underWay.delete(name)
    tries.next.resolve()
    tries.next = Promise.withResolvers()
  }

  return {
    async count(guess, isRight) {
      const name = JSON.stringify([groupOf(guess), guess.name.slice(0, longestName)])
      await begin(name)
      let isWrong = false
      try {
        isWrong = !(await isRight())
      } finally {
        end(name, isWrong)
      }
      if (isWrong) throw wrongPassword()
    },
  }
}

/** What those who try passwords have turns by. */
export function groupOf({ address }: Pick<Guess, "address">): string {
  return address === null ? "" : networkOf(address)
}

/** The same whatever was wrong: who may guess learns nothing of who there is. */
export function wrongPassword(): AppError {
  return new AppError("unauthenticated", "The user name or the password is wrong.", {
    resource: "user",
    detail: "wrong_password",
  })
}

function tooMany(retryAfterMs: number): AppError {
  return new AppError(
    "too_many",
    `Too many wrong passwords for this user from this address; try again in ${Math.ceil(retryAfterMs / 1000)} s.`,
    { detail: failedSignInsDetail, retryAfterMs },
  )
}
