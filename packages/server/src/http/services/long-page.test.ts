import { once } from "node:events"
import { setImmediate as turn } from "node:timers/promises"
import { expect, it } from "vitest"
import { longPage } from "./long-page.ts"

const at = { page: 1, size: 10, total: 6 }

/** Parts of a page, and how many were asked for. */
function partsOf(parts: readonly (readonly string[])[]) {
  const seen = { asked: 0, isClosed: false }
  return {
    seen,
    rest: {
      next: () => Promise.resolve(parts[seen.asked++] ?? null),
      close: () => void (seen.isClosed = true),
    },
  }
}
const text = (item: string) => JSON.stringify(item)

it("gives the whole text of a page, part by part", async () => {
  const { rest, seen } = partsOf([["b", "c"], ["d"]])
  const chunks = await longPage(at, { first: ["a"], rest }, text).toArray()
  const page = Buffer.concat(chunks as Buffer[]).toString()
  expect(JSON.parse(page)).toEqual({
    index: 1,
    max_size: 10,
    total_pages: 1,
    total: 6,
    items: ["a", "b", "c", "d"],
  })
  expect(seen.isClosed).toBe(true)
})

it("reads no part before what came before it was taken, and lets go of the rest when nobody takes any more", async () => {
  const heavy = "x".repeat(100_000)
  const { rest, seen } = partsOf(Array.from({ length: 50 }, () => [heavy]))
  const page = longPage(at, { first: [heavy], rest }, text)
  page.read(0)
  for (let count = 0; count < 20; count++) await turn()
  expect(seen.asked).toBe(0)
  expect(String(page.read())).toHaveLength(
    100_000 + '{"index":1,"max_size":10,"total_pages":1,"total":6,"items":[""'.length,
  )
  for (let count = 0; count < 20; count++) await turn()
  expect(seen.asked).toBe(1)
  page.destroy()
  await once(page, "close")
  expect(seen).toEqual({ asked: 1, isClosed: true })
})

it("breaks off where a part cannot be read", async () => {
  const { rest, seen } = partsOf([])
  const failing = { ...rest, next: () => Promise.reject(new Error("read_too_long")) }
  await expect(longPage(at, { first: ["a"], rest: failing }, text).toArray()).rejects.toThrow("read_too_long")
  expect(seen.isClosed).toBe(true)
})
