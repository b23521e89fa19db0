import { describe, expect, it } from "vitest"
import type {
  NewServiceRecord,
  ServiceId,
  ServiceState,
} from "../../packages/server/src/domain/services/index.ts"
import { newServiceRecord, statusOf } from "../../packages/server/src/domain/services/record-samples.ts"
import { sampleRecord, sampleWatch } from "../../packages/server/src/store/service-samples.ts"
import { owner, type TestPlane } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()
const url = "http://model.test/health"

const wanted = (change: Partial<NewServiceRecord> = {}) =>
  newServiceRecord({ healthCheckUrl: url, ...change })

async function watched(p: TestPlane, change: Partial<NewServiceRecord> = {}): Promise<ServiceId> {
  const { record } = await p.plane.serviceRecords.create(owner, wanted(change))
  await p.plane.serviceWatches.put(owner, record.id, { intervalSeconds: 10, failureThreshold: 2 })
  return record.id
}
const viewOf = (p: TestPlane, id: ServiceId) => p.plane.serviceWatches.get(owner, id)
const stateOf = async (p: TestPlane, id: ServiceId) => (await viewOf(p, id)).record.state
const set = (p: TestPlane, id: ServiceId, state: ServiceState) =>
  p.plane.serviceRecords.update(owner, id, { status: statusOf(state) })

describe("a watched record", () => {
  it("follows what its address answers, with history and events", async () => {
    const p = await plane()
    const id = await watched(p)
    await p.until(async () => (await stateOf(p, id)) === "active", 11_000)
    p.prober.answer(url, 503)
    const downAtMs = p.clock.nowMs()
    await p.until(async () => (await stateOf(p, id)) === "error", 23_000)
    expect(p.clock.nowMs() - downAtMs).toBeGreaterThanOrEqual(9_000)
    p.prober.answer(url, 200)
    await p.until(async () => (await stateOf(p, id)) === "active", 12_000)
    const view = await viewOf(p, id)
    expect(view.history.map(({ verdict, detail }) => `${verdict} ${detail}`)).toEqual([
      "up It answered 200.",
      "down It answered 503.",
      "up It answered 200.",
    ])
    expect(view.lastProbe).toMatchObject({ ok: true })
    expect(view.watch.sinceMs).toBe(view.history[0]?.atMs)
  })

  it("is not overruled where its owner says that it is not up, and is asked again once it may be", async () => {
    const p = await plane()
    const id = await watched(p)
    await p.until(async () => (await stateOf(p, id)) === "active")
    await set(p, id, "inactive")
    const before = p.prober.asked(url)
    await p.advance(120_000)
    expect({ state: await stateOf(p, id), asked: p.prober.asked(url) - before }).toEqual({
      state: "inactive",
      asked: 0,
    })
    expect((await viewOf(p, id)).nextProbeAtMs).toBeNull()
    p.prober.answer(url, 500)
    await set(p, id, "pending_startup")
    await p.until(async () => (await stateOf(p, id)) === "error", 23_000)
  })

  it("writes nothing while nothing changes but a note now and then", async () => {
    const p = await plane()
    const id = await watched(p)
    await p.until(async () => (await stateOf(p, id)) === "active")
    const { record, watch } = await viewOf(p, id)
    const asked = p.prober.asked(url)
    await p.advance(600_000)
    expect(p.prober.asked(url) - asked).toBeGreaterThanOrEqual(54)
    expect(await viewOf(p, id)).toMatchObject({
      record: { version: record.version },
      watch: { version: watch.version },
    })
    await p.advance(360_000)
    expect((await viewOf(p, id)).watch.version).toBe(watch.version + 1)
  })

  it("is looked at again after a crash, and no more when the watch or the record is gone", async () => {
    const p = await plane()
    const [one, two] = [await watched(p), await watched(p)]
    await p.until(async () => (await stateOf(p, two)) === "active")
    await p.crash()
    p.prober.answer(url, 500)
    await p.restart()
    await p.until(async () => (await stateOf(p, one)) === "error" && (await stateOf(p, two)) === "error")
    expect((await viewOf(p, one)).history).toHaveLength(2)
    await p.plane.serviceWatches.delete(owner, one)
    await p.plane.serviceRecords.delete(owner, two)
    const asked = p.prober.asked(url)
    await p.advance(60_000)
    expect(p.prober.asked(url)).toBe(asked)
    await expect(viewOf(p, one)).rejects.toMatchObject({ code: "not_found", resource: "service-watch" })
    await expect(viewOf(p, two)).rejects.toMatchObject({ code: "not_found", resource: "service-record" })
  })

  it("holds up no other one when the store never takes what was found of it", async () => {
    const p = await plane()
    const writtenIn = async (ms: number) => {
      const before = p.life.transactions
      await p.advance(ms)
      return p.life.transactions - before
    }
    const atRest = await writtenIn(600_000)
    const ids = [await watched(p), await watched(p), await watched(p)]
    const [bad, ...others] = ids as [ServiceId, ...ServiceId[]]
    // the place of its first entry is taken: no try can ever write it
    const entry = { seq: 1, atMs: 1, verdict: "up", detail: "Somebody else's." } as const
    await p.store.tx((tx) => p.store.services.watches.addHistory(tx, bad, entry))
    for (const id of others) await p.until(async () => (await stateOf(p, id)) === "active", 20_000)
    await p.advance(60_000)
    expect(await stateOf(p, bad)).toBeNull()
    expect((await writtenIn(600_000)) - atRest).toBeLessThan(3)
    expect((await viewOf(p, bad)).lastProbe).toMatchObject({ ok: true })
    // and it is well again once the store takes it
    await p.plane.serviceWatches.delete(owner, bad)
    await p.plane.serviceWatches.put(owner, bad, {})
    await p.until(async () => (await stateOf(p, bad)) === "active", 40_000)
  })

  it("goes on where what was found cannot be written now", async () => {
    let isFull = false
    const p = await plane({ refuse: () => isFull })
    const ids = [await watched(p), await watched(p), await watched(p), await watched(p), await watched(p)]
    isFull = true
    await p.advance(60_000)
    for (const id of ids) expect(await stateOf(p, id)).toBeNull()
    isFull = false
    await p.advance(6_000)
    for (const id of ids) expect(await stateOf(p, id)).toBe("active")
  })

  it("is asked in time beside thousands that hang", async () => {
    const p = await plane()
    const silent = "http://silent.test/health"
    p.prober.answer(silent, "nothing")
    await p.store.tx(async (tx) => {
      for (let n = 0; n < 3000; n++) {
        const record = sampleRecord(n, { workspaceId: "default", healthCheckUrl: silent })
        await p.store.services.records.insert(tx, record)
        await p.store.services.watches.insert(tx, { ...sampleWatch(record), intervalSeconds: 5 })
      }
    })
    const id = await watched(p)
    await p.advance(60_000)
    expect(await stateOf(p, id)).toBe("active")
    p.prober.answer(url, 500)
    // two probes, each within the interval and a tenth
    await p.until(async () => (await stateOf(p, id)) === "error", 23_000)
    expect(p.prober.asked(silent)).toBeGreaterThan(3000)
  })

  it("is refused a watch that is out of bounds, and one by somebody who may only look", async () => {
    const p = await plane()
    await p.plane.workspaces.create(owner, { id: "red", description: "", clusters: null, policy: {} })
    const { record } = await p.plane.serviceRecords.create(owner, wanted({ workspaceId: "red" }))
    const put = p.plane.serviceWatches.put(owner, record.id, { intervalSeconds: 4, timeoutSeconds: 31 })
    await expect(put).rejects.toMatchObject({
      code: "invalid",
      issues: [{ path: ["intervalSeconds"] }, { path: ["timeoutSeconds"] }],
    })
    const viewer = await p.member("vera", { red: "viewer" })
    await expect(p.plane.serviceWatches.put(viewer, record.id, {})).rejects.toMatchObject({
      code: "forbidden",
    })
    const stranger = await p.member("sam", {})
    await expect(p.plane.serviceWatches.get(stranger, record.id)).rejects.toMatchObject({ code: "not_found" })
  })

  it("goes with its workspace", async () => {
    const p = await plane()
    await p.plane.workspaces.create(owner, { id: "red", description: "", clusters: null, policy: {} })
    const id = await watched(p, { workspaceId: "red" })
    await p.plane.serviceRegisters.modelVersions.create(owner, {
      workspaceId: "red",
      modelName: "m",
      name: null,
      stage: null,
    })
    await p.plane.workspaces.remove(owner, "red", { force: true })
    expect(p.plane.workspaces.find("red")).toBeUndefined()
    await expect(viewOf(p, id)).rejects.toMatchObject({ code: "not_found" })
    const all = { limit: 10, before: null }
    expect(await p.plane.serviceRegisters.modelVersions.page(owner, null, all)).toEqual([])
  })
})
