import { Type } from "typebox"
import type { TSchema } from "typebox"
import {
  ListWorkloadsResponseSchema,
  PodContainersResponseSchema,
  PodLogResponseSchema,
  WorkloadDetailSchema,
} from "./answers.ts"
import { ListQuerySchema, LogQuerySchema, StopQuerySchema } from "./query-schemas.ts"
import {
  BatchFailuresSchema,
  BatchWorkloadsRequestSchema,
  CloneResponseSchema,
  CreateWorkloadRequestSchema,
  CreateWorkloadResponseSchema,
  ErrorSchema,
  PatchWorkloadRequestSchema,
} from "./schemas.ts"

/** One route of the API, for documents. `url` is relative to `/api/v1/workloads`, parameters as `:name`. */
export interface RouteDocument {
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

/** Every operation of the family by name. */
export const workloadRoutes = {
  create: {
    method: "POST",
    url: "",
    summary: "Create a workload",
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
    body: PatchWorkloadRequestSchema,
    answer: nothing,
  },
  delete: { method: "DELETE", url: "/:id", summary: "Stop and remove a workload", answer: nothing },
  deleteMany: {
    method: "POST",
    url: "/delete",
    summary: "Stop and remove workloads",
    body: BatchWorkloadsRequestSchema,
    answer: partly,
  },
  stop: {
    method: "POST",
    url: "/:id/stop",
    summary: "Stop a workload",
    query: StopQuerySchema,
    answer: nothing,
  },
  stopMany: {
    method: "POST",
    url: "/stop",
    summary: "Stop workloads",
    body: BatchWorkloadsRequestSchema,
    answer: partly,
  },
  clone: {
    method: "POST",
    url: "/clone",
    summary: "Create workloads like others",
    body: BatchWorkloadsRequestSchema,
    answer: CloneResponseSchema,
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

/** Every status but 200 answers with this. */
export const refusalSchema = ErrorSchema
