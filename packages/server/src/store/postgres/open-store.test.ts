import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type TestDatabase, testPostgres } from "../../../../../test/support/postgres.ts"
import { systemClock } from "../../kit/clock.ts"
import { type Migration, migrations } from "../migrations/index.ts"
import { sampleWorkspace } from "../samples.ts"
import { statements } from "../statement.ts"
import { failure } from "../suite/harness.ts"
import { openConnection } from "./connection.ts"
import { postgresDialect } from "./dialect.ts"
import { migrate } from "./migrate.ts"
import { openPostgresStore } from "./open-store.ts"
import { postgresOptions } from "./test-harness.ts"

const server = await testPostgres()

describe.skipIf(!server)("a PostgreSQL database", () => {
  let database: TestDatabase
  beforeEach(async () => {
    if (server) database = await server.createDatabase()
  })
  afterEach(() => database.drop())

  const open = () => openPostgresStore(postgresOptions(database.url))
  async function made() {
    const store = await open()
    await store.tx((tx) => store.workspaces.insert(tx, sampleWorkspace("a")))
    await store.close()
  }
  const connect = () =>
    openConnection({
      url: database.url,
      name: "test",
      settings: { "berth.shard": 0, "berth.event_offset": 0 },
    })

  it("of a later release is refused, and nothing in it is changed", async () => {
    await made()
    await database.run("insert into schema_version (version, name, applied_at_ms) values (999, 'later', 1)")
    await expect(open()).rejects.toMatchObject(failure("conflict", "newer_database"))
    await expect(open()).rejects.toThrow(/schema version 999.*versions up to/u)
    expect(await database.run("select id from workspace")).toEqual([{ id: "a" }])
  })

  it("of somebody else is refused and left as it is", async () => {
    await database.run("create table recipes (name text)")
    await expect(open()).rejects.toMatchObject(failure("conflict", "corrupt_database"))
    expect(await database.run("select tablename from pg_tables where schemaname = 'public'")).toEqual([
      { tablename: "recipes" },
    ])
  })

  it("that cannot be reached is said in a sentence with its place, and never with the password", async () => {
    const url = new URL(database.url)
    const cases: readonly (readonly [(url: URL) => void, RegExp])[] = [
      [(wrong) => void (wrong.port = "1"), /127\.0\.0\.1:1/],
      [(wrong) => void (wrong.password = "wr0ng-secret"), /password authentication failed/],
      [(wrong) => void (wrong.pathname = "/missing"), /database "missing" does not exist/],
    ]
    for (const [change, sentence] of cases) {
      const wrong = new URL(url)
      change(wrong)
      const error = await openPostgresStore(postgresOptions(wrong.href)).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject(failure("unavailable", "database_unreachable"))
      expect(String(error)).toMatch(sentence)
      expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain(wrong.password)
    }
  })

  it("gives its lock back when it is refused", async () => {
    await made()
    await database.run("insert into schema_version (version, name, applied_at_ms) values (999, 'later', 1)")
    await expect(open()).rejects.toThrow("schema version 999")
    await database.run("delete from schema_version where version = 999")
    const store = await open()
    expect((await store.workspaces.workspaces(store.committed)).length).toBe(1)
    await store.close()
  })

  it("refuses a number beyond what is exact, rather than round it", async () => {
    await made()
    await database.run("update workspace set created_at_ms = 9007199254740993")
    const store = await open()
    await expect(store.workspaces.workspaces(store.committed)).rejects.toMatchObject(failure("internal"))
    await store.close()
  })

  describe("migrations", () => {
    const next: Migration = {
      version: migrations.length + 1,
      name: "next",
      statements: ({ text }) => [`create table extra (name ${text} not null)`],
    }
    const broken: Migration = {
      ...next,
      name: "broken",
      statements: (ddl) => [...next.statements(ddl), ...next.statements(ddl)],
    }

    it("are applied once, in order, on top of what is there", async () => {
      await made()
      const db = await connect()
      await migrate(db, 77, [...migrations, next])
      await migrate(db, 88, [...migrations, next])
      await db.close()
      const rows = await database.run(
        "select version::int, applied_at_ms::text from schema_version order by 1",
      )
      expect(rows.at(-1)).toEqual({ version: next.version, applied_at_ms: "77" })
      expect(rows).toHaveLength(next.version)
    })

    it("leave the database as it was when a step fails half-way", async () => {
      await made()
      const db = await connect()
      await expect(migrate(db, 1, [...migrations, broken])).rejects.toThrow("went wrong")
      await db.close()
      const store = await open()
      expect((await store.workspaces.workspaces(store.committed)).length).toBe(1)
      await store.close()
    })
  })

  it("serves every statement, and those that name an index by that index", async () => {
    await made()
    const db = await connect()
    await db.script("set enable_seqscan = off; set plan_cache_mode = force_generic_plan")
    const others: string[] = []
    for (const [at, statement] of statements.entries()) {
      const sql = statement.sqlFor(postgresDialect)
      const count = new Set(sql.match(/\$\d+/g)).size
      const nulls = Array.from({ length: count }, () => "null").join(", ")
      await db.script(`prepare s${at} as ${sql}`)
      const { rows } = await db.script(`explain (costs off) execute s${at}${count > 0 ? `(${nulls})` : ""}`)
      const plan = rows.map((row) => String(row["QUERY PLAN"])).join("\n")
      if (["primary", "scan", "write"].includes(statement.servedBy)) continue
      if (!plan.includes(statement.servedBy)) others.push(`${statement.servedBy}: ${sql}\n${plan}`)
    }
    await db.close()
    expect(statements.length).toBeGreaterThan(50)
    expect(others).toEqual([])
  })

  it("is asked with real time only: the clock of the server is handed in", async () => {
    const store = await openPostgresStore(
      postgresOptions(database.url, { clock: { ...systemClock, nowMs: () => 4711 } }),
    )
    const rows = await database.run("select distinct applied_at_ms::int as at from schema_version")
    expect(rows).toEqual([{ at: 4711 }])
    await store.close()
  })
})
