import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, expect, it } from "vitest"
import { lockDataDirectory } from "../index.ts"
import { temporaryDirectory } from "./test-harness.ts"

let dir: ReturnType<typeof temporaryDirectory>
const children: ChildProcess[] = []
beforeEach(() => {
  dir = temporaryDirectory()
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
  dir.remove()
})

const module = fileURLToPath(new URL("../index.ts", import.meta.url))

/** Another process that takes the lock, says so, and keeps it. */
async function holdInChild(path: string): Promise<ChildProcess> {
  const script = `import(${JSON.stringify(module)}).then(({ lockDataDirectory }) => {
    // what nobody holds is collected, and the lock with it
    globalThis.held = lockDataDirectory(${JSON.stringify(path)})
    process.stdout.write("locked")
    setInterval(() => {}, 60_000)
  })`
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  children.push(child)
  await Promise.race([
    once(child.stdout, "data"),
    once(child, "exit").then(() => Promise.reject(new Error("the child ended before it had the lock"))),
  ])
  return child
}

it("makes the directory, lets one hold it at a time, and another after the release", () => {
  const path = join(dir.path, "a", "b")
  const lock = lockDataDirectory(path)
  expect(() => lockDataDirectory(path)).toThrow(
    expect.objectContaining({ code: "conflict", detail: "data_dir_locked" }),
  )
  lock.release()
  lock.release()
  lockDataDirectory(path).release()
})

it("keeps the lock file to this account and lets others only pass through the directory", () => {
  const path = join(dir.path, "data")
  lockDataDirectory(path).release()
  expect(statSync(join(path, "lock")).mode & 0o777).toBe(0o600)
  expect(statSync(path).mode & 0o777 & ~process.umask()).toBe(0o711 & ~process.umask())
})

it("refuses while another process holds it, naming the directory, and is free right after kill -9", async () => {
  const child = await holdInChild(dir.path)
  expect(() => lockDataDirectory(dir.path)).toThrow(
    expect.objectContaining({
      detail: "data_dir_locked",
      message: expect.stringContaining(dir.path) as string,
    }),
  )
  const ended = once(child, "exit")
  child.kill("SIGKILL")
  await ended
  lockDataDirectory(dir.path).release()
})

it("says that a directory cannot be made or written", () => {
  const file = join(dir.path, "file")
  writeFileSync(file, "")
  for (const path of [file, join(file, "below"), "/proc/berth"])
    expect(() => lockDataDirectory(path)).toThrow(
      expect.objectContaining({ code: "conflict", detail: "data_dir_unwritable" }),
    )
})

it("says the same of a lock file that is none", () => {
  writeFileSync(join(dir.path, "lock"), "something else that lies in the way\n".repeat(100))
  expect(() => lockDataDirectory(dir.path)).toThrow(
    expect.objectContaining({ detail: "data_dir_unwritable" }),
  )
})
