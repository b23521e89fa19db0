import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type EventSeq, type NewEvent, systemActor } from "../../domain/journal/index.ts"
import { sampleAudit, sampleEvent } from "../samples.ts"
import {
  type OpenHarness,
  type StoreHarness,
  type SuiteTraits,
  failure,
  inOrder,
  outcomes,
} from "./harness.ts"

const everything = { workspaces: null }

/** Events and audit records. */
export function journalCases(open: OpenHarness, traits: SuiteTraits): void {
  let harness: StoreHarness
  beforeEach(async () => {
    harness = await open()
  })
  afterEach(() => harness.dispose())

  const emit = (events: readonly NewEvent[]) =>
    harness.store.tx(async (tx) => {
      for (const event of events) await tx.emit(event)
    })
  const read = (after: EventSeq | null, filter: Parameters<typeof query>[1] = everything, limit = 100) =>
    query(after, filter, limit)
  const query = (
    after: EventSeq | null,
    filter: Parameters<typeof harness.store.journal.eventsAfter>[2],
    limit: number,
  ) => harness.store.journal.eventsAfter(harness.store.committed, after, filter, limit)
  const numbers = (events: readonly { readonly data: NewEvent["data"] }[]) =>
    events.map((event) => event.data["n"])
  const keep = { eventsAfterMs: 0, auditAfterMs: 0, maxEvents: 1_000_000 }
  const prune = (change: Partial<typeof keep>, limit = 100) =>
    harness.store.tx((tx) => harness.store.journal.prune(tx, { ...keep, ...change }, limit))

  describe("events", () => {
    it("come back whole, in the order of their commits", async () => {
      const { store } = harness
      await inOrder(traits, [
        () => emit([sampleEvent(1), sampleEvent(2)]),
        () => emit([sampleEvent(3)]),
        () =>
          store.tx(async (tx) => {
            await tx.emit(sampleEvent(99))
            throw new Error("undone")
          }),
        () => emit([sampleEvent(4)]),
      ])
      const found = await read(null)
      expect(numbers(found)).toEqual([1, 2, 3, 4])
      const { seq, ...event } = found[0] ?? { seq: undefined }
      expect(event).toEqual(sampleEvent(1))
      expect(typeof seq).toBe("string")
    })

    it("resume after a cursor without a gap or a repeat, page by page", async () => {
      await emit(Array.from({ length: 10 }, (_, n) => sampleEvent(n)))
      const seen: unknown[] = []
      let after: EventSeq | null = null
      for (let page = 0; page < 5; page++) {
        const events: Awaited<ReturnType<typeof read>> = await read(after, everything, 3)
        seen.push(...numbers(events))
        after = events.at(-1)?.seq ?? after
      }
      expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      expect(await harness.store.journal.lastSeq(harness.store.committed)).toBe(after)
      expect(await read(after)).toEqual([])
    })

    it("go back from the newest, page by page, to the oldest kept", async () => {
      const { store } = harness
      await emit(Array.from({ length: 10 }, (_, n) => sampleEvent(n, { workspace: n % 3 ? "a" : "b" })))
      const back = (before: EventSeq | null, workspaces: readonly string[] | null, limit = 4) =>
        store.journal.eventsBefore(store.committed, before, { workspaces }, limit)
      const seen: unknown[] = []
      let before: EventSeq | null = null
      for (let page = 0; page < 4; page++) {
        const events: Awaited<ReturnType<typeof back>> = await back(before, null)
        seen.push(...numbers(events))
        before = events.at(-1)?.seq ?? before
      }
      expect(seen).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
      expect(await back(before, null)).toEqual([])
      expect(numbers(await back(null, ["b"]))).toEqual([9, 6, 3, 0])
      expect(numbers(await back(null, ["a", "b"], 2))).toEqual([9, 8])
      expect(await back(null, [])).toEqual([])
      const wrong = ["", "0", "11", "-1", "x"]
      expect(await outcomes(wrong.map((cursor) => back(cursor as EventSeq, null)))).toEqual(
        wrong.map(() => "invalid"),
      )
      await prune({ eventsAfterMs: sampleEvent(5).atMs })
      expect(numbers(await back(null, null, 100))).toEqual([9, 8, 7, 6, 5])
    })

    it("are picked by workspace, subject and type together", async () => {
      const subject = { kind: "node", id: "n-1" } as const
      await emit([
        sampleEvent(1, { workspace: "a" }),
        sampleEvent(2, { workspace: "b" }),
        sampleEvent(3, { workspace: null, subject, type: "node.cordoned" }),
        sampleEvent(4, { workspace: "a", subject, type: "node.drained" }),
      ])
      expect(numbers(await read(null, { workspaces: ["a"] }))).toEqual([1, 4])
      expect(numbers(await read(null, { workspaces: ["a", "b"] }))).toEqual([1, 2, 4])
      expect(numbers(await read(null, { workspaces: [] }))).toEqual([])
      expect(numbers(await read(null, { workspaces: null, subject }))).toEqual([3, 4])
      expect(numbers(await read(null, { workspaces: ["a"], subject }))).toEqual([4])
      expect(numbers(await read(null, { workspaces: null, types: ["node.cordoned"] }))).toEqual([3])
      expect(numbers(await read(null, { workspaces: null, types: [] }))).toEqual([])
    })

    it("of a subject come newest first", async () => {
      const { store } = harness
      const subject = { kind: "workload", id: "train-x" } as const
      await emit([1, 2, 3, 4].map((n) => sampleEvent(n, n === 2 ? {} : { subject })))
      expect(numbers(await store.journal.latestEvents(store.committed, subject, 2))).toEqual([4, 3])
    })

    it("refuse a cursor that never was", async () => {
      await emit([sampleEvent(1)])
      const wrong = ["", "0", "2", "-1", "01", "1.0", "1e3", "x", "9999999999999999999", "1 or 1=1"]
      const refused = await outcomes(wrong.map((cursor) => read(cursor as EventSeq)))
      expect(refused).toEqual(wrong.map(() => "invalid"))
    })

    it("say that a cursor is gone once something after it was pruned, and start at the oldest kept without one", async () => {
      await emit(Array.from({ length: 6 }, (_, n) => sampleEvent(n)))
      const seqs = (await read(null)).map((event) => event.seq)
      expect(await prune({ eventsAfterMs: sampleEvent(3).atMs })).toBe(3)
      await expect(read(seqs[1] as EventSeq)).rejects.toMatchObject(failure("not_found", "cursor_gone"))
      expect(numbers(await read(seqs[2] as EventSeq))).toEqual([3, 4, 5])
      expect(numbers(await read(null))).toEqual([3, 4, 5])
    })

    it("never give a sequence twice, also after all of them were pruned", async () => {
      await emit([sampleEvent(1), sampleEvent(2)])
      const last = (await read(null)).at(-1)?.seq as EventSeq
      await prune({ eventsAfterMs: Number.MAX_SAFE_INTEGER })
      expect(await harness.store.journal.lastSeq(harness.store.committed)).toBeNull()
      expect(await read(last)).toEqual([])
      await harness.reopen()
      await emit([sampleEvent(3)])
      expect(numbers(await read(last))).toEqual([3])
    })
  })

  describe("prune", () => {
    it("goes in steps of at most the limit and says how many rows went", async () => {
      await emit(Array.from({ length: 7 }, (_, n) => sampleEvent(n)))
      const steps = []
      for (let step = 0; step < 4; step++)
        steps.push(await prune({ eventsAfterMs: Number.MAX_SAFE_INTEGER }, 3))
      expect(steps).toEqual([3, 3, 1, 0])
    })

    it("keeps the newest when there are too many, however young they are", async () => {
      await emit(Array.from({ length: 7 }, (_, n) => sampleEvent(n)))
      await prune({ maxEvents: 2 })
      expect(numbers(await read(null))).toEqual([5, 6])
      await prune({ maxEvents: 2 })
      expect(numbers(await read(null))).toEqual([5, 6])
    })

    it("never tears a hole: what is old behind something young waits for it", async () => {
      await emit([sampleEvent(1), sampleEvent(9), sampleEvent(2)])
      await prune({ eventsAfterMs: sampleEvent(5).atMs })
      expect(numbers(await read(null))).toEqual([9, 2])
    })

    it("removes old audit records and leaves events alone", async () => {
      const { store } = harness
      await emit([sampleEvent(1)])
      await store.tx(async (tx) => {
        for (const n of [1, 2, 3]) await tx.audit(sampleAudit(n))
      })
      expect(await prune({ auditAfterMs: sampleAudit(3).atMs })).toBe(2)
      const { items } = await store.journal.auditPage(store.committed, everything, 10, null)
      expect(numbers(items)).toEqual([3])
      expect(numbers(await read(null))).toEqual([1])
    })
  })

  describe("audit", () => {
    it("is read newest first, page by page, to the end", async () => {
      const { store } = harness
      await store.tx(async (tx) => {
        for (let n = 0; n < 5; n++) await tx.audit(sampleAudit(n))
      })
      const pages = []
      let cursor: string | null = null
      do {
        const page: Awaited<ReturnType<typeof store.journal.auditPage>> = await store.journal.auditPage(
          store.committed,
          everything,
          2,
          cursor,
        )
        pages.push(numbers(page.items))
        cursor = page.nextCursor
      } while (cursor !== null && pages.length < 10)
      expect(pages).toEqual([[4, 3], [2, 1], [0]])
    })

    it("comes back whole and is picked by workspace, operation and actor", async () => {
      const { store } = harness
      const ada = { ...systemActor("ada"), kind: "user" } as const
      await store.tx(async (tx) => {
        await tx.audit(sampleAudit(1, { workspace: "a", actor: ada, outcome: "refused" }))
        await tx.audit(sampleAudit(2, { workspace: "b", operation: "node.drain" }))
        await tx.audit(sampleAudit(3, { workspace: null }))
      })
      const page = (filter: Parameters<typeof store.journal.auditPage>[1]) =>
        store.journal.auditPage(store.committed, filter, 10, null).then((found) => found.items)
      const [first] = await page({ workspaces: ["a"] })
      expect(first).toEqual({
        ...sampleAudit(1, { workspace: "a", actor: ada, outcome: "refused" }),
        seq: first?.seq,
      })
      expect(numbers(await page({ workspaces: null, operation: "node.drain" }))).toEqual([2])
      expect(numbers(await page({ workspaces: null, actorId: "ada" }))).toEqual([1])
      expect(numbers(await page({ workspaces: [] }))).toEqual([])
      const wrong = store.journal.auditPage(store.committed, everything, 10, "x")
      await expect(wrong).rejects.toMatchObject(failure("invalid"))
    })
  })
}
