import { afterEach, beforeEach, describe, expect, it } from "vitest"
import {
  type GpuRequest,
  type GpuRequestFilter,
  type GpuRequestState,
  gpuRequestChanged,
  nodeHoldChanged,
} from "../../domain/gpu-requests/index.ts"
import type { NodeId } from "../../domain/inventory/index.ts"
import type { Topic, Tx } from "../../domain/journal/index.ts"
import { sampleGpuRequest, sampleGpuWish, sampleHold } from "../samples.ts"
import { type OpenHarness, type StoreHarness, failure, outcomes } from "./harness.ts"

/** GPU requests and the nodes they hold: rows, guards, lists, pruning. */
export function gpuRequestCases(open: OpenHarness): void {
  let harness: StoreHarness
  beforeEach(async () => {
    harness = await open()
  })
  afterEach(() => harness.dispose())

  const write = (closure: (tx: Tx) => Promise<void>) => harness.store.tx(closure)
  const insert = (...requests: readonly GpuRequest[]) =>
    write(async (tx) => {
      for (const request of requests) await harness.store.gpuRequests.insert(tx, request)
    })
  const update = (request: GpuRequest, from: GpuRequestState) =>
    write((tx) => harness.store.gpuRequests.update(tx, request, from))
  const numberOf = ({ id }: Pick<GpuRequest, "id">) => Number(id.slice(-6))
  const numbers = (found: readonly Pick<GpuRequest, "id">[]) => found.map(numberOf)
  function told<T>(of: Topic<T>): T[] {
    const values: T[] = []
    harness.store.subscribe(of, (value) => values.push(value))
    return values
  }
  const node = {
    nodeId: "nod_1" as NodeId,
    name: "node-1",
    clusterId: "local",
    gpus: 8,
    gpuModel: "NVIDIA-H100-80GB-HBM3",
    instanceType: "simulated",
  }
  const whole = sampleGpuRequest(1, {
    name: "100%_of 'it' ü💥",
    wish: sampleGpuWish({
      clusters: ["one", "two"],
      pods: {
        size: { cpuMilli: 1, memoryBytes: 2, gpus: 3, ephemeralBytes: 4 },
        count: 5,
        constraints: { labels: { a: "b" }, nodeNames: ["n"], tolerateAll: true, gpuModel: null },
      },
    }),
    idleTimeoutMs: 60_000,
    requeueOnFailure: true,
    enableEviction: true,
    multiNode: true,
    automatic: { ownerId: "wl_1", ownerShownId: "train-1", stepMs: 86_400_000, hasEnd: true },
    promised: { startMs: 8, atMs: 7, likelyMs: 6 },
    estimate: { startMs: 9, atMs: 8 },
  })
  const provisioned: GpuRequest = {
    ...whole,
    state: "provisioned",
    startedAtMs: 10,
    endsAtMs: 20,
    nodes: [node],
    place: 1,
    remainingMs: 5,
    heldBeforeMs: 3,
    retries: 2,
    idleSinceMs: 11,
    idleMs: 4,
  }
  const ended: GpuRequest = {
    ...provisioned,
    version: 2,
    state: "error",
    endedAtMs: 15,
    place: null,
    cause: "node_lost",
    failureReason: "The node was lost.",
  }

  describe("a request", () => {
    it("comes back whole by both of its ids through all of its life, and each change is told", async () => {
      const { gpuRequests, committed } = harness.store
      const seen = told(gpuRequestChanged)
      await insert(whole)
      expect(await gpuRequests.byId(committed, whole.id)).toEqual(whole)
      await update(provisioned, "queued")
      expect(await gpuRequests.byShownId(committed, whole.shownId)).toEqual({ ...provisioned, version: 2 })
      await update(ended, "provisioned")
      expect(await gpuRequests.byId(committed, whole.id)).toEqual({ ...ended, version: 3 })
      expect(await gpuRequests.byShownId(committed, "gpr-none")).toBeUndefined()
      expect(seen).toEqual([whole, { ...provisioned, version: 2 }, { ...ended, version: 3 }])
    })

    it("is refused under a shown id that was ever given, and then nothing of it is written", async () => {
      const { gpuRequests, committed } = harness.store
      await insert(sampleGpuRequest(1))
      const twin = sampleGpuRequest(2, { shownId: sampleGpuRequest(1).shownId })
      await expect(insert(sampleGpuRequest(3), twin)).rejects.toMatchObject({
        ...failure("already_exists"),
        resource: "gpu-request",
        subject: twin.shownId,
      })
      expect(numbers(await gpuRequests.live(committed))).toEqual([1])
    })

    it("is moved only from the version and the state that the mover saw", async () => {
      const { gpuRequests, committed } = harness.store
      await insert(sampleGpuRequest(1))
      const wrongState = update(sampleGpuRequest(1, { state: "complete" }), "provisioned")
      await expect(wrongState).rejects.toMatchObject(failure("stale"))
      const wrongVersion = update(sampleGpuRequest(1, { version: 2 }), "queued")
      await expect(wrongVersion).rejects.toMatchObject(failure("stale"))
      const races = [1, 2].map((priority) => update(sampleGpuRequest(1, { priority }), "queued"))
      expect((await outcomes(races)).toSorted()).toEqual(["ok", "stale"])
      expect(await gpuRequests.byId(committed, sampleGpuRequest(1).id)).toMatchObject({ version: 2 })
    })

    it("takes a place of its workspace only while nobody else has it, also of two at once", async () => {
      const { gpuRequests, committed } = harness.store
      const change = { state: "provisioned", place: 1, startedAtMs: 5 } as const
      const [one, two, elsewhere] = [1, 2, 3].map((n) =>
        sampleGpuRequest(n, { workspaceId: n === 3 ? "b" : "a" }),
      ) as [GpuRequest, GpuRequest, GpuRequest]
      await insert(one, two, elsewhere)
      const races = [one, two, elsewhere].map((request) => update({ ...request, ...change }, "queued"))
      const said = await outcomes(races)
      expect([said.slice(0, 2).toSorted(), said[2]]).toEqual([["ok", "stale"], "ok"])
      const [winner, loser] = said[0] === "ok" ? [one, two] : [two, one]
      await expect(update({ ...loser, ...change }, "queued")).rejects.toMatchObject(failure("stale"))
      await update({ ...loser, ...change, place: 2 }, "queued")
      // whoever has it keeps it through changes, and gives it back at its end
      await update({ ...winner, ...change, version: 2, idleMs: 9 }, "provisioned")
      await update({ ...winner, ...change, version: 3, place: null, state: "complete" }, "provisioned")
      const third = sampleGpuRequest(4, { workspaceId: "a", ...change })
      await insert(third)
      await expect(
        insert({ ...third, ...sampleGpuRequest(5), ...change, workspaceId: "a" }),
      ).rejects.toMatchObject(failure("stale"))
      expect(numbers(await gpuRequests.live(committed)).toSorted((a, b) => a - b)).toEqual([
        numberOf(loser),
        3,
        4,
      ])
    })

    it("takes no place where there is no limit: any number are provisioned", async () => {
      const { gpuRequests, committed } = harness.store
      await insert(...[1, 2, 3].map((n) => sampleGpuRequest(n)))
      for (const n of [1, 2, 3]) await update(sampleGpuRequest(n, { state: "provisioned" }), "queued")
      expect(await gpuRequests.liveIn(committed, "default")).toBe(3)
    })
  })

  describe("what lives", () => {
    it("is what is queued or provisioned, counted by workspace with the nodes that are not free", async () => {
      const { gpuRequests, committed } = harness.store
      await insert(
        sampleGpuRequest(1),
        sampleGpuRequest(2, { state: "provisioned", startedAtMs: 1 }),
        sampleGpuRequest(3, { workspaceId: "other" }),
        ...(["complete", "early_released", "timed_out", "error", "cancelled"] as const).map((state, n) =>
          sampleGpuRequest(10 + n, { state, endedAtMs: 5 }),
        ),
      )
      expect(numbers(await gpuRequests.live(committed)).toSorted((a, b) => a - b)).toEqual([1, 2, 3])
      expect(await gpuRequests.queuedIn(committed, "default")).toBe(1)
      expect(await gpuRequests.queuedIn(committed, "none")).toBe(0)
      expect(await gpuRequests.liveIn(committed, "default")).toBe(2)
      await write((tx) => gpuRequests.insertHold(tx, sampleHold(10, { state: "draining" })))
      await write((tx) => gpuRequests.insertHold(tx, sampleHold(11, { workspaceId: "third" })))
      expect(await gpuRequests.liveIn(committed, "default")).toBe(3)
      expect(await gpuRequests.liveIn(committed, "third")).toBe(1)
    })

    it("is counted in the transaction that asks", async () => {
      const { gpuRequests } = harness.store
      await insert(sampleGpuRequest(1))
      const counted = await harness.store.tx(async (tx) => [
        await gpuRequests.queuedIn(tx, "default"),
        await gpuRequests.liveIn(tx, "default"),
      ])
      expect(counted).toEqual([1, 1])
    })
  })

  describe("the hold of a node", () => {
    it("comes back whole, moves by its version and is gone when the node is free; each is told", async () => {
      const { gpuRequests, committed } = harness.store
      const seen = told(nodeHoldChanged)
      const hold = sampleHold(1, { automatic: true })
      await write((tx) => gpuRequests.insertHold(tx, hold))
      expect(await gpuRequests.hold(committed, hold.nodeId)).toEqual(hold)
      const draining = { ...hold, state: "draining", drainDeadlineMs: 99, untilMs: 50 } as const
      await write((tx) => gpuRequests.updateHold(tx, draining))
      const after = { ...draining, version: 2 }
      expect(await gpuRequests.holds(committed)).toEqual([after])
      await expect(write((tx) => gpuRequests.updateHold(tx, draining))).rejects.toMatchObject(
        failure("stale"),
      )
      await expect(write((tx) => gpuRequests.deleteHold(tx, draining))).rejects.toMatchObject(
        failure("stale"),
      )
      await write((tx) => gpuRequests.deleteHold(tx, after))
      await expect(write((tx) => gpuRequests.deleteHold(tx, after))).rejects.toMatchObject(failure("stale"))
      expect(await gpuRequests.hold(committed, hold.nodeId)).toBeUndefined()
      expect(seen).toEqual([
        { hold, free: false },
        { hold: after, free: false },
        { hold: after, free: true },
      ])
    })

    it("is given to one of those who want it, and the others' transactions leave nothing", async () => {
      const { gpuRequests, committed } = harness.store
      await insert(sampleGpuRequest(1), sampleGpuRequest(2))
      const { nodeId } = sampleHold(1)
      const races = [1, 2].map((n) =>
        write(async (tx) => {
          await gpuRequests.update(tx, sampleGpuRequest(n, { state: "provisioned" }), "queued")
          await gpuRequests.insertHold(tx, sampleHold(n, { nodeId }))
        }),
      )
      expect((await outcomes(races)).toSorted()).toEqual(["ok", "stale"])
      const [hold] = await gpuRequests.holds(committed)
      const states = (await gpuRequests.live(committed)).map(({ id, state }) => [id, state])
      expect(states.find(([, state]) => state === "provisioned")?.[0]).toBe(hold?.requestId)
      expect(states.filter(([, state]) => state === "queued")).toHaveLength(1)
    })
  })

  describe("the requests of a workspace", () => {
    it("are listed by shown id without cancelled ones, as many as are asked for", async () => {
      const { gpuRequests, committed } = harness.store
      const all = [1, 2, 3, 4].map((n) => sampleGpuRequest(n, n === 2 ? { state: "complete" } : {}))
      await insert(
        ...all,
        sampleGpuRequest(5, { state: "cancelled" }),
        sampleGpuRequest(6, { workspaceId: "b" }),
      )
      const sorted = all.toSorted((a, b) => (a.shownId < b.shownId ? -1 : 1))
      expect(await gpuRequests.listIn(committed, "default", 10)).toEqual(sorted)
      expect(await gpuRequests.listIn(committed, "default", 3)).toEqual(sorted.slice(0, 3))
    })
  })

  describe("pages", () => {
    const states = ["queued", "provisioned", "complete", "cancelled", "early_released"] as const
    const at = (n: number) =>
      sampleGpuRequest(n, {
        workspaceId: `w${n % 3}`,
        state: states[n % 5] ?? "queued",
        // two in one millisecond, again and again
        createdAtMs: 1_000 + Math.floor(n / 2),
        automatic: n % 2 === 0 ? null : { ownerId: "o", ownerShownId: "s", stepMs: 1, hasEnd: false },
      })
    const count = 60
    const all = Array.from({ length: count }, (_, n) => at(n))

    async function paged(filter: GpuRequestFilter, limit: number): Promise<readonly number[]> {
      const { gpuRequests, committed } = harness.store
      const found: number[] = []
      let cursor: string | null = null
      for (let turn = 0; turn <= count; turn++) {
        const page = await gpuRequests.page(committed, filter, limit, cursor)
        expect(page.items.length).toBeLessThanOrEqual(limit)
        found.push(...numbers(page.items))
        cursor = page.nextCursor
        if (cursor === null) return found
      }
      throw new Error("The pages do not end.")
    }
    const expected = (isWanted: (request: GpuRequest) => boolean) =>
      numbers(all.filter(isWanted)).toReversed()

    it("go through all but cancelled ones, newest first, each once, whatever the length", async () => {
      await insert(...all)
      for (const limit of [1, 7, 48, 100])
        expect(await paged({ workspaces: null }, limit)).toEqual(
          expected(({ state }) => state !== "cancelled"),
        )
    })

    it.each<[GpuRequestFilter, (request: GpuRequest) => boolean]>([
      [{ workspaces: ["w1"] }, (one) => one.workspaceId === "w1" && one.state !== "cancelled"],
      [{ workspaces: ["w1", "w2"] }, (one) => one.workspaceId !== "w0" && one.state !== "cancelled"],
      [{ workspaces: [] }, () => false],
      [{ workspaces: null, states: [] }, () => false],
      [{ workspaces: null, states: ["queued", "provisioned"] }, (one) => /^(q|p)/.test(one.state)],
      [
        { workspaces: ["w0"], states: ["queued"] },
        (one) => one.workspaceId === "w0" && one.state === "queued",
      ],
      [{ workspaces: null, states: ["queued", "complete"] }, (one) => /^(queued|complete)/.test(one.state)],
      [{ workspaces: null, states: ["cancelled"] }, (one) => one.state === "cancelled"],
      [
        { workspaces: null, automatic: true, states: ["queued"] },
        (one) => one.automatic !== null && one.state === "queued",
      ],
      [
        { workspaces: ["w2"], automatic: false },
        (one) => one.workspaceId === "w2" && one.automatic === null && one.state !== "cancelled",
      ],
    ])("of %j give what matches and nothing else", async (filter, isWanted) => {
      await insert(...all)
      expect(await paged(filter, 3)).toEqual(expected(isWanted))
    })

    it.each([
      "",
      "x",
      "1000",
      "1000.gpr_1",
      "01000.gpr_00000000000000000000000001",
      `${"9".repeat(16)}.gpr_00000000000000000000000001`,
      "1000.gpr_00000000000000000000000001 ",
    ])("refuse the cursor %j, which no page has given", async (cursor) => {
      const { gpuRequests, committed } = harness.store
      const page = gpuRequests.page(committed, { workspaces: null }, 10, cursor)
      await expect(page).rejects.toMatchObject(failure("invalid"))
    })
  })

  describe("what held nodes in a span", () => {
    const held = (n: number, startedAtMs: number | null, endedAtMs: number | null, workspaceId = "a") =>
      sampleGpuRequest(n, {
        workspaceId,
        startedAtMs,
        endedAtMs,
        state: endedAtMs !== null ? "complete" : startedAtMs !== null ? "provisioned" : "queued",
      })
    const span = { workspaces: null, fromMs: 100, toMs: 200 }

    it("is what had begun before its end and not ended before its beginning, by start", async () => {
      const { gpuRequests, committed } = harness.store
      await insert(
        held(1, 10, 100),
        held(2, 150, 160),
        held(3, 10, 101),
        held(4, 199, null),
        held(5, 200, null),
        held(6, 50, 900, "b"),
        held(7, null, null),
        held(8, 20, null, "b"),
        sampleGpuRequest(9, { state: "cancelled", endedAtMs: 150 }),
      )
      const found = (workspaces: readonly string[] | null, limit: number) =>
        gpuRequests.heldBetween(committed, { ...span, workspaces }, limit).then(numbers)
      expect(await found(null, 10)).toEqual([3, 8, 6, 2, 4])
      expect(await found(null, 2)).toEqual([2, 4])
      expect(await found(["b"], 10)).toEqual([8, 6])
      expect(await found([], 10)).toEqual([])
    })
  })

  describe("outcomes", () => {
    it("are of those that started since and had a promise, the latest first", async () => {
      const { gpuRequests, committed } = harness.store
      const promised = { startMs: 30, atMs: 20 }
      const started = (n: number, startedAtMs: number, change: Partial<GpuRequest> = {}) =>
        sampleGpuRequest(n, { startedAtMs, promised, priority: n, createdAtMs: 5, ...change })
      await insert(
        started(1, 39),
        started(2, 40),
        started(3, 90, { state: "complete", endedAtMs: 95 }),
        started(4, 80, { promised: null }),
        started(5, 70, { promised: { startMs: null, atMs: 20 } }),
        started(6, 60, { promised: { ...promised, likelyMs: 25 } }),
        sampleGpuRequest(7, { promised }),
      )
      const row = (priority: number, startedAtMs: number) => ({
        priority,
        createdAtMs: 5,
        promisedStartMs: 30,
        promisedAtMs: 20,
        likelyStartMs: priority === 6 ? 25 : null,
        startedAtMs,
      })
      expect(await gpuRequests.outcomes(committed, 40, 10)).toEqual([row(3, 90), row(6, 60), row(2, 40)])
      expect(await gpuRequests.outcomes(committed, 40, 1)).toEqual([row(3, 90)])
    })
  })

  describe("the last that ended", () => {
    it("are those that had nodes, as many as are asked for, by their end", async () => {
      const { gpuRequests, committed } = harness.store
      const ended = (n: number, endedAtMs: number) =>
        sampleGpuRequest(n, {
          state: "complete",
          startedAtMs: 1,
          endsAtMs: 100,
          endedAtMs,
          cause: "released",
        })
      await insert(
        ended(1, 30),
        ended(2, 10),
        ended(3, 20),
        sampleGpuRequest(4, { state: "provisioned", startedAtMs: 1, endsAtMs: 100 }),
        sampleGpuRequest(5, { state: "cancelled", endedAtMs: 40 }),
        sampleGpuRequest(6),
      )
      expect(await gpuRequests.lastEnded(committed, 10)).toEqual([ended(2, 10), ended(3, 20), ended(1, 30)])
      expect(numbers(await gpuRequests.lastEnded(committed, 2))).toEqual([3, 1])
    })
  })

  describe("pruning", () => {
    it("removes what ended before the instant, oldest first, in steps, and nothing that lives or has a node", async () => {
      const { gpuRequests, committed } = harness.store
      await insert(
        sampleGpuRequest(1),
        sampleGpuRequest(2, { state: "provisioned" }),
        sampleGpuRequest(3, { state: "complete", endedAtMs: 30 }),
        sampleGpuRequest(4, { state: "cancelled", endedAtMs: 10 }),
        sampleGpuRequest(5, { state: "error", endedAtMs: 20 }),
        sampleGpuRequest(6, { state: "complete", endedAtMs: 40 }),
        sampleGpuRequest(7, { state: "complete", endedAtMs: 1 }),
      )
      await write((tx) => gpuRequests.insertHold(tx, sampleHold(7, { state: "draining" })))
      const prune = (limit: number) => harness.store.tx((tx) => gpuRequests.prune(tx, 40, limit))
      const left = async () => {
        const found = await Promise.all(
          [1, 2, 3, 4, 5, 6, 7].map((n) => gpuRequests.byId(committed, sampleGpuRequest(n).id)),
        )
        return numbers(found.filter((one) => one !== undefined))
      }
      expect(await prune(1)).toBe(1)
      expect(await left()).toEqual([1, 2, 3, 5, 6, 7])
      expect(await prune(10)).toBe(2)
      expect(await prune(10)).toBe(0)
      expect(await left()).toEqual([1, 2, 6, 7])
    })
  })
}
