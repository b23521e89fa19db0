import {
  kuberayRoutes,
  type Cluster,
  type KuberayRouteName,
  type RayJob as WireJob,
} from "@berth/contract/kuberay"
import { create, toJson, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf"
import { describe, expect, it } from "vitest"
import type { RayPage } from "../../domain/ray/index.ts"
import { AppError } from "../../kit/errors.ts"
import { createRayCall } from "./calls.ts"
import type { RequestOf } from "./requests.ts"
import { statusOf } from "./status.ts"
import {
  clusterRow,
  createdAtMs,
  headRow,
  jobRow,
  member,
  scriptedObjects,
  serviceRow,
  type Script,
  workerRow,
} from "./test-rows.ts"

/** Calls an operation on scripted objects. @returns the answer as JSON, and what the objects were asked */
async function call<Name extends KuberayRouteName>(
  name: Name,
  request: MessageInitShape<(typeof kuberayRoutes)[Name]["rpc"]["input"]>,
  script: Script,
  role: "editor" | "viewer" = "editor",
): Promise<{ readonly answer: unknown; readonly calls: readonly (readonly unknown[])[] }> {
  const calls: unknown[][] = []
  const rayCall = createRayCall(scriptedObjects(() => script, calls))
  const { input, output }: { input: DescMessage; output: DescMessage } = kuberayRoutes[name].rpc
  const answer = await rayCall(name, member(role), create(input, request) as RequestOf<Name>)
  return { answer: toJson(output, answer, { enumAsInteger: true }), calls }
}

const place = { namespace: "ray-system" }
const startParams = { "dashboard-host": "0.0.0.0" }
const resolved =
  <T>(value: T) =>
  (): Promise<T> =>
    Promise.resolve(value)

const anEvent = {
  id: "test-cluster.0000000000000001",
  objectKey: "rcl_1",
  type: "Normal" as const,
  reason: "CreatedService",
  message: "made",
  count: 3,
  firstAtMs: createdAtMs,
  lastAtMs: createdAtMs + 2000,
}

describe("clusters", () => {
  it("are shown as upstream shows them", async () => {
    const script = { clusters: { get: resolved({ cluster: clusterRow, events: [] }) } }
    const { answer, calls } = await call("getCluster", { ...place, name: "test-cluster" }, script)
    expect(calls).toEqual([["clusters.get", { namespace: "ray-system", name: "test-cluster" }]])
    expect(answer).toEqual({
      name: "test-cluster",
      namespace: "ray-system",
      user: "3cpo",
      version: "2.46.0",
      clusterSpec: {
        headGroupSpec: {
          computeTemplate: "default-template",
          image: "rayproject/ray:2.46.0",
          serviceType: "NodePort",
          rayStartParams: { "dashboard-host": "0.0.0.0", "metrics-export-port": "8080" },
          environment: {},
        },
        workerGroupSpec: [
          {
            groupName: "small-wg",
            computeTemplate: "default-template",
            image: "rayproject/ray:2.46.0",
            replicas: 1,
            minReplicas: 1,
            maxReplicas: 1,
            rayStartParams: { "node-ip-address": "$MY_POD_IP" },
            environment: {},
          },
        ],
      },
      annotations: { "ray.io/creation-timestamp": "2023-09-25 10:48:35.766 +0000 UTC" },
      createdAt: "2023-09-25T10:48:35Z",
    })
  })

  it.each([
    [{ state: "starting" }, undefined],
    [{ state: "waiting" }, undefined],
    [{ state: "waiting", suspended: true }, "suspended"],
    [{ state: "ready", suspended: false }, "ready"],
    [{ state: "failed", suspended: true }, "failed"],
  ] as const)("%o is the state %s", async (members, word) => {
    const cluster = { ...clusterRow, ...members }
    const script = { clusters: { get: resolved({ cluster, events: [] }) } }
    const { answer } = await call("getCluster", { ...place, name: "c" }, script)
    expect((answer as Cluster).clusterState).toBe(word)
  })

  it("show events with ids, names and times, and where they are reached", async () => {
    const address = { endpoints: { dashboard: "8265" } } as unknown as typeof clusterRow.address
    const script = {
      clusters: { get: resolved({ cluster: { ...clusterRow, address }, events: [anEvent] }) },
    }
    const { answer } = await call("getCluster", { ...place, name: "c" }, script)
    expect(answer).toMatchObject({
      serviceEndpoint: { dashboard: "8265" },
      events: [
        {
          id: "test-cluster.0000000000000001",
          name: "test-cluster-test-cluster.0000000000000001",
          createdAt: "2023-09-25T10:48:35Z",
          firstTimestamp: "2023-09-25T10:48:35Z",
          lastTimestamp: "2023-09-25T10:48:37Z",
          reason: "CreatedService",
          message: "made",
          type: "Normal",
          count: 3,
        },
      ],
    })
  })

  it("that were made for others have no version, and events named after the job or after nothing", async () => {
    const event = { ...anEvent, id: "oj-zz49g.1" }
    const shown = async (kind: "job" | "service") => {
      const cluster = { ...clusterRow, parent: { kind, key: "k", name: "oj" } }
      const script = { clusters: { get: resolved({ cluster, events: [event] }) } }
      return (await call("getCluster", { ...place, name: "c" }, script)).answer
    }
    expect(await shown("job")).toMatchObject({ events: [{ name: "oj-oj-zz49g.1" }] })
    expect(await shown("service")).toMatchObject({ events: [{ name: "-oj-zz49g.1" }] })
    expect(await shown("service")).not.toHaveProperty("version")
  })

  it("show values of variables to those alone who may read them, and the cluster's own to nobody", async () => {
    const environment = {
      values: { TOKEN: "s3cret", MY_POD_IP: "x", TYPE: "y" },
      valuesFrom: { K: { source: "secret" as const, name: "n", key: "k" } },
    }
    const spec = {
      ...clusterRow.spec,
      head: { ...headRow, environment },
      workers: [{ ...workerRow, environment }],
    }
    const script = { clusters: { get: resolved({ cluster: { ...clusterRow, spec }, events: [] }) } }
    const shown = await call("getCluster", { ...place, name: "c" }, script)
    const valuesFrom = { K: { source: 1, name: "n", key: "k" } }
    expect(shown.answer).toMatchObject({
      clusterSpec: {
        headGroupSpec: { environment: { values: { TOKEN: "s3cret", TYPE: "y" }, valuesFrom } },
        workerGroupSpec: [{ environment: { values: { TOKEN: "s3cret" }, valuesFrom } }],
      },
    })
    expect(JSON.stringify(shown.answer)).not.toContain('"MY_POD_IP":')
    const hidden = await call("getCluster", { ...place, name: "c" }, script, "viewer")
    expect(hidden.answer).toMatchObject({
      clusterSpec: { headGroupSpec: { environment: { values: { TOKEN: "***", TYPE: "***" } } } },
    })
    expect(JSON.stringify(hidden.answer)).not.toContain("s3cret")
  })

  it("are asked for with what upstream makes of a request", async () => {
    const script = { clusters: { create: resolved({ cluster: clusterRow, events: [] }) } }
    const request: MessageInitShape<typeof kuberayRoutes.createCluster.rpc.input> = {
      ...place,
      cluster: {
        ...place,
        name: "c",
        user: "u",
        environment: 2,
        envs: { values: { A: "1" }, valuesFrom: { B: { source: 1, name: "n", key: "k" } } },
        clusterSpec: {
          headGroupSpec: {
            computeTemplate: "t",
            rayStartParams: startParams,
            serviceAccount: "x",
            imagePullSecret: "yes",
            imagePullPolicy: "Always",
            volumes: [{ name: "v", mountPath: "/v", volumeType: 1, hostPathType: 1, source: "/s" }],
          },
          workerGroupSpec: [{ groupName: "g", computeTemplate: "t", replicas: 2, maxReplicas: 3 }],
          autoscalerOptions: { cpu: "1" },
        },
      },
    }
    const { calls } = await call("createCluster", request, script)
    expect(calls).toMatchObject([
      [
        "clusters.create",
        {
          namespace: "ray-system",
          name: "c",
          user: "u",
          environment: 2,
          envs: { values: { A: "1" }, valuesFrom: { B: { source: "secret", name: "n", key: "k" } } },
          spec: {
            head: {
              computeTemplate: "t",
              rayStartParams: startParams,
              serviceAccount: "",
              imagePullSecret: "yes",
              imagePullPolicy: "Always",
              volumes: [{ type: "hostPath", hostPathType: "file", source: "/s" }],
              securityContext: null,
            },
            workers: [{ groupName: "g", replicas: 2, minReplicas: 2, maxReplicas: 3 }],
            // Options without autoscaling are dropped.
            autoscaler: null,
          },
        },
      ],
    ])
  })

  it("go on from page to page with a token that no other list takes", async () => {
    const asked: RayPage[] = []
    const script: Script = {
      clusters: {
        page: (_principal, _namespace, page) => {
          asked.push(page)
          return Promise.resolve({ items: [], next: { namespace: "ray-system", name: "é" } })
        },
      },
      jobs: { page: () => Promise.resolve({ items: [], next: null }) },
    }
    const first = await call("listCluster", { ...place, limit: 2n }, script)
    const { continue: token } = first.answer as { continue: string }
    await call("listCluster", { ...place, limit: -1n, continue: token }, script)
    expect(asked).toEqual([
      { limit: 2, after: null },
      { limit: null, after: { namespace: "ray-system", name: "é" } },
    ])
    const others = [
      call("listAllClusters", { continue: token }, script),
      call("listCluster", { namespace: "other", continue: token }, script),
      call("listRayJobs", { ...place, continue: token }, script),
      call("listCluster", { ...place, continue: "abc" }, script),
    ]
    const said = await Promise.all(
      others.map((other) => other.then(undefined, (error: AppError) => statusOf(error))),
    )
    const listed = (text: string) =>
      `${text}: invalid continue token: continue key is not valid: it was not given by this list`
    expect(said).toEqual([
      { code: 3, message: listed("List clusters from all namespaces failed.: List RayCluster failed in ") },
      { code: 3, message: listed("List clusters failed.: List RayCluster failed in other") },
      { code: 3, message: listed("List jobs failed.: List RayCluster failed in ray-system") },
      { code: 3, message: listed("List clusters failed.: List RayCluster failed in ray-system") },
    ])
  })

  it("an answer that comes too late is a timeout, and names nothing else", async () => {
    const never = new Promise<never>(() => {})
    const objects = scriptedObjects(() => ({ clusters: { get: () => never } }), [])
    const request = create(kuberayRoutes.getCluster.rpc.input, { ...place, name: "c" })
    const over = createRayCall(objects)("getCluster", member("editor"), request, AbortSignal.abort())
    await expect(over).rejects.toMatchObject({ code: "timeout", message: "context deadline exceeded" })
  })
})

describe("jobs", () => {
  it("are shown with all that was sent, and with what became of it", async () => {
    const { answer } = await call(
      "getRayJob",
      { ...place, name: "job-1" },
      { jobs: { get: resolved(jobRow) } },
    )
    expect(answer).toMatchObject({
      name: "job-1",
      version: "2.46.0",
      entrypoint: "python -V",
      metadata: { team: "x" },
      runtimeEnv: "env_vars: {A: b}\n",
      jobId: "job-1-abcde",
      jobSubmitter: { image: "img", memory: "2Gi" },
      entrypointNumCpus: 0.5,
      entrypointNumGpus: 1,
      activeDeadlineSeconds: 90,
      jobStatus: "RUNNING",
      jobDeploymentStatus: "Running",
      startTime: "2023-09-25T10:48:36Z",
      rayClusterName: "job-1-fghij",
    })
    expect(Object.keys((answer as WireJob).jobSubmitter ?? {})).not.toContain("cpu")
    expect(answer).not.toHaveProperty("endTime")
    expect(answer).not.toHaveProperty("deleteAt")
  })

  it("without a shape of their own have no version; a viewer does not see the environment", async () => {
    const jobs = { get: resolved({ ...jobRow, spec: null }) }
    const { answer } = await call("getRayJob", { ...place, name: "j" }, { jobs }, "viewer")
    expect(answer).not.toHaveProperty("version")
    expect(answer).not.toHaveProperty("clusterSpec")
    expect(answer).toHaveProperty("runtimeEnv", "***")
  })

  it("with a selector beside a shape without a head are asked for without one", async () => {
    const job = { ...place, name: "j", user: "u", clusterSelector: { a: "b" }, clusterSpec: {} }
    const { calls } = await call("createRayJob", { ...place, job }, { jobs: { create: resolved(jobRow) } })
    expect(calls).toMatchObject([["jobs.create", { spec: null, clusterSelector: { a: "b" } }]])
  })

  it("print their id, which is usually not sent, where they could not be made", async () => {
    const create = () => Promise.reject(new AppError("already_exists", "ours", { resource: "ray-job" }))
    const job = { ...place, name: "j1", user: "u", clusterSelector: { a: "b" } }
    await expect(call("createRayJob", { ...place, job }, { jobs: { create } })).rejects.toThrow(
      'Failed to create a job for (ray-system/): rayjobs.ray.io "j1" already exists',
    )
  })
})

describe("services", () => {
  it("are shown with an end before all time, a status, and the cluster that serves", async () => {
    const active = { ...clusterRow, name: "svc-1-abcde", state: "ready" as const }
    const applications = [
      {
        name: "app",
        status: "RUNNING",
        message: "",
        deployments: [{ name: "d", status: "HEALTHY", message: "" }],
      },
    ]
    const view = { service: { ...serviceRow, applications }, events: [], active }
    const script = { services: { get: resolved(view) } }
    const { answer } = await call("getRayService", { ...place, name: "svc-1" }, script)
    expect(answer).toMatchObject({
      deleteAt: "1969-12-31T23:59:59Z",
      serveConfigV2: "applications: []\n",
      rayServiceStatus: {
        rayClusterName: "svc-1-abcde",
        rayClusterState: "ready",
        serveApplicationStatus: [
          {
            name: "app",
            status: "RUNNING",
            serveDeploymentStatus: [{ deploymentName: "d", status: "HEALTHY" }],
          },
        ],
      },
    })
  })

  it("have an empty status before one serves", async () => {
    const script = { services: { get: resolved({ service: serviceRow, events: [], active: null }) } }
    const { answer } = await call("getRayService", { ...place, name: "svc-1" }, script)
    expect(answer).toHaveProperty("rayServiceStatus", {})
  })

  it("an update goes to the one that the body names", async () => {
    const script = { services: { update: resolved({ service: serviceRow, events: [], active: null }) } }
    const clusterSpec = { headGroupSpec: { computeTemplate: "t", rayStartParams: startParams } }
    const service = { ...place, name: "in-body", user: "u", clusterSpec }
    const { calls } = await call("updateRayService", { ...place, name: "in-path", service }, script)
    expect(calls).toMatchObject([["services.update", { name: "in-body" }]])
  })
})

describe("job submissions", () => {
  const clusters = { get: resolved({ cluster: clusterRow, events: [] }) }
  const info = {
    entrypoint: "e",
    jobId: "",
    submissionId: "s",
    status: "RUNNING",
    message: "",
    errorType: "",
    startTimeMs: 1699442662879,
    endTimeMs: null,
    metadata: {},
    runtimeEnv: { pip: ["a==1", 2.5, null, true], env_vars: { b: "2", a: "1" }, n: null },
  }

  it("are shown with their environment as Go prints it", async () => {
    const script = { clusters, submissions: { get: resolved(info) } }
    const request = { ...place, clustername: "c", submissionid: "s" }
    const { answer } = await call("getJobDetails", request, script)
    expect(answer).toEqual({
      entrypoint: "e",
      submissionId: "s",
      status: "RUNNING",
      startTime: "1699442662879",
      runtimeEnv: { pip: "[a==1 2.5 <nil> true]", env_vars: "map[a:1 b:2]", n: "<nil>" },
    })
    const hidden = await call("getJobDetails", request, script, "viewer")
    expect(hidden.answer).toHaveProperty("runtimeEnv", { pip: "***", env_vars: "***", n: "***" })
  })

  it("one that is not there is not stopped", async () => {
    const gone = () =>
      Promise.reject(new AppError("not_found", "ours", { resource: "ray-submission", name: "s" }))
    const script = { clusters, submissions: { stop: gone } }
    const request = { ...place, clustername: "c", submissionid: "s" }
    await expect(call("stopJobSubmission", request, script)).rejects.toThrow(
      "Job s does not exist on the cluster",
    )
  })

  it("without one there is nothing to submit; resources go on as text", async () => {
    const submissions = { submit: resolved("s") }
    const request = { ...place, clustername: "c" }
    await expect(call("submitRayJob", request, { submissions })).rejects.toMatchObject({ code: "invalid" })
    const jobsubmission = { entrypoint: "e", entrypointResources: { x: "1" } }
    const { calls, answer } = await call("submitRayJob", { ...request, jobsubmission }, { submissions })
    expect(calls).toMatchObject([["submissions.submit", { name: "c" }, { resources: '{"x":"1"}' }]])
    expect(answer).toEqual({ submissionId: "s" })
  })
})

describe("compute templates", () => {
  it("have a unit where none was sent, and are shown as they were made", async () => {
    const made = {
      ...place,
      name: "t",
      workspaceId: "w",
      cpu: 2,
      memory: 4,
      memoryUnit: "Gi",
      gpu: 0,
      gpuAccelerator: "",
      tolerations: [{ key: "k", operator: "", value: "", effect: "" }],
      extendedResources: { zero: 0 },
      createdAtMs,
    }
    const script = { templates: { create: resolved(made) } }
    const computeTemplate = { ...place, name: "t", cpu: 2, memory: 4 }
    const { answer, calls } = await call("createComputeTemplate", { ...place, computeTemplate }, script)
    expect(calls).toMatchObject([["templates.create", { name: "t", memoryUnit: "Gi", cpu: 2 }]])
    expect(answer).toEqual({
      name: "t",
      namespace: "ray-system",
      cpu: 2,
      memory: 4,
      tolerations: [{ key: "k" }],
      extendedResources: { zero: 0 },
      memoryUnit: "Gi",
    })
  })
})
