import type { KuberayRouteName } from "@berth/contract/kuberay"

/** What upstream puts around the text of an error, by operation (reference/kuberay-v1.md 4.3). */
export interface OperationWords {
  /** Around what the checks of the request say; "" = nothing. */
  readonly checks: string
  /** Around everything else; "" = nothing. */
  readonly outer: string
  /** Inside of it, before the object itself is not found; "" = nothing. */
  readonly missing: string
  /** What could not be made, as the sentence goes on with the object's place; "" = it makes nothing. */
  readonly makes: string
  /** What could not be built of the request, as creating says it; "" = it is not said so. */
  readonly builds: string
  readonly thing: ThingWords
}

export interface ThingWords {
  /** Resource of the domain's errors. */
  readonly resource: string
  /** As a sentence begins. */
  readonly noun: string
  /** Of the Kubernetes API. */
  readonly plural: string
  readonly kind: string
}

const template: ThingWords = {
  resource: "compute-template",
  noun: "Compute template",
  plural: "configmaps",
  kind: "ConfigMap",
}
const cluster: ThingWords = {
  resource: "ray-cluster",
  noun: "Cluster",
  plural: "rayclusters.ray.io",
  kind: "RayCluster.ray.io",
}
const job: ThingWords = {
  resource: "ray-job",
  noun: "Job",
  plural: "rayjobs.ray.io",
  kind: "RayJob.ray.io",
}
const service: ThingWords = {
  resource: "ray-service",
  noun: "Service",
  plural: "rayservices.ray.io",
  kind: "RayService.ray.io",
}

function words(thing: ThingWords, outer: string, more: Partial<OperationWords> = {}): OperationWords {
  return { checks: "", outer, missing: "", makes: "", builds: "", thing, ...more }
}

const submission = words(cluster, "Get cluster failed.")

/** Words of each operation. The mistakes in them are upstream's: clients look for the texts. */
export const operationWords: Readonly<Record<KuberayRouteName, OperationWords>> = {
  createComputeTemplate: words(template, "Create compute template failed.", {
    checks: "Validate compute template runtime request failed.",
    makes: "Failed to create a compute runtime for",
  }),
  getComputeTemplate: words(template, "Get compute template failed."),
  listComputeTemplates: words(template, "List compute templates failed."),
  listAllComputeTemplates: words(template, "List all compute templates from all namespaces failed."),
  deleteComputeTemplate: words(template, "Get compute template failure"),
  createCluster: words(cluster, "Create Cluster failed.", {
    checks: "Validate create cluster request failed.",
    makes: "Failed to create a cluster for",
    builds: "Failed to create a Ray cluster",
  }),
  getCluster: words(cluster, "Get cluster failed."),
  listCluster: words(cluster, "List clusters failed."),
  listAllClusters: words(cluster, "List clusters from all namespaces failed."),
  deleteCluster: words(cluster, "Get cluster failure"),
  createRayJob: words(job, "Create Job failed.", {
    checks: "Validate job request failed.",
    makes: "Failed to create a job for",
    builds: "Failed to create a Ray Job",
  }),
  getRayJob: words(job, "Get cluster failed."),
  listRayJobs: words(job, "List jobs failed."),
  listAllRayJobs: words(job, "List jobs failed."),
  deleteRayJob: words(job, "Get job failure"),
  createRayService: words(service, "Create ray service failed.", {
    checks: "Validate create service request failed.",
    makes: "Failed to create service for",
    builds: "Failed to create a Ray Service",
  }),
  updateRayService: words(service, "Update ray service failed.", {
    checks: "Validate update service request failed.",
    missing: "Update service fail, no service named: ",
    makes: "Failed to update service for",
  }),
  getRayService: words(service, "get ray service failed"),
  listRayServices: words(service, "failed to list rayservice."),
  listAllRayServices: words(service, "list all services failed."),
  deleteRayService: words(service, "delete ray service failure"),
  submitRayJob: submission,
  getJobDetails: submission,
  getJobLog: submission,
  listJobDetails: submission,
  stopJobSubmission: submission,
  deleteJobSubmission: submission,
}
