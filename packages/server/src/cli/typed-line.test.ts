import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { createTypedLine } from "./typed-line.ts"

const type = (...pieces: readonly string[]) => {
  const take = createTypedLine()
  for (const [at, piece] of pieces.entries()) {
    const typed = take(piece)
    if (typed)
      return typed.kind === "line" ? { ...typed, rest: typed.rest + pieces.slice(at + 1).join("") } : typed
  }
  return undefined
}

describe("a line that is typed", () => {
  it.each([
    ["a line", ["secret\r"], "secret", ""],
    ["one that comes in pieces", ["sec", "r", "et", "\n"], "secret", ""],
    ["one with what is typed ahead", ["one\rtwo\r"], "one", "two\r"],
    ["one that ends as on other systems", ["one\r\ntwo"], "one", "two"],
    ["an empty one", ["\r"], "", ""],
    ["one that is corrected", ["sä\u007f\bx😀\u007fy\r"], "xy", ""],
    ["more taken back than there is", ["a\u007f\u007f\u007fb\r"], "b", ""],
    ["one begun anew", ["wrong\u0015right\r"], "right", ""],
    ["arrows, Home, Delete and F1", ["a\u001b[Db\u001b[1;5Cc\u001b[3~d\u001bOPe\r"], "abcde", ""],
    ["an arrow in pieces", ["a\u001b", "[", "1", ";5", "C", "b\r"], "ab", ""],
    ["Escape alone", ["a\u001bb\r"], "ab", ""],
    ["blanks, quotes and a tab", [" a b\"\t$'\r"], " a b\"\t$'", ""],
    ["other control characters", ["a\u0000\u0001\u001a\u009bb\r"], "ab", ""],
    ["one that ends with the input", ["abc\u0004"], "abc", ""],
  ] as const)("is %s", (_what, pieces, text, rest) => {
    expect(type(...pieces)).toEqual({ kind: "line", text, rest })
  })

  it("may be interrupted, may end with the input, and is not there before Enter", () => {
    expect(type("secret\u0003\r")).toEqual({ kind: "interrupted" })
    expect(type("a\u001b[\u0003")).toEqual({ kind: "interrupted" })
    expect(type("\u0004")).toEqual({ kind: "ended" })
    expect(type("secret\u0015\u0004")).toEqual({ kind: "ended" })
    expect(type("secret")).toBeUndefined()
  })

  it("is the same however it is cut into pieces", () => {
    const character = fc.constantFrom("a", "ä", "😀", "\u007f", "\u0015", "\u001b", "[", "O", "1", "~", "\t")
    fc.assert(
      fc.property(fc.array(character), fc.array(fc.nat(4)), (characters, lengths) => {
        const all = [...characters, "x", "\n"]
        const pieces: string[] = []
        for (let at = 0, piece = 0; at < all.length; piece++) {
          const length = 1 + (lengths[piece] ?? 0)
          pieces.push(all.slice(at, at + length).join(""))
          at += length
        }
        expect(type(...pieces)).toEqual(type(all.join("")))
      }),
    )
  })
})
