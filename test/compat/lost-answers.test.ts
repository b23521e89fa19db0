import { randomUUID } from "node:crypto"
import { egsRoutes } from "@berth/contract/egs"
import { servicesRoutes } from "@berth/contract/services"
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest"
import { examples } from "../../packages/contract/src/kuberay/openapi/index.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"
import { defaultProject, jsonHeaders } from "./services-walks.ts"

/* POSTs that were carried out by a server that ended before it kept their answer: sent again, they are answered. */

const rays = "/apis/v1/namespaces/default"
let server: BerthServer
beforeAll(async () => {
  server = await startBerthServer()
  await made(`${rays}/compute_templates`, examples.createComputeTemplate)
})
afterAll(() => server.close())
afterEach(() => vi.restoreAllMocks())

async function made(path: string, json: object) {
  const answer = await server.call("POST", path, { json, headers: jsonHeaders })
  if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${answer.text}`)
}

/** Sends it as it is answered by a server that is killed the moment after the change is durable. */
async function carriedOut(path: string, json: object, headers: Readonly<Record<string, string>>) {
  const keep = vi.spyOn(server.store.idempotency, "keep").mockResolvedValue()
  const answer = await server.call("POST", path, { json, headers })
  expect([answer.status, keep.mock.calls.length], answer.text).toEqual([expect.any(Number), 1])
  keep.mockRestore()
  return answer
}

const posts: readonly (readonly [path: string, body: () => Promise<object> | object])[] = [
  [
    "/api/v1/services",
    async () => ({
      ...servicesRoutes.createService.example,
      project: await defaultProject(server),
      config: { "2": 1.5, "1": "x" },
    }),
  ],
  [
    "/api/v1/workspaces/default/services",
    async () => ({
      ...servicesRoutes.createService.example,
      project: await defaultProject(server),
      config: { other: true },
    }),
  ],
  [
    "/api/v1/workloads",
    () => ({
      displayName: "web",
      workspaceId: "default",
      image: "any",
      entryPoint: Buffer.from("sleep infinity").toString("base64"),
      resource: { replica: 1, cpu: "1", memory: "1Gi" },
    }),
  ],
  ["/api/v1/gpr", () => ({ ...egsRoutes.createGpr.example, sliceName: "default", clusterName: "local" })],
  ["/api/v1/gpr-template", () => ({ ...egsRoutes.createGprTemplate.example, clusterName: "local" })],
  ["/api/v1/slice-workspace", () => ({ ...egsRoutes.createWorkspace.example, clusters: ["local"] })],
  [`${rays}/compute_templates`, () => ({ ...examples.createComputeTemplate, name: "lost" })],
  [`${rays}/clusters`, () => ({ ...examples.createCluster, name: "lost" })],
  [`${rays}/jobs`, () => ({ ...examples.createRayJob, name: "lost" })],
  [`${rays}/services`, () => ({ ...examples.createRayService, name: "lost" })],
  [
    "/berth/v1/gpu-requests",
    () => ({ name: "lost", workspaceId: "default", gpusPerNode: 8, durationSeconds: 3600 }),
  ],
  [
    "/berth/v1/gpu-templates",
    () => ({ name: "lost-template", clusterId: "local", gpusPerNode: 8, durationSeconds: 3600 }),
  ],
  ["/berth/v1/workspaces", () => ({ id: "lost-workspace" })],
  ["/berth/v1/runs", () => ({ workspaceId: "default", name: "train-1" })],
  ["/berth/v1/model-versions", () => ({ workspaceId: "default", modelName: "churn" })],
  [
    "/berth/v1/services",
    async () => ({
      join: {
        workload: await server.submit({
          groupVersionKind: { kind: "Deployment", version: "v1" },
          service: { protocol: "TCP", port: 8000, targetPort: 8000, serviceType: "ClusterIP" },
        }),
      },
      watch: null,
    }),
  ],
  ["/berth/v1/nodes/node-a/cordon", () => ({})],
  ["/berth/v1/queue/pause", () => ({})],
  ["/berth/v1/queue/resume", () => ({})],
]
it.each(posts)("of POST %s the answer is made anew, once and for all", async (path, body) => {
  const json = await body()
  const headers = { ...jsonHeaders, "idempotency-key": randomUUID() }
  const first = await carriedOut(path, json, headers)
  expect(first.status, first.text).toBeLessThan(300)
  const again = await server.call("POST", path, { json, headers })
  expect(again.status, again.text).toBe(first.status)
  expect(fixed(again.json)).toEqual(fixed(first.json))
  expect(again.headers.get("content-type")).toBe(first.headers.get("content-type"))
  const third = await server.call("POST", path, { json, headers })
  expect([third.status, third.text]).toEqual([again.status, again.text])
})

/** Of what moves on by itself, who it is; of the rest all. */
function fixed(value: unknown): unknown {
  const { id, key, name, namespace, clusterSpec } = (value ?? {}) as Record<string, unknown>
  const moves = clusterSpec ?? key
  return moves === undefined ? value : { id, key, name, namespace }
}

it("what cannot be told any more is said to have been carried out", async () => {
  const json = { workspaceId: "default", name: "gone" }
  const headers = { "idempotency-key": randomUUID() }
  const { id } = (await carriedOut("/berth/v1/runs", json, headers)).json
  expect((await server.call("DELETE", `/berth/v1/runs/${id}`)).status).toBe(204)
  const again = await server.call("POST", "/berth/v1/runs", { json, headers })
  expect([again.status, again.json.message]).toEqual([409, expect.stringContaining("its answer was lost")])
})

it("rights are checked again", async () => {
  await server.call("POST", "/berth/v1/workspaces", { json: { id: "lost-rights" } })
  const token = await server.member("lost-editor", { "lost-rights": "editor" })
  const json = { workspaceId: "lost-rights", name: "train" }
  const headers = { "idempotency-key": randomUUID() }
  const keep = vi.spyOn(server.store.idempotency, "keep").mockResolvedValue()
  const first = await server.call("POST", "/berth/v1/runs", { json, headers, token })
  expect(first.status).toBe(201)
  keep.mockRestore()
  const { json: members } = await server.call("GET", "/berth/v1/workspaces/lost-rights/members")
  const member = members.items.find((one: { readonly role: string }) => one.role === "editor")
  await server.call("DELETE", `/berth/v1/workspaces/lost-rights/members/${member.userId}`)
  const again = await server.call("POST", "/berth/v1/runs", { json, headers, token })
  expect(again.status, again.text).toBe(409)
  expect(again.text).not.toContain(first.json.id)
})
