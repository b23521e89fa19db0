import { describe, expect, it } from "vitest"
import { systemActor } from "../../packages/server/src/domain/journal/index.ts"
import type {
  GroupResources,
  RayCluster,
  RayClusterKey,
  RayPod,
  WorkerGroup,
} from "../../packages/server/src/domain/ray/index.ts"
import { freshCluster } from "../../packages/server/src/domain/ray/fresh-cluster.ts"
import type { FakeRayScript } from "../../packages/server/src/drivers/fake/fake-ray-script.ts"
import { aNode, type TestPlane, type TestPlaneOptions } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()
const actor = systemActor("test")
const cpuNode = aNode("c1", 0)

function sized(cpu: number, gpu = 0): GroupResources {
  return {
    cpu,
    memory: 4,
    memoryUnit: "Gi",
    gpu,
    gpuAccelerator: "",
    tolerations: [],
    extendedResources: {},
  }
}

const group = {
  computeTemplate: "small",
  image: "",
  rayStartParams: {},
  volumes: [],
  serviceAccount: "",
  imagePullSecret: "",
  imagePullPolicy: "",
  environment: { values: {}, valuesFrom: {} },
  annotations: {},
  labels: {},
  securityContext: null,
}

function workers(replicas: number, change: Partial<WorkerGroup> = {}): WorkerGroup {
  return {
    ...group,
    groupName: "small-wg",
    resources: sized(1),
    replicas,
    minReplicas: replicas,
    maxReplicas: replicas,
    ...change,
  }
}

let made = 0
async function create(
  p: TestPlane,
  groups: readonly WorkerGroup[] = [],
  change: Partial<RayCluster> = {},
): Promise<RayClusterKey> {
  const key = `rcl_${String(++made).padStart(26, "0")}` as RayClusterKey
  const fresh = freshCluster({
    key,
    namespace: "default",
    name: `test-${made}`,
    workspaceId: "default",
    userId: p.owner.userId,
    asServerOwner: true,
    user: "ada",
    rayVersion: "2.60.0",
    environment: 0,
    annotations: {},
    spec: {
      head: { ...group, resources: sized(2), serviceType: "", enableIngress: false },
      workers: groups,
      enableInTreeAutoscaling: false,
      autoscaler: null,
      headServiceAnnotations: {},
    },
    serves: false,
    parent: null,
    createdAtMs: p.clock.nowMs(),
  })
  const cluster = { ...fresh, ...change }
  await p.store.tx((tx) => p.plane.rayLife.begin(tx, cluster, actor, p.clock.nowMs()))
  return key
}

async function seen(p: TestPlane, key: RayClusterKey): Promise<RayCluster> {
  const cluster = await p.store.ray.clusters.byKey(p.store.committed, key)
  if (!cluster) throw new Error(`There is no ${key}.`)
  return cluster
}
const podsOf = (p: TestPlane, key: RayClusterKey) => p.store.ray.pods.live(p.store.committed, key)
const reaches = (p: TestPlane, key: RayClusterKey, state: RayCluster["state"]) =>
  p.until(async () => (await seen(p, key)).state === state)

async function reasonsOf(p: TestPlane, key: RayClusterKey): Promise<string[]> {
  return (await p.store.ray.events.of(p.store.committed, [key])).map((event) => event.reason)
}

async function end(p: TestPlane, key: RayClusterKey): Promise<void> {
  const nowMs = p.clock.nowMs()
  await p.store.tx(async (tx) => {
    const cluster = await p.store.ray.clusters.byKey(tx, key)
    if (cluster) await p.plane.rayLife.end(tx, cluster, { actor, message: "deleted" }, nowMs)
  })
}

function head(pods: readonly RayPod[]): RayPod {
  const found = pods.find((pod) => pod.groupName === null)
  if (!found) throw new Error("There is no head.")
  return found
}

async function start(script: FakeRayScript = {}, options: TestPlaneOptions = {}): Promise<TestPlane> {
  const p = await plane({ nodes: [aNode("n1"), cpuNode], ...options })
  p.ray.use(script)
  return p
}

describe("a Ray cluster", () => {
  it("gets its place, its version, its head, then its workers, and is ready", async () => {
    const p = await start({
      install: () => ({ delayMs: 40_000 }),
      pod: () => ({ upAfterMs: 3000 }),
    })
    const key = await create(p, [workers(2)])
    await p.settle()
    expect((await seen(p, key)).state).toBe("installing")
    await p.advance(41_000)
    expect((await seen(p, key)).state).toBe("starting")
    expect(p.ray.live().map((launch) => launch.group)).toEqual(["head"])
    await reaches(p, key, "ready")
    expect((await podsOf(p, key)).map((pod) => [pod.groupName, pod.state])).toEqual([
      [null, "running"],
      ["small-wg", "running"],
      ["small-wg", "running"],
    ])
    expect(await reasonsOf(p, key)).toEqual([
      "InstallingRay",
      "CreatedHeadPod",
      "CreatedWorkerPod",
      "CreatedWorkerPod",
    ])
    expect((await seen(p, key)).address?.endpoints["dashboard"]).toMatch(/^\d+$/)
    await p.assertSound()
  })

  it("that is deleted leaves no pod, claim or process, also while it is being installed", async () => {
    const p = await start({ install: () => ({ delayMs: 40_000 }) })
    const ready = await create(p, [workers(1)])
    await reaches(p, ready, "ready")
    p.ray.use({ install: () => ({ delayMs: 40_000 }) })
    const installing = await create(p, [], { rayVersion: "2.59.0" })
    await p.advance(1000)
    for (const key of [ready, installing]) await end(p, key)
    for (const key of [ready, installing]) await reaches(p, key, "gone")
    expect(p.ray.live()).toEqual([])
    expect(await p.store.claims.live(p.store.committed)).toEqual([])
    await p.assertSound()
  })

  it("ends its workers before its head, and does not wait for one that does not end", async () => {
    const p = await start({ pod: ({ head: of }) => ({ stopMs: of === null ? 1 : 4000 }) })
    const groups = () => p.ray.live().map((launch) => launch.group)
    const key = await create(p, [workers(2)])
    await reaches(p, key, "ready")
    await end(p, key)
    await p.advance(3900)
    expect(groups()).toEqual(["head", "small-wg", "small-wg"])
    await p.advance(200)
    expect(groups()).toEqual([])
    await reaches(p, key, "gone")

    p.ray.use({ pod: ({ head: of }) => (of === null ? {} : { ignoresTerm: true }) })
    const stubborn = await create(p, [workers(1)])
    await reaches(p, stubborn, "ready")
    await end(p, stubborn)
    const { id } = head(await podsOf(p, stubborn))
    await p.advance(10_100)
    expect(groups()).toEqual(["small-wg"])
    expect(p.ray.inside.has(id), "the worker's directory is its head's").toBe(true)
    await p.advance(20_000)
    expect((await seen(p, stubborn)).state).toBe("gone")
    await p.assertSound()
  })

  it("waits as a whole for head and least workers, with a reason, and takes what comes free", async () => {
    const p = await start(
      {},
      { nodes: [aNode("c1", 0, { capacity: { ...cpuNode.capacity, cpuMilli: 6000 } })] },
    )
    const first = await create(p, [workers(3)])
    await reaches(p, first, "ready")
    const second = await create(p, [workers(1)])
    await p.advance(5000)
    expect((await seen(p, second)).state).toBe("waiting")
    const gang = (await seen(p, second)).gangClaimId
    if (!gang) throw new Error("It wants nothing.")
    expect(p.plane.capacity.reasons(gang, p.clock.nowMs())[0]).toMatchObject({ resource: "cpu" })
    await end(p, first)
    await reaches(p, second, "ready")
    await p.assertSound()
  })

  it("keeps the number of its workers", async () => {
    const p = await start()
    const key = await create(p, [workers(2)])
    await reaches(p, key, "ready")
    const lost = (await podsOf(p, key)).find((pod) => pod.groupName !== null)
    if (!lost) throw new Error("There is no worker.")
    p.ray.end(lost.id, 1)
    await p.advance(30_000)
    const pods = await podsOf(p, key)
    expect(pods.map((pod) => pod.state)).toEqual(["running", "running", "running"])
    expect(pods.map((pod) => pod.id)).not.toContain(lost.id)
    expect(await reasonsOf(p, key)).toContain("LostWorkerPod")
    expect((await seen(p, key)).state).toBe("ready")
    await p.assertSound()
  })

  it("begins anew when its head is lost, and has failed after some times", async () => {
    const p = await start({})
    const key = await create(p, [workers(1)])
    await reaches(p, key, "ready")
    p.ray.end(head(await podsOf(p, key)).id, null)
    await p.advance(1000)
    expect((await seen(p, key)).state).toBe("waiting")
    await reaches(p, key, "ready")
    p.ray.use({ pod: ({ group: name }) => (name === "head" ? { runMs: 10, exitCode: 3 } : {}) })
    p.ray.end(head(await podsOf(p, key)).id, null)
    await p.until(async () => (await seen(p, key)).state === "failed")
    expect((await seen(p, key)).message).toMatch(/exit code 3/)
    await p.advance(60_000)
    expect(p.ray.live()).toEqual([])
    expect(await p.store.claims.live(p.store.committed)).toEqual([])
    await p.assertSound()
  })

  it("gets a new token where the one that it had was sealed with another server's key", async () => {
    const p = await start()
    const key = await create(p, [], { sealedToken: "of another server" })
    await reaches(p, key, "ready")
    expect((await seen(p, key)).sealedToken).not.toBe("of another server")
    await p.assertSound()
  })

  it("fails with the sentence of an installation that cannot be", async () => {
    const message = "There is no Python here."
    const p = await start({ install: () => ({ fails: { detail: "no_python", message } }) })
    const key = await create(p)
    await reaches(p, key, "failed")
    expect((await seen(p, key)).message).toBe(message)
    await p.advance(60_000)
    expect(await p.store.claims.live(p.store.committed)).toEqual([])
    await p.assertSound()
  })

  it("takes other ports where some are in use", async () => {
    const p = await start({ ensure: ({ portBlock }) => (portBlock === 0 ? "port_in_use" : "start") })
    const key = await create(p)
    await reaches(p, key, "ready")
    expect(head(await podsOf(p, key)).portBlock).toBe(1)
    expect(await reasonsOf(p, key)).toContain("PortInUse")
    await p.assertSound()
  })

  it("goes on over a restart of the server, with the same processes", async () => {
    const p = await start()
    const key = await create(p, [workers(2)])
    await reaches(p, key, "ready")
    const before = (await podsOf(p, key)).map((pod) => pod.id)
    await p.restart()
    await p.advance(30_000)
    expect((await podsOf(p, key)).map((pod) => pod.id)).toEqual(before)
    expect(before.map((id) => p.ray.starts(id))).toEqual([1, 1, 1])
    expect((await seen(p, key)).state).toBe("ready")
    await p.assertSound()
  })

  it("starts a pod anew whose start a crash cut off before its program had said who it is", async () => {
    const p = await start({ pod: () => ({ upAfterMs: 3000 }) })
    const key = await create(p, [workers(1)])
    for (const isHead of [true, false]) {
      await p.until(async () =>
        (await podsOf(p, key)).some((pod) => (pod.groupName === null) === isHead && pod.state === "starting"),
      )
      const pod = (await podsOf(p, key)).find((one) => (one.groupName === null) === isHead)
      if (!pod) throw new Error("There is no such pod.")
      await p.crash()
      p.ray.unstart(pod.id)
      await p.restart()
      await p.settle()
      expect(p.ray.starts(pod.id)).toBe(1)
    }
    await reaches(p, key, "ready")
    expect(await reasonsOf(p, key)).not.toContain("HeadLost")
    await p.assertSound()
  })

  it("gets its GPU node by an automatic request, is suspended when that ends, and comes back", async () => {
    const p = await start({}, { lends: true })
    const key = await create(p, [workers(1, { resources: sized(1, 8) })])
    await reaches(p, key, "ready")
    const [auto] = p.plane.board.live()
    expect(auto?.nodes.map((node) => node.name)).toEqual(["n1"])
    await p.plane.gpuRequests.release(p.owner, auto?.shownId ?? "")
    await p.advance(10_000)
    expect(await seen(p, key)).toMatchObject({ state: "waiting", suspended: true })
    await reaches(p, key, "ready")
    expect((await seen(p, key)).suspended).toBe(false)
    await p.assertSound()
  })

  it("has all its workers where its head is, also where they wait singly and come after it was suspended", async () => {
    const cores = (cpu: number) => ({ capacity: { ...cpuNode.capacity, cpuMilli: cpu * 1000 } })
    const p = await start({}, { nodes: [aNode("c1", 0, cores(4))], otherNodes: [aNode("o1", 0, cores(64))] })
    const key = await create(p, [workers(6, { minReplicas: 1 })])
    await reaches(p, key, "ready")
    await p.advance(30_000)
    expect((await seen(p, key)).clusterId).toBe("local")
    const all = await podsOf(p, key)
    expect(all).toHaveLength(7)
    expect(all.filter((pod) => pod.clusterId === "local")).toHaveLength(3)
    expect(all.filter((pod) => pod.clusterId === null).map((pod) => pod.state)).toEqual(
      Array<string>(4).fill("wanted"),
    )
    // it waits for its own place, and does not go where there is room
    await p.plane.inventory.cordon(p.owner, "local", "c1")
    p.ray.end(head(all).id, null)
    await p.advance(60_000)
    expect(await seen(p, key)).toMatchObject({ state: "waiting", clusterId: "local" })
    await p.plane.inventory.uncordon(p.owner, "local", "c1")
    await reaches(p, key, "ready")
    await p.assertSound()
  })

  it("goes where all that must be there at once has room, before a worker that could wait elsewhere", async () => {
    const cores = (cpu: number) => ({ capacity: { ...cpuNode.capacity, cpuMilli: cpu * 1000 } })
    const p = await start({}, { nodes: [aNode("c1", 0, cores(3))], otherNodes: [aNode("o1", 0, cores(8))] })
    const key = await create(p, [workers(4, { minReplicas: 3 })])
    await reaches(p, key, "ready")
    await p.advance(30_000)
    const all = await podsOf(p, key)
    expect(all.map((pod) => [pod.clusterId, pod.state])).toEqual(
      Array.from({ length: 5 }, () => ["other", "running"]),
    )
    await p.assertSound()
  })

  it("gives up its pods with a server that stops all that runs, and has them again with the next one", async () => {
    const p = await start({ install: ({ version }) => ({ delayMs: version === "2.59.0" ? 600_000 : 0 }) })
    const ready = await create(p, [workers(1)])
    await reaches(p, ready, "ready")
    const installing = await create(p, [], { rayVersion: "2.59.0" })
    await p.settle()
    await p.plane.pausePlanning()
    expect(await p.plane.standDownRay()).toBe(30_000)
    await p.until(() => p.ray.live().length === 0)
    await p.advance(5000)
    for (const key of [ready, installing])
      expect(await seen(p, key)).toMatchObject({ state: "waiting", suspended: true })
    await p.restart()
    await reaches(p, ready, "ready")
    expect((await seen(p, installing)).state).toBe("installing")
    expect((await seen(p, ready)).suspended).toBe(false)
    await p.assertSound()
  })

  it("ends with its workspace", async () => {
    const p = await start()
    await p.plane.workspaces.create(p.owner, { id: "red", description: "", clusters: null, policy: {} })
    const key = await create(p, [workers(1)], { workspaceId: "red", namespace: "red" })
    await reaches(p, key, "ready")
    await p.plane.workspaces.remove(p.owner, "red", { force: true })
    await reaches(p, key, "gone")
    await p.until(() => !p.plane.workspaceNames().includes("red"))
    expect(p.ray.live()).toEqual([])
  })
})
