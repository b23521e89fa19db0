import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { GpuRequestFilter } from "../../domain/gpu-requests/index.ts"
import type { RayScope } from "../../domain/ray/index.ts"
import type { ServiceId } from "../../domain/services/index.ts"
import type { WorkloadFilter, WorkloadSort } from "../../domain/workloads/index.ts"
import { gpuRequestPageQuery, heldBetweenQuery } from "../gpu-request-list.ts"
import { deleteOldRequests } from "../gpu-requests.ts"
import { eventsBackQuery } from "../journal.ts"
import { rayPageQuery } from "../ray-objects.ts"
import { deleteLostEvents, deleteOldPods } from "../ray-prune.ts"
import { sampleWorkload } from "../samples.ts"
import { entryPageQuery } from "../service-entries.ts"
import { queriesOf, serviceListCases } from "../service-list-cases.ts"
import { servicePageQuery } from "../service-list.ts"
import { planPage } from "../service-pages.ts"
import type { SqlRow } from "../session.ts"
import { statements } from "../statement.ts"
import { workloadPageQuery } from "../workload-list.ts"
import type { Connection } from "./connection.ts"
import { sqliteDialect } from "./dialect.ts"
import type { OpenStore } from "../open-store.ts"
import { openStoreWith } from "./open-store.ts"
import { storeOptions, temporaryDirectory } from "./test-harness.ts"

type WorkloadFilterPart = Partial<WorkloadFilter>

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
  // whoever deletes all looks at nothing
  scan: /^(SCAN|$)/,
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
  const long = "a look at all of the index, and a sort"
  const cases: readonly (readonly [WorkloadFilterPart, WorkloadSort, string, typeof long?])[] = [
    [{}, "createdAtMs", "workload_by_creation"],
    [{ kinds: ["PyTorchJob"] }, "createdAtMs", "workload_by_creation"],
    [{ clusterId: "local" }, "createdAtMs", "workload_by_creation"],
    [{ createdFromMs: 1, createdToMs: 2 }, "createdAtMs", "workload_by_creation"],
    [{ workspaceIds: ["w1"] }, "createdAtMs", "workload_by_workspace"],
    [{ workspaceIds: ["w1"], phases: ["Failed"] }, "createdAtMs", "workload_by_workspace"],
    [{ workspaceIds: ["w1", "w2"] }, "createdAtMs", "workload_by_creation"],
    [{ workspaceIds: ["w1", "w2"], userId: "usr_1" }, "createdAtMs", "workload_by_user"],
    [{ phases: ["Running"] }, "createdAtMs", "workload_by_phase"],
    [{ userId: "usr_1" }, "createdAtMs", "workload_by_user"],
    [{ userId: "usr_1", createdFromMs: 1 }, "createdAtMs", "workload_by_user"],
    [{ userName: "a" }, "createdAtMs", "workload_by_creation"],
    [{ workloadId: "a" }, "createdAtMs", "workload_by_creation"],
    [{ description: "%_'" }, "createdAtMs", "workload_by_user", long],
    [{ description: "a", workspaceIds: ["w1", "w2"] }, "createdAtMs", "workload_by_user", long],
    [{}, "startedAtMs", "workload_by_start"],
    [{ workspaceIds: ["w1"], phases: ["Failed"] }, "startedAtMs", "workload_by_start"],
    [{ workspaceIds: ["w1", "w2"] }, "startedAtMs", "workload_by_start"],
    [{}, "endedAtMs", "workload_by_end"],
    [{ workspaceIds: ["w1"], phases: ["Failed", "Stopped"] }, "endedAtMs", "workload_by_end"],
    [{}, "id", "workload_by_id"],
    [{}, "displayName", "workload_by_user", long],
    [{ workspaceIds: ["w1", "w2"] }, "displayName", "workload_by_user", long],
    [{}, "userName", "workload_by_user", long],
    [{}, "priority", "workload_by_user", long],
    [{}, "timeout", "workload_by_user", long],
    [{}, "image", "workload_by_user", long],
    [{}, "isSupervised", "workload_by_user", long],
  ]
  for (const [filter, sort, index, isLong] of cases)
    it(`of ${JSON.stringify(filter)} by ${sort} is read from ${index}${isLong ? `: ${long}` : ", in order"}`, () => {
      const page = { sort, order: "desc", offset: 10_000, limit: 100 } as const
      const { sql } = workloadPageQuery(sqliteDialect, { workspaceIds: null, ...filter }, page)
      const steps = plan(sql)
      expect(steps.join("\n"), "the rows of the page by their key").toMatch(
        /SEARCH workload USING INDEX sqlite_autoindex_workload_1/,
      )
      const from = steps.findIndex((step) => step.includes("SUBQUERY"))
      const [first = "", ...rest] = steps.slice(from + 1, -2)
      expect(first).toMatch(new RegExp(`INDEX ${index}\\b`))
      if (isLong) expect(first, "no row of what is only looked at").toMatch(/COVERING/)
      else expect(rest.join("\n"), "no sort of all rows").not.toMatch(/TEMP B-TREE FOR ORDER BY/)
    })

  it("by what no index has is read in the order of the rows", () => {
    const page = { sort: "dispatchCount", order: "asc", offset: 0, limit: 100 } as const
    const steps = plan(workloadPageQuery(sqliteDialect, { workspaceIds: null }, page).sql)
    expect(steps).toContain("SCAN workload")
  })
})

describe("a page of service records", () => {
  /** The first table that a plan looks into, of the query of keys where there is one. */
  const firstLook = (sql: string) => {
    const steps = plan(sql)
    return steps.slice(steps.findIndex((step) => step.includes("SUBQUERY")) + 1)[0] ?? ""
  }
  const named = (index: string) =>
    index === "primary" ? /sqlite_autoindex_service_record_1/ : new RegExp(`${index}\\b`)

  it.each(serviceListCases)("of $title is read from $pages", (one) => {
    const { count, pages } = queriesOf(sqliteDialect, one)
    if (count) {
      expect(firstLook(count.sql)).toMatch(
        named(one.counted === "service_count" ? "service_count" : String(one.counted)),
      )
      expect(firstLook(count.sql)).toMatch(/^SEARCH/)
    }
    expect(pages).toHaveLength(one.pages.length)
    for (const [at, { sql }] of pages.entries()) {
      const look = firstLook(sql)
      expect(look).toMatch(/^SEARCH/)
      expect(look).toMatch(named(one.pages[at] ?? ""))
      if (one.counted === "service_record_by_update") expect(look).toMatch(/COVERING/)
      const steps = plan(sql)
      expect(steps.join("\n"), "the rows of the page by their key").toMatch(
        /SEARCH service_record USING INDEX sqlite_autoindex_service_record_1/,
      )
    }
    // the page that is walked to sorts nothing but itself
    const isSorted = one.query.sort.column === "flavor" || one.counted === "service_record_by_update"
    const walked = plan(pages.at(-1)?.sql ?? "").filter((step) => step.includes("TEMP B-TREE FOR ORDER BY"))
    expect(walked).toHaveLength(isSorted ? 2 : 1)
  })

  it("by what no index has is looked for in the index that tells most, not in the rows", () => {
    for (const column of [
      "type",
      "flavor",
      "pipeline_name",
      "pipeline_step_name",
      "model_version_id",
    ] as const) {
      const one = { ...serviceListCases[0], query: { ...baseQuery, sort: { column, descending: false } } }
      expect(firstLook(pageOf(one.query))).toMatch(/COVERING INDEX service_record_by_workspace/)
    }
    for (const column of ["name", "type", "flavor", "pipeline_name", "pipeline_step_name", "user"] as const)
      for (const op of ["contains", "not_equals", "ends_with"] as const) {
        const conditions = [{ column, op, value: "a" }]
        expect(firstLook(pageOf({ ...baseQuery, conditions }))).toMatch(
          /COVERING INDEX service_record_by_workspace/,
        )
      }
  })
})

const [{ query: baseQuery }] = serviceListCases as unknown as readonly [(typeof serviceListCases)[number]]
const pageOf = (query: typeof baseQuery) =>
  planPage(sqliteDialect, query, servicePageQuery).queries.find(({ sql }) => sql.includes("service_record"))
    ?.sql ?? ""

describe("a page of GPU requests", () => {
  const inOrder: readonly (readonly [Partial<GpuRequestFilter>, string])[] = [
    [{}, "gpu_request_by_creation"],
    [{ automatic: true }, "gpu_request_by_creation"],
    [{ states: ["complete"] }, "gpu_request_by_creation"],
    [{ workspaces: ["a", "b"] }, "gpu_request_by_creation"],
    [{ workspaces: ["a"] }, "gpu_request_by_workspace_creation"],
    [{ workspaces: ["a"], states: ["complete", "queued"] }, "gpu_request_by_workspace_creation"],
  ]
  const afterwards = { createdAtMs: 1, id: "gpr_1" }
  const planOf = (filter: Partial<GpuRequestFilter>, after: typeof afterwards | null) =>
    plan(gpuRequestPageQuery(sqliteDialect, { workspaces: null, ...filter }, 100, after).sql)

  it.each(inOrder)("of %j is read from %s, in order, from where the last one ended", (filter, index) => {
    const first = planOf(filter, null)
    expect(first.join("\n")).toMatch(new RegExp(`INDEX ${index}\\b`))
    expect(first, "no sort").toHaveLength(1)
    const [next = "", ...rest] = planOf(filter, afterwards)
    expect(next).toMatch(new RegExp(`^SEARCH .* INDEX ${index} .*\\(created_at_ms,id\\)<`))
    expect(rest).toEqual([])
  })

  it.each<Partial<GpuRequestFilter>>([
    { states: ["queued"] },
    { workspaces: ["a"], states: ["queued", "provisioned"] },
    { workspaces: ["a", "b"], states: ["provisioned"] },
  ])("of %j is sorted out of those that live", (filter) => {
    for (const after of [null, afterwards])
      expect(planOf(filter, after)[0]).toMatch(/INDEX gpu_request_live\b/)
  })
})

describe("GPU requests that held nodes in a span", () => {
  it("are looked for among what has ended since and what lives, and only they are read", () => {
    for (const workspaces of [null, ["a"]]) {
      const steps = plan(heldBetweenQuery(sqliteDialect, { workspaces, fromMs: 1, toMs: 2 }, 100).sql)
      expect(steps[0]).toMatch(/^SEARCH gpu_request USING INDEX sqlite_autoindex/)
      const looks = steps.slice(1).filter((step) => /^(SEARCH|SCAN)/.test(step))
      expect(looks).toEqual([
        expect.stringMatching(/COVERING INDEX gpu_request_by_end \(ended_at_ms>\?\)/),
        expect.stringMatching(/INDEX gpu_request_live/),
      ])
    }
  })
})

describe("pruning GPU requests", () => {
  it("finds the longest ended in their index, in order", () => {
    const steps = plan(deleteOldRequests.sqlFor(sqliteDialect)).join("\n")
    expect(steps).toMatch(/COVERING INDEX gpu_request_by_end \(ended_at_ms<\?\)/)
    expect(steps).not.toMatch(/SCAN|TEMP B-TREE/)
  })
})

describe("a page of the register of services", () => {
  const all = { workspaceIds: null, name: null, state: null, limit: 100, before: null }
  const before = { createdAtUs: 5, id: "0190a5e0-0000-7000-8000-000000000001" as ServiceId }
  it.each([
    [{}, "service_record_by_age"],
    [{ before }, "service_record_by_age ((created_at_us,id)<(?,?))"],
    [{ workspaceIds: ["a"] }, "service_record_by_workspace (workspace_id=?"],
    [
      { workspaceIds: ["a"], before },
      "service_record_by_workspace (workspace_id=? AND (created_at_us,id)<(?,?))",
    ],
    [{ workspaceIds: ["a", "b"] }, "service_record_by_age"],
    [{ state: "error" as const }, "service_record_by_age"],
    [{ name: "web" }, "service_record_by_name"],
  ])("of %j is read from %s", (change, index) => {
    const steps = plan(entryPageQuery(sqliteDialect, { ...all, ...change }).sql)
    expect(steps.join("\n")).toContain(index)
    if (!("name" in change)) expect(steps.join("\n")).not.toContain("USE TEMP B-TREE")
  })
})

describe("a page of Ray clusters", () => {
  const scopes: readonly RayScope[] = [
    { workspaceIds: null },
    { workspaceIds: ["a", "b"] },
    { namespace: "n" },
  ]
  it.each(scopes)("of %j is read in order, from where the last one ended", (scope) => {
    for (const after of [null, { namespace: "n", name: "c" }]) {
      const steps = plan(rayPageQuery(sqliteDialect, "cluster", scope, { limit: 100, after }).sql)
      expect(steps, "no sort").toHaveLength(1)
      expect(steps[0]).toMatch(/^SEARCH ray_object USING INDEX ray_object_by_name \(kind=\?/)
      if (after) expect(steps[0]).toMatch(/name\)?>/)
    }
  })
})

describe("pruning Ray's rows", () => {
  it("finds what is longest over in its index, in order", () => {
    const pods = plan(deleteOldPods.sqlFor(sqliteDialect)).join("\n")
    expect(pods).toMatch(/INDEX ray_pod_by_end \(ended_at_ms<\?\)/)
    const events = plan(deleteLostEvents.sqlFor(sqliteDialect)).join("\n")
    expect(events).toMatch(/INDEX ray_event_by_age \(last_at_ms<\?\)/)
    expect(`${pods}${events}`).not.toMatch(/SCAN|TEMP B-TREE/)
  })
})

describe("events going back", () => {
  it.each([
    [{ workspaces: null }, /^SEARCH event USING INTEGER PRIMARY KEY \(rowid<\?\)$/],
    [{ workspaces: ["a"] }, /INDEX event_by_workspace \(workspace_id=\? AND seq<\?\)$/],
    [{ workspaces: ["a", "b"] }, /^SEARCH event USING INTEGER PRIMARY KEY/],
    [{ workspaces: ["a"], subject: { kind: "workload", id: "x" } }, /INDEX event_by_(subject|workspace)/],
  ] as const)("of %j are read in order", (filter, expected) => {
    const steps = plan(
      eventsBackQuery({ dialect: sqliteDialect, horizon: 1 }, { xid: 0, seq: 1_000_000 }, filter, 50).sql,
    )
    expect(steps[0]).toMatch(expected)
    expect(steps.join()).not.toMatch(/TEMP B-TREE/)
  })
})
