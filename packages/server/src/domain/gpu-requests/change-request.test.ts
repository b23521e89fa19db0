import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { AppError } from "../../kit/errors.ts"
import { aWish, openGpuWorld, type GpuWorld } from "./gpu-world-suite.ts"
import type { GpuRequest } from "./types.ts"

let world: GpuWorld
let request: GpuRequest
beforeEach(async () => {
  world = await openGpuWorld()
  request = await world.requests.create(world.owner, aWish())
})
afterEach(() => world.close())

const refused = (code: string, facts: object = {}): Error =>
  expect.objectContaining({ code, ...facts }) as Error
const wrongState = (state: string, what: string) =>
  refused("conflict", { resource: "gpu-request", detail: state, facts: { state, what } })

const state = async () => (await world.row(request.shownId))?.state

describe("a change", () => {
  it("of name and priority is written once, with from and to", async () => {
    await world.requests.change(world.owner, request.shownId, { name: "two", priority: 250 })
    expect(await world.row(request.shownId)).toMatchObject({ name: "two", priority: 250, version: 2 })
    const { events, audit } = await world.journal()
    const data = { name: { from: "one", to: "two" }, priority: { from: 101, to: 250 } }
    expect(events.at(-1)).toMatchObject({ type: "gpu-request.updated", workspace: "red", data })
    expect(audit[0]).toMatchObject({ operation: "gpu-request.update", data })
  })

  it("is found by the inner id too", async () => {
    await world.requests.change(world.owner, request.id, { priority: 0 })
    expect((await world.row(request.shownId))?.priority).toBe(0)
  })

  it("moves the request in the order of the queue", async () => {
    const second = await world.requests.create(world.owner, aWish())
    await world.requests.change(world.owner, second.shownId, { priority: 201 })
    expect(world.options.board.live().map((one) => one.shownId)).toEqual([second.shownId, request.shownId])
  })

  it("that changes nothing writes nothing, whatever the state", async () => {
    const before = await world.everything()
    await world.requests.change(world.owner, request.shownId, { name: "one", priority: 101 })
    await world.requests.change(world.owner, request.shownId, { release: false })
    await world.requests.change(world.owner, request.shownId, {})
    expect(await world.everything()).toEqual(before)
    await world.provision(request, "n1")
    await world.requests.change(world.owner, request.shownId, { release: false })
    await world.requests.release(world.owner, request.shownId)
    await world.requests.change(world.owner, request.shownId, { release: false })
    expect(await state()).toBe("early_released")
  })

  it("is refused once the request has left the queue", async () => {
    await world.provision(request, "n1")
    for (const change of [{ name: "two" }, { priority: 5 }, { name: "one" }, { priority: 5, release: true }])
      expect(await world.refusal(() => world.requests.change(world.owner, request.shownId, change))).toEqual(
        wrongState("provisioned", "update"),
      )
    await world.requests.release(world.owner, request.shownId)
    expect(
      await world.refusal(() => world.requests.change(world.owner, request.shownId, { priority: 5 })),
    ).toEqual(wrongState("early_released", "update"))
  })

  it.each([{ name: "" }, { name: "a\u0000" }, { priority: 301 }, { priority: -1 }, { priority: 1.5 }])(
    "refuses %j",
    async (change) => {
      expect(await world.refusal(() => world.requests.change(world.owner, request.shownId, change))).toEqual(
        refused("invalid", { issues: [expect.objectContaining({ path: [Object.keys(change)[0]] })] }),
      )
    },
  )

  it("of two in the same instant both count", async () => {
    await Promise.all([
      world.requests.change(world.owner, request.shownId, { name: "two" }),
      world.requests.change(world.owner, request.shownId, { priority: 7 }),
    ])
    expect(await world.row(request.shownId)).toMatchObject({ name: "two", priority: 7, version: 3 })
  })

  it("whose row moved under it is tried once more, and then says so", async () => {
    let faults = 1
    const { rows } = world
    const stale = () => new AppError("stale", "It moved.")
    const shaky = await openGpuWorld()
    const options = {
      ...shaky.options,
      rows: {
        ...shaky.rows,
        update: async (...args: Parameters<typeof rows.update>) => {
          if (faults-- > 0) throw stale()
          return shaky.rows.update(...args)
        },
      },
    }
    const { changeRequest } = await import("./change-request.ts")
    const made = await shaky.requests.create(shaky.owner, aWish())
    await changeRequest(options, shaky.owner, made.shownId, { priority: 9 })
    expect(await shaky.row(made.shownId)).toMatchObject({ priority: 9, version: 2 })
    faults = 2
    await expect(changeRequest(options, shaky.owner, made.shownId, { priority: 8 })).rejects.toThrow(
      refused("stale"),
    )
    expect(await shaky.row(made.shownId)).toMatchObject({ priority: 9, version: 2 })
    await shaky.close()
  })
})

describe("cancelling", () => {
  it("takes a queued one out for good", async () => {
    await world.clock.advance(5_000)
    await world.requests.cancel(world.owner, request.shownId)
    expect(await world.row(request.shownId)).toMatchObject({
      state: "cancelled",
      cause: "cancelled",
      endedAtMs: world.clock.nowMs(),
    })
    expect(world.options.board.request(request.id)).toBeUndefined()
    expect(await world.moves(request)).toEqual(["gpu-request.cancelled", "gpu-request.created"])
    expect((await world.journal()).audit[0]).toMatchObject({ operation: "gpu-request.update" })
    expect(await world.requests.listIn(world.owner, "red")).toEqual([])
    expect(await world.refusal(() => world.requests.cancel(world.owner, request.shownId))).toEqual(
      wrongState("cancelled", "delete"),
    )
  })

  it("is refused for one that holds nodes, and for one that did", async () => {
    await world.provision(request, "n1")
    expect(await world.refusal(() => world.requests.cancel(world.owner, request.shownId))).toEqual(
      wrongState("provisioned", "delete"),
    )
    await world.requests.release(world.owner, request.shownId)
    expect(await world.refusal(() => world.requests.cancel(world.owner, request.shownId))).toEqual(
      wrongState("early_released", "delete"),
    )
  })
})

describe("giving back", () => {
  it("ends the hold through the one door, with an audit record of who did it", async () => {
    await world.provision(request, "n1", "n2")
    await world.clock.advance(60_000)
    await world.requests.change(world.owner, request.shownId, { release: true })
    expect(await world.row(request.shownId)).toMatchObject({
      state: "early_released",
      cause: "released",
      endedAtMs: world.clock.nowMs(),
    })
    expect(world.options.board.holdsOf(request.id).map((hold) => hold.state)).toEqual([
      "draining",
      "draining",
    ])
    expect(await world.moves(request)).toEqual(["gpu-request.released", "gpu-request.created"])
    expect((await world.journal()).audit[0]).toMatchObject({
      operation: "gpu-request.update",
      subject: { kind: "gpu-request", id: request.shownId },
      actor: { id: world.owner.actor.id },
      data: { released: true },
    })
  })

  it("is refused while it is queued, also together with a change, which is undone", async () => {
    expect(await world.refusal(() => world.requests.release(world.owner, request.shownId))).toEqual(
      wrongState("queued", "early_release"),
    )
    expect(
      await world.refusal(() =>
        world.requests.change(world.owner, request.shownId, { name: "two", release: true }),
      ),
    ).toEqual(wrongState("queued", "early_release"))
  })

  it("is refused a second time, naming the state", async () => {
    await world.provision(request, "n1")
    await world.requests.release(world.owner, request.shownId)
    expect(await world.refusal(() => world.requests.release(world.owner, request.shownId))).toEqual(
      wrongState("early_released", "early_release"),
    )
  })
})

describe("two at once", () => {
  it("that delete and give back a queued one: the one that fits wins", async () => {
    for (const first of ["cancel", "release"] as const) {
      const made = await world.requests.create(world.owner, aWish())
      const order = first === "cancel" ? (["cancel", "release"] as const) : (["release", "cancel"] as const)
      const answers = await Promise.allSettled(
        order.map((act) => world.requests[act](world.owner, made.shownId)),
      )
      expect((await world.row(made.shownId))?.state).toBe("cancelled")
      const [cancel, release] = first === "cancel" ? answers : answers.toReversed()
      expect(cancel?.status).toBe("fulfilled")
      const seen = first === "cancel" ? "cancelled" : "queued"
      expect(release).toMatchObject({ reason: { code: "conflict", detail: seen } })
    }
  })

  it("that delete and give back a provisioned one: it is given back", async () => {
    await world.provision(request, "n1")
    const answers = await Promise.allSettled([
      world.requests.cancel(world.owner, request.shownId),
      world.requests.release(world.owner, request.shownId),
      world.requests.cancel(world.owner, request.shownId),
      world.requests.release(world.owner, request.shownId),
    ])
    expect(answers.map((answer) => answer.status)).toEqual(["rejected", "fulfilled", "rejected", "rejected"])
    expect(answers[2]).toMatchObject({ reason: { detail: "early_released" } })
    expect(await state()).toBe("early_released")
  })

  it("that delete the same one: one is told that it is gone already", async () => {
    const answers = await Promise.allSettled([
      world.requests.cancel(world.owner, request.shownId),
      world.requests.cancel(world.owner, request.shownId),
    ])
    expect(answers).toMatchObject([{ status: "fulfilled" }, { reason: { detail: "cancelled" } }])
    expect(await world.moves(request)).toEqual(["gpu-request.cancelled", "gpu-request.created"])
  })

  it("that edit it while it is provisioned: the plan wins, the edit is refused", async () => {
    const [provisioned, edited] = await Promise.allSettled([
      world.provision(request, "n1"),
      world.requests.change(world.owner, request.shownId, { priority: 300 }),
    ])
    expect(provisioned.status).toBe("fulfilled")
    expect(edited).toMatchObject({ reason: { code: "conflict", facts: { state: "provisioned" } } })
    expect(await world.row(request.shownId)).toMatchObject({ state: "provisioned", priority: 101 })
  })
})

describe("who may", () => {
  const acts = {
    change: (id: string, who: GpuWorld["owner"]) => world.requests.change(who, id, { priority: 1 }),
    nothing: (id: string, who: GpuWorld["owner"]) => world.requests.change(who, id, {}),
    cancel: (id: string, who: GpuWorld["owner"]) => world.requests.cancel(who, id),
    release: (id: string, who: GpuWorld["owner"]) => world.requests.release(who, id),
    extend: (id: string, who: GpuWorld["owner"]) => world.requests.extend(who, id, 60_000),
  }

  it.each(Object.keys(acts) as (keyof typeof acts)[])(
    "%s: not a Viewer, not a stranger, not what is not there",
    async (name) => {
      const act = acts[name]
      const viewer = await world.member("vic", "red", "viewer")
      const stranger = await world.member("sue", "blue", "owner")
      const missing = (id: string) => refused("not_found", { resource: "gpu-request", subject: id })
      expect(await world.refusal(() => act(request.shownId, viewer))).toEqual(refused("forbidden"))
      for (const id of [request.shownId, request.id])
        expect(await world.refusal(() => act(id, stranger))).toEqual(missing(id))
      for (const id of ["gpr-00000000-0000", "gpr_x", "", "'; --", "x".repeat(5_000)])
        expect(await world.refusal(() => act(id, world.owner))).toEqual(missing(id))
    },
  )

  it("an Editor changes what another Editor asked for", async () => {
    const [ann, bob] = [
      await world.member("ann", "red", "editor"),
      await world.member("bob", "red", "editor"),
    ]
    const made = await world.requests.create(ann, aWish())
    await world.requests.change(bob, made.shownId, { priority: 200 })
    await world.requests.cancel(bob, made.shownId)
    expect((await world.row(made.shownId))?.state).toBe("cancelled")
  })
})
