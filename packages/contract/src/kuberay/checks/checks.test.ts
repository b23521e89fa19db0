import type { MessageInitShape } from "@bufbuild/protobuf"
import { create } from "@bufbuild/protobuf"
import { describe, expect, test } from "vitest"
import type { ClusterSpecSchema, KuberayRouteName } from "../index.ts"
import { kuberayRoutes, requestFault } from "../index.ts"

type Init<Name extends KuberayRouteName> = MessageInitShape<(typeof kuberayRoutes)[Name]["rpc"]["input"]>

function faultOf<Name extends KuberayRouteName>(name: Name, init: Init<Name>): string | undefined {
  const input = kuberayRoutes[name].rpc.input as (typeof kuberayRoutes)[Name]["rpc"]["input"]
  return requestFault(name, create(input, init as never) as never)
}

const ask = "Please specify a valid value."

/**
 * Each row mends the fault of the row before it, so each fault is told although all later ones are there too.
 * The last one has none.
 */
type Steps<T> = readonly (readonly [T, string | undefined])[]

function template(): Steps<Init<"createComputeTemplate">> {
  const namespace = "ns"
  return [
    [{}, `Namespace is empty. ${ask}`],
    [{ namespace }, "Compute template is empty, please input a valid payload."],
    [
      { namespace, computeTemplate: {} },
      "The namespace in the request is different from the namespace defined in the compute template.",
    ],
    [{ namespace, computeTemplate: { namespace } }, `Compute template name is empty. ${ask}`],
    [{ namespace, computeTemplate: { namespace, name: "t" } }, `Cpu amount is zero. ${ask}`],
    [{ namespace, computeTemplate: { namespace, name: "t", cpu: 1 } }, `Memory amount is zero. ${ask}`],
    [{ namespace, computeTemplate: { namespace, name: "t", cpu: 1, memory: 1 } }, undefined],
  ]
}

const noSpec = "A ClusterSpec object is required. Please specify one."
const policy = "unsupported value for Image pull policy. Please specify Always or IfNotPresent"

function spec(): Steps<MessageInitShape<typeof ClusterSpecSchema> | undefined> {
  const head = { computeTemplate: "t", rayStartParams: { a: "b" } }
  const bad = { imagePullPolicy: "always" }
  const group = { groupName: "g", computeTemplate: "t", maxReplicas: 1, imagePullPolicy: "Always" }
  const second = (more: object) => ({ headGroupSpec: head, workerGroupSpec: [group, { ...bad, ...more }] })
  return [
    [undefined, noSpec],
    [
      { workerGroupSpec: [bad] },
      "Cluster Spec Object requires HeadGroupSpec to be populated. Please specify one.",
    ],
    [{ headGroupSpec: bad, workerGroupSpec: [bad] }, `HeadGroupSpec compute template is empty. ${ask}`],
    [
      { headGroupSpec: { ...bad, computeTemplate: "t" }, workerGroupSpec: [bad] },
      "HeadGroupSpec RayStartParams is empty. Please specify values.",
    ],
    [{ headGroupSpec: { ...bad, ...head }, workerGroupSpec: [bad] }, `HeadGroupSpec ${policy}`],
    [
      { headGroupSpec: { ...head, imagePullPolicy: "IfNotPresent" }, workerGroupSpec: [bad] },
      `WorkerNodeSpec 0 group name is empty. ${ask}`,
    ],
    [second({ minReplicas: 2 }), `WorkerNodeSpec 1 group name is empty. ${ask}`],
    [second({ minReplicas: 2, groupName: "h" }), `WorkerNodeSpec 1 compute template is empty. ${ask}`],
    [
      second({ minReplicas: 2, groupName: "h", computeTemplate: "t" }),
      `WorkerNodeSpec 1 MaxReplicas can not be 0. ${ask}`,
    ],
    [
      second({ minReplicas: 2, groupName: "h", computeTemplate: "t", maxReplicas: 1 }),
      `WorkerNodeSpec 1 MinReplica > MaxReplicas. ${ask}`,
    ],
    [
      second({ minReplicas: 1, groupName: "h", computeTemplate: "t", maxReplicas: 1 }),
      `Worker GroupSpec ${policy}`,
    ],
    [{ headGroupSpec: head, workerGroupSpec: [group] }, undefined],
    [{ headGroupSpec: head }, undefined],
  ]
}

describe("the first fault is told, in this order", () => {
  test.each(template())("of a template: %j", (init, text) => {
    expect(faultOf("createComputeTemplate", init)).toBe(text)
  })

  const namespace = "ns"
  const object = (kind: string): string =>
    `The namespace in the request is different from the namespace in the ${kind} definition.`

  test.each<[Init<"createCluster">, string]>([
    [{}, `Namespace is empty. ${ask}`],
    [{ namespace }, "Cluster is empty, please input a valid payload."],
    [{ namespace, cluster: {} }, object("cluster")],
    [{ namespace, cluster: { namespace } }, `Cluster name is empty. ${ask}`],
    [{ namespace, cluster: { namespace, name: "c" } }, `User who create the cluster is empty. ${ask}`],
    [{ namespace, cluster: { namespace, name: "c", user: "u" } }, noSpec],
  ])("of a cluster: %j", (init, text) => {
    expect(faultOf("createCluster", init)).toBe(text)
  })

  test.each<[Init<"createRayJob">, string | undefined]>([
    [{}, `Namespace is empty. ${ask}`],
    [{ namespace }, "Job is empty, please input a valid payload."],
    [{ namespace, job: {} }, object("job")],
    [{ namespace, job: { namespace } }, `Job name is empty. ${ask}`],
    [{ namespace, job: { namespace, name: "j" } }, `User who create the job is empty. ${ask}`],
    [{ namespace, job: { namespace, name: "j", user: "u" } }, noSpec],
    [
      { namespace, job: { namespace, name: "j", user: "u", clusterSelector: { a: "b" }, clusterSpec: {} } },
      undefined,
    ],
  ])("of a job: %j", (init, text) => {
    expect(faultOf("createRayJob", init)).toBe(text)
  })

  const serviceSteps = (user: string): [Init<"createRayService">, string][] => [
    [{}, `Namespace is empty. ${ask}`],
    [{ namespace }, "Service is empty, please input a valid payload."],
    [{ namespace, service: {} }, object("service")],
    [{ namespace, service: { namespace } }, `Service name is empty. ${ask}`],
    [{ namespace, service: { namespace, name: "s" } }, `User who ${user} the Service is empty. ${ask}`],
    [{ namespace, service: { namespace, name: "s", user: "u" } }, noSpec],
  ]
  test.each(serviceSteps("created"))("of a service: %j", (init, text) => {
    expect(faultOf("createRayService", init)).toBe(text)
  })
  test.each(serviceSteps("updated"))("of a service that is replaced: %j", (init, text) => {
    expect(faultOf("updateRayService", { ...init, name: "s" } as Init<"updateRayService">)).toBe(text)
    expect(faultOf("updateRayService", init as Init<"updateRayService">)).toBe(`Name is empty. ${ask}`)
  })

  test.each(spec())("of a spec: %j", (clusterSpec, text) => {
    const common = { namespace, name: "x", user: "u", ...(clusterSpec && { clusterSpec }) }
    expect(faultOf("createCluster", { namespace, cluster: common })).toBe(text)
    expect(faultOf("createRayJob", { namespace, job: common })).toBe(text)
    expect(faultOf("createRayService", { namespace, service: common })).toBe(text)
    expect(faultOf("updateRayService", { namespace, name: "x", service: common })).toBe(text)
  })
})

describe("one that is named", () => {
  test.each([
    ["getComputeTemplate", "Compute template name", "Namespace"],
    ["deleteComputeTemplate", "Compute template name", "Namespace"],
    ["getCluster", "Cluster name", "Namespace"],
    ["deleteCluster", "Cluster name", "Namespace"],
    ["getRayJob", "job name", "job namespace"],
    ["deleteRayJob", "job name", "job namespace"],
    ["getRayService", "ray service name", "ray service namespace"],
    ["deleteRayService", "ray service name", "ray service namespace"],
  ] as const)("%s", (route, name, namespace) => {
    expect(faultOf(route, {})).toBe(`${name} is empty. ${ask}`)
    expect(faultOf(route, { name: "x" })).toBe(`${namespace} is empty. ${ask}`)
    expect(faultOf(route, { name: "x", namespace: "ns" })).toBeUndefined()
  })

  test.each([
    ["listComputeTemplates", "Namespace"],
    ["listCluster", "Namespace"],
    ["listRayJobs", "job namespace"],
    ["listRayServices", "ray service namespace"],
  ] as const)("%s", (route, namespace) => {
    expect(faultOf(route, {})).toBe(`${namespace} is empty. ${ask}`)
    expect(faultOf(route, { namespace: "ns" })).toBeUndefined()
  })

  test.each(["listAllComputeTemplates", "listAllClusters", "listAllRayJobs", "listAllRayServices"] as const)(
    "%s has no rules",
    (route) => {
      expect(faultOf(route, {})).toBeUndefined()
    },
  )

  test.each([
    "getJobDetails",
    "getJobLog",
    "listJobDetails",
    "stopJobSubmission",
    "deleteJobSubmission",
  ] as const)("%s", (route) => {
    expect(faultOf(route, {})).toBe(`Cluster name is empty. ${ask}`)
    expect(faultOf(route, { clustername: "c" })).toBe(`Namespace is empty. ${ask}`)
    expect(faultOf(route, { clustername: "c", namespace: "ns" })).toBeUndefined()
  })

  test("submitRayJob", () => {
    const place = { clustername: "c", namespace: "ns" }
    expect(faultOf("submitRayJob", {})).toBe(`Cluster name is empty. ${ask}`)
    expect(faultOf("submitRayJob", place)).toBe("Job submission is empty, please input a valid payload.")
    expect(faultOf("submitRayJob", { ...place, jobsubmission: {} })).toBeUndefined()
  })
})
