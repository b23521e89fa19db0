import { expect, it } from "vitest"
import { createTurns } from "./turns.ts"

it("lets many work beside each other, and one alone when those before it have ended", async () => {
  const turns = createTurns()
  const log: string[] = []
  const one = await turns.enter(false)
  const two = await turns.enter(false)
  const alone = turns.enter(true).then((leave) => {
    log.push("alone")
    return leave
  })
  const three = turns.enter(false).then((leave) => {
    log.push("three")
    return leave
  })
  one()
  await Promise.resolve()
  expect(log).toEqual([])
  two()
  const leaveAlone = await alone
  expect(log).toEqual(["alone"])
  leaveAlone()
  const leaveThree = await three
  leaveThree()
  ;(await turns.enter(true))()
  expect(log).toEqual(["alone", "three"])
})
