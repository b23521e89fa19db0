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
  /** Exactly this workspace; without it every one that the caller may see. */
  readonly workspaceId?: string
  /** Any of them. */
  readonly phase?: readonly string[]
  /** Any of them. */
  readonly kind?: readonly string[]
  /** Exactly this cluster. */
  readonly clusterId?: string
  /** Exactly this submitter's id. */
  readonly userId?: string
  /** Contains. */
  readonly userName?: string
  /** Contains. */
  readonly description?: string
  /** Contains. */
  readonly workloadId?: string
  /** Created at or after. */
  readonly since?: string
  /** Created at or before. */
  readonly until?: string
  /** A member of the answer; default `creationTime`. */
  readonly sortBy?: string
  /** Default `desc`. */
  readonly order?: "asc" | "desc"
  /** How many to skip; default 0. */
  readonly offset?: number
  /** 1–1,000; default 100. */
  readonly limit?: number
}

/** Which part of a pod's log. */
export interface PodLogQuery {
  /** The last n lines, at most 100,000; default 1,000. */
  readonly tailLines?: number
  /** Default: the main one. */
  readonly container?: string
  /** Only lines of the last n seconds; default: all. */
  readonly sinceSeconds?: number
  /** The N of `run_N_times`; default: the latest. */
  readonly run?: number
}

/** The Workload API: one method a route. All throw BerthError. */
export interface WorkloadsClient {
  /** Submits a workload, once: it is not tried again when no answer came. */
  create(request: CreateWorkloadRequest, options?: CallOptions): Promise<CreateWorkloadResponse>
  /** One page of those that match, newest first unless sorted, and how many match in all. */
  list(query?: ListWorkloadsQuery, options?: CallOptions): Promise<ListWorkloadsResponse>
  /** A workload with all of it. @throws BerthError 404 */
  get(id: string, options?: CallOptions): Promise<WorkloadDetail>
  /** Changes what is given, all or nothing. @throws BerthError 403 for what a dispatched job cannot change, 409 when it has ended */
  patch(id: string, change: PatchWorkloadRequest, options?: CallOptions): Promise<void>
  /**
   * Stops it; the phase is Stopped when its processes are gone. Idempotent.
   * @param options.graceSeconds between TERM and KILL, 0 to 600; default: the workspace's policy
   */
  stop(id: string, options?: CallOptions & { readonly graceSeconds?: number }): Promise<void>
  /** Stops and hides. Idempotent. */
  remove(id: string, options?: CallOptions): Promise<void>
  /** Stops 1 to 1,000. Resolves with what failed while others succeeded; throws when all failed. */
  stopMany(ids: readonly string[], options?: CallOptions): Promise<BatchFailures>
  /** Stops and hides 1 to 1,000; likewise. */
  removeMany(ids: readonly string[], options?: CallOptions): Promise<BatchFailures>
  /** Submits the same again, as the caller; likewise, with the new ids. */
  clone(ids: readonly string[], options?: CallOptions): Promise<CloneResponse>
  /** The addresses of its service; throws 404 when it has none. */
  service(id: string, options?: CallOptions): Promise<ServiceAddresses>
  /** The end of a pod's log. To follow it: `streams.followLog`. */
  podLog(id: string, podId: string, query?: PodLogQuery, options?: CallOptions): Promise<PodLogResponse>
  /** The containers of a pod. */
  podContainers(id: string, podId: string, options?: CallOptions): Promise<PodContainersResponse>
}

const root = "/api/v1/workloads"

/** The Workload API over a transport. */
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
