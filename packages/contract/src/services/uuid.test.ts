import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { anyString } from "./json-values-suite.ts"
import { parseUuid } from "./uuid.ts"

const id = "0123abcd-4567-89ab-cdef-0123456789ab"
const bare = id.replaceAll("-", "")

describe("a UUID", () => {
  it.each([id, id.toUpperCase(), bare, bare.toUpperCase(), `{${id}}`, `urn:uuid:${id}`])(
    "may be %s",
    (text) => {
      expect(parseUuid(text)).toEqual({ ok: true, value: id })
    },
  )

  const odd = (character: string, at: number) =>
    `invalid character: expected an optional prefix of \`urn:uuid:\` followed by [0-9a-fA-F-], found \`${character}\` at ${at}`

  it.each([
    ["nope", odd("n", 1)],
    ["", "invalid length: expected length 32 for simple format, found 0"],
    [bare.slice(1), "invalid length: expected length 32 for simple format, found 31"],
    [` ${id}`, odd(" ", 1)],
    [`${id} `, odd(" ", 37)],
    [`{${bare}}`, "invalid group count: expected 5, found 1"],
    [`URN:UUID:${id}`, odd("U", 1)],
    [`urn:uuid:${bare}`, "invalid group count: expected 5, found 1"],
    [`${id}-`, "invalid group count: expected 5, found 6"],
    [id.replace("-", "0"), "invalid group count: expected 5, found 4"],
    [`0${id}`, "invalid group length in group 0: expected 8, found 9"],
    [id.replace("4567", "456"), "invalid group length in group 1: expected 4, found 3"],
    [`${id}0`, "invalid group length in group 4: expected 12, found 13"],
    ["é", odd("é", 1)],
    ["0é😀", odd("é", 2)],
    ["{😀x}", odd("😀", 2)],
    ["urn:uuid:0é", odd("é", 11)],
    [`{${id.slice(0, -1)}g}`, odd("g", 36)],
  ])("may not be %j", (text, fault) => {
    expect(parseUuid(text)).toEqual({ ok: false, fault })
  })

  it("is the same however it is written", () => {
    fc.assert(
      fc.property(fc.uuid(), fc.constantFrom("", "{", "urn:uuid:"), (uuid, prefix) => {
        const text = prefix + uuid.toUpperCase() + (prefix === "{" ? "}" : "")
        expect(parseUuid(text)).toEqual({ ok: true, value: uuid })
        expect(parseUuid(uuid.replaceAll("-", ""))).toEqual({ ok: true, value: uuid })
      }),
    )
  })

  it("is refused whatever else it is", () => {
    fc.assert(
      fc.property(anyString, (text) => {
        expect(parseUuid(text).ok).toBe(false)
      }),
    )
  })
})
