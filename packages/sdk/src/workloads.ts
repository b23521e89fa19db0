import type {
  BatchFailures,
  CloneResponse,
  CreateWorkloadRequest,
  CreateWorkloadResponse,
  ListWorkloadsResponse,
  PatchWorkloadRequest,
  PodContainersResponse,
  PodLogResponse,
  ServiceAddresses,
  WorkloadDetail,
} from "@berth/contract/workloads"
import type { CallOptions, Transport } from "./http.ts"
import { path } from "./http.ts"

/** Filters of a list; all must hold. Times are RFC 3339. */
export interface ListWorkloadsQuery {
  readonly workspaceId?: string
  /** Any of them. */
  readonly phase?: readonly string[]
  readonly kind?: readonly string[]
  readonly clusterId?: string
  readonly userId?: string
  /** Contains. */
  readonly userName?: string
  /** Contains. */
  readonly description?: string
  /** Contains. */
  readonly workloadId?: string
  readonly since?: string
  readonly until?: string
  readonly sortBy?: string
  readonly order?: "asc" | "desc"
  readonly offset?: number
  /** 1–1,000; default 100. */
  readonly limit?: number
}

export interface PodLogQuery {
  readonly tailLines?: number
  readonly container?: string
  readonly sinceSeconds?: number
}

/** The Workload API: one method a route. All throw BerthError. */
export interface WorkloadsClient {
  create(request: CreateWorkloadRequest, options?: CallOptions): Promise<CreateWorkloadResponse>
  list(query?: ListWorkloadsQuery, options?: CallOptions): Promise<ListWorkloadsResponse>
  get(id: string, options?: CallOptions): Promise<WorkloadDetail>
  patch(id: string, change: PatchWorkloadRequest, options?: CallOptions): Promise<void>
  /** Idempotent. */
  /** @param options.graceSeconds between TERM and KILL, 0 to 600; default: the workspace's policy */
  stop(id: string, options?: CallOptions & { readonly graceSeconds?: number }): Promise<void>
  /** Stops and hides. Idempotent. */
  remove(id: string, options?: CallOptions): Promise<void>
  /** Resolves with what failed while others succeeded; throws when all failed. */
  stopMany(ids: readonly string[], options?: CallOptions): Promise<BatchFailures>
  removeMany(ids: readonly string[], options?: CallOptions): Promise<BatchFailures>
  clone(ids: readonly string[], options?: CallOptions): Promise<CloneResponse>
  /** The addresses of its service; throws 404 when it has none. */
  service(id: string, options?: CallOptions): Promise<ServiceAddresses>
  podLog(id: string, podId: string, query?: PodLogQuery, options?: CallOptions): Promise<PodLogResponse>
  podContainers(id: string, podId: string, options?: CallOptions): Promise<PodContainersResponse>
}

const root = "/api/v1/workloads"

export function createWorkloadsClient(http: Transport): WorkloadsClient {
  const post = <T>(at: string, body: unknown, options: CallOptions = {}) =>
    http.json<T>({ method: "POST", path: at, ...(body === undefined ? {} : { body }), ...options })
  const batch = async (at: string, ids: readonly string[], options: CallOptions = {}) =>
    (await post<BatchFailures | null | undefined>(at, { workloadIds: ids }, options)) ?? { failed: [] }
  return {
    create: (request, options) => post(root, request, options),
    list: (query = {}, options = {}) =>
      http.json({ method: "GET", path: root, query: { ...query }, ...options }),
    get: (id, options = {}) => http.json({ method: "GET", path: path`/api/v1/workloads/${id}`, ...options }),
    async patch(id, change, options = {}) {
      await http.json({ method: "PATCH", path: path`/api/v1/workloads/${id}`, body: change, ...options })
    },
    async stop(id, { graceSeconds, ...options } = {}) {
      const query = graceSeconds === undefined ? {} : { query: { graceSeconds } }
      await http.json({ method: "POST", path: path`/api/v1/workloads/${id}/stop`, ...query, ...options })
    },
    async remove(id, options = {}) {
      await http.json({ method: "DELETE", path: path`/api/v1/workloads/${id}`, ...options })
    },
    stopMany: (ids, options) => batch(`${root}/stop`, ids, options),
    removeMany: (ids, options) => batch(`${root}/delete`, ids, options),
    clone: (ids, options) => post(`${root}/clone`, { workloadIds: ids }, options),
    service: (id, options = {}) =>
      http.json({ method: "GET", path: path`/api/v1/workloads/${id}/service`, ...options }),
    podLog: (id, podId, query = {}, options = {}) =>
      http.json({
        method: "GET",
        path: path`/api/v1/workloads/${id}/pods/${podId}/logs`,
        query: { ...query },
        ...options,
      }),
    podContainers: (id, podId, options = {}) =>
      http.json({ method: "GET", path: path`/api/v1/workloads/${id}/pods/${podId}/containers`, ...options }),
  }
}
