import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { sampleWorkload } from "../samples.ts"
import type { SqlRow } from "../session.ts"
import { statements } from "../statement.ts"
import { workloadPageQuery } from "../workload-list.ts"
import type { Connection } from "./connection.ts"
import { sqliteDialect } from "./dialect.ts"
import { type OpenStore, openStoreWith } from "./open-store.ts"
import { storeOptions, temporaryDirectory } from "./test-harness.ts"

const dir = temporaryDirectory()
let store: OpenStore
let writer: Connection

beforeAll(async () => {
  ;({ store, writer } = openStoreWith(storeOptions(join(dir.path, "berth.db"))))
  const rows = 20_000
  await Promise.all(
    Array.from({ length: rows / 500 }, (_, at) =>
      store.tx(async (tx) => {
        for (let n = at * 500; n < (at + 1) * 500; n++)
          await store.workloads.insert(
            tx,
            sampleWorkload(n, { workspaceId: `w${n % 5}`, phase: "Succeeded" }),
          )
      }),
    ),
  )
})
afterAll(async () => {
  await store.close()
  dir.remove()
})

function plan(sql: string): readonly string[] {
  const values = Array.from(sql.matchAll(/\?/g), () => null)
  return writer.all({ sql: `explain query plan ${sql}`, values }).map((row: SqlRow) => String(row["detail"]))
}

/** What a plan must say for the index that a statement names. */
const promises: Record<string, RegExp> = {
  primary: /^(SEARCH|SCAN CONSTANT|SCAN (event|audit)$).*|sqlite_autoindex/,
  scan: /^SCAN/,
}

describe("every statement", () => {
  for (const statement of statements) {
    const sql = statement.sqlFor(sqliteDialect)
    if (statement.servedBy === "write") continue
    it(`is served by ${statement.servedBy}: ${sql.slice(0, 70)}…`, () => {
      const [first = ""] = plan(sql)
      const promise = promises[statement.servedBy] ?? new RegExp(`INDEX ${statement.servedBy}\\b`)
      expect(first).toMatch(promise)
    })
  }

  it("that only inserts reads no table to do so", () => {
    const plans = statements
      .filter((one) => one.servedBy === "write")
      .map((one) => plan(one.sqlFor(sqliteDialect)).join())
    expect(plans.length).toBeGreaterThan(10)
    expect(plans.filter((text) => text.includes("SCAN"))).toEqual([])
  })
})

describe("a page of workloads", () => {
  const page = (filter: object, sort: "createdAtMs" | "id" = "createdAtMs") =>
    workloadPageQuery(
      sqliteDialect,
      { workspaceIds: null, ...filter },
      { sort, order: "desc", offset: 10_000, limit: 100 },
    )

  it("reads its keys in order from an index, and the wide rows by key", () => {
    const cases = [
      [{}, "workload_by_creation"],
      [{ kinds: ["PyTorchJob"] }, "workload_by_creation"],
      [{ workspaceIds: ["w1"] }, "workload_by_workspace"],
      [{ workspaceIds: ["w1", "w2"] }, "workload_by_creation"],
      [{ phases: ["Running"] }, "workload_by_phase"],
    ] as const
    for (const [filter, index] of cases) {
      const steps = plan(page(filter).sql)
      const text = steps.join("\n")
      expect(text).toMatch(new RegExp(`INDEX ${index}\\b`))
      expect(text, "the rows of the page by their key").toMatch(
        /SEARCH workload USING INDEX sqlite_autoindex_workload_1/,
      )
      const subquery = steps.slice(steps.findIndex((step) => step.includes("SUBQUERY")))
      expect(subquery.slice(0, 2).join(), "no sort of all rows").not.toMatch(/TEMP B-TREE/)
    }
  })
})
