import { createHash } from "node:crypto"
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { systemClock } from "../../kit/clock.ts"
import { openStore, type OpenStore } from "../index.ts"
import { sampleWorkload, sampleWorkspace } from "../samples.ts"
import { failure } from "../suite/harness.ts"
import { createSqliteBackup } from "./backup.ts"
import { storeOptions, temporaryDirectory } from "./test-harness.ts"

let dir: ReturnType<typeof temporaryDirectory>
let path: string
let store: OpenStore
beforeEach(async () => {
  dir = temporaryDirectory()
  path = join(dir.path, "berth.db")
  store = openStore(storeOptions(path))
  await store.tx((tx) => store.workspaces.insert(tx, sampleWorkspace("a")))
})
afterEach(async () => {
  await store.close()
  dir.remove()
})

const add = (n: number) => store.tx((tx) => store.workloads.insert(tx, sampleWorkload(n)))
const leftovers = () => readdirSync(dir.path).filter((name) => name.includes("backup"))

async function bytesOf(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of content) pieces.push(piece)
  return Buffer.concat(pieces)
}

describe("a copy of a database", () => {
  it("is one whole instant of it although others go on writing", async () => {
    let added = 2000
    await Promise.all(Array.from({ length: added }, (_, n) => add(n)))
    const writers = { isCopying: true }
    const writing = (async () => {
      while (writers.isCopying) await add(added++)
    })()
    const copy = await store.backup.copy()
    writers.isCopying = false
    await writing
    expect(copy.counts).toMatchObject({ workspaces: 1, workloads: expect.any(Number) as number })
    const { workloads } = copy.counts
    expect(workloads).toBeGreaterThanOrEqual(2000)
    expect(workloads).toBeLessThanOrEqual(added)

    const content = await bytesOf(copy.content())
    expect([content.length, createHash("sha256").update(content).digest("hex")]).toEqual([
      copy.bytes,
      copy.sha256,
    ])
    const file = join(dir.path, "checked.db")
    await writeFile(file, content)
    const db = new DatabaseSync(file)
    expect(Object.values(db.prepare("pragma integrity_check").get() ?? {})).toEqual(["ok"])
    expect(db.prepare("select count(*) as n from workload").get()).toEqual({ n: workloads })
    // the counter table is kept in the same transaction as the rows: it tells a torn copy
    expect(db.prepare("select sum(n) as n from workload_count").get()).toEqual({ n: workloads })
    db.close()
    await copy.dispose()
    expect(leftovers()).toEqual([])
  })

  it("can be read by the server's account alone, and has no write-ahead log", async () => {
    const copy = await store.backup.copy()
    expect(leftovers()).toEqual(["berth.db.backup"])
    expect(statSync(`${path}.backup`).mode & 0o777).toBe(0o600)
    await copy.dispose()
  })

  it("is made one at a time", async () => {
    const first = store.backup.copy()
    await expect(store.backup.copy()).rejects.toMatchObject(failure("conflict", "backup_running"))
    const made = await first
    await expect(store.backup.copy()).rejects.toMatchObject(failure("conflict", "backup_running"))
    await made.dispose()
    await (await store.backup.copy()).dispose()
  })

  it("is given up when the store closes, and nothing of it is left", async () => {
    const making = store.backup.copy()
    const outcome = making.then(
      () => "made",
      (error: { detail?: string }) => error.detail,
    )
    await store.close()
    expect(["made", "store_closed"]).toContain(await outcome)
    expect(leftovers()).toEqual([])
    await expect(store.backup.copy()).rejects.toMatchObject(failure("unavailable", "store_closed"))
  })

  it("fails with a sentence, leaves nothing, and can be tried again, when the database is none", async () => {
    const other = join(dir.path, "other.db")
    writeFileSync(other, "this is no database".repeat(1000))
    const backup = createSqliteBackup(other, systemClock)
    for (let tries = 0; tries < 2; tries++)
      await expect(backup.copy()).rejects.toMatchObject(failure("unavailable", "store_failed"))
    expect(existsSync(`${other}.backup`)).toBe(false)
    await backup.close()
  })

  it("goes when it was left by a server that was killed", async () => {
    const other = join(dir.path, "other.db")
    writeFileSync(`${other}.backup`, "half")
    await createSqliteBackup(other, systemClock).close()
    expect(leftovers()).toEqual([])
  })
})
