import fc from "fast-check"
import { expect, it } from "vitest"
import type { Command, Run } from "./board-history.ts"
import {
  any,
  apply,
  at,
  begin,
  commands,
  historyOf,
  minute,
  plain,
  requestsIn,
  slotsOf,
  step,
  turn,
} from "./board-history.ts"
import type { GpuRequestReason, WhosePromises, Slot } from "./board-types.ts"
import { naivePlan } from "./naive-plan.ts"
import type { GpuRequest, GpuRequestId } from "../types.ts"
import { propertyRuns } from "../../../kit/property-runs.ts"

/** More by the environment variable, for a longer search. */
const { runs, ...seeded } = propertyRuns(80)

/** A board after a random history, at rest. */
function after(history: Parameters<typeof apply>[1][]): Run {
  const run = begin()
  for (const what of history) apply(run, what)
  turn(run)
  return run
}

it("meets every estimate exactly while all end at their time and nothing new comes", () => {
  fc.assert(
    fc.property(historyOf(any), (history) => {
      const run = after(history)
      for (const hold of run.bench.holds.values())
        if (hold.drainDeadlineMs !== null) run.bench.free(hold.nodeId)
      step(run, 0)
      const slots = slotsOf(run)
      const ends = [...slots.values()].map((slot) => slot.endMs)
      step(run, Math.ceil((Math.max(run.nowMs, ...ends) - run.nowMs) / minute))
      for (const [id, slot] of slots) expect(run.bench.requests.get(id)?.startedAtMs, id).toBe(slot.startMs)
    }),
    { numRuns: runs, ...seeded },
  )
})

it("says beforehand when a request would start", () => {
  fc.assert(
    fc.property(historyOf(any), commands.create, (history, wanted) => {
      const run = after(history)
      const { workspaceId, priority, minutes, clusters, nodes, gpusPerNode, model: gpuModel } = wanted
      const wish = {
        clusters,
        nodes,
        gpusPerNode,
        gpuModel,
        instanceType: null,
        memoryGibPerGpu: null,
        pods: null,
      }
      const before = slotsOf(run)
      const candidate = { workspaceId, wish, priority, durationMs: minutes * minute }
      const forecast = run.bench.board.forecast(candidate, run.nowMs)
      expect(slotsOf(run), "asking changes nothing").toEqual(before)
      apply(run, wanted)
      const id = `gpr_r${String(run.made - 1).padStart(3, "0")}` as GpuRequestId
      const slot = run.bench.board.slot(id, run.nowMs)
      if (forecast.kind === "slot") expect(slot).toEqual(forecast.slot)
      else {
        expect(slot).toBeUndefined()
        expect(run.bench.board.reason(id, run.nowMs)).toEqual(forecast.reason)
      }
    }),
    { numRuns: runs, ...seeded },
  )
})

it("names as blockers only those whose going changes the answer", () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(historyOf(any), fc.nat(1000), (history, pick) => {
      const run = after(history)
      const request = at(requestsIn(run, "queued"), pick)
      const reason = request && run.bench.board.reason(request.id, run.nowMs)
      if (!request || !reason) return
      seen.add(reason.code)
      remove(run, request, reason)
      expect(run.bench.board.reason(request.id, run.nowMs)).not.toEqual(reason)
    }),
    { numRuns: runs * 2, ...seeded },
  )
  expect([...seen]).toEqual(
    expect.arrayContaining(["quota_short", "blocked_by", "workspace_busy", "queue_paused"]),
  )
})

function remove(run: Run, request: GpuRequest, reason: GpuRequestReason): void {
  const { bench } = run
  switch (reason.code) {
    case "queue_paused":
      bench.setPaused(false)
      bench.changeTeam(request.workspaceId, { queuePaused: false })
      return
    case "cannot_be_met":
      if (reason.nearest)
        bench.change(request.id, {
          wish: { ...request.wish, ...reason.nearest, clusters: [reason.nearest.clusterId] },
        })
      else bench.changeNode("nod_n1", { workspaceId: null, version: 99 })
      return
    case "nodes_unhealthy":
    case "cordoned":
    case "draining":
      for (const node of bench.nodes.values())
        if (reason.nodes.includes(node.name)) {
          bench.changeNode(node.id, { healthy: true, stuck: false, cordoned: false, draining: false })
          const hold = bench.holds.get(node.id)
          // also one whose time is up and whose end nobody has handled yet
          if (hold && (hold.drainDeadlineMs !== null || hold.untilMs <= run.nowMs)) bench.free(node.id)
        }
      return
    case "quota_short":
      if (reason.untilMs === null)
        for (const node of bench.nodes.values())
          if (reason.nodes.includes(node.name)) bench.use(node.id, false)
      if (reason.untilMs !== null) removeHolders(run, request, reason.requestIds)
      return
    case "workspace_busy":
    case "blocked_by":
      removeHolders(run, request, reason.requestIds)
  }
}

function removeHolders({ bench, nowMs }: Run, request: GpuRequest, ids: readonly GpuRequestId[]): void {
  expect(ids).not.toEqual([])
  expect(ids).not.toContain(request.id)
  for (const id of ids) {
    if (bench.requests.get(id)?.state === "provisioned") bench.end(id, "released", nowMs, null)
    else if (bench.requests.get(id)?.state === "queued") bench.change(id, { state: "cancelled" })
    for (const hold of bench.holds.values()) if (hold.requestId === id) bench.free(hold.nodeId)
  }
}

const whose = fc.constantFrom<WhosePromises>("others", "all")

it("says whose promises a later end pushes back, and how far it may go", () => {
  let delays = 0
  fc.assert(
    fc.property(
      historyOf(any),
      fc.nat(1000),
      fc.integer({ min: 1, max: 30 }),
      whose,
      (history, pick, more, whose) => {
        const run = after(history)
        const request = at(requestsIn(run, "provisioned"), pick)
        if (!request || (request.endsAtMs ?? 0) <= run.nowMs) return
        const before = slotsOf(run)
        const endsAtMs = (request.endsAtMs ?? 0) + more * minute
        const answer = run.bench.board.delayedBy(request.id, endsAtMs, run.nowMs, whose)
        expect(slotsOf(run), "asking changes nothing").toEqual(before)
        expect(answer.latestEndMs).toBeGreaterThanOrEqual(request.endsAtMs ?? 0)
        if (answer.requestIds.length > 0) {
          delays++
          expect(answer.latestEndMs).toBeLessThan(endsAtMs)
          const delayed = counted(run, extendTo(run, request, endsAtMs, before), request, whose)
          expect(delayed.toSorted()).toEqual([...answer.requestIds].toSorted())
        } else expect(counted(run, extendTo(run, request, endsAtMs, before), request, whose)).toEqual([])
        // the same rows with the end that it offers instead
        const again = after(history)
        const delayed = extendTo(again, request, answer.latestEndMs, slotsOf(again))
        expect(counted(again, delayed, request, whose)).toEqual([])
      },
    ),
    { numRuns: runs * 2, ...seeded },
  )
  expect(delays).toBeGreaterThan(0)
})

/** Those whose promises count. */
function counted(
  { bench }: Run,
  ids: readonly GpuRequestId[],
  { workspaceId }: GpuRequest,
  whose: WhosePromises,
): readonly GpuRequestId[] {
  return ids.filter((id) => whose === "all" || bench.requests.get(id)?.workspaceId !== workspaceId)
}

/** Extends it, and says who is later then. */
function extendTo(
  run: Run,
  request: GpuRequest,
  endsAtMs: number,
  before: ReadonlyMap<GpuRequestId, Slot>,
): GpuRequestId[] {
  run.bench.change(request.id, { endsAtMs })
  for (const hold of run.bench.holds.values())
    if (hold.requestId === request.id)
      run.bench.hold({ ...hold, untilMs: endsAtMs, version: hold.version + 1 })
  const slots = slotsOf(run)
  return [...before].flatMap(([id, slot]) => ((slots.get(id)?.startMs ?? Infinity) > slot.startMs ? id : []))
}

it("plans in steps as at once, whatever comes in between", () => {
  fc.assert(
    fc.property(historyOf(plain), fc.array(commands.create, { maxLength: 5 }), (history, wanted) => {
      const run = after(history)
      for (let number = 0; number < 100; number++) apply(run, create({ minutes: 1 + (number % 7) }))
      const steps = run.bench.board.planSteps(run.nowMs)
      let count = 0
      while (steps.next().done !== true) {
        const next = wanted[count++]
        if (next) apply(run, next)
        expect(run.bench.board.isDirty(run.nowMs), "the plan is not finished").toBe(true)
        if (count === wanted.length) run.bench.board.position("gpr_r000" as GpuRequestId, 0)
      }
      expect(slotsOf(run)).toEqual(naivePlan(run.bench, run.nowMs))
    }),
    { numRuns: 20, ...seeded },
  )
})

/** A request of one node, as a command. */
function create(change: Partial<Extract<Command, { do: "create" }>>): Command {
  const wish = { nodes: 1, gpusPerNode: 1, clusters: ["c1"], model: null, ...change } as const
  return { do: "create", workspaceId: "red", priority: 101, minutes: 9, ...wish }
}

it("starts a large request at the head by the time it was told, however many small ones come behind it", () => {
  const run = begin()
  for (let number = 0; number < 4; number++) apply(run, create({ minutes: 3 + number }))
  turn(run)
  apply(run, create({ nodes: 4 }))
  const large = `gpr_r004` as GpuRequestId
  const promised = run.bench.board.slot(large, run.nowMs)?.startMs
  for (let minutes = 0; run.bench.requests.get(large)?.state === "queued" && minutes < 60; minutes++) {
    for (let number = 0; number < 3; number++) apply(run, create({ minutes: 1 + ((minutes + number) % 9) }))
    turn(run)
    step(run, 1)
  }
  expect(promised).toBe(1_000_000 + 6 * minute)
  expect(run.bench.requests.get(large)?.startedAtMs).toBe(promised)
})
