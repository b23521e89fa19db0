import { expect, test } from "vitest"
import { mapInTurns } from "./in-turns.ts"

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at)

test.each([0, 1, 100, 101, 1000])("of %i, each is mapped, in order", async (count) => {
  const doubled = numbers(count).map((one) => one * 2)
  expect(await mapInTurns(numbers(count), (one) => one * 2)).toEqual(doubled)
})

test("other work comes between the pieces of long lists, of which there are several", async () => {
  let mapped = 0
  let most = 0
  let isOver = false
  const seen = new Set<number>()
  const look = () => {
    most = Math.max(most, mapped - Math.max(0, ...seen))
    seen.add(mapped)
    if (!isOver) setImmediate(look)
  }
  setImmediate(look)
  const lists = numbers(4).map(() => mapInTurns(numbers(1000), () => mapped++))
  await Promise.all(lists)
  isOver = true
  expect(mapped).toBe(4000)
  expect(most).toBeLessThanOrEqual(200)
})

test("what the map throws comes through", async () => {
  const map = (one: number) => {
    if (one === 500) throw new Error("not this one")
    return one
  }
  await expect(mapInTurns(numbers(1000), map)).rejects.toThrow("not this one")
})
