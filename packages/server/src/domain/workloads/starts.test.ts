import { describe, expect, it } from "vitest"
import { createVirtualClock } from "../../kit/clock.ts"
import { createStarts } from "./starts.ts"
import type { AttemptHandle, AttemptLaunch, PodDriver } from "./driver.ts"
import type { AttemptId } from "./types.ts"

const id = "att_1" as AttemptId
const launch = { id } as AttemptLaunch
const never = new AbortController().signal

/** A driver whose starts end when the test says so. */
function setUp() {
  const clock = createVirtualClock()
  const calls: { readonly signal: AbortSignal; readonly answer: PromiseWithResolvers<AttemptHandle> }[] = []
  const driver = {
    ensure(_launch: AttemptLaunch, signal: AbortSignal) {
      const answer = Promise.withResolvers<AttemptHandle>()
      calls.push({ signal, answer })
      return answer.promise
    },
  } as unknown as PodDriver
  const late: unknown[] = []
  const starts = createStarts(clock)
  const begin = () => starts.begin(launch, driver, (error) => late.push(error))
  return { clock, calls, late, starts, begin }
}

describe("a start", () => {
  it("that is over in time gives its handle and leaves no alarm", async () => {
    const { clock, calls, late, begin } = setUp()
    const begun = begin()
    await clock.advance(500)
    calls[0]?.answer.resolve({ pid: 1 })
    expect(await begun).toEqual({ pid: 1 })
    expect(clock.nextAlarmInMs()).toBeUndefined()
    expect(late).toEqual([])
  })

  it("that takes longer is not waited for, not begun twice, and told of when it is over", async () => {
    const { clock, calls, late, starts, begin } = setUp()
    const begun = begin()
    await clock.advance(1000)
    expect(await begun).toBeNull()
    expect(await begin()).toBeNull()
    expect(calls).toHaveLength(1)
    calls[0]?.answer.resolve({ pid: 1 })
    await starts.over(id, never)
    await clock.advance(0)
    expect(late).toEqual([undefined])
  })

  it("that fails late is told of with its error, and is aborted when it takes far too long", async () => {
    const { clock, calls, late, begin } = setUp()
    const begun = begin()
    await clock.advance(60_000)
    expect(await begun).toBeNull()
    expect(calls[0]?.signal.aborted).toBe(true)
    const error = new Error("aborted")
    calls[0]?.answer.reject(error)
    await clock.advance(0)
    expect(late).toEqual([error])
    void begin()
    await clock.advance(0)
    expect(calls).toHaveLength(2)
  })

  it("that is given up is aborted, and over only when the driver says so", async () => {
    const { clock, calls, starts, begin } = setUp()
    const begun = begin()
    await clock.advance(0)
    starts.giveUp(id)
    expect(calls[0]?.signal.aborted).toBe(true)
    let isOver = false
    const over = starts.over(id, never).then(() => (isOver = true))
    await clock.advance(5000)
    expect(isOver).toBe(false)
    calls[0]?.answer.reject(new Error("aborted"))
    await over
    expect(await begun).toBeNull()
  })

  it("is waited for only as long as who waits may", async () => {
    const { clock, starts, begin } = setUp()
    void begin()
    await clock.advance(0)
    const abort = new AbortController()
    const over = starts.over(id, abort.signal)
    abort.abort(new Error("no more time"))
    await expect(over).rejects.toThrow("no more time")
  })
})
