import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { dueOf, latestStartMs } from "./schedules.ts"
import type { Schedule } from "./types.ts"

const minuteMs = 60_000
const midnight = Date.UTC(2030, 0, 1)
const jobs = (...schedules: string[]) => schedules.map((schedule) => ({ schedule, action: "start" as const }))
const schedule = (nextAtMs: number): Schedule => ({ nextAtMs, lastAtMs: null, lastKey: null })
const at = (minutes: number) => midnight + minutes * minuteMs

describe("what is due of a schedule", () => {
  it("is nothing before its next match, whatever the clock did", () => {
    expect(dueOf(jobs("* * * * *"), schedule(at(10)), at(10) - 1)).toBeNull()
    expect(dueOf(jobs("* * * * *"), schedule(at(10)), at(-100_000))).toBeNull()
  })

  it("is the match itself when it is seen in time", () => {
    const due = { fireAtMs: at(10), missed: null, nextAtMs: at(20) }
    expect(dueOf(jobs("*/10 * * * *"), schedule(at(10)), at(10))).toEqual(due)
    expect(dueOf(jobs("*/10 * * * *"), schedule(at(10)), at(10) + latestStartMs)).toEqual(due)
  })

  it("is nothing but the next one when it is seen too late", () => {
    expect(dueOf(jobs("*/10 * * * *"), schedule(at(10)), at(10) + latestStartMs + 1)).toEqual({
      fireAtMs: null,
      missed: { count: 1, firstMs: at(10), lastMs: at(10) },
      nextAtMs: at(20),
    })
  })

  it("counts what several entries have in common once, and counts no further than a thousand", () => {
    expect(dueOf(jobs("*/10 * * * *", "*/15 * * * *"), schedule(at(10)), at(61))).toEqual({
      fireAtMs: at(60),
      missed: { count: 7, firstMs: at(10), lastMs: at(50) },
      nextAtMs: at(70),
    })
    const year = dueOf(jobs("* * * * *"), schedule(at(0)), at(525_600))
    const missed = { count: 1000, firstMs: at(0), lastMs: at(525_599) }
    expect(year).toMatchObject({ fireAtMs: at(525_600), missed })
  })

  it("is found without counting every match of every entry, however many there are", () => {
    const everyMinute = Array.from({ length: 100 }, (_, n) => `*,${n % 60},${Math.floor(n / 60)} * * * *`)
    const due = dueOf(jobs(...everyMinute), schedule(at(0)), at(525_600))
    expect(due).toMatchObject({ fireAtMs: at(525_600), missed: { firstMs: at(0), lastMs: at(525_599) } })
    expect(due?.missed?.count).toBeLessThanOrEqual(51)
    // the same entry many times is one
    const same = dueOf(jobs(...everyMinute.map(() => "* * * * *")), schedule(at(0)), at(525_600))
    expect(same?.missed?.count).toBe(1000)
  })

  it("acts on every match at most once, and on all that are seen in time, however the clock goes", () => {
    const steps = fc.array(fc.integer({ min: -30 * minuteMs, max: 40 * minuteMs }), { maxLength: 40 })
    fc.assert(
      fc.property(steps, (moves) => {
        const entries = jobs("*/7 * * * *", "5 * * * *")
        let nowMs = at(1)
        let nextAtMs = at(5)
        const acted: number[] = []
        for (const move of moves) {
          nowMs += move
          const due = dueOf(entries, schedule(nextAtMs), nowMs)
          if (!due) continue
          if (due.fireAtMs !== null) acted.push(due.fireAtMs)
          expect(due.fireAtMs ?? nowMs).toBeGreaterThanOrEqual(nowMs - latestStartMs)
          expect(due.nextAtMs).toBeGreaterThan(nowMs)
          const missed = due.missed?.lastMs ?? 0
          expect(missed).toBeLessThan(due.fireAtMs ?? nowMs + 1)
          nextAtMs = due.nextAtMs
        }
        expect(acted).toEqual([...new Set(acted)].toSorted((a, b) => a - b))
      }),
    )
  })
})
