import { describe, expect, it } from "vitest"
import { createVault } from "./vault.ts"

const vault = createVault(new Uint8Array(32).fill(7))

describe("a vault", () => {
  it("opens what it has sealed, and what is sealed shows nothing and is never the same twice", () => {
    const [first, second] = [vault.seal("läuft 🚀", "a"), vault.seal("läuft 🚀", "a")]
    expect(vault.open(first, "a")).toBe("läuft 🚀")
    expect(vault.open(vault.seal("", "a"), "a")).toBe("")
    expect(first).not.toBe(second)
    expect(Buffer.from(first.slice(3), "base64url").includes("uft")).toBe(false)
  })

  it("opens nothing with another key, under another context, or after a change anywhere", () => {
    const sealed = vault.seal("secret", "a")
    expect(createVault(new Uint8Array(32).fill(8)).open(sealed, "a")).toBeUndefined()
    expect(vault.open(sealed, "b")).toBeUndefined()
    const bytes = Buffer.from(sealed.slice(3), "base64url")
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(vault.open(`v1.${changed.toString("base64url")}`, "a")).toBeUndefined()
    }
    for (const text of ["", "v1.", "v1.AAAA", sealed.slice(3), `v2.${sealed.slice(3)}`, sealed.slice(0, 30)])
      expect(vault.open(text, "a")).toBeUndefined()
  })

  it("needs a whole key", () => {
    expect(() => createVault(new Uint8Array(31))).toThrow(RangeError)
  })
})
