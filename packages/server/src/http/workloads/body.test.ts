import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { AppError } from "../../kit/errors.ts"
import { isDeeperThan, parseBody, parseRequiredBody } from "./body.ts"

function refusal(text: string | Buffer): string {
  try {
    parseRequiredBody(Buffer.from(text as string))
  } catch (error) {
    if (error instanceof AppError && error.code === "invalid") return error.issues[0]?.message ?? ""
    throw error
  }
  return "accepted"
}

describe("a request body", () => {
  it("is undefined when there is none, which a required one may not be", () => {
    expect(parseBody(undefined)).toBeUndefined()
    expect(parseBody(Buffer.alloc(0))).toBeUndefined()
    expect(() => parseRequiredBody(undefined)).toThrow("unexpected end of JSON input")
  })

  it.each([
    [" \n ", "unexpected end of JSON input"],
    ['{"a":1', "unexpected end of JSON input"],
    ['{"a":"1', "unexpected end of JSON input"],
    ["[1,", "unexpected end of JSON input"],
    ["{x}", "invalid character in JSON input at offset 1"],
    ['{"a":1}{', "invalid character in JSON input at offset 7"],
    ["{'a':1}", "invalid character in JSON input at offset 1"],
    ["nope", "invalid character in JSON input"],
    ['\ufeff{"a":1}', "invalid character in JSON input"],
    ["[".repeat(100_000), "json: exceeded max depth"],
    ['{"a":'.repeat(2000), "json: exceeded max depth"],
  ])("that is malformed (%#) is refused in words of our own", (text, message) => {
    expect(refusal(text)).toBe(message)
  })

  it("never finds itself in the sentence", () => {
    expect(refusal('{"env":{"TOKEN":hunter2}}')).not.toContain("hunter2")
    expect(refusal("hunter2")).not.toContain("hunter2")
  })

  it("reads any JSON as the parser alone does", () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(parseBody(Buffer.from(json))).toEqual(JSON.parse(json))
      }),
    )
  })

  it("counts brackets, but not those in strings, escaped quotes and all", () => {
    const nested = (depth: number) => Buffer.from(`${"[".repeat(depth)}${"]".repeat(depth)}`)
    expect(isDeeperThan(nested(50), 50)).toBe(false)
    expect(isDeeperThan(nested(51), 50)).toBe(true)
    expect(isDeeperThan(Buffer.from(`["${"[".repeat(99)}","\\"[[[","\\\\",[[]]]`), 3)).toBe(false)
    expect(isDeeperThan(Buffer.from(`["\\\\",[[[1]]],"padding"]`), 3)).toBe(true)
    expect(isDeeperThan(Buffer.from(`[[],[],[],[],[],[],[]]`), 2)).toBe(false)
    expect(isDeeperThan(Buffer.from('"never closed [[[[[[['), 2)).toBe(false)
  })

  it("takes bytes that are no UTF-8 as replacement characters", () => {
    expect(parseBody(Buffer.from([0x22, 0xff, 0x22]))).toBe("\ufffd")
  })
})
