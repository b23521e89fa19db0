import { expect, it } from "vitest"
import { readGib, readGpuPriority } from "./gpu-wish.ts"

it.each([
  ["80GB", 74],
  ["80", 74],
  ["80g", 74],
  ["16GB", 14],
  ["1GB", 1],
  ["79Gi", 79],
  ["79GiB", 79],
])("at least %s of memory is %i GiB", (text, gib) => {
  expect(readGib(text)).toBe(gib)
})

it.each(["", "0", "80MB", "-1", "1.5GB", "80 GB"])("%j is no memory of a GPU", (text) => {
  expect(() => readGib(text)).toThrow("--memory takes whole gigabytes per GPU")
})

it("takes priorities by name, in the middle of no other band, and by number", () => {
  expect(["low", "medium", "high", "0", "300"].map(readGpuPriority)).toEqual([1, 101, 201, 0, 300])
  for (const text of ["301", "-1", "urgent", "1.5"]) expect(() => readGpuPriority(text)).toThrow("--priority")
})
