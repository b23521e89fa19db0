import { describe, expect, it } from "vitest"
import { replicaChanged, type WorkloadDetail } from "../../packages/server/src/domain/workloads/index.ts"
import type { Submission, TestPlane } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()

const forever = { entryPoint: "sleep infinity" }
const service = (nodePort?: number, more: object = {}) => ({
  service: {
    port: 80,
    targetPort: 8080,
    serviceType: "NodePort",
    ...(nodePort !== undefined && { nodePort }),
    ...more,
  },
})
const twoRanks = { resource: { replica: 2, gpu: "1" } }

/** What is listened on and where it leads, of the workload's service. */
async function open(p: TestPlane, id: string) {
  const now = p.network.services.get((await p.view(id)).workload.key)
  return (
    now && {
      addresses: now.addresses.map(({ host, port }) => `${host}:${port}`),
      backends: now.backends.map(({ ip, port }) => `${ip}:${port}`),
    }
  )
}
const podIps = async (p: TestPlane, id: string) =>
  ((await p.view(id)).attempts.at(-1)?.pods ?? []).map((pod) => `${pod.podIp}:8080`)
const endpointOf = async (p: TestPlane, id: string) => p.plane.endpoints.get(p.owner, id)
const eventsOf = async (p: TestPlane, id: string, type: string) =>
  (await p.events(id)).filter((event) => event.type === type)

describe("a service of a job", () => {
  it("is listened for while it waits, and leads to its pods while they run", async () => {
    const p = await plane()
    const first = await p.submit({ resource: { gpu: "8" }, entryPoint: "sleep 5" })
    const { id } = await p.submit({ ...service(30_080), ...twoRanks, ...forever })
    await p.settle()
    const { clusterIp } = (await endpointOf(p, id)).endpoint
    const addresses = [`${clusterIp}:80`, "127.0.0.1:30080"]
    expect(await open(p, id)).toEqual({ addresses, backends: [] })
    await p.reaches(first.id, "Succeeded")
    await p.reaches(id, "Running")
    const backends = await podIps(p, id)
    expect(new Set(backends).size).toBe(2)
    expect(await open(p, id)).toEqual({ addresses, backends })
    expect(await endpointOf(p, id)).toMatchObject({ listening: true, message: "", readyPods: 2, pods: 2 })
  })

  it("leads nowhere from the commit on with which its pods are told to end, and is closed", async () => {
    const p = await plane()
    const { id } = await p.submit({ ...service(), ...forever })
    const { workload } = await p.reaches(id, "Running")
    await p.plane.workloads.stop(p.owner, id)
    expect(p.network.services.get(workload.key)?.backends ?? []).toEqual([])
    await p.settle()
    expect(p.network.services.size).toBe(0)
    await expect(endpointOf(p, id)).rejects.toMatchObject({
      code: "not_found",
      message: "service does not have any ports",
    })
  })

  it("keeps its addresses over a retry, and has only the pods of the run that lives", async () => {
    const p = await plane()
    const { id } = await p.submit({ ...service(), entryPoint: "sleep 2; exit 1", maxRetry: 5 })
    await p.reaches(id, "Running")
    const before = await open(p, id)
    await p.until(async () => (await p.view(id)).workload.dispatchCount === 2)
    await p.reaches(id, "Running")
    const after = await open(p, id)
    expect(after?.addresses).toEqual(before?.addresses)
    expect(after?.backends).toEqual(await podIps(p, id))
    expect(after?.backends).toHaveLength(1)
  })

  it("is open and routed again before a server that came back says that it is ready", async () => {
    const p = await plane()
    const { id } = await p.submit({ ...service(), ...forever })
    await p.reaches(id, "Running")
    const before = await open(p, id)
    const restarted = p.restart()
    await restarted
    expect(p.plane.readiness().isReady).toBe(true)
    expect(await open(p, id)).toEqual(before)
    expect(before?.backends).toHaveLength(1)
  })

  it("of UDP is not listened for, and says so", async () => {
    const p = await plane()
    const { id } = await p.submit({ ...service(undefined, { protocol: "UDP" }), ...forever })
    await p.reaches(id, "Running")
    expect(p.network.services.size).toBe(0)
    expect(await endpointOf(p, id)).toMatchObject({ listening: false, readyPods: 1 })
    expect((await endpointOf(p, id)).message).toMatch(/^UDP is not forwarded/)
  })
})

describe("an address that another program has", () => {
  it("is told once, shown, and taken when it is free", async () => {
    const p = await plane()
    p.network.take(30_080)
    const { id } = await p.submit({ ...service(30_080), ...forever })
    await p.settle()
    const message = "127.0.0.1:30080 is in use by another program."
    expect(await endpointOf(p, id)).toMatchObject({ listening: false, message })
    await p.advance(200_000)
    expect(await eventsOf(p, id, "service.port_in_use")).toMatchObject([{ data: { message } }])
    // the cluster address goes on by itself
    expect((await open(p, id))?.addresses).toHaveLength(1)
    p.network.free(30_080)
    await p.advance(60_000)
    expect(await endpointOf(p, id)).toMatchObject({ listening: true, message: "" })
    expect((await endpointOf(p, id)).endpoint.nodePort).toBe(30_080)
  })

  it("is replaced where the server had chosen it, at once as long as nobody can know it", async () => {
    const p = await plane()
    const probe = await p.submit({ ...service(), ...forever })
    const { nodePort } = (await endpointOf(p, probe.id)).endpoint
    // the same key is chosen for anew by the same hash: what is known of it is refused from now on
    for (let port = 30_000; port <= 32_767; port++) if (port % 2 === 0) p.network.take(port)
    const made = []
    for (let n = 0; n < 8; n++) made.push((await p.submit({ ...service(), ...forever })).id)
    await p.settle()
    for (const id of made) {
      const seen = await endpointOf(p, id)
      expect(seen).toMatchObject({ listening: true, message: "" })
      expect((seen.endpoint.nodePort ?? 0) % 2).toBe(1)
    }
    const moves = await Promise.all(made.map((id) => eventsOf(p, id, "service.node_port_changed")))
    expect(moves.flat().length).toBeGreaterThan(0)
    expect((await endpointOf(p, probe.id)).endpoint.nodePort).toBe(nodePort)
  })

  it("is waited for a while after a restart, for others know it, and then replaced", async () => {
    const p = await plane()
    const { id } = await p.submit({ ...service(), ...forever })
    await p.settle()
    const { nodePort } = (await endpointOf(p, id)).endpoint
    p.network.take(nodePort ?? 0)
    await p.restart()
    expect(await endpointOf(p, id)).toMatchObject({ listening: false, endpoint: { nodePort } })
    await p.advance(120_000)
    const after = await endpointOf(p, id)
    expect(after).toMatchObject({ listening: true, message: "" })
    expect(after.endpoint.nodePort).not.toBe(nodePort)
    expect(await eventsOf(p, id, "service.node_port_changed")).toMatchObject([{ data: { from: nodePort } }])
  })
})

describe("a node port", () => {
  it("is listened for by the next that has it only when the last one is closed", async () => {
    const p = await plane()
    const first = await p.submit({ ...service(30_080), ...forever })
    await p.settle()
    const closed = Promise.withResolvers<void>()
    const { close } = p.network
    p.network.close = (key) => closed.promise.then(() => close(key))
    await p.plane.workloads.stop(p.owner, first.id)
    const second = await p.submit({ ...service(30_080), ...forever })
    await p.settle()
    expect(await open(p, second.id)).toBeUndefined()
    closed.resolve()
    await p.settle()
    expect(await endpointOf(p, second.id)).toMatchObject({ listening: true })
    expect(await eventsOf(p, second.id, "service.port_in_use")).toEqual([])
  })

  it("is listened for by the next that has it when the last one was over before it was open", async () => {
    const p = await plane()
    const opened = Promise.withResolvers<void>()
    const { open: openNow } = p.network
    p.network.open = async (key, addresses) => {
      const answers = await openNow(key, addresses)
      await opened.promise
      return answers
    }
    const first = await p.submit({ ...service(30_080), ...forever })
    await p.plane.workloads.stop(p.owner, first.id)
    const second = await p.submit({ ...service(30_080), ...forever })
    await p.settle()
    p.network.open = openNow
    opened.resolve()
    await p.settle()
    expect(await endpointOf(p, second.id)).toMatchObject({ listening: true })
    expect(await eventsOf(p, second.id, "service.port_in_use")).toEqual([])
    expect(p.network.services.size).toBe(1)
  })

  it("answers on every interface as long as the workspace publishes its services", async () => {
    const p = await plane()
    const { id } = await p.submit({ ...service(30_080), ...forever })
    await p.settle()
    const publish = (publishServices: boolean) =>
      p.plane.workspaces.update(p.owner, "default", { policy: { publishServices } })
    await publish(true)
    await p.settle()
    expect((await open(p, id))?.addresses[1]).toBe("0.0.0.0:30080")
    expect(await endpointOf(p, id)).toMatchObject({ nodeAddress: "0.0.0.0:30080", listening: true })
    await publish(false)
    await p.settle()
    expect((await open(p, id))?.addresses[1]).toBe("127.0.0.1:30080")
  })

  it("is published by server owners only", async () => {
    const p = await plane()
    await p.plane.workspaces.create(p.owner, { id: "team", description: "", clusters: null, policy: {} })
    const ann = await p.member("ann", { team: "owner" })
    const change = (publishServices: boolean) =>
      p.plane.workspaces.update(ann, "team", { policy: { publishServices, enablePreempt: true } })
    await expect(change(true)).rejects.toMatchObject({
      code: "forbidden",
      message: "The user is not allowed to publish the services of workspace",
    })
    expect((await change(false)).policy).toMatchObject({ enablePreempt: true, publishServices: false })
  })
})

it("gives addresses to services of workloads that were made when there were none", async () => {
  const p = await plane()
  const old = await p.submit({ ...service(), ...forever })
  const { store } = p
  await p.settle()
  await store.tx(async (tx) => {
    const row = await store.workloads.byId(tx, old.id)
    if (!row) throw new Error("There is no workload.")
    await store.endpoints.remove(tx, row.key)
    // such numbers were taken then
    const spec = { ...row.spec, service: { ...row.spec.service, nodePort: 80 } }
    await store.workloads.update(tx, { ...row, spec })
  })
  await p.restart()
  const seen = await endpointOf(p, old.id)
  expect(seen.listening).toBe(true)
  expect(seen.endpoint.nodePort).toBeGreaterThanOrEqual(30_000)
})

const serving = (change: Submission = {}): Submission => ({
  displayName: "serve",
  kind: "Deployment",
  ...forever,
  ...service(),
  readiness: { path: "/", port: 8080 },
  ...change,
  resource: { replica: 2, ...change.resource },
})
const backendsOf = async (p: TestPlane, id: string) => (await open(p, id))?.backends ?? []
const isServedBy = (p: TestPlane, id: string, count: number) =>
  p.until(async () => (await backendsOf(p, id)).length === count)
const addressesOf = (view: WorkloadDetail) =>
  view.replicas.filter((one) => one.readySinceMs !== null).map((one) => `${one.podIp}:8080`)

/** Sees every pod that is told to end: none may get connections at that moment. */
function watchStops(p: TestPlane) {
  const ips = new Map<string, string>()
  p.store.subscribe(replicaChanged, ({ replica }) => {
    if (replica.attemptId && replica.podIp !== "") ips.set(replica.attemptId, replica.podIp)
  })
  const seen: { readonly ip: string; readonly isRouted: boolean }[] = []
  const { stop } = p.world.inside
  p.world.inside.stop = (id, reason, graceMs) => {
    const ip = ips.get(id) ?? ""
    const routed = [...p.network.services.values()].flatMap(({ backends }) => backends)
    seen.push({ ip, isRouted: routed.some((backend) => backend.ip === ip) })
    stop(id, reason, graceMs)
  }
  return seen
}

describe("a service of an application", () => {
  it("leads to the pods that are ready, as long as they are", async () => {
    const p = await plane({
      script: { pod: (_launch, pod) => ({ readyAfterMs: pod.podId === "" ? 0 : 3000 }) },
    })
    const { id } = await p.submit(serving())
    await p.advance(2000)
    expect(await open(p, id)).toMatchObject({ backends: [] })
    await isServedBy(p, id, 2)
    const view = await p.view(id)
    expect(await backendsOf(p, id)).toEqual(addressesOf(view))
    const [first, second] = view.replicas
    if (!first?.attemptId || !second) throw new Error("There are no two replicas.")
    p.world.setReady(first.attemptId, first.podId, false)
    await isServedBy(p, id, 1)
    expect(await backendsOf(p, id)).toEqual([`${second.podIp}:8080`])
    expect(await endpointOf(p, id)).toMatchObject({ readyPods: 1, pods: 2, kind: "Deployment" })
    p.world.setReady(first.attemptId, first.podId, true)
    await isServedBy(p, id, 2)
  })

  it("leads to the other pods from the look on that finds one dead, and to what takes its place", async () => {
    const p = await plane()
    const { id } = await p.submit(serving())
    await isServedBy(p, id, 2)
    const [dead, other] = (await p.view(id)).replicas
    if (!dead?.attemptId || !other) throw new Error("There are no two replicas.")
    p.world.end(dead.attemptId, 137)
    await isServedBy(p, id, 1)
    expect(await backendsOf(p, id)).toEqual([`${other.podIp}:8080`])
    await isServedBy(p, id, 2)
    expect(await backendsOf(p, id)).toEqual(addressesOf(await p.view(id)))
  })

  it("sends nothing to a pod that is told to end: in an update, by a smaller size, by a stop", async () => {
    const p = await plane({ script: { pod: () => ({ stopMs: 4000 }) } })
    const stops = watchStops(p)
    const { id } = await p.submit(serving({ resource: { replica: 4 } }))
    await isServedBy(p, id, 4)
    await p.plane.workloads.patch(p.owner, id, { image: "another" })
    let least = 4
    await p.until(async () => {
      const backends = await backendsOf(p, id)
      least = Math.min(least, backends.length)
      expect(new Set(backends)).toEqual(new Set(addressesOf(await p.view(id))))
      const { workload } = await p.view(id)
      return workload.phase === "Running" && workload.rollout?.observed === 2
    })
    expect(least).toBe(3)
    expect(stops).toHaveLength(4)
    await p.plane.workloads.patch(p.owner, id, { replica: 2 })
    await isServedBy(p, id, 2)
    await p.plane.workloads.stop(p.owner, id)
    await p.until(() => p.world.live().length === 0)
    expect(stops).toHaveLength(8)
    expect(stops.filter(({ isRouted, ip }) => isRouted || ip === "")).toEqual([])
    expect(p.network.services.size).toBe(0)
  })

  it("is routed as the rows say after a crash at any time of an update", async () => {
    const p = await plane()
    const { id } = await p.submit(serving({ resource: { replica: 3 } }))
    await isServedBy(p, id, 3)
    const { endpoint } = await endpointOf(p, id)
    await p.plane.workloads.patch(p.owner, id, { image: "another" })
    for (let crash = 0; crash < 6; crash++) {
      await p.advance(400)
      await p.restart()
      expect(await backendsOf(p, id)).toEqual(addressesOf(await p.view(id)))
    }
    await p.reaches(id, "Running")
    await isServedBy(p, id, 3)
    expect((await endpointOf(p, id)).endpoint).toEqual(endpoint)
  })

  it("keeps its addresses when it is scaled to nothing and back", async () => {
    const p = await plane()
    const { id } = await p.submit(serving())
    await isServedBy(p, id, 2)
    const before = await open(p, id)
    await p.plane.workloads.patch(p.owner, id, { replica: 0 })
    await isServedBy(p, id, 0)
    expect((await open(p, id))?.addresses).toEqual(before?.addresses)
    await p.plane.workloads.patch(p.owner, id, { replica: 1 })
    await isServedBy(p, id, 1)
    expect(await endpointOf(p, id)).toMatchObject({ pods: 1, readyPods: 1 })
  })
})
