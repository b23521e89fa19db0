import { describe, expect, it } from "vitest"
import type { Endpoint, Replica, ReplicaId } from "../applications/types.ts"
import { aWorkload } from "../test-workload.ts"
import type { Attempt, AttemptId, Workload } from "../types.ts"
import { givesUpNodePort, listenAddresses, listenRetryMs } from "./listening.ts"
import { createRoutes, type Routes } from "./routes.ts"

const served = (change: Partial<Workload> = {}): Workload => {
  const service = { protocol: "TCP", port: 80, targetPort: 8080, serviceType: "NodePort" }
  return aWorkload({ service }, change)
}
const deployment = () => served({ kind: "Deployment" })

const endpointOf = ({ key, id, workspaceId }: Workload): Endpoint => ({
  workloadKey: key,
  workloadId: id,
  workspaceId,
  protocol: "TCP",
  type: "NodePort",
  clusterIp: "127.65.1.2",
  port: 80,
  targetPort: 8080,
  nodePort: 30_080,
  createdAtMs: 0,
})

function replica(workload: Workload, ordinal: number, change: Partial<Replica> = {}): Replica {
  return {
    id: `rep_${ordinal}` as ReplicaId,
    workloadKey: workload.key,
    ordinal,
    state: "running",
    readySinceMs: 5,
    podIp: `127.64.0.${ordinal + 1}`,
    leaving: null,
    ...change,
  } as Replica
}

function attempt(workload: Workload, run: number, change: Partial<Attempt> = {}): Attempt {
  const pods = [0, 1].map((index) => ({ podIp: `127.64.${run}.${index + 1}`, phase: "Running" }))
  return {
    id: `att_${run}` as AttemptId,
    workloadKey: workload.key,
    run,
    state: "running",
    pods,
    ...change,
  } as unknown as Attempt
}

function routesOf(workload: Workload): Routes {
  const routes = createRoutes()
  expect(routes.workloadChanged(workload)).toBeNull()
  expect(routes.endpointChanged(endpointOf(workload), false)).toBe(workload.key)
  return routes
}
const ips = (routes: Routes, { key }: Workload) => routes.get(key)?.backends.map(({ ip }) => ip)

describe("the routes of an application", () => {
  it("lead to ready replicas by their ordinal, whatever came first", () => {
    const workload = deployment()
    const routes = routesOf(workload)
    for (const ordinal of [2, 0, 1])
      expect(routes.replicaChanged(replica(workload, ordinal), false)).toBe(workload.key)
    expect(ips(routes, workload)).toEqual(["127.64.0.1", "127.64.0.2", "127.64.0.3"])
    expect(routes.get(workload.key)?.backends[0]?.port).toBe(8080)
  })

  it.each<[string, Partial<Replica>]>([
    ["is not ready", { readySinceMs: null }],
    ["leaves", { leaving: { cause: "stopped", message: "", graceMs: 0, returns: false } }],
    ["is between two starts", { state: "placed" }],
    ["has no address yet", { podIp: "" }],
  ])("do not lead to one that %s", (_what, change) => {
    const workload = deployment()
    const routes = routesOf(workload)
    routes.replicaChanged(replica(workload, 0), false)
    expect(routes.replicaChanged(replica(workload, 0, change), false)).toBe(workload.key)
    expect(ips(routes, workload)).toEqual([])
  })

  it("tell nothing when nothing of the way changes, and forget what is gone", () => {
    const workload = deployment()
    const routes = routesOf(workload)
    routes.replicaChanged(replica(workload, 0), false)
    expect(routes.replicaChanged(replica(workload, 0, { restarts: 3 }), false)).toBeNull()
    expect(routes.attemptChanged(attempt(workload, 1))).toBeNull()
    expect(routes.replicaChanged(replica(workload, 0), true)).toBe(workload.key)
    expect(ips(routes, workload)).toEqual([])
  })
})

describe("the routes of a job", () => {
  it("lead to the running pods of its latest run alone", () => {
    const workload = served()
    const routes = routesOf(workload)
    expect(routes.attemptChanged(attempt(workload, 1))).toBe(workload.key)
    expect(routes.attemptChanged(attempt(workload, 2))).toBe(workload.key)
    expect(routes.attemptChanged(attempt(workload, 1, { state: "gone" }))).toBeNull()
    expect(ips(routes, workload)).toEqual(["127.64.2.1", "127.64.2.2"])
    expect(routes.attemptChanged(attempt(workload, 2, { state: "ending" }))).toBe(workload.key)
    expect(ips(routes, workload)).toEqual([])
  })
})

describe("the routes", () => {
  it("know of services of live workloads only", () => {
    const workload = served()
    const routes = routesOf(workload)
    const plain = aWorkload({}, { key: "wl_2" as Workload["key"] })
    expect(routes.workloadChanged(plain)).toBeNull()
    expect(routes.endpointChanged(endpointOf(plain), false)).toBeNull()
    expect(routes.all()).toHaveLength(1)
    expect(routes.workloadChanged({ ...workload, phase: "Stopped" })).toBe(workload.key)
    expect(routes.all()).toEqual([])
    expect(routes.endpointChanged(endpointOf(workload), true)).toBe(workload.key)
  })

  it("follow a workload to another cluster and to another size", () => {
    const workload = served()
    const routes = routesOf(workload)
    expect(routes.workloadChanged({ ...workload, phase: "Running" })).toBeNull()
    expect(routes.workloadChanged({ ...workload, clusterId: "lab" })).toBe(workload.key)
    expect(routes.get(workload.key)?.clusterId).toBe("lab")
    const resource = { ...workload.spec.resource, replica: 7 }
    const grown = { ...workload, clusterId: "lab", spec: { ...workload.spec, resource } }
    expect(routes.workloadChanged(grown)).toBe(workload.key)
    expect(routes.get(workload.key)?.pods).toBe(7)
  })
})

describe("listening", () => {
  it("is for the cluster address always, for the node port on this machine or, published, everywhere", () => {
    const endpoint = endpointOf(served())
    const cluster = { host: "127.65.1.2", port: 80 }
    expect(listenAddresses(endpoint, false)).toEqual([cluster, { host: "127.0.0.1", port: 30_080 }])
    expect(listenAddresses(endpoint, true)).toEqual([cluster, { host: "0.0.0.0", port: 30_080 }])
    expect(listenAddresses({ ...endpoint, nodePort: null }, true)).toEqual([cluster])
    expect(listenAddresses({ ...endpoint, protocol: "UDP" }, true)).toEqual([])
  })

  it("is tried again later and later, at least once a minute", () => {
    expect([1, 2, 3, 6, 7, 8, 1000].map(listenRetryMs)).toEqual([
      1000, 2000, 4000, 32_000, 60_000, 60_000, 60_000,
    ])
  })

  it("gives up a node port of its own choice: at once while nobody knows it, later else, and not for ever", () => {
    const fresh = { isChosen: true, isKnown: false, tries: 1, moves: 0 }
    expect(givesUpNodePort(fresh)).toBe(true)
    expect(givesUpNodePort({ ...fresh, isChosen: false, tries: 100 })).toBe(false)
    expect(givesUpNodePort({ ...fresh, isKnown: true })).toBe(false)
    expect(givesUpNodePort({ ...fresh, isKnown: true, tries: 5 })).toBe(true)
    expect(givesUpNodePort({ ...fresh, moves: 8 })).toBe(false)
  })
})
