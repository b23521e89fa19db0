import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { AppError } from "../../../kit/errors.ts"
import { createIds } from "../../../kit/ids.ts"
import { createVault } from "../../../kit/vault.ts"
import type { Principal } from "../../identity/index.ts"
import { openPlatform } from "../../workspaces/platform-suite.ts"
import type { NewRayJob } from "../commands.ts"
import { anAskedSpec, aSize, aVolume, aWantedCluster, aWorkerGroup } from "../ray-suite.ts"
import { type RayCluster, rayPoked } from "../types.ts"
import { createRayClusters } from "./clusters.ts"
import { createRayJobs } from "./jobs.ts"
import { defaultRayLimits, type RayObjectsOptions } from "./options.ts"
import { createRayTemplates } from "./templates.ts"

const everything = { limit: null, after: null }

/** Clusters on a real store; what a life does with one is only the row. */
async function openWorld() {
  const platform = await openPlatform()
  const { store, clock, index, workspaces, owner } = platform
  for (const id of ["red", "blue"]) await platform.workspace(id)
  const editor = await platform.person("ed")
  const viewer = await platform.person("vi")
  const stranger = await platform.person("sam")
  await workspaces.setMember(owner, "red", editor.userId, "editor")
  await workspaces.setMember(owner, "red", viewer.userId, "viewer")
  await workspaces.setMember(owner, "blue", stranger.userId, "editor")
  let room = 1_000
  let isRoomForAll = true
  const ended: string[] = []
  const poked: string[] = []
  store.subscribe(rayPoked, (key) => void poked.push(key))
  const rows = store.ray
  const options: RayObjectsOptions = {
    store,
    rows,
    clock,
    ids: createIds(clock.nowMs, () => 0.5),
    vault: createVault(new Uint8Array(32)),
    limits: { ...defaultRayLimits, mostLive: 3 },
    hostPathAllow: ["/srv/data"],
    namespaceOwner: (name) => index.namespaceOwner(name),
    workspaceRow: store.workspaces.byId,
    workspace: (id) => index.find(id),
    life: {
      begin: (tx, cluster) => rows.clusters.insert(tx, cluster),
      async end(tx, cluster) {
        ended.push(cluster.name)
        await rows.clusters.update(tx, { ...cluster, state: "ending" })
      },
    },
    queue: {
      async explain() {
        throw new Error("Nobody asked the queue.")
      },
    },
    capacity: {
      couldHold: () => ({ declared: true, pods: room, short: { resource: "gpu", largest: 0 } }),
      couldHoldAll: () => ({ declared: true, holds: isRoomForAll, short: null }),
    },
    backends: new Map(),
    dashboardOf: () => undefined,
  }
  const templates = createRayTemplates(options)
  await templates.create(editor, { namespace: "red", name: "small", ...aSize })
  const close = () => platform.close()
  const setRoom = (pods: number) => void (room = pods)
  const setRoomForAll = (holds: boolean) => void (isRoomForAll = holds)
  return {
    platform,
    clusters: createRayClusters(options),
    jobs: createRayJobs(options),
    templates,
    editor,
    viewer,
    stranger,
    ended,
    poked,
    setRoom,
    setRoomForAll,
    close,
  }
}

let world: Awaited<ReturnType<typeof openWorld>>
beforeEach(async () => void (world = await openWorld()))
afterEach(() => world.close())

const names = (items: readonly { readonly cluster: RayCluster }[]) => items.map(({ cluster }) => cluster.name)
const make = (name: string, who: Principal = world.editor) =>
  world.clusters.create(who, aWantedCluster({ name }))

async function refusal(asked: Promise<unknown>): Promise<unknown> {
  try {
    await asked
  } catch (thrown) {
    if (thrown instanceof AppError) return [thrown.code, thrown.detail, thrown.resource]
    throw thrown
  }
  return null
}

describe("Ray clusters", () => {
  it("wait for their place with what their template said, whatever becomes of it", async () => {
    const { cluster, events } = await make("c1")
    expect(cluster).toMatchObject({
      workspaceId: "red",
      state: "waiting",
      serves: false,
      asServerOwner: false,
    })
    expect(events).toEqual([])
    await world.templates.delete(world.editor, { namespace: "red", name: "small" })
    const kept = await world.clusters.get(world.viewer, { namespace: "red", name: "c1" })
    expect(kept.cluster.spec.head.resources).toEqual(aSize)
    const { audit } = await world.platform.journal()
    const about = { kind: "ray-cluster", id: "red/c1" }
    expect(audit).toContainEqual(expect.objectContaining({ subject: about, operation: "ray.write" }))
  })

  it("serve where their annotation says so, and are the server owner's where that made them", async () => {
    const annotations = { "ray.io/enable-serve-service": "true" }
    const { cluster } = await world.clusters.create(world.platform.owner, aWantedCluster({ annotations }))
    expect(cluster).toMatchObject({ serves: true, asServerOwner: true })
  })

  it("mount paths of the machine for server owners, and for others only what is allowed", async () => {
    const wants = (source: string) => {
      const volumes = [{ ...aVolume, type: "hostPath", source } as const]
      return aWantedCluster({ spec: anAskedSpec({ workers: [{ ...aWorkerGroup, volumes }] }) })
    }
    for (const source of ["/etc", "/srv/data2", "/srv/data/../secret", "srv/data", "/srv", ""]) {
      const asked = world.clusters.create(world.editor, wants(source))
      expect(await refusal(asked), source).toEqual(["forbidden", "host_path", "path"])
    }
    await world.clusters.create(world.editor, { ...wants("/srv/data/sets/"), name: "allowed" })
    await world.clusters.create(world.platform.owner, { ...wants("/etc"), name: "owned" })
  })

  it("that can never run are taken, and say why", async () => {
    const spec = anAskedSpec({ workers: [{ ...aWorkerGroup, replicas: 9 }] })
    const { cluster, events } = await world.clusters.create(world.editor, aWantedCluster({ spec }))
    const message = "worker group small-wg has minReplicas 9 greater than maxReplicas 5"
    expect(cluster).toMatchObject({ state: "failed", message })
    expect(events).toMatchObject([{ type: "Warning", reason: "InvalidRayClusterSpec", message }])
  })

  it("are refused with a template, a name or a room that is not there", async () => {
    const head = { ...anAskedSpec().head, computeTemplate: "big" }
    const { clusters, editor } = world
    expect(await refusal(clusters.create(editor, aWantedCluster({ spec: anAskedSpec({ head }) })))).toEqual([
      "not_found",
      undefined,
      "compute-template",
    ])
    for (const change of [{ name: "C" }, { user: "a@b" }, { environment: 7 }, { annotations: { "a b": "" } }])
      expect(await refusal(clusters.create(editor, aWantedCluster(change)))).toEqual([
        "invalid",
        "object",
        "ray-cluster",
      ])
    world.setRoom(0)
    expect(await refusal(make("c1"))).toEqual(["insufficient", undefined, "ray-cluster"])
    world.setRoom(1_000)
    world.setRoomForAll(false)
    expect(await refusal(make("c1"))).toEqual(["insufficient", undefined, "ray-cluster"])
    expect((await clusters.page(editor, "red", everything)).items).toEqual([])
  })

  it("have names of their own and are as many as the limit says", async () => {
    await make("c1")
    expect(await refusal(make("c1"))).toEqual(["already_exists", undefined, "ray-cluster"])
    await make("c2")
    await make("c3")
    expect(await refusal(make("c4"))).toEqual(["too_many", "objects_full", "workspace"])
  })

  it("are listed page by page, each with its own events", async () => {
    for (const name of ["b", "c"]) await make(name)
    await make("a.b")
    const { clusters, viewer } = world
    const first = await clusters.page(viewer, null, { limit: 2, after: null })
    expect(names(first.items)).toEqual(["a.b", "b"])
    expect(first.items.map(({ events }) => events.length)).toEqual([1, 0])
    const second = await clusters.page(viewer, "red", { limit: 2, after: first.next })
    expect([names(second.items), second.next]).toEqual([["c"], null])
  })

  it("are hidden as soon as they are deleted", async () => {
    const at = { namespace: "red", name: "c1" }
    await make("c1")
    await world.clusters.delete(world.editor, at)
    expect(world.ended).toEqual(["c1"])
    expect(await refusal(world.clusters.delete(world.editor, at))).toEqual([
      "not_found",
      undefined,
      "ray-cluster",
    ])
  })

  it("can be read by viewers, changed by editors, and are not there for others", async () => {
    const at = { namespace: "red", name: "c1" }
    await make("c1")
    const { clusters, viewer, stranger } = world
    expect(await refusal(make("c2", viewer))).toContain("forbidden")
    expect(await refusal(clusters.delete(viewer, at))).toContain("forbidden")
    expect((await clusters.status(viewer, at)).pods).toEqual([])
    expect(await refusal(clusters.podLog(viewer, at, "nope", 1))).toEqual(["not_found", undefined, "pod"])
    expect(await refusal(make("c2", stranger))).toEqual(["not_found", undefined, "namespace"])
    for (const read of [clusters.get, clusters.status, clusters.delete, clusters.explain])
      expect(await refusal(read(stranger, at))).toEqual(["not_found", undefined, "ray-cluster"])
    expect((await clusters.page(stranger, "red", everything)).items).toEqual([])
    expect((await clusters.page(stranger, null, everything)).items).toEqual([])
    expect(world.ended).toEqual([])
  })
})

describe("Ray jobs", () => {
  const wanted = (change: Partial<NewRayJob> = {}): NewRayJob => ({
    namespace: "red",
    name: "j1",
    user: "ada",
    rayVersion: "2.60.0",
    askedJobId: "",
    shutdownAfterJobFinishes: true,
    clusterSelector: {},
    spec: anAskedSpec(),
    ttlSecondsAfterFinished: 0,
    activeDeadlineSeconds: 0,
    submitter: null,
    entrypoint: "python a.py",
    metadata: {},
    runtimeEnv: "",
    numCpus: 0,
    numGpus: 0,
    resources: "",
    ...change,
  })
  const at = { namespace: "red", name: "j1" }

  it("mount no path of the machine that is not allowed", async () => {
    const volumes = [{ ...aVolume, type: "hostPath", source: "/etc" } as const]
    const spec = anAskedSpec({ workers: [{ ...aWorkerGroup, volumes }] })
    const refused = await refusal(world.jobs.create(world.editor, wanted({ spec })))
    expect(refused).toEqual(["forbidden", "host_path", "path"])
  })

  it("are written, read and listed, and hidden as soon as they are deleted", async () => {
    const { jobs, editor, viewer } = world
    const submitter = { image: "i", cpu: "0.4", memory: "1024Ki" }
    const job = await jobs.create(editor, wanted({ submitter }))
    expect(job).toMatchObject({
      phase: "",
      clusterName: "",
      submitter: { image: "i", cpu: "400m", memory: "1Mi" },
    })
    expect(await jobs.get(viewer, at)).toEqual(job)
    expect(await jobs.page(viewer, null, everything)).toEqual({ items: [job], next: null })
    await jobs.delete(editor, at)
    for (const call of [jobs.get, jobs.delete])
      expect(await refusal(call(editor, at))).toEqual(["not_found", undefined, "ray-job"])
    const row = await world.platform.store.ray.jobs.byKey(world.platform.store.committed, job.key)
    expect(row?.deletingAtMs).toBe(world.platform.clock.nowMs())
    expect(world.poked).toEqual([job.key, job.key])
  })

  it("that select a cluster show its name at once and need no room", async () => {
    world.setRoom(0)
    const clusterSelector = { "ray.io/cluster": "c9" }
    const job = await world.jobs.create(world.editor, wanted({ clusterSelector, spec: null }))
    expect(job).toMatchObject({ clusterName: "c9", spec: null })
    const own = refusal(world.jobs.create(world.editor, wanted({ name: "j2" })))
    expect(await own).toContain("insufficient")
  })

  it("with too long a name have failed their validation", async () => {
    expect(await world.jobs.create(world.editor, wanted({ name: "x".repeat(48) }))).toMatchObject({
      phase: "ValidationFailed",
      message: "The RayJob metadata is invalid: RayJob name should be no more than 47 characters",
    })
  })

  it.each([
    [{ user: "a@b" }, "object"],
    [{ name: "J" }, "object"],
    [{ submitter: { image: "", cpu: "x", memory: "y" } }, "submitter_cpu"],
    [{ submitter: { image: "", cpu: "1", memory: "y" } }, "submitter_memory"],
  ])("are refused with %j", async (change, detail) => {
    expect(await refusal(world.jobs.create(world.editor, wanted(change)))).toEqual([
      "invalid",
      detail,
      "ray-job",
    ])
  })

  it("can be read by viewers, changed by editors, and are not there for others", async () => {
    const { jobs, editor, viewer, stranger } = world
    await jobs.create(editor, wanted())
    expect(await refusal(jobs.create(editor, wanted()))).toEqual(["already_exists", undefined, "ray-job"])
    expect(await refusal(jobs.create(viewer, wanted({ name: "j2" })))).toContain("forbidden")
    expect(await refusal(jobs.delete(viewer, at))).toContain("forbidden")
    expect(await refusal(jobs.create(stranger, wanted({ name: "j2" })))).toContain("namespace")
    for (const read of [jobs.get, jobs.delete])
      expect(await refusal(read(stranger, at))).toEqual(["not_found", undefined, "ray-job"])
    expect((await jobs.page(stranger, "red", everything)).items).toEqual([])
  })
})
