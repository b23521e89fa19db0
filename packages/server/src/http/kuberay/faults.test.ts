import { describe, expect, it } from "vitest"
import type { KuberayRouteName } from "@berth/contract/kuberay"
import { AppError, type AppErrorFacts } from "../../kit/errors.ts"
import { wordFault, type Subject } from "./faults.ts"
import { httpStatusOf, statusOf } from "./status.ts"

const subject: Subject = { namespace: "ns", name: "c1", madeAs: "c1", template: "" }

function said(
  operation: KuberayRouteName,
  error: AppError,
  about: Partial<Subject> = {},
): { code: number; message: string } {
  return statusOf(wordFault(error, operation, { ...subject, ...about }))
}

function missing(resource: string, name: string): AppError {
  return new AppError("not_found", "ours", { resource, name })
}
function taken(resource: string, name: string): AppError {
  return new AppError("already_exists", "ours", { resource, name })
}
function invalid(message: string, facts: AppErrorFacts): AppError {
  return new AppError("invalid", message, facts)
}

describe("errors as upstream says them", () => {
  it.each<[KuberayRouteName, string]>([
    [
      "createCluster",
      "X is empty.: Validate create cluster request failed.: Invalid input error: X is empty.",
    ],
    ["getCluster", "X is empty.: Invalid input error: X is empty."],
    [
      "createComputeTemplate",
      "X is empty.: Validate compute template runtime request failed.: Invalid input error: X is empty.",
    ],
    ["createRayJob", "X is empty.: Validate job request failed.: Invalid input error: X is empty."],
    [
      "createRayService",
      "X is empty.: Validate create service request failed.: Invalid input error: X is empty.",
    ],
    [
      "updateRayService",
      "X is empty.: Validate update service request failed.: Invalid input error: X is empty.",
    ],
    ["deleteRayService", "X is empty.: Invalid input error: X is empty."],
  ])("a check of %s", (operation, message) => {
    expect(said(operation, invalid("X is empty.", { detail: "checked" }))).toEqual({ code: 3, message })
  })

  it.each<[KuberayRouteName, string, string]>([
    [
      "getCluster",
      "ray-cluster",
      'Cluster foo not found: Get cluster failed.: NotFoundError: Cluster foo not found: rayclusters.ray.io "foo" not found',
    ],
    [
      "deleteCluster",
      "ray-cluster",
      'Cluster foo not found: Get cluster failure: NotFoundError: Cluster foo not found: rayclusters.ray.io "foo" not found',
    ],
    [
      "getRayJob",
      "ray-job",
      'Job foo not found: Get cluster failed.: NotFoundError: Job foo not found: rayjobs.ray.io "foo" not found',
    ],
    [
      "deleteRayJob",
      "ray-job",
      'Job foo not found: Get job failure: NotFoundError: Job foo not found: rayjobs.ray.io "foo" not found',
    ],
    [
      "getRayService",
      "ray-service",
      'Service foo not found: get ray service failed: NotFoundError: Service foo not found: rayservices.ray.io "foo" not found',
    ],
    [
      "deleteRayService",
      "ray-service",
      'Service foo not found: delete ray service failure: NotFoundError: Service foo not found: rayservices.ray.io "foo" not found',
    ],
    [
      "updateRayService",
      "ray-service",
      'Service foo not found: Update ray service failed.: Update service fail, no service named: foo : NotFoundError: Service foo not found: rayservices.ray.io "foo" not found',
    ],
    [
      "getComputeTemplate",
      "compute-template",
      'Compute template foo not found: Get compute template failed.: NotFoundError: Compute template foo not found: configmaps "foo" not found',
    ],
    [
      "deleteComputeTemplate",
      "compute-template",
      'Compute template foo not found: Get compute template failure: NotFoundError: Compute template foo not found: configmaps "foo" not found',
    ],
    [
      "submitRayJob",
      "ray-cluster",
      'Cluster foo not found: Get cluster failed.: NotFoundError: Cluster foo not found: rayclusters.ray.io "foo" not found',
    ],
    ["getJobDetails", "ray-submission", "Job foo does not exist on the cluster"],
    ["getJobLog", "ray-submission", 'JobSubmission.RayJob "foo" not found'],
    [
      "createCluster",
      "compute-template",
      "Internal Server Error: Create Cluster failed.: InternalServerError: Failed to populate compute template for (ns/c1): Cannot get compute template for name 'foo' in namespace 'ns', error: NotFoundError: Compute template foo not found: configmaps \"foo\" not found",
    ],
    [
      "createComputeTemplate",
      "namespace",
      'Internal Server Error: Create compute template failed.: InternalServerError: Failed to create a compute runtime for (ns/c1): namespaces "ns" not found',
    ],
  ])("%s: no %s", (operation, resource, message) => {
    expect(said(operation, missing(resource, "foo"))).toEqual({ code: 5, message })
  })

  it("a namespace that is not there is seen as its missing template", () => {
    expect(said("createCluster", missing("namespace", "ns"), { template: "small" }).message).toContain(
      "Failed to populate compute template for (ns/c1): Cannot get compute template for name 'small'",
    )
  })

  it.each<[KuberayRouteName, string, Partial<Subject>, string]>([
    [
      "createComputeTemplate",
      "compute-template",
      { name: "t1" },
      "Compute template with name t1 already exists in namespace ns: Create compute template failed.: Already exist error: Compute template with name t1 already exists in namespace ns",
    ],
    [
      "createCluster",
      "ray-cluster",
      {},
      'Internal Server Error: Create Cluster failed.: InternalServerError: Failed to create a cluster for (ns/c1): rayclusters.ray.io "c1" already exists',
    ],
    [
      "createRayJob",
      "ray-job",
      { name: "j1", madeAs: "" },
      'Internal Server Error: Create Job failed.: InternalServerError: Failed to create a job for (ns/): rayjobs.ray.io "j1" already exists',
    ],
    [
      "createRayService",
      "ray-service",
      { name: "s1", madeAs: "s1" },
      'Internal Server Error: Create ray service failed.: InternalServerError: Failed to create service for (ns/s1): rayservices.ray.io "s1" already exists',
    ],
    [
      "submitRayJob",
      "ray-submission",
      {},
      "submission ID 's1' already used, Please use a different submission_id",
    ],
  ])("%s: there is a %s", (operation, resource, about, message) => {
    const error = taken(resource, "s1")
    expect(said(operation, error, about)).toEqual({ code: 6, message })
    expect(httpStatusOf(error)).toBe(409)
  })

  it("says what cannot be built", () => {
    const empty = invalid("storage for ephemeral volume is empty", { detail: "ephemeral_storage_empty" })
    expect(said("createCluster", empty).message).toBe(
      "Failed to create a Ray cluster: Create Cluster failed.: InvalidInputError: Failed to create a Ray cluster: storage for ephemeral volume is empty",
    )
    const unserved = invalid("serve configuration is not defined", { detail: "no_serve_config" })
    expect(said("updateRayService", unserved)).toEqual({
      code: 3,
      message: "Update ray service failed.: serve configuration is not defined",
    })
    const fault = "unable to parse quantity's suffix"
    const submitter = invalid("cpu for ray job submitter is not specified correctly", {
      detail: "submitter_cpu",
      facts: { value: "1x", fault },
    })
    expect(said("createRayJob", submitter).message).toBe(
      `Failed to create a Ray Job: Create Job failed.: InvalidInputError: Failed to create a Ray Job: cpu for ray job submitter 1x is not specified correctly: ${fault}`,
    )
    const memory = invalid("invalid memory quantity", {
      detail: "memory_quantity",
      facts: { quantity: "4Foo", fault },
    })
    expect(said("createComputeTemplate", memory)).toEqual({
      code: 3,
      message: `Internal Server Error: Create compute template failed.: InternalServerError: Failed to convert compute runtime (ns/c1): invalid memory quantity "4Foo": ${fault}`,
    })
  })

  it("lists what Kubernetes would find, in brackets where it is more than one thing", () => {
    const one = { path: ["spec", "env", 2], message: 'Duplicate value: {"name":"A"}' }
    const two = { path: ["metadata", "labels"], message: 'Invalid value: "a@b"' }
    const prefix =
      'Internal Server Error: Create Cluster failed.: InternalServerError: Failed to create a cluster for (ns/c1): RayCluster.ray.io "c1" is invalid: '
    const object = (issues: AppErrorFacts["issues"]) =>
      said("createCluster", invalid("ours", { detail: "object", issues: issues ?? [] })).message
    expect(object([one])).toBe(`${prefix}spec.env[2]: Duplicate value: {"name":"A"}`)
    expect(object([one, two])).toBe(
      `${prefix}[spec.env[2]: Duplicate value: {"name":"A"}, metadata.labels: Invalid value: "a@b"]`,
    )
  })

  it("a cluster that is not ready is a failed precondition, an update that lost a race is aborted", () => {
    const waiting = new AppError("conflict", "ours", { resource: "ray-cluster", detail: "not_ready" })
    expect(said("submitRayJob", waiting)).toEqual({ code: 9, message: "cluster is not ready" })
    expect(httpStatusOf(waiting)).toBe(400)
    const lost = new AppError("stale", "ours", { resource: "ray-service" })
    expect(said("updateRayService", lost)).toEqual({
      code: 10,
      message:
        'Internal Server Error: Update ray service failed.: InternalServerError: Failed to update service for (ns/c1): Operation cannot be fulfilled on rayservices.ray.io "c1": the object has been modified; please apply your changes to the latest version and try again',
    })
  })

  it("keeps code and facts, and the error that it words as the cause", () => {
    const error = new AppError("already_exists", "ours", {
      resource: "ray-cluster",
      name: "c1",
      facts: { namespace: "ns" },
      retryAfterMs: 5,
    })
    const worded = wordFault(error, "createCluster", subject)
    const { code, resource, subject: name, facts, retryAfterMs, cause } = worded
    expect({ code, resource, name, facts, retryAfterMs, cause }).toEqual({
      code: "already_exists",
      resource: "ray-cluster",
      name: "c1",
      facts: { namespace: "ns" },
      retryAfterMs: 5,
      cause: error,
    })
  })
})

describe("status codes", () => {
  it.each([
    ["unauthenticated", 16, 401],
    ["forbidden", 7, 403],
    ["too_large", 8, 413],
    ["too_many", 8, 429],
    ["insufficient", 9, 400],
    ["unavailable", 14, 503],
    ["timeout", 4, 504],
    ["internal", 13, 500],
    ["unimplemented", 12, 501],
    ["conflict", 10, 409],
  ] as const)("%s is %i and HTTP %i", (code, rpc, http) => {
    const error = new AppError(code, "said")
    expect(statusOf(error)).toEqual({ code: rpc, message: "said" })
    expect(httpStatusOf(error)).toBe(http)
  })

  it("paths without a route, and methods that a path does not have", () => {
    const route = new AppError("not_found", "ours", { resource: "route" })
    const method = new AppError("not_found", "ours", { resource: "route", detail: "method" })
    expect(statusOf(route)).toEqual({ code: 5, message: "Not Found" })
    expect(statusOf(method)).toEqual({ code: 12, message: "Method Not Allowed" })
    expect(httpStatusOf(method)).toBe(501)
  })
})
