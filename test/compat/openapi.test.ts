import { apiFamilies, refusalsOf, type FamilyRoute } from "@berth/contract/openapi"
import type { BerthRouteName, probeRoutes } from "@berth/contract/berth"
import type { WorkloadOperation } from "@berth/contract/workloads"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createApp } from "../../packages/server/src/http/app.ts"
import type { Family } from "../../packages/server/src/http/plugins/family.ts"
import { addProbes } from "../../packages/server/src/http/probes.ts"
import { addWellKnown } from "../../packages/server/src/http/well-known.ts"
import { publishedFamilies } from "../../packages/server/src/http/published-families.ts"
import type { Services } from "../../packages/server/src/http/services.ts"
import { createStreams } from "../../packages/server/src/http/plugins/streams.ts"
import { plainErrorAnswer } from "../../packages/server/src/http/plugins/plain-errors.ts"
import { checkExchange, seenAnswers } from "../../packages/server/src/http/test-exchange.ts"
import { createKuberayFamily } from "../../packages/server/src/http/kuberay/family.ts"
import { scriptedObjects } from "../../packages/server/src/http/kuberay/test-rows.ts"
import { createErrorAnswer } from "../../packages/server/src/http/egs/errors.ts"
import { servicesErrorAnswer } from "../../packages/server/src/http/services/errors.ts"
import { workloadsErrorAnswer } from "../../packages/server/src/http/workloads/errors.ts"
import { systemClock } from "../../packages/server/src/kit/clock.ts"
import { AppError, type ErrorCode } from "../../packages/server/src/kit/errors.ts"
import { silentLog } from "../../packages/server/src/kit/log.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"
import { egsWalks, withoutSuccess } from "./egs-walks.ts"
import { rayWalks } from "./ray-walks.ts"
import { watchWalks } from "./watch-walks.ts"
import { kuberayWalks } from "./kuberay-walks.ts"
import { jsonHeaders, servicesWalks } from "./services-walks.ts"

/*
 * `server.call` checks every answer against the document of its family (test-exchange.ts), here and in all other tests
 * over sockets. This file sees to it that every operation is asked at least once, and that documents and routes agree.
 */

type OperationId = `workloads.${WorkloadOperation}` | BerthRouteName | keyof typeof probeRoutes
type Walk = (server: BerthServer) => Promise<unknown>

const prefixed = (prefix: string, of: Readonly<Record<string, Walk>>) =>
  Object.fromEntries(Object.entries(of).map(([name, walk]) => [prefix + name, walk]))

/** What is not there is stopped and removed already, and in a namespace that is not there is nothing. */
const neverMissing: readonly string[] = [
  "workloads.stop",
  "workloads.delete",
  "kuberay.listComputeTemplates",
  "kuberay.listCluster",
  "kuberay.listRayJobs",
  "kuberay.listRayServices",
]

/** What is no UUID is not looked for. */
const namedByUuid: readonly string[] = ["services.getService", "services.deleteService", "services.getStack"]

const routes: readonly FamilyRoute[] = Object.values(apiFamilies).flatMap((family) => family.routes)

let server: BerthServer
/** Of a reader of the workspace `default`. */
let viewer: string
beforeAll(async () => {
  server = await startBerthServer()
  viewer = await server.member("viewer", { default: "viewer" })
})
afterAll(() => server.close())

const ok = async (answer: Promise<{ readonly status: number; readonly text: string }>) => {
  const { status, text } = await answer
  if (status >= 300) throw new Error(`${status} ${text}`)
}
const get =
  (path: string): Walk =>
  (on) =>
    ok(on.call("GET", path))
const send =
  (method: string, path: string, json?: unknown): Walk =>
  (on) =>
    ok(on.call(method, path, json === undefined ? {} : { json }))
const withWorkload =
  (method: string, rest: string, json?: unknown): Walk =>
  async (on) => {
    const id = await on.submit()
    await ok(on.call(method, `/api/v1/workloads/${id}${rest}`, json === undefined ? {} : { json }))
  }
const withBatch =
  (action: string): Walk =>
  async (on) => {
    const path = `/api/v1/workloads/${action}`
    await ok(on.call("POST", path, { json: { workloadIds: [await on.submit()] } }))
    await ok(on.call("POST", path, { json: { workloadIds: [await on.submit(), "not-there"] } }))
  }
/** Its first pod, once it runs. */
async function runningPod(on: BerthServer): Promise<{ readonly id: string; readonly podId: string }> {
  const id = await on.submit({ resource: { replica: 1, cpu: "1", memory: "1Gi" } })
  const podId = await on.until(async () => {
    const { json } = await on.call("GET", `/api/v1/workloads/${id}`)
    return json.phase === "Running" ? (json.pods[0].podId as string) : undefined
  })
  return { id, podId }
}
const withPod =
  (path: (id: string, podId: string) => string): Walk =>
  async (on) => {
    const { id, podId } = await runningPod(on)
    await ok(on.call("GET", path(id, podId)))
  }

/** What a GPU request asks for. */
const gpuWish = { workspaceId: "default", gpuModel: "H100", gpusPerNode: 8, nodes: 1, durationSeconds: 3600 }
const withGpuRequest =
  (
    method: string,
    rest: string,
    { json, state = "queued" }: { readonly json?: unknown; readonly state?: "queued" | "provisioned" } = {},
  ): Walk =>
  async (on) => {
    // nobody has the other model: it waits for ever
    const wish = state === "queued" ? { ...gpuWish, gpuModel: "A100" } : gpuWish
    const { json: made } = await on.call("POST", "/berth/v1/gpu-requests", { json: { name: "g", ...wish } })
    const path = `/berth/v1/gpu-requests/${made.id}`
    await on.until(async () => (await on.call("GET", path)).json.state === state || undefined)
    await ok(on.call(method, `/berth/v1/${rest}`.replace("ID", made.id), json === undefined ? {} : { json }))
  }
/** With nodes that no other walk's work has, or is promised. */
const withHeldNodes =
  (method: string, rest: string, json?: unknown): Walk =>
  async () => {
    const fresh = await startBerthServer()
    try {
      await withGpuRequest(method, rest, { json, state: "provisioned" })(fresh)
    } finally {
      await fresh.close()
    }
  }
const gpuTemplate = {
  clusterId: "local",
  gpuModel: "H100",
  instanceType: "gpu-8",
  gpusPerNode: 8,
  durationSeconds: 3600,
}
const gpuBinding = {
  clusters: [{ clusterId: "local", defaultTemplate: "one-node", templates: ["one-node"] }],
  enableAutomatic: false,
}
const withTemplate =
  (method: string, rest: string, json?: unknown): Walk =>
  async (on) => {
    const name = `t-${rest}-${method}`.toLowerCase()
    await ok(on.call("POST", "/berth/v1/gpu-templates", { json: { name, ...gpuTemplate } }))
    await ok(on.call(method, `/berth/v1/gpu-templates/${name}`, json === undefined ? {} : { json }))
  }

/** How each operation is made to succeed. A new route needs a line here. */
const walks: Readonly<Record<OperationId, Walk>> = {
  "workloads.create": (on) => on.submit(),
  "workloads.list": get("/api/v1/workloads?limit=2&phase=Pending,Running"),
  "workloads.get": withWorkload("GET", ""),
  "workloads.patch": withWorkload("PATCH", "", { priority: 1 }),
  "workloads.delete": withWorkload("DELETE", ""),
  "workloads.deleteMany": withBatch("delete"),
  "workloads.stop": withWorkload("POST", "/stop?graceSeconds=1"),
  "workloads.stopMany": withBatch("stop"),
  "workloads.clone": withBatch("clone"),
  async "workloads.service"(on) {
    const id = await on.submit({ service: { port: 80, targetPort: 8080, serviceType: "NodePort" } })
    await ok(on.call("GET", `/api/v1/workloads/${id}/service`))
  },
  "workloads.podLog": withPod((id, podId) => `/api/v1/workloads/${id}/pods/${podId}/logs`),
  "workloads.podContainers": withPod((id, podId) => `/api/v1/workloads/${id}/pods/${podId}/containers`),
  me: get("/berth/v1/me"),
  status: get("/berth/v1/status"),
  stopServer: send("POST", "/berth/v1/server/stop", { pods: false }),
  createBackup: send("POST", "/berth/v1/backups"),
  listClusters: get("/berth/v1/clusters"),
  async listNodes(on) {
    await runningPod(on)
    await ok(on.call("GET", "/berth/v1/nodes"))
  },
  getNode: get("/berth/v1/nodes/node-a"),
  cordonNode: send("POST", "/berth/v1/nodes/node-b/cordon"),
  uncordonNode: send("POST", "/berth/v1/nodes/node-b/uncordon"),
  async drainNode(on) {
    await ok(on.call("POST", "/berth/v1/nodes/node-b/drain"))
    await ok(on.call("POST", "/berth/v1/nodes/node-b/uncordon"))
  },
  assignNode: send("PUT", "/berth/v1/nodes/node-b/workspace", { workspaceId: "default" }),
  unassignNode: send("DELETE", "/berth/v1/nodes/node-b/workspace"),
  listWorkspaces: get("/berth/v1/workspaces"),
  createWorkspace: send("POST", "/berth/v1/workspaces", { id: "made" }),
  getWorkspace: get("/berth/v1/workspaces/default"),
  updateWorkspace: send("PATCH", "/berth/v1/workspaces/default", { policy: { enablePreempt: true } }),
  async deleteWorkspace(on) {
    await ok(on.call("POST", "/berth/v1/workspaces", { json: { id: "gone" } }))
    await ok(on.call("DELETE", "/berth/v1/workspaces/gone?force=true"))
  },
  listMembers: get("/berth/v1/workspaces/default/members"),
  async setMember(on) {
    await on.member("joins", {})
    await ok(on.call("PUT", "/berth/v1/workspaces/default/members/joins", { json: { role: "editor" } }))
  },
  async removeMember(on) {
    await on.member("leaves", { default: "viewer" })
    await ok(on.call("DELETE", "/berth/v1/workspaces/default/members/leaves"))
  },
  listUsers: get("/berth/v1/users"),
  createUser: send("POST", "/berth/v1/users", { name: "made", email: "made@example.com" }),
  async updateUser(on) {
    await on.member("changes", {})
    await ok(on.call("PATCH", "/berth/v1/users/changes", { json: { frozen: true } }))
  },
  async setPassword(on) {
    await on.member("signs-in", {})
    const json = { password: "correct horse" }
    await ok(on.call("PUT", "/berth/v1/users/signs-in/password", { json }))
  },
  listKeys: get("/berth/v1/keys"),
  createKey: send("POST", "/berth/v1/keys", { name: "made", role: "viewer", expiresInSeconds: 60 }),
  async revokeKey(on) {
    const { json } = await on.call("POST", "/berth/v1/keys", { json: { name: "goes" } })
    await ok(on.call("DELETE", `/berth/v1/keys/${json.key.id}`))
  },
  async listQueue(on) {
    await ok(on.call("POST", "/berth/v1/queue/pause", { json: {} }))
    await on.submit()
    await on.until(async () => {
      const { json } = await on.call("GET", "/berth/v1/queue")
      return (
        json.items.some((entry: { readonly reasons: unknown[] }) => entry.reasons.length > 0) || undefined
      )
    })
    await ok(on.call("POST", "/berth/v1/queue/resume", { json: {} }))
  },
  async listEndpoints(on) {
    await on.submit({ service: { port: 80, targetPort: 8080, serviceType: "ClusterIP" } })
    const { json } = await on.call("GET", "/berth/v1/endpoints?workspace=default&limit=1")
    expect(json.items).toHaveLength(1)
  },
  pauseQueue: send("POST", "/berth/v1/queue/pause", { workspace: "default" }),
  resumeQueue: send("POST", "/berth/v1/queue/resume", { workspace: "default" }),
  async explainWorkload(on) {
    const id = await on.submit({ priority: 0 })
    await ok(on.call("GET", `/berth/v1/explain/workload/${id}`))
  },
  listGpuRequests: withGpuRequest("GET", "gpu-requests?workspace=default&state=queued,provisioned"),
  createGpuRequest: send("POST", "/berth/v1/gpu-requests", { name: "g", ...gpuWish }),
  getGpuRequest: withGpuRequest("GET", "gpu-requests/ID"),
  updateGpuRequest: withGpuRequest("PATCH", "gpu-requests/ID", { json: { priority: 201 } }),
  cancelGpuRequest: withGpuRequest("DELETE", "gpu-requests/ID"),
  releaseGpuRequest: withHeldNodes("POST", "gpu-requests/ID/release"),
  extendGpuRequest: withHeldNodes("POST", "gpu-requests/ID/extend", { seconds: 60 }),
  listGpuQueue: withGpuRequest("GET", "queue/gpu-requests"),
  explainGpuRequest: withGpuRequest("GET", "explain/gpu-request/ID"),
  estimate: send("POST", "/berth/v1/estimate", gpuWish),
  estimateAccuracy: get("/berth/v1/estimates/accuracy"),
  timeline: withHeldNodes("GET", "timeline?workspace=default"),
  listGpuTemplates: get("/berth/v1/gpu-templates"),
  createGpuTemplate: send("POST", "/berth/v1/gpu-templates", { name: "one-node", ...gpuTemplate }),
  getGpuTemplate: withTemplate("GET", "one"),
  replaceGpuTemplate: withTemplate("PUT", "one", gpuTemplate),
  deleteGpuTemplate: withTemplate("DELETE", "one"),
  async createGpuBinding(on) {
    await ok(on.call("POST", "/berth/v1/workspaces", { json: { id: "bound" } }))
    await ok(on.call("POST", "/berth/v1/gpu-bindings", { json: { workspaceId: "bound", ...gpuBinding } }))
  },
  listGpuBindings: get("/berth/v1/gpu-bindings"),
  getGpuBinding: get("/berth/v1/gpu-bindings/bound"),
  replaceGpuBinding: send("PUT", "/berth/v1/gpu-bindings/bound", gpuBinding),
  deleteGpuBinding: send("DELETE", "/berth/v1/gpu-bindings/bound"),
  listPrices: get("/berth/v1/prices"),
  setPrices: send("PUT", "/berth/v1/prices", {
    items: [{ gpuModel: "H100", amountPerGpuHour: "2.5", currency: "USD" }],
  }),
  ...rayWalks,
  ...watchWalks,
  podLog: withPod((id, podId) => `/berth/v1/pods/${id}/${podId}/log`),
  events: get("/berth/v1/events"),
  listAudit: get("/berth/v1/audit"),
  listOpenApi: get("/berth/v1/openapi"),
  async openApi(on) {
    const { headers } = await on.call("GET", "/berth/v1/openapi.json")
    const again = { headers: { "if-none-match": headers.get("etag") ?? "" } }
    expect((await on.call("GET", "/berth/v1/openapi.json", again)).status).toBe(304)
  },
  async openApiFamily(on) {
    for (const name of Object.keys(apiFamilies)) {
      const plain = await on.call("GET", `/berth/v1/openapi/${name}`)
      const { json } = await on.call("GET", `/berth/v1/openapi/${name}.json`)
      expect(json).toEqual(plain.json)
      expect(json).toMatchObject({ openapi: "3.1.0", info: { version: "0.0.0-test" } })
    }
  },
  health: get("/healthz"),
  ready: get("/readyz"),
  jwks: get("/.well-known/jwks.json"),
  metrics: get("/metrics"),
}

it("every operation of every document can be made to succeed", async () => {
  const all: Readonly<Record<string, Walk>> = {
    ...walks,
    ...prefixed("egs.", egsWalks),
    ...prefixed("kuberay.", kuberayWalks),
    ...prefixed("services.", servicesWalks),
  }
  const possible = routes.filter(({ id }) => !withoutSuccess.some((name) => id === `egs.${name}`))
  expect(Object.keys(all).toSorted()).toEqual(possible.map(({ id }) => id).toSorted())
  for (const { id } of possible) {
    await all[id]?.(server).catch((error: unknown) => {
      throw new Error(`${id}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    })
  }
  const missed = possible.filter(({ id, status }) => !seenAnswers().has(`${id} ${status}`))
  expect(missed.map(({ id }) => id)).toEqual([])
})

describe.each(routes.map((route) => [route.id, route] as const))("%s", (id, route) => {
  const path = route.path.replaceAll(/:\w+/g, "x")
  const refused = refusalsOf(route)

  it("refuses as its document says", async () => {
    const statuses = new Set<number>()
    const ask = async (options: Parameters<BerthServer["call"]>[2], query = "") => {
      // Whatever it answers is checked against the document.
      statuses.add((await server.call(route.method, path + query, options)).status)
    }
    await ask({ token: "" })
    await ask({})
    await ask({ token: viewer, json: {} }).catch(tolerateGetBody)
    await ask({}, "?limit=many&%zz=1")
    if (route.method !== "GET") {
      await ask({ raw: "x".repeat(3 * 2 ** 20) })
      await ask({ raw: "{" })
      await ask({ json: [] })
      await ask({ json: route.example ?? {}, headers: jsonHeaders })
    }
    for (const status of [401, 413])
      expect(statuses.has(status), `${id} ${status}`).toBe(refused.includes(status))
    const isNamed = route.path.includes(":") && route.body === undefined
    if (isNamed) expect(statuses).toContain(statusOfMissing(id))
  })
})

function statusOfMissing(id: string): number {
  if (namedByUuid.includes(id)) return 422
  return neverMissing.includes(id) ? 200 : 404
}

/** fetch sends no body with a GET. */
function tolerateGetBody(error: unknown): void {
  if (!(error instanceof TypeError)) throw error
}

it("every route of the server is in a document, and no document has another", async () => {
  const known = new Set<string>()
  const root = { get: (url: string) => known.add(`GET ${url}`) } as unknown as Parameters<typeof addProbes>[0]
  const metrics = { contentType: "text/plain", text: () => Promise.resolve("") }
  const ray = scriptedObjects(() => ({}), [])
  const services = { clock: systemClock, ray } as unknown as Services
  addProbes(root, { services, metrics, config: { openMetrics: false } })
  addWellKnown(root, services)
  const streams = createStreams({ clock: systemClock, most: 1 })
  const options = { streams, noAuth: false, openDocuments: false, startedAtMs: 0, warnings: () => [] }
  const families = publishedFamilies(options).map((family): Family => ({
    ...family,
    register(scope, given) {
      scope.addHook("onRoute", ({ method, url }) => {
        for (const one of [method].flat()) known.add(`${one} ${url}`)
      })
      return family.register(scope, given)
    },
  }))
  const config = {
    noAuth: false,
    allowedHosts: [],
    behindProxy: false,
    openMetrics: false,
    listenIsLoopback: true,
  }
  const meter = { requestDone: () => {} }
  const app = await createApp({ services, log: silentLog, config, families, streams, meter, metrics })
  await app.close()
  const other = /^HEAD | \/reference|\/device_authorization$| \/apis\/v1\/\*$|\/dashboard(\/\*)?$/
  const served = [...known].filter((route) => !other.test(route))
  expect(served.toSorted()).toEqual(routes.map(({ method, path: at }) => `${method} ${at}`).toSorted())
})

describe("the refusals of the documents", () => {
  const codes: Readonly<Record<ErrorCode, true>> = {
    invalid: true,
    unauthenticated: true,
    forbidden: true,
    not_found: true,
    already_exists: true,
    conflict: true,
    stale: true,
    too_large: true,
    too_many: true,
    insufficient: true,
    unavailable: true,
    unimplemented: true,
    timeout: true,
    internal: true,
  }
  const words = {
    workloads: workloadsErrorAnswer,
    egs: createErrorAnswer("seed"),
    kuberay: createKuberayFamily({ openDocuments: false }).errorAnswer,
    services: servicesErrorAnswer,
    berth: plainErrorAnswer,
  }

  it.each(Object.keys(codes) as ErrorCode[])("have a status for what the server calls %s", (code) => {
    const place = { method: "GET", url: "/", requestId: "req_1" }
    for (const [name, word] of Object.entries(words)) {
      const { status } = word(new AppError(code, "A sentence.", { resource: "workload", name: "x" }), place)
      expect(Object.keys(apiFamilies[name as keyof typeof words].refusals), name).toContain(String(status))
    }
  })

  it("have examples with the codes that the server answers", () => {
    const place = { method: "GET", url: "/", requestId: "req_1" }
    const said = (name: "workloads" | "berth") =>
      new Map(
        (Object.keys(codes) as ErrorCode[]).map((code) => {
          const error = new AppError(code, "A sentence.", { resource: "workload", name: "x" })
          const { body } = words[name](error, place)
          return [code, JSON.stringify(body)] as const
        }),
      )
    for (const name of ["workloads", "berth"] as const) {
      const bodies = [...said(name).values()].join("\n")
      for (const { example } of Object.values(apiFamilies[name].refusals)) {
        const { code, errorCode } = example as { readonly code?: string; readonly errorCode?: string }
        expect(bodies).toContain(`"${code ?? errorCode}"`)
      }
    }
  })
})

describe("an answer that is not as documented", () => {
  const nodes = { method: "GET", url: "/berth/v1/clusters", status: 200, contentType: "application/json" }
  const cluster = { id: "local", driver: "fake", nodes: 1, healthyNodes: 1, driverMessage: "" }
  const list = (item: object) => JSON.stringify({ items: [item], nextCursor: null })

  it.each<[string, Partial<Parameters<typeof checkExchange>[0]>]>([
    ["a member that is not known", { text: list({ ...cluster, colour: "red" }) }],
    ["a member of another type", { text: list({ ...cluster, nodes: "1" }) }],
    ["a member that is missing", { text: list({ id: "local" }) }],
    ["a word that is not of its list", { text: list({ ...cluster, driver: "vm" }) }],
    ["a status that is not known", { status: 418, text: list(cluster) }],
    ["another media type", { contentType: "text/html", text: list(cluster) }],
    ["no body", { contentType: "", text: "" }],
    ["no JSON", { text: "{" }],
    ["a route that is not known", { url: "/berth/v1/secret", text: "{}" }],
  ])("with %s is a fault", (_, change) => {
    const good = { ...nodes, text: list(cluster) }
    checkExchange(good)
    expect(() => checkExchange({ ...good, ...change })).toThrow(/berth\/v1/)
  })
})

it("the documents are open with --open-metrics, and only they", async () => {
  const open = await startBerthServer({ openMetrics: true })
  try {
    for (const path of ["/berth/v1/openapi", "/berth/v1/openapi.json", "/berth/v1/openapi/workloads.json"])
      expect([path, (await open.call("GET", path, { token: "" })).status]).toEqual([path, 200])
    expect((await open.call("GET", "/berth/v1/me", { token: "" })).status).toBe(401)
  } finally {
    await open.close()
  }
})
