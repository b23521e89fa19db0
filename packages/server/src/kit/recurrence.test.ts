import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parseRecurrence, type Recurrence } from "./recurrence.ts"

const at = (text: string) => Date.parse(text)
const shown = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString().slice(0, 16))

function read(text: string): Recurrence {
  const found = parseRecurrence(text)
  if ("fault" in found) throw new Error(found.fault)
  return found
}

describe("a recurrence of five fields", () => {
  it.each([
    ["0 3 * * *", "2030-01-01T03:00Z", "2030-01-02T03:00", "2030-01-01T03:00"],
    ["*/15 * * * *", "2030-01-01T00:07Z", "2030-01-01T00:15", "2030-01-01T00:00"],
    ["0 9-17/4 * * MON-FRI", "2030-01-04T18:00Z", "2030-01-07T09:00", "2030-01-04T17:00"],
    ["30 6 1 jan,jul *", "2030-01-02T00:00Z", "2030-07-01T06:30", "2030-01-01T06:30"],
    ["0 0 * * 7", "2030-01-01T00:00Z", "2030-01-06T00:00", "2029-12-30T00:00"],
    ["0 0 29 2 *", "2097-01-01T00:00Z", "2104-02-29T00:00", "2096-02-29T00:00"],
    ["59 23 31 12 *", "2030-12-31T23:58Z", "2030-12-31T23:59", "2029-12-31T23:59"],
  ])("%s after %s is next at %s and was last at %s", (text, now, next, last) => {
    expect(shown(read(text).next(at(now)))).toBe(next)
    expect(shown(read(text).last(at(now)))).toBe(last)
  })

  it("matches where either of two restricted days does", () => {
    const days: string[] = []
    let ms: number | null = at("2030-01-01T00:00Z") - 1
    for (let n = 0; n < 6 && ms !== null; n++) {
      ms = read("0 0 1,15 * MON").next(ms)
      days.push(shown(ms)?.slice(5, 10) ?? "")
    }
    expect(days).toEqual(["01-01", "01-07", "01-14", "01-15", "01-21", "01-28"])
  })

  it("knows no change of clocks: a night has all its hours in March and in October", () => {
    const { next } = read("30 * * * *")
    for (const day of ["2030-03-31", "2030-10-27"]) {
      let count = 0
      const end = at(`${day}T00:00Z`) + 86_400_000
      for (let ms = next(at(`${day}T00:00Z`)); ms !== null && ms < end; ms = next(ms)) count++
      expect(count).toBe(24)
    }
  })

  it("gives null where it never matches", () => {
    expect(read("0 0 31 2 *").next(at("2030-01-01T00:00Z"))).toBeNull()
    expect(read("0 0 30,31 feb *").last(at("2030-01-01T00:00Z"))).toBeNull()
  })

  it.each([
    ["* * * * * *", "it has 6 fields, not 5"],
    ["0 3 * *", "it has 4 fields, not 5"],
    ["@daily", "it has 1 field, not 5"],
    ["60 * * * *", "invalid value for minute: 60"],
    ["0 24 * * *", "invalid value for hour: 24"],
    ["0 0 L * *", "its day of month L is not understood"],
    ["0 0 15W * *", "its day of month 15W is not understood"],
    ["0 0 * * 1#2", "its day of week 1#2 is not understood"],
    ["0 0 * * 5L", "its day of week 5L is not understood"],
    ["0 0 ? * 1", "its day of month ? is not understood"],
    ["-1 * * * *", "its minute -1 is not understood"],
    ["5-3 * * * *", /larger/],
    ["*/0 * * * *", /stepping/],
    ["1,,2 * * * *", "its minute 1,,2 is not understood"],
    ["0 0 * foo *", "its month foo is not understood"],
    ["0 0 * janfeb *", "its month janfeb is not understood"],
    ["5/5 * * * *", /stepping/],
    ["0 0 1 1 1\u0000", /not understood/],
    [`${"1,".repeat(200)}1 * * * *`, "it is over 256 characters long"],
  ])("is refused as %j: %s", (text, fault) => {
    const found = parseRecurrence(text)
    expect("fault" in found && found.fault).toMatch(fault)
  })

  it("is read or refused, never more, whatever the text", () => {
    const field = fc.oneof(
      fc.constantFrom("*", "*/2", "1-5", "1,2", "MON", "jan", "7", "0", "31"),
      fc.string({ maxLength: 6 }),
    )
    fc.assert(
      fc.property(
        fc.array(field, { minLength: 4, maxLength: 6 }),
        fc.date({ noInvalidDate: true }),
        (fields, date) => {
          const found = parseRecurrence(fields.join(" "))
          if ("fault" in found) {
            expect(found.fault).not.toBe("")
            return
          }
          const now = Math.min(Math.max(date.getTime(), 0), at("2900-01-01T00:00Z"))
          const next = found.next(now)
          const last = found.last(now)
          if (next !== null) {
            expect(next).toBeGreaterThan(now)
            expect(next % 60_000).toBe(0)
            expect(found.last(next)).toBe(next)
          }
          if (last !== null) expect(last).toBeLessThanOrEqual(now)
        },
      ),
    )
  })
})
