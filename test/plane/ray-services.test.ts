import { describe, expect, it } from "vitest"
import type {
  NewRayService,
  RayCluster,
  RayPod,
  RayService,
  RayServiceView,
} from "../../packages/server/src/domain/ray/index.ts"
import { anAskedSpec, aSize, aWorkerGroup } from "../../packages/server/src/domain/ray/ray-suite.ts"
import type { FakeRayScript } from "../../packages/server/src/drivers/fake/fake-ray-script.ts"
import { aNode, type TestPlane, type TestPlaneOptions } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()
const at = { namespace: "default", name: "fruit" }
const minute = 60_000

function configOf(...names: readonly string[]): string {
  return `applications:\n${names.map((name) => `- name: ${name}\n  import_path: ${name}:app\n`).join("")}`
}

/** Template `large` is twice `small`. */
async function start(script: FakeRayScript = {}, options: TestPlaneOptions = {}): Promise<TestPlane> {
  const p = await plane({ nodes: [aNode("n1"), aNode("c1", 0)], ...options })
  p.ray.use(script)
  for (const [name, cpu] of Object.entries({ small: 1, large: 2 }))
    await p.plane.ray.templates.create(p.owner, { namespace: "default", name, ...aSize, cpu })
  return p
}

function wanted(change: Partial<NewRayService> = {}): NewRayService {
  return {
    ...at,
    user: "ada",
    rayVersion: "2.60.0",
    serveConfig: configOf("fruit"),
    serviceUnhealthySeconds: 0,
    deploymentUnhealthySeconds: 0,
    spec: anAskedSpec(),
    ...change,
  }
}

/** Workers of a group of the template, so many. */
const shaped = (computeTemplate: string, replicas = 1) =>
  anAskedSpec({ workers: [{ ...aWorkerGroup, computeTemplate, replicas, minReplicas: replicas }] })

const create = (p: TestPlane, change: Partial<NewRayService> = {}) =>
  p.plane.ray.services.create(p.owner, wanted(change))
const update = (p: TestPlane, change: Partial<NewRayService> = {}) =>
  p.plane.ray.services.update(p.owner, wanted(change))
const view = (p: TestPlane): Promise<RayServiceView> => p.plane.ray.services.get(p.owner, at)
const clusters = (p: TestPlane) => p.store.ray.clusters.live(p.store.committed)

async function row(p: TestPlane): Promise<RayService> {
  return (await view(p)).service
}
async function active(p: TestPlane): Promise<RayCluster> {
  const { active: found } = await view(p)
  if (!found) throw new Error("No cluster serves.")
  return found
}
async function headOf(p: TestPlane, cluster: RayCluster): Promise<RayPod> {
  const pods = await p.store.ray.pods.live(p.store.committed, cluster.key)
  const head = pods.find(({ groupName, state }) => groupName === null && state !== "ending")
  if (!head) throw new Error(`${cluster.name} has no head.`)
  return head
}
async function statuses(p: TestPlane): Promise<Record<string, string>> {
  return Object.fromEntries((await row(p)).applications.map(({ name, status }) => [name, status]))
}
async function reasons(p: TestPlane): Promise<readonly string[]> {
  const { key } = await row(p)
  return (await p.store.ray.events.of(p.store.committed, [key])).map(({ reason }) => reason)
}
const serves = (p: TestPlane, ...names: readonly string[]) =>
  p.until(async () => {
    const seen = await statuses(p)
    return Object.keys(seen).length === names.length && names.every((name) => seen[name] === "RUNNING")
  }, 30 * minute)
const switches = (p: TestPlane, from: RayCluster) =>
  p.until(async () => (await view(p)).active?.key !== from.key, 30 * minute)

describe("a Ray service", () => {
  it("gets a cluster, gives it its applications, and shows an endpoint when all of them run", async () => {
    const p = await start({ pod: () => ({ upAfterMs: 3000 }), application: () => ({ deployMs: 5000 }) })
    const made = await create(p, { serveConfig: configOf("fruit", "math") })
    expect(made).toMatchObject({ active: null, service: { applications: [], activeClusterKey: null } })
    await p.advance(7000)
    expect((await view(p)).active).toBe(null)
    await serves(p, "fruit", "math")
    const serving = await active(p)
    expect(serving.name).toMatch(/^fruit-[a-z0-9]{5}$/)
    expect(serving).toMatchObject({ state: "ready", serves: true, environment: null, user: "ada" })
    expect(serving.parent).toEqual({ kind: "service", key: made.service.key, name: "fruit" })
    expect(serving.address?.endpoints["serve"]).toMatch(/^\d+$/)
    expect(p.ray.servesApplied((await headOf(p, serving)).id)).toBe(1)
    expect(await reasons(p)).toEqual(["CreatedRayCluster", "UpdatedServeApplications"])
    const told = (await view(p)).events.map(({ reason }) => reason)
    expect(told).toEqual([...(await reasons(p)), "InstallingRay", "CreatedHeadPod", "CreatedWorkerPod"])
  })

  it("gives a changed serve configuration to the cluster that serves", async () => {
    const p = await start()
    await create(p)
    await serves(p, "fruit")
    const before = await active(p)
    await update(p, { serveConfig: configOf("fruit", "math") })
    await serves(p, "fruit", "math")
    expect((await active(p)).key).toBe(before.key)
    expect(p.ray.servesApplied((await headOf(p, before)).id)).toBe(2)
    await update(p, { serveConfig: configOf("math") })
    await serves(p, "math")
    expect(await clusters(p)).toHaveLength(1)
  })

  it("gives a changed cluster a cluster of its own, switches when all runs there, and ends the old one later", async () => {
    const p = await start({ application: () => ({ deployMs: 20_000 }) })
    await create(p)
    await serves(p, "fruit")
    const old = await active(p)
    await update(p, { spec: shaped("large"), serveConfig: configOf("math") })
    await p.advance(10_000)
    expect(await active(p)).toMatchObject({ key: old.key })
    expect(await statuses(p)).toEqual({ fruit: "RUNNING" })
    await switches(p, old)
    expect(await statuses(p)).toEqual({ math: "RUNNING" })
    expect((await active(p)).spec.workers[0]?.resources.cpu).toBe(2)
    await p.advance(55_000)
    expect((await clusters(p)).map(({ state }) => state)).toEqual(["ready", "ready"])
    await p.advance(10_000)
    expect((await clusters(p)).map(({ key }) => key)).toEqual([(await active(p)).key])
    expect(await reasons(p)).toContain("DeletedRayCluster")
  })

  it("changes the numbers of workers in place, and adds groups behind the others", async () => {
    const p = await start()
    await create(p, { spec: shaped("small", 3) })
    await serves(p, "fruit")
    const { key } = await active(p)
    const running = async (name: string) =>
      (await p.store.ray.pods.live(p.store.committed, key)).filter(
        (pod) => pod.groupName === name && pod.state === "running",
      ).length
    await update(p, { spec: shaped("small", 1) })
    await p.until(async () => (await running("small-wg")) === 1)
    const more = shaped("small", 2)
    const added = { ...aWorkerGroup, groupName: "more", minReplicas: 1 }
    await update(p, { spec: { ...more, workers: [...more.workers, added] } })
    await p.until(async () => (await running("small-wg")) === 2 && (await running("more")) === 1)
    expect((await active(p)).key).toBe(key)
    expect(await clusters(p)).toHaveLength(1)
  })

  it("gives up a change that is taken back before it is made", async () => {
    const p = await start({ application: () => ({ deployMs: 20_000 }) })
    await create(p)
    await serves(p, "fruit")
    const before = await active(p)
    await update(p, { spec: shaped("large") })
    await p.advance(5000)
    expect(await clusters(p)).toHaveLength(2)
    await update(p)
    await p.until(async () => (await clusters(p)).length === 1)
    await p.advance(minute)
    expect(await active(p)).toMatchObject({ key: before.key })
    expect(await statuses(p)).toEqual({ fruit: "RUNNING" })
  })

  it("comes to what the last of several updates says", async () => {
    const p = await start()
    await create(p)
    await serves(p, "fruit")
    await Promise.all([
      update(p, { spec: shaped("large"), serveConfig: configOf("math") }),
      update(p, { spec: shaped("small", 2), serveConfig: configOf("two") }),
    ])
    const { serveConfig } = await row(p)
    await serves(p, serveConfig.includes("two") ? "two" : "math")
    await p.advance(3 * minute)
    expect(await clusters(p)).toHaveLength(1)
    expect((await active(p)).spec).toEqual((await row(p)).spec)
  })

  it.each([
    ["is no YAML", "applications: [", /is no YAML/, "InvalidRayServiceSpec"],
    ["is no mapping", "- fruit", /no YAML mapping/, "InvalidRayServiceSpec"],
  ])(
    "with a configuration that %s says so and makes nothing, until it is mended",
    async (_, text, message, reason) => {
      const p = await start()
      await create(p, { serveConfig: text })
      await p.advance(minute)
      expect((await row(p)).message).toMatch(message)
      expect(await reasons(p)).toEqual([reason])
      expect(await clusters(p)).toEqual([])
      await update(p)
      await serves(p, "fruit")
      expect((await row(p)).message).toBe("")
    },
  )

  it("goes on with what it serves when it is given what is no configuration, or what Ray refuses", async () => {
    const p = await start()
    await create(p)
    await serves(p, "fruit")
    const { key } = await active(p)
    const head = await headOf(p, await active(p))
    await update(p, { serveConfig: "applications: [" })
    await p.advance(minute)
    expect(await statuses(p)).toEqual({ fruit: "RUNNING" })
    await update(p, { serveConfig: "applications: all" })
    await p.advance(minute)
    expect((await row(p)).message).toMatch(/a list is needed/)
    expect(await reasons(p)).toContain("FailedToUpdateServeApplications")
    expect(await statuses(p)).toEqual({ fruit: "RUNNING" })
    expect(p.ray.servesApplied(head.id)).toBe(1)
    await update(p, { serveConfig: configOf("math") })
    await serves(p, "math")
    expect(await row(p)).toMatchObject({ activeClusterKey: key, message: "" })
  })

  it("that Ray refuses from the beginning is never shown as serving, and has one cluster", async () => {
    const p = await start()
    await create(p, { serveConfig: "{}" })
    await p.advance(5 * minute)
    expect(await view(p)).toMatchObject({ active: null, service: { applications: [] } })
    expect(await clusters(p)).toHaveLength(1)
    await update(p)
    await serves(p, "fruit")
    expect(await clusters(p)).toHaveLength(1)
  })

  it("with a name that is too long for its clusters says so", async () => {
    const p = await start()
    const name = "f".repeat(48)
    await create(p, { name })
    await p.advance(minute)
    const { service, events } = await p.plane.ray.services.get(p.owner, { ...at, name })
    expect(service.message).toMatch(/no more than 47 characters/)
    expect(events.map(({ reason }) => reason)).toEqual(["InvalidRayServiceMetadata"])
    expect(await clusters(p)).toEqual([])
  })

  it("whose applications are unhealthy for too long gets another cluster, not earlier", async () => {
    const p = await start()
    await create(p, { serviceUnhealthySeconds: 120 })
    await serves(p, "fruit")
    const first = await active(p)
    p.ray.setApplication((await headOf(p, first)).id, "fruit", "UNHEALTHY", "It is tired.")
    await p.advance(100_000)
    expect(await statuses(p)).toEqual({ fruit: "UNHEALTHY" })
    expect((await row(p)).applications[0]?.message).toBe("It is tired.")
    expect(await clusters(p)).toHaveLength(1)
    await switches(p, first)
    expect(await statuses(p)).toEqual({ fruit: "RUNNING" })
    expect(await reasons(p)).toContain("UnhealthyRayCluster")
    await p.advance(3 * minute)
    expect(await clusters(p)).toHaveLength(1)
  })

  it("keeps its cluster when its applications recover in time", async () => {
    const p = await start()
    await create(p, { serviceUnhealthySeconds: 120 })
    await serves(p, "fruit")
    const first = await active(p)
    const { id } = await headOf(p, first)
    for (const status of ["UNHEALTHY", "RUNNING", "DEPLOY_FAILED", "RUNNING"] as const) {
      p.ray.setApplication(id, "fruit", status)
      await p.advance(100_000)
    }
    expect(await active(p)).toMatchObject({ key: first.key })
    expect(await row(p)).toMatchObject({ unhealthySinceMs: null, pendingClusterKey: null })
  })

  it("that cannot come up stays with one cluster to be, and takes a better configuration there", async () => {
    const message = "Deploying app 'bad' failed with exception:\nTraceback\nNo module named bad.\n"
    const failed = { status: "DEPLOY_FAILED", message } as const
    const p = await start({ application: (name) => (name === "bad" ? failed : {}) })
    await create(p, { serveConfig: configOf("bad") })
    await p.advance(40 * minute)
    expect((await view(p)).active).toBe(null)
    expect((await row(p)).message).toBe("The application bad cannot be deployed: No module named bad.")
    expect(await reasons(p)).toContain("UnhealthyServeApplications")
    const [only, ...more] = await clusters(p)
    expect(more).toEqual([])
    await update(p)
    await serves(p, "fruit")
    expect((await active(p)).key).toBe(only?.key)
    expect((await row(p)).message).toBe("")
  })

  it("gives its applications again to a head that came back", async () => {
    const p = await start()
    await create(p)
    await serves(p, "fruit")
    const before = await active(p)
    const lost = await headOf(p, before)
    p.ray.end(lost.id, null)
    await p.advance(1000)
    expect(await row(p)).toMatchObject({ applications: [] })
    await serves(p, "fruit")
    expect((await active(p)).key).toBe(before.key)
    expect(p.ray.servesApplied((await headOf(p, before)).id)).toBe(1)
  })

  it("gets another cluster when somebody ends the one that serves", async () => {
    const p = await start()
    await create(p)
    await serves(p, "fruit")
    const { name, key } = await active(p)
    await p.plane.ray.clusters.delete(p.owner, { namespace: "default", name })
    expect((await view(p)).active).toBe(null)
    await serves(p, "fruit")
    expect((await active(p)).key).not.toBe(key)
    await p.until(async () => (await clusters(p)).length === 1)
  })

  it("whose cluster fails for good gets another, but one that never served is tried again only when asked", async () => {
    const p = await start()
    await create(p)
    await serves(p, "fruit")
    const first = await active(p)
    const broken: FakeRayScript = { pod: ({ group }) => (group === "head" ? { runMs: 10, exitCode: 3 } : {}) }
    p.ray.use(broken)
    p.ray.end((await headOf(p, first)).id, null)
    await p.until(async () => (await row(p)).message !== "")
    await p.advance(10 * minute)
    expect((await row(p)).message).toMatch(/exit code 3/)
    expect(await reasons(p)).toContain("FailedToCreateRayCluster")
    expect((await clusters(p)).map(({ state }) => state)).toEqual(["failed", "failed"])
    p.ray.use({})
    await update(p)
    await switches(p, first)
    await serves(p, "fruit")
    await p.until(async () => (await clusters(p)).length === 1)
    expect((await row(p)).message).toBe("")
  })

  it("goes on over a restart of the server, also amid a switch", async () => {
    const p = await start({ application: () => ({ deployMs: 20_000 }) })
    await create(p)
    await p.advance(2000)
    await p.restart()
    await serves(p, "fruit")
    expect(await clusters(p)).toHaveLength(1)
    const old = await active(p)
    await update(p, { spec: shaped("large") })
    await p.advance(10_000)
    await p.restart()
    await switches(p, old)
    await p.restart()
    await p.advance(2 * minute)
    expect((await clusters(p)).map(({ key }) => key)).toEqual([(await active(p)).key])
    expect(await statuses(p)).toEqual({ fruit: "RUNNING" })
  })

  it("that is deleted is gone at once, and its clusters when their processes are", async () => {
    const p = await start({ application: () => ({ deployMs: 20_000 }) })
    const first = await create(p)
    await serves(p, "fruit")
    await update(p, { spec: shaped("large") })
    await p.advance(5000)
    await p.plane.ray.services.delete(p.owner, at)
    await expect(view(p)).rejects.toMatchObject({ code: "not_found", resource: "ray-service" })
    await expect(update(p)).rejects.toMatchObject({ code: "not_found" })
    const again = await create(p)
    expect(again.service.key).not.toBe(first.service.key)
    await serves(p, "fruit")
    await p.plane.ray.services.delete(p.owner, at)
    await p.until(async () => (await clusters(p)).length === 0)
    await p.until(async () => (await p.store.ray.services.live(p.store.committed)).length === 0)
    expect(p.ray.live()).toEqual([])
    expect(await p.store.claims.live(p.store.committed)).toEqual([])
  })

  it("ends with its workspace", async () => {
    const p = await start()
    await p.plane.workspaces.create(p.owner, { id: "red", description: "", clusters: null, policy: {} })
    await p.plane.ray.templates.create(p.owner, { namespace: "red", name: "small", ...aSize })
    const red = { ...at, namespace: "red" }
    await create(p, red)
    await p.until(async () => (await p.plane.ray.services.get(p.owner, red)).active !== null)
    await p.plane.workspaces.remove(p.owner, "red", { force: true })
    await p.until(() => !p.plane.workspaceNames().includes("red"))
    expect(await p.store.ray.services.live(p.store.committed)).toEqual([])
    expect(p.ray.live()).toEqual([])
  })

  it("waits with its new cluster for room beside the old one, and serves on", async () => {
    const node = aNode("c1", 0)
    const p = await start({}, { nodes: [{ ...node, capacity: { ...node.capacity, cpuMilli: 3000 } }] })
    await create(p)
    await serves(p, "fruit")
    const old = await active(p)
    await update(p, { spec: shaped("large") })
    await p.advance(5 * minute)
    expect(await active(p)).toMatchObject({ key: old.key, state: "ready" })
    const pending = (await clusters(p)).find(({ key }) => key !== old.key)
    expect(pending?.state).toBe("waiting")
    await update(p, { spec: shaped("small", 2) })
    await p.until(async () => (await clusters(p)).length === 1)
    expect(await active(p)).toMatchObject({ key: old.key })
  })

  it("is brought to another cluster where another person says what it is", async () => {
    const p = await start()
    const editor = await p.member("ed", { default: "editor" })
    await create(p)
    await serves(p, "fruit")
    const old = await active(p)
    expect(old.asServerOwner).toBe(true)
    await p.plane.ray.services.update(editor, wanted({ serveConfig: configOf("math") }))
    await switches(p, old)
    expect(p.ray.servesApplied((await headOf(p, old)).id)).toBe(1)
    expect(await active(p)).toMatchObject({ asServerOwner: false, userId: editor.userId })
    expect(await statuses(p)).toEqual({ math: "RUNNING" })
  })
})
