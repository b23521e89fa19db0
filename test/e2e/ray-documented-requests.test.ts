import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { hasCurl, runPrinted } from "../support/printed-curl.ts"
import { podProcesses } from "../support/belongings.ts"
import { counterProgram, serveSources } from "../support/ray-samples.ts"
import { type RayServer, startRayServer } from "../support/ray-server.ts"
import { testRay } from "../support/ray.ts"
import { zipOf } from "../support/zip.ts"
import * as printed from "./ray-printed-requests.ts"

/* Every curl of the KubeRay API's document, on a server as it is started, with real Ray behind it. */

const ray = testRay()
const canMount = process.getuid?.() === 0
// oxlint-disable-next-line no-console -- what was left out is said
if (ray && !canMount) console.log("left out, for only root can mount: the job whose program is a config map")

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
const port = expect.stringMatching(/^\d{4,5}$/)
const template = { name: "default-template", namespace: "ray-system", cpu: 2, memory: 4, memoryUnit: "Gi" }

/** What a request asks for. */
interface Asked {
  readonly clusterSpec: {
    readonly headGroupSpec: object
    readonly workerGroupSpec: readonly { readonly minReplicas: number; readonly replicas: number }[]
  }
}

/** An answer's spec by the request's: an environment is always shown, an empty list never, and 0 as what it means. */
function shown({ clusterSpec: { headGroupSpec, workerGroupSpec } }: Asked) {
  const { volumes = [], ...head } = headGroupSpec as { volumes?: readonly object[] }
  return {
    headGroupSpec: { ...head, environment: {}, ...(volumes.length > 0 && { volumes: numbered(volumes) }) },
    workerGroupSpec: workerGroupSpec.map((group) => {
      const { volumes: more } = group as { volumes?: readonly object[] }
      const minReplicas = group.minReplicas || group.replicas
      return { ...group, minReplicas, environment: {}, ...(more && { volumes: numbered(more) }) }
    }),
  }
}

/** Enums are numbers in answers. */
const numbered = (volumes: readonly object[]) => volumes.map((volume) => ({ ...volume, volumeType: 3 }))

const created = (pod: string) => ({
  id: expect.stringMatching(/\.[0-9a-f]{16}$/),
  name: expect.any(String),
  createdAt: time,
  firstTimestamp: time,
  lastTimestamp: time,
  reason: pod === "head" ? "CreatedHeadPod" : "CreatedWorkerPod",
  message: expect.stringContaining(`Created ${pod} Pod`),
  type: "Normal",
  count: 1,
})

describe.runIf(ray !== undefined)("the documented requests, on real Ray,", { timeout: 300_000 }, () => {
  let on: RayServer
  const archive = createServer((_request, reply) => reply.end(zipOf(serveSources)))

  beforeAll(async () => {
    if (!ray) return
    await new Promise<void>((resolve) => archive.listen(0, "127.0.0.1", resolve))
    on = await startRayServer(ray, { flags: ["--no-auth"] })
  }, 400_000)
  afterAll(async () => {
    archive.close()
    await on?.close()
  })

  const fill = (request: string) => {
    const { port: of } = archive.address() as AddressInfo
    return request
      .replaceAll("{{host}}", on.server.url)
      .replaceAll("{{version}}", ray?.version ?? "")
      .replaceAll("{{archive}}", `http://127.0.0.1:${of}/samples.zip`)
  }
  /** The body of a printed request. */
  const bodyOf = (request: string) => {
    const filled = fill(request)
    return JSON.parse(filled.slice(filled.indexOf("{\n"), filled.lastIndexOf("}") + 1)) as Asked & {
      readonly serveConfigV2?: string
    }
  }
  /** Does what the line does; the answer's body. */
  async function run<T = unknown>(request: string): Promise<T> {
    const answer = await runPrinted(fill(request), [], hasCurl ? "program" : "bytes")
    expect([answer.status, request, answer.text]).toEqual([200, request, answer.text])
    return JSON.parse(answer.text) as T
  }
  /** The one object of a list that has the member as it should be. */
  const becomes = <T extends object>(request: string, list: string, isSo: (one: T) => boolean) =>
    on.eventually(request, async () => {
      const found = (await run<Readonly<Record<string, readonly T[] | undefined>>>(request))[list] ?? []
      return found.length === 1 ? found.find(isSo) : undefined
    })

  const nothingRuns = () =>
    on.eventually("no process of a Ray node is left", async () =>
      podProcesses(on.server.dataDir).length === 0 ? true : undefined,
    )

  it("make, show and delete compute templates", async () => {
    expect(await run(printed.createTemplate)).toEqual(template)
    expect(await run(printed.listTemplates)).toEqual({ computeTemplates: [template] })
    expect(await run(printed.listAllTemplates)).toEqual({ computeTemplates: [template] })
    expect(await run(printed.getTemplate)).toEqual(template)
    expect(await run(printed.deleteTemplate)).toEqual({})
    expect(await run(printed.listTemplates)).toEqual({})
    // those that follow want it, in both namespaces
    await run(printed.createTemplate)
    await on.kuberay("POST", "/namespaces/default/compute_templates", { ...template, namespace: "default" })
  })

  it("make, show and delete a cluster", async () => {
    const { environment: _dev, ...asked } = bodyOf(printed.createCluster) as Asked & { environment: string }
    const cluster = {
      ...asked,
      clusterSpec: shown(asked),
      annotations: { "ray.io/creation-timestamp": expect.stringMatching(/ \+0000 UTC$/) },
      createdAt: time,
    }
    expect(await run(printed.createCluster)).toEqual(cluster)
    await becomes<{ clusterState?: string }>(
      printed.listClusters,
      "clusters",
      (one) => one.clusterState === "ready",
    )
    const ready = {
      ...cluster,
      clusterState: "ready",
      events: expect.arrayContaining([created("head"), created("worker")]),
      serviceEndpoint: { dashboard: port, head: port, metrics: port, redis: port },
    }
    for (const request of [printed.listClusters, printed.listAllClusters, printed.getCluster])
      expect(await run(request)).toEqual({ clusters: [ready] })
    expect(await on.kuberay("GET", "/namespaces/ray-system/clusters/test-cluster")).toEqual(ready)
    expect(await run(printed.deleteCluster)).toEqual({})
    expect(await run(printed.listClusters)).toEqual({})
    await nothingRuns()
  })

  it("run a job on a cluster of its own, and delete both", async () => {
    const asked = bodyOf(printed.createJob)
    const job = { ...asked, clusterSpec: shown(asked), createdAt: time }
    expect(await run(printed.createJob)).toEqual(job)
    await becomes<{ jobStatus?: string }>(printed.listJobs, "jobs", (one) => one.jobStatus === "SUCCEEDED")
    const done = {
      ...job,
      jobId: expect.stringMatching(/^rayjob-test-[a-z0-9]{5}$/),
      startTime: time,
      endTime: time,
      jobStatus: "SUCCEEDED",
      jobDeploymentStatus: "Complete",
      message: "Job finished successfully.",
      rayClusterName: expect.stringMatching(/^rayjob-test-[a-z0-9]{5}$/),
    }
    expect(await run(printed.listJobs)).toEqual({ jobs: [done] })
    expect(await run(printed.listAllJobs)).toEqual({ jobs: [done] })
    expect(await run(printed.getJob)).toEqual(done)
    expect(await run(printed.deleteJob)).toEqual({})
    await nothingRuns()
    expect(await run(printed.listJobs)).toEqual({})
    expect(await run(printed.listClusters)).toEqual({})
  })

  it.runIf(canMount)("run the program of a config map on a cluster that is there", async () => {
    const name = "ray-job-code-sample"
    await on.server.client.berth.putConfigMap("default", name, { "sample_code.py": counterProgram })
    const asked = bodyOf(printed.createJobCluster)
    expect(await run(printed.createJobCluster)).toMatchObject({ name: "job-test", clusterSpec: shown(asked) })
    for (const request of [printed.createSelectingJob, printed.createSelectingJobAgain]) {
      const { version: _none, ...job } = bodyOf(request) as Asked & { version: string }
      expect(await run(request)).toEqual({ ...job, createdAt: time, rayClusterName: "job-test" })
      const done = await on.eventually("the job has ended", async () => {
        const now = await on.kuberay<{ jobStatus?: string; message?: string; jobId: string }>(
          "GET",
          "/namespaces/default/jobs/job-test",
        )
        return ["SUCCEEDED", "FAILED"].includes(now.jobStatus ?? "") ? now : undefined
      })
      expect([done.jobStatus, done.message]).toEqual(["SUCCEEDED", "Job finished successfully."])
      const { log } = await on.kuberay<{ log: string }>(
        "GET",
        `/namespaces/default/jobsubmissions/job-test/log/${done.jobId}`,
      )
      const counted = [1, 2, 3, 4, 5].map((number) => `test_counter got ${number}\n`).join("")
      expect(log).toContain(counted)
      expect(log).toContain("with requests 2.26.0 and pendulum 2.1.2")
      await on.kuberay("DELETE", "/namespaces/default/jobs/job-test")
    }
    await on.kuberay("DELETE", "/namespaces/default/clusters/job-test")
    await nothingRuns()
  })

  it("serve what the document serves", async () => {
    const asked = bodyOf(printed.createService)
    const service = { ...asked, clusterSpec: shown(asked), createdAt: time, deleteAt: "1969-12-31T23:59:59Z" }
    expect(await run(printed.createService)).toMatchObject(service)
    const healthy = (names: readonly string[]) =>
      names.map((deploymentName) => ({ deploymentName, status: "HEALTHY" }))
    const status = {
      rayServiceEvents: expect.any(Array),
      rayClusterName: expect.stringMatching(/^test-v2-[a-z0-9]{5}$/),
      rayClusterState: "ready",
      serviceEndpoint: expect.objectContaining({ serve: port }),
      serveApplicationStatus: [
        {
          name: "fruit_app",
          status: "RUNNING",
          serveDeploymentStatus: healthy(["FruitMarket", "MangoStand", "OrangeStand", "PearStand"]),
        },
        {
          name: "math_app",
          status: "RUNNING",
          serveDeploymentStatus: healthy(["Adder", "Multiplier", "Router"]),
        },
      ],
    }
    interface Served {
      readonly rayServiceStatus: {
        readonly serviceEndpoint?: Readonly<Record<string, string>>
        readonly serveApplicationStatus?: readonly { readonly status: string }[]
      }
    }
    const served = await becomes<Served>(printed.listServices, "services", ({ rayServiceStatus }) => {
      const applications = rayServiceStatus.serveApplicationStatus ?? []
      return applications.length === 2 && applications.every((one) => one.status === "RUNNING")
    })
    const all = { ...service, rayServiceStatus: status }
    expect(await run(printed.listServices)).toEqual({ services: [all] })
    expect(await run(printed.listAllServices)).toEqual({ services: [all] })
    expect(await run(printed.getService)).toEqual(all)

    const url = `http://127.0.0.1:${served.rayServiceStatus.serviceEndpoint?.["serve"]}`
    const ask = async (path: string, json: unknown) => {
      const answer = await fetch(url + path, { method: "POST", body: JSON.stringify(json) })
      return answer.text()
    }
    expect(await ask("/fruit", ["MANGO", 2])).toBe("6")
    expect(await ask("/fruit", ["PEAR", 4])).toBe("4")
    expect(await ask("/calc", ["ADD", 2])).toBe("5")
    expect(await ask("/calc", ["MUL", 3])).toBe("15")

    expect(await run(printed.deleteService)).toEqual({})
    expect(await run(printed.listServices)).toEqual({})
    await nothingRuns()
  })
})
