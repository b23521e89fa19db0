import { describe, expect, it } from "vitest"
import type { TestPlane } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()

const http = { protocol: "TCP", port: 80, targetPort: 8080 }
const clusterIp = { service: { ...http, serviceType: "ClusterIP" } }
const nodePort = (port?: number) => ({
  service: { ...http, serviceType: "NodePort", ...(port !== undefined && { nodePort: port }) },
})
const forever = { entryPoint: "sleep infinity" }

const endpointOf = async (p: TestPlane, id: string) => (await p.view(id)).endpoint
const given = (p: TestPlane) => p.store.endpoints.all(p.store.committed)

describe("the addresses of a service", () => {
  it("are there from the creation on, of each kind of workload, and are its own", async () => {
    const p = await plane()
    const ids = []
    for (const service of [clusterIp, nodePort(), nodePort(30_080)])
      ids.push((await p.submit({ ...service, ...forever })).id)
    const [one, two, three] = await Promise.all(ids.map((id) => endpointOf(p, id)))
    expect(one).toMatchObject({ type: "ClusterIP", port: 80, targetPort: 8080, nodePort: null })
    expect(two?.nodePort).toBeGreaterThanOrEqual(30_000)
    expect(two?.nodePort).toBeLessThanOrEqual(32_767)
    expect(three).toMatchObject({ type: "NodePort", nodePort: 30_080 })
    const ips = [one, two, three].map((endpoint) => endpoint?.clusterIp)
    expect(new Set(ips).size).toBe(3)
    for (const ip of ips) expect(ip).toMatch(/^127\.65\.\d+\.\d+$/)
    expect((await endpointOf(p, (await p.submit(forever)).id)) ?? null).toBeNull()
  })

  it("ignores a node port that a service of type ClusterIP was sent with", async () => {
    const p = await plane()
    for (let n = 0; n < 2; n++) {
      const service = { ...clusterIp.service, nodePort: 30_080 }
      const { id } = await p.submit({ service, ...forever })
      expect(await endpointOf(p, id)).toMatchObject({ type: "ClusterIP", nodePort: null })
    }
  })

  it("are refused when another live workload has the node port, whoever of two comes first", async () => {
    const p = await plane()
    const twice = [
      p.submit({ ...nodePort(30_080), ...forever }),
      p.submit({ ...nodePort(30_080), ...forever }),
    ]
    const settled = await Promise.allSettled(twice)
    expect(settled.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"])
    const refused = settled.find((one) => one.status === "rejected")
    expect(refused?.reason).toMatchObject({
      code: "already_exists",
      message: "the nodePort 30080 is already used",
    })
    expect((await given(p)).length).toBe(1)
    expect((await p.store.workloads.live(p.store.committed)).length).toBe(1)
  })

  it("lie in the range of node ports", async () => {
    const p = await plane()
    await expect(p.submit(nodePort(80))).rejects.toMatchObject({
      code: "invalid",
      message: "The service/node port(80) is invalid and needs to be between 30000 and 32767",
    })
  })

  it("are refused when no node port is left, and given again when one is", async () => {
    const p = await plane()
    const { store } = p
    const { id } = await p.submit({ ...nodePort(30_000), ...forever })
    const [model] = await given(p)
    if (!model) throw new Error("There is no endpoint.")
    const row = await store.workloads.byId(store.committed, id)
    if (!row) throw new Error("There is no workload.")
    await store.tx(async (tx) => {
      for (let port = 30_001; port <= 32_767; port++) {
        const key = `wl_filler${port}` as typeof row.key
        await store.workloads.insert(tx, {
          ...row,
          key,
          id: `f-${port}`,
          uid: `u${port}`,
          hidden: true,
          phase: "Stopped",
        })
        await store.endpoints.insert(tx, {
          ...model,
          workloadKey: key,
          workloadId: `f-${port}`,
          clusterIp: `127.66.${port >> 8}.${port & 255}`,
          nodePort: port,
        })
      }
    })
    await expect(p.submit(nodePort())).rejects.toMatchObject({ code: "conflict", detail: "addresses" })
    await p.plane.workloads.stop(p.owner, id)
    expect(await endpointOf(p, (await p.submit({ ...nodePort(), ...forever })).id)).toMatchObject({
      nodePort: 30_000,
    })
    await store.tx(async (tx) => {
      for (const { workloadKey: key } of await store.endpoints.all(tx))
        if (key.startsWith("wl_filler")) await store.endpoints.remove(tx, key)
    })
  })

  it.each([
    ["stopped", async (p: TestPlane, id: string) => p.plane.workloads.stop(p.owner, id)],
    ["deleted", async (p: TestPlane, id: string) => p.plane.workloads.remove(p.owner, id)],
    ["over in time", async (p: TestPlane, _id: string) => p.advance(2000)],
  ])("are given back when the workload is %s", async (_how, end) => {
    const p = await plane()
    const { id } = await p.submit({ ...nodePort(30_080), entryPoint: "sleep 1" })
    await p.settle()
    await end(p, id)
    expect(await given(p)).toEqual([])
    await p.submit({ ...nodePort(30_080), ...forever })
  })

  it("are given back when it fails, when its time is over and when its workspace is deleted", async () => {
    const p = await plane()
    await p.plane.workspaces.create(p.owner, { id: "team", description: "", clusters: null, policy: {} })
    await p.submit({ ...nodePort(), entryPoint: "sleep 1; exit 1" })
    await p.submit({ ...nodePort(), ...forever, timeout: 3 })
    await p.submit({ ...nodePort(), ...forever, workspaceId: "team" })
    expect((await given(p)).length).toBe(3)
    await p.advance(4000)
    expect((await given(p)).length).toBe(1)
    await p.plane.workspaces.remove(p.owner, "team", { force: true })
    await p.settle()
    expect(await given(p)).toEqual([])
  })

  it("stay through a retry and through a restart of the server", async () => {
    const p = await plane()
    const { id } = await p.submit({ ...nodePort(), entryPoint: "sleep 1; exit 1", maxRetry: 3 })
    const before = await endpointOf(p, id)
    await p.until(async () => (await p.view(id)).workload.dispatchCount === 2)
    expect(await endpointOf(p, id)).toEqual(before)
    await p.restart()
    expect(await endpointOf(p, id)).toEqual(before)
  })

  it("of a clone are others; a node port that was asked for is refused while the source has it", async () => {
    const p = await plane()
    const chosen = await p.submit({ ...nodePort(), ...forever })
    const fixed = await p.submit({ ...nodePort(30_080), ...forever })
    const { done, failed } = await p.plane.workloads.cloneMany(p.owner, [chosen.id, fixed.id])
    const clone = await endpointOf(p, done[0]?.newId ?? "")
    const source = await endpointOf(p, chosen.id)
    expect(clone?.nodePort).not.toBe(source?.nodePort)
    expect(clone?.clusterIp).not.toBe(source?.clusterIp)
    expect(failed).toMatchObject([
      { id: fixed.id, error: { code: "already_exists", message: "the nodePort 30080 is already used" } },
    ])
  })

  it("of UDP are given and shown, with one event that says that nothing is forwarded", async () => {
    const p = await plane()
    const { id } = await p.submit({ service: { ...nodePort().service, protocol: "udp" }, ...forever })
    expect(await endpointOf(p, id)).toMatchObject({ protocol: "UDP" })
    const types = (await p.events(id)).map(({ type }) => type)
    expect(types.filter((type) => type === "service.not_forwarded")).toHaveLength(1)
  })
})
