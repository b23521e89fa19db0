import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  aGpuNode,
  aPolicy,
  aRequest,
  aTeam,
  createBoardBench,
  type BoardBench,
} from "../board/board-fixtures.ts"
import type { GpuRequest } from "../types.ts"

const minuteMs = 60_000
const teams = ["red", "blue"] as const

const wanted = fc.record({
  workspaceId: fc.constantFrom(...teams),
  priority: fc.constantFrom(50, 150, 250),
  minutes: fc.integer({ min: 1, max: 600 }),
  nodes: fc.integer({ min: 1, max: 3 }),
})
const shares = fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { maxLength: 40 })

/** Four nodes, two workspaces, and ends that used such shares of an hour. */
function start(used: readonly number[]): BoardBench {
  const bench = createBoardBench({ withLikely: true })
  for (const id of teams) bench.putTeam(aTeam(id, { policy: aPolicy(null) }))
  for (const name of ["n1", "n2", "n3", "n4"]) bench.putNode(aGpuNode(name, 8))
  for (const [index, share] of used.entries())
    bench.likely?.requestChanged(ended(index, teams[index % 2] ?? "red", share))
  return bench
}

function ended(index: number, workspaceId: string, share: number): GpuRequest {
  const endsAtMs = 60 * minuteMs
  return aRequest(`old${index}`, {
    workspaceId,
    state: "early_released",
    cause: "released",
    startedAtMs: 0,
    endsAtMs,
    endedAtMs: Math.round(share * endsAtMs),
  })
}

function ask(
  bench: BoardBench,
  wishes: readonly (typeof wanted extends fc.Arbitrary<infer T> ? T : never)[],
) {
  for (const [index, { minutes, nodes, ...rest }] of wishes.entries())
    bench.put(
      aRequest(String(index).padStart(3, "0"), { ...rest, durationMs: minutes * minuteMs, wish: { nodes } }),
    )
}

/** Slot and likely start of everything that waits. */
function starts(bench: BoardBench, nowMs: number) {
  return bench.board.live().flatMap(({ id, state }) => {
    if (state !== "queued") return []
    const latestMs = bench.board.slot(id, nowMs)?.startMs ?? null
    return { id, latestMs, likelyMs: bench.likely?.startMs(id, latestMs, nowMs) ?? null }
  })
}

describe("a likely start", () => {
  it("is never later than the promised one, and never before now", () => {
    fc.assert(
      fc.property(
        shares,
        fc.array(wanted, { maxLength: 20 }),
        fc.integer({ max: 300, min: 0 }),
        (used, wishes, later) => {
          const bench = start(used)
          ask(bench, wishes)
          bench.commit(bench.board.plan(0), 0)
          const nowMs = later * minuteMs
          for (const { latestMs, likelyMs } of starts(bench, nowMs)) {
            if (latestMs === null) {
              // what should have ended has not: nothing is promised either
              expect(likelyMs).toBeNull()
              continue
            }
            expect(likelyMs).not.toBeNull()
            expect(likelyMs).toBeLessThanOrEqual(latestMs)
            expect(likelyMs).toBeGreaterThanOrEqual(Math.min(nowMs, latestMs))
          }
        },
      ),
    )
  })

  it("is the promised one where fewer than eight ends are known, or all used all of their time", () => {
    const known = fc.oneof(
      fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { maxLength: 7 }),
      fc.array(fc.constant(1), { maxLength: 30 }),
    )
    fc.assert(
      fc.property(known, fc.array(wanted, { maxLength: 20 }), (used, wishes) => {
        const bench = start(used)
        ask(bench, wishes)
        bench.commit(bench.board.plan(0), 0)
        for (const { latestMs, likelyMs } of starts(bench, minuteMs)) expect(likelyMs).toBe(latestMs)
      }),
    )
  })

  it("comes true to the millisecond where everybody uses the same share of their time", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0.1, 0.25, 0.5),
        fc.array(wanted, { minLength: 5, maxLength: 20 }),
        (share, wishes) => {
          const bench = start(Array.from({ length: 16 }, () => share))
          // one node each: nobody can be let past another, which plans with shorter lengths do more often
          ask(
            bench,
            wishes.map((wish) => ({ ...wish, nodes: 1 })),
          )
          bench.commit(bench.board.plan(0), 0)
          const said = starts(bench, 0)
          playOut(bench, share)
          for (const { id, likelyMs } of said) expect(bench.requests.get(id)?.startedAtMs).toBe(likelyMs)
        },
      ),
    )
  })
})

/** Lets every request end after its share, in the order of ends. */
function playOut(bench: BoardBench, share: number): void {
  for (let ends = 0; ends < 50; ends++) {
    const running = bench.board
      .live()
      .flatMap(({ id, state, startedAtMs, durationMs }) =>
        state === "provisioned" ? { id, endMs: (startedAtMs ?? 0) + Math.round(durationMs * share) } : [],
      )
      .toSorted((a, b) => a.endMs - b.endMs)
    const [first] = running
    if (!first) return
    for (const { id, endMs } of running) if (endMs === first.endMs) bench.end(id, "released", endMs, null)
    bench.commit(bench.board.plan(first.endMs), first.endMs)
  }
}
