import fc from "fast-check"
import { expect, it } from "vitest"
import { age, count, humanBytes, humanCpu, humanSeconds, parseInstant, parseSeconds } from "./human.ts"

it.each([
  [0, "0s"],
  [-5, "0s"],
  [59.6, "1m"],
  [65, "1m5s"],
  [3600, "1h"],
  [3725, "1h2m"],
  [86_400, "1d"],
  [90_000, "1d1h"],
])("shows %d seconds as %s", (seconds, text) => {
  expect(humanSeconds(seconds)).toBe(text)
})

it.each([
  ["0", 0],
  ["90", 90],
  ["90s", 90],
  ["30m", 1800],
  ["1h30m", 5400],
  ["2d", 172_800],
  ["", undefined],
  ["s", undefined],
  ["-1", undefined],
  ["1.5h", undefined],
  ["30m1h", undefined],
  ["99999d", undefined],
  ["1w", undefined],
])("reads %j as %s seconds", (text, seconds) => {
  expect(parseSeconds(text)).toBe(seconds)
})

it("reads the lengths it shows", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3599 }), (seconds) => {
      expect(parseSeconds(humanSeconds(seconds))).toBe(seconds)
    }),
  )
})

it("takes an instant without a zone for UTC, as the Workload API means it", () => {
  expect(parseInstant("2030-01-01T00:00:00")).toBe(Date.UTC(2030, 0, 1))
  expect(parseInstant("2030-01-01T00:00:00.000Z")).toBe(Date.UTC(2030, 0, 1))
  expect(parseInstant("2030-01-01T01:00:00+01:00")).toBe(Date.UTC(2030, 0, 1))
  expect(parseInstant("")).toBeNull()
  expect(parseInstant("yesterday")).toBeNull()
  expect(age("2029-12-31T23:59:00", Date.UTC(2030, 0, 1))).toBe("1m")
  expect(age("", 0)).toBe("-")
})

it("shows sizes and cores as people write them", () => {
  expect([0, 512, 1024, 1536, 2 ** 30, 80 * 2 ** 30, 1.5 * 2 ** 40].map(humanBytes)).toEqual([
    "0B",
    "512B",
    "1KiB",
    "1.5KiB",
    "1GiB",
    "80GiB",
    "1.5TiB",
  ])
  expect([0, 250, 1000, 1500, 48_000].map(humanCpu)).toEqual(["0", "0.25", "1", "1.5", "48"])
  expect([count(1, "pod"), count(2, "pod"), count(0, "pod")]).toEqual(["1 pod", "2 pods", "0 pods"])
})
