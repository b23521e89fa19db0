import { failedSignInsDetail, type Principal } from "../../domain/identity/index.ts"
import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import { networkOf } from "../../kit/network-of.ts"
import { createRateLimiter, type RateLimit } from "../../kit/rate-limiter.ts"

/** Keys and addresses that are remembered at once: a megabyte or two. */
const mostNames = 10_000
/** DESIGN 7. */
const defaultFailureLimit: RateLimit = { perSecond: 10, burst: 20 }

/** The rates that hold over all the ways in together. */
export interface Limits {
  readonly failed: FailureLimit
  /** @throws AppError `too_many`, detail `rate` */
  readonly charge: (who: Pick<Principal, "keyId" | "userId">) => void
}

/** What is not said is as `createFailureLimit` and `createKeyLimit` have it. */
export function createLimits(
  config: { readonly failureLimit?: RateLimit; readonly keyLimit?: RateLimit | null },
  clock: Clock,
): Limits {
  return {
    failed: createFailureLimit(config.failureLimit, clock),
    charge: createKeyLimit(config.keyLimit ?? null, clock),
  }
}

/** Gives the error to answer with. */
export type FailureLimit = (error: AppError, address: string) => AppError

/**
 * Holds failed sign-ins to a rate for each address: an `unauthenticated` above it becomes `too_many` (detail
 * `failed_sign_ins`), which no longer says whether the credential holds; every other error, and whoever has a good
 * credential, passes. Addresses of IPv6 count by their network of 64 bits, for one machine has as many of them as
 * it likes.
 */
export function createFailureLimit(limit: RateLimit = defaultFailureLimit, clock: Clock): FailureLimit {
  const limiter = createRateLimiter(limit, mostNames)
  return (error, address) => {
    if (error.code !== "unauthenticated") return error
    const retryAfterMs = limiter.take(networkOf(address), clock.monotonicMs())
    if (retryAfterMs === 0) return error
    return new AppError(
      "too_many",
      `Too many failed sign-ins from this address; try again in ${seconds(retryAfterMs)} s.`,
      { detail: failedSignInsDetail, retryAfterMs },
    )
  }
}

/**
 * Holds the requests of each API key to a rate, whether they come with the key or with a token that it was exchanged
 * for; without a key (`--no-auth`) those of the user. null = everything passes.
 * @returns a function that throws AppError `too_many`, detail `rate`, with when to try again
 */
export function createKeyLimit(
  limit: RateLimit | null,
  clock: Clock,
): (who: Pick<Principal, "keyId" | "userId">) => void {
  if (limit === null) return () => {}
  const limiter = createRateLimiter(limit, mostNames)
  return (who) => {
    const retryAfterMs = limiter.take(who.keyId ?? who.userId, clock.monotonicMs())
    if (retryAfterMs > 0)
      throw new AppError(
        "too_many",
        `Too many requests of this key; try again in ${seconds(retryAfterMs)} s.`,
        {
          detail: "rate",
          retryAfterMs,
        },
      )
  }
}

const seconds = (ms: number) => Math.ceil(ms / 1000)
