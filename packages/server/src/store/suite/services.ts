import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { UserId } from "../../domain/identity/index.ts"
import type { Tx } from "../../domain/journal/index.ts"
import {
  type JsonText,
  serviceRecordChanged,
  type ServiceCondition,
  type ServiceRecord,
  type ServiceStore,
} from "../../domain/services/index.ts"
import { sampleModelVersion, sampleRecord, sampleRun, uuidOf } from "../service-samples.ts"
import { failure, type OpenHarness, outcomes, type StoreHarness } from "./harness.ts"

type Query = Parameters<ServiceStore["records"]["list"]>[1]
const everything: Query = {
  workspaceId: "a",
  scopeUserId: null,
  match: "all",
  conditions: [],
  sort: { column: "created", descending: false },
  offset: 0,
  limit: 100,
  isDetailed: true,
}

/** Records of model servers: what goes in comes out, one config once, each condition of a list. */
export function serviceCases(open: OpenHarness): void {
  let harness: StoreHarness
  let services: ServiceStore
  beforeEach(async () => {
    harness = await open()
    services = harness.store.services
  })
  afterEach(() => harness.dispose())
  const write = <T>(closure: (tx: Tx) => Promise<T>) => harness.store.tx(closure)
  const read = () => harness.store.committed
  const insert = (...records: readonly ServiceRecord[]) =>
    write(async (tx) => {
      for (const one of records) await services.records.insert(tx, one)
    })
  /** All of a page, however long it is, and how many there are. */
  async function page(change: Partial<Query>) {
    const { total, first, rest } = await services.records.list(read(), { ...everything, ...change })
    const items = [...first]
    for (let part = await rest?.next(); part; part = await rest?.next()) items.push(...part)
    return { total, items }
  }
  async function names(change: Partial<Query>): Promise<readonly string[]> {
    const { total, items } = await page(change)
    if (change.offset === undefined && change.limit === undefined) expect(total).toBe(items.length)
    return items.map(({ summary }) => summary.name)
  }

  describe("records", () => {
    const whole = sampleRecord(1, {
      name: "Churn",
      type: { type: "t", flavor: "f", name: "n", description: "d", logoUrl: "l" },
      source: "a.b.C",
      adminState: "active",
      config: '{"2": 1.0, "1": "\\u00e9"}' as JsonText,
      pipelineName: "p",
      pipelineStepName: "s",
      labels: '{"10": "ten", "9": "nine"}' as JsonText,
      status: '{"state": "error"}' as JsonText,
      endpoint: '{"port": 1}' as JsonText,
      state: "error",
      predictionUrl: "http://x",
      healthCheckUrl: "",
      modelVersionId: sampleModelVersion(7).id,
      pipelineRunId: sampleRun(8).id,
    })

    it("come back whole, change from the version that was seen, and go", async () => {
      const told: string[] = []
      harness.store.subscribe(serviceRecordChanged, ({ record, gone }) => {
        told.push(`${record.name} ${record.version}${gone ? " gone" : ""}`)
      })
      await insert(whole)
      expect(await services.records.byId(read(), whole.id)).toEqual(whole)
      const [listed] = (await page({})).items
      expect({ ...listed?.summary, ...listed?.details }).toEqual(whole)
      const [short] = (await page({ isDetailed: false })).items
      expect(short).toEqual({ summary: listed?.summary, details: null })
      const changed: ServiceRecord = {
        ...whole,
        name: "other",
        state: null,
        status: null,
        updatedAtUs: 9,
      }
      await write((tx) => services.records.update(tx, changed))
      expect(await services.records.byId(read(), whole.id)).toEqual({ ...changed, version: 2 })
      const late = write((tx) => services.records.update(tx, whole))
      await expect(late).rejects.toMatchObject(failure("stale"))
      await write((tx) => services.records.delete(tx, whole.id))
      expect(await services.records.byId(read(), whole.id)).toBeUndefined()
      expect(told).toEqual(["Churn 1", "other 2", "other 2 gone"])
    })

    it("have a config that no other on the server has, also of several made at once", async () => {
      const same = [1, 2, 3].map((number) => sampleRecord(number, { config: "{}" as JsonText }))
      expect((await outcomes(same.map((one) => insert(one)))).toSorted()).toEqual(["config", "config", "ok"])
      const { items } = await page({})
      expect(await services.records.bySameConfig(read(), "{}" as JsonText)).toBe(items[0]?.summary.id)
      expect(await services.records.bySameConfig(read(), "{ }" as JsonText)).toBeUndefined()
      await insert(
        sampleRecord(4, { config: '{"a": 1}' as JsonText }),
        sampleRecord(5, { config: '{"a": 1.0}' as JsonText }),
      )
      expect(await names({})).toHaveLength(3)
    })
  })

  describe("lists", () => {
    const ann = "usr_A" as UserId
    const rows = [
      sampleRecord(1, {
        name: "Iris_1",
        pipelineName: "7",
        type: typed("model-serving", "mlflow"),
        userId: ann,
      }),
      sampleRecord(2, { name: "iris-2", pipelineName: "train", userId: null }),
      sampleRecord(3, { name: "100%", pipelineStepName: "Deploy", modelVersionId: sampleModelVersion(7).id }),
      sampleRecord(4, { name: "", pipelineName: "12.5x", pipelineRunId: sampleRun(8).id, state: "active" }),
    ]
    function typed(type: string, flavor: string): ServiceRecord["type"] {
      return { type, flavor, name: "", description: "", logoUrl: "" }
    }
    const elsewhere = sampleRecord(5, { name: "Iris-b", pipelineName: "7", workspaceId: "b" })
    beforeEach(() => insert(...rows, elsewhere))

    const at = (number: number) => sampleRecord(number).createdAtUs
    const cases: readonly (readonly [ServiceCondition, readonly string[]])[] = [
      [{ column: "name", op: "equals", value: "IRIS-2" }, ["iris-2"]],
      [{ column: "name", op: "equals", value: "" }, [""]],
      [{ column: "name", op: "not_equals", value: "iris_1" }, ["iris-2", "100%", ""]],
      [{ column: "name", op: "contains", value: "RIS" }, ["Iris_1", "iris-2"]],
      [{ column: "name", op: "contains", value: "s_" }, ["Iris_1"]],
      [{ column: "name", op: "contains", value: "%" }, ["100%"]],
      [{ column: "name", op: "contains", value: "" }, ["Iris_1", "iris-2", "100%", ""]],
      [{ column: "name", op: "not_contains", value: "iris" }, ["100%", ""]],
      [{ column: "name", op: "starts_with", value: "IRIS" }, ["Iris_1", "iris-2"]],
      [{ column: "name", op: "starts_with", value: "_" }, []],
      [{ column: "name", op: "ends_with", value: "2" }, ["iris-2"]],
      [{ column: "name", op: "ends_with", value: "a longer text than any name" }, []],
      [{ column: "name", op: "one_of", values: ["IRIS_1", "100%"] }, ["Iris_1", "100%"]],
      [{ column: "name", op: "one_of", values: [] }, []],
      [{ column: "name", op: "not_one_of", values: [] }, ["Iris_1", "iris-2", "100%", ""]],
      [{ column: "name", op: "not_one_of", values: ["iris_1"] }, ["iris-2", "100%", ""]],
      [{ column: "name", op: "greater", number: 50 }, ["100%"]],
      [{ column: "id", op: "equals", value: uuidOf(2) }, ["iris-2"]],
      [{ column: "id", op: "starts_with", value: "0190A5E0-00" }, ["Iris_1", "iris-2", "100%", ""]],
      [{ column: "id", op: "ends_with", value: "00-000000000003" }, ["100%"]],
      [{ column: "id", op: "contains", value: "nope" }, []],
      [{ column: "model_version_id", op: "equals", value: uuidOf(7) }, ["100%"]],
      [{ column: "model_version_id", op: "not_equals", value: uuidOf(9) }, ["100%"]],
      [{ column: "pipeline_run_id", op: "is_not_null" }, [""]],
      [{ column: "pipeline_run_id", op: "is_null" }, ["Iris_1", "iris-2", "100%"]],
      [{ column: "pipeline_name", op: "one_of", values: ["train", null] }, ["iris-2", "100%"]],
      [{ column: "pipeline_name", op: "one_of", values: [null] }, ["100%"]],
      [{ column: "pipeline_name", op: "greater", number: 8 }, [""]],
      [{ column: "pipeline_name", op: "less", number: 8 }, ["Iris_1"]],
      [{ column: "pipeline_name", op: "equals", value: "TRAIN" }, []],
      [{ column: "pipeline_name", op: "contains", value: "TRAIN" }, ["iris-2"]],
      [{ column: "pipeline_step_name", op: "equals", value: "Deploy" }, ["100%"]],
      [{ column: "flavor", op: "equals", value: "mlflow" }, ["Iris_1"]],
      [{ column: "type", op: "starts_with", value: "model" }, ["Iris_1", "iris-2", "100%", ""]],
      [{ column: "user", op: "one_of", values: ["usr_A"] }, ["Iris_1"]],
      [{ column: "created", op: "greater", number: at(2) }, ["100%", ""]],
      [{ column: "created", op: "equals_at", number: at(2) }, ["iris-2"]],
      [{ column: "updated", op: "at_most", number: at(2) }, ["Iris_1", "iris-2"]],
      [{ column: "created", op: "between", from: at(2), to: at(3) }, ["iris-2", "100%"]],
    ]
    it.each(cases)("%j gives %j", async (condition, expected) => {
      expect(await names({ conditions: [condition] })).toEqual(expected)
    })

    it("combine conditions by and or or, within workspace and maker", async () => {
      const conditions: ServiceCondition[] = [
        { column: "name", op: "contains", value: "iris" },
        { column: "pipeline_name", op: "equals", value: "7" },
      ]
      expect(await names({ conditions })).toEqual(["Iris_1"])
      expect(await names({ conditions, match: "any" })).toEqual(["Iris_1", "iris-2"])
      expect(await names({ conditions, match: "any", workspaceId: "b" })).toEqual(["Iris-b"])
      expect(await names({ conditions: [], match: "any" })).toHaveLength(4)
      expect(await names({ workspaceId: "c" })).toEqual([])
      expect(await names({ scopeUserId: ann })).toEqual(["Iris_1"])
    })

    it("combine as many conditions as a request can bring", async () => {
      const many = Array.from({ length: 2500 }, (_, at): ServiceCondition => ({
        column: "name",
        op: "not_equals",
        value: `other-${at}`,
      }))
      const last: ServiceCondition = { column: "name", op: "equals", value: "iris-2" }
      expect(await names({ conditions: [...many, last] })).toEqual(["iris-2"])
      const none = many.map((one) => ({ ...one, op: "equals" }) as ServiceCondition)
      expect(await names({ conditions: [...none, last], match: "any" })).toEqual(["iris-2"])
    })

    it("are sorted by every column, ties by id the same way, and cut into pages", async () => {
      expect(await names({ sort: { column: "name", descending: false } })).toEqual([
        "",
        "100%",
        "Iris_1",
        "iris-2",
      ])
      await write((tx) => services.records.update(tx, { ...sampleRecord(2), name: "aris" }))
      expect(await names({ sort: { column: "name", descending: true } }), "by code points").toEqual([
        "aris",
        "Iris_1",
        "100%",
        "",
      ])
      await write((tx) => services.records.update(tx, { ...sampleRecord(2), ...rows[1], version: 2 }))
      expect(await names({ sort: { column: "flavor", descending: false } })).toEqual([
        "Iris_1",
        "iris-2",
        "100%",
        "",
      ])
      expect(await names({ sort: { column: "type", descending: true } })).toEqual([
        "",
        "100%",
        "iris-2",
        "Iris_1",
      ])
      expect(await names({ sort: { column: "pipeline_name", descending: false } })).toEqual([
        "100%",
        "",
        "Iris_1",
        "iris-2",
      ])
      expect(await names({ sort: { column: "pipeline_name", descending: true } })).toEqual([
        "iris-2",
        "Iris_1",
        "",
        "100%",
      ])
      expect(await names({ sort: { column: "id", descending: true }, limit: 2 })).toEqual(["", "100%"])
      const last = await page({ offset: 3, limit: 2 })
      expect([last.total, last.items.map(({ summary }) => summary.id)]).toEqual([4, [rows[3]?.id]])
      expect(await page({ offset: 4 })).toEqual({ total: 4, items: [] })
      for (const column of [
        "user",
        "updated",
        "model_version_id",
        "pipeline_run_id",
        "pipeline_step_name",
      ] as const) {
        const sort = { column, descending: true }
        expect(await names({ sort }), column).toHaveLength(4)
        // read at once, and as a page that may be long
        expect(await page({ sort, limit: 10_000 })).toEqual(await page({ sort }))
      }
    })
  })

  describe("many", () => {
    const count = 2_500
    const rows = Array.from({ length: count }, (_, n) =>
      sampleRecord(n + 1, { name: n % 5 === 0 ? `rare-${n}` : "Same", updatedAtUs: count - n }),
    )
    const idsOf = (some: readonly ServiceRecord[]) => some.map(({ id }) => id)
    const ids = async (change: Partial<Query>) => {
      const { total, items } = await page({ ...change, limit: change.limit ?? 10_000 })
      return { total, ids: items.map(({ summary }) => summary.id) }
    }

    it("are found in order, whether few of them are sorted or all are walked through", async () => {
      for (let from = 0; from < count; from += 500) await insert(...rows.slice(from, from + 500))
      const named = (start: string): ServiceCondition => ({ column: "name", op: "starts_with", value: start })
      const cases: readonly (readonly [string, boolean])[] = [
        ["same", true],
        ["rare", false],
      ]
      for (const [start, isMost] of cases) {
        const wanted = rows.filter(({ name }) => (name === "Same") === isMost)
        for (const column of ["created", "updated"] as const)
          for (const descending of [false, true]) {
            const isReversed = descending !== (column === "updated")
            const expected = idsOf(isReversed ? wanted.toReversed() : wanted)
            const asked = { conditions: [named(start)], sort: { column, descending } }
            expect(await ids(asked)).toEqual({ total: wanted.length, ids: expected })
            expect(await ids({ ...asked, offset: 300, limit: 50 })).toEqual({
              total: wanted.length,
              ids: expected.slice(300, 350),
            })
            expect(await ids({ ...asked, offset: 5_000 })).toEqual({ total: wanted.length, ids: [] })
          }
        const byName = { conditions: [named(start)], sort: { column: "name", descending: true } } as const
        const last = wanted.toSorted((a, b) =>
          a.name < b.name || (a.name === b.name && a.id < b.id) ? 1 : -1,
        )
        expect(await ids(byName)).toEqual({ total: wanted.length, ids: idsOf(last) })
      }
    })

    it("are found by when they changed, in whatever order", async () => {
      for (let from = 0; from < count; from += 500) await insert(...rows.slice(from, from + 500))
      const limit = 400
      const changed: ServiceCondition = { column: "updated", op: "at_most", number: limit }
      const made: ServiceCondition = {
        column: "created",
        op: "at_least",
        number: rows[2_200]?.createdAtUs ?? 0,
      }
      const late = idsOf(rows.slice(-limit))
      for (const conditions of [[changed], [changed, made]]) {
        const expected = conditions.length === 1 ? late : idsOf(rows.slice(2_200))
        const ascending = { column: "created", descending: false } as const
        expect(await ids({ conditions, sort: ascending })).toEqual({ total: expected.length, ids: expected })
        const latest = { column: "updated", descending: false } as const
        expect((await ids({ conditions, sort: latest })).ids).toEqual(expected.toReversed())
      }
    })

    it("are counted as they come and go, of each type and flavor, however long those are", async () => {
      const long = "x".repeat(5_000)
      const type = (name: string, flavor: string) => ({ ...rowType, type: name, flavor })
      const some = [
        sampleRecord(1, { type: type("ab", "c") }),
        sampleRecord(2, { type: type("a", "bc") }),
        sampleRecord(3, { type: type("a", "bc"), userId: null }),
        sampleRecord(4, { type: type(long, "c") }),
        sampleRecord(5, { type: type(`${long}y`, "c") }),
      ]
      await insert(...some)
      const total = async (column: "type" | "flavor" | "user", value: string) =>
        (await page({ conditions: [{ column, op: "starts_with", value }], limit: 1 })).total
      expect([await total("type", "a"), await total("flavor", "c"), await total("type", long)]).toEqual([
        3, 3, 2,
      ])
      expect((await page({ conditions: [{ column: "user", op: "is_null" }] })).total).toBe(1)
      for (const { id } of some.slice(1, 4)) await write((tx) => services.records.delete(tx, id))
      expect([await total("type", "a"), await total("flavor", "c"), await total("type", long)]).toEqual([
        1, 2, 1,
      ])
      await write((tx) => services.pruneCounts(tx))
      expect((await page({ limit: 1 })).total).toBe(2)
      expect(await write((tx) => services.deleteIn(tx, "a", 10))).toBe(2)
      expect((await page({})).total).toBe(0)
    })

    const rowType = { type: "", flavor: "", name: "", description: "", logoUrl: "" }
  })

  describe("a long page", () => {
    const heavy = (n: number) => `{"n": ${n}, "text": "${"x".repeat(500_000)}"}` as JsonText
    const rows = Array.from({ length: 12 }, (_, n) => sampleRecord(n + 1, { config: heavy(n) }))

    it("comes in parts of one view of the database, whatever is written meanwhile", async () => {
      await insert(...rows)
      const { total, first, rest } = await services.records.list(read(), { ...everything, limit: 10 })
      expect(total).toBe(12)
      expect(first.length).toBeLessThanOrEqual(3)
      await write(async (tx) => {
        for (const { id } of rows) await services.records.delete(tx, id)
      })
      const items = [...first]
      for (let part = await rest?.next(); part; part = await rest?.next()) items.push(...part)
      expect(items.map(({ summary }) => summary.id)).toEqual(rows.slice(0, 10).map(({ id }) => id))
      expect(items[9]?.details?.config).toBe(heavy(9))
      expect((await page({})).total).toBe(0)
    })

    it("that nobody reads to the end is let go, and the next ones are read", async () => {
      await insert(...rows)
      const some = await Promise.all([1, 2].map(() => services.records.list(read(), everything)))
      const waiting = [1, 2].map(() => services.records.list(read(), everything))
      for (const { rest } of some) {
        rest?.close()
        rest?.close()
        await expect(rest?.next()).rejects.toMatchObject({ code: "unavailable" })
      }
      for (const one of await Promise.all(waiting)) one.rest?.close()
      expect(await names({ isDetailed: false })).toHaveLength(12)
    })

    it("that is many but not much keeps nobody from the next one, however slowly it is taken", async () => {
      const light = Array.from({ length: 450 }, (_, n) => sampleRecord(n + 1))
      await insert(...light)
      const slow = await Promise.all(
        [1, 2, 3, 4].map(() => services.records.list(read(), { ...everything, limit: 10_000 })),
      )
      for (const { total, first, rest } of slow) {
        expect([total, first.length]).toEqual([450, 200])
        const parts = [await rest?.next(), await rest?.next(), await rest?.next()]
        expect(parts.map((part) => part?.length)).toEqual([200, 50, undefined])
      }
    })

    it("is none where what is heavy is not asked for", async () => {
      await insert(...rows)
      const { first, rest } = await services.records.list(read(), { ...everything, isDetailed: false })
      expect([first.length, rest]).toEqual([12, null])
    })
  })

  describe("runs and model versions", () => {
    it("come back, newest first, and what linked to one that is deleted links to nothing", async () => {
      const run = sampleRun(8)
      const models = [1, 2].map((number) => sampleModelVersion(number))
      const record = sampleRecord(3, { pipelineRunId: run.id, modelVersionId: models[0]?.id ?? null })
      await write(async (tx) => {
        for (const one of [run, sampleRun(9, { workspaceId: "b" })]) await services.runs.insert(tx, one)
        for (const one of models) await services.modelVersions.insert(tx, one)
        await services.records.insert(tx, record)
      })
      const page = { limit: 10, before: null }
      expect((await services.runs.page(read(), null, page)).map(({ name }) => name)).toEqual([
        "run-9",
        "run-8",
      ])
      expect(await services.runs.page(read(), ["a"], page)).toEqual([run])
      expect(await services.runs.page(read(), [], page)).toEqual([])
      expect(await services.runs.page(read(), null, { limit: 10, before: uuidOf(9) })).toEqual([run])
      expect(await services.modelVersions.last(read(), "a", "churn")).toEqual(models[1])
      expect(await services.modelVersions.last(read(), "b", "churn")).toBeUndefined()
      const twin = write((tx) =>
        services.modelVersions.insert(tx, { ...sampleModelVersion(2), id: sampleModelVersion(9).id }),
      )
      await expect(twin).rejects.toMatchObject(failure("already_exists"))
      await write((tx) => services.runs.update(tx, { ...run, status: "failed" }))
      expect(await services.runs.byId(read(), run.id)).toEqual({ ...run, status: "failed", version: 2 })
      await write(async (tx) => {
        await services.runs.delete(tx, run.id)
        if (models[0]) await services.modelVersions.delete(tx, models[0].id)
      })
      expect(await services.records.byId(read(), record.id)).toMatchObject({
        pipelineRunId: null,
        modelVersionId: null,
      })
    })

    it("go with their workspace, in steps", async () => {
      await write(async (tx) => {
        await services.runs.insert(tx, sampleRun(8))
        await services.modelVersions.insert(tx, sampleModelVersion(1))
        for (const number of [2, 3]) await services.records.insert(tx, sampleRecord(number))
        await services.records.insert(tx, sampleRecord(4, { workspaceId: "b" }))
      })
      const steps: number[] = []
      do steps.push(await write((tx) => services.deleteIn(tx, "a", 1)))
      while (steps.at(-1) !== 0 && steps.length < 10)
      expect(steps).toEqual([1, 1, 1, 1, 0])
      expect(await names({ workspaceId: "b" })).toEqual(["svc-4"])
    })
  })
}
