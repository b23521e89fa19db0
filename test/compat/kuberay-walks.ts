import type { KuberayRouteName } from "@berth/contract/kuberay"
import { examples } from "../../packages/contract/src/kuberay/openapi/index.ts"
import type { Answer, BerthServer } from "./berth-server.ts"

type Walk = (server: BerthServer) => Promise<unknown>

const inDefault = "/apis/v1/namespaces/default"
let made = 0
/** A name that no other walk has. */
const fresh = () => `asked-${++made}`

async function ok(answer: Promise<Answer>): Promise<Answer> {
  const got = await answer
  if (got.status !== 200) throw new Error(`${got.status} ${got.text}`)
  return got
}

/** The template that the examples use. */
async function withTemplate(on: BerthServer): Promise<void> {
  const { status, text } = await on.call("POST", `${inDefault}/compute_templates`, {
    json: examples.createComputeTemplate,
  })
  if (status !== 200 && status !== 409) throw new Error(`${status} ${text}`)
}

const ask =
  (path: string): Walk =>
  (on) =>
    ok(on.call("GET", path))

type Made = "createCluster" | "createRayJob" | "createRayService"
const collections = { createCluster: "clusters", createRayJob: "jobs", createRayService: "services" } as const

/** Makes one of the kind, by a new name; its path. */
async function make(on: BerthServer, kind: Made): Promise<string> {
  await withTemplate(on)
  const name = fresh()
  const path = `${inDefault}/${collections[kind]}`
  await ok(on.call("POST", path, { json: { ...examples[kind], name } }))
  return `${path}/${name}`
}

const create =
  (kind: Made): Walk =>
  (on) =>
    make(on, kind)
const withMade =
  (kind: Made, method: string): Walk =>
  async (on) =>
    ok(on.call(method, await make(on, kind)))

/** A page of one, with something on it. */
const page =
  (kind: Made, path: string): Walk =>
  async (on) => {
    await make(on, kind)
    await ok(on.call("GET", path))
  }

/** The path of a submission on a cluster of its own that is ready. */
async function submitted(on: BerthServer): Promise<{ readonly cluster: string; readonly id: string }> {
  const path = await make(on, "createCluster")
  await on.until(async () => {
    const { json } = await on.call("GET", path)
    return json.clusterState === "ready" || undefined
  })
  const cluster = path.replace("/clusters/", "/jobsubmissions/")
  const { json } = await ok(on.call("POST", cluster, { json: examples.submitRayJob }))
  return { cluster, id: json.submissionId as string }
}
const withSubmission =
  (method: string, pathOf: (cluster: string, id: string) => string): Walk =>
  async (on) => {
    const { cluster, id } = await submitted(on)
    await ok(on.call(method, pathOf(cluster, id)))
  }

/** How each operation of the KubeRay API is made to succeed. A new route needs a line here. */
export const kuberayWalks: Readonly<Record<KuberayRouteName | "swagger", Walk>> = {
  createComputeTemplate: (on) =>
    ok(
      on.call("POST", `${inDefault}/compute_templates`, {
        json: { ...examples.createComputeTemplate, name: fresh() },
      }),
    ),
  async getComputeTemplate(on) {
    await withTemplate(on)
    await ok(on.call("GET", `${inDefault}/compute_templates/small`))
  },
  listComputeTemplates: ask(`${inDefault}/compute_templates`),
  listAllComputeTemplates: ask("/apis/v1/compute_templates"),
  async deleteComputeTemplate(on) {
    const name = fresh()
    const path = `${inDefault}/compute_templates`
    await ok(on.call("POST", path, { json: { ...examples.createComputeTemplate, name } }))
    await ok(on.call("DELETE", `${path}/${name}`))
  },
  createCluster: create("createCluster"),
  getCluster: withMade("createCluster", "GET"),
  listCluster: page("createCluster", `${inDefault}/clusters?limit=1`),
  listAllClusters: page("createCluster", "/apis/v1/clusters?limit=1"),
  deleteCluster: withMade("createCluster", "DELETE"),
  createRayJob: create("createRayJob"),
  getRayJob: withMade("createRayJob", "GET"),
  listRayJobs: page("createRayJob", `${inDefault}/jobs`),
  listAllRayJobs: page("createRayJob", "/apis/v1/jobs?limit=1"),
  deleteRayJob: withMade("createRayJob", "DELETE"),
  createRayService: create("createRayService"),
  async updateRayService(on) {
    const path = await make(on, "createRayService")
    const name = path.split("/").at(-1)
    await ok(on.call("PUT", path, { json: { ...examples.updateRayService, name } }))
  },
  getRayService: withMade("createRayService", "GET"),
  listRayServices: page("createRayService", `${inDefault}/services?pageSize=1`),
  listAllRayServices: page("createRayService", "/apis/v1/services"),
  deleteRayService: withMade("createRayService", "DELETE"),
  submitRayJob: submitted,
  getJobDetails: withSubmission("GET", (cluster, id) => `${cluster}/${id}`),
  getJobLog: withSubmission("GET", (cluster, id) => `${cluster}/log/${id}`),
  listJobDetails: withSubmission("GET", (cluster) => cluster),
  stopJobSubmission: withSubmission("POST", (cluster, id) => `${cluster}/${id}`),
  async deleteJobSubmission(on) {
    const { cluster, id } = await submitted(on)
    await ok(on.call("POST", `${cluster}/${id}`))
    // Ray forgets no job that has not ended.
    await on.until(async () => {
      const { status } = await on.call("DELETE", `${cluster}/${id}`)
      return status === 200 || undefined
    })
  },
  swagger: ask("/swagger/cluster.swagger.json"),
}
