import { encodeBody, kuberayRoutes, type KuberayRouteName } from "@berth/contract/kuberay"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { examples } from "../../packages/contract/src/kuberay/openapi/index.ts"
import { fileDescriptors } from "../../packages/server/src/http/kuberay/grpc/definitions.ts"
import {
  connectGrpc,
  type GrpcClient,
  type Outcome,
  type Reflected,
} from "../../packages/server/src/http/kuberay/grpc/test-client.ts"
import type { Listeners } from "../../packages/server/src/listeners.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"
import { keyOf, listenOn } from "./extra-listeners.ts"

let berth: BerthServer
let listeners: Listeners
let client: GrpcClient
let address: string
beforeAll(async () => {
  berth = await startBerthServer()
  listeners = await listenOn(berth, { grpcListen: "127.0.0.1:0" })
  address = listeners.others[0]?.address ?? ""
  client = connectGrpc(address, `Bearer ${berth.token}`)
})
afterAll(async () => {
  client.close()
  await listeners.close()
  await berth.close()
})

const namespace = "default"
const { createComputeTemplate: template, createCluster: cluster, createRayJob: job } = examples
const { createRayService: service, submitRayJob: submission } = examples
const inDefault = `/apis/v1/namespaces/${namespace}`

/** What it was answered with. @throws Error when it was refused */
async function ok<Name extends KuberayRouteName>(outcome: Promise<Outcome<Name>>) {
  const { code, message, reply } = await outcome
  if (code !== 0 || !reply) throw new Error(`${code} ${message}`)
  return reply
}

/** The same, as JSON of this API, as what HTTP answers at a path, once nothing goes on any more. */
async function asOverHttp(
  name: KuberayRouteName,
  request: Parameters<GrpcClient["call"]>[1],
  path: string,
): Promise<void> {
  const { output } = kuberayRoutes[name].rpc
  await berth.until(async () => {
    const reply = await ok(client.call(name, request as never))
    const { status, text } = await berth.call("GET", path)
    return (status === 200 && encodeBody(output, reply as never) === text) || undefined
  })
}

let made = 0
const fresh = () => `g-${++made}`
async function aTemplate(): Promise<void> {
  await client.call("createComputeTemplate", { namespace, computeTemplate: template })
}
async function aCluster(): Promise<string> {
  await aTemplate()
  const name = fresh()
  await ok(client.call("createCluster", { namespace, cluster: { ...cluster, name } as never }))
  return name
}
async function aJob(): Promise<string> {
  await aTemplate()
  const name = fresh()
  await ok(client.call("createRayJob", { namespace, job: { ...job, name } as never }))
  return name
}
async function aService(): Promise<string> {
  await aTemplate()
  const name = fresh()
  await ok(client.call("createRayService", { namespace, service: { ...service, name } as never }))
  return name
}
async function aSubmission(): Promise<{ readonly clustername: string; readonly submissionid: string }> {
  const clustername = await aCluster()
  await berth.until(async () => {
    const { clusterState } = await ok(client.call("getCluster", { namespace, name: clustername }))
    return clusterState === "ready" || undefined
  })
  const sent = { namespace, clustername, jobsubmission: submission }
  const { submissionId } = await ok(client.call("submitRayJob", sent))
  return { clustername, submissionid: submissionId }
}
const gone = async (path: string) => expect((await berth.call("GET", path)).status).toBe(404)

/** Each call of the API does what it does over HTTP. A new one needs a line here. */
const calls: Readonly<Record<KuberayRouteName, () => Promise<void>>> = {
  async createComputeTemplate() {
    const name = fresh()
    const reply = await ok(
      client.call("createComputeTemplate", { namespace, computeTemplate: { ...template, name } }),
    )
    const { text } = await berth.call("GET", `${inDefault}/compute_templates/${name}`)
    expect(encodeBody(kuberayRoutes.createComputeTemplate.rpc.output, reply)).toBe(text)
  },
  async getComputeTemplate() {
    await aTemplate()
    await asOverHttp(
      "getComputeTemplate",
      { namespace, name: "small" },
      `${inDefault}/compute_templates/small`,
    )
  },
  async listComputeTemplates() {
    await aTemplate()
    await asOverHttp("listComputeTemplates", { namespace }, `${inDefault}/compute_templates`)
  },
  async listAllComputeTemplates() {
    await aTemplate()
    await asOverHttp("listAllComputeTemplates", {}, "/apis/v1/compute_templates")
  },
  async deleteComputeTemplate() {
    const name = fresh()
    await ok(client.call("createComputeTemplate", { namespace, computeTemplate: { ...template, name } }))
    await ok(client.call("deleteComputeTemplate", { namespace, name }))
    await gone(`${inDefault}/compute_templates/${name}`)
  },
  async createCluster() {
    const { text } = await berth.call("GET", `${inDefault}/clusters/${await aCluster()}`)
    expect(text).toContain('"computeTemplate":"small"')
  },
  async getCluster() {
    const name = await aCluster()
    await asOverHttp("getCluster", { namespace, name }, `${inDefault}/clusters/${name}`)
  },
  async listCluster() {
    await aCluster()
    await asOverHttp("listCluster", { namespace, limit: 1n }, `${inDefault}/clusters?limit=1`)
  },
  async listAllClusters() {
    await aCluster()
    await asOverHttp("listAllClusters", { limit: 1n }, "/apis/v1/clusters?limit=1")
  },
  async deleteCluster() {
    const name = await aCluster()
    await ok(client.call("deleteCluster", { namespace, name }))
    await gone(`${inDefault}/clusters/${name}`)
  },
  async createRayJob() {
    const { text } = await berth.call("GET", `${inDefault}/jobs/${await aJob()}`)
    expect(text).toContain('"entrypoint":')
  },
  async getRayJob() {
    const name = await aJob()
    await asOverHttp("getRayJob", { namespace, name }, `${inDefault}/jobs/${name}`)
  },
  async listRayJobs() {
    await aJob()
    await asOverHttp("listRayJobs", { namespace, limit: 1n }, `${inDefault}/jobs?limit=1`)
  },
  async listAllRayJobs() {
    await aJob()
    await asOverHttp("listAllRayJobs", { limit: 1n }, "/apis/v1/jobs?limit=1")
  },
  async deleteRayJob() {
    const name = await aJob()
    await ok(client.call("deleteRayJob", { namespace, name }))
    await berth.until(async () => {
      const { status } = await berth.call("GET", `${inDefault}/jobs/${name}`)
      return status === 404 || undefined
    })
  },
  async createRayService() {
    const { text } = await berth.call("GET", `${inDefault}/services/${await aService()}`)
    expect(text).toContain('"serveConfigV2":')
  },
  async updateRayService() {
    const name = await aService()
    const serveConfigV2 = "applications: []\n"
    const changed = { ...service, name, serveConfigV2 } as never
    const reply = await ok(client.call("updateRayService", { namespace, name, service: changed }))
    expect(reply.serveConfigV2).toBe(serveConfigV2)
  },
  async getRayService() {
    const name = await aService()
    await asOverHttp("getRayService", { namespace, name }, `${inDefault}/services/${name}`)
  },
  async listRayServices() {
    await aService()
    await asOverHttp("listRayServices", { namespace, pageSize: 1 }, `${inDefault}/services?pageSize=1`)
  },
  async listAllRayServices() {
    await aService()
    await asOverHttp("listAllRayServices", { pageSize: 1 }, "/apis/v1/services?pageSize=1")
  },
  async deleteRayService() {
    const name = await aService()
    await ok(client.call("deleteRayService", { namespace, name }))
    await berth.until(async () => {
      const { status } = await berth.call("GET", `${inDefault}/services/${name}`)
      return status === 404 || undefined
    })
  },
  async submitRayJob() {
    expect((await aSubmission()).submissionid).toMatch(/^raysubmit_/)
  },
  async getJobDetails() {
    const at = await aSubmission()
    const path = `${inDefault}/jobsubmissions/${at.clustername}/${at.submissionid}`
    await asOverHttp("getJobDetails", { namespace, ...at }, path)
  },
  async getJobLog() {
    const at = await aSubmission()
    const path = `${inDefault}/jobsubmissions/${at.clustername}/log/${at.submissionid}`
    await asOverHttp("getJobLog", { namespace, ...at }, path)
  },
  async listJobDetails() {
    const { clustername } = await aSubmission()
    await asOverHttp(
      "listJobDetails",
      { namespace, clustername },
      `${inDefault}/jobsubmissions/${clustername}`,
    )
  },
  async stopJobSubmission() {
    const at = { namespace, ...(await aSubmission()) }
    await ok(client.call("stopJobSubmission", at))
    await stopped(at)
  },
  async deleteJobSubmission() {
    const at = { namespace, ...(await aSubmission()) }
    await ok(client.call("stopJobSubmission", at))
    await stopped(at)
    await ok(client.call("deleteJobSubmission", at))
    expect(await client.call("getJobDetails", at)).toMatchObject({ code: 5 })
  },
}

const stopped = (at: {
  readonly namespace: string
  readonly clustername: string
  readonly submissionid: string
}) =>
  berth.until(async () => {
    const { status } = await ok(client.call("getJobDetails", at))
    return !["PENDING", "RUNNING"].includes(status) || undefined
  })

it.each(Object.keys(kuberayRoutes) as KuberayRouteName[])("%s does what it does over HTTP", async (name) => {
  await expect(calls[name]()).resolves.toBeUndefined()
})

describe("a refusal", () => {
  it("has the code and the words of HTTP's, and the request's id", async () => {
    const { text } = await berth.call("GET", `${inDefault}/clusters/nobody`)
    const metadata = { "x-request-id": "my-id" }
    const outcome = await client.call("getCluster", { namespace, name: "nobody" }, { metadata })
    expect(JSON.stringify({ code: outcome.code, message: outcome.message })).toBe(text)
    expect(outcome.metadata).toMatchObject({ "x-request-id": "my-id" })
  })

  it("says what HTTP cannot reach: an empty namespace, no body", async () => {
    expect(await client.call("listCluster", {})).toMatchObject({ code: 3 })
    for (const [name, request] of [
      ["createComputeTemplate", { namespace }],
      ["createCluster", { namespace }],
      ["createRayJob", { namespace }],
      ["createRayService", { namespace }],
      ["updateRayService", { namespace, name: "x" }],
      ["submitRayJob", { namespace, clustername: "x" }],
    ] as const)
      expect([name, (await client.call(name, request as never)).code]).toEqual([name, 3])
  })

  it("of bytes that are no message says so, and nothing of them", async () => {
    const bytes = Buffer.from([0x0a, 0xff, 0x01])
    const outcome = await client.call("getCluster", {}, { bytes })
    expect(outcome).toMatchObject({ code: 3, message: "The request is no proto.GetClusterRequest." })
  })

  it("of what is larger than 4 MiB ends that call alone", async () => {
    const name = "x".repeat(4 * 1024 * 1024)
    expect(await client.call("getCluster", { namespace, name })).toMatchObject({ code: 8 })
    expect(await client.call("listAllClusters", { limit: 1n })).toMatchObject({ code: 0 })
  })

  it("with a long text is cut to what a head may have", async () => {
    const outcome = await client.call("getCluster", { namespace, name: "é".repeat(100_000) })
    expect(outcome.code).toBe(5)
    expect(outcome.message.length).toBeLessThan(2100)
  })

  it("of a number that an enum does not have is HTTP's", async () => {
    await aTemplate()
    const sent = { ...cluster, name: fresh(), environment: 9 }
    const { code, message } = await client.call("createCluster", { namespace, cluster: sent as never })
    const { status, json } = await berth.call("POST", `${inDefault}/clusters`, { json: sent })
    expect([code, status]).toEqual([3, 400])
    expect({ code, message }).toEqual(json)
  })
})

describe("who calls", () => {
  const ask = (authorization: string) => client.call("listAllClusters", { limit: 1n }, { authorization })

  it("says so by a key, with Bearer or without, or by a token", async () => {
    expect(await ask(berth.token)).toMatchObject({ code: 0 })
    const { json } = await berth.call("POST", "/api/v1/auth", { json: { apiKey: berth.token }, token: "" })
    expect(await ask(`Bearer ${json.data.token}`)).toMatchObject({ code: 0 })
  })

  it("is refused without one, or with a wrong one", async () => {
    expect(await ask("")).toMatchObject({ code: 16 })
    expect(await ask("Bearer wrong")).toMatchObject({ code: 16 })
  })

  it("has no more rights than over HTTP, and the audit counts what was refused", async () => {
    const viewer = await keyOf(berth, "grpc-viewer", { role: "viewer" })
    const sent = { namespace, computeTemplate: { ...template, name: fresh() } }
    expect(await client.call("createComputeTemplate", sent, { authorization: viewer })).toMatchObject({
      code: 7,
    })
    await berth.plane.refusals.flush(berth.clock.nowMs())
    const { text } = await berth.call("GET", "/berth/v1/audit?limit=5")
    expect(text).toContain("kuberay.createComputeTemplate")
  })

  it("may not be a page of another site, nor ask for a foreign host", async () => {
    const foreign = connectGrpc(address, berth.token, undefined, { "grpc.default_authority": "evil.example" })
    try {
      expect(await foreign.call("listAllClusters", {})).toMatchObject({ code: 7 })
    } finally {
      foreign.close()
    }
  })
})

describe("reflection", () => {
  it.each(["v1", "v1alpha"] as const)("%s lists the services and gives their files", async (version) => {
    const answers = await client.reflect(version, [
      { listServices: "*" },
      { fileContainingSymbol: "proto.RayJobSubmissionService" },
      { fileByFilename: "cluster.proto" },
      { fileContainingSymbol: "proto.Nothing" },
    ])
    if (typeof answers === "number") throw new Error(`code ${answers}`)
    const [listed, ofSymbol, ofName, missing] = answers
    expect(listed?.listServicesResponse?.service.map(({ name }) => name).toSorted()).toEqual([
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "proto.ClusterService",
      "proto.ComputeTemplateService",
      "proto.RayJobService",
      "proto.RayJobSubmissionService",
      "proto.RayServeService",
    ])
    const ours = fileDescriptors()
    const told = (answer: Reflected | undefined) => answer?.fileDescriptorResponse?.fileDescriptorProto ?? []
    // With what they import, and whole: byte for byte the published files.
    expect([told(ofSymbol).length, told(ofName).length]).toEqual([2, 3])
    for (const file of [...told(ofSymbol), ...told(ofName)])
      expect(ours.some((one) => one.equals(Buffer.from(file)))).toBe(true)
    expect(missing?.errorResponse?.errorCode).toBe(5)
  })

  it("needs a key, like the OpenAPI documents", async () => {
    const nobody = connectGrpc(address, "")
    try {
      expect(await nobody.reflect("v1", [{ listServices: "*" }])).toBe(16)
    } finally {
      nobody.close()
    }
  })
})

describe("health", () => {
  it("is told to everybody, of the server and of each service", async () => {
    const nobody = connectGrpc(address, "")
    try {
      expect(await nobody.health()).toBe("SERVING")
      expect(await nobody.health("proto.ClusterService")).toBe("SERVING")
      expect(await nobody.health("proto.Nothing")).toBe(5)
    } finally {
      nobody.close()
    }
  })
})
