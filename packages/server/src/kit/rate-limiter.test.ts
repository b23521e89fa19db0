import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { createRateLimiter } from "./rate-limiter.ts"

describe("a rate limiter", () => {
  it("lets a burst through, then one each time it is due, and says when", () => {
    const limiter = createRateLimiter({ perSecond: 10, burst: 3 }, 10)
    expect([1, 2, 3].map(() => limiter.take("a", 0))).toEqual([0, 0, 0])
    expect(limiter.take("a", 0)).toBe(100)
    expect(limiter.take("a", 60)).toBe(40)
    expect(limiter.take("a", 100)).toBe(0)
    expect(limiter.take("a", 100)).toBe(100)
    expect(limiter.take("b", 100)).toBe(0)
    // at rest for long: the burst is whole again, and no larger
    expect([1, 2, 3, 4].map(() => limiter.take("a", 60_000) > 0)).toEqual([false, false, false, true])
  })

  it("takes nothing where it refuses: whoever insists is let through as early as whoever waits", () => {
    const limiter = createRateLimiter({ perSecond: 1, burst: 1 }, 10)
    limiter.take("a", 0)
    for (let ms = 1; ms < 1000; ms++) expect(limiter.take("a", ms)).toBe(1000 - ms)
    expect(limiter.take("a", 1000)).toBe(0)
  })

  it("never lets more through than burst + rate x time, and always that much where it is asked for", () => {
    const limits = fc.record({
      perSecond: fc.integer({ min: 1, max: 1000 }),
      burst: fc.integer({ min: 1, max: 100 }),
    })
    const waits = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 300 })
    fc.assert(
      fc.property(limits, waits, (limit, gaps) => {
        const limiter = createRateLimiter(limit, 4)
        let nowMono = 0
        let passed = 0
        for (const gap of gaps) {
          nowMono += gap
          while (limiter.take("a", nowMono) === 0) passed++
          const most = limit.burst + (nowMono * limit.perSecond) / 1000
          expect(passed).toBeLessThanOrEqual(Math.floor(most + 1e-3))
          // what did not fit into the burst while nobody asked is lost
          expect(passed).toBeGreaterThanOrEqual(limit.burst)
        }
      }),
    )
  })

  it("forgets who took nothing for a while, and of too many the one that rested longest", () => {
    const limiter = createRateLimiter({ perSecond: 1, burst: 2 }, 100)
    for (let at = 0; at < 1000; at++) limiter.take(`name ${at}`, 0)
    expect(limiter.size).toBe(100)
    expect([limiter.take("name 999", 0), limiter.take("name 999", 0)]).toEqual([0, 1000])
    for (let at = 0; at < 60; at++) limiter.take("other", 10_000 + at * 1000)
    expect(limiter.size).toBe(1)
  })
})
