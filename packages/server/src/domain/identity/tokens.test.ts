import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { createVirtualClock } from "../../kit/clock.ts"
import { makeRsaSigningKey, openJwtSigner, type RsaSigningKey } from "../../kit/jwt.ts"
import type { JsonObject } from "../../kit/json.ts"
import { createVault } from "../../kit/vault.ts"
import { openPlatform, type Platform } from "../workspaces/platform-suite.ts"
import { hashToken } from "./token.ts"
import { createSigningKeys, createTokens, type ApiKey, type SigningKeys, type Tokens } from "./index.ts"
import type { Principal } from "./types.ts"

const from = { address: "10.0.0.1", requestId: "req-1" }
const refused = (code: string, detail?: string) => expect.objectContaining({ code, detail }) as Error
const newUser = (name: string) => ({ name, email: null, serverRole: null })
const secret = new Uint8Array(32).fill(1)
const daysMs = 86_400_000

// made once: each takes some tenths of a second
let pool: readonly RsaSigningKey[]
beforeAll(async () => {
  pool = await Promise.all([1, 2, 3].map(() => makeRsaSigningKey()))
})

let platform: Platform
let signingKeys: SigningKeys
let tokens: Tokens
let made: number
beforeEach(async () => {
  platform = await openPlatform()
  made = 0
  begin()
})
afterEach(() => platform.close())

/** As a start would: nothing but the rows is known. */
function begin(secretKey = secret) {
  const { store, clock, directory } = platform
  const makeKey = () => Promise.resolve(pool[made++ % pool.length] as RsaSigningKey)
  signingKeys = createSigningKeys({
    store,
    rows: store.signingKeys,
    clock,
    vault: createVault(secretKey),
    makeKey,
  })
  tokens = createTokens({ directory, signingKeys, clock })
}
async function restart(secretKey = secret) {
  begin(secretKey)
  signingKeys.load(await platform.store.signingKeys.signingKeys(platform.store.committed))
}

async function ask(token: string): Promise<Principal | undefined> {
  const claims = await tokens.read(token)
  return claims && tokens.principalOf(claims, from)
}
const exchange = async (key: string) => (await tokens.exchangeKey(key, from)).token
const partOf = (token: string, at: number): JsonObject =>
  JSON.parse(Buffer.from(token.split(".")[at] ?? "", "base64url").toString())

/** Signed with the server's own key, whatever it says. */
async function forge(change: JsonObject): Promise<string> {
  await tokens.keySet()
  const sign = await openJwtSigner(pool[0] as RsaSigningKey)
  const nowS = platform.clock.nowMs() / 1000
  const [key] = platform.directory.keys()
  const base = {
    iss: "berth",
    aud: "berth",
    iat: nowS,
    nbf: nowS,
    exp: nowS + 900,
    sub: key?.id ?? "",
    gen: 1,
  }
  return sign({ ...base, ...change })
}

describe("a token", () => {
  it("says who made it for how long, and which key it stands for", async () => {
    const { token, expiresAtMs, key, principal } = await tokens.exchangeKey(platform.ownerToken, from)
    const iat = platform.clock.nowMs() / 1000
    expect(partOf(token, 0)).toEqual({ alg: "RS256", kid: pool[0]?.publicJwk.kid, typ: "JWT" })
    expect(partOf(token, 1)).toEqual({
      iss: "berth",
      aud: "berth",
      iat,
      nbf: iat,
      exp: iat + 900,
      sub: key.id,
      gen: 1,
      ws: null,
      role: null,
    })
    expect(expiresAtMs).toBe(platform.clock.nowMs() + 900_000)
    expect(principal.userName).toBe("owner")
  })

  it("gives the same as the key itself, and its use is the key's", async () => {
    const ann = await platform.identity.createUser(platform.owner, newUser("ann"))
    await platform.workspace("team")
    await platform.workspaces.setMember(platform.owner, "team", ann.id, "owner")
    const limits = { role: "editor", workspaceId: "team" } as const
    const { token: key } = await platform.keyOf(ann.id, limits)
    const token = await exchange(key)
    expect(partOf(token, 1)).toMatchObject({ ws: "team", role: "editor" })
    const [byKey, byToken] = [platform.principalOf(key), await ask(token)]
    expect(byToken?.roleIn("team")).toBe("editor")
    expect(byToken?.workspaces()).toEqual(["team"])
    expect(byToken?.actor).toEqual({ ...byKey.actor, ...from })
    expect({ ...byToken, actor: null }).toEqual({ ...byKey, actor: null, ...functionsOf(byToken) })
    platform.directory.drainTouches()
    await ask(token)
    expect(platform.directory.drainTouches().map(({ id }) => id)).toEqual([byKey.keyId])
  })

  it("holds for 900 s and no longer, whether it was seen before or not", async () => {
    const token = await exchange(platform.ownerToken)
    await platform.clock.advance(899_999)
    expect((await ask(token))?.userName).toBe("owner")
    await platform.clock.advance(1)
    expect(await ask(token)).toBeUndefined()
    await restart()
    expect(await ask(token)).toBeUndefined()
  })

  it("holds after a restart, whose first look at it verifies the signature", async () => {
    const token = await exchange(platform.ownerToken)
    expect(tokens.read(token)).not.toBeInstanceOf(Promise)
    await restart()
    expect(tokens.read(token)).toBeInstanceOf(Promise)
    expect((await ask(token))?.userName).toBe("owner")
    expect(tokens.read(token)).not.toBeInstanceOf(Promise)
    expect(made).toBe(1)
  })

  it("holds no more, at the next call, when its key is revoked, has expired or has another generation", async () => {
    const { userId } = platform.owner
    const expiresAtMs = platform.clock.nowMs() + 10_000
    const keys = [await platform.keyOf(userId), await platform.keyOf(userId, { expiresAtMs })]
    const [revoked = "", expired = ""] = await Promise.all(keys.map(({ token }) => exchange(token)))
    await platform.identity.revokeKey(platform.owner, keys[0]?.key.id as ApiKey["id"])
    expect(await ask(revoked)).toBeUndefined()
    expect((await ask(expired))?.userName).toBe("owner")
    await platform.clock.advance(10_000)
    expect(await ask(expired)).toBeUndefined()

    const { key, token } = await platform.keyOf(userId)
    const older = await exchange(token)
    platform.directory.applyKey({ ...key, generation: 2 })
    expect(await ask(older)).toBeUndefined()
    const newer = await exchange(token)
    expect((await ask(newer))?.userName).toBe("owner")
  })

  it("follows the rights of its user, and a frozen one is told so", async () => {
    const ann = await platform.identity.createUser(platform.owner, newUser("ann"))
    await platform.workspace("team")
    await platform.workspaces.setMember(platform.owner, "team", ann.id, "viewer")
    const token = await exchange((await platform.keyOf(ann.id)).token)
    const principal = await ask(token)
    expect(principal?.roleIn("team")).toBe("viewer")
    await platform.workspaces.setMember(platform.owner, "team", ann.id, "editor")
    expect(principal?.roleIn("team")).toBe("editor")
    await platform.identity.updateUser(platform.owner, ann.id, { frozen: true })
    expect(principal?.roleIn("team")).toBeNull()
    await expect(ask(token)).rejects.toThrow(refused("forbidden", "frozen"))
  })

  it.each([
    ["another issuer", { iss: "kubernetes" }],
    ["another audience", { aud: "https://kubernetes.default.svc" }],
    ["several audiences", { aud: ["berth"] }],
    ["a key that is not there", { sub: "key_none" }],
    ["no key", { sub: null }],
    ["a name that objects have by themselves", { sub: "__proto__" }],
    ["another generation", { gen: 2 }],
    ["a generation that is no number", { gen: "1" }],
    ["no end", { exp: null }],
    ["an end that is no number", { exp: "9999999999" }],
    ["an end in the past", { exp: 1_000_000 }],
    ["no beginning", { nbf: null }],
  ])("is none with %s, though we had signed it", async (_, change) => {
    expect((await ask(await forge({})))?.userName).toBe("owner")
    expect(await ask(await forge(change))).toBeUndefined()
  })

  it("is none before its time, but for a clock that was set back by up to a minute", async () => {
    const early = await forge({ nbf: platform.clock.nowMs() / 1000 + 61 })
    expect(await ask(early)).toBeUndefined()
    const token = await exchange(platform.ownerToken)
    platform.clock.jumpWall(-60_000)
    expect((await ask(token))?.userName).toBe("owner")
    platform.clock.jumpWall(-1_000)
    expect(await ask(token)).toBeUndefined()
    // and whoever asks again has one that holds, at once
    expect((await ask(await exchange(platform.ownerToken)))?.userName).toBe("owner")
  })

  it("is none when it was signed with a key of another server, or is no token at all", async () => {
    await tokens.keySet()
    const foreign = await openJwtSigner(pool[2] as RsaSigningKey)
    const token = await exchange(platform.ownerToken)
    expect(tokens.read(await foreign(partOf(token, 1)))).toBeUndefined()
    for (const text of ["", "a.b.c", `${token}x.`, token.slice(0, -20), platform.ownerToken, "é.é.é"])
      expect(await tokens.read(text)).toBeUndefined()
  })
})

describe("the exchange of a key", () => {
  it("refuses what is no key, is unknown or was revoked in the same words", async () => {
    const { key, token } = await platform.keyOf(platform.owner.userId)
    await platform.identity.revokeKey(platform.owner, key.id)
    const unknown = `berth_${"A".repeat(43)}`
    for (const text of [
      token,
      unknown,
      "",
      "x",
      `${platform.ownerToken} `,
      await exchange(platform.ownerToken),
    ])
      await expect(exchange(text)).rejects.toMatchObject({
        code: "unauthenticated",
        detail: "unknown",
        message: "The API key is unknown.",
      })
  })

  it("says that a key has expired", async () => {
    const expiresAtMs = platform.clock.nowMs() + 1_000
    const { token } = await platform.keyOf(platform.owner.userId, { expiresAtMs })
    await platform.clock.advance(999)
    expect(await exchange(token)).toMatch(/^eyJ/)
    await platform.clock.advance(1)
    await expect(exchange(token)).rejects.toThrow(refused("unauthenticated", "expired"))
  })

  it("says that a key is misconfigured: its role is none, or its workspace nothing to its user", async () => {
    await platform.workspace("team")
    const ann = await platform.identity.createUser(platform.owner, newUser("ann"))
    const wrong = [
      { role: "Owner" as "owner" },
      { role: "" as "owner" },
      { workspaceId: "nowhere" },
      { workspaceId: "team" },
    ]
    const { store } = platform
    for (const change of wrong) {
      const { key, token } = await platform.keyOf(ann.id)
      const id = `${key.id}x` as ApiKey["id"]
      await platform.identity.revokeKey(platform.owner, key.id)
      const text = token.replace(/.$/, token.endsWith("A") ? "B" : "A")
      await store.tx((tx) => store.identity.insertKey(tx, { ...key, ...change, id, hash: hashToken(text) }))
      await platform.reload()
      await expect(exchange(text)).rejects.toMatchObject({ code: "invalid", detail: "key_misconfigured" })
    }
  })

  it("lets nobody in by a key whose role is none, however high its user is", async () => {
    const { key, token } = await platform.keyOf(platform.owner.userId)
    platform.directory.applyKey({ ...key, role: "admin" as "owner" })
    expect(platform.directory.authenticate(token, from)).toBeUndefined()
  })

  it("says that a user is frozen", async () => {
    const ann = await platform.identity.createUser(platform.owner, newUser("ann"))
    const { token } = await platform.keyOf(ann.id)
    await platform.identity.updateUser(platform.owner, ann.id, { frozen: true })
    await expect(exchange(token)).rejects.toThrow(refused("forbidden", "frozen"))
  })

  it("gives the same token for half a minute, then another one that holds as long as any", async () => {
    const first = await exchange(platform.ownerToken)
    const together = await Promise.all([1, 2, 3].map(() => exchange(platform.ownerToken)))
    expect(new Set([first, ...together]).size).toBe(1)
    await platform.clock.advance(29_999)
    expect(await exchange(platform.ownerToken)).toBe(first)
    await platform.clock.advance(1)
    const { token, expiresAtMs } = await tokens.exchangeKey(platform.ownerToken, from)
    expect(token).not.toBe(first)
    expect(expiresAtMs - platform.clock.nowMs()).toBe(900_000)
  })

  it("tries again after a fault, and names no secret in what it writes and throws", async () => {
    const { store } = platform
    let isFull = true
    const tx: typeof store.tx = (closure) => (isFull ? Promise.reject(new Error("full")) : store.tx(closure))
    signingKeys = createSigningKeys({
      store: { tx },
      rows: store.signingKeys,
      clock: platform.clock,
      vault: createVault(secret),
      makeKey: () => Promise.resolve(pool[0] as RsaSigningKey),
    })
    tokens = createTokens({ directory: platform.directory, signingKeys, clock: platform.clock })
    await expect(exchange(platform.ownerToken)).rejects.toThrow("full")
    isFull = false
    const token = await exchange(platform.ownerToken)
    const written = JSON.stringify(await platform.journal())
    for (const text of [platform.ownerToken, token, "PRIVATE", pool[0]?.publicJwk.n ?? ""])
      expect(written).not.toContain(text)
  })
})

describe("keys that sign", () => {
  const kids = async () => (await tokens.keySet()).keys.map(({ kid }) => kid)

  it("are made when the first is needed, once, kept sealed, and told", async () => {
    await Promise.all([exchange(platform.ownerToken), tokens.keySet(), tokens.keySet()])
    expect(made).toBe(1)
    const [row] = await platform.store.signingKeys.signingKeys(platform.store.committed)
    expect(row?.sealedPrivateKey).toMatch(/^v1\./)
    expect(JSON.stringify(row)).not.toContain("PRIVATE")
    expect(await kids()).toEqual([row?.publicJwk.kid])
    const { events, audit } = await platform.journal()
    const event = events.find(({ type }) => type === "signing_key.created")
    expect(event).toMatchObject({ workspace: null, data: { kid: row?.publicJwk.kid } })
    expect(audit[0]).toMatchObject({ operation: "signing_key.rotate", subject: { id: "signing-keys" } })
  })

  it("are followed by another after 30 days; the one before verifies until its last token has expired", async () => {
    await signingKeys.rotate()
    expect(made).toBe(0)
    await exchange(platform.ownerToken)
    await platform.clock.advance(30 * daysMs - 60_000)
    await signingKeys.rotate()
    const last = await exchange(platform.ownerToken)
    expect(made).toBe(1)
    await platform.clock.advance(60_000)
    await signingKeys.rotate()
    const next = await exchange(platform.ownerToken)
    const [first, second] = [pool[0]?.publicJwk.kid, pool[1]?.publicJwk.kid]
    expect([partOf(last, 0)["kid"], partOf(next, 0)["kid"]]).toEqual([first, second])
    expect(await kids()).toEqual([second, first])
    await restart()
    expect((await ask(last))?.userName).toBe("owner")
    await platform.clock.advance(900_000)
    await signingKeys.rotate()
    expect(await kids()).toEqual([second, first])
    await platform.clock.advance(120_000)
    await signingKeys.rotate()
    expect(await kids()).toEqual([second])
    await restart()
    expect(tokens.read(last)).toBeUndefined()
    expect(await platform.events()).toContain("signing_key.deleted")
  })

  it("of another secret key sign no more, are said, and what they signed still holds", async () => {
    const token = await exchange(platform.ownerToken)
    await restart()
    expect(signingKeys.warnings()).toEqual([])
    await restart(new Uint8Array(32).fill(2))
    expect(signingKeys.warnings()).toEqual([expect.stringContaining("secret.key")])
    expect((await ask(token))?.userName).toBe("owner")
    const next = await exchange(platform.ownerToken)
    expect(partOf(next, 0)["kid"]).toBe(pool[1]?.publicJwk.kid)
    expect(signingKeys.warnings()).toEqual([])
    expect(await kids()).toHaveLength(2)
  })

  it("stay the newest where the clock was set back", async () => {
    await exchange(platform.ownerToken)
    platform.clock.jumpWall(-400 * daysMs)
    await signingKeys.rotate()
    expect(made).toBe(1)
    await restart(new Uint8Array(32).fill(2))
    await exchange(platform.ownerToken)
    await restart(new Uint8Array(32).fill(2))
    expect(signingKeys.warnings()).toEqual([])
    expect(await kids()).toEqual([pool[1]?.publicJwk.kid, pool[0]?.publicJwk.kid])
  })
})

it("remembers a bounded number of tokens", async () => {
  const clock = createVirtualClock()
  const sign = await openJwtSigner(pool[0] as RsaSigningKey)
  let verifications = 0
  const counted: SigningKeys = {
    ...signingKeys,
    verify: (text) => {
      verifications++
      return Promise.resolve(partOf(text, 1))
    },
  }
  tokens = createTokens({ directory: platform.directory, signingKeys: counted, clock })
  const nowS = clock.nowMs() / 1000
  const claims = { iss: "berth", aud: "berth", nbf: nowS, exp: nowS + 900, gen: 1 }
  const [head, , signature] = (await sign({})).split(".")
  const text = (n: number) =>
    `${head}.${Buffer.from(JSON.stringify({ ...claims, sub: `key_${n}` })).toString("base64url")}.${signature}`
  for (let n = 0; n <= 10_000; n++) await tokens.read(text(n))
  expect(verifications).toBe(10_001)
  await tokens.read(text(10_000))
  await tokens.read(text(1))
  expect(verifications).toBe(10_001)
  await tokens.read(text(0))
  expect(verifications).toBe(10_002)
})

/** Methods are made for each principal: not what is compared. */
function functionsOf(principal: Principal | undefined): Partial<Principal> {
  return principal ? { roleIn: principal.roleIn, workspaces: principal.workspaces } : {}
}
