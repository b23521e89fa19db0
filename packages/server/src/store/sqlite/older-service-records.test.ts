import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import type { ServiceId } from "../../domain/services/index.ts"
import { migrations } from "../migrations/index.ts"
import { openWriter } from "./connection.ts"
import { migrate } from "./migrate.ts"
import { openStore } from "./open-store.ts"
import { storeOptions, temporaryDirectory } from "./test-harness.ts"

let dir: ReturnType<typeof temporaryDirectory>
beforeEach(() => {
  dir = temporaryDirectory()
})
afterEach(() => dir.remove())

const columns = `id, workspace_id, user_id, name, type, flavor, created_at_us, updated_at_us, config_hash, config, body, version`
const body = {
  type: { type: "t", flavor: "f", name: "", description: "", logoUrl: "" },
  source: "a.B",
  adminState: "active",
  labels: { a: "b" },
  status: '{"state": "active"}',
  endpoint: null,
  predictionUrl: "http://x",
  healthCheckUrl: null,
}

it("records that were written before lists had rows of their own come back whole, are counted, and change", async () => {
  const path = join(dir.path, "berth.db")
  const older = openWriter(path)
  migrate(
    older,
    path,
    1,
    migrations.filter(({ version }) => version < 16),
  )
  for (const n of [1, 2])
    older.run({
      sql: `insert into service_record (${columns}) values (?, 'a', ?, ?, 't', 'f', ?, ?, ?, ?, ?, 1)`,
      values: [
        `${n}`.repeat(32),
        n === 1 ? "usr_1" : null,
        `n${n}`,
        n,
        n,
        `h${n}`,
        "{}",
        JSON.stringify(body),
      ],
    })
  older.close()
  const store = openStore(storeOptions(path))
  const { records } = store.services
  const read = await records.byId(store.committed, "11111111-1111-1111-1111-111111111111" as ServiceId)
  expect(read).toMatchObject({
    name: "n1",
    userId: "usr_1",
    ...body,
    labels: '{"a":"b"}',
    config: "{}",
    joined: null,
  })
  const all = {
    workspaceId: "a",
    scopeUserId: null,
    match: "all",
    conditions: [],
    sort: { column: "created", descending: false },
    offset: 0,
    limit: 10,
    isDetailed: true,
  } as const
  const listed = await records.list(store.committed, all)
  expect(listed.total).toBe(2)
  expect({ ...listed.first[0]?.summary, ...listed.first[0]?.details }).toEqual(read)
  if (!read) throw new Error("It is not there.")
  await store.tx((tx) => records.update(tx, { ...read, adminState: null }))
  expect(await records.byId(store.committed, read.id)).toEqual({ ...read, adminState: null, version: 2 })
  await store.tx((tx) => records.delete(tx, read.id))
  expect((await records.list(store.committed, { ...all, limit: 1 })).total).toBe(1)
  await store.close()
})
