import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { CreateGpuRequest } from "./commands.ts"
import { aWish, hourMs, openGpuWorld, type GpuWorld } from "./gpu-world-suite.ts"
import { defaultLimits } from "./limits.ts"

let world: GpuWorld
beforeEach(async () => {
  world = await openGpuWorld()
})
afterEach(() => world.close())

const refused = (code: string, facts: object = {}): Error =>
  expect.objectContaining({ code, ...facts }) as Error

describe("a new request", () => {
  it("is written with its event and its audit record, and is on the board when it is answered", async () => {
    const ann = await world.member("ann", "red", "editor")
    const wanted = aWish({ name: "ft gpr", gpuModel: "T4", memoryGibPerGpu: 15, priority: 300, nodes: 2 })
    const made = await world.requests.create(ann, wanted)
    expect(made).toMatchObject({
      shownId: expect.stringMatching(/^gpr-[0-9a-f]{8}-[0-9a-f]{4}$/),
      id: expect.stringMatching(/^gpr_/),
      name: "ft gpr",
      workspaceId: "red",
      userId: ann.userId,
      state: "queued",
      priority: 300,
      durationMs: hourMs,
      createdAtMs: world.clock.nowMs(),
      nodes: [],
      wish: { clusters: ["local"], gpuModel: "T4", memoryGibPerGpu: 15, nodes: 2, pods: null },
    })
    expect(await world.row(made.shownId)).toEqual(made)
    expect(world.options.board.byShownId(made.shownId)).toEqual(made)
    const { events, audit } = await world.journal()
    expect(events.at(-1)).toMatchObject({
      type: "gpu-request.created",
      subject: { kind: "gpu-request", id: made.shownId },
      workspace: "red",
      actor: { id: ann.actor.id },
      data: { name: "ft gpr", priority: 300, nodes: 2, gpuModel: "T4", durationMs: hourMs },
    })
    expect(audit[0]).toMatchObject({ operation: "gpu-request.create", outcome: "ok", workspace: "red" })
  })

  it("takes clusters in the order in which they are named, also what nobody has", async () => {
    const made = await world.requests.create(
      world.owner,
      aWish({ workspaceId: "default", clusters: ["lab", "local"], instanceType: "moon-1", gpuModel: "X9" }),
    )
    expect(made.wish).toMatchObject({ clusters: ["lab", "local"], instanceType: "moon-1", gpuModel: "X9" })
  })

  it("of the same name in the same millisecond is another one", async () => {
    const [a, b] = await Promise.all([
      world.requests.create(world.owner, aWish()),
      world.requests.create(world.owner, aWish()),
    ])
    expect(a.createdAtMs).toBe(b.createdAtMs)
    expect(a.name).toBe(b.name)
    expect(a.shownId).not.toBe(b.shownId)
    expect(a.id < b.id).toBe(true)
    expect(world.options.board.live().map((one) => one.id)).toEqual([a.id, b.id])
  })

  it("whose shown id is taken gets another; when all tries are taken it is refused", async () => {
    const { ids } = world.options
    let stuck = 24
    const dice = ids.random
    const sticky = { ...ids, random: () => (stuck-- > 0 ? 0.5 : dice()) }
    const other = await openGpuWorld({ ids: sticky })
    const first = await other.requests.create(other.owner, aWish())
    const second = await other.requests.create(other.owner, aWish())
    expect(first.shownId).toBe("gpr-88888888-8888")
    expect(second.shownId).not.toBe(first.shownId)
    stuck = Infinity
    await expect(other.requests.create(other.owner, aWish())).rejects.toThrow(
      refused("conflict", { detail: "id" }),
    )
    expect((await other.everything()).rows).toHaveLength(2)
    await other.close()
  })
})

describe("bad input", () => {
  const most = defaultLimits
  it.each<[keyof CreateGpuRequest, readonly unknown[]]>([
    ["name", ["", "  ", "x".repeat(254), "a\u0007b", "a\nb", "a\u009b31m", "\ud800x"]],
    ["gpusPerNode", [0, -1, 1.5, Number.NaN, 101, 1e300]],
    ["nodes", [0, -1, 0.5, Infinity, 101]],
    ["durationMs", [0, -hourMs, Number.NaN, 0.1, most.longestDurationMs + 1, Number.MAX_VALUE]],
    ["idleTimeoutMs", [0, -1, most.longestIdleTimeoutMs + 1]],
    ["priority", [-1, 301, 1.5, Number.NaN]],
    ["memoryGibPerGpu", [-1, 0.5, 1e9]],
    ["instanceType", ["", "x".repeat(254), "a\u001b[2J"]],
    ["gpuModel", [" ", "\u0000", "T4\udc00"]],
    ["clusters", [[]]],
  ])("names %s for %j", async (member, values) => {
    for (const value of values)
      expect(
        await world.refusal(() => world.requests.create(world.owner, aWish({ [member]: value }))),
      ).toEqual(refused("invalid", { issues: [expect.objectContaining({ path: [member] })] }))
  })

  it("is named in the order of the members, all of it", async () => {
    const wrong = aWish({
      name: "",
      nodes: 0,
      priority: 999,
      durationMs: 0,
      gpusPerNode: 0,
      clusters: ["lab"],
    })
    expect(await world.refusal(() => world.requests.create(world.owner, wrong))).toEqual(
      refused("invalid", {
        issues: [["name"], ["gpusPerNode"], ["nodes"], ["durationMs"], ["priority"], ["clusters", 0]].map(
          (path) => expect.objectContaining({ path }),
        ),
      }),
    )
  })

  it("at its limits is none", async () => {
    const made = await world.requests.create(
      world.owner,
      aWish({
        name: "😀".repeat(253),
        gpusPerNode: 100,
        nodes: 100,
        durationMs: most.longestDurationMs,
        idleTimeoutMs: most.longestIdleTimeoutMs,
        priority: 0,
        memoryGibPerGpu: 0,
      }),
    )
    expect(await world.row(made.shownId)).toEqual(made)
  })

  it("is a cluster of others, one named twice, and one that nobody has is not found", async () => {
    for (const [clusters, at] of [
      [["lab"], 0],
      [["local", "lab"], 1],
      [["local", "local"], 1],
    ] as const)
      expect(await world.refusal(() => world.requests.create(world.owner, aWish({ clusters })))).toEqual(
        refused("invalid", { issues: [expect.objectContaining({ path: ["clusters", at] })] }),
      )
    expect(
      await world.refusal(() => world.requests.create(world.owner, aWish({ clusters: ["mars"] }))),
    ).toEqual(refused("not_found", { resource: "cluster", subject: "mars" }))
    expect(
      await world.refusal(() => world.requests.create(world.owner, aWish({ clusters: ["mars"], nodes: 0 }))),
    ).toEqual(refused("invalid"))
  })
})

describe("who may ask", () => {
  it("is whoever writes in the workspace; for others it does not exist", async () => {
    const viewer = await world.member("vic", "red", "viewer")
    const stranger = await world.member("sue", "blue", "owner")
    const serverViewer = await world.person("vera", "viewer")
    for (const somebody of [viewer, serverViewer])
      expect(await world.refusal(() => world.requests.create(somebody, aWish()))).toEqual(
        refused("forbidden"),
      )
    expect(await world.refusal(() => world.requests.create(stranger, aWish()))).toEqual(
      refused("not_found", { resource: "workspace", subject: "red" }),
    )
    for (const workspaceId of ["nowhere", ""])
      expect(await world.refusal(() => world.requests.create(world.owner, aWish({ workspaceId })))).toEqual(
        refused("not_found", { resource: "workspace", subject: workspaceId }),
      )
    expect((await world.requests.create(stranger, aWish({ workspaceId: "blue" }))).state).toBe("queued")
  })

  it("is nobody while the workspace is being deleted, also in the same batch", async () => {
    world.live.set("red", 1)
    const [, request] = await Promise.allSettled([
      world.workspaces.remove(world.owner, "red", { force: true }),
      world.requests.create(world.owner, aWish()),
    ])
    expect(request).toMatchObject({ reason: { code: "conflict", resource: "workspace", detail: "deleting" } })
    expect((await world.everything()).rows).toEqual([])
  })

  it("may have a hundred in the queue of a workspace, and another when one has left it", async () => {
    const made = await Promise.all(
      Array.from({ length: 100 }, () => world.requests.create(world.owner, aWish())),
    )
    expect(await world.refusal(() => world.requests.create(world.owner, aWish()))).toEqual(
      refused("too_many", { detail: "queue_full", facts: { limit: 100 } }),
    )
    await world.requests.create(world.owner, aWish({ workspaceId: "blue" }))
    await world.requests.cancel(world.owner, made[0]?.shownId ?? "")
    const both = await Promise.allSettled([
      world.requests.create(world.owner, aWish()),
      world.requests.create(world.owner, aWish()),
    ])
    expect(both.map((one) => one.status).toSorted()).toEqual(["fulfilled", "rejected"])
  })
})
