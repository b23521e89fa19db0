import fc from "fast-check"
import { expect, it } from "vitest"
import { createQueryReader, pageOf } from "./query.ts"

it("gives every item once and in order, whatever the page size and the order", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string()),
      fc.integer({ min: 1, max: 7 }),
      fc.constantFrom("ascending" as const, "descending" as const),
      (items, limit, order) => {
        const seen: string[] = []
        let cursor: string | null = null
        for (let page = 0; page <= items.length; page++) {
          const cut: { items: string[]; nextCursor: string | null } = pageOf(
            items,
            (item) => item,
            { limit, cursor },
            order,
          )
          seen.push(...cut.items)
          cursor = cut.nextCursor
          if (cursor === null) break
        }
        const sorted = items.toSorted((a, b) => (a < b ? -1 : 1))
        expect(seen).toEqual(order === "ascending" ? sorted : sorted.toReversed())
      },
    ),
  )
})

it("goes on behind an item that is gone, and shows none twice when others come", () => {
  const first = pageOf(["a", "c", "e"], (item) => item, { limit: 2, cursor: null })
  expect(first.items).toEqual(["a", "c"])
  expect(pageOf(["a", "b", "d", "e"], (item) => item, { limit: 9, cursor: first.nextCursor }).items).toEqual([
    "d",
    "e",
  ])
})

it("refuses cursors that are not its own", () => {
  for (const cursor of ["***", "a", "YQ==", "ÿ"])
    expect(() => pageOf(["a"], (item) => item, { limit: 1, cursor })).toThrow("right form")
})

it("collects every fault of a query before it throws", () => {
  const query = createQueryReader(
    { limit: "0", follow: "yes", tail: ["1", "2"], color: "red", long: "x".repeat(600) },
    ["limit", "follow", "tail", "long"],
  )
  query.page()
  query.boolean("follow")
  query.integer("tail", 0, 10)
  query.text("long")
  let thrown: unknown
  try {
    query.check()
  } catch (error) {
    thrown = error
  }
  expect(thrown).toMatchObject({
    code: "invalid",
    issues: [
      { path: ["color"], message: "is not known" },
      { path: ["limit"] },
      { path: ["follow"] },
      { path: ["tail"], message: "occurs more than once" },
      { path: ["long"] },
    ],
  })
})

it("reads nothing from the prototype", () => {
  const query = createQueryReader({}, ["constructor", "toString"])
  expect([query.text("constructor"), query.text("toString")]).toEqual([undefined, undefined])
})
