import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { silentLog } from "../../kit/log.ts"
import { logIndexPath } from "./log-files.ts"
import type { LogRetentionOptions } from "./log-retention.ts"
import { removeOldLogs } from "./log-retention.ts"

const nowMs = Date.UTC(2026, 0, 1)
const day = 24 * 3600 * 1000
let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "berth-retention-"))
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function log(pod: string, ageDays: number, kibibytes = 4): Promise<string> {
  const path = join(root, pod, "log")
  await mkdir(join(root, pod, "work"), { recursive: true })
  await writeFile(path, "x".repeat(kibibytes * 1024))
  await writeFile(logIndexPath(path), "{}")
  const at = (nowMs - ageDays * day) / 1000
  await utimes(path, at, at)
  return path
}

const remove = (options: Partial<LogRetentionOptions> = {}) =>
  removeOldLogs(
    {
      roots: [root],
      depth: 1,
      isLog: (path) => basename(path) === "log",
      isLive: () => false,
      log: silentLog,
      ...options,
    },
    nowMs,
  )
const left = async () =>
  (await readdir(root, { recursive: true })).filter((name) => name.endsWith("/log")).sort()

it("removes logs that were last written over 30 days ago, with their index", async () => {
  const old = await log("old", 31)
  await log("new", 29)
  expect(await remove()).toMatchObject({ removedFiles: 1, hasMore: false })
  expect(await left()).toEqual(["new/log"])
  await expect(stat(logIndexPath(old))).rejects.toMatchObject({ code: "ENOENT" })
})

it("removes the oldest until the rest fits, and counts what is live without touching it", async () => {
  const live = await log("live", 40, 64)
  for (const [name, age] of [
    ["a", 3],
    ["b", 2],
    ["c", 1],
  ] as const)
    await log(name, age, 64)
  await remove({ keepBytes: 140 * 1024, isLive: (path) => path === live })
  expect(await left()).toEqual(["c/log", "live/log"])
})

it("goes by the disk that a log takes, not by its size with the hole", async () => {
  const path = await log("sparse", 1)
  expect(spawnSync("truncate", ["--size", "50G", path]).status).toBe(0)
  await utimes(path, nowMs / 1000, nowMs / 1000)
  expect(await remove({ keepBytes: 1024 * 1024 })).toMatchObject({ removedFiles: 0 })
})

it("does a bounded number in one call and says that there is more", async () => {
  for (let n = 0; n < 5; n++) await log(`p${n}`, 40 - n)
  expect(await remove({ mostRemovals: 2 })).toMatchObject({ removedFiles: 2, hasMore: true })
  expect(await left()).toEqual(["p2/log", "p3/log", "p4/log"])
  expect(await remove({ mostRemovals: 3 })).toMatchObject({ removedFiles: 3, hasMore: false })
})

it("follows no link and looks no deeper than told: what pods made themselves stays", async () => {
  await log("pod", 1)
  await mkdir(join(root, "pod", "work", "deep"), { recursive: true })
  const own = join(root, "pod", "work", "log")
  await writeFile(own, "mine")
  await utimes(own, 1, 1)
  const outside = await mkdtemp(join(tmpdir(), "berth-outside-"))
  await writeFile(join(outside, "log"), "theirs")
  await utimes(join(outside, "log"), 1, 1)
  await symlink(outside, join(root, "link"))
  try {
    expect(await remove()).toMatchObject({ removedFiles: 0 })
    expect(await readdir(outside)).toEqual(["log"])
  } finally {
    await rm(outside, { recursive: true })
  }
})

it("copes with a folder that is not there", async () => {
  expect(await remove({ roots: [join(root, "none")] })).toEqual({
    removedFiles: 0,
    removedBytes: 0,
    keptBytes: 0,
    hasMore: false,
  })
})

it("asks of those alone that would go whether they live, and never removes one that does", async () => {
  for (let n = 0; n < 5; n++) await log(`old${n}`, 40 + n)
  for (let n = 0; n < 5; n++) await log(`new${n}`, n)
  const asked: string[] = []
  const isLive = async (path: string) => {
    asked.push(path.slice(root.length + 1))
    return path.includes("old3")
  }
  const told: string[] = []
  const found = await remove({ isLive, onRemoved: async (path) => void told.push(path) })
  expect(found).toMatchObject({ removedFiles: 4, keptBytes: 6 * 4096 })
  expect(asked).toEqual(["old4/log", "old3/log", "old2/log", "old1/log", "old0/log"])
  expect(told).toHaveLength(4)
  expect(await left()).toEqual(["new0/log", "new1/log", "new2/log", "new3/log", "new4/log", "old3/log"])
})

it("holds all roots together to one size", async () => {
  const other = await mkdtemp(join(tmpdir(), "berth-retention-"))
  try {
    await log("a", 2, 64)
    await mkdir(join(other, "b"))
    await writeFile(join(other, "b", "log"), "x".repeat(64 * 1024))
    expect(await remove({ roots: [root, other], keepBytes: 100 * 1024 })).toMatchObject({ removedFiles: 1 })
  } finally {
    await rm(other, { recursive: true })
  }
})

it("gives the event loop back again and again while it goes through many folders", async () => {
  for (let n = 0; n < 1000; n++) {
    mkdirSync(join(root, `p${n}`))
    writeFileSync(join(root, `p${n}`, "log"), "")
  }
  let turns = 0
  let isDone = false
  const count = () => {
    turns++
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  await remove()
  isDone = true
  // a turn for every few folders at least: none of it is one long piece of work
  expect(turns).toBeGreaterThan(500)
})
