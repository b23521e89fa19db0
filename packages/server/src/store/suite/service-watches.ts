import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Tx } from "../../domain/journal/index.ts"
import {
  keptHistory,
  serviceWatchChanged,
  type ServiceRecord,
  type ServiceStore,
  type ServiceSummary,
  type ServiceWatch,
} from "../../domain/services/index.ts"
import { sampleRecord, sampleWatch } from "../service-samples.ts"
import { failure, type OpenHarness, type StoreHarness } from "./harness.ts"

/** Watches of records: what goes in comes out with its record, history is bounded, and all go with the record. */
export function serviceWatchCases(open: OpenHarness): void {
  let harness: StoreHarness
  let services: ServiceStore
  beforeEach(async () => {
    harness = await open()
    services = harness.store.services
  })
  afterEach(() => harness.dispose())
  const write = <T>(closure: (tx: Tx) => Promise<T>) => harness.store.tx(closure)
  const read = () => harness.store.committed
  const records = [1, 2, 3].map((number) => sampleRecord(number, number === 3 ? { workspaceId: "b" } : {}))
  // without what may be long: thousands are watched
  const shown = records.map(summaryOf)
  const [one, two, three] = records.map(sampleWatch) as [ServiceWatch, ServiceWatch, ServiceWatch]
  const insertAll = () =>
    write(async (tx) => {
      for (const record of records) await services.records.insert(tx, record)
      for (const watch of [one, two, three]) await services.watches.insert(tx, watch)
    })

  describe("watches", () => {
    it("come back whole, change from the version that was seen, and go with their record", async () => {
      const told: string[] = []
      harness.store.subscribe(serviceWatchChanged, ({ watch, gone }) => {
        told.push(`${watch.verdict} ${watch.version}${gone ? " gone" : ""}`)
      })
      await insertAll()
      const { serviceId } = one
      expect(await services.watches.byId(read(), serviceId)).toEqual(one)
      const twin = write((tx) => services.watches.insert(tx, one))
      await expect(twin).rejects.toMatchObject(failure("already_exists"))
      const lastProbe = { atMs: 5, ok: false, detail: "d", tookMs: 1 }
      const changed: ServiceWatch = { ...one, verdict: "down", sinceMs: 5, lastProbe, historySeq: 1 }
      const entry = { seq: 1, atMs: 5, verdict: "down", detail: "d" } as const
      await write(async (tx) => {
        await services.watches.update(tx, changed)
        await services.watches.addHistory(tx, serviceId, entry)
      })
      expect(await services.watches.byId(read(), serviceId)).toEqual({ ...changed, version: 2 })
      expect(await services.watches.history(read(), serviceId)).toEqual([entry])
      const late = write((tx) => services.watches.update(tx, one))
      await expect(late).rejects.toMatchObject(failure("stale"))
      await write((tx) => services.records.delete(tx, serviceId))
      expect(await services.watches.byId(read(), serviceId)).toBeUndefined()
      expect(await services.watches.history(read(), serviceId)).toEqual([])
      expect(told).toEqual(["unknown 1", "unknown 1", "unknown 1", "down 2", "down 2 gone"])
    })

    it("are given with their records, in pages both ways", async () => {
      await insertAll()
      const ids = (found: readonly { readonly watch: ServiceWatch }[]) =>
        found.map(({ watch }) => watch.serviceId)
      const all = await services.watches.all(read(), { after: null, limit: 2 })
      expect(all).toEqual([
        { watch: one, record: shown[0] },
        { watch: two, record: shown[1] },
      ])
      expect(ids(await services.watches.all(read(), { after: two.serviceId, limit: 2 }))).toEqual([
        three.serviceId,
      ])
      const page = { limit: 2, before: null }
      expect(ids(await services.watches.page(read(), null, page))).toEqual([three.serviceId, two.serviceId])
      expect(ids(await services.watches.page(read(), ["a"], page))).toEqual([two.serviceId, one.serviceId])
      expect(await services.watches.page(read(), [], page)).toEqual([])
      expect(ids(await services.watches.page(read(), null, { limit: 2, before: two.serviceId }))).toEqual([
        one.serviceId,
      ])
    })

    it("stand in the register beside the records without one, newest first", async () => {
      await insertAll()
      await write((tx) => services.watches.delete(tx, two.serviceId))
      const named = sampleRecord(4, { name: "Ünit Web", state: "active", createdAtUs: 5, updatedAtUs: 5 })
      await write((tx) => services.records.insert(tx, named))
      const all = { workspaceIds: null, name: null, state: null, limit: 9, before: null }
      const found = await services.entries.page(read(), all)
      const [first, second, third, fourth] = [...records, named].map(summaryOf)
      expect(found).toEqual([
        { record: third, watch: three },
        { record: second, watch: null },
        { record: first, watch: one },
        { record: fourth, watch: null },
      ])
      const ids = async (change: Partial<typeof query>) =>
        (await services.entries.page(read(), { ...query, ...change })).map(({ record }) => record.id)
      const query: Parameters<typeof services.entries.page>[1] = all
      const [a, b, c, d] = [one.serviceId, two.serviceId, three.serviceId, named.id]
      expect(await ids({ limit: 2, before: third ?? null })).toEqual([b, a])
      expect(await ids({ before: { createdAtUs: 5, id: d } })).toEqual([])
      expect(await ids({ workspaceIds: ["a"] })).toEqual([b, a, d])
      expect(await ids({ workspaceIds: ["a", "b"], limit: 3 })).toEqual([c, b, a])
      expect(await ids({ workspaceIds: [] })).toEqual([])
      expect(await ids({ state: "active" })).toEqual([d])
      expect(await ids({ name: "Ünit wEB" })).toEqual([d])
      expect(await ids({ name: "ünit web" })).toEqual([])
    })

    it("keep the newest entries of their history", async () => {
      await insertAll()
      const { serviceId } = one
      for (let seq = 1; seq <= keptHistory + 3; seq++)
        await write((tx) =>
          services.watches.addHistory(tx, serviceId, { seq, atMs: seq, verdict: "up", detail: "" }),
        )
      const history = await services.watches.history(read(), serviceId)
      expect(history).toHaveLength(keptHistory)
      expect(history[0]?.seq).toBe(keptHistory + 3)
      await write((tx) => services.watches.delete(tx, serviceId))
      expect(await services.watches.history(read(), serviceId)).toEqual([])
    })

    it("go with their workspace, and records that follow something are found", async () => {
      await insertAll()
      const joined = { kind: "workload", key: "wld_1", name: "serve-1" } as const
      const follower = sampleRecord(9, { joined, workspaceId: "b" })
      await write((tx) => services.records.insert(tx, follower))
      expect(await services.records.joined(read())).toEqual([follower])
      while ((await write((tx) => services.deleteIn(tx, "a", 10))) > 0);
      expect(await services.watches.all(read(), { after: null, limit: 9 })).toEqual([
        { watch: three, record: shown[2] },
      ])
    })
  })
}

/** What lists show of a record. */
function summaryOf(record: ServiceRecord): ServiceSummary {
  const {
    source: _source,
    adminState: _state,
    config: _config,
    status: _status,
    endpoint: _end,
    ...summary
  } = record
  return summary
}
