import { Type } from "typebox"
import type { TSchema } from "typebox"
import type { RouteNotes } from "../common/index.ts"
import {
  ListWorkloadsResponseSchema,
  PodContainersResponseSchema,
  PodLogResponseSchema,
  ServiceAddressesSchema,
  WorkloadDetailSchema,
} from "./answers.ts"
import { ListQuerySchema, LogQuerySchema, StopQuerySchema } from "./query-schemas.ts"
import {
  BatchFailuresSchema,
  BatchWorkloadsRequestSchema,
  CloneResponseSchema,
  CreateWorkloadRequestSchema,
  CreateWorkloadResponseSchema,
  PatchWorkloadRequestSchema,
} from "./schemas.ts"

/** Where every route of the API lies. */
export const basePath = "/api/v1/workloads"

/** One route of the API, for documents. `url` is relative to `basePath`, parameters as `:name`. */
export interface RouteDocument extends RouteNotes {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE"
  readonly url: string
  readonly summary: string
  readonly query?: TSchema
  readonly body?: TSchema
  /** The 200 answer; Null = no body. */
  readonly answer: TSchema
}

const nothing = Type.Null({ description: "No body." })
const partly = Type.Union([nothing, BatchFailuresSchema])
const batchExample = { workloadIds: ["train-x7kqd", "eval-b4mzn"] }
const batchNotes =
  "What could not be done is named in `failed`; where nothing could, the answer is the first one's refusal."

/** Two ranks with eight GPUs each. */
const createExample = {
  displayName: "train",
  description: "a training job",
  workspaceId: "default",
  resource: { replica: 2, cpu: "32", gpu: "8", memory: "256Gi", ephemeralStorage: "50Gi" },
  image: "registry.example.com/train:1",
  entryPoint: "cHl0aG9uIHRyYWluLnB5",
  priority: 0,
  timeout: 86_400,
  maxRetry: 2,
  env: { MODEL: "tiny" },
  groupVersionKind: { version: "v1", kind: "PyTorchJob" },
}

/** Every operation of the family by name. */
export const workloadRoutes = {
  create: {
    method: "POST",
    url: "",
    summary: "Create a workload",
    description:
      "Rights, then form, then whether the declared inventory could ever hold it (503 if not). It is Pending at first, and queues when its start times and dependencies allow.",
    refusals: [404],
    example: createExample,
    body: CreateWorkloadRequestSchema,
    answer: CreateWorkloadResponseSchema,
  },
  list: {
    method: "GET",
    url: "",
    summary: "List workloads",
    query: ListQuerySchema,
    answer: ListWorkloadsResponseSchema,
  },
  get: { method: "GET", url: "/:id", summary: "Get a workload", answer: WorkloadDetailSchema },
  patch: {
    method: "PATCH",
    url: "/:id",
    summary: "Change a workload",
    description:
      "All or nothing. Resources, image, entryPoint and env of a job only before its dispatch; the rest while it lives. `env` replaces the whole environment.",
    example: { priority: 1, timeout: 7200 },
    body: PatchWorkloadRequestSchema,
    answer: nothing,
  },
  delete: {
    method: "DELETE",
    url: "/:id",
    summary: "Stop and remove a workload",
    description: "It disappears from lists; its id stays taken. An id that is unknown is a success too.",
    answer: nothing,
  },
  deleteMany: {
    method: "POST",
    url: "/delete",
    summary: "Stop and remove workloads",
    description: batchNotes,
    refusals: [404],
    example: batchExample,
    body: BatchWorkloadsRequestSchema,
    answer: partly,
  },
  stop: {
    method: "POST",
    url: "/:id/stop",
    summary: "Stop a workload",
    description:
      "Answered at once; the phase is Stopped when its processes are gone. One that has ended stays as it ended; an id that is unknown is a success too.",
    query: StopQuerySchema,
    answer: nothing,
  },
  stopMany: {
    method: "POST",
    url: "/stop",
    summary: "Stop workloads",
    description: batchNotes,
    refusals: [404],
    example: batchExample,
    body: BatchWorkloadsRequestSchema,
    answer: partly,
  },
  clone: {
    method: "POST",
    url: "/clone",
    summary: "Create workloads like others",
    description: `Each clone belongs to the caller and waits anew. ${batchNotes}`,
    refusals: [404],
    example: batchExample,
    body: BatchWorkloadsRequestSchema,
    answer: CloneResponseSchema,
  },
  service: {
    method: "GET",
    url: "/:id/service",
    summary: "Get the addresses of a workload's service",
    description:
      "Not in the document that the other routes follow, but in the API's own server: the addresses of a live workload that was created with `service`.",
    refusals: [404],
    answer: ServiceAddressesSchema,
  },
  podLog: {
    method: "GET",
    url: "/:id/pods/:podId/logs",
    summary: "Get a pod's log",
    query: LogQuerySchema,
    answer: PodLogResponseSchema,
  },
  podContainers: {
    method: "GET",
    url: "/:id/pods/:podId/containers",
    summary: "Get a pod's containers",
    answer: PodContainersResponseSchema,
  },
} as const satisfies Record<string, RouteDocument>
export type WorkloadOperation = keyof typeof workloadRoutes
