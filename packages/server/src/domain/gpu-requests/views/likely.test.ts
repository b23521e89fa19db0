import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { aGpuNode, aPolicy, aRequest, aTeam, createBoardBench } from "../board/board-fixtures.ts"
import { aWish, hourMs, openGpuWorld, type GpuWorld } from "../gpu-world-suite.ts"

let world: GpuWorld
beforeEach(async () => {
  world = await openGpuWorld()
})
afterEach(() => world.close())

/** Eight of `red` that used half of their time, as the rows say it. */
function halfUsed(): void {
  for (let n = 0; n < 8; n++)
    world.likely.requestChanged(
      aRequest(`old${n}`, {
        state: "early_released",
        cause: "released",
        startedAtMs: 0,
        endsAtMs: 2 * hourMs,
        endedAtMs: hourMs,
      }),
    )
}

async function held() {
  const made = await world.requests.create(world.owner, aWish({ nodes: 3, durationMs: 2 * hourMs }))
  return world.provision(made, "n1", "n2", "n3")
}

describe("a likely start", () => {
  it("stands beside the slot in everything that is said of a request that waits", async () => {
    const { endsAtMs } = await held()
    const { shownId } = await world.requests.create(world.owner, aWish({ workspaceId: "blue" }))
    const unknown = await world.requests.get(world.owner, shownId)
    expect(unknown).toMatchObject({ slot: { startMs: endsAtMs }, likelyStartMs: endsAtMs })
    halfUsed()
    await world.clock.advance(hourMs / 2)
    const likelyStartMs = (endsAtMs ?? 0) - hourMs
    const known = { slot: { startMs: endsAtMs }, likelyStartMs }
    expect(await world.requests.get(world.owner, shownId)).toMatchObject(known)
    expect(await world.requests.explain(world.owner, shownId)).toMatchObject(known)
    expect(await world.requests.queue(world.owner, 10)).toMatchObject([known])
    const { items } = await world.requests.page(world.owner, { states: ["provisioned", "queued"] }, 10, null)
    expect(new Set(items.map((view) => view.likelyStartMs))).toEqual(new Set([likelyStartMs, null]))
  })

  it("of a request that is only asked about comes with its estimate, in words where it is earlier", async () => {
    await held()
    halfUsed()
    const { name: _, ...wish } = aWish({ workspaceId: "blue" })
    const nowMs = world.clock.nowMs()
    const answer = await world.requests.estimate(world.owner, wish)
    expect(answer).toMatchObject({ startMs: nowMs + 2 * hourMs, likelyStartMs: nowMs + hourMs })
    expect(answer.sentence).toBe(
      "It would start in 2 h at the latest, at 2030-01-01T02:00:00Z, likely in 1 h, on n1 in cluster local.",
    )
    const never = await world.requests.estimate(world.owner, { ...wish, gpusPerNode: 50 })
    expect(never).toMatchObject({ outcome: "never", likelyStartMs: null })
  })

  it("is as it was a second ago at the most, of what is newer too", async () => {
    await held()
    const first = await world.requests.create(world.owner, aWish({ workspaceId: "blue" }))
    const before = await world.requests.get(world.owner, first.shownId)
    halfUsed()
    await world.clock.advance(999)
    expect((await world.requests.get(world.owner, first.shownId)).likelyStartMs).toBe(before.likelyStartMs)
    await world.clock.advance(1)
    expect((await world.requests.get(world.owner, first.shownId)).likelyStartMs).toBeLessThan(
      before.likelyStartMs ?? 0,
    )
    const second = await world.requests.create(world.owner, aWish({ workspaceId: "blue" }))
    await world.clock.advance(5)
    const after = await world.requests.get(world.owner, second.shownId)
    expect(after.likelyStartMs).toBeLessThan(after.slot?.startMs ?? 0)
  })
})

it("gives no likely start while more than a thousand requests are live", () => {
  const bench = createBoardBench({ withLikely: true })
  bench.putTeam(aTeam("red", { policy: aPolicy(null) }))
  bench.putNode(aGpuNode("n1", 8))
  const all = Array.from({ length: 1001 }, (_, index) => aRequest(String(index).padStart(4, "0")))
  bench.put(...all)
  const [first] = all
  const ask = () => first && bench.likely?.startMs(first.id, 5000, 5000)
  expect(ask()).toBeNull()
  bench.change(all[1000]?.id ?? ("" as never), { state: "cancelled" })
  expect(ask()).toBe(5000)
})
