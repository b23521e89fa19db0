import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { AppError } from "../../kit/errors.ts"
import { systemActor } from "../journal/index.ts"
import { createBoard } from "./board/board.ts"
import { aWish, openGpuWorld, type GpuWorld } from "./gpu-world-suite.ts"
import { canMoveGpuRequest, isLive } from "./states.ts"
import type { GpuRequest } from "./types.ts"
import { gpuRequestChanged } from "./types.ts"
import { propertyRuns } from "../../kit/property-runs.ts"
import type { GpuRequestId } from "./types.ts"

const { runs, ...seeded } = propertyRuns(25)

const minuteMs = 60_000
const actor = systemActor("test")

/** What somebody does, or what time does. `at` picks a request among all that were ever made. */
type Step =
  | {
      readonly kind: "create"
      readonly workspaceId: string
      readonly nodes: number
      readonly priority: number
      readonly minutes: number
    }
  | { readonly kind: "change"; readonly at: number; readonly priority: number }
  | { readonly kind: "cancel" | "release" | "both"; readonly at: number }
  | { readonly kind: "extend"; readonly at: number; readonly minutes: number }
  | { readonly kind: "pass"; readonly minutes: number }
  | { readonly kind: "node"; readonly at: number }
  | { readonly kind: "restart" }

const at = fc.nat({ max: 20 })
const minutes = fc.integer({ min: 1, max: 120 })
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant("create" as const),
      workspaceId: fc.constantFrom("red", "blue", "default"),
      nodes: fc.integer({ min: 1, max: 4 }),
      priority: fc.constantFrom(1, 101, 300),
      minutes,
    }),
    fc.record({ kind: fc.constant("change" as const), at, priority: fc.constantFrom(0, 150, 299) }),
    fc.record({ kind: fc.constantFrom("cancel" as const, "release" as const, "both" as const), at }),
    fc.record({ kind: fc.constant("extend" as const), at, minutes }),
    fc.record({ kind: fc.constant("pass" as const), minutes }),
    fc.record({ kind: fc.constant("node" as const), at }),
    fc.record({ kind: fc.constant("restart" as const) }),
  ),
  { minLength: 5, maxLength: 25 },
)

/** Everything that may be refused by its rules; anything else is a fault. */
const refusals = ["conflict", "too_many"]
async function attempt(act: Promise<unknown>): Promise<boolean> {
  return act.then(
    () => true,
    (thrown: unknown) => {
      if (thrown instanceof AppError && refusals.includes(thrown.code)) return false
      throw thrown
    },
  )
}

async function take(world: GpuWorld, made: readonly string[], step: Step): Promise<void> {
  const { requests, owner } = world
  const id = "at" in step ? made[step.at % Math.max(1, made.length)] : undefined
  switch (step.kind) {
    case "create": {
      const { workspaceId, nodes, priority } = step
      const wish = { workspaceId, nodes, priority, durationMs: step.minutes * minuteMs }
      await attempt(requests.create(owner, aWish(wish)))
      return
    }
    case "change":
      if (id) await attempt(requests.change(owner, id, { priority: step.priority }))
      return
    case "cancel":
      if (id && (await attempt(requests.cancel(owner, id))))
        expect((await world.row(id))?.state).toBe("cancelled")
      return
    case "release":
      if (id && (await attempt(requests.release(owner, id))))
        expect((await world.row(id))?.state).toBe("early_released")
      return
    case "both": {
      if (!id) return
      const was = (await world.row(id))?.state
      const answers = await Promise.all([
        attempt(requests.cancel(owner, id)),
        attempt(requests.release(owner, id)),
      ])
      expect(answers).toEqual([was === "queued", was === "provisioned"])
      return
    }
    case "extend": {
      const before = id && (await world.row(id))
      const promised = slotsOf(world)
      if (!before || !(await attempt(requests.extend(owner, before.shownId, step.minutes * minuteMs)))) return
      expect((await world.row(before.shownId))?.endsAtMs).toBe(
        (before.endsAtMs ?? 0) + step.minutes * minuteMs,
      )
      // nobody else is worse off; its own workspace decides for its own
      for (const [other, startMs] of slotsOf(world))
        if (world.board.request(other as GpuRequestId)?.workspaceId !== before.workspaceId)
          expect(startMs).toBeLessThanOrEqual(promised.get(other) ?? 0)
      return
    }
    case "pass":
      await pass(world, step.minutes)
      return
    case "node": {
      const names = ["n1", "n2", "n3"]
      const name = names[step.at % names.length] ?? "n1"
      const isCordoned = world.inventory.list().find((node) => node.name === name)?.cordoned === true
      await (isCordoned
        ? world.inventory.uncordon(owner, null, name)
        : world.inventory.cordon(owner, null, name))
      return
    }
    case "restart":
      expect(await rebuilt(world)).toBe(world.board.fingerprint())
  }
}

/** When each that waits is expected to start. */
function slotsOf({ board, clock }: GpuWorld): ReadonlyMap<string, number> {
  const nowMs = clock.nowMs()
  return new Map(
    board.live().flatMap(({ id }) => {
      const slot = board.slot(id, nowMs)
      return slot ? [[id, slot.startMs]] : []
    }),
  )
}

/** Time goes by a minute after the other: what is due ends, what has drained is free. */
async function pass(world: GpuWorld, count: number): Promise<void> {
  const { clock, board, store, rows, options } = world
  for (let minute = 0; minute < count; minute++) {
    await clock.advance(minuteMs)
    const nowMs = clock.nowMs()
    const due = board.live().filter(({ endsAtMs }) => endsAtMs !== null && endsAtMs <= nowMs)
    const drained = (await rows.holds(store.committed)).filter(
      ({ drainDeadlineMs }) => drainDeadlineMs !== null && drainDeadlineMs <= nowMs,
    )
    if (due.length + drained.length === 0) continue
    await store.tx(async (tx) => {
      for (const request of due) await options.holds.endHold(tx, request, { cause: "duration", nowMs, actor })
      for (const hold of drained) await rows.deleteHold(tx, hold)
    })
    await turn(world)
  }
}

/** What the plan wants now is written. */
async function turn(world: GpuWorld): Promise<void> {
  const { board, clock, inventory } = world
  for (const { requestId, nodeIds, place } of board.plan(clock.nowMs()).provisions) {
    const request = board.request(requestId)
    const nodes = inventory.list().filter((node) => nodeIds.includes(node.id))
    if (request) await world.give(request, { nodes: nodes.map((node) => node.name), place })
  }
}

async function rebuilt(world: GpuWorld): Promise<string> {
  const { store, inventory, index, rows } = world
  const board = createBoard()
  for (const workspace of index.list()) board.workspaceChanged(workspace, false)
  for (const node of inventory.list()) board.nodeChanged(node)
  for (const request of await rows.live(store.committed)) board.requestChanged(request)
  for (const hold of await rows.holds(store.committed)) board.holdChanged(hold, false)
  return board.fingerprint()
}

/** A node has one holder, a holder has its nodes, and no workspace has more than it may. */
function expectSound({ board, index, clock }: GpuWorld): void {
  const provisioned = board.live().filter((request) => request.state === "provisioned")
  const nodes = provisioned.flatMap((request) => request.nodes.map((node) => node.nodeId))
  expect(new Set(nodes).size).toBe(nodes.length)
  for (const request of provisioned) {
    expect(request.nodes).toHaveLength(request.wish.nodes)
    for (const { nodeId } of request.nodes) expect(board.hold(nodeId)?.requestId).toBe(request.id)
    for (const hold of board.holdsOf(request.id)) expect(hold.untilMs).toBe(request.endsAtMs)
  }
  for (const { id, policy } of index.list()) {
    const most = policy.mostGpuRequests ?? Infinity
    expect(provisioned.filter((request) => request.workspaceId === id).length).toBeLessThanOrEqual(most)
  }
  for (const request of board.live()) {
    if (request.state !== "queued") continue
    const slot = board.slot(request.id, clock.nowMs())
    // whatever waits has a reason, unless it starts in this moment
    if (!slot || slot.startMs > clock.nowMs()) expect(board.reason(request.id, clock.nowMs())).toBeDefined()
  }
}

describe("whatever is done to requests", () => {
  it("moves them as the table says, leaves nodes with one holder and memory as the rows are", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const world = await openGpuWorld()
        const states = new Map<string, GpuRequest["state"]>()
        const made: string[] = []
        world.store.subscribe(gpuRequestChanged, ({ id, shownId, state }) => {
          const before = states.get(id)
          if (before === undefined) made.push(shownId)
          if (before === undefined) expect(state).toBe("queued")
          else if (before !== state) expect(canMoveGpuRequest(before, state)).toBe(true)
          states.set(id, state)
        })
        for (const step of all) {
          await take(world, made, step)
          await turn(world)
          expectSound(world)
        }
        expect(await rebuilt(world)).toBe(world.board.fingerprint())
        for (const shownId of made) {
          const row = await world.row(shownId)
          expect(states.get(row?.id ?? "")).toBe(row?.state)
          expect(world.board.byShownId(shownId) !== undefined).toBe(row !== undefined && isLive(row))
        }
        await world.close()
      }),
      { numRuns: runs, ...seeded },
    )
  })
})
