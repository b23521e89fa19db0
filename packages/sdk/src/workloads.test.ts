import type { RouteDocument, WorkloadOperation } from "@berth/contract/workloads"
import { basePath, workloadRoutes } from "@berth/contract/workloads"
import { expect, it } from "vitest"
import type { HttpRequest, Transport } from "./http.ts"
import { createWorkloadsClient, type WorkloadsClient } from "./workloads.ts"

const size = { replica: 1, cpu: "1", memory: "1Gi" }

/** Every route, by the call that uses it. */
const calls: Readonly<Record<WorkloadOperation, (api: WorkloadsClient) => Promise<unknown>>> = {
  create: (api) => api.create({ displayName: "n", resource: size }),
  list: (api) => api.list(),
  get: (api) => api.get("x"),
  patch: (api) => api.patch("x", { priority: 1 }),
  delete: (api) => api.remove("x"),
  deleteMany: (api) => api.removeMany(["x"]),
  stop: (api) => api.stop("x"),
  stopMany: (api) => api.stopMany(["x"]),
  clone: (api) => api.clone(["x"]),
  service: (api) => api.service("x"),
  podLog: (api) => api.podLog("x", "x"),
  podContainers: (api) => api.podContainers("x", "x"),
}

it.each(Object.entries(calls))("%s goes by the route of the contract", async (name, call) => {
  const asked: HttpRequest[] = []
  const take = <T>(request: HttpRequest): Promise<T> => {
    asked.push(request)
    return Promise.resolve({} as T)
  }
  const open = () => Promise.reject(new Error("no streams here"))
  const http: Transport = { baseUrl: "http://x", json: take, text: take<string>, open }
  await call(createWorkloadsClient(http))
  const route: RouteDocument = workloadRoutes[name as WorkloadOperation]
  const path = basePath + route.url.replaceAll(/:\w+/g, "x")
  expect(asked).toEqual([expect.objectContaining({ method: route.method, path })])
  expect(asked[0]?.body !== undefined, "a body only where the contract has one").toBe(
    route.body !== undefined,
  )
})
