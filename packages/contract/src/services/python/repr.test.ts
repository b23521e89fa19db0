import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { readJson } from "../json/read.ts"
import { anyString } from "../json-values-suite.ts"
import { reprOf, reprOfBytes, reprOfJson } from "./repr.ts"

describe("a string to Python", () => {
  it.each([
    ["", "''"],
    ["it's", `"it's"`],
    [`it's "so"`, String.raw`'it\'s "so"'`],
    ['"', `'"'`],
    ["a\\b\n\r\t\u0000\u007f", String.raw`'a\\b\n\r\t\x00\x7f'`],
    ["é中😀 ", "'é中😀 '"],
    ["\u00a0\u00ad\u200b\u3000\ue000\ud800", String.raw`'\xa0\xad\u200b\u3000\ue000\ud800'`],
    ["\u{e0001}\u{10ffff}", String.raw`'\U000e0001\U0010ffff'`],
  ])("%j", (text, repr) => {
    expect(reprOf(text)).toBe(repr)
  })

  it("stands in quotes that do not end early, on one line", () => {
    fc.assert(
      fc.property(anyString, (text) => {
        const repr = reprOf(text)
        const quote = repr.charAt(0)
        expect(repr.at(-1)).toBe(quote)
        expect(repr.slice(1, -1).replaceAll(/\\./g, "")).not.toContain(quote)
        expect(repr).not.toMatch(/[\n\r\u2028]/)
      }),
    )
  })
})

it("bytes show what is not printable as escapes", () => {
  const bytes = (text: string) => reprOfBytes(new TextEncoder().encode(text))
  expect(bytes('{"name":1}')).toBe(`b'{"name":1}'`)
  expect(bytes("a'b")).toBe(`b"a'b"`)
  expect(bytes("é\n\\\u0000")).toBe(String.raw`b'\xc3\xa9\n\\\x00'`)
})

it("a value shows as Python holds it", () => {
  const read = readJson(`{"a":[null,true,false,1,-0.0,1e16,NaN,-Infinity],"b":{},"c":"it's"}`)
  expect(read.ok && reprOfJson(read.value)).toBe(
    `{'a': [None, True, False, 1, -0.0, 1e+16, nan, -inf], 'b': {}, 'c': "it's"}`,
  )
})

it("what is very long is cut in its middle", () => {
  const long = reprOfJson({ kind: "string", value: "a".repeat(2 ** 20) })
  expect(long).toHaveLength(8195)
  expect(long).toMatch(/^'a+\.\.\.a+'$/)
  const bytes = reprOfBytes(new Uint8Array(2 ** 20).fill(0xff))
  expect(bytes).toHaveLength(8195)
  expect(bytes.startsWith(String.raw`b'\xff\xff`)).toBe(true)
})
