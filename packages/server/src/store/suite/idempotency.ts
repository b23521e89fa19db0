import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { IdempotencyStore, IdempotentRequest, Tx } from "../../domain/journal/index.ts"
import type { OpenHarness, StoreHarness } from "./harness.ts"

const request: IdempotentRequest = {
  userId: "usr_1",
  route: `POST /api/v1/${"x".repeat(10_000)}`,
  key: "6f1e6a5a",
  bodyHash: "aa",
}
const about = { kind: "workload", id: "web-x7kqd" } as const
const answer = { status: 200, contentType: "application/json", body: '{"id":"é"}' }

/** Answers to requests that may be sent again. */
export function idempotencyCases(open: OpenHarness): void {
  let harness: StoreHarness
  let rows: IdempotencyStore
  beforeEach(async () => {
    harness = await open()
    rows = harness.store.idempotency
  })
  afterEach(() => harness.dispose())
  const write = <T>(closure: (tx: Tx) => Promise<T>) => harness.store.tx(closure)
  const find = (of: IdempotentRequest) => rows.find(harness.store.committed, of)

  it("are marked, kept, found under user, route and key, and dropped", async () => {
    await write((tx) => rows.mark(tx, request, { atMs: 7, about }))
    expect(await find(request)).toEqual({ ...request, answer: null, about, createdAtMs: 7 })
    await write((tx) => rows.keep(tx, request, answer))
    expect(await find({ ...request, bodyHash: "bb" })).toEqual({
      ...request,
      answer,
      about: null,
      createdAtMs: 7,
    })
    for (const other of [{ userId: "usr_2" }, { route: "POST /other" }, { key: "another" }])
      expect(await find({ ...request, ...other })).toBeUndefined()
    await write((tx) => rows.mark(tx, { ...request, bodyHash: "cc" }, { atMs: 9, about: null }))
    expect(await find(request), "of a request under an old key").toMatchObject({
      answer: null,
      about: null,
      bodyHash: "cc",
    })
    await write((tx) => rows.drop(tx, request))
    expect(await find(request)).toBeUndefined()
  })

  describe("pruning", () => {
    const keys = ["a", "b", "c", "d", "e"]
    beforeEach(() =>
      write(async (tx) => {
        for (const [at, key] of keys.entries())
          await rows.mark(tx, { ...request, key }, { atMs: at, about: null })
      }),
    )
    const left = async () => {
      const found = await Promise.all(keys.map((key) => find({ ...request, key })))
      return keys.filter((_, at) => found[at]).join("")
    }

    it("takes what is old, a few at a time", async () => {
      expect(await write((tx) => rows.prune(tx, 2, 100, 2))).toBe(2)
      expect(await left()).toBe("cde")
      expect(await write((tx) => rows.prune(tx, 2, 100, 2))).toBe(1)
      expect(await write((tx) => rows.prune(tx, 2, 100, 2))).toBe(0)
    })

    it("takes the oldest beyond the most that are kept", async () => {
      expect(await write((tx) => rows.prune(tx, -1, 2, 100))).toBe(3)
      expect(await left()).toBe("de")
      expect(await write((tx) => rows.prune(tx, -1, 2, 100))).toBe(0)
    })
  })
}
