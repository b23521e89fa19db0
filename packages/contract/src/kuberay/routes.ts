import type { DescMethodUnary } from "@bufbuild/protobuf"
import {
  ClusterService,
  ComputeTemplateService,
  RayJobService,
  RayJobSubmissionService,
  RayServeService,
} from "./gen.ts"

/** One route of the API. Success is always 200. */
export interface KuberayRoute {
  readonly method: "GET" | "POST" | "PUT" | "DELETE"
  /** Whole. Parameters as `:field`: they fill that field of the request. */
  readonly path: string
  /** Its request, its answer and its name over gRPC. */
  readonly rpc: DescMethodUnary
  /** The field of the request that the JSON body is; absent: a body is not read. */
  readonly body?: string
  /** The fields of the request that the query may fill. */
  readonly query?: readonly string[]
  readonly summary: string
}

const templates = ComputeTemplateService.method
const clusters = ClusterService.method
const jobs = RayJobService.method
const services = RayServeService.method
const submissions = RayJobSubmissionService.method

const inNamespace = "/apis/v1/namespaces/:namespace"
const ofCluster = `${inNamespace}/jobsubmissions/:clustername`
const limitAndContinue = ["limit", "continue"]
const page = ["page_size", "page_token"]

const templateRoutes = {
  createComputeTemplate: {
    method: "POST",
    path: `${inNamespace}/compute_templates`,
    rpc: templates.createComputeTemplate,
    body: "compute_template",
    summary: "Make a compute template",
  },
  getComputeTemplate: {
    method: "GET",
    path: `${inNamespace}/compute_templates/:name`,
    rpc: templates.getComputeTemplate,
    summary: "One compute template",
  },
  listComputeTemplates: {
    method: "GET",
    path: `${inNamespace}/compute_templates`,
    rpc: templates.listComputeTemplates,
    summary: "Compute templates of a namespace",
  },
  listAllComputeTemplates: {
    method: "GET",
    path: "/apis/v1/compute_templates",
    rpc: templates.listAllComputeTemplates,
    summary: "Compute templates of all namespaces",
  },
  deleteComputeTemplate: {
    method: "DELETE",
    path: `${inNamespace}/compute_templates/:name`,
    rpc: templates.deleteComputeTemplate,
    summary: "Delete a compute template",
  },
} as const satisfies Readonly<Record<string, KuberayRoute>>

const clusterRoutes = {
  createCluster: {
    method: "POST",
    path: `${inNamespace}/clusters`,
    rpc: clusters.createCluster,
    body: "cluster",
    summary: "Make a Ray cluster",
  },
  getCluster: {
    method: "GET",
    path: `${inNamespace}/clusters/:name`,
    rpc: clusters.getCluster,
    summary: "One Ray cluster",
  },
  listCluster: {
    method: "GET",
    path: `${inNamespace}/clusters`,
    rpc: clusters.listCluster,
    query: limitAndContinue,
    summary: "Ray clusters of a namespace",
  },
  listAllClusters: {
    method: "GET",
    path: "/apis/v1/clusters",
    rpc: clusters.listAllClusters,
    query: limitAndContinue,
    summary: "Ray clusters of all namespaces",
  },
  deleteCluster: {
    method: "DELETE",
    path: `${inNamespace}/clusters/:name`,
    rpc: clusters.deleteCluster,
    summary: "Delete a Ray cluster",
  },
} as const satisfies Readonly<Record<string, KuberayRoute>>

const jobRoutes = {
  createRayJob: {
    method: "POST",
    path: `${inNamespace}/jobs`,
    rpc: jobs.createRayJob,
    body: "job",
    summary: "Make a Ray job",
  },
  getRayJob: {
    method: "GET",
    path: `${inNamespace}/jobs/:name`,
    rpc: jobs.getRayJob,
    summary: "One Ray job",
  },
  listRayJobs: {
    method: "GET",
    path: `${inNamespace}/jobs`,
    rpc: jobs.listRayJobs,
    query: limitAndContinue,
    summary: "Ray jobs of a namespace",
  },
  listAllRayJobs: {
    method: "GET",
    path: "/apis/v1/jobs",
    rpc: jobs.listAllRayJobs,
    query: limitAndContinue,
    summary: "Ray jobs of all namespaces",
  },
  deleteRayJob: {
    method: "DELETE",
    path: `${inNamespace}/jobs/:name`,
    rpc: jobs.deleteRayJob,
    summary: "Delete a Ray job",
  },
} as const satisfies Readonly<Record<string, KuberayRoute>>

const serviceRoutes = {
  createRayService: {
    method: "POST",
    path: `${inNamespace}/services`,
    rpc: services.createRayService,
    body: "service",
    summary: "Make a Ray service",
  },
  updateRayService: {
    method: "PUT",
    path: `${inNamespace}/services/:name`,
    rpc: services.updateRayService,
    body: "service",
    summary: "Replace the Ray service that the body names",
  },
  getRayService: {
    method: "GET",
    path: `${inNamespace}/services/:name`,
    rpc: services.getRayService,
    summary: "One Ray service",
  },
  listRayServices: {
    method: "GET",
    path: `${inNamespace}/services`,
    rpc: services.listRayServices,
    query: page,
    summary: "Ray services of a namespace",
  },
  listAllRayServices: {
    method: "GET",
    path: "/apis/v1/services",
    rpc: services.listAllRayServices,
    query: page,
    summary: "Ray services of all namespaces",
  },
  deleteRayService: {
    method: "DELETE",
    path: `${inNamespace}/services/:name`,
    rpc: services.deleteRayService,
    summary: "Delete a Ray service",
  },
} as const satisfies Readonly<Record<string, KuberayRoute>>

const submissionRoutes = {
  submitRayJob: {
    method: "POST",
    path: ofCluster,
    rpc: submissions.submitRayJob,
    body: "jobsubmission",
    summary: "Submit a job to a Ray cluster",
  },
  getJobDetails: {
    method: "GET",
    path: `${ofCluster}/:submissionid`,
    rpc: submissions.getJobDetails,
    summary: "One job of a Ray cluster",
  },
  getJobLog: {
    method: "GET",
    path: `${ofCluster}/log/:submissionid`,
    rpc: submissions.getJobLog,
    summary: "What a job of a Ray cluster wrote",
  },
  listJobDetails: {
    method: "GET",
    path: ofCluster,
    rpc: submissions.listJobDetails,
    summary: "Jobs of a Ray cluster",
  },
  stopJobSubmission: {
    method: "POST",
    path: `${ofCluster}/:submissionid`,
    rpc: submissions.stopRayJob,
    summary: "Stop a job of a Ray cluster",
  },
  deleteJobSubmission: {
    method: "DELETE",
    path: `${ofCluster}/:submissionid`,
    rpc: submissions.deleteRayJob,
    summary: "Forget a job of a Ray cluster",
  },
} as const satisfies Readonly<Record<string, KuberayRoute>>

/** Every route, by a name that is unique (two RPCs are called DeleteRayJob). */
export const kuberayRoutes = {
  ...templateRoutes,
  ...clusterRoutes,
  ...jobRoutes,
  ...serviceRoutes,
  ...submissionRoutes,
} as const satisfies Readonly<Record<string, KuberayRoute>>
export type KuberayRouteName = keyof typeof kuberayRoutes
