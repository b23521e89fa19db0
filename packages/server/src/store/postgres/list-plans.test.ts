import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type TestDatabase, testPostgres } from "../../../../../test/support/postgres.ts"
import type { GpuRequestFilter } from "../../domain/gpu-requests/index.ts"
import type { RayScope } from "../../domain/ray/index.ts"
import type { ServiceCondition } from "../../domain/services/index.ts"
import type { WorkloadFilter, WorkloadSort } from "../../domain/workloads/index.ts"
import { gpuRequestPageQuery, heldBetweenQuery } from "../gpu-request-list.ts"
import { eventsBackQuery } from "../journal.ts"
import { rayPageQuery } from "../ray-objects.ts"
import type { BoundSql } from "../session.ts"
import { queriesOf, serviceListCases } from "../service-list-cases.ts"
import { workloadPageQuery } from "../workload-list.ts"
import { type PgConnection, openConnection } from "./connection.ts"
import { postgresDialect } from "./dialect.ts"
import { openPostgresStore } from "./open-store.ts"
import { postgresOptions } from "./test-harness.ts"

const server = await testPostgres()
const isSharp = ({ column, op }: ServiceCondition) =>
  ["name", "id", "pipeline_name", "model_version_id", "pipeline_run_id"].includes(column) && op === "equals"

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
insert into gpu_request (id, shown_id, workspace_id, user_id, name, wish, priority, duration_ms, requeue_on_failure,
  enable_eviction, multi_node, state, created_at_ms, started_at_ms, ended_at_ms, nodes, held_before_ms, retries,
  failure_reason, idle_ms, version)
select 'gpr_' || lpad(n::text, 26, '0'), 'gpr-' || n, 'w' || n % 400, 'usr_1', 'request ' || n,
  repeat('{"clusters":["local"]} ', 10), 100, 1000, 0, 0, 0, case when n % 1000 = 0 then 'queued' else 'complete' end,
  n * 1000, case when n % 1000 = 0 then null else n * 1000 + 5 end, case when n % 1000 = 0 then null else n * 1000 + 9 end,
  '[]', 0, 0, '', 0, 1
from generate_series(1, ${rows}) n;
insert into ray_object ("key", kind, namespace, name, workspace_id, is_listed, is_live, ended_at_ms, body, version)
select 'rcl_' || lpad(n::text, 26, '0'), case when n % 3 = 0 then 'job' else 'cluster' end, 'ns-' || n % 40,
  'name-' || n, 'w' || n % 40, case when n % 2 = 0 then 1 else 0 end, case when n % 2 = 0 then 1 else 0 end,
  case when n % 2 = 0 then null else n end, repeat('{"a":"b"} ', 100), 1
from generate_series(1, ${rows}) n;
insert into ray_event (id, object_key, type, reason, message, count, first_at_ms, last_at_ms)
select 'e.' || n, 'rcl_' || lpad((n % 2000)::text, 26, '0'), 'Normal', 'Created', 'made ' || n, 1, n, n
from generate_series(1, ${rows}) n;
insert into service_record (id, workspace_id, user_id, name, type, flavor, pipeline_name, pipeline_step_name, state,
  model_version_id, pipeline_run_id, created_at_us, updated_at_us, version, body, config_hash, details, config)
select md5(n::text), 'w' || n % 4, 'usr_' || n % 50, 'service ' || n, 'model-serving', 'flavor-' || n % 5,
  'pipeline-' || n % 500, 'step', 'active', case when n % 10 = 0 then md5((n % 1000)::text) end,
  case when n % 10 = 1 then md5((n % 1000)::text) end, n * 1000, n * 1000 + (n * 7919) % 1000000, 1,
  repeat('{"a":"b"} ', 20), md5('c' || n), repeat('{"a":"b"} ', 20), repeat('{"a":"b"} ', 60)
from generate_series(1, ${2 * rows}) n;
insert into service_count (workspace_id, user_id, sort, type, flavor, n)
select workspace_id, user_id, flavor, type, flavor, count(*) from service_record group by 1, 2, 3, 4, 5;
analyze service_record; analyze service_count;
analyze workload; analyze workload_spec; analyze event; analyze gpu_request; analyze ray_object; analyze ray_event`

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

  // Its planner knows how many there are of each: only where that leaves no doubt an index is to be there.
  const sharp = serviceListCases.filter(({ query: { conditions, sort } }) =>
    conditions.length === 0 ? sort.column !== "flavor" : conditions.some(isSharp),
  )
  it.each(sharp)("a page of service records, $title, is read from an index", async (one) => {
    const { count, pages } = queriesOf(postgresDialect, { ...one, query: { ...one.query, offset: 100 } })
    const [first] = pages
    if (!first) throw new Error("There is no page.")
    const plan = await planOf(first)
    expect(plan).not.toContain("Seq Scan on service_record")
    if (count && one.counted !== "service_count")
      expect(await planOf(count)).not.toContain("Seq Scan on service_record")
    if (one.query.conditions.length > 0) return
    // of a workspace that has many of all records, the index of all of them is as good
    expect(plan).toMatch(new RegExp(`${one.pages[0]}|service_record_by_age`))
    expect(plan.match(/^ *(->)? *Sort$/gm), "of the page alone").toHaveLength(1)
  })

  const requests: readonly (readonly [Partial<GpuRequestFilter>, string])[] = [
    [{}, "gpu_request_by_creation"],
    [{ workspaces: ["w1"] }, "gpu_request_by_workspace_creation"],
    [{ workspaces: ["w1"], states: ["queued", "provisioned"] }, "gpu_request_live"],
    [{ states: ["queued"] }, "gpu_request_live"],
  ]
  it.each(requests)("a page of GPU requests of %j is read from %s", async (filter, index) => {
    for (const after of [null, { createdAtMs: 10_000_000, id: "gpr_1" }]) {
      const page = gpuRequestPageQuery(postgresDialect, { workspaces: null, ...filter }, 20, after)
      expect(await planOf(page)).toMatch(new RegExp(`${index}\\b`))
    }
  })

  it("GPU requests that held nodes of late are found by their end, or among what lives", async () => {
    const span = { workspaces: null, fromMs: (rows - 100) * 1000, toMs: rows * 1000 }
    const plan = await planOf(heldBetweenQuery(postgresDialect, span, 100))
    expect(plan).toContain("gpu_request_by_end")
    expect(plan).toContain("gpu_request_live")
    expect(plan).not.toContain("Seq Scan")
  })

  const scopes: readonly RayScope[] = [
    { workspaceIds: null },
    { workspaceIds: ["w1", "w2"] },
    { namespace: "ns-2" },
  ]
  it.each(scopes)("a page of Ray clusters of %j is read by name, in order", async (scope) => {
    for (const after of [null, { namespace: "ns-2", name: "name-3" }]) {
      const plan = await planOf(rayPageQuery(postgresDialect, "cluster", scope, { limit: 20, after }))
      expect(plan).toMatch(/ray_object_by_name\b/)
      expect(plan).not.toMatch(/Sort|Seq Scan/)
    }
  })

  it("events going back are read from their index", async () => {
    const asked = { dialect: postgresDialect, horizon: 999_999_999 }
    expect(await planOf(eventsBackQuery(asked, null, { workspaces: null }, 50))).not.toMatch(/Sort|Seq Scan/)
  })
})
