import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { gpuRequestShownId } from "./naming.ts"

describe("shown ids", () => {
  it("are gpr-, eight, - and four hexadecimal digits, whatever the dice say", () => {
    const dice = fc.double({ min: 0, max: 1 - Number.EPSILON, noNaN: true })
    fc.assert(
      fc.property(fc.tuple(dice, dice, dice), (thrown) => {
        const left = [...thrown]
        expect(gpuRequestShownId(() => left.shift() ?? 0)).toMatch(/^gpr-[0-9a-f]{8}-[0-9a-f]{4}$/)
      }),
    )
  })

  it("use all 48 bits", () => {
    const thrown = [0, 1 / 0x1_00_00, 1 - 1 / 0x1_00_00]
    expect(gpuRequestShownId(() => thrown.shift() ?? 0)).toBe("gpr-00000001-ffff")
  })
})
