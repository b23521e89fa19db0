import { describe, expect, it } from "vitest"
import type { KeyId, UserId } from "../../domain/identity/index.ts"
import { createVirtualClock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import { createFailureLimit, createKeyLimit } from "./limits.ts"

const failed = new AppError("unauthenticated", "The token is unknown, expired or revoked.", {
  detail: "invalid",
})

describe("failed sign-ins", () => {
  it("are held to 20 at once and 10 a second for each address, and say when to try again", async () => {
    const clock = createVirtualClock()
    const limit = createFailureLimit(undefined, clock)
    for (let at = 0; at < 20; at++) expect(limit(failed, "10.0.0.1")).toBe(failed)
    expect(limit(failed, "10.0.0.1")).toMatchObject({
      code: "too_many",
      detail: "failed_sign_ins",
      message: "Too many failed sign-ins from this address; try again in 1 s.",
      retryAfterMs: 100,
    })
    expect(limit(failed, "10.0.0.2")).toBe(failed)
    await clock.advance(200)
    const outcomes = [1, 2, 3].map(() => limit(failed, "10.0.0.1").code)
    expect(outcomes).toEqual(["unauthenticated", "unauthenticated", "too_many"])
  })

  it("do not count what went wrong otherwise", () => {
    const limit = createFailureLimit({ perSecond: 1, burst: 1 }, createVirtualClock())
    const forbidden = new AppError("forbidden", "no")
    for (let at = 0; at < 5; at++) expect(limit(forbidden, "10.0.0.1")).toBe(forbidden)
    expect(limit(failed, "10.0.0.1")).toBe(failed)
  })

  it("count IPv6 by network and mapped IPv4 by address", () => {
    const isLimitedWith = (first: string, second: string) => {
      const limit = createFailureLimit({ perSecond: 1, burst: 1 }, createVirtualClock())
      limit(failed, first)
      return limit(failed, second).code === "too_many"
    }
    expect(isLimitedWith("2001:db8::1", "2001:db8:0:0:5::2")).toBe(true)
    expect(isLimitedWith("fe80::1%eth0", "fe80::2")).toBe(true)
    expect(isLimitedWith("2001:db8::1", "2001:db8:0:1::1")).toBe(false)
    expect(isLimitedWith("::ffff:10.0.0.1", "10.0.0.1")).toBe(true)
    expect(isLimitedWith("::ffff:10.0.0.1", "::ffff:10.0.0.2")).toBe(false)
  })
})

describe("requests of a key", () => {
  const ann = "usr_ann" as UserId
  const key = (name: string) => ({ keyId: name as KeyId, userId: ann })

  it("are held to the limit, each key by itself, and the user's where there is no key", async () => {
    const clock = createVirtualClock()
    const charge = createKeyLimit({ perSecond: 2, burst: 2 }, clock)
    const nobody = { keyId: null, userId: ann }
    for (const who of [key("a"), key("a"), key("b"), nobody, nobody]) charge(who)
    expect(() => charge(key("a"))).toThrow(
      expect.objectContaining({ code: "too_many", detail: "rate", retryAfterMs: 500 }),
    )
    expect(() => charge(nobody)).toThrow("Too many requests of this key; try again in 1 s.")
    charge(key("b"))
    await clock.advance(500)
    charge(key("a"))
  })

  it("pass where there is no limit", () => {
    const charge = createKeyLimit(null, createVirtualClock())
    expect(() => Array.from({ length: 10_000 }, () => charge(key("a")))).not.toThrow()
  })
})
