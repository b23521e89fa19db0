import fc from "fast-check"
import { expect, it } from "vitest"
import { unusable } from "../../inventory/index.ts"
import type { Run } from "./board-history.ts"
import { any, apply, begin, historyOf, plain, requestsIn, slotsOf, turn } from "./board-history.ts"
import type { Slot } from "./board-types.ts"
import { naivePlan } from "./naive-plan.ts"
import { compareRequests } from "./request-order.ts"
import type { GpuRequestId } from "../types.ts"
import { isLendable, unmetBy } from "./wish-fit.ts"
import { propertyRuns } from "../../../kit/property-runs.ts"

/** More by the environment variable, for a longer search. */
const { runs, ...seeded } = propertyRuns(100)
const longestMs = 60_000 + runs * 200

function checkSlots(run: Run, slots: ReadonlyMap<GpuRequestId, Slot>): void {
  const { bench, nowMs } = run
  const taken: { nodeId: string; startMs: number; endMs: number }[] = []
  for (const nodeId of bench.inUse)
    if (!bench.holds.has(nodeId)) taken.push({ nodeId, startMs: -Infinity, endMs: Infinity })
  for (const hold of bench.holds.values())
    if (hold.drainDeadlineMs === null)
      taken.push({ nodeId: hold.nodeId, startMs: -Infinity, endMs: hold.untilMs })
    else taken.push({ nodeId: hold.nodeId, startMs: -Infinity, endMs: hold.drainDeadlineMs })
  for (const [id, slot] of slots) {
    const request = bench.requests.get(id)
    if (!request) throw new Error("A slot of nobody.")
    expect(slot.startMs).toBeGreaterThanOrEqual(nowMs)
    expect(slot.endMs - slot.startMs).toBe(request.remainingMs ?? request.durationMs)
    expect(new Set(slot.nodeIds).size, "whole nodes, all of them").toBe(request.wish.nodes)
    for (const nodeId of slot.nodeIds) {
      const node = bench.nodes.get(nodeId)
      expect(node && isLendable(node) && !unusable(node) && !unmetBy(request.wish, node)).toBe(true)
      expect(node?.clusterId).toBe(slot.clusterId)
      const clash = taken.find(
        (one) => one.nodeId === nodeId && one.startMs < slot.endMs && one.endMs > slot.startMs,
      )
      expect(clash, `${id} on ${nodeId}`).toBeUndefined()
      taken.push({ nodeId, startMs: slot.startMs, endMs: slot.endMs })
    }
  }
  checkPlaces(run, slots)
}

/** How many of a workspace are provisioned at once; it may be above the limit only by those that are already. */
function checkPlaces(run: Run, slots: ReadonlyMap<GpuRequestId, Slot>): void {
  for (const workspace of run.bench.workspaces.values()) {
    const limit = workspace.policy.mostGpuRequests ?? Infinity
    const isOwn = (id: GpuRequestId) => run.bench.requests.get(id)?.workspaceId === workspace.id
    const own = [...slots].flatMap(([id, slot]) => (isOwn(id) ? slot : []))
    const held = requestsIn(run, "provisioned").filter((request) => request.workspaceId === workspace.id)
    for (const { startMs } of own) {
      const planned = own.filter((slot) => slot.startMs <= startMs && slot.endMs > startMs).length
      const running = held.filter((request) => (request.endsAtMs ?? 0) > startMs).length
      expect(planned + running, `places of ${workspace.id}`).toBeLessThanOrEqual(limit)
    }
  }
}

function checkNobodyLater(
  run: Run,
  before: ReadonlyMap<GpuRequestId, Slot>,
  after: ReadonlyMap<GpuRequestId, Slot>,
): void {
  for (const [id, slot] of before) {
    if (run.bench.requests.get(id)?.state !== "queued") continue
    expect(after.get(id)?.startMs, `${id} is not later`).toBeLessThanOrEqual(
      Math.max(slot.startMs, run.nowMs),
    )
  }
}

/** No request could begin at once beside the slots of all others. */
function checkNothingIdle(run: Run, slots: ReadonlyMap<GpuRequestId, Slot>): void {
  const scratch = run.bench.rebuilt()
  const plan = scratch.plan(run.nowMs)
  const hasNone = [...slots.values()].every((slot) => slot.startMs > run.nowMs)
  if (hasNone && plan.provisions.length > 0) {
    const [first] = plan.provisions
    // Planning from scratch would start it now: then its nodes are promised to somebody who would be later.
    expect(first && slots.has(first.requestId)).toBe(true)
  }
}

/** After an extension slots are kept where planning from scratch would make somebody later: then nobody is. */
function checkAgainst(naive: ReadonlyMap<GpuRequestId, Slot>, slots: ReadonlyMap<GpuRequestId, Slot>): void {
  const starts = (plan: ReadonlyMap<GpuRequestId, Slot>) =>
    [...plan].map(([id, { startMs }]) => [id, startMs])
  const isSooner = [...slots].some(([id, { startMs }]) => startMs < (naive.get(id)?.startMs ?? Infinity))
  if (!isSooner) return expect(slots).toEqual(naive)
  expect(starts(slots).map(([id]) => id)).toEqual(starts(naive).map(([id]) => id))
  for (const [id, { startMs }] of slots)
    expect(startMs).toBeLessThanOrEqual(naive.get(id)?.startMs ?? Infinity)
}

it(
  "plans as planning from scratch does or better, step by step, while nothing ends early",
  () => {
    fc.assert(
      fc.property(historyOf(plain), (commands) => {
        const run = begin()
        for (const what of commands) {
          apply(run, what)
          checkAgainst(naivePlan(run.bench, run.nowMs), slotsOf(run))
          turn(run)
          expect(run.bench.board.fingerprint()).toBe(run.bench.rebuilt().fingerprint())
        }
      }),
      { numRuns: runs, ...seeded },
    )
  },
  longestMs,
)

it(
  "plans from any rows as the simplest planner does",
  () => {
    fc.assert(
      fc.property(historyOf(any), (commands) => {
        const run = begin()
        for (const what of commands) {
          apply(run, what)
          const anew = run.bench.rebuilt()
          const slots = new Map<GpuRequestId, Slot>()
          for (const request of requestsIn(run, "queued").toSorted(compareRequests)) {
            const slot = anew.slot(request.id, run.nowMs)
            if (slot) slots.set(request.id, slot)
          }
          expect(slots).toEqual(naivePlan(run.bench, run.nowMs))
          turn(run)
        }
      }),
      { numRuns: runs, ...seeded },
    )
  },
  longestMs,
)

it(
  "keeps every promise under any sequence of commands",
  () => {
    fc.assert(
      fc.property(historyOf(any), (commands) => {
        const run = begin()
        let before = slotsOf(run)
        for (const what of commands) {
          apply(run, what)
          const slots = slotsOf(run)
          checkSlots(run, slots)
          if (what.do === "release" || what.do === "cancel") checkNobodyLater(run, before, slots)
          if (what.do === "create") checkOnlyBehind(run, before, slots)
          checkNothingIdle(run, slots)
          turn(run)
          before = slotsOf(run)
          checkSlots(run, before)
          expect(run.bench.board.fingerprint()).toBe(run.bench.rebuilt().fingerprint())
        }
      }),
      { numRuns: runs, ...seeded },
    )
  },
  longestMs,
)

/** A new request changes nothing for those that are ahead of it. */
function checkOnlyBehind(
  run: Run,
  before: ReadonlyMap<GpuRequestId, Slot>,
  after: ReadonlyMap<GpuRequestId, Slot>,
): void {
  const added = requestsIn(run, "queued").find(
    (request) => !before.has(request.id) && request.id === lastId(run),
  )
  if (!added) return
  for (const [id, slot] of before) {
    const request = run.bench.requests.get(id)
    if (request?.state === "queued" && compareRequests(request, added) < 0)
      expect(after.get(id)).toEqual(slot)
  }
}

function lastId(run: Run): GpuRequestId {
  return `gpr_r${String(run.made - 1).padStart(3, "0")}` as GpuRequestId
}
