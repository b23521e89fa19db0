import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { readJson } from "./read.ts"
import { arbitraryJson } from "../json-values-suite.ts"
import type { JsonText } from "./value.ts"
import { answerText, jsonText } from "./write.ts"

function textOf(json: string): JsonText {
  const read = readJson(json)
  if (!read.ok) throw new Error(JSON.stringify(read.fault))
  return jsonText(read.value)
}

describe("the text of a value", () => {
  it.each([
    ['{"b":1.0,"a":[1 ,2],"10":{}}', '{"b": 1.0, "a": [1, 2], "10": {}}'],
    [
      "[1e2,1e16,1e15,1e-5,1e-4,5e-324,1.7976931348623157e308]",
      "[100.0, 1e+16, 1000000000000000.0, 1e-05, 0.0001, 5e-324, 1.7976931348623157e+308]",
    ],
    ["[1e400,-1e400,NaN,-0,-0.0]", "[Infinity, -Infinity, NaN, 0, -0.0]"],
    [String.raw`"é😀\u007f\n\u001f\"\\\/\ud800"`, String.raw`"\u00e9\ud83d\ude00\u007f\n\u001f\"\\/\ud800"`],
    ['{"a":1,"b":2,"a":3}', '{"a": 3, "b": 2}'],
    ["[true,false,null,[],{}]", "[true, false, null, [], {}]"],
  ])("%s as Python writes it", (json, expected) => {
    expect(textOf(json)).toBe(expected)
  })

  it("is the same when it is read and written again", () => {
    fc.assert(
      fc.property(arbitraryJson, (value) => {
        const text = jsonText(value)
        expect(textOf(text)).toBe(text)
        expect(text).toMatch(/^[ -~]*$/)
      }),
    )
  })
})

describe("a text in an answer", () => {
  it("is what the documented server answers", () => {
    const config =
      String.raw`{"b":1.0,"a":1,"10":1e2,"2":1e16,"n":NaN,"i":-Infinity,"z":1e400,"big":123456789012345678901234567890,"neg":-0,"negf":-0.0,` +
      String.raw`"s":"é😀\u007f\n\u2028","d":0.00001,"e":1e-7,"x":5e-324,"y":1.7976931348623157e308,"w":123456789.125,"a":2,"ls":"\/"}`
    expect(answerText(textOf(config))).toBe(
      '{"b":1.0,"a":2,"10":100.0,"2":1e16,"n":null,"i":null,"z":null,"big":123456789012345678901234567890,"neg":0,"negf":-0.0,' +
        '"s":"é😀\u007f\\n\u2028","d":0.00001,"e":1e-7,"x":5e-324,"y":1.7976931348623157e308,"w":123456789.125,"ls":"/"}',
    )
  })

  it("keeps what looks like numbers and words within strings", () => {
    const text = String.raw`{"NaN": "-Infinity, 1e+16: [ \" \\", "a b": "\ud800"}`
    expect(answerText(text as JsonText)).toBe(String.raw`{"NaN":"-Infinity, 1e+16: [ \" \\","a b":"\ud800"}`)
  })

  it("says the same as the text, but for what is not finite", () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(JSON.parse(answerText(textOf(json)))).toEqual(JSON.parse(json))
      }),
    )
    fc.assert(
      fc.property(arbitraryJson, (value) => {
        expect(() => JSON.parse(answerText(jsonText(value)))).not.toThrow()
      }),
    )
  })
})
