import { randomBytes } from "node:crypto"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Tx } from "../../domain/journal/index.ts"
import { workloadChanged } from "../../domain/workloads/index.ts"
import { sampleEvent, sampleSpec, sampleWorkload } from "../samples.ts"
import { type OpenHarness, type StoreHarness, type SuiteTraits, outcomes } from "./harness.ts"

const roomBytes = 64 * 1024
/** No database can make it smaller. */
const tooMuch = randomBytes(384 * 1024).toString("base64")

/** A full database: nothing acknowledged is lost, nothing half-written, writes resume by themselves. */
export function faultCases(open: OpenHarness, { isBatching }: SuiteTraits): void {
  let harness: StoreHarness
  beforeEach(async () => {
    harness = await open()
  })
  afterEach(() => harness.dispose())

  const small = (n: number) => async (tx: Tx) => {
    await harness.store.workloads.insert(tx, sampleWorkload(n))
    await tx.emit(sampleEvent(n))
  }
  const large = (n: number) => async (tx: Tx) => {
    await tx.emit(sampleEvent(n))
    await harness.store.workloads.insert(tx, sampleWorkload(n, { spec: sampleSpec({ entryPoint: tooMuch }) }))
  }
  /** Numbers of the workloads and of the events there are, and what the counters say. */
  async function standing() {
    const { store } = harness
    const page = { sort: "createdAtMs", order: "asc", offset: 0, limit: 1000 } as const
    const { total, items } = await store.workloads.list(store.committed, { workspaceIds: null }, page)
    const events = await store.journal.eventsAfter(store.committed, null, { workspaces: null }, 1000)
    const numbers = items.map((workload) => Number(workload.id.slice(-6)))
    return { total, workloads: numbers, events: events.map((event) => event.data["n"]) }
  }

  /** Where every closure has a transaction of its own there is nothing to test. */
  const itOfBatches: (name: string, test: () => Promise<void>) => void = isBatching ? it : () => undefined

  describe("a full database", () => {
    for (const [place, at] of [
      ["first", 0],
      ["middle", 2],
      ["last", 4],
    ] as const)
      itOfBatches(
        `met by the ${place} closure of a batch rejects the batch, writes nothing of it and tells nobody`,
        async () => {
          const { store } = harness
          await store.tx(small(1))
          harness.fill(roomBytes)
          const told: string[] = []
          store.subscribe(workloadChanged, (workload) => told.push(workload.id))
          const writes = [0, 1, 2, 3, 4].map((n) => store.tx(n === at ? large(10 + n) : small(10 + n)))
          expect(new Set(await outcomes(writes))).toEqual(new Set(["store_full"]))
          expect(told).toEqual([])
          expect(await standing()).toEqual({ total: 1, workloads: [1], events: [1] })
          await store.tx(small(2))
          harness.free()
          await store.tx(large(3))
          const after = { total: 3, workloads: [1, 2, 3], events: [1, 2, 3] }
          expect(await standing()).toEqual(after)
          await harness.reopen()
          expect(await standing()).toEqual(after)
        },
      )

    it("rejects the closure that met it, tells nobody of it, and writes all or nothing of others", async () => {
      const { store } = harness
      await store.tx(small(1))
      harness.fill(roomBytes)
      const told: string[] = []
      store.subscribe(workloadChanged, (workload) => told.push(workload.id))
      const found = await outcomes([10, 11, 12].map((n) => store.tx(n === 11 ? large(n) : small(n))))
      expect(found[1]).toBe("store_full")
      const stood = [1, ...[10, 11, 12].filter((_, at) => found[at] === "ok")]
      const { workloads, events } = await standing()
      expect(workloads).toEqual(stood)
      expect(new Set(events)).toEqual(new Set(stood))
      expect(told).toHaveLength(stood.length - 1)
      harness.free()
      await store.tx(large(30))
      await harness.reopen()
      expect((await standing()).workloads).toEqual([...stood, 30])
    })

    itOfBatches(
      "rejects the batch also when the closure that met it catches the error, or had failed by itself",
      async () => {
        const { store } = harness
        harness.fill(roomBytes)
        const writes = [
          store.tx(async () => {
            throw new Error("by itself")
          }),
          store.tx(small(1)),
          store.tx((tx) => large(2)(tx).catch(() => undefined)),
          store.tx(small(3)),
        ]
        expect(await outcomes(writes)).toEqual(["store_full", "store_full", "store_full", "store_full"])
        expect(await standing()).toEqual({ total: 0, workloads: [], events: [] })
      },
    )

    it("rejects the closure that met it and goes on writing without a care", async () => {
      const { store } = harness
      harness.fill(roomBytes)
      const write = store.tx(async (tx) => {
        await large(1)(tx).catch(() => undefined)
        await Promise.all([2, 3].map((n) => small(n)(tx).catch(() => undefined)))
      })
      expect(await outcomes([write])).toEqual(["store_full"])
      expect(await standing()).toEqual({ total: 0, workloads: [], events: [] })
    })

    it("keeps readers served, and refuses every write until there is space, losing none that it took", async () => {
      const { store } = harness
      harness.fill(roomBytes)
      const acknowledged: number[] = []
      for (let n = 0; n < 200; n++) {
        const [outcome] = await outcomes([store.tx(small(n))])
        if (outcome === "ok") acknowledged.push(n)
      }
      expect(acknowledged.length).toBeGreaterThan(0)
      expect(acknowledged.length).toBeLessThan(200)
      const stood = { total: acknowledged.length, workloads: acknowledged, events: acknowledged }
      expect(await standing()).toEqual(stood)
      harness.free()
      await store.tx(small(1000))
      expect((await standing()).workloads).toEqual([...acknowledged, 1000])
    })
  })
}
