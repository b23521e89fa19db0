import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Tx } from "../../domain/journal/index.ts"
import type { Workload, WorkloadFilter, WorkloadSort } from "../../domain/workloads/index.ts"
import { sampleAttempt, sampleClaim, sampleSpec, sampleWorkload } from "../samples.ts"
import { type OpenHarness, type StoreHarness, failure } from "./harness.ts"

/** Workloads: rows, lists, counters, pruning. */
export function workloadCases(open: OpenHarness): void {
  let harness: StoreHarness
  beforeEach(async () => {
    harness = await open()
  })
  afterEach(() => harness.dispose())

  const insert = (workloads: readonly Workload[]) =>
    harness.store.tx(async (tx) => {
      for (const workload of workloads) await harness.store.workloads.insert(tx, workload)
    })
  const update = (workload: Workload) =>
    harness.store.tx((tx) => harness.store.workloads.update(tx, workload))
  async function list(
    filter: Partial<WorkloadFilter>,
    page: Partial<Parameters<typeof harness.store.workloads.list>[2]> = {},
  ) {
    const { workloads, committed } = harness.store
    const wanted = { sort: "createdAtMs", order: "asc", offset: 0, limit: 100, ...page } as const
    const found = await workloads.list(committed, { workspaceIds: null, ...filter }, wanted)
    return { total: found.total, numbers: found.items.map((item) => Number(item.id.slice(-6))) }
  }

  describe("a workload", () => {
    it("comes back whole by its key and by its shown id", async () => {
      const { workloads, committed } = harness.store
      const workload = sampleWorkload(1, {
        description: "100%_of 'it'\n",
        spec: sampleSpec({
          timeout: 60,
          env: { A: "ü\u0000💥" },
          liveness: { path: "/x" },
          isTolerateAll: true,
        }),
        conditions: [{ type: "K8sPending", run: 1, message: "m", atMs: 5 }],
        asServerOwner: true,
        cause: "failed",
        phase: "Failed",
        startedAtMs: 1,
        endedAtMs: 2,
      })
      await insert([workload])
      expect(await workloads.byKey(committed, workload.key)).toEqual(workload)
      expect(await workloads.byId(committed, workload.id)).toEqual(workload)
      expect(await workloads.byId(committed, "train-none")).toBeUndefined()
    })

    it("is refused under a shown id that was ever given, and then nothing of it is written", async () => {
      const { workloads, committed } = harness.store
      await insert([sampleWorkload(1, { hidden: true })])
      const twin = sampleWorkload(2, { id: sampleWorkload(1).id })
      await expect(insert([twin])).rejects.toMatchObject(failure("already_exists"))
      expect(await workloads.byKey(committed, twin.key)).toBeUndefined()
      expect((await list({})).total).toBe(0)
    })

    it("takes a change of its spec, large or small, with the move that brings it", async () => {
      const { workloads, committed } = harness.store
      const workload = sampleWorkload(1)
      await insert([workload])
      const spec = sampleSpec({ entryPoint: "e".repeat(300_000), maxRetry: 9, dependencies: ["train-b"] })
      await update({ ...workload, spec, priority: 2 })
      const after = { ...workload, spec, priority: 2, version: 2 }
      expect(await workloads.byKey(committed, workload.key)).toEqual(after)
      expect(await workloads.dependents(committed, "train-b")).toEqual([workload.key])
    })

    it("counts as live in its workspace until it has ended", async () => {
      const { workloads, committed } = harness.store
      const [one, two] = [sampleWorkload(1, { phase: "Pending" }), sampleWorkload(2, { phase: "Updating" })]
      await insert([one, two, sampleWorkload(3, { workspaceId: "other", phase: "Running" })])
      expect(await workloads.liveIn(committed, one.workspaceId)).toBe(2)
      await update({ ...one, phase: "Stopped", hidden: true })
      expect(await workloads.liveIn(committed, one.workspaceId)).toBe(1)
      expect(await workloads.liveIn(committed, "none")).toBe(0)
    })

    it("is changed by one of two who read the same version", async () => {
      const workload = sampleWorkload(1)
      await insert([workload])
      await update({ ...workload, phase: "Running" })
      await expect(update({ ...workload, phase: "Stopped" })).rejects.toMatchObject({
        ...failure("stale"),
        subject: workload.id,
      })
      expect((await list({ phases: ["Running"] })).total).toBe(1)
    })

    it("is loaded at boot while it lives, and awaits its TTL once it has ended", async () => {
      const { workloads, committed } = harness.store
      const spec = sampleSpec({ ttlSecondsAfterFinished: 60 })
      await insert([
        sampleWorkload(1),
        sampleWorkload(2, { phase: "Running", hidden: true }),
        sampleWorkload(3, { phase: "Succeeded", endedAtMs: 1_000, spec }),
        sampleWorkload(4, { phase: "Stopped", endedAtMs: 1_000, deletedAtMs: 1_000 }),
      ])
      const live = await workloads.live(committed)
      expect(live.map((one) => one.id).toSorted()).toEqual([sampleWorkload(1).id, sampleWorkload(2).id])
      expect(await workloads.awaitingTtl(committed)).toEqual([{ key: sampleWorkload(3).key, atMs: 61_000 }])
    })

    it("knows the live ones that depend on it", async () => {
      const { workloads, committed } = harness.store
      const spec = sampleSpec({ dependencies: ["train-a", "train-b", "train-a"] })
      await insert([
        sampleWorkload(1, { spec }),
        sampleWorkload(2, { spec, phase: "Failed" }),
        sampleWorkload(3, { spec: sampleSpec({ dependencies: ["train-b"] }) }),
      ])
      expect(await workloads.dependents(committed, "train-a")).toEqual([sampleWorkload(1).key])
      expect(await workloads.dependents(committed, "train-b")).toHaveLength(2)
      expect(await workloads.dependents(committed, "train-c")).toEqual([])
    })
  })

  describe("a list", () => {
    it("takes filters together, exactly as they are", async () => {
      await insert([
        sampleWorkload(1, { workspaceId: "a", userId: "usr_1", kind: "PyTorchJob" }),
        sampleWorkload(2, { workspaceId: "a", userId: "usr_2", kind: "Authoring", phase: "Running" }),
        sampleWorkload(3, { workspaceId: "b", userId: "usr_2", clusterId: "far", phase: "Running" }),
        sampleWorkload(4, { workspaceId: "b", hidden: true }),
      ])
      expect(await list({})).toEqual({ total: 3, numbers: [1, 2, 3] })
      expect(await list({ workspaceIds: ["a"] })).toEqual({ total: 2, numbers: [1, 2] })
      expect(await list({ workspaceIds: ["a", "b", "a"] })).toEqual({ total: 3, numbers: [1, 2, 3] })
      expect(await list({ workspaceIds: [] })).toEqual({ total: 0, numbers: [] })
      expect(await list({ workspaceIds: ["A"] })).toEqual({ total: 0, numbers: [] })
      expect(await list({ phases: ["Running", "Nonsense"] })).toEqual({ total: 2, numbers: [2, 3] })
      expect(await list({ phases: [] })).toEqual({ total: 0, numbers: [] })
      expect(await list({ kinds: ["Authoring"] })).toEqual({ total: 1, numbers: [2] })
      expect(await list({ clusterId: "far" })).toEqual({ total: 1, numbers: [3] })
      expect(await list({ userId: "usr_2", workspaceIds: ["a"] })).toEqual({ total: 1, numbers: [2] })
      expect(await list({ workspaceIds: ["a"], phases: ["Running"] })).toEqual({ total: 1, numbers: [2] })
    })

    it("bounds the creation inclusively on both sides", async () => {
      await insert([1, 2, 3, 4].map((n) => sampleWorkload(n)))
      const at = (n: number) => sampleWorkload(n).createdAtMs
      expect((await list({ createdFromMs: at(2), createdToMs: at(3) })).numbers).toEqual([2, 3])
      expect((await list({ createdFromMs: at(2) + 1 })).numbers).toEqual([3, 4])
      expect((await list({ createdToMs: at(2) - 1 })).numbers).toEqual([1])
    })

    it("finds contained text literally: case, wildcards, quotes, backslashes and other scripts", async () => {
      const texts = [
        "50% done",
        "50 done",
        "a_b",
        "axb",
        "it's",
        'say "hi"',
        "back\\slash",
        "Größe 💥",
        "[a-z]*?",
      ]
      await insert(texts.map((text, n) => sampleWorkload(n, { description: text, userName: text })))
      const expected: readonly [string, readonly number[]][] = [
        ["%", [0]],
        ["_", [2]],
        ["'", [4]],
        ['"', [5]],
        ["\\", [6]],
        ["größe", []],
        ["Größe 💥", [7]],
        ["[a-z]", [8]],
        ["DONE", []],
        ["done", [0, 1]],
        ["' or 1=1 --", []],
      ]
      for (const [text, numbers] of expected) {
        expect({ text, ...(await list({ description: text })) }).toMatchObject({ text, numbers })
        expect({ text, ...(await list({ userName: text })) }).toMatchObject({ text, numbers })
      }
      expect((await list({ workloadId: "000003" })).numbers).toEqual([3])
      expect((await list({ workloadId: "TRAIN" })).numbers).toEqual([])
    })

    it("puts what is not set first when descending and last when ascending", async () => {
      const started = [300, null, 100, null, 200]
      await insert(started.map((startedAtMs, n) => sampleWorkload(n, { startedAtMs })))
      const by = (order: "asc" | "desc") => list({}, { sort: "startedAtMs", order })
      expect((await by("desc")).numbers).toEqual([3, 1, 0, 4, 2])
      expect((await by("asc")).numbers).toEqual([2, 4, 0, 3, 1])
    })

    it("orders equals by creation, newest first, then by id, whichever way it is sorted", async () => {
      const same = sampleWorkload(0).createdAtMs
      const workloads = [
        sampleWorkload(1, { priority: 1, createdAtMs: same }),
        sampleWorkload(2, { priority: 1, createdAtMs: same }),
        sampleWorkload(3, { priority: 1, createdAtMs: same + 5 }),
        sampleWorkload(4, { priority: 0, createdAtMs: same + 9 }),
      ]
      await insert(workloads)
      expect((await list({}, { sort: "priority", order: "desc" })).numbers).toEqual([3, 1, 2, 4])
      expect((await list({}, { sort: "priority", order: "asc" })).numbers).toEqual([4, 3, 1, 2])
      expect((await list({}, { sort: "createdAtMs", order: "desc" })).numbers).toEqual([4, 3, 1, 2])
      expect((await list({}, { sort: "createdAtMs", order: "asc" })).numbers).toEqual([1, 2, 3, 4])
    })

    it("sorts by every field there is, both ways, as a sort in memory would", async () => {
      const workloads = Array.from({ length: 12 }, (_, n) => various(n))
      await insert(workloads)
      for (const [sort, value] of Object.entries(sortValues) as [WorkloadSort, SortValue][])
        for (const order of ["asc", "desc"] as const) {
          const expected = workloads.toSorted((a, b) => compare(a, b, value, order)).map(numberOf)
          expect((await list({}, { sort, order })).numbers, `${sort} ${order}`).toEqual(expected)
        }
    })

    it("pages without gap or repeat, counts all, and ends in empty pages", async () => {
      await insert(
        Array.from({ length: 25 }, (_, n) => sampleWorkload(n, { workspaceId: n % 2 ? "a" : "b" })),
      )
      const seen: number[] = []
      for (let offset = 0; offset < 40; offset += 10) {
        const page = await list({}, { offset, limit: 10, order: "desc" })
        expect(page.total).toBe(25)
        seen.push(...page.numbers)
      }
      expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => 24 - n))
      expect(await list({ workspaceIds: ["a"] }, { offset: 10, limit: 5 })).toEqual({
        total: 12,
        numbers: [21, 23],
      })
    })

    it("tells the same total on every page of every filter", async () => {
      await insert(Array.from({ length: 30 }, (_, n) => various(n)).filter(isFirstOfItsKey()))
      const filters: readonly Parameters<typeof list>[0][] = [
        {},
        { workspaceIds: ["w1", "w2"] },
        { phases: ["Running", "Failed"], kinds: ["Authoring"] },
        { userId: "usr_1", clusterId: "c1" },
        { userName: "da" },
        { userName: "nobody" },
        { description: "x" },
        { description: "nowhere" },
        { workloadId: "00000" },
        { createdFromMs: 5, createdToMs: 8 },
        { createdFromMs: 5, userName: "A", description: "%" },
      ]
      for (const filter of filters)
        for (const sort of ["createdAtMs", "startedAtMs", "displayName", "dispatchCount"] as const) {
          const { numbers } = await list(filter, { sort, limit: 100 })
          for (const [offset, limit] of [
            [0, 1],
            [0, 3],
            [2, 3],
            [3, 100],
            [50, 5],
          ] as const) {
            const page = await list(filter, { sort, offset, limit })
            const expected = { total: numbers.length, numbers: numbers.slice(offset, offset + limit) }
            expect(page, `${JSON.stringify(filter)} by ${sort} from ${offset}`).toEqual(expected)
          }
        }
    })

    it("sees inside a transaction what that has written", async () => {
      const { store } = harness
      const found = await store.tx(async (tx: Tx) => {
        await store.workloads.insert(tx, sampleWorkload(1))
        const page = { sort: "id", order: "asc", offset: 0, limit: 10 } as const
        return store.workloads.list(tx, { workspaceIds: null }, page)
      })
      const { spec, conditions: _, ...shown } = sampleWorkload(1)
      const { resource, timeout, isTolerateAll } = spec
      expect(found.items).toEqual([{ ...shown, spec: { resource, timeout, isTolerateAll } }])
    })

    it("sees a write as soon as it was answered", async () => {
      for (let n = 0; n < 20; n++) {
        await insert([sampleWorkload(n)])
        expect((await list({}, { limit: 1, order: "desc" })).numbers).toEqual([n])
      }
    })
  })

  describe("the counters", () => {
    it("agree with the rows after inserts, moves, hiding, undone closures and pruning", async () => {
      const { store } = harness
      await insert(
        Array.from({ length: 12 }, (_, n) => sampleWorkload(n, { workspaceId: n % 3 ? "a" : "b" })),
      )
      const at = (n: number) => sampleWorkload(n, { workspaceId: n % 3 ? "a" : "b" })
      await update({ ...at(0), phase: "Running" })
      await update({ ...at(1), phase: "Succeeded", endedAtMs: 5 })
      await update({ ...at(2), phase: "Failed", endedAtMs: 5, hidden: true })
      await update({ ...at(3), hidden: true })
      await update({ ...at(4), description: "no move" })
      await update({ ...at(6), clusterId: "far" })
      const undone = store.tx(async (tx) => {
        await store.workloads.update(tx, { ...at(5), phase: "Stopped", endedAtMs: 5 })
        throw new Error("undone")
      })
      await expect(undone).rejects.toThrow("undone")
      await store.tx((tx) => store.workloads.prune(tx, 100, 1))
      for (const workspaceIds of [null, ["a"], ["b"]])
        for (const phase of ["Pending", "Running", "Succeeded", "Failed", "Stopped"]) {
          const { total, numbers } = await list({ workspaceIds, phases: [phase] })
          expect(total, `${String(workspaceIds)} ${phase}`).toBe(numbers.length)
        }
      for (const filter of [
        {},
        { clusterId: "far" },
        { clusterId: "local", userName: "ad", kinds: ["PyTorchJob"] },
      ]) {
        const { total, numbers } = await list(filter)
        expect(total, JSON.stringify(filter)).toBe(numbers.length)
      }
    })
  })

  describe("pruning", () => {
    it("takes the longest ended first, with all that hangs on them, at most the limit", async () => {
      const { store } = harness
      const spec = sampleSpec({ dependencies: ["train-x"] })
      await insert([
        sampleWorkload(1, { phase: "Succeeded", endedAtMs: 30, spec }),
        sampleWorkload(2, { phase: "Failed", endedAtMs: 10, spec }),
        sampleWorkload(3, { phase: "Stopped", endedAtMs: 20, hidden: true }),
        sampleWorkload(4, { phase: "Stopped", endedAtMs: 99 }),
        sampleWorkload(5, { phase: "Pending", endedAtMs: 5 }),
      ])
      await store.tx(async (tx) => {
        await store.workloads.insertAttempt(tx, sampleAttempt(2, { state: "gone" }))
        await store.claims.insert(tx, sampleClaim(2, { state: "gone" }))
      })
      const prune = () => store.tx((tx) => store.workloads.prune(tx, 50, 2))
      expect(await prune()).toEqual([sampleWorkload(2).key, sampleWorkload(3).key])
      expect(await prune()).toEqual([sampleWorkload(1).key])
      expect(await prune()).toEqual([])
      expect(await list({})).toEqual({ total: 2, numbers: [4, 5] })
      expect(await store.workloads.attempt(store.committed, sampleAttempt(2).id)).toBeUndefined()
      expect(await store.claims.byId(store.committed, sampleClaim(2).id)).toBeUndefined()
    })

    it("leaves a workload whose claim still holds its nodes", async () => {
      const { store } = harness
      await insert([sampleWorkload(1, { phase: "Stopped", endedAtMs: 1 })])
      await store.tx((tx) => store.claims.insert(tx, sampleClaim(1, { state: "releasing" })))
      expect(await store.tx((tx) => store.workloads.prune(tx, 50, 10))).toEqual([])
      const gone = sampleClaim(1, { state: "gone" })
      await store.tx((tx) => store.claims.update(tx, gone, "releasing"))
      expect(await store.tx((tx) => store.workloads.prune(tx, 50, 10))).toEqual([sampleWorkload(1).key])
    })
  })
}

type SortValue = (workload: Workload) => string | number | null

/** How each sort reads a workload: the model that the SQL is compared with. */
const sortValues: Record<WorkloadSort, SortValue> = {
  createdAtMs: (w) => w.createdAtMs,
  startedAtMs: (w) => w.startedAtMs,
  endedAtMs: (w) => w.endedAtMs,
  deletedAtMs: (w) => w.deletedAtMs,
  id: (w) => w.id,
  displayName: (w) => w.displayName,
  workspaceId: (w) => w.workspaceId,
  clusterId: (w) => w.clusterId,
  phase: (w) => w.phase,
  kind: (w) => w.kind,
  userName: (w) => w.userName,
  userId: (w) => w.userId,
  priority: (w) => w.priority,
  maxRetry: (w) => w.spec.maxRetry,
  dispatchCount: (w) => w.dispatchCount,
  timeout: (w) => w.spec.timeout,
  ttlSecondsAfterFinished: (w) => w.spec.ttlSecondsAfterFinished,
  description: (w) => w.description,
  image: (w) => w.spec.image,
  entryPoint: (w) => w.spec.entryPoint,
  isSupervised: (w) => Number(w.spec.isSupervised),
  isTolerateAll: (w) => Number(w.spec.isTolerateAll),
}

function numberOf(workload: Workload): number {
  return Number(workload.id.slice(-6))
}

function compare(a: Workload, b: Workload, value: SortValue, order: "asc" | "desc"): number {
  const byValue = compareValues(value(a), value(b)) * (order === "asc" ? 1 : -1)
  return byValue || b.createdAtMs - a.createdAtMs || compareValues(a.id, b.id)
}

/** Null above everything: last ascending, first descending. */
function compareValues(a: string | number | null, b: string | number | null): number {
  if (a === b) return 0
  if (a === null) return 1
  if (b === null) return -1
  return a < b ? -1 : 1
}

function isFirstOfItsKey(): (workload: Workload) => boolean {
  const seen = new Set<string>()
  return ({ key }) => !seen.has(key) && seen.add(key).size > 0
}

/** A workload in which every sortable field differs from its neighbours', each in another rhythm. */
function various(n: number): Workload {
  const pick = <T>(values: readonly T[], step: number) => values[(n * step + 1) % values.length] as T
  return sampleWorkload((n * 7) % 12, {
    displayName: pick(["b", "a", "B", "é"], 3),
    workspaceId: pick(["w1", "w2", "w3"], 2),
    clusterId: pick(["c1", "c2"], 1),
    phase: pick(["Pending", "Running", "Failed"], 1),
    kind: pick(["Authoring", "PyTorchJob"], 1),
    userName: pick(["zoe", "Ada", "ada"], 2),
    userId: pick(["usr_2", "usr_1"], 1),
    priority: pick([0, 2, 1], 2),
    dispatchCount: pick([3, 0, 11], 1),
    description: pick(["", "x", "%"], 2),
    createdAtMs: pick([5, 9, 7, 1], 3),
    startedAtMs: pick([null, 4, 2], 1),
    endedAtMs: pick([8, null], 1),
    deletedAtMs: pick([null, null, 6], 1),
    spec: sampleSpec({
      maxRetry: pick([1, 0, 10, 9], 1),
      timeout: pick([null, 100, 20], 1),
      ttlSecondsAfterFinished: pick([60, 0, 7], 1),
      image: pick(["img:2", "img:10"], 1),
      entryPoint: pick(["Zg==", "YQ==", "ZQ=="], 1),
      isSupervised: pick([true, false, false], 1),
      isTolerateAll: pick([false, true], 1),
    }),
  })
}
