import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { readJson } from "./read.ts"
import { arbitraryJson } from "../json-values-suite.ts"
import type { JsonValue } from "./value.ts"
import { jsonText } from "./write.ts"

function value(text: string): JsonValue {
  const read = readJson(text)
  if (!read.ok) throw new Error(JSON.stringify(read.fault))
  return read.value
}

function fault(text: string) {
  const read = readJson(text)
  return read.ok ? undefined : read.fault
}

describe("a text that is JSON to Python", () => {
  it("keeps whole floats, long integers and words apart", () => {
    expect(value("[1, 1.0, 1e2, -0, -0.0, 123456789012345678901234567890]")).toEqual({
      kind: "array",
      items: [
        { kind: "integer", digits: "1" },
        { kind: "float", value: 1 },
        { kind: "float", value: 100 },
        { kind: "integer", digits: "0" },
        { kind: "float", value: -0 },
        { kind: "integer", digits: "123456789012345678901234567890" },
      ],
    })
    expect(value("[NaN,Infinity,-Infinity,1e400]")).toEqual({
      kind: "array",
      items: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY].map(
        (float) => ({ kind: "float", value: float }),
      ),
    })
  })

  it("keeps the order of keys, of one that is given twice the last value at the first place", () => {
    const object = value('{"b":1,"10":2,"2":3,"__proto__":4,"b":5}')
    expect(object.kind === "object" && [...object.members]).toEqual([
      ["b", { kind: "integer", digits: "5" }],
      ["10", { kind: "integer", digits: "2" }],
      ["2", { kind: "integer", digits: "3" }],
      ["__proto__", { kind: "integer", digits: "4" }],
    ])
  })

  it("joins halves of characters, and keeps one that is alone", () => {
    expect(value(String.raw`"\ud83d\ude00\u00e9\/\ud800"`)).toEqual({ kind: "string", value: "😀é/\ud800" })
  })

  it("is read as it was written, whatever it says", () => {
    fc.assert(
      fc.property(arbitraryJson, (json) => {
        expect(value(jsonText(json))).toEqual(json)
      }),
    )
  })

  it("is what JSON.parse reads too", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(JSON.parse(jsonText(value(text)))).toEqual(JSON.parse(text))
      }),
    )
  })
})

describe("a text that is no JSON", () => {
  it.each([
    ["", "Expecting value", 0],
    [" ", "Expecting value", 1],
    ["nul", "Expecting value", 0],
    ["{bad", "Expecting property name enclosed in double quotes", 1],
    ['{"a":1}x', "Extra data", 7],
    ['{"a":1} x', "Extra data", 8],
    ['{"a" 1}', "Expecting ':' delimiter", 5],
    ['{"a"', "Expecting ':' delimiter", 4],
    ['{"a":}', "Expecting value", 5],
    ['{"a":1,}', "Expecting property name enclosed in double quotes", 7],
    ['{"a":1 "b"}', "Expecting ',' delimiter", 7],
    ["[1,]", "Expecting value", 3],
    ["[1", "Expecting ',' delimiter", 2],
    ["[", "Expecting value", 1],
    ["{", "Expecting property name enclosed in double quotes", 1],
    ['{"a":01}', "Expecting ',' delimiter", 6],
    ['{"a":1.}', "Expecting ',' delimiter", 6],
    ['{"a":.5}', "Expecting value", 5],
    ['{"a":+1}', "Expecting value", 5],
    ["-Infinit", "Expecting value", 0],
    [String.raw`"\x"`, String.raw`Invalid \escape`, 1],
    [String.raw`"\u12"`, String.raw`Invalid \uXXXX escape`, 2],
    [String.raw`"\u00e9`, String.raw`Invalid \uXXXX escape`, 2],
    [String.raw`"\uD83D\u12"`, String.raw`Invalid \uXXXX escape`, 8],
    ['"abc', "Unterminated string starting at", 0],
    ['"\\', "Unterminated string starting at", 0],
    ['"a\nb"', "Invalid control character at", 2],
    ['{"😀😀":"é",x}', "Expecting property name enclosed in double quotes", 10],
    ['{"a"\u00a0:1}', "Expecting ':' delimiter", 4],
  ])("%j: %s at %i", (text, message, at) => {
    expect(fault(text)).toEqual({ kind: "malformed", message, at })
  })

  it("is told from one that is beyond what is read", () => {
    expect(readJson("[".repeat(989) + "]".repeat(989)).ok).toBe(true)
    expect(fault("[".repeat(990) + "]".repeat(990))).toEqual({ kind: "too much" })
    expect(fault('{"a":'.repeat(990))).toEqual({ kind: "too much" })
    expect(readJson("9".repeat(4300)).ok).toBe(true)
    expect(fault("9".repeat(4301))).toEqual({ kind: "too much" })
  })
})

describe("a megabyte", () => {
  const size = 2 ** 20
  it.each([
    ["brackets", "[".repeat(size)],
    ["a string without an end", `"${"a".repeat(size)}`],
    ["escapes", `"${String.raw`\u00e9`.repeat(size / 6)}"`],
    ["backslashes", `"${"\\".repeat(size)}`],
    ["a float", `0.${"1".repeat(size)}`],
    ["an exponent", `1e${"9".repeat(size)}`],
    ["blanks", " ".repeat(size)],
    [
      "one key after the other",
      `{${Array.from({ length: size / 12 }, (_, index) => `"${index}":0`).join(",")}}`,
    ],
    ["the same key", `{${'"a":0,'.repeat(size / 6)}"a":1}`],
    ["a long key", `{"${"k".repeat(size)}":1}`],
    ["a fault behind many characters", `"${"😀".repeat(size / 4)}" x`],
  ])("of %s is read or refused", (_, text) => {
    expect(readJson(text)).toHaveProperty("ok")
  })
})
