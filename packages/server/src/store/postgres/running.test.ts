import { expect, it } from "vitest"
import { createRunningTransactions } from "./running.ts"

it("the horizon is the oldest that runs, however late its id is known", () => {
  const running = createRunningTransactions(10)
  const [one, two] = [running.begin(), running.begin()]
  expect(running.horizon).toBe(11)
  two.began(11)
  expect(running.horizon).toBe(11)
  one.began(14)
  expect(running.horizon).toBe(11)
  two.ended()
  expect(running.horizon).toBe(14)
  one.ended()
  expect(running.horizon).toBe(15)
})

it("a horizon that was asked for while nothing ran is below all that begin later", () => {
  const running = createRunningTransactions(10)
  const { horizon } = running
  const [slow, quick] = [running.begin(), running.begin()]
  slow.began(11)
  quick.began(12)
  quick.ended()
  expect(horizon).toBe(11)
})
