import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { PodObservation } from "./driver.ts"
import { hangCheckIssues, hangCheckSeconds, quietOf, type Quiet } from "./supervision.ts"

const pod = (outputAtMs: number | null, endedAtMs: number | null = null): PodObservation => ({
  podId: "train-x7kqd-master-0",
  state: endedAtMs === null ? "running" : "exited",
  startedAtMs: 0,
  endedAtMs,
  exitCode: null,
  cause: null,
  message: "",
  podIp: "",
  hostIp: "",
  ready: true,
  outputAtMs,
})
const seen = (...pods: PodObservation[]) => pods
const at = (wallMs: number, mono = wallMs) => ({ wallMs, mono })

describe("the interval of hang checks", () => {
  it.each([
    [undefined, 1200],
    ["1", 1],
    ["86400", 86_400],
    ["0", 1200],
    ["86401", 1200],
    ["1.5", 1200],
    ["-3", 1200],
    ["abc", 1200],
  ])("is for %j %i seconds", (value, seconds) => {
    expect(hangCheckSeconds({ env: value === undefined ? {} : { HANG_CHECK_INTERVAL: value } })).toBe(seconds)
  })

  it("is refused where it means nothing, of supervised work only", () => {
    for (const value of ["0", "86401", "soon", "1e3"]) {
      expect(hangCheckIssues(true, { HANG_CHECK_INTERVAL: value })).toMatchObject([
        { path: ["env", "HANG_CHECK_INTERVAL"] },
      ])
      expect(hangCheckIssues(false, { HANG_CHECK_INTERVAL: value })).toEqual([])
    }
    expect(hangCheckIssues(true, { HANG_CHECK_INTERVAL: "30" })).toEqual([])
    expect(hangCheckIssues(true, {})).toEqual([])
  })
})

describe("how long a run is quiet", () => {
  const started = { startedAtMs: 1000 }

  it("counts from its start, then from the last output or end of any pod", () => {
    expect(quietOf(undefined, started, seen(pod(null)), at(5000)).sinceMono).toBe(1000)
    expect(quietOf(undefined, started, seen(pod(null), pod(3000)), at(5000)).sinceMono).toBe(3000)
    expect(quietOf(undefined, started, seen(pod(2000), pod(3000, 4000)), at(5000)).sinceMono).toBe(4000)
  })

  it("goes on over looks that find nothing new and begins anew with an output", () => {
    const first = quietOf(undefined, started, seen(pod(2000)), at(5000))
    const second = quietOf(first, started, seen(pod(2000)), at(9000))
    expect(second).toEqual({ signs: "1000,2000", sinceMono: 2000, seenMono: 9000, wallOffsetMs: 0 })
    expect(quietOf(second, started, seen(pod(9500)), at(10_000)).sinceMono).toBe(9500)
  })

  it("is not made longer by a clock that was set, in whichever direction", () => {
    const first = quietOf(undefined, started, seen(pod(2000)), at(5000))
    const hour = 3_600_000
    expect(quietOf(first, started, seen(pod(2000)), at(6000 + hour, 6000)).sinceMono).toBe(2000)
    // written before the clock was set, looked at after it
    expect(quietOf(first, started, seen(pod(5500)), at(6000 + hour, 6000)).sinceMono).toBe(5500)
    expect(quietOf(first, started, seen(pod(5500)), at(6000 - hour, 6000)).sinceMono).toBe(5500)
    // written by a clock that was set twice since
    expect(quietOf(first, started, seen(pod(5500 - hour)), at(6000 + hour, 6000)).sinceMono).toBe(6000)
  })

  it("hears what is written by a clock that was set back before the start", () => {
    let quiet = quietOf(undefined, { startedAtMs: 1e9 }, seen(pod(1e9)), at(1e9, 0))
    for (let mono = 10_000; mono < 100_000; mono += 10_000) {
      const wallMs = 1e9 - 3_600_000 + mono
      quiet = quietOf(quiet, { startedAtMs: 1e9 }, seen(pod(wallMs - 500)), at(wallMs, mono))
      expect(mono - quiet.sinceMono).toBe(500)
    }
  })

  it("is never longer than since the look before a new output, nor negative", () => {
    const step = fc.record({
      wall: fc.integer({ min: -1e7, max: 1e7 }),
      mono: fc.nat(10_000),
      writes: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        let before: Quiet | undefined
        let [wallMs, mono, output] = [1e9, 5000, 1e9]
        for (const { wall, mono: passed, writes } of steps) {
          wallMs += wall
          mono += passed
          if (writes) output = wallMs
          const quiet = quietOf(before, { startedAtMs: 1e9 }, seen(pod(output)), { wallMs, mono })
          expect(quiet.sinceMono).toBeLessThanOrEqual(mono)
          if (before && quiet.signs !== before.signs)
            expect(quiet.sinceMono).toBeGreaterThanOrEqual(before.seenMono - 1000)
          if (before && quiet.signs === before.signs) expect(quiet.sinceMono).toBe(before.sinceMono)
          before = quiet
        }
      }),
    )
  })
})
