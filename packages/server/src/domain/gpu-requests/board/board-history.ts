import fc from "fast-check"
import { expect } from "vitest"
import type { BoardBench } from "./board-fixtures.ts"
import { aGpuNode, aPolicy, aRequest, aTeam, createBoardBench } from "./board-fixtures.ts"
import type { Slot } from "./board-types.ts"
import { compareRequests } from "./request-order.ts"
import type { GpuRequest, GpuRequestId } from "../types.ts"

/** Instants and lengths of these histories are whole minutes, but for those that are late. */
export const minute = 60_000

const pick = fc.nat(1000)
const create = fc.record({
  do: fc.constant("create" as const),
  workspaceId: fc.constantFrom("red", "blue", "green"),
  nodes: fc.constantFrom(1, 1, 1, 2, 3, 4),
  gpusPerNode: fc.constantFrom(1, 1, 4, 8),
  minutes: fc.integer({ min: 1, max: 20 }),
  priority: fc.constantFrom(50, 101, 101, 101, 250),
  clusters: fc.constantFrom(["c1"], ["c1"], ["c1", "c2"], ["c2", "c1"]),
  model: fc.constantFrom(null, null, null, "h100", "t4"),
})
/** What may happen. */
export const commands = {
  create,
  step: fc.record({ do: fc.constant("step" as const), by: fc.integer({ min: 0, max: 8 }) }),
  release: fc.record({ do: fc.constant("release" as const), pick, drains: fc.boolean() }),
  cancel: fc.record({ do: fc.constant("cancel" as const), pick }),
  priority: fc.record({
    do: fc.constant("priority" as const),
    pick,
    priority: fc.constantFrom(50, 101, 250),
  }),
  extend: fc.record({ do: fc.constant("extend" as const), pick, minutes: fc.integer({ min: 1, max: 9 }) }),
  requeue: fc.record({ do: fc.constant("requeue" as const), pick }),
  node: fc.record({
    do: fc.constant("node" as const),
    pick,
    flag: fc.constantFrom("healthy", "cordoned", "draining", "stuck"),
    isGood: fc.constantFrom(true, true, false),
  }),
  assign: fc.record({ do: fc.constant("assign" as const), pick, isLent: fc.constantFrom(true, true, false) }),
  use: fc.record({ do: fc.constant("use" as const), pick, isUsed: fc.boolean() }),
  pause: fc.record({
    do: fc.constant("pause" as const),
    pick,
    isPaused: fc.constantFrom(true, false, false),
  }),
  limit: fc.record({ do: fc.constant("limit" as const), pick, limit: fc.constantFrom(null, 1, 2) }),
  late: fc.record({ do: fc.constant("late" as const), by: fc.integer({ min: 1, max: 50_000 }) }),
}
/** Nothing that gives anybody back what was promised to him: then plans are those of planning from scratch. */
export const plain = fc.oneof(
  { weight: 10, arbitrary: commands.create },
  { weight: 8, arbitrary: commands.step },
  { weight: 2, arbitrary: commands.extend },
)
/** Anything. */
export const any = fc.oneof(
  { weight: 14, arbitrary: commands.create },
  { weight: 8, arbitrary: commands.step },
  { weight: 4, arbitrary: commands.release },
  { weight: 3, arbitrary: commands.cancel },
  ...[commands.priority, commands.extend, commands.requeue, commands.node].map((arbitrary) => ({
    weight: 2,
    arbitrary,
  })),
  ...[commands.assign, commands.use, commands.pause, commands.limit, commands.late].map((arbitrary) => ({
    weight: 1,
    arbitrary,
  })),
)
/** One of them. */
export type Command = typeof any extends fc.Arbitrary<infer T> ? T : never
/** Long ones: most of what can go wrong needs a full cluster. */
export const historyOf = (command: fc.Arbitrary<Command>) =>
  fc.array(command, { minLength: 10, maxLength: 45, size: "max" })

/** A history that is being played. */
export interface Run {
  readonly bench: BoardBench
  nowMs: number
  made: number
}

/** Two clusters with a few nodes of several kinds, and workspaces with one, two and any number of places. */
export function begin(): Run {
  const bench = createBoardBench()
  bench.putTeam(aTeam("red"), aTeam("blue", { policy: aPolicy(1) }), aTeam("green", { policy: aPolicy(2) }))
  bench.putNode(
    aGpuNode("n1", 8),
    aGpuNode("n2", 8),
    aGpuNode("n3", 4),
    aGpuNode("n4", 4, { gpuModel: "Tesla-T4" }),
    aGpuNode("m1", 8, { clusterId: "c2" }),
    aGpuNode("m2", 8, { clusterId: "c2" }),
    aGpuNode("x1", 0),
  )
  return { bench, nowMs: 1_000_000, made: 0 }
}

/** The item at an index that may be larger than the list. */
export function at<T>(items: readonly T[], index: number): T | undefined {
  return items[index % Math.max(1, items.length)]
}

/** In the order in which they were made. */
export function requestsIn(run: Run, state: GpuRequest["state"]): GpuRequest[] {
  return [...run.bench.requests.values()].filter((request) => request.state === state)
}

/** Plans and writes until nothing is left to be done. */
export function turn(run: Run): void {
  const { bench, nowMs } = run
  for (let turns = 0; bench.board.isDirty(nowMs); turns++) {
    expect(turns, "the board comes to rest").toBeLessThan(20)
    bench.commit(bench.board.plan(nowMs), nowMs)
  }
}

/** Time goes on by so many minutes, with everything that falls due on the way. */
export function step(run: Run, minutes: number): void {
  const untilMs = run.nowMs + minutes * minute
  for (let turns = 0; turns < 500; turns++) {
    const ends = requestsIn(run, "provisioned").map((request) => request.endsAtMs ?? Infinity)
    const nextMs = Math.min(untilMs, ...ends, run.bench.board.nextMs(run.nowMs) ?? Infinity)
    run.nowMs = Math.max(nextMs, run.nowMs)
    endDue(run)
    turn(run)
    if (run.nowMs >= untilMs) return
  }
  throw new Error("Time does not pass.")
}

function endDue(run: Run): void {
  for (const request of requestsIn(run, "provisioned"))
    if ((request.endsAtMs ?? Infinity) <= run.nowMs) run.bench.end(request.id, "duration", run.nowMs, null)
  for (const hold of run.bench.holds.values())
    if (hold.drainDeadlineMs !== null && hold.drainDeadlineMs <= run.nowMs) run.bench.free(hold.nodeId)
}

type Doers = { readonly [Do in Command["do"]]: (run: Run, what: Extract<Command, { do: Do }>) => void }

const doers: Doers = {
  create(run, { workspaceId, nodes, gpusPerNode, minutes, priority, clusters, model }) {
    const name = `r${String(run.made++).padStart(3, "0")}`
    const wish = { nodes, gpusPerNode, clusters, gpuModel: model }
    const durationMs = minutes * minute
    run.bench.put(aRequest(name, { workspaceId, priority, durationMs, createdAtMs: run.nowMs, wish }))
  },
  step: (run, { by }) => step(run, by),
  release(run, { pick, drains }) {
    const request = at(requestsIn(run, "provisioned"), pick)
    const deadlineMs = Math.min(run.nowMs + 30_000, request?.endsAtMs ?? 0)
    if (request) run.bench.end(request.id, "released", run.nowMs, drains ? deadlineMs : null)
  },
  cancel(run, { pick }) {
    const request = at(requestsIn(run, "queued"), pick)
    if (request) run.bench.change(request.id, { state: "cancelled", cause: "cancelled" })
  },
  priority(run, { pick, priority }) {
    const request = at(requestsIn(run, "queued"), pick)
    if (request) run.bench.change(request.id, { priority })
  },
  extend(run, { pick, minutes }) {
    const request = at(requestsIn(run, "provisioned"), pick)
    if (!request) return
    const endsAtMs = (request.endsAtMs ?? 0) + minutes * minute
    run.bench.change(request.id, { endsAtMs })
    for (const hold of run.bench.holds.values())
      if (hold.requestId === request.id)
        run.bench.hold({ ...hold, untilMs: endsAtMs, version: hold.version + 1 })
  },
  requeue(run, { pick }) {
    const request = at(requestsIn(run, "provisioned"), pick)
    if (!request) return
    const remainingMs = Math.max(1, (request.endsAtMs ?? 0) - run.nowMs)
    run.bench.end(request.id, "node_lost", run.nowMs, null)
    run.bench.change(request.id, { state: "queued", remainingMs, nodes: [], endsAtMs: null, cause: null })
  },
  node(run, { pick, flag, isGood }) {
    const node = at([...run.bench.nodes.values()], pick)
    if (node) run.bench.changeNode(node.id, { [flag]: isGood === (flag === "healthy") })
  },
  assign(run, { pick, isLent }) {
    const node = at([...run.bench.nodes.values()], pick)
    if (node) run.bench.changeNode(node.id, { workspaceId: isLent ? null : "red" })
  },
  use(run, { pick, isUsed }) {
    const node = at([...run.bench.nodes.values()], pick)
    if (node) run.bench.use(node.id, isUsed)
  },
  pause(run, { pick, isPaused }) {
    const workspace = at([...run.bench.workspaces.values()], pick)
    if (pick % 5 === 0) run.bench.setPaused(isPaused)
    else if (workspace) run.bench.changeTeam(workspace.id, { queuePaused: isPaused })
  },
  limit(run, { pick, limit }) {
    const workspace = at([...run.bench.workspaces.values()], pick)
    if (workspace) run.bench.changeTeam(workspace.id, { policy: aPolicy(limit) })
  },
  late(run, { by }) {
    run.nowMs += by
  },
}

/** One command. */
export function apply(run: Run, what: Command): void {
  const doer = doers[what.do] as (run: Run, what: Command) => void
  doer(run, what)
}

/** What the board has planned, in the order of the queue. */
export function slotsOf(run: Run): Map<GpuRequestId, Slot> {
  const slots = new Map<GpuRequestId, Slot>()
  for (const request of requestsIn(run, "queued").toSorted(compareRequests)) {
    const slot = run.bench.board.slot(request.id, run.nowMs)
    if (slot) slots.set(request.id, slot)
  }
  return slots
}
