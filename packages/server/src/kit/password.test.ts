import { describe, expect, it } from "vitest"
import { createPasswordHasher } from "./password.ts"

const quick = { cost: 2 ** 4 }

describe("a password", () => {
  it("is known again by its hash, which tells nothing of it and is never the same twice", async () => {
    const hasher = createPasswordHasher(quick)
    const [one, other] = [await hasher.hash("correct horse", "a"), await hasher.hash("correct horse", "a")]
    expect(one).not.toBe(other)
    expect(one).not.toContain("horse")
    for (const hash of [one, other]) expect(await hasher.verify("correct horse", hash, "a")).toBe(true)
    expect(await hasher.verify("correct  horse", one, "a")).toBe(false)
    expect(await hasher.verify("", one, "a")).toBe(false)
  })

  it("is known again whatever it costs to make a new hash", async () => {
    const old = await createPasswordHasher({ cost: 2 ** 3 }).hash("x", "a")
    expect(await createPasswordHasher(quick).verify("x", old, "a")).toBe(true)
  })

  it("is the same in composed and decomposed letters", async () => {
    const hasher = createPasswordHasher(quick)
    expect(await hasher.verify("cafe\u0301", await hasher.hash("caf\u00e9", "a"), "a")).toBe(true)
  })

  it.each([undefined, "", "scrypt$", "plain", "scrypt$16$8$3$short$short"])(
    "is never the one of %j",
    async (hash) => {
      expect(await createPasswordHasher(quick).verify("", hash, "a")).toBe(false)
    },
  )

  it("waits its turn, and is refused when too many wait", async () => {
    const hasher = createPasswordHasher(quick)
    const done = await Promise.allSettled(Array.from({ length: 100 }, () => hasher.hash("x", "a")))
    expect(done.filter(({ status }) => status === "fulfilled")).toHaveLength(66)
    expect(done.at(-1)).toMatchObject({ reason: { code: "too_many", detail: "sign_ins" } })
    expect(await hasher.verify("x", await hasher.hash("x", "a"), "a"), "afterwards").toBe(true)
  })
})
