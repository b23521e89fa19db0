import { describe, expect, it } from "vitest"
import { createFairTurns } from "./fair-turns.ts"

describe("fair turns", () => {
  const refusal = new Error("full")

  /** Work that ends when it is told to, and the order in which it began. */
  function world(options: { readonly atOnce: number; readonly mostWaiting: number }) {
    const turns = createFairTurns(options, () => refusal)
    const begun: string[] = []
    const ends: (() => void)[] = []
    const refused: string[] = []
    const take = (group: string, name: string) => {
      const work = () => {
        begun.push(name)
        return new Promise<void>((resolve) => ends.push(resolve))
      }
      turns.take(group, work).catch(() => refused.push(name))
    }
    const settle = () => new Promise((resolve) => setImmediate(resolve))
    async function endAll() {
      for (await settle(); ends.length > 0; await settle()) ends.shift()?.()
    }
    return { take, begun, refused, endAll, settle }
  }

  it("run so many at once, the others in turn of their groups", async () => {
    const { take, begun, endAll, settle } = world({ atOnce: 2, mostWaiting: 10 })
    for (const name of ["a1", "a2", "a3", "a4", "a5"]) take("a", name)
    for (const name of ["b1", "b2"]) take("b", name)
    take("c", "c1")
    await settle()
    expect(begun).toEqual(["a1", "a2"])
    await endAll()
    expect(begun).toEqual(["a1", "a2", "a3", "b1", "c1", "a4", "b2", "a5"])
  })

  it("make room by refusing the last of the greatest group", async () => {
    const { take, begun, refused, endAll, settle } = world({ atOnce: 1, mostWaiting: 4 })
    for (const name of ["a1", "a2", "a3", "a4", "a5", "a6"]) take("a", name)
    await settle()
    expect(refused).toEqual(["a6"])
    take("b", "b1")
    await settle()
    expect(refused).toEqual(["a6", "a5"])
    await endAll()
    expect(begun).toEqual(["a1", "a2", "b1", "a3", "a4"])
    take("a", "a7")
    await endAll()
    expect(begun.at(-1), "there is room again").toBe("a7")
  })

  it("give the place of what failed to the next", async () => {
    const turns = createFairTurns({ atOnce: 1, mostWaiting: 1 }, () => refusal)
    const failing = turns.take("a", () => Promise.reject(new Error("no")))
    const next = turns.take("a", () => Promise.resolve("yes"))
    await expect(failing).rejects.toThrow("no")
    expect(await next).toBe("yes")
  })
})
