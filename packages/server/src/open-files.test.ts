import { expect, it } from "vitest"
import { connectionLimit, forwardLimit, openFileLimit, probeLimit } from "./open-files.ts"

it("takes connections with half of the files that may be open, and never more than 8,192", () => {
  expect([300, 1024, 20_000, undefined].map((files) => connectionLimit(files ?? Infinity))).toEqual([
    150, 512, 8192, 8192,
  ])
})

it("forwards with a quarter of them and probes with a sixteenth", () => {
  const limits = [8, 1024, 1_000_000, undefined].map((files) => files ?? Infinity)
  expect(limits.map((files) => forwardLimit(files))).toEqual([1, 128, 8192, 8192])
  expect(limits.map((files) => probeLimit(files))).toEqual([1, 64, 512, 512])
})

it("reads the limit that holds for this process", () => {
  expect(
    openFileLimit("Max open files            1024                 524288               files     \n"),
  ).toBe(1024)
  expect(openFileLimit("Max open files            unlimited            unlimited            files\n")).toBe(
    undefined,
  )
  expect(openFileLimit("")).toBe(undefined)
  expect(openFileLimit()).toBeGreaterThan(0)
})
