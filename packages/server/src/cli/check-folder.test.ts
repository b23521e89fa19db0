import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { tmpdir } from "node:os"
import { afterEach, beforeEach, expect, it } from "vitest"
import { whyUnreadable } from "./check-folder.ts"

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "berth-folder-"))
  mkdirSync(join(root, "a", "b"), { recursive: true })
  for (const folder of [root, join(root, "a"), join(root, "a", "b")]) chmodSync(folder, 0o755)
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const stranger = { uid: null }

it("lets anybody into a folder that is open all the way", () => {
  expect(whyUnreadable(join(root, "a", "b"), stranger)).toBeNull()
})

it("names the folder on the way that keeps others out", () => {
  chmodSync(root, 0o700)
  expect(whyUnreadable(join(root, "a", "b"), stranger)).toBe(`${root} may not be entered by others`)
})

it("wants the folder itself readable, those on the way only open", () => {
  chmodSync(join(root, "a"), 0o711)
  expect(whyUnreadable(join(root, "a", "b"), stranger)).toBeNull()
  expect(whyUnreadable(join(root, "a"), stranger)).toBe(`${join(root, "a")} may not be read by others`)
})

it("lets the owner in by the owner's own bits", () => {
  chmodSync(root, 0o700)
  const uid = statSync(root).uid
  expect(whyUnreadable(join(root, "a", "b"), { uid })).toBeNull()
})

it("lets root in everywhere, but only into folders", () => {
  chmodSync(root, 0o000)
  expect(whyUnreadable(join(root, "a"), { uid: 0 })).toBeNull()
  chmodSync(root, 0o755)
  writeFileSync(join(root, "file"), "")
  for (const uid of [0, null]) {
    expect(whyUnreadable(join(root, "file"), { uid })).toBe(`${join(root, "file")} is not a folder`)
    expect(whyUnreadable(join(root, "gone"), { uid })).toBe(`${join(root, "gone")} is not a folder`)
  }
})
