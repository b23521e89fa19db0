import { decodeProjectList, type ProjectColumn, type ResourceView } from "@berth/contract/services"
import { describe, expect, it } from "vitest"
import { valueOf, WordedError } from "./errors.ts"
import { pageOf } from "./memory-lists.ts"

interface Row extends ResourceView {
  readonly display_name: string | null
}
const row = (digit: number, name: string, display_name: string | null): Row => ({
  id: `0000000${digit}-0000-4000-8000-00000000000${digit}`,
  name,
  display_name,
  createdAtMs: digit * 1000,
  updatedAtMs: digit * 2000,
})
const rows = [row(1, "Red", "7"), row(2, "blue", null), row(3, "red-2", "12.5"), row(4, "100%", "0")]

function page(query: string) {
  const read = valueOf("listProjects", decodeProjectList(query))
  return pageOf<Row, ProjectColumn>("listProjects", rows, read, (one, column) => one[column])
}
const all = ["Red", "blue", "red-2", "100%"]

describe("a list of what is in memory", () => {
  it.each<[string, readonly string[]]>([
    ["", all],
    ["name=RED", ["Red"]],
    ["name=notequals:red", ["blue", "red-2", "100%"]],
    ["name=contains:E", ["Red", "blue", "red-2"]],
    ["name=notcontains:E", ["100%"]],
    ["name=startswith:re", ["Red", "red-2"]],
    ["name=endswith:%25", ["100%"]],
    ['name=oneof:["red","BLUE"]', ["Red", "blue"]],
    ['name=notoneof:["red","BLUE"]', ["red-2", "100%"]],
    ["name=oneof:[]", all],
    ["display_name=isnull:", ["blue"]],
    ["display_name=isnotnull:", ["Red", "red-2", "100%"]],
    ["display_name=notequals:7", ["red-2", "100%"]],
    ['display_name=oneof:["7",null]', ["Red", "blue"]],
    ["display_name=gt:1", ["Red", "red-2"]],
    ["display_name=lte:12.5", ["Red", "red-2"]],
    ["id=00000002-0000-4000-8000-000000000002", ["blue"]],
    ["id=startswith:00000003-00", ["red-2"]],
    ["id=nope", []],
    ["created=1970-01-01 00:00:02", ["blue"]],
    ["created=notequals:1970-01-01 00:00:02", ["Red", "red-2", "100%"]],
    ["created=isnull:", []],
    ["updated=in:1970-01-01 00:00:04,1970-01-01 00:00:06", ["blue", "red-2"]],
    ["updated=gte:1970-01-01 00:00:06&name=contains:red", ["red-2"]],
    ["logical_operator=or&name=blue&created=lt:1970-01-01 00:00:02", ["Red", "blue"]],
    ["logical_operator=or", all],
    ["sort_by=desc:created&size=2", ["100%", "red-2"]],
    ["sort_by=display_name", ["blue", "100%", "red-2", "Red"]],
    ["sort_by=desc:name&size=3&page=2", ["100%"]],
  ])("?%s", (query, names) => {
    expect(page(query).items.map(({ name }) => name)).toEqual(names)
  })

  it("has no page after the last", () => {
    expect(page("size=3&page=2")).toMatchObject({ page: 2, size: 3, total: 4 })
    expect(() => page("size=3&page=3")).toThrow(WordedError)
    expect(() => page("name=gt:x")).toThrow(WordedError)
  })
})
