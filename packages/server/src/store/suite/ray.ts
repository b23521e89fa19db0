import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Topic, Tx } from "../../domain/journal/index.ts"
import type { Claim } from "../../domain/queue/index.ts"
import {
  type RayCluster,
  type RayObjectStore,
  type RayScope,
  type RayStore,
  rayClusterChanged,
  rayJobChanged,
  rayPodChanged,
  rayServiceChanged,
} from "../../domain/ray/index.ts"
import {
  clusterKey,
  sampleRayCluster,
  sampleRayEvent,
  sampleRayJob,
  sampleRayPod,
  sampleRayService,
  sampleRaySubmission,
} from "../../domain/ray/ray-samples.ts"
import { sampleClaim } from "../samples.ts"
import { type OpenHarness, type StoreHarness, failure, outcomes } from "./harness.ts"

/** Clusters, jobs and services of Ray: rows, names, guards, lists, what hangs on them, pruning. */
export function rayCases(open: OpenHarness): void {
  let harness: StoreHarness
  let ray: RayStore
  beforeEach(async () => {
    harness = await open()
    ray = harness.store.ray
  })
  afterEach(() => harness.dispose())

  const write = (closure: (tx: Tx) => Promise<void>) => harness.store.tx(closure)
  const read = () => harness.store.committed
  const insert = (...clusters: readonly RayCluster[]) =>
    write(async (tx) => {
      for (const cluster of clusters) await ray.clusters.insert(tx, cluster)
    })
  function told<T>(of: Topic<T>): T[] {
    const values: T[] = []
    harness.store.subscribe(of, (value) => values.push(value))
    return values
  }

  describe("clusters", () => {
    const whole = sampleRayCluster(1, {
      annotations: { note: "100%_of 'it' ü💥\u0000\ud800" },
      parent: { kind: "job", key: "rjb_1", name: "job-1" },
      runtime: { python: "/opt/ray", nested: [1, null, { a: true }] },
      address: {
        gcs: "127.0.0.1:1",
        dashboardUrl: "http://127.0.0.1:2",
        agentUrl: "http://127.0.0.1:3",
        serveUrl: "http://127.0.0.1:4",
        endpoints: { dashboard: "2" },
      },
      sealedToken: "v1.sealed",
      message: "x".repeat(1_000_000),
    })

    it("come back whole by key and by name through all of their life, and each change is told", async () => {
      const seen = told(rayClusterChanged)
      await insert(whole)
      expect(await ray.clusters.byKey(read(), whole.key)).toEqual(whole)
      expect(await ray.clusters.byName(read(), "team", "cluster-1")).toEqual(whole)
      const ready: RayCluster = { ...whole, state: "ready", clusterId: "local", readyAtMs: 5, message: "" }
      await write((tx) => ray.clusters.update(tx, ready))
      expect(await ray.clusters.byName(read(), "team", "cluster-1")).toEqual({ ...ready, version: 2 })
      const ending: RayCluster = { ...ready, state: "ending", version: 2 }
      await write((tx) => ray.clusters.update(tx, ending))
      expect(await ray.clusters.byName(read(), "team", "cluster-1")).toBeUndefined()
      expect(await ray.clusters.live(read())).toEqual([{ ...ending, version: 3 }])
      const gone: RayCluster = { ...ending, state: "gone", endedAtMs: 9, version: 3 }
      await write((tx) => ray.clusters.update(tx, gone))
      expect(await ray.clusters.live(read())).toEqual([])
      expect(await ray.clusters.byKey(read(), whole.key)).toEqual({ ...gone, version: 4 })
      expect(seen.map(({ state, version }) => [state, version])).toEqual([
        ["waiting", 1],
        ["ready", 2],
        ["ending", 3],
        ["gone", 4],
      ])
    })

    it("are changed only from the version that was seen, also by two at once", async () => {
      await insert(sampleRayCluster(1))
      const races = ["b", "c"].map((message) =>
        write((tx) => ray.clusters.update(tx, sampleRayCluster(1, { message }))),
      )
      expect((await outcomes(races)).toSorted()).toEqual(["ok", "stale"])
      const late = write((tx) => ray.clusters.update(tx, sampleRayCluster(1)))
      await expect(late).rejects.toMatchObject({ ...failure("stale"), resource: "ray-cluster" })
    })

    it("have a name of their own in their namespace while they are not ended, also of two at once", async () => {
      const twins = [1, 2].map((n) => insert(sampleRayCluster(n, { name: "same" })))
      expect((await outcomes(twins)).toSorted()).toEqual(["already_exists", "ok"])
      await insert(sampleRayCluster(3, { name: "same", namespace: "other" }))
      await write((tx) => ray.jobs.insert(tx, sampleRayJob(1, { name: "same" })))
      const first = (await ray.clusters.byName(read(), "team", "same")) ?? whole
      await write((tx) => ray.clusters.update(tx, { ...first, state: "ending" }))
      await insert(sampleRayCluster(4, { name: "same" }))
      expect(await ray.clusters.byName(read(), "team", "same")).toEqual(sampleRayCluster(4, { name: "same" }))
    })

    it("are counted in their workspace until they are gone", async () => {
      await insert(
        sampleRayCluster(1, { state: "ready" }),
        sampleRayCluster(2, { state: "ending" }),
        sampleRayCluster(3, { state: "gone" }),
        sampleRayCluster(4, { workspaceId: "b" }),
      )
      await write((tx) => ray.services.insert(tx, sampleRayService(1)))
      expect(await ray.clusters.liveIn(read(), "a")).toBe(2)
      expect(await ray.clusters.liveIn(read(), "none")).toBe(0)
    })
  })

  describe("a list", () => {
    const namesOf = async (scope: RayScope, store: RayObjectStore<RayCluster, never> = ray.clusters) => {
      const { items } = await store.page(read(), scope, { limit: null, after: null })
      return items.map(({ namespace, name }) => `${namespace}/${name}`)
    }

    it("has those of its scope by namespace and name, by code point, without ended ones", async () => {
      await insert(
        sampleRayCluster(1, { namespace: "b", name: "a", workspaceId: "two" }),
        sampleRayCluster(2, { namespace: "a", name: "b-1", workspaceId: "one" }),
        sampleRayCluster(3, { namespace: "a", name: "a", workspaceId: "one" }),
        sampleRayCluster(4, { namespace: "a", name: "b", workspaceId: "three" }),
        sampleRayCluster(5, { namespace: "a", name: "c", state: "ending" }),
        sampleRayCluster(6, { namespace: "a", name: "d", state: "gone" }),
      )
      expect(await namesOf({ workspaceIds: null })).toEqual(["a/a", "a/b", "a/b-1", "b/a"])
      expect(await namesOf({ namespace: "a" })).toEqual(["a/a", "a/b", "a/b-1"])
      expect(await namesOf({ workspaceIds: ["one", "two"] })).toEqual(["a/a", "a/b-1", "b/a"])
      expect(await namesOf({ workspaceIds: [] })).toEqual([])
      expect(await namesOf({ namespace: "none" })).toEqual([])
    })

    it("is walked page by page without a gap or a repetition, whatever comes and goes meanwhile", async () => {
      const name = (n: number) => `c-${String(n).padStart(2, "0")}`
      const made = (n: number) => sampleRayCluster(n, { name: name(n), namespace: n < 6 ? "one" : "two" })
      await insert(...[1, 2, 3, 5, 6, 7, 9].map(made))
      const page = (after: { namespace: string; name: string } | null) =>
        ray.clusters.page(read(), { workspaceIds: ["a", "b"] }, { limit: 2, after })
      const first = await page(null)
      expect(first).toEqual({ items: [made(1), made(2)], hasMore: true })
      // the one that the page ended with goes, one comes behind it, and one where nobody looks any more
      await write((tx) => ray.clusters.update(tx, { ...made(2), state: "ending" }))
      await insert(made(4), made(0))
      const second = await page({ namespace: "one", name: name(2) })
      expect(second).toEqual({ items: [made(3), made(4)], hasMore: true })
      const third = await page({ namespace: "one", name: name(4) })
      expect(third).toEqual({ items: [made(5), made(6)], hasMore: true })
      const last = await page({ namespace: "two", name: name(6) })
      expect(last).toEqual({ items: [made(7), made(9)], hasMore: false })
      expect(await page({ namespace: "two", name: name(9) })).toEqual({ items: [], hasMore: false })
      const ofOne = await ray.clusters.page(
        read(),
        { namespace: "one" },
        { limit: 2, after: { namespace: "one", name: name(3) } },
      )
      expect(ofOne).toEqual({ items: [made(4), made(5)], hasMore: false })
    })
  })

  describe("jobs", () => {
    it("come back whole, are hidden while they are deleted, and their end is told", async () => {
      const seen = told(rayJobChanged)
      const job = sampleRayJob(1, { submitter: { image: "", cpu: "1", memory: "1Gi" }, spec: null })
      await write((tx) => ray.jobs.insert(tx, job))
      expect(await ray.jobs.byName(read(), "team", "job-1")).toEqual(job)
      const deleting = { ...job, deletingAtMs: 7 }
      await write((tx) => ray.jobs.update(tx, deleting))
      expect(await ray.jobs.byName(read(), "team", "job-1")).toBeUndefined()
      expect(await ray.jobs.live(read())).toEqual([{ ...deleting, version: 2 }])
      await write((tx) => ray.events.note(tx, sampleRayEvent(1, { objectKey: job.key })))
      await write((tx) => ray.jobs.delete(tx, job.key))
      await write((tx) => ray.jobs.delete(tx, job.key))
      expect(await ray.jobs.byKey(read(), job.key)).toBeUndefined()
      expect(await ray.events.of(read(), [job.key]), "its events go with it").toEqual([])
      expect(seen).toEqual([
        { job, gone: false },
        { job: { ...deleting, version: 2 }, gone: false },
        { job: { ...deleting, version: 2 }, gone: true },
      ])
    })

    it("that are over are listed, but not looked at any more: neither they nor their cluster are to go", async () => {
      const over = { phase: "Complete", finishedAtMs: 9 } as const
      const asked = {
        ...over,
        clusterSelector: {},
        clusterKey: clusterKey(1),
        shutdownAfterJobFinishes: true,
      }
      const jobs = [
        sampleRayJob(1),
        sampleRayJob(2, over),
        sampleRayJob(3, asked),
        sampleRayJob(4, { ...asked, clusterShutDown: true }),
        sampleRayJob(5, { ...over, deletingAtMs: 10 }),
        sampleRayJob(6, { ...over, phase: "Failed", submissionId: "s", status: "RUNNING" }),
      ]
      await write(async (tx) => {
        for (const job of jobs) await ray.jobs.insert(tx, job)
      })
      expect((await ray.jobs.live(read())).map(({ name }) => name)).toEqual([
        "job-1",
        "job-3",
        "job-5",
        "job-6",
      ])
      expect(await ray.jobs.liveIn(read(), "a")).toBe(4)
      const { items } = await ray.jobs.page(read(), { namespace: "team" }, { limit: null, after: null })
      expect(items.map(({ name }) => name)).toEqual(["job-1", "job-2", "job-3", "job-4", "job-6"])
    })
  })

  it("services come back whole, are hidden while they are deleted, and their end is told", async () => {
    const seen = told(rayServiceChanged)
    const service = sampleRayService(1, {
      applications: [
        {
          name: "fruit",
          status: "RUNNING",
          message: "",
          deployments: [{ name: "Mango", status: "HEALTHY", message: "ü" }],
        },
      ],
    })
    await write((tx) => ray.services.insert(tx, service))
    const twin = write((tx) => ray.services.insert(tx, sampleRayService(2, { name: service.name })))
    await expect(twin).rejects.toMatchObject({
      ...failure("already_exists"),
      resource: "ray-service",
      subject: "service-1",
    })
    expect(await ray.services.byName(read(), "team", "service-1")).toEqual(service)
    const deleting = { ...service, deletingAtMs: 7 }
    await write((tx) => ray.services.update(tx, deleting))
    await write((tx) => ray.services.insert(tx, sampleRayService(2, { name: service.name })))
    expect(await ray.services.liveIn(read(), "a")).toBe(2)
    await write((tx) => ray.services.delete(tx, service.key))
    expect(await ray.services.liveIn(read(), "a")).toBe(1)
    expect(seen.map(({ gone }) => gone)).toEqual([false, false, false, true])
  })

  describe("pods", () => {
    const placed = { state: "placed", clusterId: "local", nodeName: "node-1" } as const

    it("come back whole, are found while they live, and each change is told", async () => {
      const seen = told(rayPodChanged)
      const pod = sampleRayPod(1, { groupName: "small-wg", gpuIndexes: [0, 3], handle: { pid: 7 } })
      const others = [sampleRayPod(2), sampleRayPod(3, { clusterKey: clusterKey(2) })]
      await write(async (tx) => {
        for (const one of [pod, ...others]) await ray.pods.insert(tx, one)
      })
      expect(await ray.pods.byId(read(), pod.id)).toEqual(pod)
      expect(await ray.pods.live(read())).toEqual([pod, ...others])
      const gone = { ...pod, state: "gone", exitCode: 1, endedAtMs: 9, message: "It was killed." } as const
      await write((tx) => ray.pods.update(tx, gone))
      expect(await ray.pods.byId(read(), pod.id)).toEqual({ ...gone, version: 2 })
      expect(await ray.pods.live(read(), clusterKey(1))).toEqual([others[0]])
      expect(await ray.pods.live(read())).toEqual(others)
      expect(seen).toEqual([pod, ...others, { ...gone, version: 2 }])
      const late = write((tx) => ray.pods.update(tx, pod))
      await expect(late).rejects.toMatchObject(failure("stale"))
    })

    it("have a block of ports each where they run, until they are gone", async () => {
      const [one, two] = [sampleRayPod(1, placed), sampleRayPod(2, placed)]
      await write(async (tx) => {
        await ray.pods.insert(tx, one)
        await ray.pods.insert(tx, two)
        await ray.pods.insert(tx, sampleRayPod(3, { ...placed, clusterId: "other", portBlock: 4 }))
      })
      const races = [one, two].map((pod) => write((tx) => ray.pods.update(tx, { ...pod, portBlock: 4 })))
      const said = await outcomes(races)
      expect(said.toSorted()).toEqual(["ok", "port_block"])
      const [winner, loser] = said[0] === "ok" ? [one, two] : [two, one]
      const third = write((tx) => ray.pods.insert(tx, sampleRayPod(4, { ...placed, portBlock: 4 })))
      await expect(third).rejects.toMatchObject(failure("conflict", "port_block"))
      await write((tx) => ray.pods.update(tx, { ...loser, portBlock: 2 }))
      expect(await ray.pods.portBlocks(read(), "local")).toEqual([2, 4])
      // it keeps its own through changes, and gives it back at its end
      const running = { ...winner, portBlock: 4, version: 2, state: "running" } as const
      await write((tx) => ray.pods.update(tx, running))
      await write((tx) => ray.pods.update(tx, { ...running, state: "gone", endedAtMs: 9, version: 3 }))
      expect(await ray.pods.portBlocks(read(), "local")).toEqual([2])
      await write((tx) => ray.pods.insert(tx, sampleRayPod(4, { ...placed, portBlock: 4 })))
      const inserts = [5, 6].map((n) =>
        write((tx) => ray.pods.insert(tx, sampleRayPod(n, { ...placed, portBlock: 5 }))),
      )
      expect((await outcomes(inserts)).toSorted()).toEqual(["ok", "port_block"])
    })
  })

  describe("submissions", () => {
    it("are put again and again, oldest first, without their logs in the list", async () => {
      const { submissions } = ray
      const log = `${"line ü\n".repeat(100_000)}\n`
      const later = sampleRaySubmission(2)
      const earlier = sampleRaySubmission(3, { createdAtMs: later.createdAtMs - 1 })
      const done = { ...later, info: { ...later.info, status: "SUCCEEDED", endTimeMs: 9 }, log }
      await write(async (tx) => {
        for (const one of [later, earlier, sampleRaySubmission(2, { clusterKey: clusterKey(2) }), done])
          await submissions.put(tx, one)
      })
      expect(await submissions.get(read(), clusterKey(1), later.submissionId)).toEqual(done)
      expect(await submissions.ofCluster(read(), clusterKey(1))).toEqual([earlier, { ...done, log: null }])
      await write((tx) => submissions.put(tx, { ...done, log: null }))
      expect(await submissions.get(read(), clusterKey(1), later.submissionId), "its log stays").toEqual(done)
      await write((tx) => submissions.delete(tx, clusterKey(1), later.submissionId))
      expect(await submissions.get(read(), clusterKey(1), later.submissionId)).toBeUndefined()
      expect(await submissions.ofCluster(read(), clusterKey(2))).toHaveLength(1)
    })
  })

  describe("events", () => {
    const note = (...events: readonly Parameters<RayStore["events"]["note"]>[1][]) =>
      write(async (tx) => {
        for (const event of events) await ray.events.note(tx, event)
      })

    it("are counted where the last of their reason said the same, else added, oldest first", async () => {
      const again = { message: "No room.", reason: "Waiting" }
      const [first, second, third] = [1, 5, 6].map((n) => sampleRayEvent(n, again)) as [never, never, never]
      const other = sampleRayEvent(2)
      const different = sampleRayEvent(7, { ...again, message: "No GPU." })
      const back = sampleRayEvent(8, again)
      const louder = sampleRayEvent(9, { ...again, type: "Warning" })
      const elsewhere = sampleRayEvent(10, { ...again, type: "Warning", objectKey: clusterKey(2) })
      await note(first, other, second, third, different, back, louder, elsewhere)
      expect(await ray.events.of(read(), [clusterKey(1)])).toEqual([
        { ...sampleRayEvent(1, again), count: 3, lastAtMs: sampleRayEvent(6).lastAtMs },
        other,
        different,
        back,
        louder,
      ])
      const both = await ray.events.of(read(), [clusterKey(2), clusterKey(1), "none"])
      expect(both.map(({ id }) => id)).toEqual(
        [sampleRayEvent(1), other, different, back, louder, elsewhere].map(({ id }) => id),
      )
      expect(await ray.events.of(read(), [])).toEqual([])
    })

    it("are the last 50 of each object", async () => {
      await note(...Array.from({ length: 53 }, (_, n) => sampleRayEvent(n)))
      await note(sampleRayEvent(99, { objectKey: clusterKey(2) }))
      const kept = await ray.events.of(read(), [clusterKey(1)])
      expect(kept).toEqual(Array.from({ length: 50 }, (_, n) => sampleRayEvent(n + 3)))
      expect(await ray.events.of(read(), [clusterKey(2)])).toHaveLength(1)
    })

    it("of thousands of objects come at once", async () => {
      const keys = Array.from({ length: 4_500 }, (_, n) => clusterKey(n))
      await note(...[4_400, 3, 2_100].map((n) => sampleRayEvent(n, { objectKey: clusterKey(n) })))
      const found = await ray.events.of(read(), keys)
      expect(found.map(({ objectKey }) => objectKey)).toEqual([4_400, 3, 2_100].map(clusterKey))
    })
  })

  it("claims that are gone go with what they were for, and one that is not keeps its cluster", async () => {
    const { claims } = harness.store
    const owned = (n: number, of: number, change: Partial<Claim> = {}) =>
      sampleClaim(n, {
        owner: { kind: "ray-cluster", id: clusterKey(of), shownId: `cluster-${of}`, userId: "usr_1" },
        state: "gone",
        ...change,
      })
    const all = [owned(1, 1), owned(2, 2, { state: "releasing" }), owned(3, 3), owned(4, 3), owned(5, 4)]
    await insert(
      ...[1, 2].map((n) => sampleRayCluster(n, { state: "gone", endedAtMs: n })),
      ...[3, 4].map((n) => sampleRayCluster(n)),
    )
    await write(async (tx) => {
      for (const claim of all) await claims.insert(tx, claim)
      const gone = { state: "gone", clusterKey: clusterKey(3) } as const
      await ray.pods.insert(tx, sampleRayPod(1, { ...gone, endedAtMs: 5, claimId: owned(3, 3).id }))
      await ray.pods.insert(tx, sampleRayPod(2, { ...gone, endedAtMs: 100, claimId: owned(4, 3).id }))
    })
    expect(await harness.store.tx((tx) => ray.prune(tx, 100, 10))).toBe(2)
    const found = await Promise.all(all.map(({ id }) => claims.byId(read(), id)))
    expect(found.map((claim) => claim?.id)).toEqual([
      undefined,
      all[1]?.id,
      undefined,
      all[3]?.id,
      all[4]?.id,
    ])
    expect(await ray.clusters.byKey(read(), clusterKey(1))).toBeUndefined()
    expect(await ray.clusters.byKey(read(), clusterKey(2))).toBeDefined()
  })

  it("what was long gone is removed step by step, with all that hung on it, and nothing else", async () => {
    const gone = (n: number, endedAtMs: number) => sampleRayCluster(n, { state: "gone", endedAtMs })
    await insert(gone(1, 30), gone(2, 10), gone(3, 20), gone(4, 100), sampleRayCluster(5, { endedAtMs: 1 }))
    await write(async (tx) => {
      for (const n of [1, 2, 3, 4, 5]) {
        await ray.pods.insert(tx, sampleRayPod(n, { clusterKey: clusterKey(n) }))
        await ray.submissions.put(tx, sampleRaySubmission(n, { clusterKey: clusterKey(n) }))
        await ray.events.note(tx, sampleRayEvent(n, { objectKey: clusterKey(n), lastAtMs: 1 }))
      }
      await ray.pods.insert(tx, sampleRayPod(6, { clusterKey: clusterKey(5), state: "gone", endedAtMs: 5 }))
      await ray.pods.insert(tx, sampleRayPod(7, { clusterKey: clusterKey(5), state: "gone", endedAtMs: 100 }))
      await ray.events.note(tx, sampleRayEvent(8, { objectKey: "rjb_lost", lastAtMs: 5 }))
      await ray.events.note(tx, sampleRayEvent(9, { objectKey: "rjb_new", lastAtMs: 100 }))
      await ray.jobs.insert(tx, sampleRayJob(1, { phase: "Complete", finishedAtMs: 1 }))
    })
    const prune = () => harness.store.tx((tx) => ray.prune(tx, 100, 2))
    expect(await prune(), "two clusters, a pod and an event").toBe(4)
    const left = async () => {
      const found = await Promise.all([1, 2, 3, 4, 5].map((n) => ray.clusters.byKey(read(), clusterKey(n))))
      return found.flatMap((cluster) => (cluster ? [Number(cluster.name.slice(-1))] : []))
    }
    expect(await left(), "the longest gone first").toEqual([1, 4, 5])
    expect(await prune()).toBe(1)
    expect(await prune()).toBe(0)
    expect(await left()).toEqual([4, 5])
    const pods = await Promise.all(
      [1, 2, 3, 4, 5, 6, 7].map((n) => ray.pods.byId(read(), sampleRayPod(n).id)),
    )
    expect(pods.flatMap((pod) => (pod ? [Number(pod.name.slice(-1))] : []))).toEqual([4, 5, 7])
    const sent = await Promise.all(
      [1, 2, 3, 4, 5].map((n) => ray.submissions.ofCluster(read(), clusterKey(n))),
    )
    expect(sent.map(({ length }) => length)).toEqual([0, 0, 0, 1, 1])
    const events = await ray.events.of(read(), [...[1, 2, 3, 4, 5].map(clusterKey), "rjb_lost", "rjb_new"])
    expect(events.map(({ objectKey }) => objectKey)).toEqual([clusterKey(4), clusterKey(5), "rjb_new"])
    expect(await ray.jobs.byName(read(), "team", "job-1"), "a job goes when it is deleted").toBeDefined()
  })
}
