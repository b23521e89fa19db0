import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type TestDatabase, testPostgres } from "../../../../../test/support/postgres.ts"
import type { WorkloadFilter, WorkloadSort } from "../../domain/workloads/index.ts"
import { eventsBackQuery } from "../journal.ts"
import type { BoundSql } from "../session.ts"
import { workloadPageQuery } from "../workload-list.ts"
import { type PgConnection, openConnection } from "./connection.ts"
import { postgresDialect } from "./dialect.ts"
import { openPostgresStore } from "./open-store.ts"
import { postgresOptions } from "./test-harness.ts"

const server = await testPostgres()

/** Enough that no plan is good by being small. */
const rows = 20_000
const fill = `
insert into workload ("key", id, uid, workspace_id, cluster_id, kind, display_name, description, user_id, user_name,
  as_server_owner, priority, phase, dispatch_count, failures, preemptions, node_losses, start_deadlines, created_at_ms,
  started_at_ms, ended_at_ms, hidden, version, max_retry, ttl_seconds, image, is_supervised, is_tolerate_all, conditions)
select 'wl_' || lpad(n::text, 26, '0'), 'train-' || n, 'uid-' || n, 'w' || n % 40, 'local', 'PyTorchJob', 'run ' || n,
  repeat('a description of some length ', 4) || n, 'usr_' || n % 50, 'user-' || n % 50, 0, n % 3,
  case when n % 1000 = 0 then 'Running' else 'Succeeded' end, 1, 0, 0, 0, 0, n * 1000, n * 1000 + 5, n * 1000 + 9, 0, 1,
  0, 60, 'image', 0, 0, '[]'
from generate_series(1, ${rows}) n;
insert into workload_spec (workload_key, entry_point, spec)
select "key", 'ZQ==', '{"resource":{"replica":1}}' from workload;
insert into event (type, subject_kind, subject_id, workspace_id, actor, at_ms, data)
select 'workload.created', 'workload', 'train-' || n, 'w' || n % 40, '{}', n, '{}' from generate_series(1, ${rows}) n;
analyze workload; analyze workload_spec; analyze event`

describe.skipIf(!server)("on PostgreSQL", () => {
  let database: TestDatabase
  let db: PgConnection
  beforeAll(async () => {
    if (!server) return
    database = await server.createDatabase()
    await (await openPostgresStore(postgresOptions(database.url))).close()
    db = await openConnection({
      url: database.url,
      name: "test",
      settings: { "berth.shard": 0, "berth.event_offset": 0 },
    })
    await db.script(fill)
  })
  afterAll(async () => {
    await db?.close()
    await database?.drop()
  })

  async function planOf({ sql, values }: BoundSql): Promise<string> {
    const found = await db.query({ sql: `explain (costs off) ${sql}`, values })
    return found.rows.map((row) => String(row["QUERY PLAN"])).join("\n")
  }

  const cases: readonly (readonly [Partial<WorkloadFilter>, WorkloadSort, string])[] = [
    [{}, "createdAtMs", "workload_by_creation"],
    [{ kinds: ["PyTorchJob"] }, "createdAtMs", "workload_by_creation"],
    [{ workspaceIds: ["w1"] }, "createdAtMs", "workload_by_workspace"],
    [{ workspaceIds: ["w1", "w2"] }, "createdAtMs", "workload_by_creation"],
    [{ userId: "usr_1" }, "createdAtMs", "workload_by_user"],
    [{ phases: ["Running"] }, "createdAtMs", "workload_by_phase"],
    [{}, "startedAtMs", "workload_by_start"],
    [{ workspaceIds: ["w1", "w2"] }, "startedAtMs", "workload_by_start"],
    [{}, "endedAtMs", "workload_by_end"],
    [{}, "id", "workload_by_id"],
  ]
  it.each(cases)("a page of workloads of %j by %s is read from %s", async (filter, sort, index) => {
    const page = { sort, order: "desc", offset: 100, limit: 20 } as const
    const plan = await planOf(workloadPageQuery(postgresDialect, { workspaceIds: null, ...filter }, page))
    expect(plan).toContain(index)
    expect(plan).not.toContain("Seq Scan on workload\n")
  })

  it("events going back are read from their index", async () => {
    const asked = { dialect: postgresDialect, horizon: 999_999_999 }
    expect(await planOf(eventsBackQuery(asked, null, { workspaces: null }, 50))).not.toMatch(/Sort|Seq Scan/)
  })
})
