import { createHash } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { tarEnd, tarHead, tarPadding } from "../kit/tar.ts"
import { readArchive } from "./archive.ts"

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-archive-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

type Member = readonly [name: string, content: Buffer]

const database = Buffer.from("rows and rows")

function manifestOf(content: Buffer, change: object = {}): Member {
  const sha256 = createHash("sha256").update(content).digest("hex")
  const manifest = {
    format: "berth-backup",
    formatVersion: 1,
    serverVersion: "0.1.0",
    schemaVersion: 1,
    madeAt: "2030-01-01T00:00:00.000Z",
    database: { bytes: content.length, sha256 },
    counts: { workspaces: 1, users: 1, workloads: 0, events: 0 },
    ...change,
  }
  return ["manifest.json", Buffer.from(JSON.stringify(manifest))]
}

function archive(...members: readonly Member[]): string {
  const parts = members.flatMap(([name, content]) => [
    tarHead({ name, bytes: content.length, modifiedAtMs: 0 }),
    content,
    tarPadding(content.length),
  ])
  const file = join(folder, "backup.tar.gz")
  writeFileSync(file, gzipSync(Buffer.concat([...parts, tarEnd])))
  return file
}

describe("an archive that somebody else may have made", () => {
  it("is read for what a backup has, whatever else is in it", async () => {
    const odd = ["../../etc/passwd", "/etc/passwd", "__proto__", "owner.key/x"].map((name): Member => [
      name,
      Buffer.from("x"),
    ])
    const key: Member = ["owner.key", Buffer.from("berth_key")]
    const read = await readArchive(archive(manifestOf(database), ...odd, key, ["berth.db", database]))
    expect(Object.entries(read.smallFiles)).toEqual([key])
  })

  it("fills no disk with a database larger than it says", async () => {
    const large = Buffer.alloc(1024 * 1024)
    let taken = 0
    const file = archive(manifestOf(database), ["berth.db", large])
    const reading = readArchive(file, { database: (piece) => void (taken += piece.length) })
    await expect(reading).rejects.toMatchObject({ detail: "backup_damaged" })
    expect(taken).toBeLessThanOrEqual(database.length)
  })

  it("has one database and one of each file", async () => {
    const twice = archive(manifestOf(database), ["berth.db", database], ["berth.db", database])
    await expect(readArchive(twice)).rejects.toMatchObject({ detail: "backup_damaged" })
    const again = archive(manifestOf(database), ["berth.db", database], manifestOf(Buffer.from("other")))
    expect((await readArchive(again)).manifest.database.bytes).toBe(database.length)
  })

  it("holds no memory with files that are not looked at, however large", async () => {
    const large: Member = ["notes.txt", Buffer.alloc(8 * 1024 * 1024)]
    const read = await readArchive(archive(manifestOf(database), large, ["berth.db", database]))
    expect(read.smallFiles).toEqual({})
    const key: Member = ["owner.key", Buffer.alloc(8 * 1024 * 1024)]
    await expect(readArchive(archive(manifestOf(database), key))).rejects.toMatchObject({
      detail: "not_a_backup",
    })
  })

  it.each([
    ["no counts", { counts: undefined }],
    ["counts that are none", { counts: { workspaces: "many" } }],
    ["a negative size", { database: { bytes: -1, sha256: "0".repeat(64) } }],
    ["no release", { serverVersion: 7 }],
  ])("is refused for a manifest with %s", async (_what, change) => {
    const file = archive(manifestOf(database, change), ["berth.db", database])
    await expect(readArchive(file)).rejects.toMatchObject({ code: "invalid", detail: "not_a_backup" })
  })
})
