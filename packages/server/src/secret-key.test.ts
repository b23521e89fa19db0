import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { openSecretKey } from "./secret-key.ts"

let dir: string
let path: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "berth-secret-"))
  path = join(dir, "secret.key")
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

describe("the secret key", () => {
  it("is made once, for this account alone, and read again", () => {
    const made = openSecretKey(path, 1)
    expect(made.bytes).toHaveLength(32)
    expect(made.warnings).toEqual([])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(openSecretKey(path, 2)).toEqual({ bytes: Buffer.from(made.bytes), warnings: [] })
    expect(readdirSync(dir)).toEqual(["secret.key"])
  })

  it.each(["", "short", "x".repeat(42), "x".repeat(44), `${"x".repeat(42)}!`])(
    "that is damaged (%j) is set aside and followed by a new one, with a warning that does not show it",
    (text) => {
      writeFileSync(path, text)
      const { bytes, warnings } = openSecretKey(path, 77)
      expect(bytes).toHaveLength(32)
      expect(warnings).toEqual([
        `The secret key in ${path} was damaged: it is kept as ${path}.damaged-77, and a new one was made.`,
      ])
      expect(readFileSync(`${path}.damaged-77`, "utf8")).toBe(text)
      expect(openSecretKey(path, 78).warnings).toEqual([])
    },
  )

  it("that others could read is theirs no more, and that is said", () => {
    const { bytes } = openSecretKey(path, 1)
    chmodSync(path, 0o644)
    const again = openSecretKey(path, 2)
    expect(Buffer.from(bytes).equals(again.bytes)).toBe(true)
    expect(again.warnings).toEqual([expect.stringContaining("Others could read")])
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it("that cannot be read stops the start: it is not written over", () => {
    mkdirSync(path)
    expect(() => openSecretKey(path, 1)).toThrow(
      expect.objectContaining({ code: "invalid", detail: "secret_key_unreadable" }),
    )
  })
})
