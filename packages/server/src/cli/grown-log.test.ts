import { expect, it } from "vitest"
import { createGrownLog } from "./grown-log.ts"

it("gives each part of a log once", () => {
  const grown = createGrownLog()
  expect(grown("")).toEqual({ text: "", isCut: false })
  expect(grown("a\n")).toEqual({ text: "a\n", isCut: false })
  expect(grown("a\n")).toEqual({ text: "", isCut: false })
  expect(grown("a\na\nb")).toEqual({ text: "a\nb", isCut: false })
})

it("goes on where it was when the head of the log is gone, and says when it cannot", () => {
  const grown = createGrownLog()
  const line = (n: number) => `line ${n}\n`
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, at) => line(from + at)).join("")
  grown(lines(0, 100))
  expect(grown(lines(40, 103))).toEqual({ text: lines(100, 103), isCut: false })
  expect(grown(lines(500, 510))).toEqual({ text: lines(500, 510), isCut: true })
})
