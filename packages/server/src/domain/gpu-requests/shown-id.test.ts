import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { newShownId } from "./shown-id.ts"

describe("shown ids", () => {
  it("are gpr-, eight, - and four hexadecimal digits, whatever the dice say", () => {
    const dice = fc.double({ min: 0, max: 1 - Number.EPSILON, noNaN: true })
    fc.assert(
      fc.property(fc.array(dice, { maxLength: 12 }), (thrown) => {
        const left = [...thrown]
        expect(newShownId(() => left.shift() ?? 0)).toMatch(/^gpr-[0-9a-f]{8}-[0-9a-f]{4}$/)
      }),
    )
  })

  it("say every digit by a throw of its own", () => {
    let at = 0
    expect(newShownId(() => (at++ % 16) / 16)).toBe("gpr-01234567-89ab")
  })
})
