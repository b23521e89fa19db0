import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { healthMessage, judge, type Fault, type GpuHealth } from "./gpu-health.ts"

const soft = (subject: string): Fault => ({ subject, sentence: `${subject} is odd.`, isHard: false })
const hard = (subject: string): Fault => ({ subject, sentence: `${subject} is lost.`, isHard: true })

/** What is said after each look; "blind" is one that tells nothing but of the tool. */
function said(...looks: readonly (readonly Fault[] | "blind")[]): readonly string[] {
  let health: GpuHealth | undefined
  return looks.map((look) => {
    health = look === "blind" ? judge(health, [soft("tool")], false) : judge(health, look, true)
    return healthMessage(health)
  })
}

describe("the health of a node's GPUs", () => {
  it("is no worse for one odd look, and for a second one in a row it is", () => {
    expect(said([], [soft("a")], [], [soft("a")], [], [soft("a")], [soft("a")])).toEqual([
      "",
      "",
      "",
      "",
      "",
      "",
      "a is odd.",
    ])
  })

  it("is bad at once when a GPU is lost, and well after two good looks in a row", () => {
    expect(said([], [hard("a")], [], [hard("a")], [], [])).toEqual([
      "",
      "a is lost.",
      "a is lost.",
      "a is lost.",
      "a is lost.",
      "",
    ])
  })

  it("believes the first look, for a restart must not give a bad GPU away", () => {
    expect(said([soft("a")], [], [])).toEqual(["a is odd.", "a is odd.", ""])
  })

  it("judges each GPU for itself: two that are odd once each are no verdict", () => {
    expect(said([], [soft("a")], [soft("b")], [soft("a")])).toEqual(["", "", "", ""])
    expect(said([], [hard("a"), soft("b")], [soft("b")], [soft("b")])).toEqual([
      "",
      "a is lost.",
      "a is lost. b is odd.",
      "b is odd.",
    ])
  })

  it("keeps the verdicts on GPUs that a look tells nothing of", () => {
    expect(said([], [hard("a")], [], "blind", "blind", [], [])).toEqual([
      "",
      "a is lost.",
      "a is lost.",
      "a is lost.",
      "a is lost. tool is odd.",
      "tool is odd.",
      "",
    ])
  })

  it("says the first three of many and how many more there are", () => {
    const health = judge(undefined, ["a", "b", "c", "d", "e"].map(hard), true)
    expect(healthMessage(health)).toBe("a is lost. b is lost. c is lost. And 2 more.")
  })

  it("turns, whatever the looks, only as two in a row or a hard fault say", () => {
    const look = fc.constantFrom("good", "soft", "hard")
    fc.assert(
      fc.property(fc.array(look, { minLength: 1, maxLength: 30 }), (looks) => {
        const told = said(
          ...looks.map((one) => (one === "good" ? [] : [one === "soft" ? soft("a") : hard("a")])),
        )
        let isBad = looks[0] !== "good"
        for (const [at, one] of looks.entries()) {
          const isGood = one === "good"
          const wasGood = at > 0 && looks[at - 1] === "good"
          if (one === "hard" || (at > 0 && !isGood && !wasGood)) isBad = true
          if (at > 0 && isGood && wasGood) isBad = false
          expect([at, told[at] !== ""]).toEqual([at, isBad])
        }
      }),
    )
  })

  it("keeps nothing of GPUs that are well", () => {
    let health = judge(undefined, [], true)
    health = judge(health, [soft("a")], true)
    health = judge(health, [], true)
    expect(health.size).toBe(0)
  })
})
