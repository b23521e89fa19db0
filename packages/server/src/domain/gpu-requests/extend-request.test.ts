import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { aWish, hourMs, openGpuWorld, type GpuWorld } from "./gpu-world-suite.ts"
import { defaultLimits } from "./limits.ts"
import type { GpuRequest } from "./types.ts"

let world: GpuWorld
let request: GpuRequest
beforeEach(async () => {
  world = await openGpuWorld()
  request = await world.provision(await world.requests.create(world.owner, aWish({ nodes: 2 })), "n1", "n2")
})
afterEach(() => world.close())

const refused = (code: string, facts: object = {}): Error =>
  expect.objectContaining({ code, ...facts }) as Error
const extend = (byMs: number) => world.requests.extend(world.owner, request.shownId, byMs)

describe("extending", () => {
  it("moves end and length, and with them what its nodes are promised until", async () => {
    const end = (request.endsAtMs ?? 0) + 2 * hourMs
    const after = await extend(2 * hourMs)
    expect(after).toMatchObject({ endsAtMs: end, durationMs: 3 * hourMs, state: "provisioned" })
    expect(await world.row(request.shownId)).toEqual(after)
    expect(world.options.board.holdsOf(request.id).map((hold) => hold.untilMs)).toEqual([end, end])
    expect((await world.journal()).events.at(-1)).toMatchObject({
      type: "gpu-request.extended",
      workspace: "red",
      data: { byMs: 2 * hourMs, endsAtMs: end },
    })
    expect((await world.journal()).audit[0]).toMatchObject({ operation: "gpu-request.update" })
  })

  it("does not push back a promise to somebody else", async () => {
    await world.requests.create(world.owner, aWish({ workspaceId: "blue", nodes: 2 }))
    expect(await world.refusal(() => extend(60_000))).toEqual(
      refused("conflict", {
        detail: "promised",
        facts: { latestEndMs: request.endsAtMs, delayed: 1 },
        message: expect.stringMatching(/promised to another request: it cannot go on after its end\.$/),
      }),
    )
  })

  it("may push back those of its own workspace: who extends decides for it", async () => {
    const own = await world.requests.create(world.owner, aWish({ nodes: 2 }))
    const before = (await world.requests.get(world.owner, own.shownId)).slot?.startMs ?? 0
    await extend(2 * hourMs)
    expect((await world.requests.get(world.owner, own.shownId)).slot?.startMs).toBe(before + 2 * hourMs)
  })

  it("says until when it could go, and goes that far", async () => {
    const long = await world.requests.create(
      world.owner,
      aWish({ workspaceId: "blue", durationMs: 2 * hourMs }),
    )
    await world.provision(long, "n3")
    for (const workspaceId of ["blue", "default"])
      await world.requests.create(world.owner, aWish({ workspaceId, nodes: 3 }))
    const latestEndMs = (request.endsAtMs ?? 0) + hourMs
    expect(await world.refusal(() => extend(2 * hourMs))).toEqual(
      refused("conflict", {
        detail: "promised",
        facts: { latestEndMs, delayed: 2 },
        message: expect.stringMatching(
          /promised to 2 other requests: it can go on until 2030-01-01T02:00:00Z at most\.$/,
        ),
      }),
    )
    expect((await extend(hourMs)).endsAtMs).toBe(latestEndMs)
    expect(await world.refusal(() => extend(60_000))).toEqual(refused("conflict", { detail: "promised" }))
  })

  it.each([0, 59_999, -hourMs, 60_000.5, Number.NaN, Infinity, defaultLimits.longestDurationMs + 1])(
    "refuses %d ms",
    async (byMs) => {
      expect(await world.refusal(() => extend(byMs))).toEqual(
        refused("invalid", { issues: [expect.objectContaining({ path: ["byMs"] })] }),
      )
    },
  )

  it("goes to the longest duration and not beyond", async () => {
    expect(await world.refusal(() => extend(defaultLimits.longestDurationMs - hourMs + 1))).toEqual(
      refused("invalid", { issues: [expect.objectContaining({ path: ["byMs"] })] }),
    )
    const after = await extend(defaultLimits.longestDurationMs - hourMs)
    expect(after.durationMs).toBe(defaultLimits.longestDurationMs)
    expect(await world.refusal(() => extend(60_000))).toEqual(refused("invalid"))
  })

  it("twice at once counts twice", async () => {
    await Promise.all([extend(hourMs), extend(hourMs)])
    expect(await world.row(request.shownId)).toMatchObject({ durationMs: 3 * hourMs })
  })

  it("is for what holds nodes: not before, not after", async () => {
    const queued = await world.requests.create(world.owner, aWish())
    expect(await world.refusal(() => world.requests.extend(world.owner, queued.shownId, hourMs))).toEqual(
      refused("conflict", { detail: "queued", facts: { state: "queued", what: "extend" } }),
    )
    await world.requests.release(world.owner, request.shownId)
    expect(await world.refusal(() => extend(hourMs))).toEqual(
      refused("conflict", { detail: "early_released", facts: { state: "early_released", what: "extend" } }),
    )
  })
})
