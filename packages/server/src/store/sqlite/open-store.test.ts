import { closeSync, openSync, readFileSync, statSync, truncateSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { openStore } from "../index.ts"
import { type Migration, migrations } from "../migrations/index.ts"
import { sampleWorkload, sampleWorkspace } from "../samples.ts"
import { openWriter } from "./connection.ts"
import { sqliteDialect } from "./dialect.ts"
import { migrate } from "./migrate.ts"
import { openStoreWith } from "./open-store.ts"
import { storeOptions, temporaryDirectory } from "./test-harness.ts"

let dir: ReturnType<typeof temporaryDirectory>
let path: string
beforeEach(() => {
  dir = temporaryDirectory()
  path = join(dir.path, "berth.db")
})
afterEach(() => dir.remove())

const conflict = (detail: string) =>
  expect.objectContaining({ name: "AppError", code: "conflict", detail }) as Error

async function makeDatabase() {
  const store = openStore(storeOptions(path))
  await store.tx((tx) => store.workspaces.insert(tx, sampleWorkspace("a")))
  for (let n = 0; n < 200; n++) await store.tx((tx) => store.workloads.insert(tx, sampleWorkload(n)))
  await store.close()
}

describe("opening", () => {
  it("makes a database that only this account can read, with every COMMIT on the disk", async () => {
    const { store, writer } = openStoreWith(storeOptions(path))
    await store.tx((tx) => store.workspaces.insert(tx, sampleWorkspace("a")))
    for (const file of [path, `${path}-wal`, `${path}-shm`]) expect(statSync(file).mode & 0o777).toBe(0o600)
    const pragma = (name: string) => Object.values(writer.get({ sql: `pragma ${name}`, values: [] }) ?? {})
    expect(pragma("journal_mode")).toEqual(["wal"])
    expect(pragma("synchronous")).toEqual([2])
    expect(pragma("foreign_keys")).toEqual([1])
    await store.close()
  })

  it("opens an empty file as a new database", async () => {
    writeFileSync(path, "")
    const store = openStore(storeOptions(path))
    expect(await store.workspaces.workspaces(store.committed)).toEqual([])
    await store.close()
  })

  it("refuses a database of a later release, and changes nothing in it", async () => {
    await makeDatabase()
    const db = new DatabaseSync(path)
    db.exec("insert into schema_version (version, name, applied_at_ms) values (999, 'later', 1)")
    db.close()
    expect(() => openStore(storeOptions(path))).toThrow(conflict("newer_database"))
    expect(() => openStore(storeOptions(path))).toThrow(/schema version 999.*versions up to/u)
    const after = new DatabaseSync(path)
    expect(after.prepare("select count(*) as n from workload").get()).toEqual({ n: 200 })
    after.close()
  })

  it("refuses a file that is no database and leaves it as it is", () => {
    const text = "not a database at all\n".repeat(500)
    writeFileSync(path, text)
    expect(() => openStore(storeOptions(path))).toThrow(conflict("corrupt_database"))
    expect(readFileSync(path, "utf8")).toBe(text)
  })

  it("refuses somebody else's database", () => {
    const db = new DatabaseSync(path)
    db.exec("create table recipes (name text)")
    db.close()
    expect(() => openStore(storeOptions(path))).toThrow(conflict("corrupt_database"))
  })

  it("refuses a database whose first page was overwritten, and one that was cut off", async () => {
    await makeDatabase()
    const whole = readFileSync(path)
    const file = openSync(path, "r+")
    writeSync(file, Buffer.alloc(4000, 0xa5), 0, 4000, 96)
    closeSync(file)
    expect(() => openStore(storeOptions(path))).toThrow(conflict("corrupt_database"))
    writeFileSync(path, whole)
    truncateSync(path, 2048)
    expect(() => openStore(storeOptions(path))).toThrow(conflict("corrupt_database"))
  })

  it("says that a database in a missing directory cannot be opened", () => {
    expect(() => openStore(storeOptions(join(dir.path, "none", "berth.db")))).toThrow(
      expect.objectContaining({ name: "AppError" }),
    )
  })
})

describe("migrations", () => {
  const next: Migration = {
    version: migrations.length + 1,
    name: "next",
    statements: ({ text, tableEnd }) => [`create table extra (name ${text} not null)${tableEnd}`],
  }
  const broken: Migration = {
    version: migrations.length + 1,
    name: "broken",
    statements: ({ text, tableEnd }) => [
      `create table extra (name ${text} not null)${tableEnd}`,
      `create table extra (name ${text} not null)${tableEnd}`,
    ],
  }

  it("are numbered from 1 without a gap", () => {
    expect(migrations.map((migration) => migration.version)).toEqual(migrations.map((_, at) => at + 1))
  })

  it("add up to the committed schema", async () => {
    await makeDatabase()
    const db = new DatabaseSync(path)
    const rows = db
      .prepare(
        "select sql from sqlite_schema where sql is not null and name not like 'sqlite_%' order by name",
      )
      .all()
    db.close()
    const dump = rows.map((row) => `${String(row["sql"])};\n`).join("\n")
    // Made anew by `vitest run -u`: the diff shows what a migration does.
    await expect(dump).toMatchFileSnapshot("../schema.sql")
  })

  it("are applied once, in order, on top of what is there", async () => {
    await makeDatabase()
    const writer = openWriter(path)
    migrate(writer, path, 77, [...migrations, next])
    migrate(writer, path, 88, [...migrations, next])
    const versions = writer.all({
      sql: "select version, name, applied_at_ms from schema_version order by version",
      values: [],
    })
    expect(versions.at(-1)).toEqual({ version: next.version, name: "next", applied_at_ms: 77 })
    expect(versions).toHaveLength(next.version)
    expect(writer.get({ sql: "select count(*) as n from workload", values: [] })).toEqual({ n: 200 })
    writer.close()
  })

  it("leave the database as it was when a step fails half-way", async () => {
    await makeDatabase()
    const writer = openWriter(path)
    expect(() => migrate(writer, path, 1, [...migrations, broken])).toThrow("went wrong")
    expect(writer.isTransaction).toBe(false)
    writer.close()
    const store = openStore(storeOptions(path))
    expect(await store.workspaces.byId(store.committed, "a")).toBeDefined()
    await store.close()
  })

  it("make strict tables only", () => {
    const statements = migrations.flatMap((migration) => migration.statements(sqliteDialect.ddl))
    for (const sql of statements.filter((one) => one.startsWith("create table")))
      expect(sql).toMatch(/\) strict$/)
  })
})
