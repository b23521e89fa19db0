import type { BerthRouteName } from "@berth/contract/berth"
import { berthRoutes } from "@berth/contract/berth"
import { expect, it } from "vitest"
import { createBerthApiClient } from "./berth.ts"
import type { HttpRequest, Transport } from "./http.ts"

/** A transport that keeps what was asked for. */
function recorder() {
  const asked: HttpRequest[] = []
  const take = <T>(request: HttpRequest): Promise<T> => {
    asked.push(request)
    return Promise.resolve({} as T)
  }
  const http: Transport = {
    baseUrl: "http://x",
    json: take,
    text: take<string>,
    open: () => Promise.reject(new Error("no streams here")),
  }
  return { asked, api: createBerthApiClient(http) }
}

const template = {
  clusterId: "local",
  gpuModel: "T4",
  instanceType: "n1",
  gpusPerNode: 1,
  durationSeconds: 60,
}

type Api = ReturnType<typeof createBerthApiClient>

/** Every route but those of the streams' client, by the call that uses it. */
const calls: {
  readonly [K in Exclude<BerthRouteName, "podLog" | "createBackup">]: (api: Api) => Promise<unknown>
} = {
  me: (api) => api.me(),
  status: (api) => api.status(),
  stopServer: (api) => api.stopServer(true),
  listClusters: (api) => api.clusters(),
  listNodes: (api) => api.nodes(),
  getNode: (api) => api.node("x"),
  cordonNode: (api) => api.cordonNode("x"),
  uncordonNode: (api) => api.uncordonNode("x"),
  drainNode: (api) => api.drainNode("x"),
  assignNode: (api) => api.assignNode("x", "w"),
  unassignNode: (api) => api.assignNode("x", null),
  listWorkspaces: (api) => api.workspaces(),
  createWorkspace: (api) => api.createWorkspace({ id: "w" }),
  getWorkspace: (api) => api.workspace("x"),
  updateWorkspace: (api) => api.updateWorkspace("x", {}),
  deleteWorkspace: (api) => api.deleteWorkspace("x", true),
  listMembers: (api) => api.members("x"),
  setMember: (api) => api.setMember("x", "x", "viewer"),
  removeMember: (api) => api.removeMember("x", "x"),
  listUsers: (api) => api.users(),
  createUser: (api) => api.createUser({ name: "u" }),
  updateUser: (api) => api.updateUser("x", {}),
  setPassword: (api) => api.setPassword("x", { password: null }),
  listKeys: (api) => api.keys(),
  createKey: (api) => api.createKey({ name: "k" }),
  revokeKey: (api) => api.revokeKey("x"),
  listQueue: (api) => api.queue(),
  listEndpoints: (api) => api.endpoints(),
  pauseQueue: (api) => api.pauseQueue(null),
  resumeQueue: (api) => api.resumeQueue("w"),
  explainWorkload: (api) => api.explainWorkload("x"),
  listGpuRequests: (api) => api.gpuRequests(),
  createGpuRequest: (api) =>
    api.createGpuRequest({ name: "g", workspaceId: "w", gpusPerNode: 8, durationSeconds: 60 }),
  getGpuRequest: (api) => api.gpuRequest("x"),
  updateGpuRequest: (api) => api.updateGpuRequest("x", { priority: 1 }),
  cancelGpuRequest: (api) => api.cancelGpuRequest("x"),
  releaseGpuRequest: (api) => api.releaseGpuRequest("x"),
  extendGpuRequest: (api) => api.extendGpuRequest("x", 60),
  listGpuQueue: (api) => api.gpuQueue(),
  explainGpuRequest: (api) => api.explainGpuRequest("x"),
  estimate: (api) => api.estimate({ workspaceId: "w", gpusPerNode: 8, durationSeconds: 60 }),
  estimateAccuracy: (api) => api.estimateAccuracy(),
  timeline: (api) => api.timeline(),
  listGpuTemplates: (api) => api.gpuTemplates(),
  createGpuTemplate: (api) => api.createGpuTemplate({ name: "t", ...template }),
  getGpuTemplate: (api) => api.gpuTemplate("x"),
  replaceGpuTemplate: (api) => api.replaceGpuTemplate("x", template),
  deleteGpuTemplate: (api) => api.deleteGpuTemplate("x"),
  registerService: (api) => api.registerService({ join: { workload: "x" } }),
  putServiceWatch: (api) => api.watchService("x"),
  getServiceWatch: (api) => api.serviceWatch("x"),
  deleteServiceWatch: (api) => api.unwatchService("x"),
  listServiceEntries: (api) => api.services({ name: "x", state: "active" }),
  getServiceEntry: (api) => api.service("x"),
  listServiceWatches: (api) => api.serviceWatches({ workspace: "w" }),
  listRuns: (api) => api.runs(),
  createRun: (api) => api.createRun({ workspaceId: "w", name: "r" }),
  getRun: (api) => api.run("x"),
  deleteRun: (api) => api.deleteRun("x"),
  listModelVersions: (api) => api.modelVersions(),
  createModelVersion: (api) => api.createModelVersion({ workspaceId: "w", modelName: "m" }),
  getModelVersion: (api) => api.modelVersion("x"),
  deleteModelVersion: (api) => api.deleteModelVersion("x"),
  listGpuBindings: (api) => api.gpuBindings(),
  createGpuBinding: (api) => api.createGpuBinding({ workspaceId: "w", clusters: [] }),
  getGpuBinding: (api) => api.gpuBinding("x"),
  replaceGpuBinding: (api) => api.replaceGpuBinding("x", { clusters: [] }),
  deleteGpuBinding: (api) => api.deleteGpuBinding("x"),
  listPrices: (api) => api.prices(),
  setPrices: (api) => api.setPrices({ items: [] }),
  listConfigMaps: (api) => api.configMaps(),
  getConfigMap: (api) => api.configMap("x", "x"),
  putConfigMap: (api) => api.putConfigMap("x", "x", {}),
  deleteConfigMap: (api) => api.deleteConfigMap("x", "x"),
  listSecrets: (api) => api.secrets(),
  getSecret: (api) => api.secret("x", "x"),
  putSecret: (api) => api.putSecret("x", "x", {}),
  deleteSecret: (api) => api.deleteSecret("x", "x"),
  listRayClusters: (api) => api.rayClusters(),
  getRayCluster: (api) => api.rayCluster("x", "x"),
  rayPodLog: (api) => api.rayPodLog("x", "x", "x"),
  rayJobLog: (api) => api.rayJobLog("x", "x"),
  explainRayCluster: (api) => api.explainRay("ray-cluster", "x", "x"),
  explainRayJob: (api) => api.explainRay("ray-job", "x", "x"),
  explainRayService: (api) => api.explainRay("ray-service", "x", "x"),
  events: (api) => api.events(),
  listAudit: (api) => api.audit(),
  listOpenApi: (api) => api.documents(),
  openApi: (api) => api.openApi(),
  openApiFamily: (api) => api.openApi("x"),
}

it.each(Object.entries(calls))("%s goes by the route of the contract", async (name, call) => {
  const { asked, api } = recorder()
  await call(api)
  const route = berthRoutes[name as BerthRouteName]
  expect(asked).toHaveLength(1)
  // objects of Ray are explained by namespace and name in one step
  const path = asked[0]?.path.replace("x%2Fx", "x")
  expect({ ...asked[0], path }).toMatchObject({
    method: route.method,
    path: route.path.replaceAll(/:\w+/g, "x"),
  })
  expect(asked[0]?.body !== undefined, "a body only where the contract has one").toBe("body" in route)
})

it("names states in one member, separated by commas", async () => {
  const { asked, api } = recorder()
  await api.gpuRequests({ workspace: "w", state: ["queued", "provisioned"] })
  expect(asked[0]?.query).toEqual({ workspace: "w", state: "queued,provisioned" })
})

it("says where the dashboard of a Ray cluster is", () => {
  const { asked, api } = recorder()
  expect(api.rayDashboardUrl("team", "a")).toBe("http://x/berth/v1/ray/clusters/team/a/dashboard")
  expect(asked).toEqual([])
})
