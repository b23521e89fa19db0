import { expect, it } from "vitest"
import { createVirtualClock } from "../../kit/clock.ts"
import { timeoutOf, withDeadline } from "./deadline.ts"

it.each([
  [undefined, null],
  ["", null],
  ["0S", null],
  ["5S", 5000],
  ["250m", 250],
  ["1H", 3_600_000],
  ["99999999H", null],
])("%s is %s ms", (header, ms) => {
  expect(timeoutOf(header)).toBe(ms)
})

it.each(["abc", "5", "5s", "-1S", "123456789S", " 1S"])("%s is refused as it was sent", (header) => {
  expect(() => timeoutOf(header)).toThrow(`invalid grpc-timeout: ${header}`)
})

it("aborts when the time is over, and never after the work is done", async () => {
  const clock = createVirtualClock(0)
  const signals: (AbortSignal | undefined)[] = []
  const never = withDeadline(clock, 50, (signal) => {
    signals.push(signal)
    return new Promise<string>((resolve) => {
      signal?.addEventListener("abort", () => resolve("aborted"))
    })
  })
  await clock.advance(50)
  expect(await never).toBe("aborted")
  await withDeadline(clock, 50, (signal) => {
    signals.push(signal)
    return Promise.resolve("done")
  })
  await clock.advance(100)
  expect(signals.map((signal) => signal?.aborted)).toEqual([true, false])
  expect(await withDeadline(clock, null, (signal) => Promise.resolve(signal))).toBeUndefined()
})
