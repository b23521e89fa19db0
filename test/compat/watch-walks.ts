import type { BerthServer } from "./berth-server.ts"

type Walk = (on: BerthServer) => Promise<void>
const deployment = {
  groupVersionKind: { kind: "Deployment", version: "v1" },
  service: { protocol: "TCP", port: 8000, targetPort: 8000, serviceType: "ClusterIP" },
}

async function call(on: BerthServer, method: string, path: string, json?: unknown) {
  const answer = await on.call(method, path, json === undefined ? {} : { json })
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
  return answer.json
}

/** A record that follows a Deployment; its id. */
async function registered(on: BerthServer): Promise<string> {
  const workload = await on.submit(deployment)
  return (await call(on, "POST", "/berth/v1/services", { join: { workload } })).id
}

const withRecord =
  (method: string, rest: string, json?: unknown): Walk =>
  async (on) => {
    await call(on, method, `/berth/v1/services/${await registered(on)}${rest}`, json)
  }
const withItem =
  (path: string, made: object, method: string): Walk =>
  async (on) => {
    const { id } = await call(on, "POST", path, made)
    await call(on, method, `${path}/${id}`)
  }
const run = { workspaceId: "default", name: "train-1", pipelineName: "train" }
const model = { workspaceId: "default", modelName: "churn" }
const runs = "/berth/v1/runs"
const models = "/berth/v1/model-versions"
const plain =
  (method: string, path: string, json?: unknown): Walk =>
  async (on) => {
    await call(on, method, path, json)
  }

/** How each operation on watches and registers is made to succeed. */
export const watchWalks = {
  async registerService(on: BerthServer) {
    await registered(on)
  },
  putServiceWatch: withRecord("PUT", "/watch", { intervalSeconds: 60 }),
  getServiceWatch: withRecord("GET", "/watch"),
  deleteServiceWatch: withRecord("DELETE", "/watch"),
  listServiceEntries: plain("GET", "/berth/v1/services?workspace=default&limit=1"),
  getServiceEntry: withRecord("GET", ""),
  listServiceWatches: plain("GET", "/berth/v1/watches?workspace=default&limit=1"),
  listRuns: plain("GET", runs),
  createRun: plain("POST", runs, run),
  getRun: withItem(runs, run, "GET"),
  deleteRun: withItem(runs, run, "DELETE"),
  listModelVersions: plain("GET", models),
  createModelVersion: plain("POST", models, { ...model, stage: "staging" }),
  getModelVersion: withItem(models, model, "GET"),
  deleteModelVersion: withItem(models, model, "DELETE"),
} satisfies Readonly<Record<string, Walk>>
