import { expect, it } from "vitest"
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
