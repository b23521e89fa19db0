import { createHmac } from "node:crypto"
import { beforeAll, describe, expect, it } from "vitest"
import {
  kidOfJwt,
  makeRsaSigningKey,
  openJwtSigner,
  openJwtVerifier,
  type RsaSigningKey,
  type SignJwt,
  type VerifyJwt,
} from "./jwt.ts"

let key: RsaSigningKey
let sign: SignJwt
let verify: VerifyJwt
beforeAll(async () => {
  key = await makeRsaSigningKey()
  sign = await openJwtSigner(key)
  verify = await openJwtVerifier(key.publicJwk)
})

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")

describe("a JWT", () => {
  it("has the header alg, kid, typ, and is verified by the public half alone", async () => {
    const text = await sign({ sub: "key_1", gen: 2 })
    const [header = ""] = text.split(".")
    expect(JSON.parse(Buffer.from(header, "base64url").toString())).toEqual({
      alg: "RS256",
      kid: key.publicJwk.kid,
      typ: "JWT",
    })
    expect(kidOfJwt(text)).toBe(key.publicJwk.kid)
    expect(await verify(text)).toEqual({ sub: "key_1", gen: 2 })
    expect(key.publicJwk).not.toHaveProperty("d")
  })

  it("does not hold when another key signed it, or when a part of it was changed", async () => {
    const other = await makeRsaSigningKey()
    const forged = await openJwtSigner({ publicJwk: key.publicJwk, privatePem: other.privatePem })
    expect(await verify(await forged({ sub: "key_1" }))).toBeUndefined()
    const [header, , signature] = (await sign({ sub: "key_1" })).split(".")
    expect(await verify(`${header}.${part({ sub: "key_2" })}.${signature}`)).toBeUndefined()
    expect(await verify(`${header}.${part({ sub: "key_1" })}.${signature}`)).toEqual({ sub: "key_1" })
    expect(await verify(`${header}.${part({ sub: "key_1" })}.AAAA`)).toBeUndefined()
  })

  it("is never one without a signature, or signed with the public key as a shared secret", async () => {
    const { kid } = key.publicJwk
    for (const alg of ["none", "NONE", "HS256", "RS512", "PS256", "ES256", 5, null]) {
      const head = `${part({ alg, kid, typ: "JWT" })}.${part({ sub: "key_1" })}`
      const mac = createHmac("sha256", JSON.stringify(key.publicJwk)).update(head).digest("base64url")
      expect([alg, kidOfJwt(`${head}.${mac}`), await verify(`${head}.${mac}`)]).toEqual([
        alg,
        undefined,
        undefined,
      ])
    }
  })

  it.each([
    "",
    ".",
    "..",
    "a.b.c",
    "a.b",
    "a.b.c.d",
    `${part([])}.a.b`,
    `${part(null)}.a.b`,
    `${part({ alg: "RS256", typ: "JWT" })}.a.b`,
    `${part({ alg: "RS256", typ: "JWT", kid: 7 })}.a.b`,
    `${part({ alg: "RS256", typ: "at+jwt", kid: "k" })}.a.b`,
    `${part({ alg: "RS256", typ: "JWT", kid: "k" })}.a b.c`,
    `${part({ alg: "RS256", typ: "JWT", kid: "k".repeat(2000) })}.a.b`,
  ])("is not %j", async (text) => {
    expect(kidOfJwt(text)).toBeUndefined()
    expect(await verify(text)).toBeUndefined()
  })
})
