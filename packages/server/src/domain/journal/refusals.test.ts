import { describe, expect, it } from "vitest"
import { AppError } from "../../kit/errors.ts"
import type { NewAuditRecord, Store, Tx } from "./ports.ts"
import { createRefusals, type Refusal } from "./refusals.ts"

const ann = {
  kind: "key",
  id: "usr_1",
  name: "ann",
  keyId: "key_1",
  address: "10.0.0.1",
  requestId: "r1",
} as const

function refusal(change: Partial<Refusal> = {}): Refusal {
  const base = { actor: ann, address: "10.0.0.1", operation: "node.cordon", status: 403 }
  return { ...base, code: "forbidden", detail: undefined, ...change }
}

/** A store that takes audit records, or refuses as often as it is told. */
function bench(most?: number) {
  const written: NewAuditRecord[] = []
  const store = { refusals: 0, transactions: 0 }
  const tx = {
    audit: (record: NewAuditRecord) => Promise.resolve(void written.push(record)),
  } as unknown as Tx
  const fake: Pick<Store, "tx"> = {
    tx(closure) {
      if (store.refusals > 0) {
        store.refusals--
        return Promise.reject(new AppError("unavailable", "full", { detail: "store_full" }))
      }
      store.transactions++
      return closure(tx)
    },
  }
  return { written, store, refusals: createRefusals(fake, most) }
}

const counts = (written: readonly NewAuditRecord[]) =>
  written.map(({ operation, data }) => [operation, data["count"]])
const total = (written: readonly NewAuditRecord[]) =>
  written.reduce((sum, { data }) => sum + Number(data["count"]), 0)

describe("refused requests", () => {
  it("of nobody who is known fill no table, and leave room for those of somebody", async () => {
    const { refusals, written } = bench()
    for (let at = 0; at < 2000; at++)
      refusals.note(refusal({ actor: null, code: "unauthenticated", address: `2001:db8::${at}` }), at)
    refusals.note(refusal(), 3_000)
    await refusals.flush(60_000)
    expect(written.length).toBe(52)
    expect(total(written)).toBe(2001)
    expect(counts(written)).toContainEqual(["node.cordon", 1])
    expect(written.filter(({ actor }) => actor.id === "usr_1").length).toBe(1)
    for (let at = 0; at < 60; at++)
      refusals.note(refusal({ actor: null, code: "unauthenticated", address: `10.1.0.${at}` }), at)
    await refusals.flush(120_000)
    expect(written.length).toBe(52 + 51)
  })

  it("are one record for each who, from where, what and why, with a count", async () => {
    const { refusals, written } = bench()
    refusals.note(refusal(), 1_000)
    refusals.note(refusal({ actor: { ...ann, requestId: "r2" } }), 2_000)
    refusals.note(refusal({ operation: "key.create" }), 3_000)
    refusals.note(refusal({ actor: null, code: "unauthenticated", detail: "invalid", status: 401 }), 4_000)
    refusals.note(refusal({ address: "10.0.0.2" }), 5_000)
    await refusals.flush(60_000)
    expect(counts(written)).toEqual([
      ["node.cordon", 2],
      ["key.create", 1],
      ["node.cordon", 1],
      ["node.cordon", 1],
    ])
    expect(written[0]).toEqual({
      operation: "node.cordon",
      subject: { kind: "server", id: "requests" },
      workspace: null,
      actor: { ...ann, requestId: null },
      outcome: "refused",
      atMs: 60_000,
      data: {
        count: 2,
        status: 403,
        code: "forbidden",
        first: "1970-01-01T00:00:01.000Z",
        last: "1970-01-01T00:00:02.000Z",
      },
    })
    expect(written[2]).toMatchObject({
      actor: { kind: "unknown", address: "10.0.0.1", keyId: null },
      data: { code: "unauthenticated", detail: "invalid" },
    })
  })

  it("are written once, and cost nothing where there are none", async () => {
    const { refusals, written, store } = bench()
    refusals.note(refusal(), 1)
    await refusals.flush(2)
    await refusals.flush(3)
    expect([written.length, store.transactions]).toEqual([1, 1])
  })

  it("of more kinds than are kept apart are counted together", async () => {
    const { refusals, written } = bench(3)
    for (let n = 0; n < 50; n++) refusals.note(refusal({ address: `10.0.1.${n}` }), n)
    refusals.note(refusal({ address: "10.0.1.0" }), 60)
    await refusals.flush(100)
    expect(counts(written)).toEqual([
      ["node.cordon", 2],
      ["node.cordon", 1],
      ["node.cordon", 1],
      ["others", 47],
    ])
    expect(written[3]?.actor).toMatchObject({ kind: "unknown", address: null })
  })

  it("that could not be written are written the next time, none of them lost", async () => {
    const { refusals, written, store } = bench()
    for (let n = 0; n < 250; n++) refusals.note(refusal({ address: `10.0.${n}.1` }), n)
    store.refusals = 1
    await expect(refusals.flush(300)).rejects.toMatchObject({ detail: "store_full" })
    refusals.note(refusal({ address: "10.0.7.1" }), 301)
    await refusals.flush(400)
    expect([written.length, total(written), store.transactions]).toEqual([250, 251, 3])
  })

  it("stay within the bound also while they cannot be written", async () => {
    const { refusals, written, store } = bench(5)
    store.refusals = 3
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 20; n++) refusals.note(refusal({ address: `10.${round}.${n}.1` }), n)
      await expect(refusals.flush(round)).rejects.toThrow("full")
    }
    await refusals.flush(9)
    expect(written.length).toBeLessThanOrEqual(6)
    expect(total(written)).toBe(60)
  })
})
