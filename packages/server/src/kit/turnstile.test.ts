import { expect, it } from "vitest"
import { createVirtualClock } from "./clock.ts"
import { createTurnstile } from "./turnstile.ts"

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

it("lets one pass in each turn of the event loop, in order", async () => {
  const turnstile = createTurnstile()
  const passed: number[] = []
  const all = Promise.all([1, 2, 3].map((n) => turnstile.pass().then(() => passed.push(n))))
  expect(passed).toEqual([])
  const seen: number[] = []
  while (passed.length < 3) {
    await nextTurn()
    seen.push(passed.length)
  }
  await all
  expect(passed).toEqual([1, 2, 3])
  for (const [at, count] of seen.entries()) expect(count).toBeLessThanOrEqual(at + 1)
})

it("turns again for those who come when it has stood still", async () => {
  const turnstile = createTurnstile()
  await turnstile.pass()
  await nextTurn()
  await turnstile.pass()
  const passed = await Promise.all([turnstile.pass().then(() => 1), turnstile.pass().then(() => 2)])
  expect(passed).toEqual([1, 2])
})

it("with a budget lets pass whoever comes while the turn has time left, and the others in later turns", async () => {
  const clock = createVirtualClock()
  let mono = 0
  const turnstile = createTurnstile({ clock: { ...clock, monotonicMs: () => mono }, ms: 5 })
  const passed: number[] = []
  const work = async (n: number) => {
    await turnstile.pass()
    passed.push(n)
    mono += 2
  }
  const first = work(1)
  await first
  await work(2)
  await work(3)
  const rest = [work(4), work(5)]
  await Promise.resolve()
  expect(passed, "three took six milliseconds").toEqual([1, 2, 3])
  await Promise.all(rest)
  expect(passed).toEqual([1, 2, 3, 4, 5])
  await nextTurn()
  mono += 100
  await work(6)
  expect(passed.at(-1)).toBe(6)
})
