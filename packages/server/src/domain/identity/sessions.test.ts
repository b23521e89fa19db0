import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { openPlatform, type Platform } from "../workspaces/platform-suite.ts"
import { createPasswordHasher } from "../../kit/password.ts"
import type { Principal } from "./types.ts"

const from = { address: "10.0.0.1", requestId: "req-1" }
const refused = (code: string, detail?: string) => expect.objectContaining({ code, detail }) as Error
const hourMs = 3_600_000

describe("signing in", () => {
  let platform: Platform
  let ann: Principal
  beforeEach(async () => {
    platform = await openPlatform()
    ann = await platform.person("ann")
    await platform.identity.setPassword(ann, ann.userId, { password: "correct horse", current: null })
  })
  afterEach(() => platform.close())
  const signIn = (name: string, password: string) => platform.identity.signIn(name, password, from)
  const holds = (token: string) => platform.directory.authenticate(token, from) !== undefined
  const wrong = refused("unauthenticated", "wrong_password")

  it("gives a key that reaches as far as its user, for twelve hours, and that nobody lists", async () => {
    const { identity, owner, clock, principalOf } = platform
    const { token, key, user } = await signIn("ann", "correct horse")
    expect(user.id).toBe(ann.userId)
    expect(principalOf(token).userId).toBe(ann.userId)
    expect(key).toMatchObject({ isSession: true, role: null, workspaceId: null })
    expect(key.expiresAtMs).toBe(clock.nowMs() + 12 * hourMs)
    const listed = async (who: Principal) => (await identity.keys(who, 100, null)).items.map(({ id }) => id)
    expect(await listed(owner)).not.toContain(key.id)
    expect(await listed(ann)).not.toContain(key.id)
    await platform.reload()
    expect(holds(token)).toBe(true)
    await clock.advance(12 * hourMs)
    expect(holds(token)).toBe(false)
    expect(await identity.endExpiredSessions(10)).toBe(1)
    expect(await identity.endExpiredSessions(10)).toBe(0)
  })

  it("says the same of a wrong password, of nobody, of who has none, and of who is frozen", async () => {
    const { identity, owner } = platform
    await platform.person("bob")
    const fred = await platform.person("fred")
    await identity.setPassword(owner, fred.userId, { password: "correct horse", current: null })
    await identity.updateUser(owner, fred.userId, { frozen: true })
    const tries = [
      ["ann", "incorrect horse"],
      ["ann", ""],
      ["ann", "x".repeat(5000)],
      ["nobody", "correct horse"],
      ["bob", ""],
      ["fred", "correct horse"],
    ] as const
    for (const [name, password] of tries) await expect(signIn(name, password), name).rejects.toEqual(wrong)
  })

  it("ends with the session, with the user's freedom, and when the password changes; the one who asks stays", async () => {
    const { identity, owner, principalOf } = platform
    const [one, two] = [await signIn("ann", "correct horse"), await signIn("ann", "correct horse")]
    await identity.signOut(principalOf(one.token))
    expect([holds(one.token), holds(two.token)]).toEqual([false, true])
    const three = await signIn("ann", "correct horse")
    const change = { password: "battery staple", current: "correct horse" }
    await identity.setPassword(principalOf(two.token), ann.userId, change)
    expect([holds(two.token), holds(three.token)]).toEqual([true, false])
    await expect(signIn("ann", "correct horse")).rejects.toEqual(wrong)
    await signIn("ann", "battery staple")
    await identity.signOut(ann)
    expect((await identity.keys(ann, 10, null)).items, "a key is no session").toHaveLength(1)
    await identity.updateUser(owner, ann.userId, { frozen: true })
    expect(() => holds(two.token)).toThrow("frozen")
  })

  it("keeps twenty sessions of a user: the oldest goes", async () => {
    const tokens: string[] = []
    for (let at = 0; at < 21; at++) tokens.push((await signIn("ann", "correct horse")).token)
    expect(tokens.map(holds)).toEqual([false, ...Array.from({ length: 20 }, () => true)])
  })

  it("asks for the present password where somebody changes his own, but not a server Owner", async () => {
    const { identity, owner, principalOf } = platform
    const session = principalOf((await signIn("ann", "correct horse")).token)
    for (const current of [null, "", "wrong horse"])
      await expect(
        identity.setPassword(session, ann.userId, { password: "battery staple", current }),
      ).rejects.toEqual(wrong)
    await identity.setPassword(owner, ann.userId, { password: "battery staple", current: null })
    await signIn("ann", "battery staple")
    await identity.setPassword(owner, ann.userId, { password: null, current: null })
    await expect(signIn("ann", "battery staple")).rejects.toEqual(wrong)
  })

  it("is set up by nobody else, by no narrow key, and with no short or endless password", async () => {
    const { identity, keyOf, principalOf, owner } = platform
    const bob = await platform.person("bob")
    const good = { password: "correct horse", current: null }
    await expect(identity.setPassword(bob, ann.userId, good)).rejects.toEqual(refused("forbidden"))
    for (const narrow of [
      { role: "viewer" as const },
      { workspaceId: "default" },
      { expiresAtMs: platform.clock.nowMs() + hourMs },
    ]) {
      const key = principalOf((await keyOf(bob.userId, narrow)).token)
      await expect(identity.setPassword(key, bob.userId, good)).rejects.toEqual(refused("forbidden", "scope"))
    }
    for (const password of ["", "seven77", "x".repeat(1025)])
      await expect(identity.setPassword(bob, bob.userId, { password, current: null })).rejects.toEqual(
        refused("invalid"),
      )
    const nobody = "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV" as typeof bob.userId
    await expect(identity.setPassword(owner, nobody, good)).rejects.toEqual(refused("not_found"))
  })

  it("does not begin with a password that is no more when it was checked, nor outlive it", async () => {
    const real = createPasswordHasher({ cost: 16 })
    let gate = Promise.withResolvers<void>()
    gate.resolve()
    const gated = await openPlatform({
      passwords: {
        hash: async (...all) => (await Promise.all([real.hash(...all), gate.promise]))[0],
        verify: async (...all) => (await Promise.all([real.verify(...all), gate.promise]))[0],
      },
    })
    try {
      const { identity, owner, directory } = gated
      const bob = await gated.person("bob")
      const set = (password: string) => identity.setPassword(owner, bob.userId, { password, current: null })
      await set("correct horse")

      gate = Promise.withResolvers()
      const late = identity.signIn("bob", "correct horse", from)
      const hash = await real.hash("battery staple", "a")
      await gated.store.tx((tx) =>
        gated.store.identity.putPassword(tx, { userId: bob.userId, hash, changedAtMs: 0 }),
      )
      gate.resolve()
      await expect(late).rejects.toEqual(wrong)

      // both are written together, the session first
      gate = Promise.withResolvers()
      const both = [identity.signIn("bob", "battery staple", from), set("correct horse")] as const
      await real.hash("as long as both", "a")
      gate.resolve()
      const [session] = await Promise.allSettled(both)
      const token = session.status === "fulfilled" ? session.value.token : ""
      expect(directory.authenticate(token, from)).toBeUndefined()
    } finally {
      await gated.close()
    }
  })

  it("that was begun before its user was frozen is over when he is free again", async () => {
    const { identity, owner } = platform
    const { token } = await signIn("ann", "correct horse")
    await identity.updateUser(owner, ann.userId, { frozen: true })
    await identity.updateUser(owner, ann.userId, { frozen: false })
    expect(holds(token)).toBe(false)
    expect(holds((await signIn("ann", "correct horse")).token)).toBe(true)
  })

  it("are twenty of a user at most, also of many that begin at once", async () => {
    const begun = await Promise.all(Array.from({ length: 30 }, () => signIn("ann", "correct horse")))
    expect(begun.filter(({ token }) => holds(token))).toHaveLength(20)
  })

  it("is no longer tried after ten wrong passwords of a name from an address, and then once in six seconds", async () => {
    const { identity, clock } = platform
    const busy = refused("too_many", "failed_sign_ins")
    const tried = async (name: string, password: string) =>
      (await Promise.allSettled(Array.from({ length: 12 }, () => signIn(name, password)))).map((one) =>
        one.status === "rejected" ? (one.reason as { readonly code: string }).code : "in",
      )
    expect(await tried("ann", "correct horse"), "right ones do not count").not.toContain("too_many")
    for (const name of ["ann", "nobody"])
      expect((await tried(name, "wrong horse")).filter((code) => code === "too_many")).toHaveLength(2)
    await expect(signIn("ann", "correct horse"), "nor is it said that it is right").rejects.toEqual(busy)
    await identity.signIn("ann", "correct horse", { ...from, address: "10.0.0.2" })
    await clock.advance(6000)
    await signIn("ann", "correct horse")
    await expect(signIn("ann", "wrong horse")).rejects.toEqual(wrong)
    await expect(signIn("ann", "wrong horse")).rejects.toEqual(busy)
  })

  it("is held to the same in what somebody says to be the present password", async () => {
    const session = platform.principalOf((await signIn("ann", "correct horse")).token)
    const change = (current: string) =>
      platform.identity.setPassword(session, ann.userId, { password: "battery staple", current })
    for (let at = 0; at < 10; at++) await expect(change("wrong horse")).rejects.toEqual(wrong)
    await expect(change("correct horse")).rejects.toEqual(refused("too_many", "failed_sign_ins"))
  })

  it("writes nothing of a password or a token", async () => {
    const { token, key } = await signIn("ann", "correct horse")
    const written = JSON.stringify(await platform.journal())
    for (const secret of ["correct horse", token, key.hash, "scrypt"]) expect(written).not.toContain(secret)
    expect(await platform.events()).toEqual(expect.arrayContaining(["user.password-set", "session.begun"]))
  })
})
