import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { writePrivately } from "./write-privately.ts"

describe("a file that this account alone can read", () => {
  let folder: string
  let file: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "berth-private-"))
    file = join(folder, "key")
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it("is written over what was there, and over what an earlier try left", () => {
    writeFileSync(file, "old", { mode: 0o644 })
    writeFileSync(`${file}.part`, "a longer text of an earlier try", { mode: 0o644 })
    writePrivately(file, "new")
    expect(readFileSync(file, "utf8")).toBe("new")
    expect((statSync(file).mode & 0o777).toString(8)).toBe("600")
    expect(readdirSync(folder)).toEqual(["key"])
  })

  it("is never written to where a link in its place leads", () => {
    const elsewhere = join(folder, "of-somebody-else")
    writeFileSync(elsewhere, "theirs", { mode: 0o644 })
    symlinkSync(elsewhere, `${file}.part`)
    symlinkSync(elsewhere, file)
    writePrivately(file, "secret")
    expect(readFileSync(elsewhere, "utf8")).toBe("theirs")
    expect((statSync(elsewhere).mode & 0o777).toString(8)).toBe("644")
    expect(readFileSync(file, "utf8")).toBe("secret")
    expect(existsSync(`${file}.part`)).toBe(false)
  })
})
